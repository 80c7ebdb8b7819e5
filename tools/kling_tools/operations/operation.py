"""A tool as a value: its words, its arguments and what it does. Faces (MCP, a framework, Python) read the same list.

Arguments are closed: a misspelt one is refused with a suggestion, since the API itself would drop it and bill the rest.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from kling_tools.model.errors import InvalidArguments, quoted
from kling_tools.model.requests import Request

if TYPE_CHECKING:
    from kling_tools.studio import Studio

R = TypeVar("R", bound=Request)

Effect = Literal["reads", "changes", "spends"]

#: What people and models write when they mean one of our arguments.
SYNONYMS = {
    "duration": "seconds",
    "length": "seconds",
    "duration_seconds": "seconds",
    "ratio": "aspect_ratio",
    "size": "resolution",
    "quality": "resolution",
    "mode": "resolution",
    "image_url": "image",
    "image_path": "image",
    "first_frame": "image",
    "start_image": "image",
    "image_tail": "last_image",
    "last_frame": "last_image",
    "end_image": "last_image",
    "end_frame": "last_image",
    "sound": "audio",
    "generate_audio": "audio",
    "model_name": "model",
    "text": "prompt",
    "description": "prompt",
    "id": "task_id",
    "ids": "task_ids",
    "timeout": "wait_seconds",
    "wait": "wait_seconds",
    "path": "video",
    "at": "at_seconds",
    "search": "query",
    "confirm": "confirm_cost",
}


#: How many faults of a kind are told: an agent mends a few at a time.
_TOLD = 5


class Report(Protocol):
    """Where progress goes: seconds done, of how many, and a short line."""

    async def __call__(self, done: float, total: float | None, message: str) -> None:
        """Tell how far it is."""
        ...


@dataclass(frozen=True)
class Answer:
    """What a tool found out: the facts, and JPEG pictures to look at."""

    facts: BaseModel
    images: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[R]):
    """One tool. `facts` is the class of what `run` answers with; `effect` says what it does to the world."""

    name: str
    title: str
    description: str
    toolset: str
    effect: Effect
    request: type[R]
    facts: type[BaseModel]
    run: Callable[[Studio, R, Report], Awaitable[Answer]]

    def parse(self, arguments: Mapping[str, Any]) -> R:
        """Return the checked request.

        Raises:
            InvalidArguments: every fault at once, in our words.
        """
        known = list(self.request.model_fields)
        faults = [_unknown(name, known) for name in arguments if name not in known][:_TOLD]
        request: R | None = None
        try:
            request = self.request.model_validate({name: v for name, v in arguments.items() if name in known})
        except ValidationError as error:
            faults += [_fault(dict(e)) for e in error.errors(include_url=False)[:_TOLD]]
        if request is None or faults:
            raise InvalidArguments(" ".join(faults))
        return request


def _unknown(name: str, known: list[str]) -> str:
    meant = SYNONYMS.get(name.lower())
    near = [meant] if meant in known else difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    if near:
        return f"There is no argument {quoted(name, 40)}; did you mean {near[0]}?"
    return f"There is no argument {quoted(name, 40)}; there are {', '.join(known)}."


def _fault(error: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    if not place:
        return f"{message}."
    given = "" if error["type"] == "missing" else f" (given: {quoted(error['input'], 60)})"
    return f"{place}: {message[:1].lower()}{message[1:]}{given}."

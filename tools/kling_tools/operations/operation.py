"""A tool as a value: its words, its arguments and what it does. Faces (MCP, a framework, Python) read the same list.

Arguments are closed: a misspelt one is refused with a suggestion, since the API itself would drop it and bill the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from kling_tools.model.errors import InvalidArguments, quoted
from kling_tools.model.requests import Request
from kling_tools.model.spelling import alike

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
    "n": "count",
    "num_images": "count",
    "images": "references",
    "image_list": "references",
    "elements": "references",
    "voice_id": "voice",
    "voice_list": "voices",
    "video_url": "video",
    "video_path": "video",
    "audio_url": "audio",
    "sound_file": "audio",
    "start_at": "at_seconds",
    "effect": "scene",
    "effect_scene": "scene",
    "camera_control": "camera",
    "camera_movement": "camera",
    "masks": "motion_brush",
    "static_mask": "motion_brush",
    "dynamic_masks": "motion_brush",
    "preset_motion": "video",
    "multi_prompt": "shots",
    "orientation": "follow",
    "character_orientation": "follow",
    "keep_original_sound": "keep_sound",
    "negative": "negative_prompt",
    "type": "kind",
}

#: How many faults of a kind are told: an agent mends a few at a time.
_TOLD = 5

Limits = Mapping[str, Any]

#: From here on a length guards our memory, and an agent that shortened to it would only be refused again.
UNTOLD = 100_000

#: Pydantic's word for a fault -> what the argument has to be. Its own sentences speak to programmers.
_HAS_TO_BE: dict[str, Callable[[Limits], str]] = {
    "string_type": lambda _: "text",
    "string_unicode": lambda _: "whole characters",
    "int_type": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_parsing_size": lambda _: "a smaller number",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "float_parsing": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "bool_type": lambda _: "true or false",
    "bool_parsing": lambda _: "true or false",
    "list_type": lambda _: "a list",
    "dict_type": lambda _: "an object",
    "literal_error": lambda limits: str(limits["expected"]).replace("'", ""),
    "greater_than_equal": lambda limits: f"at least {limits['ge']:g}",
    "less_than_equal": lambda limits: f"at most {limits['le']:g}",
}
#: Faults of size, where the description of the argument helps.
_OF_SIZE = frozenset({"greater_than_equal", "less_than_equal"})


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
    """One tool. `facts` is the class of what `run` answers with; `effect` says what it does to the world.

    `destroys`: what it changes cannot be had back. `asks_provider`: a reading tool that asks beyond this machine.
    """

    name: str
    title: str
    description: str
    toolset: str
    effect: Effect
    request: type[R]
    facts: type[BaseModel]
    run: Callable[[Studio, R, Report], Awaitable[Answer]]
    destroys: bool = False
    asks_provider: bool = False

    def parse(self, arguments: Mapping[str, Any]) -> R:
        """Return the checked request.

        Raises:
            InvalidArguments: every fault at once, in our words.
        """
        own = self.request.__annotations__
        known = sorted(self.request.model_fields, key=lambda name: name not in own)
        faults = [_unknown(name, known) for name in arguments if name not in known][:_TOLD]
        request: R | None = None
        try:
            request = self.request.model_validate({name: v for name, v in arguments.items() if name in known})
        except ValidationError as error:
            fields = self.request.model_fields
            faults += [_fault(e, fields) for e in error.errors(include_url=False)[:_TOLD]]
        if request is None or faults:
            raise InvalidArguments(" ".join(faults))
        return request


def _unknown(name: str, known: list[str]) -> str:
    meant = SYNONYMS.get(name.lower())
    near = [meant] if meant in known else alike(name.lower(), known)
    if near:
        return f"There is no argument {quoted(name, 40)}; did you mean {near[0]}?"
    return f"There is no argument {quoted(name, 40)}; there are {', '.join(known)}."


def _fault(error: Mapping[str, Any], fields: Mapping[str, FieldInfo]) -> str:
    """Return one of pydantic's errors as a sentence about the argument."""
    kind, limits, value = str(error["type"]), error.get("ctx", {}), error["input"]
    place = _place(error["loc"])
    about = _about(error["loc"], fields)
    if not place or kind == "value_error":  # it names the argument itself
        return f"{str(error['msg']).removeprefix('Value error, ')}."
    if kind == "missing":
        return f"{place} is missing{about}."
    if kind == "string_too_short":
        return f"{place} is empty{about}."
    if kind == "string_too_long":
        most = limits["max_length"]
        takes = "far fewer" if most >= UNTOLD else f"at most {most}"
        return f"{place} takes {takes} characters, not {len(value)}."
    if kind == "too_long":
        return f"{place} takes at most {limits['max_length']}, not {len(value)}."
    if kind == "string_pattern_mismatch":
        return f"{place} does not fit: {_given(value)}{about}."
    if kind in _HAS_TO_BE:
        wanted = _HAS_TO_BE[kind](limits)
        return f"{place} has to be {wanted}, not {_given(value)}{about if kind in _OF_SIZE else ''}."
    return f"{place} cannot be {_given(value)}{about}."


def _given(value: object) -> str:
    """Return a value as the caller wrote it: text quoted, numbers bare, the rest by its kind."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return f"{value}"[:40]
    if isinstance(value, str):
        return quoted(value, 60)
    return "an object" if isinstance(value, Mapping) else "a list"


def _place(loc: tuple[str | int, ...]) -> str:
    name, *inside = loc or ("",)
    return f"{name}{''.join(f'[{part}]' for part in inside)}"


def _about(loc: tuple[str | int, ...], fields: Mapping[str, FieldInfo]) -> str:
    """Return ` (what it is)`, as the tool's schema says it."""
    words = fields[str(loc[0])].description if loc and str(loc[0]) in fields else None
    return f" ({words})" if words else ""

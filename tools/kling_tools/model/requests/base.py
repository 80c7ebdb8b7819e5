"""What every call's arguments share: closed, frozen, and each medium named by one string.

Descriptions are product: agents read them and pay for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from kling_tools.model.consent import Consent
from kling_tools.model.media import MediaKind

_RATIO = re.compile(r"[1-9]\d?:[1-9]\d?|auto")


def _ratio(value: str) -> str:
    if not _RATIO.fullmatch(value):
        raise ValueError("aspect_ratio is written like 16:9")
    return value


TaskId = Annotated[str, Field(max_length=200)]
WaitSeconds = Annotated[int, Field(ge=0, le=50)]
Ratio = Annotated[str, Field(max_length=200), AfterValidator(_ratio)]
Resolution = Literal["720p", "1080p", "4k"]
Prompt = Annotated[str, Field(max_length=100_000)]

#: Consent, insistence and patience belong to one call, and so does what it started from.
_OF_THE_CALL = ("confirm_cost", "again", "wait_seconds", "from_task")

#: How an element is named where a medium may stand.
ELEMENT = "element:"


class Request(BaseModel):
    """A call's arguments: closed, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=100_000)

    @field_validator("*", mode="before")
    @classmethod
    def _no_flag_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true where a number is meant: it would be taken for 1."""
        if isinstance(value, bool):
            annotation = cls.model_fields[info.field_name or ""].annotation
            if {annotation, *get_args(annotation)} & {int, float}:
                raise PydanticKnownError("int_type")
        return value


class SpendingRequest(Request):
    """What every tool that spends shares.

    `media` says which arguments name media and of what kind; None where it shows only when it is opened.
    """

    media: ClassVar[Mapping[str, MediaKind | None]] = {}
    #: Media that have to be on this machine, also when they are named by address.
    brought: ClassVar[tuple[str, ...]] = ()

    model: str = Field("auto", max_length=200)
    provider: str = Field("auto", max_length=200)
    label: str = Field("", max_length=200)
    confirm_cost: bool = False
    again: bool = False
    wait_seconds: WaitSeconds = 0

    #: No argument, so that nobody can write it into a call: only a face that asked the person sets it.
    _consent: Consent | None = PrivateAttr(None)

    @property
    def consent(self) -> Consent | None:
        """What the person agreed to when they were asked about this call."""
        return self._consent

    def agreed(self, consent: Consent) -> Self:
        """Return the request with what the person agreed to."""
        copy = self.model_copy()
        copy._consent = consent
        return copy

    def named_media(self) -> Iterator[tuple[str, str, MediaKind | None]]:
        """Yield each medium's argument, what was written there, and the kind it has to be; elements are left out."""
        for name, kind in self.media.items():
            value = getattr(self, name)
            for text in value if isinstance(value, list) else [value]:
                if text is not None and not text.startswith(ELEMENT):
                    yield name, text, kind

    def with_media(self, written: Mapping[str, str]) -> SpendingRequest:
        """Return the request with some media written otherwise."""
        changes: dict[str, object] = {}
        for name in self.media:
            value = getattr(self, name)
            now = [written.get(t, t) for t in value] if isinstance(value, list) else written.get(value, value)
            if now != value:  # what was left out stays left out
                changes[name] = now
        return self.model_copy(update=changes) if changes else self

    def asked(self) -> dict[str, Any]:
        """Return the arguments that were given, as JSON: what is wanted, without the words of this one call."""
        return self.model_dump(mode="json", exclude_unset=True, exclude=set(_OF_THE_CALL))

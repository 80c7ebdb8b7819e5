"""What can be asked of the account: reusable voices and elements, packs, and what was taken from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from kling_tools.model.media import MediaKind
from kling_tools.model.requests.base import Request, SpendingRequest

Tag = Literal["hottest", "character", "animal", "item", "costume", "scene", "effect", "others"]
Provider = Annotated[str, Field(max_length=200)]


class ListLibrary(Request):
    """Voices or elements, one page."""

    kind: Literal["voices", "elements"]
    preset: bool = Field(False, description="Kling's own instead of yours")
    page: int = Field(1, ge=1, le=1000)
    provider: Provider = "auto"


class CreateElement(SpendingRequest):
    """A reusable character or thing."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"images": "image", "video": "video"}

    name: str = Field(min_length=1, max_length=20)
    description: str = Field(min_length=1, max_length=100)
    images: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=4)] = Field(
        [], description="The front, then 1-3 other views"
    )
    video: str | None = Field(None, description="Or 3-8 s of one real person: a task id or https URL")
    voice: str = Field("", max_length=200)
    tags: Annotated[list[Tag], Field(max_length=8)] = Field([])

    @model_validator(mode="after")
    def _one(self) -> CreateElement:
        if bool(self.images) == bool(self.video):
            raise ValueError("Give images or video, and only one of them")
        if self.images and len(self.images) < 2:
            raise ValueError("images takes the front and one to three other views")
        return self


class CreateVoice(SpendingRequest):
    """A reusable voice."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"sample": None}

    name: str = Field(min_length=1, max_length=20)
    sample: str = Field(min_length=1, description="5-30 s of one clean voice: an https URL or a task id")


class DeleteAsset(Request):
    """An end to a voice or element of one's own."""

    kind: Literal["voice", "element"]
    id: str = Field(min_length=1, max_length=200)
    provider: Provider = "auto"


class GetAccount(Request):
    """Packs, budget and spending."""

    days: int = Field(7, ge=1, le=90)
    deductions: bool = Field(False, description="Also what Kling deducted, newest first")
    provider: Provider = "auto"

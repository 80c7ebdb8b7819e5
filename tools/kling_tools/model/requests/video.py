"""What can be asked for as a video: a new one, an edited one, a longer one, one with another's motion, an effect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from kling_tools.model.media import MediaKind
from kling_tools.model.requests.base import (
    ELEMENT,
    Prompt,
    Ratio,
    Request,
    Resolution,
    SpendingRequest,
    TaskId,
    WaitSeconds,
)

References = Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=15)]
Camera = Literal[
    "none", "static", "zoom_in", "zoom_out", "pan_left", "pan_right", "tilt_up", "tilt_down", "truck_left",
    "truck_right", "pedestal_up", "pedestal_down", "roll_left", "roll_right", "orbit_left", "orbit_right", "follow",
    "handheld",
]  # fmt: skip


# Kling's own way to write shots in a prompt (kling-official 3.1); without its switch they make one shot.
_SHOTS = re.compile(r"\s*(?:shot|镜头)\s*1\s*[,，]\s*\d+\s*[,，].*[;；]", re.IGNORECASE | re.DOTALL)


def _told(voice: str) -> str:
    if not voice.strip():
        raise ValueError("voices has an empty id: list_library kind=voices shows them")
    return voice.strip()


class ShotRequest(Request):
    """One shot."""

    prompt: str = Field(min_length=1)
    seconds: int = Field(ge=1, le=60)
    model: str = Field("", max_length=200)


class CreateVideo(SpendingRequest):
    """A video from words, from frames, or from references."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"image": "image", "last_image": "image", "references": None}

    prompt: Prompt = Field("", description="What happens, any language; name references @1, @2 and voices @voice1")
    image: str | None = Field(None, description="First frame: a path, https URL or task id")
    last_image: str | None = Field(None, description="Last frame; needs image")
    references: References = Field([], description="Pictures, one video, or element:ID to take looks from")
    shots: Annotated[list[ShotRequest], Field(max_length=30)] = Field(
        [], description="Instead of prompt and seconds; as many as a film has"
    )
    continuous: bool = Field(False, description="Each shot starts from the last frame of the one before")
    from_task: TaskId = Field("", description="An earlier create_video's arguments, but for those given here")
    seconds: int = Field(5, ge=1, le=60, description="3-15 on Kling 3.0, 5 or 10 on older models")
    resolution: Resolution = "720p"
    aspect_ratio: Ratio = Field("16:9", description="16:9, 9:16 or 1:1; with image the video follows it")
    audio: bool = Field(False, description="Sound made with the picture")
    voices: Annotated[list[Annotated[str, AfterValidator(_told)]], Field(max_length=5)] = Field(
        [], description="Voice ids, Kling 2.6"
    )
    camera: Camera = "none"
    negative_prompt: str = ""
    cfg_scale: float | None = Field(None, ge=0, le=1)
    model: str = Field("auto", max_length=200, description="Id from list_models; auto picks one and says which")
    provider: str = Field("auto", max_length=200, description="auto, or a configured provider's name")
    label: str = Field("", max_length=200, description="Your own word to find it again")
    confirm_cost: bool = Field(False, description="The person agreed to the price you told them")
    again: bool = Field(False, description="Buy once more what was bought in the last 10 minutes")
    wait_seconds: WaitSeconds = Field(0, description="Wait up to this long for the end, with progress")

    @model_validator(mode="after")
    def _whole(self) -> CreateVideo:
        if self.shots and (self.prompt.strip() or "seconds" in self.model_fields_set):
            raise ValueError(
                "shots replace prompt and seconds: give either, and put each shot's words and length there"
            )
        if _SHOTS.match(self.prompt):
            raise ValueError('prompt tells shots: pass them as shots=[{"prompt": "...", "seconds": 3}, ...] instead')
        return self if self.from_task else self._complete()

    def _complete(self) -> CreateVideo:
        if not self.shots and not self.prompt.strip():
            raise ValueError("prompt is empty: say what happens in the video")
        if self.continuous and not self.shots:
            raise ValueError("continuous is about shots: give them, or leave it out")
        if self.last_image and not self.image:
            raise ValueError("last_image needs image: no Kling model takes a last frame alone")
        if self.asks_ratio and self.image and self.image.startswith("https://"):
            raise ValueError("aspect_ratio has no effect with an image by URL: the video takes its shape; leave it out")
        return self

    @property
    def asks_ratio(self) -> bool:
        """Whether the caller chose the ratio, rather than left it."""
        return "aspect_ratio" in self.model_fields_set

    @property
    def length(self) -> int:
        """How many seconds are asked for."""
        return sum(shot.seconds for shot in self.shots) or self.seconds


class EditVideo(SpendingRequest):
    """A video changed by words and references."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"video": "video", "references": None}

    video: str = Field(min_length=1, description="The video to change: a task id or https URL")
    prompt: Prompt = Field(min_length=1, description="What changes; references are @1, @2")
    references: References = Field([], description="Pictures or element:ID")
    resolution: Resolution = "720p"
    keep_sound: bool = True


class ExtendVideo(SpendingRequest):
    """A video that goes on."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"video": "video"}
    brought: ClassVar[tuple[str, ...]] = ("video",)

    video: str = Field(min_length=1, description="The video to continue: a task id, path or https URL")
    prompt: Prompt = Field("", description="What happens next")
    seconds: int = Field(5, ge=1, le=60)
    audio: bool = Field(False, description="Sound for the new part; the old part keeps its own")


class TransferMotion(SpendingRequest):
    """A person's motion from a video onto a picture."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"image": "image", "video": "video"}

    image: str = Field(min_length=1, description="Who is to move")
    video: str = Field(min_length=1, description="Whose motion, 3-30 s: a task id or https URL")
    prompt: Prompt = ""
    follow: Literal["video", "image"] = Field("video", description="Whose body orientation; image: 3-10 s")
    element: str = Field("", max_length=200, description="element:ID of the character")
    keep_sound: bool = True
    resolution: Resolution = "720p"


class ApplyEffect(SpendingRequest):
    """An effect scene."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"images": "image"}

    scene: str = Field(min_length=1, max_length=200, description="A scene from list_models tool=apply_effect")
    images: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=2)] = Field(
        description="One picture, or two for a scene of two"
    )


def element_id(text: str) -> str:
    """Return the id in `element:ID`, or what was given."""
    return text.removeprefix(ELEMENT).strip()

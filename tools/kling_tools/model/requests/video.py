"""What can be asked for as a video: a new one, an edited one, a longer one, one with another's motion, an effect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StrictInt, model_validator

from kling_tools.model.camera import read_camera
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


#: How a ready motion is named where a video may stand.
PRESET = "preset:"


class StrokeRequest(Request):
    """What a motion brush painted, and along which points it moves; without any it stands still."""

    mask: str = Field(min_length=1)
    path: list[list[StrictInt]] = Field([])


#: The most masks that move, and the fewest and most points of a path (kling-official 4.3).
MOVING_MASKS, POINTS = 6, (2, 77)
#: No picture is wider.
FARTHEST = 65_535


def _check_strokes(strokes: Sequence[StrokeRequest]) -> None:
    """Refuse what no motion brush takes.

    Raises:
        ValueError
    """
    moving = sum(bool(stroke.path) for stroke in strokes)
    if moving > MOVING_MASKS:
        raise ValueError(f"motion_brush takes at most {MOVING_MASKS} masks with a path, not {moving}")
    if len(strokes) - moving > 1:
        raise ValueError("motion_brush takes one mask without a path: paint all that stands still into one")
    least, most = POINTS
    for number, stroke in enumerate(strokes, 1):
        if stroke.path and not least <= len(stroke.path) <= most:
            raise ValueError(f"motion_brush {number}: a path has {least} to {most} points, not {len(stroke.path)}")
        if any(len(point) != 2 or min(point) < 0 or max(point) > FARTHEST for point in stroke.path):
            raise ValueError(f"motion_brush {number}: a point is [x, y] in pixels from the picture's bottom left")


class CreateVideo(SpendingRequest):
    """A video from words, from frames, or from references."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"image": "image", "last_image": "image", "references": None}

    prompt: Prompt = Field("", description="What happens, any language; name references @1, @2 and voices @voice1")
    image: str | None = Field(None, description="First frame: a path, https URL or task id")
    last_image: str | None = Field(None, description="Last frame; needs image")
    references: References = Field([], description="Pictures, one video, or element:ID to take looks from")
    shots: Annotated[list[ShotRequest], Field(max_length=30)] = Field(
        [], description="Instead of prompt and seconds; a whole film's"
    )
    continuous: bool = Field(False, description="Each shot starts from the last one's last frame")
    from_task: TaskId = Field("", description="An earlier create_video, whose other arguments hold")
    seconds: int = Field(5, ge=1, le=60, description="3-15 on 3.0, 5 or 10 on older models")
    resolution: Resolution = "720p"
    aspect_ratio: Ratio = Field("16:9", description="16:9, 9:16 or 1:1; with image the video follows it")
    audio: bool = Field(False, description="Sound made with the picture")
    voices: Annotated[list[Annotated[str, AfterValidator(_told)]], Field(max_length=5)] = Field(
        [], description="Voice ids, Kling 2.6"
    )
    camera: Annotated[str, AfterValidator(read_camera)] = Field(
        "",
        description="zoom_in/out, pan/truck/roll/orbit_left/right, tilt/pedestal_up/down, follow, static; "
        "or an axis, -10..10: tilt=-5",
    )
    motion_brush: Annotated[list[StrokeRequest], Field(max_length=MOVING_MASKS + 1)] = Field(
        [], description="Resellers' 1.x, 2.x: mask moves along [x, y] pixels from bottom left; no path: stays"
    )
    negative_prompt: str = ""
    cfg_scale: float | None = Field(None, ge=0, le=1)
    model: str = Field("auto", max_length=200, description="Id from list_models; auto picks one and says which")
    provider: str = Field("auto", max_length=200, description="auto or a provider's name")
    label: str = Field("", max_length=200, description="A word to find it again")
    confirm_cost: bool = Field(False, description="The person agreed to the price you told them")
    again: bool = Field(False, description="Buy the same again within 10 minutes")
    wait_seconds: WaitSeconds = Field(0, description="Wait so long for the end, with progress")

    @model_validator(mode="after")
    def _whole(self) -> CreateVideo:
        if self.shots and (self.prompt.strip() or "seconds" in self.model_fields_set):
            raise ValueError(
                "shots replace prompt and seconds: give either, and put each shot's words and length there"
            )
        if _SHOTS.match(self.prompt):
            raise ValueError('prompt tells shots: pass them as shots=[{"prompt": "...", "seconds": 3}, ...] instead')
        _check_strokes(self.motion_brush)
        return self if self.from_task else self._complete()

    def _complete(self) -> CreateVideo:
        if not self.shots and not self.prompt.strip():
            raise ValueError("prompt is empty: say what happens in the video")
        if self.continuous and not self.shots:
            raise ValueError("continuous is about shots: give them, or leave it out")
        if self.last_image and not self.image:
            raise ValueError("last_image needs image: no Kling model takes a last frame alone")
        if self.motion_brush and not self.image:
            raise ValueError("motion_brush needs image: its masks are painted over the first frame")
        if self.asks_ratio and self.image and self.image.startswith("https://"):
            raise ValueError("aspect_ratio has no effect with an image by URL: the video takes its shape; leave it out")
        return self

    def named_media(self) -> Iterator[tuple[str, str, MediaKind | None]]:
        """Yield each medium, the masks among them."""
        yield from super().named_media()
        for stroke in self.motion_brush:
            yield "motion_brush", stroke.mask, "image"

    def with_media(self, written: Mapping[str, str]) -> SpendingRequest:
        """Return the request with some media written otherwise, the masks among them."""
        rest = super().with_media(written)
        strokes = [s.model_copy(update={"mask": written.get(s.mask, s.mask)}) for s in self.motion_brush]
        return rest if strokes == self.motion_brush else rest.model_copy(update={"motion_brush": strokes})

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
    audio: bool = Field(False, description="Sound for the new part; the old keeps its own")


class TransferMotion(SpendingRequest):
    """A person's motion from a video onto a picture."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"image": "image", "video": "video"}

    image: str = Field(min_length=1, description="Who is to move")
    video: str = Field(min_length=1, description="Whose motion, 3-30 s: a task id or https URL; or preset:NAME")
    prompt: Prompt = ""
    follow: Literal["video", "image"] = Field("video", description="Whose body orientation; image: 3-10 s")
    element: str = Field("", max_length=200, description="element:ID of the character")
    keep_sound: bool = True
    resolution: Resolution = "720p"

    def named_media(self) -> Iterator[tuple[str, str, MediaKind | None]]:
        """Yield the media; a motion that the provider has ready is none."""
        return (one for one in super().named_media() if not one[1].startswith(PRESET))

    @property
    def preset(self) -> str:
        """The ready motion that is asked for in place of a video; empty where there is a video."""
        return self.video.removeprefix(PRESET).strip() if self.video.startswith(PRESET) else ""


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

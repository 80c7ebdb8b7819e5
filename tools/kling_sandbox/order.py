"""What a video call amounts to once the defaults are filled in: the settings that are bought.

Both dialects end here, so what is allowed (`rules`) and what it costs (`prices`) are written once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from kling_sandbox.inputs import Footage

T2V = "text-to-video"
I2V = "image-to-video"
OMNI = "omni-video"
MOTION = "motion-control"

Sound = Literal["native", "original", "off"]
VideoUse = Literal["", "feature", "base", "motion"]
SHORT_SIDES: Final = {"720p": 720, "1080p": 1080, "4k": 2160}


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One shot of a multi-shot prompt."""

    index: int
    seconds: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """The effective settings of one task. Image fields hold what the caller sent until `inputs` has stored them.

    `seconds` is the length of the output. `video_elements` is how many of the elements are video characters. `width`
    and `height` are those of the output, in pixels, and known last.
    """

    product: str
    model: str
    legacy: bool = False
    prompt: str = ""
    negative_prompt: str = ""
    seconds: float = 5
    resolution: str = "720p"
    aspect_ratio: str = "16:9"
    sound: Sound = "off"
    multi_shot: bool = False
    intelligent: bool = False
    shots: tuple[Shot, ...] = ()
    first_frame: str = ""
    last_frame: str = ""
    refer_images: tuple[str, ...] = ()
    video: Footage | None = None
    video_use: VideoUse = ""
    orientation: str = ""
    elements: tuple[str, ...] = ()
    video_elements: int = 0
    voices: tuple[str, ...] = ()
    width: int = 0
    height: int = 0
    watermark: bool = False
    external_id: str = ""
    callback_url: str = ""

    def to_settings(self) -> dict[str, Any]:
        """Write the order as JSON for the store."""
        return {**dataclasses.asdict(self), "refer_videos": [self.video.name] if self.video else []}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Read an order from the store."""
        known = {field.name for field in dataclasses.fields(cls)}
        value = {name: part for name, part in settings.items() if name in known}
        for name in ("refer_images", "elements", "voices"):
            value[name] = tuple(value[name])
        value["shots"] = tuple(Shot(**shot) for shot in value["shots"])
        value["video"] = Footage(**value["video"]) if value["video"] else None
        return cls(**value)


def frame_size(resolution: str, ratio: float) -> tuple[int, int]:
    """Return even width and height: the short side is the resolution's, the long one follows the ratio."""
    short = SHORT_SIDES[resolution]
    long = round(short * max(ratio, 1 / ratio) / 2) * 2
    return (long, short) if ratio >= 1 else (short, long)


def whole(seconds: float) -> float:
    """Return the number as int when it is one, so that it is shown and multiplied without a fraction."""
    return int(seconds) if seconds == int(seconds) else seconds

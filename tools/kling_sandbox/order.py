"""What a create call amounts to once the defaults are filled in: the settings that are bought.

Both dialects end here, so what is allowed (`rules`) and what it costs (`prices`) are written once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

T2V = "text-to-video"
I2V = "image-to-video"
OMNI = "omni-video"

Sound = Literal["native", "original", "off"]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One shot of a multi-shot prompt."""

    index: int
    seconds: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """The effective settings of one task. Image fields hold what the caller sent until `pictures` has stored them."""

    product: str
    model: str
    legacy: bool = False
    prompt: str = ""
    negative_prompt: str = ""
    seconds: int = 5
    resolution: str = "720p"
    aspect_ratio: str = "16:9"
    sound: Sound = "off"
    multi_shot: bool = False
    shots: tuple[Shot, ...] = ()
    first_frame: str = ""
    last_frame: str = ""
    refer_images: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    voices: tuple[str, ...] = ()
    watermark: bool = False
    external_id: str = ""
    callback_url: str = ""

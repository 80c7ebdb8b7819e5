"""What is asked of the provider, decided and free of any API's own words: one class for each kind of work.

A dialect translates a spec; the journal keeps it; two calls that ask for the same have equal specs. References are
named `@1`, `@2` in prompts, in the order of `references`; voices `@voice1`, `@voice2`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: "off" and "native" were chosen, "original" keeps the sound of the video that goes in; "always" and "none" are models
#: without the choice, and without such a field.
Audio = Literal["off", "native", "original", "always", "none"]

VideoProduct = Literal["text-to-video", "image-to-video", "omni-video"]
ImageProduct = Literal["image", "omni-image", "multi-image", "outpaint", "try-on", "views", "cutouts"]
ServiceProduct = Literal[
    "lip-sync", "avatar", "effects", "speech", "sound-from-text", "sound-from-video", "element", "voice", "extend"
]
Product = VideoProduct | Literal["motion-control", "film", "join"] | ImageProduct | ServiceProduct


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One shot of a video: its words and its length in whole seconds."""

    prompt: str
    seconds: int


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What `@n` stands for. An image or video is the next input of role `reference`; an element is named by its id."""

    kind: Literal["image", "video", "element"]
    element: str = ""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """Words to be spoken: the voice's id in the speech catalogue, `zh` or `en`, speed 0.8..2.0 (kling-official 5.1)."""

    text: str
    voice: str
    language: Literal["zh", "en"]
    speed: float = 1.0


@dataclass(frozen=True, kw_only=True)
class VideoSpec:
    """A new video, or an edited one. Inputs: first_frame, last_frame, reference (images, one video), base_video.

    `seconds` None: as long as the video that goes in. `aspect_ratio` None: it follows a picture or video.
    `multi_shot` None: the model has no such field.
    """

    kind: Literal["video"] = "video"
    product: VideoProduct
    prompt: str
    shots: tuple[Shot, ...] = ()
    seconds: int | None
    resolution: str
    aspect_ratio: str | None
    audio: Audio
    multi_shot: bool | None
    references: tuple[Reference, ...] = ()
    voices: tuple[str, ...] = ()
    camera: str = ""
    negative_prompt: str = ""
    cfg_scale: float | None = None


@dataclass(frozen=True, kw_only=True)
class MotionSpec:
    """A person's motion from a video onto a picture. Inputs: image, video (kling-official 3.2, 4.6)."""

    kind: Literal["motion"] = "motion"
    product: Literal["motion-control"] = "motion-control"
    prompt: str
    resolution: str
    follow: Literal["image", "video"]
    audio: Literal["original", "off"]
    elements: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PresetMotionSpec:
    """A motion that the provider has ready, by its name, onto a picture. Input: image (gateways 1)."""

    kind: Literal["preset-motion"] = "preset-motion"
    product: Literal["motion-control"] = "motion-control"
    name: str
    resolution: str
    follow: Literal["image", "video"]
    audio: Literal["original", "off"]


@dataclass(frozen=True, kw_only=True)
class LipSyncSpec:
    """Speech or a sound onto a face in a video. Inputs: video, and audio unless `speech` (kling-official 4.9).

    `at_seconds` None: where the face appears. `face` counts from 1 in order of appearance, 0 is the one longest seen.
    """

    kind: Literal["lip-sync"] = "lip-sync"
    product: Literal["lip-sync"] = "lip-sync"
    speech: Speech | None
    at_seconds: float | None
    face: int
    volume: float
    original_volume: float


@dataclass(frozen=True, kw_only=True)
class AvatarSpec:
    """A talking portrait. Inputs: image, and audio unless `speech` (kling-official 4.10)."""

    kind: Literal["avatar"] = "avatar"
    product: Literal["avatar"] = "avatar"
    prompt: str
    resolution: str
    speech: Speech | None


@dataclass(frozen=True, kw_only=True)
class EffectSpec:
    """An effect scene over one or two pictures. Inputs: image, once or twice (kling-official 4.11)."""

    kind: Literal["effect"] = "effect"
    product: Literal["effects"] = "effects"
    scene: str


@dataclass(frozen=True, kw_only=True)
class ExtendSpec:
    """A video that its maker continues itself. Input: video, by the maker's own name of it (gateways 1, 6)."""

    kind: Literal["extend"] = "extend"
    product: Literal["extend"] = "extend"
    prompt: str


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """Pictures. Inputs: reference (in order), scene, style, image, garment, as the product has them (kling-official 6).

    `series` is a number of pictures that belong together, "auto", or None. `expand` is how far each side grows, as
    multiples of height or width: up, down, left, right.
    """

    kind: Literal["image"] = "image"
    product: ImageProduct
    prompt: str = ""
    negative_prompt: str = ""
    count: int = 1
    resolution: str = ""
    aspect_ratio: str | None = None
    references: tuple[Reference, ...] = ()
    series: int | Literal["auto"] | None = None
    likeness: Literal["", "subject", "face"] = ""
    image_fidelity: float | None = None
    human_fidelity: float | None = None
    expand: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class SpeechSpec:
    """Text to speech (kling-official 5.1)."""

    kind: Literal["speech"] = "speech"
    product: Literal["speech"] = "speech"
    speech: Speech


@dataclass(frozen=True, kw_only=True)
class SoundSpec:
    """A sound from words, or sound for a video. Input: video (kling-official 5.2, 5.3)."""

    kind: Literal["sound"] = "sound"
    product: Literal["sound-from-text", "sound-from-video"]
    prompt: str
    seconds: float | None = None
    music: str = ""
    close_up: bool = False


@dataclass(frozen=True, kw_only=True)
class ElementSpec:
    """A reusable character or thing. Inputs: image (first the frontal one), or video (kling-official 5.5)."""

    kind: Literal["element"] = "element"
    product: Literal["element"] = "element"
    name: str
    description: str
    voice: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VoiceSpec:
    """A reusable voice from a sample. Inputs: audio or video (kling-official 5.4)."""

    kind: Literal["voice"] = "voice"
    product: Literal["voice"] = "voice"
    name: str


@dataclass(frozen=True, kw_only=True)
class FilmSpec:
    """Results of other tasks as one file, made on this machine. `parts` are their ids, in order."""

    kind: Literal["film"] = "film"
    product: Literal["film"] = "film"
    parts: tuple[str, ...]
    transition: str = "cut"
    prompt: str = ""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A stretch of a file: from when to when in seconds; `end` None: to its end."""

    path: str
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True, kw_only=True)
class JoinSpec:
    """One film of several clips, made on this machine. Inputs: video, one for each clip."""

    kind: Literal["join"] = "join"
    product: Literal["join"] = "join"
    name: str
    clips: tuple[Cut, ...]
    transition: Literal["cut", "crossfade"]


Spec = (
    VideoSpec
    | MotionSpec
    | PresetMotionSpec
    | LipSyncSpec
    | AvatarSpec
    | EffectSpec
    | ExtendSpec
    | ImageSpec
    | SpeechSpec
    | SoundSpec
    | ElementSpec
    | VoiceSpec
    | FilmSpec
    | JoinSpec
)

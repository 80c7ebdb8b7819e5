"""What each model accepts (kling-official 3.1-3.3, 4.2-4.3).

Anything else is 400/1201; unknown fields never get here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from kling_sandbox.envelope import invalid
from kling_sandbox.order import I2V, OMNI, T2V, Order, Shot

ASPECT_RATIOS: Final = ("16:9", "9:16", "1:1")
LEGACY_PROMPT_MAX: Final = 2500
SHOT_MAX: Final = 512
SHOTS_MAX: Final = 6

_THREE_TO_FIFTEEN = frozenset(range(3, 16))
_FIVE_OR_TEN = frozenset({5, 10})


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model version: its names, its limits and its pace.

    `pace` is how many seconds a task takes, and how many more for each second of video. Seen were 28 s for 3 s of
    Turbo, about 50 for 5 s of 2.5 Turbo and 83 for Omni (kling-official 2.6); the others are put between.
    """

    name: str
    label: str
    legacy_name: str = ""
    prompt_max: Mapping[str, int]
    seconds: frozenset[int]
    pace: tuple[float, float]
    resolutions: tuple[str, ...] = ("720p", "1080p")
    sound: Literal["always", "choice", "none"] = "none"
    sounds: tuple[str, ...] = ("native", "off")
    multi_shot: bool = False
    shot_syntax: bool = False
    last_frame: bool = True
    elements: int = 0
    voices: int = 0


MODELS: Final[tuple[Model, ...]] = (
    Model(
        name="kling-3.0-turbo",
        label="Kling 3.0 Turbo",
        prompt_max={T2V: 3072, I2V: 2500},
        seconds=_THREE_TO_FIFTEEN,
        pace=(16.0, 4.0),
        sound="always",
        shot_syntax=True,
        last_frame=False,
    ),
    Model(
        name="kling-3.0",
        label="Kling 3.0",
        legacy_name="kling-v3",
        prompt_max={T2V: 3072, I2V: 3072},
        seconds=_THREE_TO_FIFTEEN,
        pace=(50.0, 5.0),
        resolutions=("720p", "1080p", "4k"),
        sound="choice",
        multi_shot=True,
        shot_syntax=True,
        elements=3,
    ),
    Model(
        name="kling-3.0-omni",
        label="Kling 3.0 Omni",
        prompt_max={OMNI: 3072},
        seconds=_THREE_TO_FIFTEEN,
        pace=(58.0, 5.0),
        resolutions=("720p", "1080p", "4k"),
        sound="choice",
        sounds=("native", "original", "off"),
        multi_shot=True,
        shot_syntax=True,
        elements=7,
    ),
    Model(
        name="kling-o1",
        label="Kling O1",
        prompt_max={OMNI: 2500},
        seconds=frozenset(range(3, 11)),
        pace=(60.0, 5.0),
        sound="choice",
        sounds=("original", "off"),
        elements=7,
    ),
    Model(
        name="kling-2.6",
        label="Kling 2.6",
        legacy_name="kling-v2-6",
        prompt_max={T2V: 2500, I2V: 2500},
        seconds=_FIVE_OR_TEN,
        pace=(40.0, 4.0),
        sound="choice",
        voices=2,
    ),
    Model(
        name="kling-2.5-turbo",
        label="Kling 2.5 Turbo",
        legacy_name="kling-v2-5-turbo",
        prompt_max={T2V: 2500, I2V: 2500},
        seconds=_FIVE_OR_TEN,
        pace=(30.0, 4.0),
    ),
)
BY_NAME: Final[dict[str, Model]] = {model.name: model for model in MODELS}
BY_LEGACY_NAME: Final[dict[str, Model]] = {model.legacy_name: model for model in MODELS if model.legacy_name}

# Retired on 2026-09-15 (kling-official 4.1).
RETIRED: Final = frozenset(
    {"kling-v1", "kling-v1-5", "kling-v1-6", "kling-v2-master", "kling-v2-1", "kling-v2-1-master"}
)

_SHOT = re.compile(r"(?:shot|镜头)\s*(\d+)\s*[,，]\s*(\d+)\s*[,，]\s*([^;；]*)", re.IGNORECASE)
_STARTS_WITH_SHOT = re.compile(r"\s*(?:shot|镜头)\s*\d+\s*[,，]\s*\d+\s*[,，]", re.IGNORECASE)


def check(order: Order) -> None:
    """Pass the order or raise 400/1201 with the first rule it breaks."""
    model = BY_NAME[order.model]
    _check_prompt(order, model)
    _check_values(order, model)
    _check_frames(order, model)
    _check_sound(order, model)
    _check_parts(order, model)
    _check_shots(order)


def prompt_shots(order: Order) -> tuple[Shot, ...]:
    """Read the shots out of a prompt written in shot syntax; none when it has no effect."""
    model = BY_NAME[order.model]
    # Turbo reads the syntax by itself; the others only with multi_shot (kling-official 3.1, 3.2).
    active = order.multi_shot if model.multi_shot else model.shot_syntax
    if order.legacy or not active or not _STARTS_WITH_SHOT.match(order.prompt):
        return ()
    found = _SHOT.findall(order.prompt)
    return tuple(Shot(index=int(i), seconds=int(s), text=text.strip()) for i, s, text in found)


def _check_prompt(order: Order, model: Model) -> None:
    limit = LEGACY_PROMPT_MAX if order.legacy else model.prompt_max[order.product]
    # Shots given as a list replace the prompt (kling-official 4.2, note 1).
    if not order.prompt.strip() and not (order.legacy and order.shots):
        raise invalid("prompt is required")
    if len(order.prompt) > limit:
        raise invalid(f"prompt is too long: {len(order.prompt)} characters, at most {limit}")
    if len(order.negative_prompt) > LEGACY_PROMPT_MAX:
        raise invalid(f"negative_prompt is too long: at most {LEGACY_PROMPT_MAX} characters")


def _check_values(order: Order, model: Model) -> None:
    if order.seconds not in model.seconds:
        raise invalid(f"duration value '{order.seconds}' is invalid for {model.label}: {_spoken(model.seconds)}")
    # O1 with text only or with a first frame only (kling-official 3.2).
    plain = not (order.last_frame or order.refer_images or order.elements)
    if model.name == "kling-o1" and plain and order.seconds not in _FIVE_OR_TEN:
        raise invalid("duration value is invalid: text only and first frame only accept 5 or 10")
    if order.resolution not in model.resolutions:
        word = "mode" if order.legacy else "resolution"
        raise invalid(f"{word} value is invalid for {model.label}: it makes {', '.join(model.resolutions)}")
    if order.aspect_ratio and order.aspect_ratio not in ASPECT_RATIOS:
        raise invalid(f"aspect_ratio value is invalid: one of {', '.join(ASPECT_RATIOS)}")


def _check_frames(order: Order, model: Model) -> None:
    if order.product == I2V and not order.first_frame:
        alone = ": a last frame alone is not supported" if order.last_frame else ""
        raise invalid(f"{'image' if order.legacy else 'first_frame'} is required{alone}")
    if not order.last_frame:
        return
    if not order.first_frame:
        raise invalid("first_frame is required: a last frame alone is not supported")
    if not model.last_frame:
        raise invalid(f"last_frame is not supported by {model.label}")
    if model.name in ("kling-2.6", "kling-2.5-turbo") and order.resolution != "1080p":
        raise invalid(f"first and last frame are supported by {model.label} only at 1080p (mode pro)")
    if model.name == "kling-o1" and (order.elements or order.refer_images):
        raise invalid("first and last frame cannot be combined with elements or further images")


def _check_sound(order: Order, model: Model) -> None:
    if model.sound == "none" and order.sound != "off":
        raise invalid(f"sound is not supported by {model.label}")
    if model.sound == "choice" and order.sound not in model.sounds:
        raise invalid(f"audio value is invalid for {model.label}: one of {', '.join(model.sounds)}")
    if model.name == "kling-2.6" and order.sound == "native":
        if order.resolution != "1080p":
            raise invalid("native audio is supported by Kling 2.6 only at 1080p (mode pro)")
        if order.last_frame:
            raise invalid("first and last frame are silent with Kling 2.6: audio must be off")


def _check_parts(order: Order, model: Model) -> None:
    if order.elements and not model.elements:
        raise invalid(f"element is not supported by {model.label}")
    with_frame = order.product == OMNI and bool(order.first_frame)
    most = 3 if with_frame else model.elements
    if len(order.elements) > most:
        raise invalid(f"at most {most} elements are supported")
    if len(order.elements) + len(order.refer_images) > 7:
        raise invalid("at most 7 images and elements are supported")
    if order.voices and not model.voices:
        raise invalid(f"voice is not supported by {model.label}")
    if order.voices and order.elements:
        raise invalid("voices and elements cannot be used together")
    if len(order.voices) > model.voices:
        raise invalid(f"at most {model.voices} voices are supported")
    if order.voices and order.sound != "native":
        raise invalid("a chosen voice needs native audio")


def _check_shots(order: Order) -> None:
    shots = order.shots
    if not shots:
        return
    if len(shots) > SHOTS_MAX:
        raise invalid(f"at most {SHOTS_MAX} shots are supported")
    if any(shot.seconds < 1 for shot in shots):
        raise invalid("each shot lasts at least 1 second")
    if any(len(shot.text) > SHOT_MAX for shot in shots):
        raise invalid(f"the words of a shot are at most {SHOT_MAX} characters")
    if (total := sum(shot.seconds for shot in shots)) != order.seconds:
        raise invalid(f"the shots last {total} seconds together, but duration is {order.seconds}")


def _spoken(seconds: frozenset[int]) -> str:
    ordered = sorted(seconds)
    if len(ordered) == 2:
        return f"{ordered[0]} or {ordered[1]}"
    return f"{ordered[0]} to {ordered[-1]}"

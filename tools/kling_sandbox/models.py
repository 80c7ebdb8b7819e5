"""The video model versions: their names, their limits and their pace (kling-official 3.1-3.3, 4.1)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from kling_sandbox.order import I2V, MOTION, OMNI, T2V

_THREE_TO_FIFTEEN: Final = frozenset(range(3, 16))
FIVE_OR_TEN: Final = frozenset({5, 10})


@dataclass(frozen=True, kw_only=True)
class FootageLimits:
    """What a reference video may be: seconds, sides and area in pixels, width by height, and megabytes."""

    seconds: tuple[float, float]
    sides: tuple[int, int]
    area: int = 0
    ratio: tuple[float, float] = (0.0, 100.0)


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model version. `like` is the known one whose rules and prices it has; `prompt_max` also names its products.

    `pace` is how many seconds a task takes, and how many more for each second of video. Seen were 28 s for 3 s of
    Turbo, about 50 for 5 s of 2.5 Turbo and 83 for Omni (kling-official 2.6); the others are put between.
    """

    name: str
    label: str
    like: str = ""
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
    video: FootageLimits | None = None
    legacy_video: FootageLimits | None = None


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
        prompt_max={T2V: 3072, I2V: 3072, MOTION: 2500},
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
        legacy_name="kling-v3-omni",
        prompt_max={OMNI: 3072},
        seconds=_THREE_TO_FIFTEEN,
        pace=(58.0, 5.0),
        resolutions=("720p", "1080p", "4k"),
        sound="choice",
        sounds=("native", "original", "off"),
        multi_shot=True,
        shot_syntax=True,
        elements=7,
        video=FootageLimits(seconds=(3, 15.5), sides=(700, 4553), area=8_294_400, ratio=(0.4, 2.0)),
        legacy_video=FootageLimits(seconds=(3, 15), sides=(700, 4553), area=8_294_400, ratio=(0.4, 2.0)),
    ),
    Model(
        name="kling-o1",
        label="Kling O1",
        legacy_name="kling-video-o1",
        prompt_max={OMNI: 2500},
        seconds=frozenset(range(3, 11)),
        pace=(60.0, 5.0),
        sound="choice",
        sounds=("original", "off"),
        elements=7,
        video=FootageLimits(seconds=(3, 10), sides=(700, 2160)),
        legacy_video=FootageLimits(seconds=(3, 10), sides=(720, 2160)),
    ),
    Model(
        name="kling-2.6",
        label="Kling 2.6",
        legacy_name="kling-v2-6",
        prompt_max={T2V: 2500, I2V: 2500, MOTION: 2500},
        seconds=FIVE_OR_TEN,
        pace=(40.0, 4.0),
        sound="choice",
        voices=2,
    ),
    Model(
        name="kling-2.5-turbo",
        label="Kling 2.5 Turbo",
        legacy_name="kling-v2-5-turbo",
        prompt_max={T2V: 2500, I2V: 2500},
        seconds=FIVE_OR_TEN,
        pace=(30.0, 4.0),
    ),
)
# Retired on 2026-09-15 (kling-official 4.1).
RETIRED: Final = frozenset(
    {"kling-v1", "kling-v1-5", "kling-v1-6", "kling-v2-master", "kling-v2-1", "kling-v2-1-master"}
)
# What motion control takes, by the orientation of the character (kling-official 3.2).
MOTION_VIDEO: Final = {
    "image": FootageLimits(seconds=(3, 10), sides=(340, 3850)),
    "video": FootageLimits(seconds=(3, 30), sides=(340, 3850)),
}


def known(extra: Mapping[str, str]) -> tuple[Model, ...]:
    """Return all model versions with the extra ones, each of which is like a known one under a name of its own."""
    by_name = {model.name: model for model in MODELS}
    own = [dataclasses.replace(model, like=model.name) for model in MODELS]
    return (
        *own,
        *(
            dataclasses.replace(by_name[like], name=name, legacy_name=name, label=name, like=like)
            for name, like in extra.items()
            if like in by_name
        ),
    )

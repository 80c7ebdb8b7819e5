"""What fits and what does not, in one sentence with both numbers; what nobody knows passes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_tools.model.inputs import ClipLimits, SoundLimits, clip_problem, sound_problem

OMNI = ClipLimits(
    max_bytes=200_000_000,
    min_seconds=3,
    max_seconds=15.5,
    min_side=700,
    max_side=4553,
    max_area=8_294_400,
    min_ratio=0.4,
    max_ratio=2,
    min_fps=24,
    max_fps=60,
)
ELEMENT = ClipLimits(
    max_bytes=200_000_000, min_seconds=3, max_seconds=8, min_side=1080, max_side=1920, ratios=("16:9", "9:16")
)
VOICE = SoundLimits(max_bytes=5_000_000, min_seconds=2, max_seconds=60)
GOOD: dict[str, Any] = {"seconds": 5.0, "width": 1920, "height": 1080, "fps": 30.0, "size": 9_000_000, "kind": "mp4"}


def said(limits: ClipLimits = OMNI, **changed: Any) -> str | None:
    return clip_problem(limits, **{**GOOD, **changed}, name="base_video")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "webm"}, "is WEBM; Kling takes MP4 or MOV here."),
        ({"size": 200_000_001}, "has 200.1 MB; Kling takes at most 200 MB here."),
        ({"seconds": 2.85}, "is 2.8 s long; Kling takes 3 to 15.5 s here."),
        ({"seconds": 15.65}, "is 15.7 s long; Kling takes 3 to 15.5 s here."),
        ({"width": 1280, "height": 640}, "is 1280x640 px; Kling takes sides from 700 to 4553 px here."),
        ({"width": 4000, "height": 2160}, "4000x2160 px, 8640000 in all; Kling takes at most 8294400 here."),
        ({"width": 720, "height": 1900}, "takes a width / height from 0.4 to 2 here, and this is 0.38."),
        ({"fps": 15.0}, "has 15 frames a second; Kling takes 24 to 60 here."),
        ({"fps": 119.88}, "has 119.9 frames a second; Kling takes 24 to 60 here."),
    ],
)
def test_what_does_not_fit_is_said_with_its_figure_and_what_is_taken(changed: dict[str, Any], words: str) -> None:
    problem = said(**changed)
    assert problem is not None
    assert problem.startswith("The video for base_video ")
    assert problem.endswith(words)


def test_only_the_named_shapes_are_taken() -> None:
    assert said(ELEMENT) is None
    assert said(ELEMENT, width=1080, height=1920) is None
    assert said(ELEMENT, width=1440, height=1080) == (
        "The video for base_video is 1440x1080 px; Kling takes 16:9 or 9:16 here."
    )


def test_what_a_container_rounds_still_fits() -> None:
    for changed in ({"seconds": 15.55}, {"seconds": 2.95}, {"fps": 23.976}, {"fps": 60.0024}, {"kind": "mov"}):
        assert said(**changed) is None


@given(st.sets(st.sampled_from(list(GOOD))))
def test_what_is_not_known_passes(unknown: set[str]) -> None:
    assert said(**dict.fromkeys(unknown)) is None
    assert said(ELEMENT, **dict.fromkeys(GOOD)) is None


def test_a_limit_on_one_side_only_is_said_as_that() -> None:
    slow = ClipLimits(max_bytes=1, min_seconds=0, max_seconds=9, min_side=1, max_side=9, min_fps=24)
    assert (clip_problem(slow, **{**dict.fromkeys(GOOD), "fps": 5.0}, name="x") or "").endswith("at least 24 here.")
    wide = ClipLimits(max_bytes=1, min_seconds=0, max_seconds=9, min_side=1, max_side=99, min_ratio=1)
    assert "of 1 or more" in (clip_problem(wide, **{**dict.fromkeys(GOOD), "width": 5, "height": 9}, name="x") or "")


def test_a_sound_is_judged_by_format_bytes_and_length() -> None:
    good: dict[str, Any] = {"seconds": 5.0, "size": 100, "kind": "wav", "name": "audio"}
    assert sound_problem(VOICE, **good) is None
    assert sound_problem(VOICE, seconds=None, size=None, kind=None, name="audio") is None
    for changed, words in (
        ({"seconds": 1.2}, "The sound for audio is 1.2 s long; Kling takes 2 to 60 s here."),
        ({"size": 5_100_001}, "The sound for audio has 5.2 MB; Kling takes at most 5 MB here."),
        ({"kind": "ogg"}, "The sound for audio is OGG; Kling takes MP3, WAV, M4A or AAC here."),
    ):
        assert sound_problem(VOICE, **{**good, **changed}) == words

"""Where speech goes on a face in a video (kling-official 4.9)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_tools.model.errors import BadMedia, Impossible
from kling_tools.model.plan import Face
from kling_tools.providers.kling.placement import LEAST_MS, Placement, placed

LATE = Face(id="late", start_ms=4000, end_ms=9000)
EARLY = Face(id="early", start_ms=500, end_ms=3000)
BRIEF = Face(id="brief", start_ms=3000, end_ms=4500)


def put(**changes: Any) -> Placement:
    """Return the placement for two faces in a video of 10 s and a sound of 3 s, but for the changes."""
    usual: dict[str, Any] = {"sound_seconds": 3.0, "video_seconds": 10.0, "at_seconds": None, "face": 0}
    return placed(changes.pop("faces", (LATE, EARLY)), **{**usual, **changes})


def test_the_face_longest_seen_speaks_from_when_it_appears() -> None:
    assert put() == Placement(face_id="late", sound_start_ms=0, sound_end_ms=3000, insert_ms=4000, cut_ms=0)


def test_faces_are_counted_as_they_appear() -> None:
    assert (put(face=1).face_id, put(face=1).insert_ms) == ("early", 500)
    assert put(face=2).face_id == "late"


def test_a_sound_is_cropped_to_the_end_of_the_video() -> None:
    place = put(sound_seconds=8.2504, at_seconds=6.5)
    assert (place.insert_ms, place.sound_end_ms, place.cut_ms) == (6500, 3500, 4750)


def test_nothing_is_heard_behind_the_first_minute() -> None:
    long = Face(id="f", start_ms=0, end_ms=90_000)
    place = put(faces=(long,), video_seconds=90.0, sound_seconds=80.0, at_seconds=1.0)
    assert place.sound_end_ms == 59_000


def test_a_video_of_unknown_length_is_as_long_as_faces_were_seen() -> None:
    assert put(video_seconds=0.0, sound_seconds=30.0).sound_end_ms == 5000


@pytest.mark.parametrize(
    ("changes", "words", "advice"),
    [
        ({"faces": ()}, "no face", "seen from near"),
        ({"face": 3}, "found 2 face(s), not 3: face 1 from 0.5 to 3 s; face 2 from 4 to 9 s", "Choose"),
        ({"sound_seconds": 1.5}, "1.5 s long", "at least 2 s|needs"),
        ({"at_seconds": 8.5}, "only 1.5 s of the video are left (10 s in all)", "at_seconds has to be 8 or less"),
        ({"at_seconds": 25.0}, "only 0 s", "8 or less"),
        ({"faces": (EARLY,), "video_seconds": 1.8}, "only 1.3 s", "longer video"),
        ({"at_seconds": 0.0, "face": 2}, "from 0 to 3 s: 0 s together", "at_seconds between 3 and 7"),
        ({"at_seconds": 2.0, "face": 1}, "from 2 to 5 s: 1 s together", "at_seconds between 0 and 1"),
        ({"face": 2, "at_seconds": 3.0, "video_seconds": 5.5}, "from 4 to 5.5 s, too short", "another face"),
        ({"faces": (BRIEF,)}, "from 3 to 4.5 s, too short", "another face"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_figures(changes: dict[str, Any], words: str, advice: str) -> None:
    with pytest.raises(Impossible) as caught:
        put(**changes)
    assert words in caught.value.message
    assert any(part in caught.value.advice for part in advice.split("|"))


@pytest.mark.parametrize("seconds", [None, 0.0])
def test_a_sound_of_unknown_length_is_refused(seconds: float | None) -> None:
    with pytest.raises(BadMedia, match="length is not known"):
        put(sound_seconds=seconds)


TIMES = st.integers(0, 80_000)


@given(
    spans=st.lists(st.tuples(TIMES, st.integers(1, 30_000)), min_size=1, max_size=4),
    sound=st.floats(0.1, 90, allow_nan=False),
    video=st.just(0.0) | st.floats(1, 120),
    at=st.none() | st.floats(0, 90),
    face=st.integers(0, 5),
)
def test_whatever_is_placed_is_what_kling_takes(
    spans: list[tuple[int, int]], sound: float, video: float, at: float | None, face: int
) -> None:
    faces = [Face(id=str(n), start_ms=start, end_ms=start + long) for n, (start, long) in enumerate(spans)]
    try:
        place = placed(faces, sound_seconds=sound, video_seconds=video, at_seconds=at, face=face)
    except Impossible:
        return
    chosen = faces[int(place.face_id)]
    heard = place.insert_ms, place.insert_ms + place.sound_end_ms - place.sound_start_ms
    assert place.sound_end_ms <= sound * 1000 + 1e-3
    assert heard[1] - heard[0] >= LEAST_MS
    assert heard[1] <= 60_000
    assert not video or heard[1] <= video * 1000 + 1e-3
    assert min(heard[1], chosen.end_ms) - max(heard[0], chosen.start_ms) >= LEAST_MS

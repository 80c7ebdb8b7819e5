"""A camera's move as it is written: read strictly, kept in one form, and the same way on every API."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_tools.catalog.camera import MOVES
from kling_tools.model.camera import AXES, MOVED, NAMES, PRESETS, axes, does, is_figure, moved, named_like, read_camera


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("", ""),
        ("none", ""),
        (" pan_left ", "pan_left"),
        ("forward_up", "forward_up"),
        ("tilt=-5", "tilt=-5"),
        ("tilt = +5.50", "tilt=5.5"),
        ("zoom=10", "zoom=10"),
        ("roll=-0.25", "roll=-0.25"),
    ],
)
def test_what_can_be_asked_for_is_kept_in_one_form(written: str, kept: str) -> None:
    assert read_camera(written) == kept
    assert read_camera(kept) == kept


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("PAN_LEFT", "did you mean pan_left"),
        ("spin", "there are none, static"),
        ("pan=0", "not 0"),
        ("pan=-0.0", "not 0"),
        ("pan=10.1", "-10 to 10"),
        ("pan=1e1", "-10 to 10"),
        ("pan=\u0663", "one axis"),
        ("pan=nan", "one axis"),
        ("orbit=3", "horizontal, vertical, pan, tilt, roll, zoom"),
        ("pan=-5,zoom=3", "one axis"),
        ("pan=5\n", ""),
        ("pan=" + "9" * 9999, "one axis"),
    ],
)
def test_everything_else_is_refused_with_what_would_do(written: str, words: str) -> None:
    if not words:
        assert read_camera(written) == "pan=5"
        return
    with pytest.raises(ValueError, match=r"^camera ") as refused:
        read_camera(written)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 400


@given(st.sampled_from(sorted(AXES)), st.floats(-10, 10).map(lambda figure: round(figure, 3)).filter(bool))
def test_a_figure_moves_one_axis_as_far_as_it_says_and_has_a_name_of_the_same_way(axis: str, figure: float) -> None:
    camera = read_camera(f"{axis}={figure:.3f}")
    assert is_figure(camera)
    assert {name: value for name, value in axes(camera).items() if value} == {axis: pytest.approx(figure)}
    assert axes(camera, 1)[axis] == pytest.approx(figure / 10)
    like = moved(named_like(camera))
    assert like is not None
    assert (like[0], like[1] > 0) == (axis, figure > 0)


def test_every_name_has_words_and_klings_axes_are_told_as_what_they_do() -> None:
    assert set(NAMES) - {"none"} == set(MOVES)
    assert set(PRESETS) & set(MOVED) == set()
    assert [does(camera) for camera in ("pan=1", "pan=-1", "tilt=-1", "zoom=-2")] == [
        "turns up",
        "turns down",
        "turns to the left",
        "zooms in",
    ]

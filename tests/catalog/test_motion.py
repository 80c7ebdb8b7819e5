"""Motion control and effect scenes (kling-official 3.2, 4.6, 4.11)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.catalog.asking import KEY, PAIR, film, picture, planned, refused, sentence
from tests.promises import keeps

from kling_tools.model.inputs import ClipLimits
from kling_tools.model.specs import EffectSpec, MotionSpec

WHO: dict[str, Any] = {"image": "a.png", "video": "v.mp4"}


@pytest.mark.parametrize(
    ("route", "standard", "name"), [(KEY, "standard", "kling-3.0"), (PAIR, "legacy", "kling-v3")], ids=["key", "pair"]
)
def test_motion_is_decided_as_it_is_asked_for(route: Any, standard: str, name: str) -> None:
    decided = planned(
        "transfer_motion",
        {"v.mp4": film(12.0)},
        route,
        **WHO,
        prompt="she dances",
        resolution="1080p",
        keep_sound=False,
    )
    assert decided.spec == MotionSpec(prompt="she dances", resolution="1080p", follow="video", audio="off")
    assert (decided.model, decided.standard, decided.wire_model) == ("kling-3.0", standard, name)
    assert [(i.role, i.kind, i.text) for i in decided.inputs] == [
        ("image", "image", "a.png"),
        ("video", "video", "v.mp4"),
    ]
    assert decided.video_seconds == 12
    assert any("shorter" in note for note in decided.notes)


#: Arguments, what is known of the video, and the words of the refusal ("" where there is none).
MOTIONS: list[tuple[dict[str, Any], Any, str]] = [
    ({}, film(30), ""),
    ({}, film(31), "3 to 30 s"),
    ({}, film(2), "3 to 30 s"),
    ({"follow": "image"}, film(10), ""),
    ({"follow": "image"}, film(11), "3 to 10 s"),
    ({}, film(5, 320, 600), "sides from 340 to 3850"),
    ({"resolution": "4k"}, film(5), "720p or 1080p, not 4k"),
    ({"element": "element:7", "follow": "image"}, film(5), "leave out follow=image"),
    ({"element": "element:"}, film(5), "names no element"),
    ({"element": "element:7", "prompt": "@2 runs"}, film(5), "@1 is the element"),
    ({"element": "element:7", "prompt": "@1 runs"}, film(5), ""),
    ({"prompt": "x" * 2501}, film(5), "2500 characters"),
]


@pytest.mark.parametrize(("arguments", "video", "words"), MOTIONS)
@keeps("nothing-impossible")
def test_motion_that_cannot_be_had_is_refused(arguments: dict[str, Any], video: Any, words: str) -> None:
    told = sentence("transfer_motion", {"v.mp4": video}, **WHO, **arguments)
    assert words in told
    assert bool(told) is bool(words)


def test_an_element_goes_into_the_model_that_takes_one() -> None:
    spec = planned("transfer_motion", **WHO, element="element:7").spec
    assert isinstance(spec, MotionSpec)
    assert spec.elements == ("7",)
    told = sentence("transfer_motion", **WHO, element="element:7", model="kling-2.6")
    assert "Kling 2.6 takes no element here" in told
    assert "works with kling-3.0" in told


def test_a_video_that_is_too_long_beside_the_picture_is_offered_the_other_way_round() -> None:
    error = refused("transfer_motion", {"v.mp4": film(20)}, **WHO, follow="image")
    assert error is not None
    assert error.advice == "follow=video would work with kling-3.0."


def test_the_picture_leading_shortens_the_video_that_is_taken() -> None:
    limits = planned("transfer_motion", **WHO, follow="image").inputs[1].limits
    assert isinstance(limits, ClipLimits)
    assert limits.max_seconds == 10


@pytest.mark.parametrize("name", ["kling-3.0-turbo", "kling-3.0-omni", "kling-o1", "kling-2.5-turbo"])
def test_models_without_motion_control_say_so(name: str) -> None:
    told = sentence("transfer_motion", **WHO, model=name)
    assert "does not do motion-control" in told
    assert "kling-2.6 for" in told


def test_a_scene_is_put_over_its_pictures() -> None:
    decided = planned("apply_effect", scene=" hug_pro ", images=["a.png", "b.png"])
    assert decided.spec == EffectSpec(scene="hug_pro")
    assert [(i.role, i.text) for i in decided.inputs] == [("image", "a.png"), ("image", "b.png")]
    assert (decided.model, decided.standard, decided.wire_model, decided.notes) == (
        "kling-effects",
        "legacy",
        "",
        (),
    )


@pytest.mark.parametrize(
    ("scene", "images", "words"),
    [
        ("hug_pro", ["a"], "takes 2 pictures, not 1"),
        ("yangge_dance", ["a", "b"], "takes 1 picture, not 2"),
        ("yangge_dance", ["element:1"], "not an element"),
    ],
)
@keeps("nothing-impossible")
def test_a_known_scene_takes_its_number_of_pictures(scene: str, images: list[str], words: str) -> None:
    assert words in sentence("apply_effect", scene=scene, images=images)


@pytest.mark.parametrize("images", [["a"], ["a", "b"]])
def test_a_scene_that_nobody_here_knows_is_let_through_with_a_word(images: list[str]) -> None:
    notes = planned("apply_effect", scene="hug_proo", images=images).notes
    assert "may refuse it" in notes[0]
    assert "hug_pro" in notes[0]
    assert "known ones" not in planned("apply_effect", scene="zzzzzz", images=images).notes[0]


def test_a_picture_known_to_be_too_small_is_not_sent() -> None:
    assert "at least 300 px" in sentence("apply_effect", {"a": picture(100, 100)}, scene="nezha", images=["a"])

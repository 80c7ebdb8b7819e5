"""Pictures: which model makes which, what is refused, and what a plan says (kling-official 4.13, 5.6, 6)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.catalog.asking import KEY, PAIR, film, picture, planned, refused, sentence
from tests.promises import keeps

from kling_tools.model.requests import CreateImage
from kling_tools.model.specs import ImageSpec, Reference

TEN = [f"{n}.png" for n in range(10)]


def spec_of(**arguments: Any) -> ImageSpec:
    """Return what pictures are decided into."""
    spec = planned("create_image", **arguments).spec
    assert isinstance(spec, ImageSpec)
    return spec


#: What the words and references alone choose: arguments -> model, product.
CHOSEN: list[tuple[dict[str, Any], str, str]] = [
    ({}, "kling-image-3.0", "image"),
    ({"references": ["a.png"]}, "kling-image-3.0", "image"),
    ({"references": ["a.png", "element:1"]}, "kling-image-3.0", "image"),
    ({"references": ["a.png", "b.png"]}, "kling-image-3.0-omni", "omni-image"),
    ({"references": TEN}, "kling-image-3.0-omni", "omni-image"),
    ({"series": 4}, "kling-image-3.0-omni", "omni-image"),
    ({"resolution": "4k"}, "kling-image-3.0-omni", "omni-image"),
    ({"references": ["a.png"], "aspect_ratio": "auto"}, "kling-image-3.0-omni", "omni-image"),
    ({"references": ["a.png"], "likeness": "face"}, "kling-image-2.1", "image"),
    ({"references": ["a.png"], "fidelity": 0.7}, "kling-image-2.1", "image"),
    ({"references": ["a.png"], "scene": "s.png"}, "kling-image-2.1", "multi-image"),
    ({"references": TEN[:4], "style": "s.png"}, "kling-image-2.1", "multi-image"),
    ({"negative_prompt": "rain"}, "kling-image-3.0", "image"),
    ({"references": ["a.png", "b.png"], "model": "kling-image-2.1"}, "kling-image-2.1", "multi-image"),
    ({"references": ["a.png"], "model": "kling-image-2.1"}, "kling-image-2.1", "image"),
    ({"references": ["a.png"], "model": "kling-image-o1"}, "kling-image-o1", "omni-image"),
]


@pytest.mark.parametrize("route", [KEY, PAIR], ids=["key", "pair"])
@pytest.mark.parametrize(("arguments", "model", "product"), CHOSEN)
def test_words_and_references_choose_the_product(
    arguments: dict[str, Any], model: str, product: str, route: Any
) -> None:
    decided = planned("create_image", route=route, prompt="a heron", **arguments)
    assert isinstance(decided.spec, ImageSpec)
    assert (decided.model, decided.spec.product, decided.standard) == (model, product, "legacy")


#: Each rule: arguments, a model that refuses, its words, and one that does it ("" where none does).
RULES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"resolution": "4k"}, "kling-image-3.0", "1k or 2k, not 4k", "kling-image-3.0-omni"),
    ({"resolution": "8k"}, "kling-image-3.0-omni", "not 8k", ""),
    ({"resolution": "2k", "references": TEN[:2]}, "kling-image-2.1", "choose the resolution", "kling-image-o1"),
    ({"aspect_ratio": "5:4"}, "kling-image-3.0", "not 5:4", ""),
    ({"aspect_ratio": "auto"}, "kling-image-3.0-omni", "needs a reference", ""),
    ({"aspect_ratio": "auto", "references": ["a"]}, "kling-image-3.0", "needs an aspect_ratio", "kling-image-o1"),
    ({"references": TEN[:2]}, "kling-image-3.0", "at most 1 picture, not 2", "kling-image-2.1"),
    ({"references": TEN[:5]}, "kling-image-2.1", "at most 4 pictures, not 5", "kling-image-3.0-omni"),
    ({"references": [*TEN, "element:1"]}, "kling-image-o1", "at most 10 references, not 11", ""),
    ({"references": ["element:1"]}, "kling-image-2.1", "takes no elements", "kling-image-3.0"),
    ({"series": 3}, "kling-image-o1", "makes no series", "kling-image-3.0-omni"),
    ({"series": 10}, "kling-image-3.0-omni", "2-9 pictures, not 10", ""),
    ({"series": 3, "count": 2}, "kling-image-3.0-omni", "count is for single pictures", ""),
    ({"references": ["a"], "likeness": "face"}, "kling-image-3.0", "has no likeness", "kling-image-2.1"),
    ({"references": ["a"], "fidelity": 0.1}, "kling-image-o1", "has no fidelity", "kling-image-2.1"),
    ({"likeness": "face"}, "kling-image-2.1", "needs a picture", ""),
    ({"references": ["a"], "human_fidelity": 0.1}, "kling-image-2.1", "likeness=subject only", ""),
    ({"references": ["a"], "scene": "s"}, "kling-image-3.0-omni", "takes no scene", "kling-image-2.1"),
    ({"scene": "s"}, "kling-image-2.1", "", ""),
    ({"negative_prompt": "x"}, "kling-image-3.0-omni", "no negative_prompt here", "kling-image-3.0"),
    ({"negative_prompt": "x", "references": ["a"]}, "kling-image-3.0", "beside a picture", ""),
    ({"negative_prompt": "x" * 2501}, "kling-image-3.0", "2500 characters of negative_prompt", ""),
    ({"prompt": "x" * 2501}, "kling-image-3.0", "2500 characters of prompt", ""),
    ({"prompt": "x" * 2490 + " @1", "references": ["a"]}, "kling-image-3.0-omni", "2500 characters", ""),
    ({"prompt": "@2 flies", "references": ["a"]}, "kling-image-3.0-omni", "@2 names no reference: there are 1", ""),
]


@pytest.mark.parametrize(("arguments", "unable", "words", "able"), RULES)
@keeps("nothing-impossible")
def test_a_rule_refuses_and_names_who_can(arguments: dict[str, Any], unable: str, words: str, able: str) -> None:
    full = {"prompt": "a heron", **arguments}
    told = sentence("create_image", **full, model=unable)
    assert told
    assert words in told
    if able:
        assert able in told
        assert refused("create_image", **full, model=able) is None


#: What auto is told where one change would do: arguments -> words of the advice.
FIXES: list[tuple[dict[str, Any], str]] = [
    ({"resolution": "8k"}, "resolution=1k would work with kling-image-3.0"),
    ({"aspect_ratio": "5:4"}, "aspect_ratio=16:9 would work"),
    ({"prompt": "x" * 2600}, "A prompt of at most 2500 characters would work"),
    ({"series": 3, "count": 2}, "count=1 would work with kling-image-3.0-omni"),
    ({"likeness": "face"}, "Leaving out likeness would work"),
    ({"references": [*TEN, "element:1"]}, "At most 10 references would work with kling-image-3.0-omni"),
]


@pytest.mark.parametrize(("arguments", "advice"), FIXES)
def test_the_smallest_change_that_would_do_is_named(arguments: dict[str, Any], advice: str) -> None:
    error = refused("create_image", **{"prompt": "a heron", **arguments})
    assert error is not None
    assert advice in error.advice


def test_references_keep_their_order_and_elements_are_no_media() -> None:
    decided = planned("create_image", prompt="@2 on @1", references=["a.png", "element:42", "b.png"])
    assert isinstance(decided.spec, ImageSpec)
    assert decided.spec.references == (
        Reference(kind="image"),
        Reference(kind="element", element="42"),
        Reference(kind="image"),
    )
    assert [(i.role, i.text) for i in decided.inputs] == [("reference", "a.png"), ("reference", "b.png")]


@pytest.mark.parametrize(
    ("arguments", "roles", "count"),
    [
        ({"kind": "try_on", "references": ["person", "dress"]}, ["image", "garment"], 1),
        ({"kind": "views", "references": ["a"]}, ["image"], 1),
        ({"kind": "cutouts", "references": ["a"]}, ["image"], 1),
        ({"kind": "outpaint", "references": ["a"], "expand": [0.5, 0, 0, 0], "count": 3}, ["image"], 3),
        ({"prompt": "x", "references": ["a"], "scene": "s", "style": "t"}, ["reference", "scene", "style"], 1),
    ],
)
def test_each_kind_has_its_own_inputs_and_places(arguments: dict[str, Any], roles: list[str], count: int) -> None:
    decided = planned("create_image", **arguments)
    assert [i.role for i in decided.inputs] == roles
    assert (decided.slots, decided.spec.count) == (count, count)  # type: ignore[union-attr]
    assert all(i.limits is not None for i in decided.inputs)


@pytest.mark.parametrize(("series", "slots", "told"), [(5, 5, 5), (1, 9, "auto")])
def test_a_series_takes_a_place_for_each_picture(series: int, slots: int, told: int | str) -> None:
    decided = planned("create_image", prompt="x", series=series)
    assert isinstance(decided.spec, ImageSpec)
    assert (decided.slots, decided.spec.series) == (slots, told)


@pytest.mark.parametrize(
    ("expand", "words"),
    [
        ([0, 0, 0, 0], "no side grows"),
        ([1, 1, 0, 0], ""),
        ([1, 1, 0.1, 0], "3.30 times its area, and 3 times is the most"),
        ([2, 2, 2, 2], "25.00 times"),
        ([0, 0, 2, 0], ""),
    ],
)
@keeps("nothing-impossible")
def test_a_picture_grows_to_three_times_its_area_and_not_more(expand: list[float], words: str) -> None:
    told = sentence("create_image", kind="outpaint", references=["a"], expand=expand)
    assert words in told
    assert bool(told) is bool(words)


@pytest.mark.parametrize("kind", ["try_on", "views", "cutouts"])
def test_an_element_is_no_picture(kind: str) -> None:
    references = ["a.png", "element:1"] if kind == "try_on" else ["element:1"]
    assert "takes pictures, not elements" in sentence("create_image", kind=kind, references=references)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (picture(200, 200), "at least 300 px"),
        (picture(3000, 1000), "at most 2.5:1"),
        (film(), "this is a video"),
        (picture(300, 750), ""),
    ],
)
@keeps("nothing-impossible")
def test_a_picture_known_to_be_refused_is_not_sent(known: Any, words: str) -> None:
    told = sentence("create_image", {"a.png": known}, prompt="x", references=["a.png"])
    assert words in told
    assert bool(told) is bool(words)


def test_a_model_without_a_field_gets_no_value_for_it() -> None:
    several = spec_of(prompt="x", references=["a", "b"], model="kling-image-2.1")
    assert (several.resolution, several.aspect_ratio) == ("", "16:9")
    widened = spec_of(kind="outpaint", references=["a"], expand=[0, 0, 1, 0])
    assert (widened.resolution, widened.aspect_ratio, widened.expand) == ("", None, (0, 0, 1, 0))


def test_what_is_not_certain_is_said_in_notes() -> None:
    assert any("2 to 9" in n for n in planned("create_image", prompt="x", series=1).notes)
    assert any("made of pictures" in n for n in planned("create_image", prompt="x", references=["element:1"]).notes)
    faces = planned("create_image", prompt="x", references=["a"], likeness="face")
    assert any("one face" in n for n in faces.notes)


def test_auto_names_the_cheaper_model() -> None:
    notes = planned("create_image", prompt="a heron").notes
    assert notes[1] == "Cheaper: model=kling-image-2.1 for $0.014."


def test_every_argument_of_the_request_reaches_the_plan_or_is_refused() -> None:
    spec = spec_of(
        prompt="a heron",
        references=["a"],
        count=2,
        resolution="2k",
        aspect_ratio="3:2",
        likeness="subject",
        fidelity=0.2,
        human_fidelity=0.3,
    )
    assert (spec.count, spec.resolution, spec.aspect_ratio, spec.likeness) == (2, "2k", "3:2", "subject")
    assert (spec.image_fidelity, spec.human_fidelity) == (0.2, 0.3)
    assert CreateImage.model_fields.keys() >= {"fidelity", "human_fidelity"}

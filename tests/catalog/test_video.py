"""Which model makes which video, told anew from the fact sheet (kling-official 3.2, 3.3, 4.1-4.5) and compared."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from tests.catalog.asking import CATALOG, KEY, PAIR, ROUTES, film, picture, planned, refused, sentence
from tests.promises import keeps

from kling_tools.catalog.ask import either, spans
from kling_tools.catalog.data import VideoOffer
from kling_tools.model.errors import InvalidArguments
from kling_tools.model.inputs import ClipLimits
from kling_tools.model.plan import Standard
from kling_tools.model.specs import VideoSpec


@dataclass(frozen=True)
class Row:
    """A model's row of 3.2 and 3.3, and its name in 4.1 for the legacy route."""

    seconds: frozenset[int]
    plain_seconds: frozenset[int]
    resolutions: frozenset[str]
    sound: str  # none, choice, always
    sound_at: frozenset[str]
    last_frame_at: frozenset[str]
    last_frame_silent: bool
    legacy: str | None
    words_max: Mapping[Standard, int]
    picture_max: Mapping[Standard, int]


THREE_TO_15, THREE_TO_10, FIVE_OR_10 = frozenset(range(3, 16)), frozenset(range(3, 11)), frozenset({5, 10})
HD, ALL, FULL = frozenset({"720p", "1080p"}), frozenset({"720p", "1080p", "4k"}), frozenset({"1080p"})
NONE: frozenset[str] = frozenset()
LONG: Mapping[Standard, int] = {"standard": 3072, "legacy": 2500}
SHORT: Mapping[Standard, int] = {"standard": 2500, "legacy": 2500}

ROWS = {
    "kling-3.0-turbo": Row(THREE_TO_15, THREE_TO_15, HD, "always", HD, NONE, False, None, LONG, SHORT),
    "kling-3.0": Row(THREE_TO_15, THREE_TO_15, ALL, "choice", ALL, ALL, False, "kling-v3", LONG, LONG),
    "kling-3.0-omni": Row(THREE_TO_15, THREE_TO_15, ALL, "choice", ALL, ALL, False, "kling-v3-omni", LONG, LONG),
    "kling-o1": Row(THREE_TO_10, FIVE_OR_10, HD, "none", NONE, HD, False, "kling-video-o1", SHORT, SHORT),
    "kling-2.6": Row(FIVE_OR_10, FIVE_OR_10, HD, "choice", FULL, FULL, True, "kling-v2-6", SHORT, SHORT),
    "kling-2.5-turbo": Row(FIVE_OR_10, FIVE_OR_10, HD, "none", NONE, FULL, False, "kling-v2-5-turbo", SHORT, SHORT),
}

#: What is on which route.
SOLD: list[tuple[str, Standard]] = [
    (model, standard) for model, row in ROWS.items() for standard in ROUTES if standard == "standard" or row.legacy
]

FRAMES: dict[str, dict[str, Any]] = {
    "words": {},
    "first frame": {"image": "a.png"},
    "first and last frame": {"image": "a.png", "last_image": "b.png"},
}
CELLS = [
    {"seconds": seconds, "resolution": resolution, "frames": frames, **({} if audio is None else {"audio": audio})}
    for seconds, resolution, audio, frames in itertools.product(
        (2, 4, 5, 10, 11, 16), ("720p", "1080p", "4k"), (None, False, True), FRAMES
    )
]


def allowed(row: Row, standard: Standard, cell: dict[str, Any]) -> bool:
    """Say from the fact sheet whether a model does a cell on a route."""
    audio, last = cell.get("audio"), cell["frames"] == "first and last frame"
    return all(
        (
            standard == "standard" or row.legacy is not None,
            cell["seconds"] in (row.seconds if last else row.plain_seconds),
            cell["resolution"] in row.resolutions,
            not (audio is True and row.sound == "none"),
            not (audio is False and row.sound == "always"),
            not (audio is True and row.sound == "choice" and cell["resolution"] not in row.sound_at),
            not (last and cell["resolution"] not in row.last_frame_at),
            not (last and row.last_frame_silent and audio is True),
        )
    )


def asked(cell: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a cell as arguments."""
    arguments = {k: v for k, v in cell.items() if k != "frames"} | FRAMES[cell.get("frames", "words")]
    return {"prompt": "a heron lands", **arguments, **more}


def test_the_rows_here_are_all_that_make_videos() -> None:
    assert {m.id for m in CATALOG.models if any(isinstance(o, VideoOffer) for o in m.offer)} == set(ROWS)


@pytest.mark.parametrize("standard", ROUTES)
@pytest.mark.parametrize("model", ROWS)
@keeps("nothing-impossible")
def test_every_cell_is_allowed_or_refused_as_the_fact_sheet_says(model: str, standard: Standard) -> None:
    row, route = ROWS[model], ROUTES[standard]
    wrong = [
        cell
        for cell in CELLS
        if (refused("create_video", route=route, **asked(cell, model=model)) is None)
        is not allowed(row, standard, cell)
    ]
    assert wrong == []


@pytest.mark.parametrize("standard", ROUTES)
def test_auto_does_whatever_some_model_can_and_names_the_one_it_chose(standard: Standard) -> None:
    for cell in CELLS:
        able = {name for name, row in ROWS.items() if allowed(row, standard, cell)}
        if able:
            chosen = planned("create_video", route=ROUTES[standard], **asked(cell))
            assert chosen.model in able
            assert chosen.notes[0].startswith(f"auto chose {chosen.model} (")
        else:
            error = refused("create_video", route=ROUTES[standard], **asked(cell))
            assert error is not None
            assert error.message.startswith("No model can do this: ")


@pytest.mark.parametrize("standard", ROUTES)
@pytest.mark.parametrize("model", ["auto", *ROWS])
@keeps("nothing-impossible")
def test_what_a_refusal_suggests_is_accepted(model: str, standard: Standard) -> None:
    suggested = 0
    for cell in CELLS[::5]:
        arguments = asked(cell, model=model)
        error = refused("create_video", route=ROUTES[standard], **arguments)
        if error is None:
            continue
        for change in changes_named(error.advice, arguments):
            suggested += 1
            assert refused("create_video", route=ROUTES[standard], **(arguments | change)) is None, (
                arguments,
                error.advice,
            )
    assert suggested > 5


def changes_named(advice: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the arguments that a refusal's advice means."""
    if advice.startswith("As asked it works with "):
        named = re.findall(r"(kling-[\w.-]+) for", advice)
        assert named
        return [{"model": name} for name in named]
    if match := re.fullmatch(r"(.+) would work with (kling-[\w.-]+)\.", advice):
        return [{**change_named(match[1], arguments), "model": match[2]}]
    assert advice == "list_models shows what each model can do."
    return []


def change_named(words: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a suggestion means."""
    if words.startswith("Leaving out last_image"):
        return {"last_image": None}
    if match := re.fullmatch(r"A prompt of at most (\d+) characters", words):
        return {"prompt": arguments["prompt"][: int(match[1])]}
    name, _, value = words.partition("=")
    return {name: {"true": True, "false": False}.get(value, value)}


def test_one_fault_always_gets_a_suggestion() -> None:
    for change in ({"seconds": 2}, {"seconds": 60}, {"resolution": "4k", "model": "kling-2.6"}, {"prompt": "x" * 4000}):
        error = refused("create_video", **{"prompt": "a heron", **change})
        assert error is not None
        assert "would work with" in error.advice or "works with" in error.advice


@pytest.mark.parametrize(("model", "standard"), SOLD)
@keeps("nothing-impossible")
def test_a_prompt_may_be_as_long_as_the_fact_sheet_says_and_not_longer(model: str, standard: Standard) -> None:
    row = ROWS[model]
    # An API key opens the older standard as well, but reads the longer prompt of the newer one.
    for most, image in ((row.words_max[standard], None), (row.picture_max[standard], "a.png")):
        ask = {"image": image, "model": model, "route": ROUTES[standard]}
        assert refused("create_video", prompt="狐" * most, **ask) is None
        error = refused("create_video", prompt="狐" * (most + 1), **ask)
        assert error is not None
        assert f"{most} characters" in error.message


def test_a_plan_says_exactly_what_is_bought() -> None:
    decided = planned(
        "create_video", route=PAIR, prompt="a heron", model="kling-v3", seconds=7, resolution="4k", audio=True
    )
    spec = decided.spec
    assert isinstance(spec, VideoSpec)
    assert (decided.tool, decided.model, decided.wire_model) == ("create_video", "kling-3.0", "kling-v3")
    assert (decided.route, decided.standard, decided.slots) == (PAIR, "legacy", 1)
    assert (spec.product, spec.seconds, spec.resolution) == ("text-to-video", 7, "4k")
    assert (spec.audio, spec.aspect_ratio, spec.multi_shot) == ("native", "16:9", False)
    from_picture = planned("create_video", prompt="a heron", image="a.png")
    assert isinstance(from_picture.spec, VideoSpec)
    assert (from_picture.spec.product, from_picture.spec.aspect_ratio) == ("image-to-video", None)
    assert [(i.role, i.text) for i in from_picture.inputs] == [("first_frame", "a.png")]


@pytest.mark.parametrize("ratio", [{}, {"aspect_ratio": "auto"}, {"aspect_ratio": "9:16"}])
@pytest.mark.parametrize("more", [{}, {"references": ["b.png"]}])
@keeps("nothing-impossible")
def test_no_ratio_is_sent_beside_a_first_frame(ratio: dict[str, Any], more: dict[str, Any]) -> None:
    tall = {"a.png": picture(900, 1600)}
    spec = planned("create_video", tall, prompt="x", image="a.png", model="kling-3.0-omni", **ratio, **more).spec
    assert isinstance(spec, VideoSpec)
    assert (spec.product, spec.aspect_ratio) == ("omni-video", None)


@pytest.mark.parametrize(("route", "most"), [(KEY, 50_000_000), (PAIR, 10_000_000)])
def test_pictures_may_be_as_large_as_their_standard_allows(route: Any, most: int) -> None:
    limits = planned("create_video", route=route, prompt="a heron", image="a.png").inputs[0].limits
    assert limits is not None
    assert limits.max_bytes == most


@pytest.mark.parametrize(
    ("model", "audio", "multi_shot"),
    [
        ("kling-3.0-turbo", "always", None),
        ("kling-3.0", "off", False),
        ("kling-2.6", "off", None),
        ("kling-2.5-turbo", "none", None),
        ("kling-3.0-omni", "off", False),
        ("kling-o1", "off", None),
    ],
)
def test_fields_that_a_model_does_not_have_are_left_out_of_its_plan(
    model: str, audio: str, multi_shot: bool | None
) -> None:
    spec = planned("create_video", prompt="a heron", model=model).spec
    assert isinstance(spec, VideoSpec)
    assert (spec.audio, spec.multi_shot) == (audio, multi_shot)


def test_auto_takes_the_all_rounder_and_tells_of_a_cheaper_one() -> None:
    decided = planned("create_video", prompt="a heron")
    assert decided.model == "kling-3.0"
    assert decided.notes[1] == "Cheaper: model=kling-2.6 for $0.21."
    assert len(planned("create_video", prompt="a heron", seconds=4).notes) == 1
    assert planned("create_video", prompt="a heron", model="kling-3.0").notes == ()


@pytest.mark.parametrize("name", ["kling-3.0", "KLING-3.0", "kling-v3", "Kling 3.0"])
def test_a_model_is_found_by_any_of_its_names(name: str) -> None:
    assert CATALOG.find_model(name).id == "kling-3.0"


@pytest.mark.parametrize("name", ["", "kling-v1", "sora", "x\u202e" * 50])
def test_an_unknown_model_names_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        planned("create_video", prompt="a heron", model=name)
    assert all(known in caught.value.advice for known in ROWS)
    assert len(caught.value.message) < 120
    assert "\u202e" not in caught.value.message


@pytest.mark.parametrize("name", ["kling-4.0", "Kling 4.0 Flash"])
def test_a_model_that_is_off_is_known_and_says_how_to_switch_it_on(name: str) -> None:
    with pytest.raises(InvalidArguments, match="switched off") as caught:
        planned("create_video", prompt="a heron", model=name)
    assert "KLING_CATALOG" in caught.value.advice


def test_a_model_of_another_trade_says_what_it_does_not_do() -> None:
    assert "does not do" in sentence("create_video", prompt="a heron", model="kling-image-2.1")


def test_turbo_on_a_key_pair_says_which_credentials_it_needs() -> None:
    assert "KLING_API_KEY" in sentence("create_video", route=PAIR, prompt="a heron", model="kling-3.0-turbo")


def test_every_reason_is_told_at_once() -> None:
    told = sentence(
        "create_video",
        prompt="x",
        model="kling-2.5-turbo",
        seconds=7,
        resolution="4k",
        audio=True,
        image="a",
        last_image="b",
    )
    for words in ("5 or 10 s, not 7 s", "720p or 1080p, not 4k", "makes no sound", "last frame at 1080p only"):
        assert words in told


@pytest.mark.parametrize(
    ("size", "asked_ratio", "fits"),
    [
        ((1600, 900), "16:9", True),
        ((1600, 930), "16:9", True),
        ((1600, 1000), "16:9", False),
        ((900, 1600), "9:16", True),
        ((900, 1600), "16:9", False),
        ((1000, 1000), "1:1", True),
    ],
)
@keeps("nothing-impossible")
def test_a_ratio_that_the_picture_does_not_have_is_told(size: tuple[int, int], asked_ratio: str, fits: bool) -> None:
    told = sentence("create_video", {"a.png": picture(*size)}, prompt="x", image="a.png", aspect_ratio=asked_ratio)
    assert (told == "") is fits
    assert fits or f"{size[0]}x{size[1]}" in told


def test_a_ratio_nobody_asked_for_or_that_nobody_can_see_is_no_problem() -> None:
    assert sentence("create_video", {"a.png": picture(1000, 1000)}, prompt="x", image="a.png") == ""
    assert sentence("create_video", prompt="x", image="a.png", aspect_ratio="16:9") == ""


#: Voices, elements, references, older fields: (arguments, model that can, words of a refusal by another, that other).
MATRIX: list[tuple[dict[str, Any], str, str, str]] = [
    ({"image": "a", "voices": ["v"], "resolution": "1080p"}, "kling-2.6", "takes no voices here", "kling-3.0"),
    ({"image": "a", "references": ["element:1"]}, "kling-3.0", "takes no elements", "kling-2.6"),
    ({"references": ["a.png"]}, "kling-3.0-omni", "does not do omni-video", "kling-3.0"),
    ({"references": ["v.mp4"]}, "kling-o1", "does not do omni-video", "kling-2.6"),
    ({"shots": [{"prompt": "a", "seconds": 5}], "prompt": ""}, "kling-3.0-turbo", "one shot at a time", "kling-2.6"),
    ({"resolution": "4k"}, "kling-3.0-omni", "720p or 1080p, not 4k", "kling-o1"),
]


@pytest.mark.parametrize(("arguments", "able", "words", "unable"), MATRIX)
@keeps("nothing-impossible")
def test_a_rule_refuses_and_names_who_can(arguments: dict[str, Any], able: str, words: str, unable: str) -> None:
    sources = {"v.mp4": film(), "a.png": picture()}
    full = {"prompt": "a heron", **arguments}
    assert refused("create_video", sources, **full, model=able) is None
    told = sentence("create_video", sources, **full, model=unable)
    assert words in told
    assert able in told


#: The count matrix of 3.0 Omni (kling-official 3.2): pictures, elements, film elements, video, frame -> allowed.
OMNI = [
    (7, 0, 0, False, False, True),
    (8, 0, 0, False, False, False),
    (3, 4, 0, False, False, True),
    (4, 4, 0, False, False, False),
    (0, 0, 3, False, False, True),
    (0, 0, 4, False, False, False),
    (2, 2, 3, False, False, True),
    (3, 2, 2, False, False, False),
    (2, 2, 0, True, False, True),
    (3, 2, 0, True, False, False),
    (0, 3, 0, False, True, True),
    (0, 4, 0, False, True, False),
    (0, 0, 1, True, False, True),
    (0, 0, 2, True, False, False),
    (1, 0, 1, True, False, False),
    (0, 1, 1, True, False, False),
    (0, 3, 0, True, True, True),
    (0, 4, 0, True, True, False),
    (3, 0, 0, True, True, True),
    (4, 0, 0, True, True, False),
    (0, 0, 1, True, True, False),
]


@pytest.mark.parametrize(("pictures", "elements", "film_elements", "video", "frame", "fits"), OMNI)
@keeps("nothing-impossible")
def test_as_many_references_go_in_as_the_matrix_says(
    pictures: int, elements: int, film_elements: int, video: bool, frame: bool, fits: bool
) -> None:
    references = [f"{n}.png" for n in range(pictures)] + [f"element:{n}" for n in range(elements)]
    of_film = [f"element:9{n}" for n in range(film_elements)]
    references += of_film + (["v.mp4"] if video else [])
    sources = {**{f"{n}.png": picture() for n in range(pictures)}, "v.mp4": film(), **dict.fromkeys(of_film, film())}
    more = {"image": "first.png"} if frame else {}
    told = sentence("create_video", sources, prompt="x", model="kling-3.0-omni", references=references, **more)
    assert (told == "") is fits, told


#: What a video has to be like (kling-official 3.2, 11), the narrower of both standards.
CLIPS = {
    "kling-3.0-omni": ClipLimits(
        max_bytes=200_000_000,
        min_seconds=3,
        max_seconds=15,
        min_side=700,
        max_side=4553,
        max_area=8_294_400,
        min_ratio=0.4,
        max_ratio=2,
        min_fps=24,
        max_fps=60,
    ),
    "kling-o1": ClipLimits(
        max_bytes=200_000_000, min_seconds=3, max_seconds=10, min_side=720, max_side=2160, min_fps=24, max_fps=60
    ),
}


@pytest.mark.parametrize("model", CLIPS)
def test_a_video_that_goes_in_is_held_to_the_sheets_limits(model: str) -> None:
    edit = planned("edit_video", video="v.mp4", prompt="snow", model=model)
    reference = planned("create_video", {"v.mp4": film()}, prompt="x", references=["v.mp4"], model=model)
    assert edit.inputs[0].limits == reference.inputs[0].limits == CLIPS[model]
    too_long = film(seconds=CLIPS[model].max_seconds + 1)
    assert "s long" in sentence("edit_video", {"v.mp4": too_long}, video="v.mp4", prompt="snow", model=model)


def test_lists_read_as_people_write_them() -> None:
    assert [spans((3, 4, 5)), spans((5, 10)), spans((5,))] == ["3-5", "5 or 10", "5"]
    assert [either(["a", "b", "c"]), either(["a"]), either([])] == ["a, b or c", "a", ""]

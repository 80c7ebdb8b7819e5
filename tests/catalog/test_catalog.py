"""What Kling offers and costs, told anew from the fact sheet (kling-official 3.2, 4.2, 4.3, 10.2) and compared."""

from __future__ import annotations

import itertools
import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from pydantic import ValidationError
from tests.promises import keeps

from kling_tools.catalog import catalog
from kling_tools.catalog.catalog import find_model, models, plan, priced
from kling_tools.catalog.data import read_models, read_prices
from kling_tools.catalog.rules import either, ratio_problem, spans
from kling_tools.model.errors import Impossible, InvalidArguments
from kling_tools.model.media import Picture
from kling_tools.model.plan import Plan, Route, Standard
from kling_tools.model.requests import CreateVideo
from kling_tools.model.tasks import Charge

NEW, OLD = Route("kling", "standard"), Route("kling", "legacy")
ROUTES = {"standard": NEW, "legacy": OLD}

#: Dollars for one second, from the brackets of 10.2: (model, sound, resolution).
DOLLARS = {
    ("kling-3.0-turbo", "always", "720p"): "0.112",
    ("kling-3.0-turbo", "always", "1080p"): "0.14",
    ("kling-3.0", "off", "720p"): "0.084",
    ("kling-3.0", "off", "1080p"): "0.112",
    ("kling-3.0", "off", "4k"): "0.42",
    ("kling-3.0", "native", "720p"): "0.126",
    ("kling-3.0", "native", "1080p"): "0.168",
    ("kling-3.0", "native", "4k"): "0.42",
    ("kling-2.6", "off", "720p"): "0.042",
    ("kling-2.6", "off", "1080p"): "0.07",
    ("kling-2.6", "native", "1080p"): "0.14",
    ("kling-2.5-turbo", "none", "720p"): "0.042",
    ("kling-2.5-turbo", "none", "1080p"): "0.07",
}


@dataclass(frozen=True)
class Row:
    """A model's row of 3.2, and of 4.1 to 4.3 for the legacy route."""

    seconds: frozenset[int]
    resolutions: frozenset[str]
    sound: str  # none, choice, always
    sound_at: frozenset[str]
    last_frame_at: frozenset[str]
    last_frame_silent: bool
    legacy: str | None
    prompt: dict[tuple[str, Standard], int]


THREE_TO_15, FIVE_OR_10 = frozenset(range(3, 16)), frozenset({5, 10})
HD, ALL = frozenset({"720p", "1080p"}), frozenset({"720p", "1080p", "4k"})
FULL = frozenset({"1080p"})
NONE: frozenset[str] = frozenset()


def prompts(text: int, image: int) -> dict[tuple[str, Standard], int]:
    """Return the longest prompts; the legacy standard takes 2500 everywhere."""
    return {
        ("text", "standard"): text,
        ("image", "standard"): image,
        ("text", "legacy"): 2500,
        ("image", "legacy"): 2500,
    }


ROWS = {
    "kling-3.0-turbo": Row(THREE_TO_15, HD, "always", HD, NONE, False, None, prompts(3072, 2500)),
    "kling-3.0": Row(THREE_TO_15, ALL, "choice", ALL, ALL, False, "kling-v3", prompts(3072, 3072)),
    "kling-2.6": Row(FIVE_OR_10, HD, "choice", FULL, FULL, True, "kling-v2-6", prompts(2500, 2500)),
    "kling-2.5-turbo": Row(FIVE_OR_10, HD, "none", NONE, FULL, False, "kling-v2-5-turbo", prompts(2500, 2500)),
}

#: What is on which route.
SOLD = [(model, standard) for model, row in ROWS.items() for standard in ROUTES if standard == "standard" or row.legacy]

FRAMES: dict[str, dict[str, Any]] = {
    "words": {},
    "first frame": {"image": "a.png"},
    "first and last frame": {"image": "a.png", "last_image": "b.png"},
}
CELLS = [
    {"seconds": seconds, "resolution": resolution, "frames": frames, **({} if audio is None else {"audio": audio})}
    for seconds, resolution, audio, frames in itertools.product(
        range(1, 18), ("720p", "1080p", "4k"), (None, False, True), FRAMES
    )
]


def allowed(row: Row, standard: Standard, cell: dict[str, Any]) -> bool:
    """Say from the fact sheet whether a model does a cell on a route."""
    audio, last = cell.get("audio"), cell["frames"] == "first and last frame"
    return all(
        (
            standard == "standard" or row.legacy is not None,
            cell["seconds"] in row.seconds,
            cell["resolution"] in row.resolutions,
            not (audio is True and row.sound == "none"),
            not (audio is False and row.sound == "always"),
            not (audio is True and row.sound == "choice" and cell["resolution"] not in row.sound_at),
            not (last and cell["resolution"] not in row.last_frame_at),
            not (last and row.last_frame_silent and audio is True),
        )
    )


def asked(cell: dict[str, Any], **more: Any) -> CreateVideo:
    """Return a cell as a request."""
    arguments = {k: v for k, v in cell.items() if k != "frames"} | FRAMES[cell.get("frames", "words")]
    return CreateVideo(**{"prompt": "a heron lands", **arguments, **more})


def refusal(request: CreateVideo, route: Route) -> Impossible | None:
    """Return what a request is refused with, or nothing."""
    try:
        plan(request, route)
    except Impossible as error:
        return error
    return None


def test_the_rows_here_are_all_there_are() -> None:
    assert {m.id for m in models()} == set(ROWS)


@pytest.mark.parametrize("standard", ROUTES)
@pytest.mark.parametrize("model", ROWS)
@keeps("nothing-impossible")
def test_every_cell_is_allowed_or_refused_as_the_fact_sheet_says(model: str, standard: Standard) -> None:
    row, route = ROWS[model], ROUTES[standard]
    wrong = [
        cell for cell in CELLS if (refusal(asked(cell, model=model), route) is None) is not allowed(row, standard, cell)
    ]
    assert wrong == []


@pytest.mark.parametrize("standard", ROUTES)
def test_auto_does_whatever_some_model_can_and_names_the_one_it_chose(standard: Standard) -> None:
    for cell in CELLS:
        able = {name for name, row in ROWS.items() if allowed(row, standard, cell)}
        request = asked(cell)
        if able:
            chosen = plan(request, ROUTES[standard])
            assert chosen.model in able
            assert chosen.notes[0].startswith(f"auto chose {chosen.model} (")
        else:
            error = refusal(request, ROUTES[standard])
            assert error is not None
            assert error.message.startswith("No model can do this: ")


@pytest.mark.parametrize("standard", ROUTES)
@pytest.mark.parametrize("model", [None, *ROWS])
@keeps("nothing-impossible")
def test_what_a_refusal_suggests_is_accepted(model: str | None, standard: Standard) -> None:
    suggested = 0
    for cell in CELLS:
        request = asked(cell, **({"model": model} if model else {}))
        error = refusal(request, ROUTES[standard])
        if error is None:
            continue
        assert error.message
        if error.advice.startswith("As asked it works with "):
            named = re.findall(r"(kling-[\w.-]+) for", error.advice)
            assert named
            changes: list[dict[str, Any]] = [{"model": name} for name in named]
        elif match := re.fullmatch(r"(.+) would work with (kling-[\w.-]+)\.", error.advice):
            changes = [{**change_named(match[1], request), "model": match[2]}]
        else:
            assert error.advice == "list_models shows what each model can do."
            continue
        for change in changes:
            suggested += 1
            arguments = request.model_dump(exclude_unset=True) | change
            assert refusal(CreateVideo(**arguments), ROUTES[standard]) is None, (arguments, error.advice)
    assert suggested > 100


def change_named(words: str, request: CreateVideo) -> dict[str, Any]:
    """Return the arguments that a suggestion means."""
    if words == "Leaving out last_image":
        return {"last_image": None}
    if match := re.fullmatch(r"A prompt of at most (\d+) characters", words):
        return {"prompt": request.prompt[: int(match[1])]}
    name, _, value = words.partition("=")
    return {name: {"true": True, "false": False}.get(value, value)}


def test_one_fault_always_gets_a_suggestion() -> None:
    for change in ({"seconds": 2}, {"seconds": 60}, {"resolution": "4k", "model": "kling-2.6"}, {"prompt": "x" * 4000}):
        error = refusal(CreateVideo(**{"prompt": "a heron", **change}), NEW)
        assert error is not None
        assert "would work with" in error.advice or "works with" in error.advice


@pytest.mark.parametrize(("model", "standard"), SOLD)
@keeps("nothing-impossible")
def test_a_prompt_may_be_as_long_as_the_fact_sheet_says_and_not_longer(model: str, standard: Standard) -> None:
    row = ROWS[model]
    for kind, image in (("text", None), ("image", "a.png")):
        most = row.prompt[kind, standard]  # type: ignore[index]
        assert refusal(CreateVideo(prompt="狐" * most, image=image, model=model), ROUTES[standard]) is None
        error = refusal(CreateVideo(prompt="狐" * (most + 1), image=image, model=model), ROUTES[standard])
        assert error is not None
        assert f"{most} characters" in error.message


@pytest.mark.parametrize(("cell", "dollars"), DOLLARS.items(), ids=[" ".join(c) for c in DOLLARS])
@keeps("within-budget")
def test_every_price_is_the_published_one_to_the_cent(cell: tuple[str, str, str], dollars: str) -> None:
    model, sound, resolution = cell
    row = ROWS[model]
    routes = [ROUTES[standard] for name, standard in SOLD if name == model]
    for seconds, image, route in itertools.product(sorted(row.seconds), (None, "a.png"), routes):
        audio: dict[str, Any] = {"audio": sound == "native"} if sound in {"off", "native"} else {}
        request = CreateVideo(
            prompt="x",
            model=model,
            resolution=resolution,
            seconds=seconds,
            image=image,
            **audio,  # type: ignore[arg-type]
        )
        price = plan(request, route).price
        assert price.basis == "exact"
        assert price.usd == price.most == Decimal(dollars) * seconds
        assert price.units is not None
        assert price.units * Decimal("0.14") == price.usd
        assert "2026" in price.source


def test_nothing_that_can_be_asked_for_is_without_a_price() -> None:
    priced_cells = {(model, row_sound, resolution) for model, row_sound, resolution in DOLLARS}
    for name, row in ROWS.items():
        for resolution in row.resolutions:
            sounds = {row.sound} if row.sound in {"always", "none"} else {"off"}
            sounds = sounds | ({"native"} if row.sound == "choice" and resolution in row.sound_at else set())
            assert {(name, sound, resolution) for sound in sounds} <= priced_cells
    assert {(r.model, r.audio, r.resolution) for r in read_prices().price} == priced_cells


def test_a_plan_says_exactly_what_is_bought() -> None:
    decided = plan(CreateVideo(prompt="a heron", model="kling-v3", seconds=7, resolution="4k", audio=True), OLD)
    assert isinstance(decided, Plan)
    assert (decided.model, decided.wire_model, decided.route) == ("kling-3.0", "kling-v3", OLD)
    assert (decided.effect, decided.seconds, decided.resolution) == ("text-to-video", 7, "4k")
    assert (decided.audio, decided.aspect_ratio, decided.multi_shot) == ("native", "16:9", False)
    assert decided.image_limits.max_bytes == 10_000_000
    from_picture = plan(CreateVideo(prompt="a heron", image="a.png"), NEW)
    assert (from_picture.effect, from_picture.aspect_ratio) == ("image-to-video", None)
    assert from_picture.image_limits.max_bytes == 50_000_000
    turbo = plan(CreateVideo(prompt="a heron", model="kling-3.0-turbo"), NEW)
    assert (turbo.audio, turbo.multi_shot) == ("always", None)
    silent = plan(CreateVideo(prompt="a heron", model="kling-2.5-turbo", audio=False), OLD)
    assert (silent.audio, silent.multi_shot) == ("none", None)


def test_auto_takes_the_all_rounder_and_tells_of_a_cheaper_one() -> None:
    decided = plan(CreateVideo(prompt="a heron"), NEW)
    assert decided.model == "kling-3.0"
    assert decided.notes[1] == "Cheaper: model=kling-2.6 for $0.21."
    assert len(plan(CreateVideo(prompt="a heron", seconds=4), NEW).notes) == 1
    assert plan(CreateVideo(prompt="a heron", model="kling-3.0"), NEW).notes == ()


@pytest.mark.parametrize("name", ["kling-3.0", "KLING-3.0", "kling-v3", "Kling 3.0"])
def test_a_model_is_found_by_any_of_its_names(name: str) -> None:
    assert find_model(name).id == "kling-3.0"


@pytest.mark.parametrize("name", ["", "kling-v1", "kling-4.0", "sora", "x\u202e" * 100])
def test_an_unknown_model_names_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        plan(CreateVideo(prompt="a heron", model=name), NEW)
    assert all(known in caught.value.advice for known in ROWS)
    assert len(caught.value.message) < 120
    assert "\u202e" not in caught.value.message


def test_turbo_on_a_key_pair_says_which_credentials_it_needs() -> None:
    error = refusal(CreateVideo(prompt="a heron", model="kling-3.0-turbo"), OLD)
    assert error is not None
    assert "KLING_API_KEY" in error.message


def test_every_reason_is_told_at_once() -> None:
    error = refusal(
        CreateVideo(
            prompt="x", model="kling-2.5-turbo", seconds=7, resolution="4k", audio=True, image="a", last_image="b"
        ),
        NEW,
    )
    assert error is not None
    for words in ("5 or 10 s, not 7 s", "720p or 1080p, not 4k", "makes no sound", "last frame at 1080p only"):
        assert words in error.message


def test_a_charge_in_units_gets_its_dollars_and_money_stays_money() -> None:
    assert priced(Charge(units=Decimal("2.4"))) == Charge(units=Decimal("2.4"), usd=Decimal("0.336"))
    assert priced(Charge(usd=Decimal(1))) == Charge(usd=Decimal(1))
    assert priced(Charge()) == Charge()
    assert priced(None) is None


@pytest.mark.parametrize("name", ["models.toml", "prices.toml"])
def test_every_data_file_says_when_and_where_it_was_read(name: str) -> None:
    table = tomllib.loads(files("kling_tools.catalog").joinpath(name).read_text("utf-8"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", table["checked"])
    assert "kling.ai" in table["source"]


@pytest.mark.parametrize("told", [{}, {"standard": 2500}, {"standard": 2500, "legacy": 2500, "other": 1}])
def test_a_row_that_leaves_a_standards_prompt_open_fails_on_load(told: dict[str, int]) -> None:
    row = read_models().model[0].model_dump()
    row["offer"][0]["prompt_max"] = told
    with pytest.raises(ValidationError, match="prompt_max"):
        type(read_models().model[0]).model_validate(row)


def test_the_data_hangs_together() -> None:
    known = {m.id for m in read_models().model}
    assert {row.model for row in read_prices().price} <= known
    names = [n for m in read_models().model for n in {m.id, m.standard, m.legacy} if n]
    assert len(names) == len(set(names))
    assert len({m.auto_rank for m in read_models().model}) == len(known)
    assert all(row.units > 0 for row in read_prices().price)


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
    picture = Picture(data=b"", width=size[0], height=size[1], mime="image/png")
    request = CreateVideo(prompt="x", image="a.png", aspect_ratio=asked_ratio)  # type: ignore[arg-type]
    problem = ratio_problem(plan(request, NEW), request, picture)
    assert (problem is None) is fits
    assert problem is None or f"{size[0]}x{size[1]}" in problem


def test_a_ratio_nobody_asked_for_or_that_nobody_can_see_is_no_problem() -> None:
    left = CreateVideo(prompt="x", image="a.png")
    square = Picture(data=b"", width=1000, height=1000, mime="image/png")
    assert ratio_problem(plan(left, NEW), left, square) is None
    chosen = CreateVideo(prompt="x", image="a.png", aspect_ratio="16:9")
    assert ratio_problem(plan(chosen, NEW), chosen, Picture(url="https://a.test/a.png")) is None


def test_lists_read_as_people_write_them() -> None:
    assert [spans((3, 4, 5)), spans((5, 10)), spans((5,))] == ["3-5", "5 or 10", "5"]
    assert [either(["a", "b", "c"]), either(["a"]), either([])] == ["a, b or c", "a", ""]


def test_the_catalogue_prefers_what_it_says() -> None:
    assert catalog.models()[0].id == "kling-3.0"

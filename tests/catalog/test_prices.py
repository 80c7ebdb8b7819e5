"""Every published price, written down anew from the fact sheet (kling-official 10.2, 10.3) and asked for."""

from __future__ import annotations

import itertools
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from tests.catalog.asking import CATALOG, KEY, PAIR, film, planned, sound
from tests.promises import keeps

from kling_tools.catalog.data import VideoOffer

#: Dollars for one second of a new video: (model, sound asked for, resolution).
SECONDS: dict[tuple[str, bool | None, str], str] = {
    ("kling-3.0-turbo", None, "720p"): "0.112",
    ("kling-3.0-turbo", True, "1080p"): "0.14",
    ("kling-3.0", False, "720p"): "0.084",
    ("kling-3.0", False, "1080p"): "0.112",
    ("kling-3.0", False, "4k"): "0.42",
    ("kling-3.0", True, "720p"): "0.126",
    ("kling-3.0", True, "1080p"): "0.168",
    ("kling-3.0", True, "4k"): "0.42",
    ("kling-3.0-omni", False, "720p"): "0.084",
    ("kling-3.0-omni", False, "1080p"): "0.112",
    ("kling-3.0-omni", False, "4k"): "0.42",
    ("kling-3.0-omni", True, "720p"): "0.112",
    ("kling-3.0-omni", True, "1080p"): "0.14",
    ("kling-3.0-omni", True, "4k"): "0.42",
    ("kling-o1", False, "720p"): "0.084",
    ("kling-o1", False, "1080p"): "0.112",
    ("kling-2.6", False, "720p"): "0.042",
    ("kling-2.6", False, "1080p"): "0.07",
    ("kling-2.6", True, "1080p"): "0.14",
    ("kling-2.5-turbo", False, "720p"): "0.042",
    ("kling-2.5-turbo", False, "1080p"): "0.07",
}


@pytest.mark.parametrize(("cell", "dollars"), SECONDS.items(), ids=str)
@keeps("within-budget")
def test_every_second_costs_what_is_published(cell: tuple[str, bool | None, str], dollars: str) -> None:
    model, audio, resolution = cell
    known = CATALOG.find_model(model)
    product = known.offers("text-to-video") or known.offers("omni-video")
    assert isinstance(product, VideoOffer)
    routes = [KEY, PAIR] if "legacy" in known.names else [KEY]
    for seconds, image, route in itertools.product(product.plain_seconds or product.seconds, (None, "a.png"), routes):
        arguments: dict[str, Any] = {} if audio is None else {"audio": audio}
        price = planned(
            "create_video",
            route=route,
            prompt="x",
            model=model,
            resolution=resolution,
            seconds=seconds,
            image=image,
            **arguments,
        ).price
        assert price.basis == "exact"
        assert price.usd == price.most == Decimal(dollars) * seconds
        assert price.units is not None
        assert price.units * Decimal("0.14") == price.usd
        assert (price.unit_usd, "2026" in price.source) == (Decimal("0.14"), True)


MEDIA = {"v.mp4": film(5.0), "a.mp3": sound(10.0)}
PICTURES = ["a.png", "b.png"]
#: The other rows: tool, arguments, dollars at least and at most.
OTHERS: list[tuple[str, dict[str, Any], str, str]] = [
    # A video that goes in, by the second that comes out.
    *(
        ("create_video", {"model": model, "references": ["v.mp4"], "resolution": r, "prompt": "x"}, usd, usd)
        for model, r, usd in (
            ("kling-3.0-omni", "720p", "0.63"),
            ("kling-3.0-omni", "1080p", "0.84"),
            ("kling-3.0-omni", "4k", "2.1"),
            ("kling-o1", "720p", "0.63"),
            ("kling-o1", "1080p", "0.84"),
        )
    ),
    ("edit_video", {"model": "kling-3.0-omni", "video": "v.mp4", "prompt": "x"}, "0.63", "0.63"),
    ("edit_video", {"model": "kling-o1", "video": "v.mp4", "prompt": "x", "resolution": "1080p"}, "0.84", "0.84"),
    # Chosen voices.
    ("create_video", {"image": "a", "voices": ["1"], "resolution": "1080p", "prompt": "x"}, "0.84", "0.84"),
    # Motion control.
    ("transfer_motion", {"model": "kling-3.0", "image": "a", "video": "v.mp4"}, "0.63", "0.63"),
    ("transfer_motion", {"model": "kling-3.0", "image": "a", "video": "v.mp4", "resolution": "1080p"}, "0.84", "0.84"),
    ("transfer_motion", {"model": "kling-2.6", "image": "a", "video": "v.mp4"}, "0.35", "0.35"),
    ("transfer_motion", {"model": "kling-2.6", "image": "a", "video": "v.mp4", "resolution": "1080p"}, "0.56", "0.56"),
    ("transfer_motion", {"model": "kling-2.6", "image": "a", "video": "https://a.test/v.mp4"}, "0.21", "2.1"),
    # Talking portraits, with the speech where words are given.
    ("create_avatar", {"image": "a", "audio": "a.mp3"}, "0.56", "0.56"),
    ("create_avatar", {"image": "a", "audio": "a.mp3", "resolution": "1080p"}, "1.12", "1.12"),
    ("create_avatar", {"image": "a", "text": "x" * 150}, "0.399", "0.847"),
    # Lip-sync: a look for faces, each begun five seconds, the speech where words are given.
    ("lip_sync", {"video": "v.mp4", "audio": "a.mp3"}, "0.077", "0.077"),
    ("lip_sync", {"video": "v.mp4", "text": "a heron lands on the lake"}, "0.084", "0.084"),
    ("lip_sync", {"video": "https://a.test/v.mp4", "audio": "a.mp3"}, "0.077", "0.847"),
    # Calls.
    ("create_speech", {"text": "hello"}, "0.007", "0.007"),
    ("add_sound", {"prompt": "rain"}, "0.035", "0.035"),
    ("add_sound", {"video": "v.mp4"}, "0.035", "0.035"),
    ("create_voice", {"name": "x", "sample": "a.mp3"}, "0.007", "0.007"),
    ("create_element", {"name": "x", "description": "y", "images": PICTURES}, "0", "0"),
    # Pictures.
    ("create_image", {"model": "kling-image-3.0", "prompt": "x"}, "0.028", "0.028"),
    ("create_image", {"model": "kling-image-3.0", "prompt": "x", "resolution": "2k", "count": 9}, "0.252", "0.252"),
    ("create_image", {"model": "kling-image-3.0", "prompt": "x", "references": ["a.png"]}, "0.028", "0.028"),
    ("create_image", {"model": "kling-image-3.0-omni", "prompt": "x"}, "0.028", "0.028"),
    ("create_image", {"model": "kling-image-3.0-omni", "prompt": "x", "references": PICTURES}, "0.028", "0.028"),
    ("create_image", {"model": "kling-image-3.0-omni", "prompt": "x", "resolution": "4k"}, "0.056", "0.056"),
    ("create_image", {"prompt": "x", "resolution": "4k", "references": PICTURES}, "0.056", "0.056"),
    ("create_image", {"model": "kling-image-3.0-omni", "prompt": "x", "series": 4}, "0.112", "0.112"),
    ("create_image", {"model": "kling-image-3.0-omni", "prompt": "x", "series": 1}, "0.056", "0.252"),
    ("create_image", {"model": "kling-image-o1", "prompt": "x"}, "0.028", "0.028"),
    ("create_image", {"model": "kling-image-o1", "prompt": "x", "references": PICTURES}, "0.028", "0.028"),
    ("create_image", {"model": "kling-image-2.1", "prompt": "x"}, "0.014", "0.014"),
    ("create_image", {"model": "kling-image-2.1", "prompt": "x", "references": ["a.png"]}, "0.028", "0.028"),
    ("create_image", {"model": "kling-image-2.1", "prompt": "x", "references": PICTURES, "count": 2}, "0.112", "0.112"),
    ("create_image", {"kind": "outpaint", "references": ["a.png"], "expand": [0, 0, 1, 1]}, "0.028", "0.028"),
    ("create_image", {"kind": "views", "references": ["a.png"]}, "0.07", "0.07"),
    ("create_image", {"kind": "cutouts", "references": ["a.png"]}, "0.014", "0.014"),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "arguments", "least", "most"), OTHERS)
@keeps("within-budget")
def test_everything_else_costs_what_is_published(tool: str, arguments: dict[str, Any], least: str, most: str) -> None:
    price = planned(tool, MEDIA, **arguments).price
    assert (price.usd, price.most) == (Decimal(least), Decimal(most))
    if price.units is not None:
        assert price.unit_usd is not None
        assert price.units * price.unit_usd == price.usd


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("apply_effect", {"scene": "bullet_time_360", "images": ["a.png"]}),
        ("create_image", {"kind": "try_on", "references": PICTURES}),
    ],
)
@keeps("within-budget")
def test_what_nobody_has_published_is_unknown_and_not_free(tool: str, arguments: dict[str, Any]) -> None:
    price = planned(tool, **arguments).price
    assert (price.basis, price.usd, price.most) == ("unknown", None, None)


@pytest.mark.parametrize(
    ("tool", "arguments", "basis"),
    [
        ("transfer_motion", {"image": "a", "video": "v.mp4"}, "estimate"),
        ("edit_video", {"video": "v.mp4", "prompt": "x"}, "estimate"),
        ("create_avatar", {"image": "a", "audio": "a.mp3"}, "estimate"),
        ("lip_sync", {"video": "v.mp4", "audio": "a.mp3"}, "estimate"),
        ("create_speech", {"text": "hello"}, "exact"),
        ("create_image", {"prompt": "x"}, "exact"),
    ],
)
def test_what_follows_a_length_is_an_estimate_even_where_the_figures_agree(
    tool: str, arguments: dict[str, Any], basis: str
) -> None:
    assert planned(tool, MEDIA, **arguments).price.basis == basis


@keeps("within-budget")
def test_a_clip_that_may_begin_another_five_seconds_is_held_at_the_higher_price() -> None:
    price = planned("lip_sync", {"v.mp4": film(5.04), "a.mp3": sound(4.0)}, video="v.mp4", audio="a.mp3").price
    assert (price.usd, price.most) == (Decimal("0.077"), Decimal("0.147"))


@pytest.mark.parametrize("seconds", [5.04, 5.4, 10.5])
@pytest.mark.parametrize(
    "arguments",
    [
        {"tool": "edit_video", "model": "kling-3.0-omni", "prompt": "x"},
        {"tool": "transfer_motion", "model": "kling-3.0", "image": "a.png"},
    ],
    ids=["edited", "moved"],
)
@keeps("within-budget")
def test_a_second_that_is_begun_is_held(arguments: dict[str, Any], seconds: float) -> None:
    price = planned(sources={"v.mp4": film(seconds)}, video="v.mp4", **arguments).price
    assert price.most is not None
    assert price.most >= Decimal(str(seconds)) * Decimal("0.126")


#: What there is beside seconds of new videos: model -> ways and how many rows.
LEFT = {
    "kling-3.0": {"motion": 2},
    "kling-2.6": {"voice": 1, "motion": 2},
    "kling-3.0-omni": {"video-in": 3},
    "kling-o1": {"video-in": 2},
    "kling-avatar": {"use": 2},
    "kling-lip-sync": {"use": 1, "faces": 1},
    **{model: {"use": 1} for model in ("kling-speech", "kling-sound", "kling-voice", "kling-element")},
    **{model: {"use": 1} for model in ("kling-cutouts", "kling-outpaint", "kling-views")},
    "kling-image-3.0": {"text": 1, "image": 1},
    "kling-image-3.0-omni": {"text": 2, "image": 2},
    "kling-image-o1": {"text": 1, "image": 1},
    "kling-image-2.1": {"text": 1, "image": 1, "several": 1},
}


def test_the_table_has_these_rows_and_no_others_but_what_third_parties_tell() -> None:
    asked = {(m, "audio" if a or m == "kling-3.0-turbo" else "silent", r) for m, a, r in SECONDS}
    own = [row for row in CATALOG.tables.price if row.units is not None]
    assert {row.key for row in own if row.feature in {"silent", "audio"}} == asked
    left = Counter((row.model, row.feature) for row in own if row.feature not in {"silent", "audio"})
    assert left == {(model, feature): n for model, ways in LEFT.items() for feature, n in ways.items()}
    others = {row.model for row in CATALOG.tables.price if row.usd is not None}
    assert others == {m.id for m in CATALOG.tables.model if not m.enabled}


def test_every_way_that_a_model_offers_has_its_price() -> None:
    without = [
        (model.id, feature, resolution)
        for model in CATALOG.models
        for offer in model.offer
        if isinstance(offer, VideoOffer)
        for resolution in offer.resolutions
        for feature in ways_of(offer, resolution)
        if CATALOG.row(model.id, feature, resolution) is None
    ]
    assert without == []


def ways_of(offer: VideoOffer, resolution: str) -> list[str]:
    """Return the price table's words for what an offer does at a resolution."""
    found = ["audio"] if offer.audio == "always" else ["silent"]
    if offer.audio == "optional" and resolution in offer.audio_resolutions:
        found += ["audio"] + (["voice"] if offer.voices else [])
    return found + (["video-in"] if offer.feature_video else [])

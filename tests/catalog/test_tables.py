"""The shipped tables against the fact sheet (kling-official 6.7, 11, 16), and rows that must not load."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from pydantic import ValidationError
from tests.catalog.asking import CATALOG

from kling_tools.catalog.data import ImageOffer, Model, MotionOffer, PriceRow, ServiceOffer, VideoOffer
from kling_tools.model.inputs import ClipLimits, SoundLimits

TABLES = CATALOG.tables

#: Section 16, the living rows: model -> its names and products.
SOLD: dict[str, tuple[dict[str, str], set[str]]] = {
    "kling-3.0-turbo": ({"standard": "kling-3.0-turbo"}, {"text-to-video", "image-to-video"}),
    "kling-3.0": (
        {"standard": "kling-3.0", "legacy": "kling-v3"},
        {"text-to-video", "image-to-video", "motion-control"},
    ),
    "kling-3.0-omni": ({"standard": "kling-3.0-omni", "legacy": "kling-v3-omni"}, {"omni-video"}),
    "kling-o1": ({"standard": "kling-o1", "legacy": "kling-video-o1"}, {"omni-video"}),
    "kling-2.6": (
        {"standard": "kling-2.6", "legacy": "kling-v2-6"},
        {"text-to-video", "image-to-video", "motion-control"},
    ),
    "kling-2.5-turbo": (
        {"standard": "kling-2.5-turbo", "legacy": "kling-v2-5-turbo"},
        {"text-to-video", "image-to-video"},
    ),
    "kling-image-3.0": ({"legacy": "kling-v3"}, {"image"}),
    "kling-image-3.0-omni": ({"legacy": "kling-v3-omni"}, {"omni-image"}),
    "kling-image-o1": ({"legacy": "kling-image-o1"}, {"omni-image"}),
    "kling-image-2.1": ({"legacy": "kling-v2-1"}, {"image", "multi-image"}),
    "kling-outpaint": ({"legacy": ""}, {"outpaint"}),
    "kling-try-on": ({"legacy": "kolors-virtual-try-on-v1-5"}, {"try-on"}),
    "kling-views": ({"legacy": ""}, {"views"}),
    "kling-cutouts": ({"legacy": ""}, {"cutouts"}),
    "kling-lip-sync": ({"legacy": ""}, {"lip-sync"}),
    "kling-avatar": ({"legacy": ""}, {"avatar"}),
    "kling-effects": ({"legacy": ""}, {"effects"}),
    "kling-speech": ({"legacy": ""}, {"speech"}),
    "kling-sound": ({"legacy": ""}, {"sound-from-text", "sound-from-video"}),
    "kling-element": ({"legacy": ""}, {"element"}),
    "kling-voice": ({"legacy": ""}, {"voice"}),
}


def test_everything_that_lives_is_sold_under_its_names_and_nothing_else() -> None:
    assert {m.id: (dict(m.names), {o.product for o in m.offer}) for m in CATALOG.models} == SOLD


def test_what_is_known_from_others_only_is_off_and_has_no_names() -> None:
    off = [m for m in TABLES.model if not m.enabled]
    assert {m.id for m in off} == {"kling-4.0", "kling-4.0-flash", "kling-image-4.0"}
    assert all(not m.names and "not Kling's own pages" in m.source for m in off)


def test_every_row_says_when_and_where_it_was_read() -> None:
    for model in TABLES.model:
        assert re.fullmatch(r"202[56]-\d\d-\d\d", model.checked), model.id
        assert model.source
    for name in ("models.toml", "prices.toml"):
        table = tomllib.loads(files("kling_tools.catalog").joinpath(name).read_text("utf-8"))
        assert table["checked"] == "2026-09-20"
        assert "kling.ai" in table["source"]


def test_the_data_hangs_together() -> None:
    videos = [m for m in TABLES.model if any(isinstance(o, VideoOffer) for o in m.offer)]
    names = [n for m in videos for n in {m.id, *m.names.values()} if n]
    assert len(names) == len(set(names))
    assert len({m.auto_rank for m in TABLES.model}) == len(TABLES.model)
    assert TABLES.unit_usd == {"video": Decimal("0.14"), "image": Decimal("0.0035")}


#: Capability map of pictures (6.7): resolutions, auto ratio, elements, several pictures, series, likeness.
IMAGES = {
    "kling-image-3.0": ({"1k", "2k"}, False, True, False, False, False),
    "kling-image-3.0-omni": ({"1k", "2k", "4k"}, True, True, True, True, False),
    "kling-image-o1": ({"1k", "2k"}, True, True, True, False, False),
    "kling-image-2.1": ({"1k", "2k"}, False, False, True, False, True),
}
EIGHT = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")


@pytest.mark.parametrize("name", IMAGES)
def test_pictures_are_as_the_capability_map_has_them(name: str) -> None:
    offers = [o for o in CATALOG.find_model(name).offer if isinstance(o, ImageOffer)]
    assert (
        {r for o in offers for r in o.resolutions},
        any(o.auto_ratio for o in offers),
        any(o.elements for o in offers),
        any(o.pictures > 1 for o in offers),
        any(o.series for o in offers),
        any(o.likeness for o in offers),
    ) == IMAGES[name]
    assert all(o.aspect_ratios == EIGHT and o.count == 9 and o.prompt_max == {"legacy": 2500} for o in offers)


def service(product: Any) -> ServiceOffer:
    """Return a service's row."""
    found = next(o for m in CATALOG.models for o in m.offer if o.product == product)
    assert isinstance(found, ServiceOffer)
    return found


#: Section 11: what goes in as video.
CLIPS = {
    "lip-sync": ClipLimits(max_bytes=100_000_000, min_seconds=2, max_seconds=60, min_side=512, max_side=2160),
    "sound-from-video": ClipLimits(max_bytes=100_000_000, min_seconds=3, max_seconds=20, min_side=1, max_side=100_000),
    "element": ClipLimits(
        max_bytes=200_000_000, min_seconds=3, max_seconds=8, min_side=1080, max_side=1920, ratios=("16:9", "9:16")
    ),
}
#: Section 11: what goes in as sound.
SOUNDS = {
    "lip-sync": SoundLimits(max_bytes=5_000_000, min_seconds=2, max_seconds=60),
    "avatar": SoundLimits(max_bytes=5_000_000, min_seconds=2, max_seconds=300),
    "voice": SoundLimits(max_bytes=100_000_000, min_seconds=5, max_seconds=30, formats=("mp3", "wav")),
}


def test_what_goes_into_services_is_limited_as_the_sheet_says() -> None:
    assert {product: service(product).video for product in CLIPS} == CLIPS
    assert {product: service(product).audio for product in SOUNDS} == SOUNDS
    for model in ("kling-3.0", "kling-2.6"):
        motion = CATALOG.find_model(model).offers("motion-control")
        assert isinstance(motion, MotionOffer)
        assert motion.video == ClipLimits(
            max_bytes=100_000_000, min_seconds=3, max_seconds=30, min_side=340, max_side=3850
        )
        assert (motion.image_seconds, motion.elements) == (10, 1 if model == "kling-3.0" else 0)


def test_the_scenes_and_voices_are_those_of_the_appendices() -> None:
    scenes, voices = service("effects").scenes, service("speech").known
    assert list(scenes.values()).count(2) == 15
    assert list(scenes.values()).count(1) == 203
    assert (scenes["hug_pro"], scenes["3d_cartoon_2"]) == (2, 1)
    assert not {"hug", "kiss", "celebration", "magic_match_tree"} & set(scenes)
    assert len([v for v in voices if v.startswith("en:")]) == 27
    assert len([v for v in voices if v.startswith("zh:")]) == 34
    assert len(set(voices)) == len(voices)


def row(name: str = "kling-3.0", **changes: Any) -> dict[str, Any]:
    """Return a shipped model's row with changes."""
    return {**CATALOG.find_model(name).model_dump(), **changes}


@pytest.mark.parametrize("told", [{}, {"standard": 2500}, {"standard": 2500, "legacy": 2500, "other": 1}])
def test_a_row_that_leaves_a_standards_prompt_open_fails_on_load(told: dict[str, int]) -> None:
    changed = row()
    changed["offer"][0]["prompt_max"] = told
    with pytest.raises(ValidationError, match="prompt_max"):
        Model.model_validate(changed)


@pytest.mark.parametrize("price", [{}, {"units": "1", "usd": "1"}, {"units": "-1"}, {"usd": "NaN"}, {"units": True}])
def test_a_price_without_one_plain_figure_fails_on_load(price: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PriceRow.model_validate({"model": "x", "feature": "use", "per": "call", **price})

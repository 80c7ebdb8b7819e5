"""What only some models can do, over a socket: the camera's figures and presets, the motion brush, series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.files.conftest import picture_bytes
from tests.gateways.trading import PICTURE, a_clip, bought, trading
from tests.vendors.serving import Fake

from kling_tools.model.errors import BadMedia, Impossible
from kling_tools.model.requests import CreateImage
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio

WORDS = "A fox runs through snow"
MASK, STILL = "https://pictures.example/fox-mask.png", "https://pictures.example/snow-mask.png"
PATH = [[10, 20], [300, 40]]
POINTS = [{"x": 10, "y": 20}, {"x": 300, "y": 40}]
STROKES = [{"mask": MASK, "path": PATH}, {"mask": STILL}]
NAUGHT = dict.fromkeys(("horizontal", "vertical", "pan", "tilt", "roll", "zoom"), 0)

#: Who sells it, what is asked for, and what the body has to be like.
ASKED: list[tuple[Fake, dict[str, Any], dict[str, Any]]] = [
    (
        Fake.PIAPI,
        {"model": "kling-1.6", "camera": "tilt=-7.5"},
        {"camera_control": {"type": "simple", "config": {**NAUGHT, "tilt": -7.5}}, "prompt": WORDS},
    ),
    (
        Fake.AIML,
        {"model": "kling-1.0", "camera": "tilt=-5"},
        {"advanced_camera_control": {"movement_type": "tilt", "movement_value": -5}, "camera_control": None},
    ),
    (
        Fake.AIML,
        {"model": "kling-1.0", "camera": "forward_up"},
        {"camera_control": "forward_up", "advanced_camera_control": None, "prompt": WORDS},
    ),
    (
        Fake.AIML,
        {"model": "kling-1.0", "camera": "forward_up", "image": PICTURE},
        {"camera_control": {"type": "forward_up"}, "image_url": PICTURE},
    ),
    (
        Fake.AIML,
        {"model": "kling-1.5", "camera": "pan=4", "image": PICTURE},
        {"camera_control": {"type": "simple", "config": {**NAUGHT, "pan": 4}}},
    ),
    (
        Fake.AIML,
        {"model": "kling-1.5", "motion_brush": STROKES, "image": PICTURE},
        {"static_mask": STILL, "dynamic_masks": [{"mask": MASK, "trajectories": POINTS}], "tail_image_url": None},
    ),
    (
        Fake.FAL,
        {"model": "kling-1.0", "camera": "roll=2"},
        {"advanced_camera_control": {"movement_type": "roll", "movement_value": 2}},
    ),
    (Fake.FAL, {"model": "kling-1.0", "camera": "down_back"}, {"camera_control": "down_back"}),
    (
        Fake.FAL,
        {"model": "kling-1.5", "resolution": "1080p", "motion_brush": STROKES[:1], "image": PICTURE},
        {"dynamic_masks": [{"mask_url": MASK, "trajectories": POINTS}], "static_mask_url": None},
    ),
    (
        Fake.FAL,
        {"motion_brush": STROKES[1:], "image": PICTURE},
        {"static_mask_url": STILL, "dynamic_masks": None, "duration": "5"},
    ),
    (
        Fake.ACEDATA,
        {"model": "kling-1.0", "camera": "zoom=3"},
        {"camera_control": {"type": "simple", "config": {**NAUGHT, "zoom": 0.3}}},
    ),
    (Fake.ACEDATA, {"camera": "down_back"}, {"camera_control": {"type": "down_back"}, "model": "kling-v3"}),
]


@pytest.mark.parametrize("fake", [Fake.PIAPI, Fake.AIML, Fake.FAL, Fake.ACEDATA])
async def test_what_an_older_model_has_a_field_for_is_sent_in_it(fake: Fake, tmp_path: Path) -> None:
    async with trading(fake, tmp_path) as (studio, vendor):
        for _, arguments, told in (each for each in ASKED if each[0] is fake):
            task = await bought(studio, a_clip(**arguments, again=True))
            assert (task.status, task.failure) == (Status.SUCCEEDED, None), (arguments, task)
            body = vendor.creates[-1]
            body = body["input"] if fake is Fake.PIAPI else body
            assert {name: body.get(name) for name in told} == told, arguments


@pytest.mark.parametrize("fake", [Fake.AIML, Fake.FAL])
async def test_masks_on_this_disk_go_the_way_of_pictures_and_only_from_where_they_may(
    fake: Fake, tmp_path: Path, a_picture_here: str
) -> None:
    mask = Path(a_picture_here).with_name("mask.png")
    mask.write_bytes(picture_bytes(640, 480, "PNG"))
    outside = tmp_path / "mask.png"
    outside.write_bytes(mask.read_bytes())
    wish: dict[str, Any] = {"model": "kling-1.0", "image": a_picture_here}
    async with trading(fake, tmp_path) as (studio, vendor):
        with pytest.raises(BadMedia, match="outside"):
            await studio.create(a_clip(**wish, motion_brush=[{"mask": str(outside), "path": PATH}]))
        task = await bought(studio, a_clip(**wish, motion_brush=[{"mask": str(mask), "path": PATH}]))
        assert task.status is Status.SUCCEEDED, task
        (given,) = vendor.creates[-1]["dynamic_masks"]
        if fake is Fake.FAL:
            assert given["mask_url"].startswith(f"{vendor.base_url}/uploads/")
            assert mask.read_bytes() in {content for _, content, _ in vendor.uploads.values()}
        else:
            assert given["mask"].startswith("data:image/png;base64,")
        # The same picture and mask, and another way to go: another wish, and the same one is bought once.
        other = a_clip(**wish, motion_brush=[{"mask": str(mask), "path": [*PATH, [5, 5]]}])
        assert (await studio.create(other)).id != task.id
        assert (await studio.create(other)).id == (await studio.create(other)).id
        assert len(vendor.creates) == 2


async def test_a_brush_is_refused_where_nobody_has_one_and_told_who_has(tmp_path: Path) -> None:
    async with trading(Fake.KIE, tmp_path) as (studio, vendor):
        with pytest.raises(Impossible, match="at aimlapi and fal"):
            await studio.create(a_clip(image=PICTURE, motion_brush=STROKES))
        with pytest.raises(Impossible, match="takes no figures for the camera"):
            await studio.create(a_clip(camera="pan=3"))
        assert vendor.calls == []


async def test_a_series_of_pictures_is_asked_for_by_its_number_and_comes_whole(tmp_path: Path) -> None:
    async with trading(Fake.FAL, tmp_path) as (studio, vendor):
        task = await bought(studio, CreateImage(prompt="A fox through the year", series=3))
        assert (task.status, len(task.outputs)) == (Status.SUCCEEDED, 3), task
        assert {"result_type": "series", "series_amount": 3}.items() <= vendor.creates[-1].items()
        with pytest.raises(Impossible, match="does not choose how many"):
            await studio.create(CreateImage(prompt="A fox through the year", series=1))
        assert len(vendor.creates) == 1

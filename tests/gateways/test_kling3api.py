"""kling3api.com from request to file: all it has, against the fake over a socket (gateways 7)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.trading import PICTURE, a_clip, bought, trading
from tests.vendors.serving import Fake

from kling_tools.catalog.data import shipped
from kling_tools.model.errors import BadMedia, Impossible, NeedsConfirmation, OverBudget, Refused
from kling_tools.model.requests import CreateAvatar, EditVideo, SpendingRequest, TransferMotion
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio

FILM = "https://pictures.example/dance.mp4"

#: A request, what its body has to have, and the credits that it takes.
ASKED: list[tuple[SpendingRequest, dict[str, Any], int]] = [
    (a_clip(), {"type": "std-text-to-video", "duration": 5, "sound": False, "aspect_ratio": "16:9"}, 200),
    (a_clip(audio=True), {"type": "std-text-to-video", "sound": True}, 300),
    (a_clip(resolution="1080p", cfg_scale=0.4, negative_prompt="rain"), {"type": "pro-text-to-video"}, 270),
    (
        a_clip(resolution="1080p", audio=True, image=PICTURE, last_image=PICTURE),
        {"type": "pro-image-to-video", "image": PICTURE, "end_image": PICTURE, "aspect_ratio": None},
        400,
    ),
    (a_clip(model="kling-3.0-omni"), {"type": "o3-std-text-to-video", "sound": False}, 180),
    (
        a_clip(model="kling-3.0-omni", resolution="1080p", image=PICTURE),
        {"type": "o3-pro-image-to-video", "image": PICTURE},
        240,
    ),
    (
        a_clip(references=[PICTURE, PICTURE], prompt="@1 meets @2", resolution="1080p"),
        {"type": "o3-pro-reference-to-video", "images": [PICTURE, PICTURE], "prompt": "image 1 meets image 2"},
        360,
    ),
    (
        EditVideo(video=FILM, prompt="Winter"),
        {"type": "o3-std-video-edit", "video": FILM, "keep_original_sound": True, "duration": None},
        360,
    ),
    (EditVideo(video=FILM, prompt="Winter", resolution="1080p"), {"type": "o3-pro-video-edit"}, 435),
]


@pytest.mark.long
async def test_every_way_of_asking_comes_home_as_a_file_and_its_credits_are_told(tmp_path: Path) -> None:
    async with trading(Fake.KLING3API, tmp_path) as (studio, vendor):
        for request, told, credits in ASKED:
            request = request.model_copy(update={"confirm_cost": True, "again": True})
            (quote,) = await studio.quotes(request)
            assert quote.outcome.price.basis == "unknown"  # type: ignore[union-attr]
            task = await bought(studio, request)
            assert (task.status, task.failure) == (Status.SUCCEEDED, None), (told, task)
            assert Path(task.outputs[0].path).stat().st_size > 0
            body = vendor.creates[-1]
            assert {name: body.get(name) for name in told} == told
            assert "sound" in body
            assert task.charge is not None
            assert (task.charge.units, task.charge.usd) == (Decimal(credits), None)
        assert len(vendor.bills) == len(ASKED)


async def test_a_price_that_nobody_knows_needs_the_person(tmp_path: Path) -> None:
    async with trading(Fake.KLING3API, tmp_path, KLING_ALLOW_UNPRICED="0") as (studio, vendor):
        with pytest.raises((NeedsConfirmation, OverBudget)):
            await studio.create(a_clip())
        assert vendor.calls == []


async def test_what_it_cannot_do_is_refused_before_anything_is_sent(tmp_path: Path, a_picture_here: str) -> None:
    impossible: list[SpendingRequest] = [
        a_clip(resolution="4k"),
        a_clip(references=["element:12"]),
        a_clip(prompt="x" * 2001),
        TransferMotion(image=PICTURE, video=FILM),
        CreateAvatar(image=PICTURE, audio="https://pictures.example/words.mp3"),
    ]
    async with trading(Fake.KLING3API, tmp_path) as (studio, vendor):
        for request in impossible:
            with pytest.raises(Impossible):
                await studio.create(request)
        with pytest.raises((BadMedia, Refused)):  # it has no upload, and takes addresses only
            await studio.create(a_clip(image=a_picture_here))
        assert vendor.calls == []


def test_its_credits_are_those_of_its_pages() -> None:
    rows = {(row.model, row.feature, row.resolution): row.units for row in shipped("kling3api").price}
    seconds = [rows["kling-3.0", sound, size] for size in ("720p", "1080p") for sound in ("silent", "audio")]
    assert [5 * (each or 0) for each in seconds] == [200, 300, 270, 400]

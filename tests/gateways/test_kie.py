"""Kie.ai from request to file: every way of asking that its sheet has, against the fake over a socket (gateways 4)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.trading import PICTURE, a_clip, bought, trading
from tests.vendors.serving import Fake
from tests.vendors.vendor import Vendor

from kling_tools.model.errors import Closed, Impossible, NoBalance, NotSupported
from kling_tools.model.requests import ApplyEffect, CreateAvatar, EditVideo, LipSync, SpendingRequest, TransferMotion
from kling_tools.model.status import Status
from kling_tools.studio import Studio

pytestmark = pytest.mark.anyio

FILM = "https://pictures.example/dance.mp4"
SOUND = "https://pictures.example/words.mp3"
WORDS = "A fox runs through snow"
HERE = {"KLING_CALLBACK_URL": "https://kling.example"}
SHOTS = [{"prompt": WORDS, "seconds": 3}, {"prompt": "It rests", "seconds": 2}]

#: A request, the model on the wire, what its input has to be like, and what five seconds cost by the price page.
ASKED: list[tuple[SpendingRequest, str, dict[str, Any], str | None]] = [
    (
        a_clip(),
        "kling-3.0/video",
        {"sound": False, "duration": "5", "mode": "std", "multi_shots": False, "multi_prompt": []},
        "0.35",
    ),
    (a_clip(audio=True, resolution="1080p"), "kling-3.0/video", {"sound": True, "mode": "pro"}, "0.675"),
    (a_clip(resolution="4k"), "kling-3.0/video", {"mode": "4K"}, "1.675"),
    (
        a_clip(image=PICTURE, last_image=PICTURE),
        "kling-3.0/video",
        {"image_urls": [PICTURE, PICTURE], "aspect_ratio": "16:9"},
        "0.35",
    ),
    (
        a_clip(prompt="", shots=SHOTS, audio=True, model="kling-3.0"),
        "kling-3.0/video",
        {
            "sound": True,
            "multi_shots": True,
            "duration": "5",
            "multi_prompt": [{"prompt": WORDS, "duration": 3}, {"prompt": "It rests", "duration": 2}],
        },
        "0.5",
    ),
    (
        a_clip(model="kling-2.6", resolution="1080p", aspect_ratio="9:16"),
        "kling-2.6/text-to-video",
        {"sound": False, "duration": "5", "aspect_ratio": "9:16"},
        "0.275",
    ),
    (
        a_clip(model="kling-2.6", resolution="1080p", audio=True, image=PICTURE),
        "kling-2.6/image-to-video",
        {"sound": True, "image_urls": [PICTURE]},
        "0.55",
    ),
    (a_clip(model="kling-3.0-turbo"), "kling/v3-turbo-text-to-video", {"duration": "5"}, "0.45"),
    (
        a_clip(model="kling-3.0-turbo", image=PICTURE, resolution="1080p"),
        "kling/v3-turbo-image-to-video",
        {"image_urls": [PICTURE], "resolution": "1080p"},
        "0.5625",
    ),
    (
        a_clip(model="kling-2.5-turbo", resolution="1080p", negative_prompt="rain", cfg_scale=0.4),
        "kling/v2-5-turbo-text-to-video-pro",
        {"negative_prompt": "rain", "cfg_scale": 0.4},
        "0.21",
    ),
    (
        a_clip(model="kling-2.5-turbo", resolution="1080p", image=PICTURE, last_image=PICTURE),
        "kling/v2-5-turbo-image-to-video-pro",
        {"image_url": PICTURE, "tail_image_url": PICTURE},
        "0.21",
    ),
    (a_clip(model="kling-2.1", image=PICTURE), "kling/v2-1-standard", {"image_url": PICTURE}, "0.125"),
    (
        a_clip(model="kling-2.1", image=PICTURE, last_image=PICTURE, resolution="1080p"),
        "kling/v2-1-pro",
        {"tail_image_url": PICTURE},
        "0.25",
    ),
    (a_clip(model="kling-2.1-master", resolution="1080p"), "kling/v2-1-master-text-to-video", {}, "0.8"),
    (
        a_clip(model="kling-3.0-omni", references=[PICTURE, PICTURE], prompt="@1 meets @2"),
        "kling-3.0-omni/reference-to-video",
        {
            "prompt": "<<<image_1>>> meets <<<image_2>>>",
            "image_urls": [PICTURE, PICTURE],
            "duration": 5,
            "audio": False,
            "customize_multi_shots": False,
        },
        None,
    ),
    (a_clip(model="kling-3.0-omni", image=PICTURE), "kling-3.0-omni/image-to-video", {"image_urls": [PICTURE]}, None),
    (a_clip(model="kling-3.0-omni"), "kling-3.0-omni/text-to-video", {"aspect_ratio": "16:9"}, None),
    (
        a_clip(prompt="", shots=SHOTS, model="kling-3.0-omni"),
        "kling-3.0-omni/text-to-video",
        {"audio": False, "customize_multi_shots": True},
        None,
    ),
    (
        EditVideo(video=FILM, prompt="Make it night", keep_sound=False),
        "kling-3.0-omni/transformation",
        {"video_urls": [FILM], "aspect_ratio": "auto", "audio": False},
        None,
    ),
    (
        TransferMotion(image=PICTURE, video=FILM),
        "kling-2.6/motion-control",
        {"input_urls": [PICTURE], "video_urls": [FILM], "mode": "720p", "character_orientation": "video"},
        None,
    ),
    (TransferMotion(image=PICTURE, video=FILM, model="kling-3.0"), "kling-3.0/motion-control", {"mode": "std"}, None),
    (
        CreateAvatar(image=PICTURE, audio=SOUND, resolution="1080p"),
        "kling/ai-avatar-pro",
        {"image_url": PICTURE, "audio_url": SOUND},
        None,
    ),
]


async def _asked(studio: Studio, vendor: Vendor) -> None:
    for request, model, told, price in ASKED:
        request = request.model_copy(update={"confirm_cost": True, "again": True})
        (quote,) = await studio.quotes(request)
        if price is not None:
            assert quote.outcome.price.usd == Decimal(price), model  # type: ignore[union-attr]
        task = await bought(studio, request)
        assert (task.status, task.failure) == (Status.SUCCEEDED, None), task
        assert Path(task.outputs[0].path).stat().st_size > 0
        body = vendor.creates[-1]
        assert body["model"] == model
        assert {name: body["input"].get(name) for name in told} == told, model
        assert body["callBackUrl"].endswith(f"?task={task.id}")
        if price is not None:
            assert task.charge is not None
            assert task.charge.usd == Decimal(price), model


@pytest.mark.long
async def test_every_way_of_asking_comes_home_as_a_file_and_costs_what_the_price_page_says(tmp_path: Path) -> None:
    async with trading(Fake.KIE, tmp_path, **HERE) as (studio, vendor):
        vendor.tick = 6.0  # within twenty creates in ten seconds
        await _asked(studio, vendor)
        assert len(vendor.bills) == len(ASKED)


async def test_what_kie_cannot_do_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    impossible: list[SpendingRequest] = [
        a_clip(model="kling-2.6"),  # at 1080p only
        a_clip(image=PICTURE, references=[PICTURE]),
        a_clip(prompt="", shots=SHOTS[:1], model="kling-3.0"),  # shots come with sound, which costs more
        a_clip(references=["element:12"]),
        a_clip(references=[FILM]),
        EditVideo(video=FILM, prompt="Make it night"),  # there is no field that keeps its sound
        TransferMotion(image=PICTURE, video=FILM, keep_sound=False),
        CreateAvatar(image=PICTURE, text="Hello"),
        LipSync(video=FILM, text="Hello", voice="Narrator"),
        ApplyEffect(scene="hug", images=[PICTURE]),
        TransferMotion(image=PICTURE, video=FILM, model="kling-3.0"),  # without an address for callbacks
    ]
    async with trading(Fake.KIE, tmp_path) as (studio, vendor):
        for request in impossible:
            with pytest.raises(Impossible):
                await studio.create(request.model_copy(update={"confirm_cost": True}))
        assert vendor.calls == []
        assert await studio.budget_left() == studio.settings.max_usd_per_day


async def test_files_go_up_first_and_only_once(tmp_path: Path, a_picture_here: str) -> None:
    async with trading(Fake.KIE, tmp_path) as (studio, vendor):
        first = await bought(studio, a_clip(image=a_picture_here))
        second = await bought(studio, a_clip(image=a_picture_here, seconds=10))
        assert {first.status, second.status} == {Status.SUCCEEDED}
        assert vendor.count("upload") == 1
        told = [body["input"] for body in vendor.creates]
        assert all(one["image_urls"][0].startswith(vendor.base_url) for one in told)
        assert {one["aspect_ratio"] for one in told} == {"1:1"}  # 640x480 is nearer to it than to 16:9


async def test_an_upload_that_breaks_buys_nothing_and_is_tried_again(tmp_path: Path, a_picture_here: str) -> None:
    async with trading(Fake.KIE, tmp_path) as (studio, vendor):
        vendor.fault("cut", "upload")
        task = await bought(studio, a_clip(image=a_picture_here))
        assert task.status is Status.SUCCEEDED, task
        assert (vendor.count("upload"), len(vendor.creates)) == (2, 1)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("hidden-402", NoBalance), ("hidden-455", Closed), ("505", Closed), ("hidden-422", NotSupported)],
)
async def test_a_clear_no_inside_a_200_costs_nothing(kind: str, error: type[Exception], tmp_path: Path) -> None:
    async with trading(Fake.KIE, tmp_path) as (studio, vendor):
        words = "The model name you specified is not supported" if kind == "hidden-422" else "no"
        vendor.fault(kind, words=words)
        with pytest.raises(error):
            await studio.create(a_clip())
        assert (vendor.creates, vendor.count("create")) == ([], 1)
        assert await studio.budget_left() == studio.settings.max_usd_per_day


@pytest.mark.parametrize("kind", ["hidden-500", "hidden-501", "hidden-408"])
async def test_a_fault_inside_a_200_is_a_doubt_and_is_never_bought_again(kind: str, tmp_path: Path) -> None:
    async with trading(Fake.KIE, tmp_path) as (studio, vendor):
        vendor.fault(kind)
        task = await studio.create(a_clip())
        assert task.status is Status.UNSURE, task
        assert (await studio.create(a_clip())).id == task.id
        assert vendor.count("create") == 1

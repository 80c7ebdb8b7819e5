"""AI/ML API from request to file: every way of asking that its sheet has, over a socket (gateways 2)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.trading import PICTURE, SOME, a_clip, bought, silent, trading
from tests.vendors.serving import Fake

from kling_tools.model.errors import BadMedia, Impossible, NoBalance
from kling_tools.model.requests import (
    ApplyEffect,
    CreateAvatar,
    CreateImage,
    EditVideo,
    LipSync,
    SpendingRequest,
    TransferMotion,
)
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio

FILM = "https://pictures.example/dance.mp4"
SOUND = "https://pictures.example/words.mp3"
WORDS = "A fox runs through snow"
SHOTS = [{"prompt": WORDS, "seconds": 3}, {"prompt": "It rests", "seconds": 2}]
K16, K15, K10 = "kling-1.6", "kling-1.5", "kling-1.0"

#: A request, the model on the wire, what the body has to be like, and what five seconds cost as far as that is known.
ASKED: list[tuple[SpendingRequest, str, dict[str, Any], str | None]] = [
    (a_clip(), "klingai/video-v3-standard-text-to-video", {"duration": 5, "generate_audio": False}, "0.546"),
    (
        a_clip(image=PICTURE, last_image=PICTURE, resolution="1080p"),
        "klingai/video-v3-pro-image-to-video",
        {"image_url": PICTURE, "tail_image_url": PICTURE},
        "0.728",
    ),
    (a_clip(audio=True), "klingai/video-v3-standard-text-to-video", {"generate_audio": True}, None),
    (
        a_clip(model="kling-2.6", resolution="1080p", cfg_scale=0.5),
        "klingai/video-v2-6-pro-text-to-video",
        {"generate_audio": False, "cfg_scale": 0.5},
        "0.455",
    ),
    (
        a_clip(model="kling-2.6", resolution="1080p", image=PICTURE, negative_prompt="rain"),
        "klingai/video-v2-6-pro-image-to-video",
        {"negative_prompt": "rain"},
        "0.455",
    ),
    (
        a_clip(prompt="", shots=SHOTS, model="kling-3.0-turbo"),
        "klingai/video-v3-standard-turbo-text-to-video",
        {"multi_prompt": [{"prompt": WORDS, "duration": 3}, {"prompt": "It rests", "duration": 2}], "prompt": None},
        None,
    ),
    (
        a_clip(model="kling-3.0-turbo", resolution="1080p", image=PICTURE),
        "klingai/video-v3-turbo-pro-image-to-video",
        {"image_url": PICTURE},
        None,
    ),
    (a_clip(model="kling-2.5-turbo", resolution="1080p"), "klingai/v2.5-turbo/pro/text-to-video", {}, "0.455"),
    (
        a_clip(model="kling-3.0-omni", image=PICTURE, last_image=PICTURE),
        "klingai/video-v3-omni-720p-image-to-video",
        {"tail_image_url": PICTURE, "generate_audio": False},
        None,
    ),
    (
        a_clip(model="kling-o1", image=PICTURE, last_image=PICTURE, resolution="1080p"),
        "klingai/video-o1-image-to-video",
        {"last_image_url": PICTURE},
        None,
    ),
    (
        a_clip(model="kling-o1", references=[PICTURE], prompt="@1 runs", resolution="1080p"),
        "klingai/video-o1-reference-to-video",
        {"prompt": "@Image1 runs", "image_list": [PICTURE]},
        None,
    ),
    (
        a_clip(references=[FILM, PICTURE], prompt="@2 moves like @1", resolution="1080p"),
        "klingai/video-o1-video-to-video-reference",
        {"prompt": "@Image1 moves like @Video1", "video_url": FILM, "keep_audio": False},
        None,
    ),
    (
        EditVideo(video=FILM, prompt="Make it night", resolution="1080p"),
        "klingai/video-o1-video-to-video-edit",
        {"video_url": FILM, "keep_audio": True},
        None,
    ),
    (
        a_clip(references=[PICTURE, PICTURE], prompt="@1 meets @2"),
        "kling-video/v1.6/standard/multi-image-to-video",
        {"image_list": [PICTURE, PICTURE]},
        None,
    ),
    (
        a_clip(model=K16, camera="zoom_in", resolution="1080p"),
        "kling-video/v1.6/pro/text-to-video",
        {"advanced_camera_control": {"movement_type": "zoom", "movement_value": -5}},
        None,
    ),
    (
        a_clip(model=K16, camera="zoom_in"),
        "kling-video/v1.6/standard/text-to-video",
        {"prompt": f"{WORDS}. The camera slowly zooms in."},
        None,
    ),
    (
        a_clip(model=K15, image=PICTURE, last_image=PICTURE),
        "kling-video/v1.5/standard/image-to-video",
        {"tail_image_url": PICTURE},
        None,
    ),
    (a_clip(model=K10, resolution="1080p"), "kling-video/v1/pro/text-to-video", {}, None),
    (
        a_clip(model="kling-2.1-master", image=PICTURE, camera="pan_left", resolution="1080p"),
        "klingai/v2.1-master-image-to-video",
        {},
        None,
    ),
    (a_clip(model="kling-2.1", image=PICTURE), "kling-video/v2.1/standard/image-to-video", {}, None),
    (
        TransferMotion(image=PICTURE, video=FILM, keep_sound=False),
        "klingai/video-v3-motion-control",
        {"mode": "std", "keep_audio": False, "character_orientation": "video"},
        None,
    ),
    (
        TransferMotion(image=PICTURE, video=FILM, model="kling-2.6"),
        "klingai/video-v2-6-motion-control",
        {"keep_audio": True},
        None,
    ),
    (
        ApplyEffect(scene="hug", images=[PICTURE, PICTURE]),
        "klingai/kling-video-v1.6-pro-effects",
        {"image_url": [PICTURE, PICTURE], "effect_scene": "hug"},
        None,
    ),
    (
        ApplyEffect(scene="squish", images=[PICTURE]),
        "klingai/kling-video-v1.6-pro-effects",
        {"image_url": PICTURE},
        None,
    ),
    (CreateAvatar(image=PICTURE, audio=SOUND), "klingai/avatar-standard", {"audio_url": SOUND}, None),
    (
        CreateImage(prompt="@1 at night", references=[PICTURE], count=2),
        "klingai/image-o1",
        {"image_urls": [PICTURE], "num_images": 2, "resolution": "1K", "prompt": "@Image1 at night"},
        None,
    ),
]


@pytest.mark.long
async def test_every_way_of_asking_comes_home_as_a_file_and_costs_what_is_known(tmp_path: Path) -> None:
    async with trading(Fake.AIML, tmp_path) as (studio, vendor):
        for request, model, told, price in ASKED:
            request = request.model_copy(update={"confirm_cost": True, "again": True})
            (quote,) = await studio.quotes(request)
            usd = None if price is None else Decimal(price)
            assert quote.outcome.price.usd == usd, model  # type: ignore[union-attr]
            if isinstance(request, CreateImage):  # it is drawn while the line is open
                vendor.book.pace = type(vendor.book.pace)(queued=0.0, running=0.0)
            task = await bought(studio, request)
            assert (task.status, task.failure) == (Status.SUCCEEDED, None), (model, task)
            assert Path(task.outputs[0].path).stat().st_size > 0
            body = vendor.creates[-1]
            assert body["model"] == model
            assert {name: body.get(name) for name in told} == told, model
        assert len(vendor.bills) == len(ASKED)


async def test_what_it_cannot_do_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    impossible: list[SpendingRequest] = [
        a_clip(resolution="4k"),
        a_clip(references=[PICTURE]),  # one picture is too few at 720p
        a_clip(model="kling-o1", resolution="1080p"),
        a_clip(prompt="", shots=SHOTS[:1], model="kling-3.0"),
        a_clip(model="kling-3.0-omni", image=PICTURE, last_image=PICTURE, audio=True),
        a_clip(model="kling-2.1-master", image=PICTURE, last_image=PICTURE, resolution="1080p"),
        LipSync(video=FILM, text="Hello", voice="Narrator"),
        a_clip(references=["element:12"]),
        CreateImage(prompt="A fox"),
    ]
    async with trading(Fake.AIML, tmp_path) as (studio, vendor):
        for request in impossible:
            with pytest.raises(Impossible):
                await studio.create(request.model_copy(update={"confirm_cost": True}))
        assert vendor.calls == []


async def test_a_local_picture_goes_along_in_the_body_and_a_film_does_not(tmp_path: Path, a_picture_here: str) -> None:
    film = tmp_path / "pictures" / "clip.mp4"
    film.write_bytes(next(Path("tests/vendors/media").glob("*.mp4")).read_bytes())
    async with trading(Fake.AIML, tmp_path) as (studio, vendor):
        task = await bought(studio, a_clip(image=a_picture_here))
        assert task.status is Status.SUCCEEDED, task
        assert vendor.creates[0]["image_url"].startswith("data:image/jpeg;base64,")
        with pytest.raises(BadMedia, match="by address only"):
            await studio.create(TransferMotion(image=PICTURE, video=str(film), confirm_cost=True))
        assert len(vendor.creates) == 1


@pytest.mark.parametrize("kind", ["cut", "garbage", "500", "504"])
async def test_pictures_whose_answer_is_lost_are_a_doubt_and_are_never_bought_again(kind: str, tmp_path: Path) -> None:
    async with trading(Fake.AIML, tmp_path) as (studio, vendor):
        vendor.book.pace = type(vendor.book.pace)(queued=0.0, running=0.0)
        vendor.fault(kind)
        request = CreateImage(prompt="@1 at night", references=[PICTURE], confirm_cost=True)
        (task,) = await studio.wait([(await studio.create(request)).id], SOME, silent)
        assert task.status is Status.UNSURE, task
        assert (await studio.create(request)).id == task.id
        assert vendor.count("create") == 1


async def test_no_funds_are_told_as_such_though_the_answer_is_a_403(tmp_path: Path) -> None:
    async with trading(Fake.AIML, tmp_path) as (studio, vendor):
        vendor.fault("402")
        with pytest.raises(NoBalance):
            await studio.create(a_clip())
        assert await studio.budget_left() == studio.settings.max_usd_per_day

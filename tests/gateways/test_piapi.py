"""PiAPI from request to file: every way of asking that its sheet has, against the fake over a socket (gateways 1)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.trading import PICTURE, a_clip, bought, trading
from tests.vendors.serving import Fake

from kling_tools.model.errors import BadMedia, Impossible
from kling_tools.model.requests import (
    ApplyEffect,
    CreateAvatar,
    CreateVideo,
    ExtendVideo,
    LipSync,
    SpendingRequest,
    TransferMotion,
)
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio

FILM = "https://pictures.example/dance.mp4"
SOUND = "https://pictures.example/words.mp3"
WORDS = "A fox runs through snow"

#: A request, what its input has to be like on the wire, and what five seconds, or the whole, cost by the price page.
ASKED: list[tuple[SpendingRequest, str, dict[str, Any], str | None]] = [
    (
        a_clip(model="kling-2.6"),
        "video_generation",
        {"version": "2.6", "mode": "std", "duration": 5, "enable_audio": False},
        "0.195",
    ),
    (a_clip(model="kling-3.0"), "video_generation", {"version": "3.0", "prefer_multi_shots": False}, "0.5"),
    (a_clip(model="kling-3.0", audio=True, resolution="1080p"), "video_generation", {"enable_audio": True}, "1.0"),
    (a_clip(model="kling-2.5-turbo", resolution="1080p"), "video_generation", {"version": "2.5-turbo"}, "0.28"),
    (a_clip(model="kling-1.6", camera="pan_left"), "video_generation", {"version": "1.6"}, "0.26"),
    (
        a_clip(image=PICTURE, last_image=PICTURE, model="kling-2.6"),
        "video_generation",
        {"image_tail_url": PICTURE},
        "0.195",
    ),
    (
        CreateVideo.model_validate({"references": [PICTURE], "prompt": "@1 runs", "model": "kling-o1"}),
        "omni_video_generation",
        {"version": "o1", "prompt": "@image_1 runs", "images": [PICTURE], "resolution": "720p"},
        "0.39",
    ),
    (
        CreateVideo.model_validate({"shots": [{"prompt": WORDS, "seconds": 3}, {"prompt": WORDS, "seconds": 2}]}),
        "video_generation",
        {"multi_shots": [{"prompt": WORDS, "duration": 3}, {"prompt": WORDS, "duration": 2}]},
        "0.5",
    ),
    (
        TransferMotion(image=PICTURE, video=FILM),
        "motion_control",
        {"motion_direction": "video", "keep_original_sound": True, "version": "2.6"},
        None,
    ),
    (
        TransferMotion(image=PICTURE, video="preset:martial arts", keep_sound=False),
        "motion_control",
        {"preset_motion": "Martial Arts", "video_url": None, "keep_original_sound": False, "mode": "std"},
        None,
    ),
    (
        CreateVideo.model_validate({"references": [PICTURE] * 2, "prompt": "@1 meets @2", "model": "kling-1.6"}),
        "video_generation",
        {"version": "1.6", "prompt": "image 1 meets image 2", "elements": [{"image_url": PICTURE}] * 2, "images": None},
        "0.26",
    ),
    (ApplyEffect(scene="squish", images=[PICTURE]), "effects", {"effect": "squish", "image_url": PICTURE}, None),
    (CreateAvatar(image=PICTURE, audio=SOUND), "avatar", {"batch_size": 1, "mode": "std"}, None),
]


async def test_every_way_of_asking_comes_home_as_a_file_and_costs_what_the_price_page_says(tmp_path: Path) -> None:
    async with trading(Fake.PIAPI, tmp_path) as (studio, vendor):
        for request, kind, told, price in ASKED:
            request = request.model_copy(update={"confirm_cost": True, "again": True})
            (quote,) = await studio.quotes(request)
            if price is not None:
                assert quote.outcome.price.usd == Decimal(price), (kind, told)  # type: ignore[union-attr]
            task = await bought(studio, request)
            assert (task.status, task.failure) == (Status.SUCCEEDED, None), task
            assert Path(task.outputs[0].path).stat().st_size > 0
            body = vendor.creates[-1]
            assert body["task_type"] == kind
            assert {name: body["input"].get(name) for name in told} == told
        assert len(vendor.bills) == len(ASKED)
        camera = next(b["input"]["camera_control"] for b in vendor.creates if "camera_control" in b["input"])
        assert [axis for axis, figure in camera["config"].items() if figure] == ["tilt"]


async def test_its_own_videos_are_continued_and_made_to_speak_by_their_task(tmp_path: Path) -> None:
    async with trading(Fake.PIAPI, tmp_path) as (studio, vendor):
        clip = await bought(studio, a_clip())
        assert clip.remote is not None
        longer = ExtendVideo(video=clip.id, model="kling-extend", confirm_cost=True)
        spoken = LipSync(video=clip.id, text="Hello there", voice="Narrator", confirm_cost=True)
        for request, kind in ((longer, "extend_video"), (spoken, "lip_sync")):
            task = await bought(studio, request)
            assert task.status is Status.SUCCEEDED, task.failure
            assert vendor.creates[-1]["task_type"] == kind
            assert vendor.creates[-1]["input"]["origin_task_id"] == clip.remote.id


async def test_what_piapi_cannot_do_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    impossible = [
        a_clip(resolution="4k"),
        a_clip(image=PICTURE, references=[PICTURE]),
        CreateAvatar(image=PICTURE, text="Hello"),
        LipSync(video=FILM, text="Hello", voice="Narrator"),
        a_clip(references=["element:12"]),
    ]
    async with trading(Fake.PIAPI, tmp_path) as (studio, vendor):
        for request in impossible:
            with pytest.raises(Impossible):
                await studio.create(request)
        assert vendor.count("create") == 0


async def test_a_local_picture_goes_up_first_and_only_once(tmp_path: Path, a_picture_here: str) -> None:
    async with trading(Fake.PIAPI, tmp_path) as (studio, vendor):
        first = await bought(studio, a_clip(image=a_picture_here))
        second = await bought(studio, a_clip(image=a_picture_here, seconds=10))
        assert {first.status, second.status} == {Status.SUCCEEDED}
        assert vendor.count("upload") == 1
        assert all(body["input"]["image_url"].startswith(vendor.base_url) for body in vendor.creates)


async def test_an_upload_that_breaks_buys_nothing_and_is_tried_again(tmp_path: Path, a_picture_here: str) -> None:
    async with trading(Fake.PIAPI, tmp_path) as (studio, vendor):
        vendor.fault("cut", "upload")
        task = await bought(studio, a_clip(image=a_picture_here))
        assert task.status is Status.SUCCEEDED, task
        assert (vendor.count("upload"), len(vendor.creates)) == (2, 1)


async def test_a_free_plan_without_uploads_is_told_so(tmp_path: Path, a_picture_here: str) -> None:
    async with trading(Fake.PIAPI, tmp_path) as (studio, vendor):
        vendor.paid_plan = False  # type: ignore[attr-defined]
        with pytest.raises(Exception, match="free plan"):
            await studio.create(a_clip(image=a_picture_here))
        assert vendor.creates == []


async def test_a_file_larger_than_an_upload_is_refused_with_the_figure(tmp_path: Path) -> None:
    film = tmp_path / "pictures" / "long.mp4"
    film.parent.mkdir(exist_ok=True)
    clip = next(Path("tests/vendors/media").glob("*.mp4")).read_bytes()
    film.write_bytes(clip + (len(b"") + 11_000_000 - len(clip)) * b"\0")
    async with trading(Fake.PIAPI, tmp_path) as (studio, vendor):
        with pytest.raises(BadMedia):
            await studio.create(TransferMotion(image=PICTURE, video=str(film)))
        assert vendor.calls == []

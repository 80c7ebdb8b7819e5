"""Replicate from request to file: every way of asking that its sheet has, against its fake (gateways 5)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.trading import LONG, PICTURE, a_clip, bought, opened, silent, trading
from tests.vendors.floor import Pace
from tests.vendors.serving import Fake, serving

from kling_tools.model.errors import Impossible
from kling_tools.model.requests import (
    ApplyEffect,
    CreateAvatar,
    CreateVideo,
    EditVideo,
    LipSync,
    SpendingRequest,
    TransferMotion,
)
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio

FILM = "https://pictures.example/dance.mp4"
SOUND = "https://pictures.example/words.mp3"
SPOKEN = "Hello there, how are you today?"
WORDS = "A fox runs through snow"
SHOTS = [{"prompt": WORDS, "seconds": 3}, {"prompt": "It stops", "seconds": 2}]

#: A request, the model it goes to, what its input has to be like there (None: no such field), and what five seconds
#: cost by the price page.
ASKED: list[tuple[SpendingRequest, str, dict[str, Any], str | None]] = [
    (a_clip(), "v3-video", {"mode": "standard", "generate_audio": False, "duration": 5}, "0.42"),
    (a_clip(audio=True), "v3-video", {"generate_audio": True, "aspect_ratio": "16:9"}, "0.63"),
    (a_clip(resolution="1080p", model="kling-3.0"), "v3-video", {"mode": "pro"}, "0.56"),
    (a_clip(resolution="1080p", audio=True, model="kling-3.0"), "v3-video", {"mode": "pro"}, "0.84"),
    (
        a_clip(resolution="4k", image=PICTURE, last_image=PICTURE),
        "v3-video",
        {"mode": "4k", "end_image": PICTURE},
        "2.1",
    ),
    (a_clip(image=PICTURE), "v3-video", {"start_image": PICTURE, "aspect_ratio": None}, "0.42"),
    (
        CreateVideo.model_validate({"shots": SHOTS}),
        "v3-video",
        {"prompt": f"{WORDS} It stops", "duration": 5},
        "0.42",
    ),
    (
        a_clip(references=[PICTURE], prompt="@1 runs"),
        "v3-omni-video",
        {"prompt": "<<<image_1>>> runs", "reference_images": [PICTURE], "mode": "standard", "generate_audio": False},
        "0.84",
    ),
    (a_clip(model="kling-3.0-omni", audio=True, resolution="1080p"), "v3-omni-video", {"generate_audio": True}, "1.4"),
    (
        a_clip(references=[PICTURE, FILM], prompt="@1 like @2"),
        "v3-omni-video",
        {
            "prompt": "<<<image_1>>> like <<<video_1>>>",
            "reference_video": FILM,
            "video_reference_type": "feature",
            "keep_original_sound": False,
            "generate_audio": None,
        },
        None,
    ),
    (a_clip(model="kling-o1"), "o1", {"mode": "std", "generate_audio": None}, "0.42"),
    (a_clip(model="kling-o1", image=PICTURE, last_image=PICTURE), "o1", {"end_image": PICTURE}, "0.42"),
    (
        EditVideo(video=FILM, prompt="Make it night", model="kling-o1", resolution="1080p", keep_sound=True),
        "o1",
        {"video_reference_type": "base", "keep_original_sound": True, "mode": "pro", "duration": None},
        None,
    ),
    (
        EditVideo(video=FILM, prompt="As @1", references=[PICTURE], keep_sound=False),
        "v3-omni-video",
        {"prompt": "As <<<image_1>>>", "keep_original_sound": False, "reference_images": [PICTURE]},
        None,
    ),
    (a_clip(model="kling-2.6", resolution="1080p"), "v2.6", {"mode": None, "generate_audio": False}, "0.35"),
    (a_clip(model="kling-2.6", resolution="1080p", audio=True), "v2.6", {"generate_audio": True}, "0.7"),
    (a_clip(model="kling-2.5-turbo", resolution="1080p", negative_prompt="fog"), "v2.5-turbo-pro", {}, "0.35"),
    (a_clip(model="kling-2.1", image=PICTURE), "v2.1", {"mode": "standard"}, "0.25"),
    (
        a_clip(model="kling-2.1", image=PICTURE, last_image=PICTURE, resolution="1080p"),
        "v2.1",
        {"mode": "pro", "end_image": PICTURE},
        "0.45",
    ),
    (a_clip(model="kling-2.1-master", resolution="1080p"), "v2.1-master", {"mode": None}, None),
    (a_clip(model="kling-2.0-master", cfg_scale=0.4), "v2.0", {"cfg_scale": 0.4}, None),
    (a_clip(model="kling-1.6", negative_prompt="fog"), "v1.6-standard", {"negative_prompt": "fog"}, "0.25"),
    (
        a_clip(model="kling-1.6", resolution="1080p", references=[PICTURE]),
        "v1.6-pro",
        {"reference_images": [PICTURE]},
        None,
    ),
    (a_clip(model="kling-1.5", resolution="1080p"), "v1.5-pro", {}, None),
    (
        TransferMotion(image=PICTURE, video=FILM),
        "v3-motion-control",
        {"character_orientation": "video", "keep_original_sound": True, "mode": "std"},
        None,
    ),
    (TransferMotion(image=PICTURE, video=FILM, model="kling-2.6"), "v2.6-motion-control", {"mode": "std"}, None),
    (
        LipSync(video=FILM, text=SPOKEN, voice="en_AOT"),
        "lip-sync",
        {"video_url": FILM, "text": SPOKEN, "voice_id": "en_AOT", "voice_speed": 1.0},
        None,
    ),
    (LipSync(video=FILM, audio=SOUND), "lip-sync", {"audio_file": SOUND, "text": None}, None),
    (CreateAvatar(image=PICTURE, audio=SOUND), "avatar-v2", {"mode": "std", "audio": SOUND}, None),
]


@pytest.mark.long
async def test_every_way_of_asking_comes_home_as_a_file_and_costs_what_the_price_page_says(tmp_path: Path) -> None:
    more = {"KLING_CONFIRM_ABOVE_USD": "99", "KLING_MAX_USD_PER_TASK": "99", "KLING_MAX_USD_PER_DAY": "999"}
    async with trading(Fake.REPLICATE, tmp_path, **more) as (studio, vendor):
        for request, model, told, price in ASKED:
            request = request.model_copy(update={"confirm_cost": True, "again": True})
            (quote,) = await studio.quotes(request)
            if price is not None:
                assert quote.outcome.price.usd == Decimal(price), (model, told)  # type: ignore[union-attr]
            task = await bought(studio, request)
            assert (task.status, task.failure) == (Status.SUCCEEDED, None), (model, task)
            assert Path(task.outputs[0].path).stat().st_size > 0
            made = vendor.tasks[-1]
            assert made.model == f"kwaivgi/kling-{model}"
            assert {name: made.body["input"].get(name) for name in told} == told, model
        assert len(vendor.bills) == len(ASKED)
        (shots,) = [json.loads(b["input"]["multi_prompt"]) for b in vendor.creates if "multi_prompt" in b["input"]]
        assert shots == [{"prompt": WORDS, "duration": 3}, {"prompt": "It stops", "duration": 2}]


async def test_what_replicate_cannot_do_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    impossible = [
        ApplyEffect(scene="squish", images=[PICTURE]),
        CreateAvatar(image=PICTURE, text="Hello"),
        LipSync(video=FILM, text=SPOKEN),
        a_clip(references=["element:12"]),
        a_clip(model="kling-2.6", resolution="1080p", image=PICTURE, last_image=PICTURE),
        a_clip(model="kling-3.0-omni", negative_prompt="fog"),
    ]
    async with trading(Fake.REPLICATE, tmp_path) as (studio, vendor):
        for request in impossible:
            with pytest.raises(Impossible):
                await studio.create(request)
        assert vendor.count("create") == 0


async def test_local_files_go_up_first_as_forms(tmp_path: Path, a_picture_here: str) -> None:
    async with trading(Fake.REPLICATE, tmp_path) as (studio, vendor):
        vendor.fault("cut", "upload")
        task = await bought(studio, a_clip(image=a_picture_here))
        assert task.status is Status.SUCCEEDED
        assert (vendor.count("upload"), len(vendor.creates)) == (2, 1)
        assert {(content[:2], kind) for _, content, kind in vendor.uploads.values()} == {(b"\xff\xd8", "image/jpeg")}
        assert vendor.creates[0]["input"]["start_image"].startswith(vendor.base_url)


async def test_what_waits_is_cancelled_for_nothing_and_what_runs_stays_on_the_budget(tmp_path: Path) -> None:
    slow = Pace(queued=1000, running=1e6)
    async with serving(Fake.REPLICATE, pace=slow) as vendor, opened(tmp_path, (Fake.REPLICATE, vendor)) as studio:
        before = await studio.budget_left()
        first = await studio.create(a_clip())
        await studio.cancel(first.id)
        (first,) = await studio.wait([first.id], LONG, silent)
        assert first.status is Status.CANCELLED, "also where a look sees it before the grant is written down here"
        assert await studio.budget_left() == before

        second = await studio.create(a_clip(seconds=10))
        vendor.clock.advance(1500)
        await studio.cancel(second.id)
        (second,) = await studio.wait([second.id], LONG, silent)
        assert second.failure is not None
        assert (second.status, second.failure.spent) == (Status.FAILED, "unknown")
        assert before - await studio.budget_left() == second.plan.price.usd
        assert [bill.task_id for bill in vendor.bills] == [vendor.tasks[1].id]


async def test_a_result_that_was_erased_before_it_was_fetched_ends_paid_and_without_a_file(tmp_path: Path) -> None:
    slow = Pace(queued=1, running=1e6)
    async with serving(Fake.REPLICATE, pace=slow) as vendor, opened(tmp_path, (Fake.REPLICATE, vendor)) as studio:
        before = await studio.budget_left()
        task = await studio.create(a_clip())
        vendor.finish(vendor.tasks[0].id)
        vendor.clock.advance(vendor.lifetime + 60)
        (ended,) = await studio.wait([task.id], LONG, silent)
        assert ended.failure is not None
        assert (ended.status, ended.failure.code, ended.failure.spent) == (Status.FAILED, "link_expired", "yes")
        assert "erased the result" in ended.failure.message
        assert before - await studio.budget_left() == task.plan.price.usd


async def test_what_was_stopped_there_for_nothing_ends_as_cancelled(tmp_path: Path) -> None:
    slow = Pace(queued=1e6, running=1e7)
    async with serving(Fake.REPLICATE, pace=slow) as vendor, opened(tmp_path, (Fake.REPLICATE, vendor)) as studio:
        before = await studio.budget_left()
        task = await studio.create(a_clip())
        vendor.tasks[0].cancelled, vendor.tasks[0].ended = True, vendor.clock.now()
        (ended,) = await studio.wait([task.id], LONG, silent)
        assert (ended.status, ended.failure) == (Status.CANCELLED, None)
        assert await studio.budget_left() == before

"""fal.ai from request to file: every way of asking that its sheet has, against the fake over a socket (gateways 3)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.trading import PICTURE, a_clip, bought, trading
from tests.vendors.fal import Fal
from tests.vendors.floor import UNTOLD
from tests.vendors.serving import Fake

from kling_tools.model.errors import CallbackRefused, Impossible, NoBalance
from kling_tools.model.requests import (
    AddSound,
    ApplyEffect,
    CreateAvatar,
    CreateImage,
    CreateSpeech,
    CreateVideo,
    CreateVoice,
    EditVideo,
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
V = "fal-ai/kling-video"


def _pictured(**more: Any) -> CreateVideo:
    return CreateVideo.model_validate({"references": [PICTURE], "prompt": "@1 runs", **more})


#: A request, its endpoint, what its body has to have, and what it costs by the price pages; None: not a sure figure.
ASKED: list[tuple[SpendingRequest, str, dict[str, Any], str | None]] = [
    (a_clip(), f"{V}/v3/standard/text-to-video", {"duration": "5", "generate_audio": False}, "0.42"),
    (a_clip(audio=True), f"{V}/v3/standard/text-to-video", {"generate_audio": True}, "0.63"),
    (a_clip(resolution="1080p", cfg_scale=0.4), f"{V}/v3/pro/text-to-video", {"cfg_scale": 0.4}, "0.56"),
    (a_clip(resolution="1080p", audio=True, seconds=10), f"{V}/v3/pro/text-to-video", {"duration": "10"}, "1.68"),
    (a_clip(resolution="4k"), f"{V}/v3/4k/text-to-video", {"generate_audio": False}, "2.1"),
    (
        CreateVideo.model_validate({"shots": [{"prompt": WORDS, "seconds": 3}, {"prompt": WORDS, "seconds": 2}]}),
        f"{V}/v3/standard/text-to-video",
        {"multi_prompt": [{"prompt": WORDS, "duration": "3"}, {"prompt": WORDS, "duration": "2"}], "prompt": None},
        "0.42",
    ),
    (
        a_clip(image=PICTURE, last_image=PICTURE),
        f"{V}/v3/standard/image-to-video",
        {"start_image_url": PICTURE, "end_image_url": PICTURE, "aspect_ratio": None},
        "0.42",
    ),
    (a_clip(model="kling-3.0-turbo"), f"{V}/v3/turbo/standard/text-to-video", {"generate_audio": None}, "0.56"),
    (
        a_clip(model="kling-3.0-turbo", resolution="1080p", image=PICTURE),
        f"{V}/v3/turbo/pro/image-to-video",
        {"image_url": PICTURE},
        "0.7",
    ),
    (
        a_clip(model="kling-2.6", resolution="1080p", negative_prompt="rain"),
        f"{V}/v2.6/pro/text-to-video",
        {"negative_prompt": "rain", "generate_audio": False},
        "0.35",
    ),
    (
        a_clip(model="kling-2.6", resolution="1080p", image=PICTURE, last_image=PICTURE, audio=True),
        f"{V}/v2.6/pro/image-to-video",
        {"start_image_url": PICTURE, "end_image_url": PICTURE, "generate_audio": True},
        "0.7",
    ),
    (
        a_clip(model="kling-2.6", resolution="1080p", image=PICTURE, voices=["v1"], prompt="@voice1 laughs"),
        f"{V}/v2.6/pro/image-to-video",
        {"voice_ids": ["v1"], "prompt": "<<<voice_1>>> laughs", "generate_audio": True},
        None,
    ),
    (a_clip(model="kling-2.5-turbo", resolution="1080p"), f"{V}/v2.5-turbo/pro/text-to-video", {}, "0.35"),
    (
        a_clip(model="kling-2.5-turbo", image=PICTURE),
        f"{V}/v2.5-turbo/standard/image-to-video",
        {"image_url": PICTURE},
        "0.21",
    ),
    (a_clip(model="kling-2.1-master", resolution="1080p"), f"{V}/v2.1/master/text-to-video", {}, "1.4"),
    (a_clip(model="kling-2.0-master", resolution="1080p", image=PICTURE), f"{V}/v2/master/image-to-video", {}, None),
    (
        a_clip(model="kling-2.1", resolution="1080p", image=PICTURE, last_image=PICTURE),
        f"{V}/v2.1/pro/image-to-video",
        {"image_url": PICTURE, "tail_image_url": PICTURE},
        "0.45",
    ),
    (a_clip(model="kling-1.6"), f"{V}/v1.6/standard/text-to-video", {}, "0.225"),
    (
        _pictured(model="kling-1.6"),
        f"{V}/v1.6/standard/elements",
        {"input_image_urls": [PICTURE], "prompt": "image 1 runs"},
        "0.225",
    ),
    (a_clip(model="kling-1.5", resolution="1080p"), f"{V}/v1.5/pro/text-to-video", {}, None),
    (
        a_clip(model="kling-1.0", camera="pan_left"),
        f"{V}/v1/standard/text-to-video",
        {"advanced_camera_control": {"movement_type": "tilt", "movement_value": -5}, "prompt": WORDS},
        None,
    ),
    (a_clip(model="kling-3.0-omni", audio=True), f"{V}/o3/standard/text-to-video", {"generate_audio": True}, "0.56"),
    (
        a_clip(model="kling-3.0-omni", resolution="1080p", image=PICTURE, last_image=PICTURE),
        f"{V}/o3/pro/image-to-video",
        {"image_url": PICTURE, "end_image_url": PICTURE},
        "0.56",
    ),
    (
        _pictured(resolution="4k", image=PICTURE),
        f"{V}/o3/4k/reference-to-video",
        {"image_urls": [PICTURE], "start_image_url": PICTURE, "prompt": "@Image1 runs", "generate_audio": False},
        "2.1",
    ),
    (
        EditVideo(video=FILM, prompt="@1 comes in", references=[PICTURE]),
        f"{V}/o3/standard/video-to-video/edit",
        {"video_url": FILM, "image_urls": [PICTURE], "keep_audio": True, "prompt": "@Image1 comes in"},
        None,
    ),
    (
        EditVideo(video=FILM, prompt="Winter", keep_sound=False, model="kling-o1", resolution="1080p"),
        f"{V}/o1/video-to-video/edit",
        {"video_url": FILM, "keep_audio": False, "duration": None},
        None,
    ),
    (
        a_clip(model="kling-o1", resolution="1080p", image=PICTURE, last_image=PICTURE),
        f"{V}/o1/image-to-video",
        {"start_image_url": PICTURE, "generate_audio": None},
        "0.56",
    ),
    (_pictured(model="kling-o1"), f"{V}/o1/standard/reference-to-video", {"image_urls": [PICTURE]}, None),
    (
        TransferMotion(image=PICTURE, video=FILM, resolution="1080p"),
        f"{V}/v3/pro/motion-control",
        {"character_orientation": "video", "keep_original_sound": True},
        None,
    ),
    (TransferMotion(image=PICTURE, video=FILM, model="kling-2.6"), f"{V}/v2.6/standard/motion-control", {}, None),
    (
        ApplyEffect(scene="hug", images=[PICTURE, PICTURE]),
        f"{V}/v1.6/pro/effects",
        {"effect_scene": "hug", "input_image_urls": [PICTURE, PICTURE]},
        None,
    ),
    (ApplyEffect(scene="squish", images=[PICTURE], model="kling-effects-1.0"), f"{V}/v1/standard/effects", {}, None),
    (LipSync(video=FILM, audio=SOUND), f"{V}/lipsync/audio-to-video", {"audio_url": SOUND}, None),
    (
        LipSync(video=FILM, text="Hello there", voice="oversea_male1"),
        f"{V}/lipsync/text-to-video",
        {"text": "Hello there", "voice_id": "oversea_male1", "voice_language": "en"},
        None,
    ),
    (CreateAvatar(image=PICTURE, audio=SOUND), f"{V}/ai-avatar/v2/standard", {"audio_url": SOUND}, None),
    (
        CreateAvatar(image=PICTURE, audio=SOUND, model="kling-avatar-1.0", resolution="1080p"),
        f"{V}/v1/pro/ai-avatar",
        {},
        None,
    ),
    (CreateVoice(name="Fox", sample=SOUND), f"{V}/create-voice", {"voice_url": SOUND}, None),
    (CreateSpeech(text="Hello", voice="uk_boy1"), f"{V}/v1/tts", {"text": "Hello", "voice_id": "uk_boy1"}, None),
    (
        AddSound(video=FILM, prompt="Steps in snow"),
        f"{V}/video-to-audio",
        {"sound_effect_prompt": "Steps in snow", "background_music_prompt": "", "asmr_mode": False},
        "0.035",
    ),
    (
        CreateImage(prompt=WORDS, count=2, resolution="2k"),
        "fal-ai/kling-image/v3/text-to-image",
        {"num_images": 2, "resolution": "2K"},
        "0.056",
    ),
    (
        CreateImage(prompt="@1 runs", references=[PICTURE]),
        "fal-ai/kling-image/v3/image-to-image",
        {"image_url": PICTURE, "prompt": "@Image1 runs"},
        "0.028",
    ),
    (
        CreateImage(prompt="@1 and @2", references=[PICTURE, PICTURE], resolution="4k"),
        "fal-ai/kling-image/o3/image-to-image",
        {"image_urls": [PICTURE, PICTURE], "resolution": "4K"},
        "0.056",
    ),
    (
        CreateImage(prompt="A fox through the year", series=4),
        "fal-ai/kling-image/o3/text-to-image",
        {"result_type": "series", "series_amount": 4, "num_images": None},
        "0.112",
    ),
    (
        CreateImage(prompt="@1 runs", references=[PICTURE], model="kling-image-o1"),
        "fal-ai/kling-image/o1",
        {"image_urls": [PICTURE]},
        "0.028",
    ),
    (
        CreateImage(kind="try_on", references=[PICTURE, PICTURE]),
        "fal-ai/kling/v1-5/kolors-virtual-try-on",
        {"human_image_url": PICTURE, "garment_image_url": PICTURE},
        None,
    ),
]


@pytest.mark.long
async def test_every_way_of_asking_comes_home_as_a_file_and_costs_what_the_price_pages_say(tmp_path: Path) -> None:
    async with trading(Fake.FAL, tmp_path, KLING_MAX_USD_PER_CALL="50", KLING_MAX_USD_PER_DAY="500") as (
        studio,
        vendor,
    ):
        for request, endpoint, told, price in ASKED:
            request = request.model_copy(update={"confirm_cost": True, "again": True})
            (quote,) = await studio.quotes(request)
            if price is not None:
                assert quote.outcome.price.usd == Decimal(price), endpoint  # type: ignore[union-attr]
            task = await bought(studio, request)
            assert (task.status, task.failure) == (Status.SUCCEEDED, None), (endpoint, task)
            made = vendor.tasks[-1]
            assert made.model == endpoint
            assert {name: made.body.get(name) for name in told} == told
            if task.outputs[0].kind == "voice":
                assert task.outputs[0].remote_id.startswith("voice-")
            else:
                assert Path(task.outputs[0].path).stat().st_size > 0
            billed = vendor.bills[-1].amount
            assert price is None or billed in (UNTOLD, pytest.approx(float(price))), endpoint
        assert len(vendor.bills) == len(ASKED)


async def test_a_film_as_reference_leads_and_is_not_heard(tmp_path: Path) -> None:
    async with trading(Fake.FAL, tmp_path) as (studio, vendor):
        (quote,) = await studio.quotes(a_clip(references=[FILM], prompt="Like @1"))
        assert quote.outcome.price.usd == Decimal("0.63")  # type: ignore[union-attr]
        task = await bought(studio, a_clip(references=[FILM], prompt="Like @1"))
        assert task.status is Status.SUCCEEDED, task
        made = vendor.tasks[-1]
        assert made.model == f"{V}/o3/standard/video-to-video/reference"
        assert (made.body["keep_audio"], made.body["prompt"]) == (False, "Like @Video1")
        assert made.body["video_url"] == FILM
        assert "image_urls" not in made.body


async def test_what_fal_cannot_do_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    impossible = [
        a_clip(references=["element:12"]),
        CreateAvatar(image=PICTURE, text="Hello"),
        LipSync(video=FILM, text="Hello"),
        EditVideo(video=FILM, prompt="Winter", resolution="4k"),
        a_clip(model="kling-o1", image=PICTURE, references=[PICTURE]),
        a_clip(model="kling-2.5-turbo"),
        a_clip(model="kling-3.0-turbo", image=PICTURE, last_image=PICTURE),
        ExtendVideo(video=FILM, model="kling-extend"),
        AddSound(prompt="Rain"),
    ]
    async with trading(Fake.FAL, tmp_path) as (studio, vendor):
        for request in impossible:
            with pytest.raises(Exception, match=r"\S") as refused:
                await studio.create(request)
            assert refused.value.spent == "no", request  # type: ignore[attr-defined]
        assert isinstance(refused.value, Impossible)
        assert vendor.count("create") == 0


async def test_a_local_picture_goes_up_in_two_steps_and_only_once(tmp_path: Path, a_picture_here: str) -> None:
    async with trading(Fake.FAL, tmp_path) as (studio, vendor):
        for length in (5, 10):
            task = await bought(studio, a_clip(image=a_picture_here, seconds=length))
            assert task.status is Status.SUCCEEDED, task
        assert vendor.count("upload") == 2
        (name,) = vendor.uploads
        assert {body["start_image_url"] for body in vendor.creates} == {f"{vendor.base_url}/uploads/{name}"}
        assert all(content == Path(a_picture_here).read_bytes() for _, content, _ in vendor.uploads.values())


@pytest.mark.parametrize("nth", [1, 2])
async def test_an_upload_that_breaks_buys_nothing_and_is_tried_again(
    tmp_path: Path, a_picture_here: str, nth: int
) -> None:
    async with trading(Fake.FAL, tmp_path) as (studio, vendor):
        vendor.fault("cut", "upload", nth=nth)
        task = await bought(studio, a_clip(image=a_picture_here))
        assert task.status is Status.SUCCEEDED, task
        assert len(vendor.creates) == len(vendor.bills) == 1


@pytest.mark.parametrize("quiet", [False, True])
async def test_a_failure_is_one_wherever_it_is_told(tmp_path: Path, quiet: bool) -> None:
    async with trading(Fake.FAL, tmp_path) as (studio, vendor):
        assert isinstance(vendor, Fal)
        vendor.quiet = quiet
        vendor.fault("fail", words="the content violates the guidelines")
        task = await bought(studio, a_clip())
        assert task.status is Status.FAILED
        assert task.failure is not None
        assert task.failure.code == "moderated"
        # A result with 422 may be billed, and then nobody says that nothing was spent.
        assert task.failure.spent == ("unknown" if quiet else "no")


async def test_a_result_that_cannot_be_had_at_once_is_asked_for_again(tmp_path: Path) -> None:
    async with trading(Fake.FAL, tmp_path) as (studio, vendor):
        for kind in ("500", "429", "cut", "garbage"):
            vendor.fault(kind, "result")
            task = await bought(studio, a_clip(again=True))
            assert task.status is Status.SUCCEEDED, (kind, task)
        assert len(vendor.creates) == 4


async def test_no_money_is_told_as_that_and_a_key_without_rights_still_works(tmp_path: Path) -> None:
    async with trading(Fake.FAL, tmp_path) as (studio, vendor):
        client = studio.account("fal").client
        assert (await client.balance()) is not None
        assert isinstance(vendor, Fal)
        vendor.admin = False
        assert await client.balance() is None
        await client.probe()
        vendor.fault("402")
        with pytest.raises(NoBalance) as poor:
            await studio.create(a_clip())
        assert poor.value.spent == "no"
        assert await studio.budget_left() == studio.settings.max_usd_per_day


async def test_callbacks_are_proven_by_the_published_keys(tmp_path: Path) -> None:
    async with trading(Fake.FAL, tmp_path) as (studio, vendor):
        task = await bought(studio, a_clip())
        assert task.remote is not None
        client = studio.account("fal").client
        genuine = vendor.webhook(task.remote.id, url=f"{vendor.base_url}/hook")
        dialect = client.connection.dialect
        keys = await client._ask(dialect.keys())  # type: ignore[arg-type]
        headers = {name.lower(): value for name, value in genuine.headers.items()}
        sent = float(headers["x-fal-webhook-timestamp"])
        assert dialect.heard(headers, genuine.body, sent, keys.body) == (task.remote.id,)
        for how in ("forged", "tampered"):
            hook = vendor.webhook(task.remote.id, how)  # type: ignore[arg-type]
            given = {name.lower(): value for name, value in hook.headers.items()}
            with pytest.raises(CallbackRefused):
                dialect.heard(given, hook.body, float(given["x-fal-webhook-timestamp"]), keys.body)
        with pytest.raises(CallbackRefused, match="clock"):
            dialect.heard(headers, genuine.body, sent + 301, keys.body)

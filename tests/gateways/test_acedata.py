"""AceDataCloud from request to file: every way of asking that its sheet has, against its fake (gateways 6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.gateways.trading import PICTURE, a_clip, bought, trading
from tests.vendors.serving import Fake

from kling_tools.model.errors import BadMedia, Impossible
from kling_tools.model.requests import (
    ApplyEffect,
    CreateAvatar,
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
SPOKEN = "Hello there, how are you today?"

#: A request, the path it goes to, and what its body has to be like there (None: no such field).
ASKED: list[tuple[SpendingRequest, str, dict[str, Any]]] = [
    (
        a_clip(),
        "videos",
        {"action": "text2video", "model": "kling-v3", "mode": "std", "duration": 5, "generate_audio": False},
    ),
    (a_clip(audio=True, resolution="4k"), "videos", {"mode": "4k", "generate_audio": True}),
    (
        a_clip(image=PICTURE, last_image=PICTURE, resolution="1080p"),
        "videos",
        {"action": "image2video", "start_image_url": PICTURE, "end_image_url": PICTURE, "mode": "pro"},
    ),
    (a_clip(camera="pan_left", resolution="1080p"), "videos", {"model": "kling-v3"}),
    (a_clip(camera="pan_left", resolution="4k"), "videos", {"camera_control": None}),
    (
        a_clip(model="kling-2.6", resolution="1080p", audio=True, negative_prompt="fog"),
        "videos",
        {"model": "kling-v2-6", "generate_audio": True, "negative_prompt": "fog"},
    ),
    (a_clip(model="kling-2.5-turbo", cfg_scale=0.3), "videos", {"model": "kling-v2-5-turbo", "generate_audio": None}),
    (
        a_clip(references=[PICTURE], prompt="@1 runs"),
        "videos",
        {"model": "kling-v3-omni", "prompt": "<<<image_1>>> runs", "image_list": [{"image_url": PICTURE}]},
    ),
    (
        a_clip(references=[PICTURE, FILM], prompt="@1 like @2", model="kling-o1", image=PICTURE),
        "videos",
        {
            "prompt": "<<<image_1>>> like <<<video_1>>>",
            "image_list": [{"image_url": PICTURE}, {"image_url": PICTURE, "type": "first_frame"}],
            "video_list": [{"video_url": FILM, "refer_type": "feature", "keep_original_sound": "no"}],
        },
    ),
    (a_clip(model="kling-3.0-omni", resolution="4k"), "videos", {"model": "kling-v3-omni", "mode": "4k"}),
    (
        EditVideo(video=FILM, prompt="Make it night", keep_sound=True),
        "videos",
        {
            "video_list": [{"video_url": FILM, "refer_type": "base", "keep_original_sound": "yes"}],
            "duration": None,
            "generate_audio": None,
        },
    ),
    (a_clip(model="kling-2.1-master", resolution="1080p"), "videos", {"model": "kling-v2-1-master", "mode": "pro"}),
    (a_clip(model="kling-2.0-master"), "videos", {"model": "kling-v2-master"}),
    (a_clip(model="kling-1.6"), "videos", {"model": "kling-v1-6"}),
    (a_clip(model="kling-1.0", seconds=10), "videos", {"model": "kling-v1", "duration": 10}),
    (
        TransferMotion(image=PICTURE, video=FILM),
        "motion",
        {"character_orientation": "video", "keep_original_sound": "yes", "mode": "std", "model": None},
    ),
    (
        LipSync(video=FILM, text=SPOKEN, voice="oversea_male1"),
        "lip-sync",
        {"mode": "text2video", "video_url": FILM, "text": SPOKEN, "voice_language": "en", "voice_speed": 1.0},
    ),
    (LipSync(video=FILM, audio=SOUND), "lip-sync", {"mode": "audio2video", "audio_url": SOUND, "text": None}),
    (
        CreateAvatar(image=PICTURE, audio=SOUND, resolution="1080p"),
        "talking-photo",
        {"model": "kling-v2-1-master", "duration": 10, "mode": "pro"},
    ),
]


@pytest.mark.long
async def test_every_way_of_asking_comes_home_as_a_file_and_no_line_stays_open(tmp_path: Path) -> None:
    async with trading(Fake.ACEDATA, tmp_path) as (studio, vendor):
        for request, path, told in ASKED:
            request = request.model_copy(update={"confirm_cost": True, "again": True})
            (quote,) = await studio.quotes(request)
            assert quote.outcome.price.usd is None  # type: ignore[union-attr]
            task = await bought(studio, request)
            assert (task.status, task.failure) == (Status.SUCCEEDED, None), (path, told, task)
            assert Path(task.outputs[0].path).stat().st_size > 0
            made = vendor.tasks[-1]
            assert (made.model, made.body["async"]) == (path, True)
            assert {name: made.body.get(name) for name in told} == told
        assert len(vendor.bills) == len(ASKED)
        (camera,) = [body["camera_control"]["config"] for body in vendor.creates if "camera_control" in body]
        assert {axis: figure for axis, figure in camera.items() if figure} == {"tilt": -0.5}


@pytest.mark.parametrize("ending", ["state", "success", "transient", "empty"])
async def test_however_a_record_tells_its_end_it_is_understood(tmp_path: Path, ending: str) -> None:
    async with trading(Fake.ACEDATA, tmp_path) as (studio, vendor):
        vendor.ending = ending  # type: ignore[attr-defined]
        assert (await bought(studio, a_clip())).status is Status.SUCCEEDED
        assert len(vendor.creates) == 1


async def test_its_own_video_is_continued_by_its_name(tmp_path: Path) -> None:
    async with trading(Fake.ACEDATA, tmp_path) as (studio, vendor):
        clip = await bought(studio, a_clip(model="kling-1.6"))
        longer = await bought(studio, ExtendVideo(video=clip.id, model="kling-extend-1.6", confirm_cost=True))
        assert longer.status is Status.SUCCEEDED, longer.failure
        assert [body["action"] for body in vendor.creates] == ["text2video", "extend"]
        assert (vendor.creates[1]["video_id"], vendor.creates[1]["model"]) == (clip.outputs[0].remote_id, "kling-v1-6")


async def test_what_it_cannot_do_is_refused_before_anything_is_sent(tmp_path: Path, a_picture_here: str) -> None:
    impossible = [
        ApplyEffect(scene="squish", images=[PICTURE]),
        CreateAvatar(image=PICTURE, text=SPOKEN, resolution="1080p"),
        a_clip(references=["element:12"]),
        a_clip(references=[PICTURE], resolution="4k"),
        a_clip(negative_prompt="fog " * 60),
        a_clip(model="kling-2.6", audio=True),
        a_clip(image=a_picture_here),
    ]
    async with trading(Fake.ACEDATA, tmp_path) as (studio, vendor):
        for request in impossible:
            with pytest.raises((Impossible, BadMedia)):
                await studio.create(request)
        assert vendor.count("create") == 0

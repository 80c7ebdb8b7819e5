"""Films made of what was sent along: they begin with it, keep it, or play it (kling-official 3.2, 4.9-4.13)."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat
from tests.sandbox.conftest import Clock, House, base64_of, jpeg, wav
from tests.sandbox.test_video import frame, probe

pytestmark = pytest.mark.anyio

PROMPT = {"type": "prompt", "text": "it moves"}
SHORT = {"duration": 3}


@pytest.fixture
def studio(tmp_path: Path, clock: Clock, ffmpeg: str) -> House:
    return House(tmp_path / "state", clock, ffmpeg=ffmpeg)


async def fetched(house: House, item: dict[str, Any], target: Path) -> Path:
    reply = await house.bare.get(item["outputs"][0]["url"])
    assert reply.status_code == 200, reply.text
    target.write_bytes(reply.content)
    return target


async def finished(house: House, path: str, **body: object) -> dict[str, Any]:
    made = (await house.call("POST", path, json=body)).json()["data"]
    return await house.finish(made.get("id") or made["task_id"])


async def source(house: House) -> dict[str, Any]:
    """Make a film with sound; its item."""
    return await finished(house, "/text-to-video/kling-3.0", prompt="a fox", settings={**SHORT, "audio": "native"})


def difference(a: Image.Image, b: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(a, b)).mean)


def loudness(ffmpeg: str, file: Path) -> bytes:
    command = [ffmpeg, "-v", "error", "-i", str(file), "-f", "s16le", "-ac", "1", "-ar", "4000", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def loud(samples: bytes) -> int:
    return max(abs(int.from_bytes(samples[at : at + 2], "little", signed=True)) for at in range(0, len(samples), 2))


def png(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    return base64_of(out.getvalue())


async def test_a_film_continued_from_a_last_frame_shows_no_jump(studio, tmp_path, ffmpeg):
    first = await fetched(studio, await source(studio), tmp_path / "first.mp4")
    last = frame(ffmpeg, first, 2.95)
    contents = [PROMPT, {"type": "first_frame", "url": png(last)}]
    item = await finished(studio, "/image-to-video/kling-3.0", contents=contents, settings=SHORT)
    second = await fetched(studio, item, tmp_path / "second.mp4")
    assert difference(last, frame(ffmpeg, second, 0)) < 2.5
    assert difference(last, frame(ffmpeg, second, 1.5)) > 2.5
    assert loud(loudness(ffmpeg, first)) > 500


async def test_an_edit_keeps_length_and_sound_and_motion_control_too(studio, tmp_path, ffmpeg):
    video = {"url": (await source(studio))["outputs"][0]["url"]}
    edit = {
        "contents": [PROMPT, {"type": "base_video", **video}],
        "settings": {"multi_shot": False, "audio": "original"},
    }
    motion = {
        "contents": [PROMPT, {"type": "image", "url": base64_of(jpeg())}, {"type": "video", **video}],
        "settings": {"character_orientation": "image"},
    }
    for path, body in (("/omni-video/kling-3.0-omni", edit), ("/motion-control/kling-2.6", motion)):
        file = await fetched(studio, await finished(studio, path, **body), tmp_path / "made.mp4")
        found = probe(ffmpeg, file)
        assert found.seconds == pytest.approx(3, abs=0.05)
        assert found.sound
        assert loud(loudness(ffmpeg, file)) > 500


async def test_lip_sync_keeps_the_picture_and_mixes_the_sound_in(studio, tmp_path, ffmpeg):
    silent = await finished(studio, "/text-to-video/kling-3.0", prompt="a fox", settings=SHORT)
    before = await fetched(studio, silent, tmp_path / "before.mp4")
    id = silent["outputs"][0]["id"]
    data = (await studio.call("POST", "/v1/videos/identify-face", json={"video_id": id})).json()["data"]
    assert (await studio.bare.get(data["face_data"][0]["face_image"])).headers["content-type"] == "image/png"
    choice = {"face_id": "0", "sound_file": "https://a.example/voice.mp3"}
    choice |= {"sound_start_time": 0, "sound_end_time": 2000, "sound_insert_time": 1000}
    body = {"session_id": data["session_id"], "face_choose": [choice]}
    made = await finished(studio, "/v1/videos/advanced-lip-sync", **body)
    file = await fetched(studio, made, tmp_path / "made.mp4")
    assert probe(ffmpeg, file).seconds == pytest.approx(3, abs=0.05)
    assert frame(ffmpeg, file, 1).tobytes() == frame(ffmpeg, before, 1).tobytes()
    samples = loudness(ffmpeg, file)
    assert loud(samples[:6000]) < 50  # the inserted sound begins after a second: 4000 samples of two bytes
    assert loud(samples[8000:]) > 500


async def test_an_avatar_is_the_picture_for_as_long_as_the_sound(studio, tmp_path, ffmpeg):
    body = {"image": base64_of(jpeg("red", (600, 750))), "sound_file": wav(2.5)}
    item = await finished(studio, "/v1/videos/avatar/image2video", **body)
    file = await fetched(studio, item, tmp_path / "made.mp4")
    found = probe(ffmpeg, file)
    assert found.size == (720, 900)
    assert found.seconds == pytest.approx(2.5, abs=0.05)
    assert found.sound
    assert ImageStat.Stat(frame(ffmpeg, file, 0)).mean[0] > 150


async def test_a_long_film_stands_still_and_is_drawn_in_bearable_time(studio, tmp_path, ffmpeg):
    body = {"image": base64_of(jpeg("red", (400, 400))), "sound_file": wav(40)}
    item = await finished(studio, "/v1/videos/avatar/image2video", **body)
    assert probe(ffmpeg, await fetched(studio, item, tmp_path / "made.mp4")).seconds == pytest.approx(40, abs=0.2)


async def test_effects_and_masks_show_the_pictures(studio, tmp_path, ffmpeg):
    pictures = [base64_of(jpeg("red", (400, 400))), base64_of(jpeg("blue", (400, 400)))]
    body = {"effect_scene": "hug_pro", "input": {"images": pictures}}
    item = await finished(studio, "/v1/videos/effects", **body)
    file = await fetched(studio, item, tmp_path / "made.mp4")
    first, last = (ImageStat.Stat(frame(ffmpeg, file, at)).mean for at in (0, 4.9))
    assert first[0] > 150 > first[2]
    assert last[2] > 150 > last[0]
    masks = (await studio.call("POST", "/v1/videos/image-recognize", json={"image": pictures[0]})).json()["data"]
    reply = await studio.bare.get(masks["task_result"]["images"][0]["url"])
    assert Image.open(io.BytesIO(reply.content)).size == (400, 400)

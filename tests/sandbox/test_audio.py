"""Speech, sound effects and the sound of videos (kling-official 5.1-5.3)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.conftest import Clock, House, base64_of, jpeg

from kling_sandbox.sounding import speech_seconds

pytestmark = pytest.mark.anyio

TTS, EFFECT, SOUND = "/v1/audio/tts", "/v1/audio/text-to-audio", "/v1/audio/video-to-audio"
VOICE = {"voice_id": "oversea_male1", "voice_language": "en"}


@pytest.fixture
def drawn(tmp_path: Path, clock: Clock, ffmpeg: str) -> House:
    return House(tmp_path, clock, ffmpeg=ffmpeg)


async def done(house: House, path: str, **body: Any) -> dict[str, Any]:
    reply = await house.call("POST", path, json=body)
    assert reply.status_code == 200, reply.text
    house.clock.now += 1000
    data: dict[str, Any] = (await house.call("GET", f"{path}/{reply.json()['data']['task_id']}")).json()["data"]
    return data


async def refused(house: House, path: str, **body: Any) -> str:
    reply = await house.call("POST", path, json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201), reply.text
    return str(reply.json()["message"])


async def seconds_of(house: House, ffmpeg: str, url: str, target: Path) -> float:
    reply = await house.bare.get(url)
    assert reply.status_code == 200, reply.text
    target.write_bytes(reply.content)
    return length(ffmpeg, target)


def length(ffmpeg: str, file: Path) -> float:
    told = subprocess.run([ffmpeg, "-hide_banner", "-i", str(file)], capture_output=True, text=True, check=False)
    found = re.search(r"Duration: (\d+):(\d+):([\d.]+)", told.stderr)
    assert found
    assert "Audio:" in told.stderr
    hours, minutes, seconds = (float(part) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


async def test_speech_is_there_at_once_and_nowhere_else(house):
    reply = await house.call("POST", TTS, json={"text": "The ship sails at noon.", **VOICE})
    data = reply.json()["data"]
    assert (data["task_status"], data["final_unit_deduction"]) == ("succeed", "0.05")
    (audio,) = data["task_result"]["audios"]
    assert set(audio) == {"id", "url", "duration"}
    assert audio["duration"] == "1.6"
    assert (await house.call("GET", "/tasks", params={"task_ids": data["task_id"]})).json()["data"] == []
    assert (await house.call("GET", f"{TTS}/{data['task_id']}")).json()["code"] == 1202


def test_speech_lasts_as_long_as_its_text_and_its_speed_say():
    assert speech_seconds("Hi.", 1.0) == 1.0
    assert speech_seconds("x" * 300, 1.0) == 20.0
    assert speech_seconds("x" * 300, 2.0) == 10.0
    assert speech_seconds("x" * 300, 0.8) == 25.0


WRONG_SPEECH: dict[str, dict[str, Any]] = {
    "no text": {"text": ""},
    "a long text": {"text": "x" * 1001},
    "a voice of the library": {"voice_id": "829800000000000001"},
    "a voice of the other language": {"voice_id": "oversea_male1", "voice_language": "zh"},
    "another language": {"voice_language": "de"},
    "too slow": {"voice_speed": 0.7},
    "too fast": {"voice_speed": 2.1},
    "two decimals": {"voice_speed": 1.25},
    "a speed in a string": {"voice_speed": "1.0"},
    "no voice": {"voice_id": ""},
}


@pytest.mark.parametrize("body", WRONG_SPEECH.values(), ids=WRONG_SPEECH.keys())
async def test_wrong_speech_is_1201_and_free(house, body):
    await refused(house, TTS, **{"text": "Hello", **VOICE, **body})
    assert await house.bought() == []


async def test_chinese_is_the_default_language(house):
    assert (await house.call("POST", TTS, json={"text": "你好", "voice_id": "mengwa-v1"})).status_code == 200


async def test_speech_can_be_heard_for_its_length(drawn, ffmpeg, tmp_path):
    body = {"text": "x" * 45, **VOICE}
    (audio,) = (await drawn.call("POST", TTS, json=body)).json()["data"]["task_result"]["audios"]
    assert audio["duration"] == "3"
    assert await seconds_of(drawn, ffmpeg, audio["url"], tmp_path / "a.mp3") == pytest.approx(3, abs=0.1)


async def test_speech_is_found_again_by_its_audio_id(house):
    (audio,) = (await house.call("POST", TTS, json={"text": "x" * 45, **VOICE})).json()["data"]["task_result"]["audios"]
    sound = house.app.desk.inputs.sound_by_id(audio["id"])  # type: ignore[attr-defined]
    assert (sound.seconds, sound.known) == (3.0, True)


async def test_an_effect_has_both_formats_in_both_standards(drawn, ffmpeg, tmp_path):
    data = await done(drawn, EFFECT, prompt="rain on a roof", duration=3.5)
    (audio,) = data["task_result"]["audios"]
    assert (audio["duration_mp3"], audio["duration_wav"], data["final_unit_deduction"]) == ("3.5", "3.5", "0.25")
    for kind in ("mp3", "wav"):
        heard = await seconds_of(drawn, ffmpeg, audio[f"url_{kind}"], tmp_path / f"a.{kind}")
        assert heard == pytest.approx(3.5, abs=0.1)
    item = await drawn.task(data["task_id"])
    assert item["outputs"] == [
        {
            "type": "audio",
            "id": audio["id"],
            "mp3_url": audio["url_mp3"],
            "mp3_duration": "3.5",
            "wav_url": audio["url_wav"],
            "wav_duration": "3.5",
        }
    ]
    assert item["billing"][0]["package_type"] == "video"


@pytest.mark.parametrize("duration", [None, 2.9, 10.1, 3.25, "5", True])
async def test_an_effect_needs_three_to_ten_seconds_with_one_decimal(house, duration):
    await refused(house, EFFECT, prompt="rain", duration=duration)


@pytest.mark.parametrize("prompt", ["", "x" * 201])
async def test_an_effect_needs_a_short_prompt(house, prompt):
    await refused(house, EFFECT, prompt=prompt, duration=5)


async def test_the_sound_of_a_video_comes_with_the_video(drawn, ffmpeg, tmp_path):
    item = await drawn.finish((await drawn.buy(settings={"duration": 3}))["id"])
    source = item["outputs"][0]
    data = await done(drawn, SOUND, video_id=source["id"], sound_effect_prompt="wind", asmr_mode=True)
    (video,), (audio,) = data["task_result"]["videos"], data["task_result"]["audios"]
    assert (video["duration"], audio["duration_mp3"]) == ("3", "3")
    assert data["task_info"]["parent_video"]["id"] == source["id"]
    assert await seconds_of(drawn, ffmpeg, video["url"], tmp_path / "a.mp4") == pytest.approx(3, abs=0.1)
    outputs = (await drawn.task(data["task_id"]))["outputs"]
    assert [one["type"] for one in outputs] == ["video", "audio"]


async def test_a_video_elsewhere_is_taken_as_it_is(drawn, ffmpeg, tmp_path):
    data = await done(drawn, SOUND, video_url="https://videos.invalid/a.mp4", bgm_prompt="slow strings")
    assert data["task_info"]["parent_video"]["url"] == "https://videos.invalid/a.mp4"
    (video,) = data["task_result"]["videos"]
    assert await seconds_of(drawn, ffmpeg, video["url"], tmp_path / "a.mp4") == pytest.approx(5, abs=0.1)


async def test_a_result_of_ours_lasts_three_to_twenty_seconds(house):
    body = {"text": "x" * 400, "voice_id": "oversea_male1", "voice_language": "en"}
    speech = (await house.call("POST", TTS, json=body)).json()["data"]["task_result"]["audios"][0]["id"]
    body = {"image": base64_of(jpeg()), "audio_id": speech}
    avatar = (await house.call("POST", "/v1/videos/avatar/image2video", json=body)).json()["data"]["task_id"]
    video = (await house.finish(avatar))["outputs"][0]["id"]
    assert "lasts" in await refused(house, SOUND, video_id=video)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"video_id": "v1", "video_url": "https://videos.invalid/a.mp4"},
        {"video_id": "v1"},
        {"video_url": "bm8gdmlkZW8="},
        {"video_url": "https://videos.invalid/a.mp4", "bgm_prompt": "x" * 201},
        {"video_url": "https://videos.invalid/a.mp4", "sound_effect_prompt": "x" * 201},
        {"video_url": "https://videos.invalid/a.mp4", "asmr_mode": "yes"},
    ],
)
async def test_a_wrong_video_sound_is_1201(house, body):
    await refused(house, SOUND, **body)

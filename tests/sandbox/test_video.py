"""Result files: real videos of the bought size and length, served in parts."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image, ImageStat
from tests.sandbox.conftest import Clock, House, base64_of, jpeg

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Probe:
    video: str
    size: tuple[int, int]
    seconds: float
    sound: bool


def probe(ffmpeg: str, file: Path) -> Probe:
    told = subprocess.run([ffmpeg, "-hide_banner", "-i", str(file)], capture_output=True, text=True, check=False).stderr
    video = next(line for line in told.splitlines() if "Video:" in line)
    size = re.search(r" (\d{3,5})x(\d{3,5})", video)
    length = re.search(r"Duration: (\d+):(\d+):([\d.]+)", told)
    assert size
    assert length
    hours, minutes, seconds = (float(part) for part in length.groups())
    total = hours * 3600 + minutes * 60 + seconds
    return Probe(video, (int(size[1]), int(size[2])), total, "Audio: aac" in told)


def frame(ffmpeg: str, file: Path, at: float) -> Image.Image:
    command = [
        ffmpeg,
        "-v",
        "error",
        "-ss",
        str(at),
        "-i",
        str(file),
        "-frames:v",
        "1",
        "-f",
        "image2pipe",
        "-c:v",
        "png",
        "-",
    ]
    return Image.open(io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout)).convert("RGB")


@pytest.fixture
def studio(tmp_path: Path, clock: Clock, ffmpeg: str) -> House:
    return House(tmp_path / "state", clock, ffmpeg=ffmpeg)


async def film(house: House, target: Path, path: str = "/text-to-video/kling-3.0", **body: object) -> Path:
    item = await house.finish((await house.buy(path, **body))["id"])
    reply = await house.bare.get(item["outputs"][0]["url"])
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "video/mp4"
    file = target / "got.mp4"
    file.write_bytes(reply.content)
    return file


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"duration": 3}, (1280, 720)),
        ({"duration": 3, "aspect_ratio": "9:16"}, (720, 1280)),
        ({"duration": 3, "aspect_ratio": "1:1", "resolution": "1080p"}, (1080, 1080)),
        ({"duration": 4, "audio": "native", "aspect_ratio": "1:1"}, (720, 720)),
    ],
)
async def test_the_video_is_h264_of_the_bought_size_length_and_sound(studio, tmp_path, ffmpeg, settings, size):
    found = probe(ffmpeg, await film(studio, tmp_path, settings=settings))
    assert "h264" in found.video
    assert "yuv420p" in found.video
    assert found.size == size
    assert found.seconds == pytest.approx(settings["duration"], abs=0.05)
    assert found.sound == ("audio" in settings)


async def test_an_image_becomes_the_first_frame_and_gives_its_ratio(studio, tmp_path, ffmpeg):
    contents = [
        {"type": "prompt", "text": "it moves"},
        {"type": "first_frame", "url": base64_of(jpeg("red", (600, 750)))},
    ]
    file = await film(studio, tmp_path, "/image-to-video/kling-3.0", contents=contents, settings={"duration": 3})
    assert probe(ffmpeg, file).size == (720, 900)
    red, green, blue = ImageStat.Stat(frame(ffmpeg, file, 0)).mean
    assert red > 150
    assert max(green, blue) < 60


async def test_first_and_last_frame_are_joined_by_a_fade(studio, tmp_path, ffmpeg):
    contents = [
        {"type": "prompt", "text": "it changes"},
        {"type": "first_frame", "url": base64_of(jpeg("red"))},
        {"type": "last_frame", "url": base64_of(jpeg("blue"))},
    ]
    file = await film(studio, tmp_path, "/image-to-video/kling-3.0", contents=contents, settings={"duration": 3})
    found = probe(ffmpeg, file)
    assert found.seconds == pytest.approx(3, abs=0.05)
    first, last = (ImageStat.Stat(frame(ffmpeg, file, at)).mean for at in (0, 2.9))
    assert first[0] > 150 > first[2]
    assert last[2] > 150 > last[0]


async def test_shots_follow_one_another_within_the_bought_length(studio, tmp_path, ffmpeg):
    prompt = "shot 1, 2, a boat; shot 2, 1, gulls;"
    file = await film(studio, tmp_path, prompt=prompt, settings={"duration": 3})
    assert probe(ffmpeg, file).seconds == pytest.approx(3, abs=0.05)
    assert frame(ffmpeg, file, 0.5).tobytes() != frame(ffmpeg, file, 2.5).tobytes()


async def test_a_hostile_prompt_is_only_pixels(studio, tmp_path, ffmpeg):
    prompt = "';drawtext=text='x':[out] %{pts} \\: $(touch pwned) \x00\u202e `id` 🎬 猫"
    file = await film(studio, tmp_path, prompt=prompt, settings={"duration": 3})
    assert probe(ffmpeg, file).size == (1280, 720)
    assert not list(tmp_path.rglob("pwned"))


async def test_an_image_that_cannot_be_decoded_still_gives_a_video(studio, tmp_path, ffmpeg):
    contents = [{"type": "prompt", "text": "broken"}, {"type": "first_frame", "url": base64_of(jpeg()[:700])}]
    file = await film(studio, tmp_path, "/image-to-video/kling-3.0", contents=contents, settings={"duration": 3})
    assert probe(ffmpeg, file).seconds == pytest.approx(3, abs=0.05)


async def test_parts_of_a_video_make_the_whole_and_racing_readers_get_the_same_bytes(studio):
    item = await studio.finish((await studio.buy(settings={"duration": 3}))["id"])
    url = item["outputs"][0]["url"]
    whole, same = await asyncio.gather(studio.bare.get(url), studio.bare.get(url))
    assert whole.content == same.content
    tag = whole.headers["etag"]
    assert tag.startswith('"')
    assert int(whole.headers["content-length"]) == len(whole.content)

    async def part(**headers: str):
        return await studio.bare.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})

    rest = await part(range="bytes=100-", if_range=tag)
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    assert rest.headers["content-range"] == f"bytes 100-{len(whole.content) - 1}/{len(whole.content)}"
    assert (await part(range="bytes=100-", if_range='"other"')).content == whole.content
    assert (await part(range="bytes=0-9")).content == whole.content[:10]
    assert (await part(range=f"bytes={len(whole.content)}-")).status_code == 416
    head = await studio.bare.head(url)
    assert (head.headers["etag"], head.content) == (tag, b"")


async def test_two_sandboxes_on_one_directory_serve_one_file(studio, tmp_path, clock, ffmpeg):
    item = await studio.finish((await studio.buy(settings={"duration": 3}))["id"])
    other = House(tmp_path / "state", clock, ffmpeg=ffmpeg)
    url = item["outputs"][0]["url"]
    one, two = await asyncio.gather(studio.bare.get(url), other.bare.get(url))
    assert one.headers["etag"] == two.headers["etag"]
    assert [file.suffix for file in (tmp_path / "state" / "results").iterdir()] == [".mp4"]


async def test_a_file_needs_its_token_and_a_finished_task(studio):
    made = await studio.buy(settings={"duration": 3})
    assert (await studio.bare.get(f"/files/{made['id']}/guess.mp4")).status_code == 404
    assert (await studio.bare.get("/files/1/guess.mp4")).status_code == 404
    await studio.finish(made["id"])
    assert (await studio.bare.get(f"/files/{made['id']}/guess.mp4")).status_code == 404


async def test_without_an_encoder_tasks_still_work_and_the_file_says_what_is_missing(house):
    item = await house.finish((await house.buy())["id"])
    reply = await house.bare.get(item["outputs"][0]["url"])
    assert reply.status_code == 503
    assert "kling-mcp[media]" in reply.text


async def test_five_seconds_are_drawn_in_bearable_time(studio, tmp_path):
    begun = time.perf_counter()
    await film(studio, tmp_path)
    assert time.perf_counter() - begun < 60  # 1.6 s alone; the bound only catches something badly wrong

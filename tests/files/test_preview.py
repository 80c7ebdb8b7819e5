"""Sheets and frames show what they say: each frame of a test clip is brighter than the one before."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.files.conftest import STEP

from kling_tools.files.canvas import lay_out
from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.mp4 import read_facts
from kling_tools.files.preview import WHOLE, Size, contact_sheet, frame_at, last_frame
from kling_tools.model.errors import MediaFailed


def frame_number(image: Image.Image, box: tuple[int, int, int, int]) -> int:
    """Return which frame of a 2 s clip this part of a picture is from."""
    middle = image.convert("L").crop(box).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(middle, int)
    return round(middle * 219 / 255 / STEP)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["wide", "tall", "square", "turned"])
async def test_a_sheet_shows_the_whole_length_from_first_to_last(
    encoder: Encoder, clips: dict[str, Path], name: str
) -> None:
    facts = read_facts(clips[name])
    sheet = await contact_sheet(encoder, clips[name], facts)
    image = Image.open(BytesIO(sheet.jpeg))
    assert image.size == (sheet.width, sheet.height)
    assert sheet.times == pytest.approx([0, 0.4, 0.8, 1.1, 1.5, 1.9], abs=0.01)
    grid = lay_out(6, facts.width, facts.height, 1024)
    assert sheet.columns == grid.columns
    numbers = []
    for index in range(6):
        left, top = index % grid.columns * (grid.width + 4), index // grid.columns * (grid.height + 4)
        numbers.append(frame_number(image, (left + 10, top + 4, left + grid.width - 10, top + grid.height // 3)))
    assert numbers == [0, 4, 8, 11, 15, 19]


@pytest.mark.anyio
async def test_a_long_video_gets_more_frames_and_a_caller_may_choose(encoder: Encoder, clips: dict[str, Path]) -> None:
    facts = read_facts(clips["long"])
    sheet = await contact_sheet(encoder, clips["long"], facts)
    assert len(sheet.times) == 12
    assert sheet.times[-1] == pytest.approx(24.9, abs=0.02)
    assert len((await contact_sheet(encoder, clips["long"], facts, frames=4)).times) == 4


@pytest.mark.anyio
async def test_a_sheet_keeps_to_its_width_and_bytes(encoder: Encoder, clips: dict[str, Path]) -> None:
    sheet = await contact_sheet(encoder, clips["wide"], read_facts(clips["wide"]), size=Size(200, 3000))
    assert max(sheet.width, sheet.height) <= 200
    assert len(sheet.jpeg) <= 3000


@pytest.mark.anyio
@pytest.mark.parametrize(("at", "number"), [(0.0, 0), (0.99, 9), (1.0, 10), (1.04, 10), (1.9, 19), (99.0, 19)])
async def test_a_frame_is_the_one_on_show_at_that_time(
    encoder: Encoder, clips: dict[str, Path], at: float, number: int
) -> None:
    frame = await frame_at(encoder, clips["wide"], at)
    image = Image.open(BytesIO(frame.jpeg))
    assert image.size == (frame.width, frame.height) == (160, 90)
    assert frame_number(image, (10, 10, 150, 80)) == number
    assert frame.at == min(at, 1.9)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["wide", "turned"])
async def test_the_last_frame_is_the_last_picture_even_where_the_sound_is_longer(
    encoder: Encoder, clips: dict[str, Path], name: str
) -> None:
    image = Image.open(BytesIO(await last_frame(encoder, clips[name])))
    assert image.size == ((160, 90) if name == "wide" else (90, 160))
    assert frame_number(image, (10, 10, 80, 80)) == 19


WATCHED = """
import asyncio, sys
from pathlib import Path
from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.mp4 import read_facts
from kling_tools.files.preview import contact_sheet, frame_at
path, encoder = Path(sys.argv[1]), Encoder(sys.argv[2])
asyncio.run(contact_sheet(encoder, path, read_facts(path)))
asyncio.run(frame_at(encoder, path, 1.0))
assert not [name for name in sys.modules if name.startswith("PIL")]
"""


def test_no_picture_is_decoded_in_our_own_process(encoder: Encoder, clips: dict[str, Path]) -> None:
    command = [sys.executable, "-W", "error", "-c", WATCHED, str(clips["wide"]), encoder.path]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, timeout=100, env=env, check=True)


@pytest.mark.anyio
async def test_a_broken_video_is_refused(encoder: Encoder, clips: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(clips["square"].read_bytes())
    start = data.index(b"mdat") + 4
    data[start : data.rindex(b"moov") - 4] = bytes(data.rindex(b"moov") - 4 - start)
    path = tmp_path / "hollow.mp4"
    path.write_bytes(data)
    for look in (contact_sheet(encoder, path, read_facts(path)), frame_at(encoder, path, 0), last_frame(encoder, path)):
        with pytest.raises(MediaFailed):
            await look


@pytest.mark.anyio
async def test_one_frame_comes_in_full_size_where_that_is_asked(encoder: Encoder, clips: dict[str, Path]) -> None:
    small = await frame_at(encoder, clips["wide"], 1.0, size=Size(80, 100_000))
    whole = await frame_at(encoder, clips["wide"], 1.0, size=WHOLE)
    assert ((small.width, small.height), (whole.width, whole.height)) == ((80, 44), (160, 90))


@given(st.integers(1, 16), st.integers(16, 5000), st.integers(16, 5000))
def test_a_grid_holds_every_frame_and_is_never_wider_or_taller_than_allowed(
    count: int, width: int, height: int
) -> None:
    grid = lay_out(count, width, height, 1024)
    assert grid.columns * grid.rows >= count > (grid.rows - 1) * grid.columns
    assert grid.columns * (grid.width + 4) - 4 <= 1024
    assert grid.rows * (grid.height + 4) - 4 <= 1024
    assert grid.width <= width
    assert grid.height <= height

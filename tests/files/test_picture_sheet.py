"""Finished pictures are shown small, in their order, and a hostile one costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from tests.files.conftest import picture_bytes
from tests.files.test_inputs import bomb

from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.picture_sheet import picture_sheet
from kling_tools.files.preview import Size
from kling_tools.model.errors import MediaFailed

COLOURS = ((220, 30, 30), (30, 200, 30), (30, 30, 220), (200, 200, 30))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Four pictures of one colour each: PNG, JPEG, WebP, and a tall one."""
    made = []
    for colour, kind, size in zip(
        COLOURS, ("PNG", "JPEG", "WEBP", "PNG"), ((640, 360),) * 3 + ((360, 640),), strict=True
    ):
        made.append(tmp_path / f"{len(made)}.{kind.lower()}")
        Image.new("RGB", size, colour).save(made[-1], kind)
    return made


def colours(jpeg: bytes, columns: int, cells: int) -> list[int]:
    """Return which of the colours each cell shows in its middle."""
    image = Image.open(BytesIO(jpeg)).convert("RGB")
    rows = -(-cells // columns)
    seen = []
    for n in range(cells):
        at = (n % columns * 2 + 1) * image.width // (2 * columns), (n // columns * 2 + 1) * image.height // (2 * rows)
        pixel = image.getpixel(at)
        assert isinstance(pixel, tuple)
        seen.append(min(range(4), key=lambda c: sum(abs(a - b) for a, b in zip(pixel, COLOURS[c], strict=True))))
    return seen


@pytest.mark.anyio
async def test_one_picture_is_scaled_down_and_small_ones_are_left(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture_bytes(2000, 1000, orientation=6))
    sheet = await picture_sheet([path], size=Size(500, 100_000))
    assert (sheet.width, sheet.height, sheet.columns, sheet.times) == (250, 500, 1, ())
    assert Image.open(BytesIO(sheet.jpeg)).size == (250, 500)
    path.write_bytes(picture_bytes(320, 200, "PNG"))
    assert (await picture_sheet([path])).width == 320


@pytest.mark.anyio
async def test_several_are_shown_in_their_order_whatever_their_shape(pictures: list[Path]) -> None:
    sheet = await picture_sheet(pictures, size=Size(600, 100_000))
    assert Image.open(BytesIO(sheet.jpeg)).size == (sheet.width, sheet.height)
    assert max(sheet.width, sheet.height) <= 600
    assert colours(sheet.jpeg, sheet.columns, 4) == [0, 1, 2, 3]


@pytest.mark.anyio
async def test_a_sheet_keeps_to_its_bytes_and_what_is_clear_is_dark(tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    Image.effect_noise((400, 400), 90).convert("RGB").save(path)
    assert len((await picture_sheet([path], size=Size(1024, 60_000))).jpeg) <= 60_000
    Image.new("RGBA", (300, 300), (255, 255, 255, 0)).save(path)
    dark = Image.open(BytesIO((await picture_sheet([path])).jpeg)).getpixel((150, 150))
    assert isinstance(dark, tuple)
    assert max(dark) < 60


@pytest.mark.anyio
async def test_a_picture_that_is_none_is_refused_by_name(tmp_path: Path, pictures: list[Path]) -> None:
    path = tmp_path / "a.png"
    for data, words in (
        (bomb(9000, 9000), "50 megapixels"),
        (b"<html>", "is no PNG, JPEG or WebP"),
        (picture_bytes(40, 40, "GIF"), "is no PNG, JPEG or WebP"),
        (picture_bytes(400, 400, "PNG")[:300], "a.png"),
    ):
        path.write_bytes(data)
        with pytest.raises(MediaFailed, match=words):
            await picture_sheet([pictures[0], path])
    for wrong in ([], [path] * 17, [tmp_path / "none.png"], [tmp_path]):
        with pytest.raises(MediaFailed):
            await picture_sheet(wrong)


WITHOUT_PILLOW = """
import asyncio, sys
from pathlib import Path
sys.modules["PIL"] = None
from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.picture_sheet import picture_sheet
from kling_tools.files.preview import Size
paths, size = [Path(p) for p in sys.argv[2:]], Size(600, 100_000)
sheet = asyncio.run(picture_sheet(paths, encoder=Encoder(sys.argv[1]), size=size))
sys.stdout.buffer.write(sheet.columns.to_bytes(1, "big") + sheet.jpeg)
"""


def test_without_pillow_ffmpeg_makes_the_same(encoder: Encoder, pictures: list[Path]) -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT_PILLOW, encoder.path, *map(str, pictures)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(command, capture_output=True, timeout=100, env=env, check=True).stdout
    assert colours(said[1:], said[0], 4) == [0, 1, 2, 3]

"""Pictures of a video for an agent that cannot play it: a contact sheet, the frame at a time, the last frame.

A sheet is one decoding pass: seeking to each of nine frames was measured to cost three times as much. ffmpeg hands over
raw pixels; Pillow writes the times on them and makes the JPEG, and where it is missing ffmpeg makes one without times.
"""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import pstdev
from typing import Any

from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.mp4 import VideoFacts, read_facts
from kling_tools.model.errors import MediaFailed

MAX_FRAMES = 16
GAP = 4  # pixels between cells
GROUND = 0x1C1C1C
_SCREEN = 4 / 3
_TIMEOUT = 60.0
QUALITIES = ((85, 3), (75, 5), (65, 8), (50, 12), (35, 20), (20, 31))  # Pillow's scale, and mjpeg's for the same look
#: Where in the film a poster is looked for, in this order, and what contrast is enough (of at most 127).
_POSTERS, _LIVELY = (0.35, 0.6, 0.15, 0.85), 16.0
_POSTER_WIDTH, _POSTER_BYTES = 1280, 250_000
_PNG_PIXELS = 2_200_000  # raw, that is 6.6 MB: a PNG of it stays under the 10 MB of kling-official 11


@dataclass(frozen=True)
class Sheet:
    """A contact sheet; `times` in seconds, row by row, as many as there are cells in use."""

    jpeg: bytes
    width: int
    height: int
    times: tuple[float, ...]
    columns: int


@dataclass(frozen=True)
class Frame:
    """One frame; `at` is its time in seconds."""

    jpeg: bytes
    width: int
    height: int
    at: float


@dataclass(frozen=True)
class Layout:
    """How a sheet is divided: columns, rows, and a cell's sides in pixels."""

    columns: int
    rows: int
    width: int
    height: int


def usual_frames(seconds: float) -> int:
    """Return how many frames show a video of this length well."""
    return 6 if seconds <= 6 else 9 if seconds <= 20 else 12


def lay_out(count: int, width: int, height: int, max_width: int) -> Layout:
    """Return the grid that shows `count` frames of these sides largest, no wider than `max_width` and no taller.

    Of grids that are nearly as good, it is the one that is closest to a screen's shape.
    """
    grids = [_grid(columns, -(-count // columns), width, height, max_width) for columns in range(1, count + 1)]
    # An empty cell is worth a smaller picture in the others.
    worth = [g.width * g.height * (count / (g.columns * g.rows)) ** 2 for g in grids]
    good = [grid for grid, value in zip(grids, worth, strict=True) if value >= 0.98 * max(worth)]
    return min(good, key=lambda g: abs(math.log(g.columns * g.width / (g.rows * g.height) / _SCREEN)))


def _grid(columns: int, rows: int, width: int, height: int, most: int) -> Layout:
    across, down = (most - (columns - 1) * GAP) / columns, (most - (rows - 1) * GAP) / rows
    scale = min(across / width, down / height, 1.0)
    return Layout(columns, rows, max(2, int(width * scale)), max(2, int(height * scale)))


async def contact_sheet(
    encoder: Encoder,
    path: Path,
    facts: VideoFacts,
    *,
    frames: int | None = None,
    max_width: int = 1024,
    max_bytes: int = 100_000,
) -> Sheet:
    """Return frames spread evenly from the first to the last, as a JPEG of at most `max_bytes` where that can be.

    Raises:
        EncoderMissing, MediaFailed
    """
    last = facts.last_at or max(0.0, facts.seconds - 0.1)
    wanted = min(frames or usual_frames(facts.seconds), MAX_FRAMES, facts.frames or MAX_FRAMES) if last else 1
    gap = last / (wanted - 1) if wanted > 1 else 0.0
    grid = lay_out(wanted, facts.width, facts.height, max_width)
    # Half a thousandth early, so that a frame that begins exactly then is not missed by rounding.
    filters = (
        f"setpts=PTS-STARTPTS,select='gte(t+0.0005,selected_n*{gap:.6f})',scale={grid.width}:{grid.height},setsar=1,"
        f"tile={grid.columns}x{grid.rows}:nb_frames={wanted}:padding={GAP}:color=0x{GROUND:06x}"
    )
    raw = await encoder.run([*_source(path), "-vf", filters, "-frames:v", "1", *RAW], timeout=_TIMEOUT)
    times = tuple(round(index * gap, 3) for index in range(wanted))
    jpeg = await ppm_to_jpeg(encoder, raw, _marks(grid, times), max_bytes)
    return Sheet(jpeg, *_sides(raw), times, grid.columns)


def _marks(grid: Layout, times: tuple[float, ...]) -> list[tuple[int, int, str]]:
    """Return the lower left corner of each cell and the text that belongs there."""
    across, down = grid.width + GAP, grid.height + GAP
    places = ((index % grid.columns, index // grid.columns, at) for index, at in enumerate(times))
    return [(column * across, row * down + grid.height, f"{at:.1f} s") for column, row, at in places]


async def frame_at(
    encoder: Encoder, path: Path, seconds: float, *, max_width: int = 1024, max_bytes: int = 100_000
) -> Frame:
    """Return the frame shown at a time; a time after the end gives the last frame, and `at` says so.

    Raises:
        EncoderMissing, MediaFailed
    """
    facts = await asyncio.to_thread(read_facts, path)
    at = min(max(seconds, 0.0), facts.last_at or facts.seconds)
    raw = await _decoded(encoder, path, facts, at, max_width)
    return Frame(await ppm_to_jpeg(encoder, raw, [], max_bytes), *_sides(raw), round(at, 3))


async def poster(encoder: Encoder, path: Path) -> bytes:
    """Return a frame that stands for the video, as a JPEG: the first that is neither dark nor empty, of a few.

    Raises:
        EncoderMissing, MediaFailed
    """
    facts = await asyncio.to_thread(read_facts, path)
    best, most = b"", -1.0
    for share in _POSTERS:
        raw = await _decoded(encoder, path, facts, share * facts.last_at, _POSTER_WIDTH)
        if (lively := _contrast(raw)) > most:
            best, most = raw, lively
        if most >= _LIVELY:
            break
    return await ppm_to_jpeg(encoder, best, [], _POSTER_BYTES)


def _contrast(ppm: bytes) -> float:
    """Return how far apart a picture's values are, from a sample; a black or one-coloured one has next to none."""
    width, height = _sides(ppm)
    pixels = ppm[-3 * width * height :]
    return pstdev(pixels[1 :: max(1, len(pixels) // 9000) * 3])


async def _decoded(encoder: Encoder, path: Path, facts: VideoFacts, at: float, max_width: int) -> bytes:
    """Return the frame shown at a time, as PPM."""
    grid = lay_out(1, facts.width, facts.height, max_width)
    tail = ["-vf", f"scale={grid.width}:{grid.height},setsar=1", "-frames:v", "1", *RAW]
    # The frame on show began up to a frame's length before; asking a little early never lands on the next one.
    step = facts.last_at / (facts.frames - 1) if facts.frames > 1 else 0.0
    start = round(at / step - 0.499) * step - step / 4 if step else at
    raw = await encoder.run([*_source(path, max(0.0, start)), *tail], timeout=_TIMEOUT)
    if not raw:
        raise MediaFailed(f"The video has no picture at {at:.1f} s.")
    return raw


async def last_frame(encoder: Encoder, path: Path) -> bytes:
    """Return the real last frame in full size: PNG, or JPEG of the highest quality where a PNG would pass 10 MB.

    Raises:
        EncoderMissing, MediaFailed
    """
    facts = await asyncio.to_thread(read_facts, path)
    small = facts.width * facts.height <= _PNG_PIXELS
    kind = ("-c:v", "png", "-pix_fmt", "rgb24") if small else ("-c:v", "mjpeg", "-q:v", "1", "-pix_fmt", "yuvj444p")
    # Tables tell where the last frame begins, but not to the frame in every file: decode the last few, keep the last.
    step = facts.last_at / (facts.frames - 1) if facts.frames > 1 else 0.1
    tail = ["-vf", "reverse", "-frames:v", "1", *kind, "-f", "image2pipe", "pipe:1"]
    found = await encoder.run([*_source(path, max(0.0, facts.last_at - 3 * step)), *tail], timeout=_TIMEOUT)
    if not found:
        raise MediaFailed("The video's last picture cannot be decoded.")
    return found


RAW = ("-c:v", "ppm", "-pix_fmt", "rgb24", "-f", "image2pipe", "pipe:1")


def _source(path: Path, start: float = 0.0) -> list[str]:
    # The demuxer is named, so that a playlist with the name of a video is not followed to other files.
    seek = ["-ss", f"{start:.6f}"] if start else []
    return [*seek, "-f", "mov", "-threads", "2", "-i", file_argument(path), "-an", "-sn", "-dn"]


def _sides(ppm: bytes) -> tuple[int, int]:
    match = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", ppm)
    if match is None:
        raise MediaFailed("ffmpeg found no picture in the video.")
    return int(match[1]), int(match[2])


async def ppm_to_jpeg(encoder: Encoder, ppm: bytes, marks: list[tuple[int, int, str]], max_bytes: int) -> bytes:
    """Return a JPEG of the first quality that fits `max_bytes`; of the lowest where none does."""
    _sides(ppm)
    made = await asyncio.to_thread(_with_pillow, ppm, marks, max_bytes)
    if made is not None:
        return made
    jpeg = b""
    for _, quality in QUALITIES:
        args = ["-f", "image2pipe", "-c:v", "ppm", "-i", "pipe:0", "-c:v", "mjpeg", "-q:v", str(quality)]
        args += ["-pix_fmt", "yuvj420p", "-f", "image2pipe", "pipe:1"]
        jpeg = await encoder.run(args, timeout=_TIMEOUT, stdin=ppm)
        if len(jpeg) <= max_bytes:
            break
    return jpeg


def _with_pillow(ppm: bytes, marks: list[tuple[int, int, str]], max_bytes: int) -> bytes | None:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        return None
    from io import BytesIO

    with Image.open(BytesIO(ppm), formats=("PPM",)) as image:
        image.load()
        draw, font = ImageDraw.Draw(image, "RGBA"), ImageFont.load_default(13)
        for left, bottom, text in marks:
            _mark(draw, font, (left, bottom), text)
        jpeg = b""
        for quality, _ in QUALITIES:
            image.save(out := BytesIO(), "JPEG", quality=quality, optimize=True)
            jpeg = out.getvalue()
            if len(jpeg) <= max_bytes:
                break
        return jpeg


def _mark(draw: Any, font: Any, corner: tuple[int, int], text: str) -> None:
    """Write a time into a cell's lower left corner, readable on any picture."""
    left, bottom = corner[0] + 4, corner[1] - 4
    box = draw.textbbox((left + 5, bottom - 4), text, font=font, anchor="ls")
    draw.rounded_rectangle((left, box[1] - 4, box[2] + 5, bottom), radius=4, fill=(0, 0, 0, 170))
    draw.text((left + 5, bottom - 4), text, font=font, anchor="ls", fill=(255, 255, 255, 255))

"""Finished pictures made small for an agent to look at: one scaled down, several side by side.

They come from outside, so the header is read before a pixel is decoded, as with a person's own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.canvas import GAP, GROUND_HEX, Canvas, Layout, lay_out
from kling_tools.files.decoding import MAX_PIXELS, Undecoded, can_decode, draw_sheet
from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.opening import open_regular
from kling_tools.files.pictures import Damaged, read_header, sniff
from kling_tools.files.preview import LOW, MAX_FRAMES, Sheet, Size
from kling_tools.files.screening import RAW_VIDEO
from kling_tools.model.errors import MediaFailed, quoted

_MAX_BYTES = 100 << 20
_TIMEOUT = 60.0
_DEMUXERS = {"png": "png_pipe", "jpeg": "jpeg_pipe", "WebP": "webp_pipe"}


@dataclass(frozen=True)
class _Picture:
    """A picture on disk: its format, and its sides stored and shown."""

    path: Path
    kind: str
    stored: tuple[int, int]
    shown: tuple[int, int]


async def picture_sheet(paths: Sequence[Path], *, encoder: Encoder | None = None, size: Size = LOW) -> Sheet:
    """Return one picture scaled down, or up to 16 in a grid in their order, as a JPEG within `size` where that can be.

    The sheet has no times. `encoder` is used where Pillow is missing; without it one is looked for then.

    Raises:
        MediaFailed: no picture, one that is damaged, or of more than 50 megapixels. EncoderMissing.
    """
    if not 0 < len(paths) <= MAX_FRAMES:
        raise MediaFailed(f"A sheet shows 1 to {MAX_FRAMES} pictures, not {len(paths)}.")
    pictures = await asyncio.to_thread(lambda: [_measured(path) for path in paths])
    sides = [picture.shown for picture in pictures]
    grid = lay_out(len(paths), max(w for w, _ in sides), max(h for _, h in sides), size.side)
    if can_decode():
        jpeg = await _with_pillow(pictures, grid, size.bytes)
    else:
        jpeg = await _with_ffmpeg(encoder or Encoder.find(), pictures, grid, size.bytes)
    return Sheet(jpeg, *grid.sides, (), grid.columns)


def picture_sides(path: Path) -> tuple[int, int]:
    """Return the sides of a picture as it is shown, in pixels. Blocks.

    Raises:
        MediaFailed: as `picture_sheet`.
    """
    return _measured(path).shown


def _measured(path: Path) -> _Picture:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            data = file.read(_MAX_BYTES)
        kind = sniff(data[:32])
        if kind not in _DEMUXERS:
            raise MediaFailed(f"{quoted(path.name, 130)} is no PNG, JPEG or WebP picture.")
        header = read_header(data, kind)
    except Damaged as error:
        raise MediaFailed(f"{quoted(path.name, 130)} is damaged: {error}.") from error
    except OSError as error:
        raise MediaFailed(f"{quoted(path.name, 130)} cannot be read: {error.strerror}.") from error
    if header.stored[0] * header.stored[1] > MAX_PIXELS:
        most = f"at most {MAX_PIXELS // 10**6} megapixels are opened"
        raise MediaFailed(f"{quoted(path.name, 130)} is {header.stored[0]}x{header.stored[1]} px; {most}.")
    return _Picture(path, kind, header.stored, header.shown)


async def _with_pillow(pictures: Sequence[_Picture], grid: Layout, max_bytes: int) -> bytes:
    named = [{"path": str(p.path), "kind": p.kind.upper(), "stored": p.stored} for p in pictures]
    cell, ground = (grid.width, grid.height), f"#{GROUND_HEX}"
    layout = {"sides": grid.sides, "columns": grid.columns, "cell": cell, "gap": GAP, "ground": ground}
    try:
        return await draw_sheet(named, layout, max_bytes)
    except Undecoded as error:
        number = error.figures.get("number")
        broken = next((p for place, p in enumerate(pictures) if place == number), None)
        name = quoted(broken.path.name, 130) if broken else "A picture"
        raise MediaFailed(f"{name} cannot be decoded.") from error


async def _with_ffmpeg(encoder: Encoder, pictures: Sequence[_Picture], grid: Layout, max_bytes: int) -> bytes:
    inputs: list[str] = []
    for picture in pictures:
        inputs += ["-f", _DEMUXERS[picture.kind], "-i", file_argument(picture.path)]
    size, ground = f"{grid.width}:{grid.height}", f"color=0x{GROUND_HEX}"
    fit = f"scale={size}:force_original_aspect_ratio=decrease:out_range=full,pad={size}:(ow-iw)/2:(oh-ih)/2:{ground}"
    cells = [f"[{n}:v]{fit},setsar=1,format=yuv420p[p{n}]" for n in range(len(pictures))]
    row = "".join(f"[p{n}]" for n in range(len(pictures)))
    graph = ";".join([*cells, f"{row}concat=n={len(pictures)}"])
    raw = await encoder.run([*inputs, "-filter_complex", graph, *RAW_VIDEO], timeout=_TIMEOUT)
    each = grid.width * grid.height * 3 // 2
    if len(raw) != each * len(pictures):
        raise MediaFailed("A picture cannot be decoded.")
    return await Canvas.of(grid, [raw[n : n + each] for n in range(0, len(raw), each)]).jpeg(encoder, max_bytes)

"""Pictures of a film for an agent that cannot play it: a contact sheet, two films side by side, one frame, the last.

A sheet is one decoding pass: seeking to each of nine frames was measured to cost three times as much. The frames of
films that are cut are chosen so that every shot is on the sheet.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import pstdev

from kling_tools.files.canvas import Canvas, Layout, lay_out
from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.mp4 import VideoFacts, read_facts
from kling_tools.files.screening import RAW_VIDEO, Screened, check_size, fitted, screen, source
from kling_tools.model.errors import MediaFailed

MAX_FRAMES = 16
_TIMEOUT = 30.0
#: Where in the film a poster is looked for, in this order, and what contrast is enough (of at most 127).
_POSTERS, _LIVELY = (0.35, 0.6, 0.15, 0.85), 16.0
_PNG_PIXELS = 2_200_000  # raw, that is 6.6 MB: a PNG of it stays under the 10 MB of kling-official 11


@dataclass(frozen=True)
class Size:
    """How large a picture may be: a side in pixels, and bytes."""

    side: int
    bytes: int


LOW, HIGH = Size(1024, 100_000), Size(2048, 600_000)
#: One frame alone: whole up to 4K.
WHOLE = Size(4096, 2_000_000)
_POSTER = Size(1280, 250_000)


@dataclass(frozen=True)
class Sheet:
    """A contact sheet; `times` in seconds, row by row, as many as there are cells in use.

    `films` are what was seen and heard of each film on it, none for a sheet of pictures.
    """

    jpeg: bytes
    width: int
    height: int
    times: tuple[float, ...]
    columns: int
    films: tuple[Screened, ...] = ()


@dataclass(frozen=True)
class Frame:
    """One frame; `at` is its time in seconds."""

    jpeg: bytes
    width: int
    height: int
    at: float


def usual_frames(seconds: float) -> int:
    """Return how many frames show a video of this length well."""
    return 6 if seconds <= 6 else 9 if seconds <= 20 else 12


async def contact_sheet(
    encoder: Encoder, path: Path, facts: VideoFacts, *, frames: int | None = None, size: Size = LOW
) -> Sheet:
    """Return frames spread over the whole length, every shot among them where it has no more than the sheet can hold.

    The JPEG is within `size` where that can be.

    Raises:
        EncoderMissing, MediaFailed
    """
    count = _count(facts, frames or usual_frames(facts.seconds))
    grid = lay_out(count, facts.width, facts.height, size.side)
    film = await screen(encoder, path, facts, (grid.width, grid.height))
    if frames is None and len(film.cuts) >= count:
        # More shots than anyone foresaw: only now is it known how small the cells have to be.
        count = min(len(film.cuts) + 1, MAX_FRAMES)
        grid = lay_out(count, facts.width, facts.height, size.side)
        film = await screen(encoder, path, facts, (grid.width, grid.height))
    shown = chosen(film, count)
    if len(shown) < count:
        grid = _tighter(grid, len(shown))
    canvas = Canvas.of(grid, [cell for _, cell in shown], [f"{at:.1f} s" for at, _ in shown])
    times = tuple(round(at, 3) for at, _ in shown)
    return Sheet(await canvas.jpeg(encoder, size.bytes), canvas.width, canvas.height, times, grid.columns, (film,))


def _count(facts: VideoFacts, wanted: int) -> int:
    return min(wanted, MAX_FRAMES, facts.frames or MAX_FRAMES) if facts.last_at or not facts.frames else 1


def _tighter(grid: Layout, count: int) -> Layout:
    """Return the grid without the rows and columns that stay empty."""
    columns = min(grid.columns, count)
    return Layout(columns, -(-count // columns), grid.width, grid.height)


async def side_by_side(
    encoder: Encoder,
    first: tuple[Path, VideoFacts],
    second: tuple[Path, VideoFacts],
    *,
    frames: int | None = None,
    size: Size = LOW,
) -> Sheet:
    """Return two films, A and B, each at the same parts of its own length: pairs in a row, row by row.

    `frames` are those of one film, at most 8; `times` go A, B, A, B.

    Raises:
        EncoderMissing, MediaFailed
    """
    count = min(frames or 4, MAX_FRAMES // 2)
    grid = lay_out(2 * count, first[1].width, first[1].height, size.side, together=2)
    cell = (grid.width, grid.height)
    both = await asyncio.gather(*(screen(encoder, path, facts, cell) for path, facts in (first, second)))
    rows = [_even(film.frames, count) for film in both]
    pairs = [(name, *picture) for pair in zip(*rows, strict=True) for name, picture in zip("AB", pair, strict=True)]
    canvas = Canvas.of(grid, [cell for _, _, cell in pairs], [f"{name} {at:.1f} s" for name, at, _ in pairs])
    times = tuple(round(at, 3) for _, at, _ in pairs)
    jpeg = await canvas.jpeg(encoder, size.bytes)
    return Sheet(jpeg, canvas.width, canvas.height, times, grid.columns, tuple(both))


Picture = tuple[float, bytes]


def chosen(film: Screened, count: int) -> list[Picture]:
    """Return pictures for a sheet, in order: of every shot where `count` allows it, more of the longer ones."""
    shots = _shots(film)
    if len(shots) > count:
        shots = [shots[round(n * (len(shots) - 1) / max(count - 1, 1))] for n in range(count)]
    shares = [1] * len(shots)
    while sum(shares) < count and (open_to := [n for n, shot in enumerate(shots) if shares[n] < len(shot)]):
        # Where the pictures would lie farthest apart.
        widest = max(open_to, key=lambda n: (shots[n][-1][0] - shots[n][0][0]) / shares[n])
        shares[widest] += 1
    return [picture for shot, share in zip(shots, shares, strict=True) for picture in _even(shot, share, once=True)]


def _shots(film: Screened) -> list[Sequence[Picture]]:
    times = [at for at, _ in film.frames]
    starts = [0, *(bisect_left(times, cut) for cut in film.cuts), len(times)]
    return [film.frames[a:b] for a, b in pairwise(starts) if b > a]


def _even(pictures: Sequence[Picture], count: int, *, once: bool = False) -> list[Picture]:
    """Return pictures spread evenly from the first to the last; a single one is from the middle.

    `once`: none is returned twice, so there may be fewer.
    """
    times = [at for at, _ in pictures]
    gap = (times[-1] - times[0]) / (count - 1) if count > 1 else 0.0
    wanted = [times[0] + n * gap for n in range(count)] if count > 1 else [(times[0] + times[-1]) / 2]
    places = [_nearest(times, at) for at in wanted]
    return [pictures[n] for n in (dict.fromkeys(places) if once else places)]


def _nearest(times: Sequence[float], at: float) -> int:
    after = min(bisect_left(times, at), len(times) - 1)
    return after - 1 if after and at - times[after - 1] <= times[after] - at else after


async def frame_at(encoder: Encoder, path: Path, seconds: float, *, size: Size = LOW) -> Frame:
    """Return the frame shown at a time; a time after the end gives the last frame, and `at` says so.

    Raises:
        EncoderMissing, MediaFailed
    """
    facts = await asyncio.to_thread(read_facts, path)
    check_size(facts)
    at = min(max(seconds, 0.0), facts.last_at or facts.seconds or seconds)
    grid, raw = await _decoded(encoder, path, facts, at, size.side)
    canvas = Canvas.of(grid, [raw])
    return Frame(await canvas.jpeg(encoder, size.bytes), canvas.width, canvas.height, round(at, 3))


async def poster(encoder: Encoder, path: Path) -> bytes:
    """Return a frame that stands for the video, as a JPEG: the first that is neither dark nor empty, of a few.

    Raises:
        EncoderMissing, MediaFailed
    """
    facts = await asyncio.to_thread(read_facts, path)
    check_size(facts)
    frames: list[tuple[float, Layout, bytes]] = []
    for share in _POSTERS:
        grid, raw = await _decoded(encoder, path, facts, share * facts.last_at, _POSTER.side)
        frames.append((_contrast(raw[: grid.width * grid.height]), grid, raw))
        if frames[-1][0] >= _LIVELY:
            break
    _, grid, raw = max(frames, key=lambda frame: frame[0])
    return await Canvas.of(grid, [raw]).jpeg(encoder, _POSTER.bytes)


def _contrast(light: bytes) -> float:
    """Return how far apart a picture's values are, from a sample; a black or one-coloured one has next to none."""
    return pstdev(light[:: max(1, len(light) // 9000)])


async def _decoded(encoder: Encoder, path: Path, facts: VideoFacts, at: float, side: int) -> tuple[Layout, bytes]:
    """Return the frame shown at a time as planes, and its sides."""
    grid = lay_out(1, facts.width, facts.height, side)
    # The frame on show began up to a frame's length before; asking a little early never lands on the next one.
    step = facts.last_at / (facts.frames - 1) if facts.frames > 1 else 0.0
    start = round(at / step - 0.499) * step - step / 4 if step else at
    only = ["-map", "0:v:0", "-vf", fitted(facts, (grid.width, grid.height)), "-frames:v", "1", *RAW_VIDEO]
    raw = await encoder.run([*source(path, max(0.0, start)), *only], timeout=_TIMEOUT)
    if not raw:
        raise MediaFailed(f"The video has no picture at {at:.1f} s.")
    return grid, raw


async def last_frame(encoder: Encoder, path: Path) -> bytes:
    """Return the real last frame in full size: PNG, or JPEG of the highest quality where a PNG would pass 10 MB.

    Raises:
        EncoderMissing, MediaFailed
    """
    facts = await asyncio.to_thread(read_facts, path)
    check_size(facts)
    small = facts.width * facts.height <= _PNG_PIXELS
    kind = ("-c:v", "png", "-pix_fmt", "rgb24") if small else ("-c:v", "mjpeg", "-q:v", "1", "-pix_fmt", "yuvj444p")
    # Tables tell where the last frame begins, but not to the frame in every file: decode the last few, keep the last.
    step = facts.last_at / (facts.frames - 1) if facts.frames > 1 else 0.1
    tail = ["-map", "0:v:0", "-vf", "reverse", "-frames:v", "1", *kind, "-f", "image2pipe", "pipe:1"]
    found = await encoder.run([*source(path, max(0.0, facts.last_at - 3 * step)), *tail], timeout=_TIMEOUT)
    if not found:
        raise MediaFailed("The video's last picture cannot be decoded.")
    return found

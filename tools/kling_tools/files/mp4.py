"""What an MP4 or MOV file says about itself, read from its boxes without a codec.

A truncated download has to be told from a whole one on machines that have no ffmpeg, and a sheet needs the length
before it decodes anything. The bytes come from strangers: every walk is bounded by a count and every read by a size.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import BinaryIO

from kling_tools.files.opening import open_regular
from kling_tools.model.errors import MediaFailed

_MAX_BOXES = 10_000  # a fragmented hour has about 3,600 fragments
_MAX_INNER = 1_000
_MAX_MOOV = 8 << 20  # the tables of an hour at 60 frames a second take about 3 MB
_MAX_TRACKS = 64
_MAX_SECONDS = 7 * 86400.0
_FIRST_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"}
#: Pictures in the same kind of boxes, told apart by their brand.
AVIF = frozenset({b"avif", b"avis"})
HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

_CODECS = {
    "avc1": "h264",
    "avc3": "h264",
    "hvc1": "hevc",
    "hev1": "hevc",
    "av01": "av1",
    "vp09": "vp9",
    "mp4v": "mpeg4",
}


@dataclass(frozen=True)
class VideoFacts:
    """A video's own figures: seconds, and sides in pixels as shown (after rotation).

    `seconds` is 0 where the file does not say. `complete` is False where the tables cannot prove that every frame is
    there (fragments). `frames` counts the pictures, 0 if unknown; the last one begins at `last_at` seconds.
    """

    seconds: float
    width: int
    height: int
    has_audio: bool
    codec: str
    complete: bool
    frames: int = 0
    last_at: float = 0.0


@dataclass(frozen=True)
class _Track:
    kind: bytes = b""
    codec: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    samples: int = 0
    last_at: float = 0.0
    data_end: int = 0


def is_mp4(head: bytes) -> bool:
    """Return whether the first 16 bytes are those of an MP4 or MOV film, not of a HEIC or AVIF picture."""
    return head[4:8] in _FIRST_BOXES and not (head[4:8] == b"ftyp" and head[8:12] in AVIF | HEIC)


def read_facts(path: Path) -> VideoFacts:
    """Return what the file says about itself. Blocks for about 0.1 ms.

    Raises:
        MediaFailed: it is no MP4 or MOV, it is cut off or damaged, or it holds no picture.
    """
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return _facts(file, os.fstat(file.fileno()).st_size)
    except (OSError, ValueError) as error:
        raise MediaFailed(f"The video cannot be read: {getattr(error, 'strerror', None) or 'bad path'}.") from error
    except (struct.error, IndexError, OverflowError) as error:
        raise MediaFailed("The video's tables are damaged.") from error


def _facts(file: BinaryIO, size: int) -> VideoFacts:
    moov: bytes | None = None
    media, fragments = 0, False
    for kind, start, end in _top_boxes(file, size):
        if kind == b"moov" and moov is None:
            if end - start > _MAX_MOOV:
                raise MediaFailed("The video's tables are larger than any real ones.")
            file.seek(start)
            moov = file.read(end - start)
        elif kind == b"mdat":
            media += end - start
        fragments = fragments or kind == b"moof"
    if moov is None or not media:
        raise MediaFailed(f"The video is cut off: its {'pictures are' if moov is not None else 'index is'} missing.")
    return _film(moov, size, fragments)


def _top_boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    at = 0
    for count in range(_MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        if count == 0 and not is_mp4(head):
            raise MediaFailed("The file is no MP4 or MOV video.")
        if at == size or (size - at < 8 and not any(head)):  # QuickTime may close with a few zero bytes
            return
        kind, start, end = _box(head, at, size)
        yield kind, start, end
        at = end
    raise MediaFailed("The video has more parts than any real one.")


def _box(head: bytes, at: int, limit: int) -> tuple[bytes, int, int]:
    """Return a box's type and where its content starts and ends; `head` begins at `at`."""
    if len(head) < 8:
        raise MediaFailed("The video is cut off in the middle of a part.")
    length, kind = struct.unpack(">I4s", head[:8])
    header = 8
    if length == 1:
        if len(head) < 16:
            raise MediaFailed("The video is cut off in the middle of a part.")
        length, header = struct.unpack(">Q", head[8:16])[0], 16
    elif length == 0:
        length = limit - at
    if length < header:
        raise MediaFailed("The video's parts are damaged.")
    if at + length > limit:
        raise MediaFailed(f"The video is cut off: {at + length - limit} bytes or more are missing at its end.")
    return kind, at + header, at + length


def _boxes(data: bytes) -> dict[bytes, list[bytes]]:
    """Return the contents of a container's boxes by type, in order."""
    found: dict[bytes, list[bytes]] = {}
    at = 0
    for _ in range(_MAX_INNER):
        if len(data) - at < 8:
            return found
        kind, start, end = _box(data[at : at + 16], at, len(data))
        found.setdefault(kind, []).append(data[start:end])
        at = end
    raise MediaFailed("The video has more parts than any real one.")


def _one(boxes: dict[bytes, list[bytes]], kind: bytes) -> bytes:
    return boxes.get(kind, [b""])[0]


def _film(moov: bytes, size: int, fragments: bool) -> VideoFacts:
    boxes = _boxes(moov)
    traks = boxes.get(b"trak", [])
    if len(traks) > _MAX_TRACKS:
        raise MediaFailed("The video has more tracks than any real one.")
    tracks = [_track(trak) for trak in traks]
    pictures = next((t for t in tracks if t.kind == b"vide" and t.width and t.height), None)
    if pictures is None:
        raise MediaFailed("The file holds no pictures.")
    if any(t.data_end > size for t in tracks):
        raise MediaFailed("The video is cut off: its last pictures or sounds are missing.")
    _, scale, duration = _times(_one(boxes, b"mvhd"))
    longest = max(duration / scale, pictures.seconds)
    if not isfinite(longest) or longest > _MAX_SECONDS:
        longest = 0.0
    return VideoFacts(
        seconds=longest,
        width=pictures.width,
        height=pictures.height,
        has_audio=any(t.kind == b"soun" for t in tracks),
        codec=pictures.codec,
        complete=not fragments and b"mvex" not in boxes and pictures.data_end > 0,
        frames=pictures.samples,
        last_at=min(pictures.last_at, longest),
    )


def _times(box: bytes) -> tuple[int, int, int]:
    """Return version, time scale and duration of an mvhd or mdhd box; scale 1 and duration 0 where unknown."""
    if not box:
        return 0, 1, 0
    scale, duration = struct.unpack(">IQ", box[20:32]) if box[0] == 1 else struct.unpack(">II", box[12:20])
    unknown = duration in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    return box[0], scale or 1, 0 if unknown or not scale else duration


def _track(trak: bytes) -> _Track:
    boxes = _boxes(trak)
    media = _boxes(_one(boxes, b"mdia"))
    kind = _one(media, b"hdlr")[8:12]
    if kind not in (b"vide", b"soun"):
        return _Track()
    table = _boxes(_one(_boxes(_one(media, b"minf")), b"stbl"))
    _, scale, duration = _times(_one(media, b"mdhd"))
    entry = _one(table, b"stsd")[8:]
    width, height = _shown(_one(boxes, b"tkhd"), entry) if kind == b"vide" else (0, 0)
    return _Track(
        kind=kind,
        codec=_codec("".join(chr(c) for c in entry[4:8] if 32 < c < 127)),
        width=width,
        height=height,
        seconds=duration / scale,
        samples=_count(_one(table, b"stsz"), at=8),
        last_at=_last_at(_one(table, b"stts"), scale),
        data_end=_data_end(table),
    )


def _shown(tkhd: bytes, entry: bytes) -> tuple[int, int]:
    """Return the sides as a player shows them: the header's, else the codec's, swapped by a quarter turn."""
    if len(tkhd) < 84:
        return 0, 0
    at = 52 if tkhd[0] == 1 else 40
    a, _, _, _, d = struct.unpack(">5i", tkhd[at : at + 20])
    width, height = (side >> 16 for side in struct.unpack(">II", tkhd[at + 36 : at + 44]))
    if not (width and height):
        width, height = struct.unpack(">HH", entry[32:36])
    return (height, width) if a == 0 and d == 0 else (width, height)


def _count(box: bytes, at: int = 4) -> int:
    return int(struct.unpack(">I", box[at : at + 4])[0]) if box else 0


def _last_at(stts: bytes, scale: int) -> float:
    """Return when the last sample begins: all durations but the last one."""
    runs = min(_count(stts), (len(stts) - 8) // 8) if stts else 0
    if runs <= 0:
        return 0.0
    pairs = _numbers(stts[8 : 8 + runs * 8])
    total = sum(count * delta for count, delta in zip(pairs[::2], pairs[1::2], strict=True))
    return min((total - pairs[-1]) / scale, _MAX_SECONDS) if total > pairs[-1] else 0.0


def _data_end(table: dict[bytes, list[bytes]]) -> int:
    """Return where the last chunk of a track ends in the file; 0 where there is no table to tell."""
    wide = b"co64" in table
    offsets = _one(table, b"co64" if wide else b"stco")
    width = 8 if wide else 4
    chunks, room = _count(offsets), (len(offsets) - 8) // width
    runs, sizes = _one(table, b"stsc"), _one(table, b"stsz")
    if not chunks or not runs or not sizes:
        return 0
    if chunks > room:
        raise MediaFailed("The video's tables are damaged.")
    start = int.from_bytes(offsets[8 : 8 + chunks * width][-width:])
    last_run = 8 + (_count(runs) - 1) * 12
    held = struct.unpack(">I", runs[last_run + 4 : last_run + 8])[0] if last_run >= 8 else 0
    if _count(sizes):  # one size for all: QuickTime counts packed sound in other units, so only the start is sure
        return start
    return start + sum(_numbers(sizes[12 : 12 + _count(sizes, at=8) * 4])[-held:]) if held else start


def _numbers(data: bytes) -> array[int]:
    """Return big-endian 32-bit numbers, without an object for each until it is asked for."""
    numbers = array("I")
    numbers.frombytes(data[: len(data) // 4 * 4])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _codec(code: str) -> str:
    """Return the name people know for a sample entry's code."""
    return _CODECS.get(code, code)

"""The boxes of MP4, MOV and M4A files, walked without a codec: their index, and what each track says of itself.

The bytes come from strangers: every walk is bounded by a count and every read by a size. What the figures mean for a
video or a sound is decided by the rooms that ask.
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import BinaryIO

from kling_tools.model.errors import MediaFailed

MAX_SECONDS = 7 * 86400.0
_MAX_BOXES = 10_000  # a fragmented hour has about 3,600 fragments
_MAX_INNER = 1_000
_MAX_MOOV = 8 << 20  # the tables of an hour at 60 frames a second take about 3 MB
_MAX_TRACKS = 64
_MAX_RATE = 1_000.0  # frames a second that anyone films with
_FIRST_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"}
#: Pictures in the same kind of boxes, told apart by their brand.
AVIF = frozenset({b"avif", b"avis"})
HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

#: In an esds box: the decoder's tag and length, AAC, twelve bytes of sizes and rates, and the setup that follows.
_SOUND_SETUP = re.compile(rb"\x04(?:\x80{3})?.\x40.{12}(\x05.*)", re.DOTALL)

_CODECS = {
    "avc1": "h264",
    "avc3": "h264",
    "hvc1": "hevc",
    "hev1": "hevc",
    "av01": "av1",
    "vp09": "vp9",
    "mp4v": "mpeg4",
    "mp4a": "aac",
}


@dataclass(frozen=True)
class Track:
    """One track: `kind` b"vide", b"soun" or nothing; sides as shown; figures are 0 where the tables do not tell.

    `rate` is in frames a second, `entry` how its data is to be decoded, as the file says it.
    """

    kind: bytes = b""
    codec: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    samples: int = 0
    last_at: float = 0.0
    rate: float = 0.0
    data_end: int = 0
    entry: bytes = b""


@dataclass(frozen=True)
class Index:
    """The file's tracks and length in seconds; with `fragments` there may be more than the tables show."""

    tracks: tuple[Track, ...]
    seconds: float
    fragments: bool

    def first(self, kind: bytes) -> Track | None:
        """Return the first track of a kind that is not empty."""
        return next((t for t in self.tracks if t.kind == kind and (kind != b"vide" or (t.width and t.height))), None)


def is_mp4(head: bytes) -> bool:
    """Return whether the first 16 bytes are those of an MP4 or MOV film, not of a HEIC or AVIF picture."""
    return head[4:8] in _FIRST_BOXES and not (head[4:8] == b"ftyp" and head[8:12] in AVIF | HEIC)


def read_index(file: BinaryIO, size: int) -> Index:
    """Return what a whole file of this size says.

    Raises:
        MediaFailed: it is no MP4 or MOV, or it is cut off or damaged.
    """
    moov: bytes | None = None
    media, fragments = 0, False
    try:
        for kind, start, end in _top_boxes(file, size):
            if kind == b"moov" and moov is None:
                if end - start > _MAX_MOOV:
                    raise MediaFailed("The file's tables are larger than any real ones.")
                file.seek(start)
                moov = file.read(end - start)
            elif kind == b"mdat":
                media += end - start
            fragments = fragments or kind == b"moof"
        if moov is None or not media:
            raise MediaFailed(f"The file is cut off: its {'content is' if moov is not None else 'index is'} missing.")
        return _index(moov, size, fragments)
    except (struct.error, IndexError, OverflowError) as error:
        raise MediaFailed("The file's tables are damaged.") from error


def index_in(head: bytes) -> Index | None:
    """Return the index if all of it lies in a file's first bytes; None where it does not, or is damaged."""
    at, fragments = 0, False
    try:
        for _ in range(_MAX_INNER):
            if at + 8 > len(head) or not is_mp4(head):
                return None
            kind, start, end = _box(head[at : at + 16], at, 1 << 63)
            if kind == b"moov" and end <= len(head):
                return _index(head[start:end], 1 << 63, fragments)
            fragments = fragments or kind == b"moof"
            at = end
    except (MediaFailed, struct.error, IndexError, OverflowError):
        pass
    return None


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
    raise MediaFailed("The file has more parts than any real one.")


def _box(head: bytes, at: int, limit: int) -> tuple[bytes, int, int]:
    """Return a box's type and where its content starts and ends; `head` begins at `at`."""
    if len(head) < 8:
        raise MediaFailed("The file is cut off in the middle of a part.")
    length, kind = struct.unpack(">I4s", head[:8])
    header = 8
    if length == 1:
        if len(head) < 16:
            raise MediaFailed("The file is cut off in the middle of a part.")
        length, header = struct.unpack(">Q", head[8:16])[0], 16
    elif length == 0:
        length = limit - at
    if length < header:
        raise MediaFailed("The file's parts are damaged.")
    if at + length > limit:
        raise MediaFailed(f"The file is cut off: {at + length - limit} bytes or more are missing at its end.")
    return kind, at + header, at + length


def parts(data: bytes) -> dict[bytes, list[bytes]]:
    """Return the contents of a container's boxes by type, in order.

    Raises:
        MediaFailed: they are damaged, or more than any real ones.
    """
    found: dict[bytes, list[bytes]] = {}
    at = 0
    for _ in range(_MAX_INNER):
        if len(data) - at < 8:
            return found
        kind, start, end = _box(data[at : at + 16], at, len(data))
        found.setdefault(kind, []).append(data[start:end])
        at = end
    raise MediaFailed("The file has more parts than any real one.")


def part(boxes: dict[bytes, list[bytes]], kind: bytes) -> bytes:
    """Return the first box of a type, or nothing."""
    return boxes.get(kind, [b""])[0]


def _index(moov: bytes, size: int, fragments: bool) -> Index:
    boxes = parts(moov)
    traks = boxes.get(b"trak", [])
    if len(traks) > _MAX_TRACKS:
        raise MediaFailed("The file has more tracks than any real one.")
    tracks = tuple(_track(trak) for trak in traks)
    if any(track.data_end > size for track in tracks):
        raise MediaFailed("The file is cut off: its last pictures or sounds are missing.")
    _, scale, duration = _times(part(boxes, b"mvhd"))
    seconds = duration / scale
    known = isfinite(seconds) and seconds <= MAX_SECONDS
    return Index(tracks, seconds if known else 0.0, fragments or b"mvex" in boxes)


def _times(box: bytes) -> tuple[int, int, int]:
    """Return version, time scale and duration of an mvhd or mdhd box; scale 1 and duration 0 where unknown."""
    if not box:
        return 0, 1, 0
    scale, duration = struct.unpack(">IQ", box[20:32]) if box[0] == 1 else struct.unpack(">II", box[12:20])
    unknown = duration in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    return box[0], scale or 1, 0 if unknown or not scale else duration


def _track(trak: bytes) -> Track:
    boxes = parts(trak)
    media = parts(part(boxes, b"mdia"))
    kind = part(media, b"hdlr")[8:12]
    if kind not in (b"vide", b"soun"):
        return Track()
    table = parts(part(parts(part(media, b"minf")), b"stbl"))
    _, scale, duration = _times(part(media, b"mdhd"))
    entry = part(table, b"stsd")[8:]
    width, height = _shown(part(boxes, b"tkhd"), entry) if kind == b"vide" else (0, 0)
    last_at, rate = _pace(part(table, b"stts"), scale)
    return Track(
        kind=kind,
        codec=_codec("".join(chr(c) for c in entry[4:8] if 32 < c < 127)),
        width=width,
        height=height,
        seconds=duration / scale,
        samples=_count(part(table, b"stsz"), at=8),
        last_at=last_at,
        rate=rate,
        data_end=_data_end(table),
        entry=entry,
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


def decoder_setup(track: Track) -> bytes:
    """Return what a decoder of H.264 or AAC is set up with, without the bit rates beside it; nothing for others."""
    try:
        boxes = parts(track.entry[86 if track.kind == b"vide" else 36 : int.from_bytes(track.entry[:4])])
    except MediaFailed:
        return b""
    if track.kind == b"vide":
        return part(boxes, b"avcC")
    esds = part(boxes, b"esds")
    found = _SOUND_SETUP.search(esds)
    return found[1] if found else esds


def _pace(stts: bytes, scale: int) -> tuple[float, float]:
    """Return when the last sample begins, and how many there are in a second: as most are spaced, else on average."""
    runs = min(_count(stts), (len(stts) - 8) // 8) if stts else 0
    if runs <= 0:
        return 0.0, 0.0
    pairs = _numbers(stts[8 : 8 + runs * 8])
    counts, deltas = pairs[::2], pairs[1::2]
    total = sum(count * delta for count, delta in zip(counts, deltas, strict=True))
    last = min((total - deltas[-1]) / scale, MAX_SECONDS) if total > deltas[-1] else 0.0
    samples, (most, usual) = sum(counts), max(zip(counts, deltas, strict=True))
    # A last frame that is held longer, or a gap, says nothing about the pace.
    rate = scale / usual if usual and most >= 0.9 * samples else samples * scale / total if total else 0.0
    return last, rate if rate <= _MAX_RATE else 0.0


def _data_end(table: dict[bytes, list[bytes]]) -> int:
    """Return where the last chunk of a track ends in the file; 0 where there is no table to tell."""
    wide = b"co64" in table
    offsets = part(table, b"co64" if wide else b"stco")
    width = 8 if wide else 4
    chunks, room = _count(offsets), (len(offsets) - 8) // width
    runs, sizes = part(table, b"stsc"), part(table, b"stsz")
    if not chunks or not runs or not sizes:
        return 0
    if chunks > room:
        raise MediaFailed("The file's tables are damaged.")
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

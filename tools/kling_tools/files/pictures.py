"""What a picture's first bytes say: its format by content and its sides, read before anything is decoded.

Few formats and few lines, because a general reader also accepts a dozen formats that do not occur, and walks 20 MB of
fill bytes for seconds. Kling takes two of them; WebP comes as a result, HEIC and AVIF from phones. Pillow is optional;
this is what stands without it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from kling_tools.files.boxes import AVIF, HEIC, is_mp4, part, parts
from kling_tools.model.errors import MediaFailed

PNG = b"\x89PNG\r\n\x1a\n"
_MAX_SEGMENTS = 2_000
_MAX_CHUNKS = 100_000  # 50 MB in 8 kB chunks are 6,400
_MAX_TAGS = 512
_MAX_SCANS = 100  # ten are usual; each one is another pass over all pixels
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: What programs and cameras note beside the pixels: all but JFIF, colours (ICC, Adobe) and the index of more pictures.
_NOTES = frozenset(range(0xE0, 0xF0)) - {0xE0, 0xE2, 0xEE} | {0xFE}
_TEXTS = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"})
_MARKER = re.compile(rb"\xff+([^\xff])", re.DOTALL)

_SIGNATURES = (
    (b"\xff\xd8\xff", "jpeg"),
    (PNG, "png"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"8BPS", "Photoshop"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
)


class Damaged(ValueError):
    """The picture's own structure is broken or cut off."""


@dataclass(frozen=True)
class Header:
    """A picture's stored sides in pixels, and as shown once its EXIF orientation is applied; `turned`: it has one."""

    stored: tuple[int, int]
    shown: tuple[int, int]
    whole: bool
    turned: bool = False


def sniff(head: bytes) -> str:
    """Return a format by its first 32 bytes: "jpeg", "png", the name of another one, or "" for what is no picture."""
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp" and head[8:12] in AVIF:
        return "AVIF"
    if head[4:8] == b"ftyp" and head[8:12] in HEIC:
        return "HEIC"
    return "video" if is_mp4(head) else ""


def read_header(data: bytes, kind: str) -> Header:
    """Return the sides of a "jpeg", "png", "WebP", "AVIF" or "HEIC", and whether its end is there, where that shows.

    Raises:
        Damaged: the structure is broken before the sides are known.
    """
    header = _READERS[kind](data)
    if not all(header.stored):
        raise Damaged("it says that a side is 0 px")
    return header


def _png(data: bytes) -> Header:
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise Damaged("its header is missing")
    width, height = struct.unpack(">II", data[16:24])
    at, whole = 8, False
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            break
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        at += 12 + length
        if kind == b"IEND":
            whole = at <= len(data)
            break
    return Header((width, height), (width, height), whole)


def _webp(data: bytes) -> Header:
    if len(data) < 30:
        raise Damaged("its header is cut off")
    (length,), kind = struct.unpack("<I", data[4:8]), data[12:16]
    if kind == b"VP8X":  # a canvas, with colours or animation
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = (side & 0x3FFF for side in struct.unpack("<HH", data[26:30]))
    else:
        raise Damaged("its header is broken")
    return Header((width, height), (width, height), whole=8 + length <= len(data))


def _jpeg(data: bytes) -> Header:
    at, sides, orientation = 2, None, 1
    for _ in range(_MAX_SEGMENTS):
        marker = _MARKER.match(data, at)
        if marker is None or marker.end() + 2 > len(data):
            break
        kind, at = marker[1][0], marker.end()
        if kind == 0x01 or 0xD0 <= kind <= 0xD7:
            continue
        (length,) = struct.unpack(">H", data[at : at + 2])
        body = data[at + 2 : at + length]
        if length < 2 or kind == 0xD9:
            break
        if kind in _FRAMES and len(body) >= 5:
            height, width = struct.unpack(">HH", body[1:5])
            sides = (width, height)
        elif kind == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = max(orientation, _orientation(body[6:]))
        elif kind == 0xDA:  # pixels from here on, where FF is stuffed: a lone FFD9 is the end
            if sides is None:
                break
            if data.count(b"\xff\xda", at) > _MAX_SCANS:
                raise Damaged("it has more scans than any real picture")
            whole = data.find(b"\xff\xd9", at + length) >= 0
            return _upright(sides, orientation, whole)
        at += length
    if sides is None:
        raise Damaged("its header is broken or cut off")
    return _upright(sides, orientation, whole=False)


def bare(data: bytes, kind: str) -> bytes:
    """Return a whole "jpeg" or "png" without the notes beside its pixels: place, time, device, a small preview.

    No pixel and no colour changes. What follows its end is left as it is.
    """
    notes = _notes_of_jpeg(data) if kind == "jpeg" else _notes_of_png(data)
    kept, start = [], 0
    for begin, end in notes:
        kept.append(data[start:begin])
        start = end
    return b"".join((*kept, data[start:]))


def _notes_of_jpeg(data: bytes) -> Iterator[tuple[int, int]]:
    at = 2
    for _ in range(_MAX_SEGMENTS):
        marker = _MARKER.match(data, at)
        if marker is None or marker[1][0] in {0xDA, 0xD9}:
            return
        begin, at = at, marker.end()
        if marker[1][0] == 0x01 or 0xD0 <= marker[1][0] <= 0xD7:
            continue
        at += int.from_bytes(data[at : at + 2])
        if marker[1][0] in _NOTES:
            yield begin, at


def _notes_of_png(data: bytes) -> Iterator[tuple[int, int]]:
    at, kind = 8, b""
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data) or kind == b"IEND":
            return
        kind, begin = data[at + 4 : at + 8], at
        at += 12 + int.from_bytes(data[at : at + 4])
        if kind in _TEXTS:
            yield begin, at


def _orientation(exif: bytes) -> int:
    """Return the EXIF orientation 1-8; 1 where it is missing or broken. 5-8 swap the sides."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return 1
    (first,) = struct.unpack(order + "I", exif[4:8])
    if first + 2 > len(exif):
        return 1
    (count,) = struct.unpack(order + "H", exif[first : first + 2])
    for tag_at in range(first + 2, min(first + 2 + min(count, _MAX_TAGS) * 12, len(exif) - 11), 12):
        tag, kind = struct.unpack(order + "HH", exif[tag_at : tag_at + 4])
        if tag == 0x0112 and kind == 3:
            (value,) = struct.unpack(order + "H", exif[tag_at + 8 : tag_at + 10])
            return value if 1 <= value <= 8 else 1
    return 1


def _upright(sides: tuple[int, int], orientation: int, whole: bool) -> Header:
    shown = (sides[1], sides[0]) if orientation >= 5 else sides
    return Header(sides, shown, whole, turned=orientation > 1)


def _heif(data: bytes) -> Header:
    """Return the sides of the largest picture: the others are its tiles and its thumbnail."""
    sides = (struct.unpack(">II", box[4:12]) for box in _properties(data).get(b"ispe", []) if len(box) == 12)
    largest = max(sides, key=lambda pair: pair[0] * pair[1], default=None)
    if largest is None:
        raise Damaged("its header is missing")
    return Header((largest[0], largest[1]), (largest[0], largest[1]), whole=True)


def heif_profile(data: bytes) -> bytes:
    """Return the colour profile (ICC) that a HEIC carries in its first bytes; nothing where there is none."""
    try:
        return next((box[4:] for box in _properties(data).get(b"colr", []) if box[:4] == b"prof"), b"")
    except Damaged:
        return b""


def _properties(data: bytes) -> dict[bytes, list[bytes]]:
    at = 0
    try:
        while data[at + 4 : at + 8] not in (b"meta", b""):
            at += max(8, int.from_bytes(data[at : at + 4]))
        meta = parts(data[at + 12 : at + int.from_bytes(data[at : at + 4])])
        return parts(part(parts(part(meta, b"iprp")), b"ipco"))
    except MediaFailed as error:
        raise Damaged("its header is broken or cut off") from error


_READERS = {"png": _png, "jpeg": _jpeg, "WebP": _webp, "AVIF": _heif, "HEIC": _heif}
#: What `read_header` reads.
MEASURED = frozenset(_READERS)

"""A title and a comment inside an MP4, so that players and file managers show what it is; pictures and sound untouched.

Written into the file's own boxes and not by a remux: that would lose what it does not know, such as the marks by which
a maker labels what was generated. A file that is signed, fragmented or odd in any way is left as it is.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from kling_tools.files.mp4 import film_index
from kling_tools.files.opening import open_regular
from kling_tools.model.errors import MediaFailed

_LONGEST = 250
_MOST_MOOV = 8 << 20
_MOST_BOXES = 1_000
_BLOCK = 1 << 20
_HANDLER = bytes(8) + b"mdir" + b"appl" + bytes(9)
_NAME, _COMMENT = b"\xa9nam", b"\xa9cmt"
#: What names places in the file by other tables, or proves the whole file by a sum (`uuid` holds C2PA's).
_BOUND = frozenset({b"moof", b"mfra", b"sidx", b"uuid", b"meta"})
_TABLES = {b"stco": "I", b"co64": "Q"}

Boxes = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Title:
    """What a film says of itself: `name`, and a `comment` on where it comes from."""

    name: str
    comment: str


class _Odd(Exception):
    """The file is not laid out as it would have to be."""


def titled(source: Path, target: Path, title: Title) -> bool:
    """Write a copy of an MP4 with this title; False, and nothing written, where the file is better left alone.

    What the maker wrote there already stays.

    Raises:
        OSError: the disk.
    """
    with os.fdopen(open_regular(source), "rb") as file:
        try:
            start, end, moov = _find(file)
            made = _retold(moov, end, title)
        except (_Odd, struct.error):
            return False
        with open(target, "xb") as out:
            file.seek(0)
            _copy(file, out, start)
            out.write(made)
            file.seek(end)
            _copy(file, out, None)
    return _unharmed(source, target)


def _find(file: BinaryIO) -> tuple[int, int, bytes]:
    """Return where the index begins and ends in the file, and its content."""
    size, at, found = os.fstat(file.fileno()).st_size, 0, None
    for _ in range(_MOST_BOXES):
        if at == size:
            break
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if length == 1:
            length, header = struct.unpack(">Q", file.read(8))[0], 16
        if length < header or at + length > size or kind in _BOUND:
            raise _Odd
        if kind == b"moov":
            if found is not None or header != 8 or length > _MOST_MOOV:
                raise _Odd
            found = (at, at + length, file.read(length - 8))
        at += length
    if found is None or at != size:
        raise _Odd
    return found


def _retold(moov: bytes, end: int, title: Title) -> bytes:
    """Return the index with the title in it; what lies behind it in the file moves by what it grew."""
    boxes = list(_split(moov))
    told = _told(_only(boxes, b"udta"), title)
    others = [(kind, content) for kind, content in boxes if kind != b"udta"]
    grown = sum(8 + len(content) for _, content in others) + 8 + len(told) - len(moov)

    def moved(offset: int) -> int:
        return offset + grown if offset >= end else offset

    whole = [(kind, _moved(content, moved) if kind == b"trak" else content) for kind, content in others]
    return _box(b"moov", _joined([*whole, (b"udta", told)]))


def _told(udta: bytes, title: Title) -> bytes:
    boxes = list(_split(udta))
    meta = _only(boxes, b"meta")
    inside = list(_split(meta[4:]))
    if meta and _only(inside, b"hdlr")[8:12] != b"mdir":
        raise _Odd
    items = list(_split(_only(inside, b"ilst")))
    there = {kind for kind, _ in items}
    wanted = [(kind, text) for kind, text in ((_NAME, title.name), (_COMMENT, title.comment)) if text]
    new = [(kind, _text(text)) for kind, text in wanted if kind not in there]
    if not new:
        raise _Odd
    kept = [(kind, content) for kind, content in inside if kind != b"ilst"] or [(b"hdlr", _HANDLER)]
    made = bytes(4) + _joined([*kept, (b"ilst", _joined([*items, *new]))])
    return _joined([*((kind, content) for kind, content in boxes if kind != b"meta"), (b"meta", made)])


def _only(boxes: Boxes, kind: bytes) -> bytes:
    """Return the content of the box of a kind, or nothing; of two, one would be lost."""
    found = [content for one, content in boxes if one == kind]
    if len(found) > 1:
        raise _Odd
    return found[0] if found else b""


def _text(text: str) -> bytes:
    # Type 1 is UTF-8; no country, no language.
    return _box(b"data", struct.pack(">II", 1, 0) + " ".join(text.split())[:_LONGEST].encode(errors="replace"))


def _moved(
    content: bytes, moved: Callable[[int], int], depth: tuple[bytes, ...] = (b"mdia", b"minf", b"stbl")
) -> bytes:
    """Return a track's boxes with its places in the file as they are now."""
    boxes: Boxes = []
    for kind, inside in _split(content):
        if kind in {b"saio", b"saiz", b"meta"}:
            raise _Odd
        if depth and kind == depth[0]:
            inside = _moved(inside, moved, depth[1:])
        elif not depth and kind in _TABLES:
            inside = _table(inside, _TABLES[kind], moved)
        boxes.append((kind, inside))
    return _joined(boxes)


def _table(content: bytes, width: str, moved: Callable[[int], int]) -> bytes:
    count = struct.unpack(">I", content[4:8])[0]
    form = f">{count}{width}"
    if len(content) != 8 + struct.calcsize(form):
        raise _Odd
    return content[:8] + struct.pack(form, *map(moved, struct.unpack(form, content[8:])))


def _split(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        if length < 8 or at + length > len(content):
            raise _Odd
        yield kind, content[at + 8 : at + length]
        at += length


def _joined(boxes: Boxes) -> bytes:
    return b"".join(_box(kind, content) for kind, content in boxes)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _copy(file: BinaryIO, out: BinaryIO, size: int | None) -> None:
    left = size if size is not None else 1 << 62
    while left and (block := file.read(min(left, _BLOCK))):
        out.write(block)
        left -= len(block)


def _unharmed(source: Path, target: Path) -> bool:
    """Whether the copy tells of itself what the original does; otherwise it is removed."""
    try:
        before, after = film_index(source), film_index(target)
        same = [replace(t, data_end=0) for t in before.tracks] == [replace(t, data_end=0) for t in after.tracks]
    except MediaFailed:
        same = False
    if not same:
        target.unlink()
    return same

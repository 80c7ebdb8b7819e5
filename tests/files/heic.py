"""HEIC pictures as phones write them, put together by hand: one picture or tiles, turned, with a colour profile."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from kling_tools.files.ffmpeg import Encoder, file_argument

#: A setup of the decoder (hvcC) and the picture's data.
Tile = tuple[bytes, bytes]


def box(kind: bytes, *contents: bytes, full: int | None = None) -> bytes:
    """Return a box; `full` is the version and flags of those that have them."""
    body = (b"" if full is None else struct.pack(">I", full)) + b"".join(contents)
    return struct.pack(">I4s", len(body) + 8, kind) + body


async def tiles(encoder: Encoder, folder: Path, width: int, height: int, side: int) -> list[Tile]:
    """Return a test card of these sides in square tiles, row by row."""
    made = []
    for top in range(0, height, side):
        for left in range(0, width, side):
            card = f"testsrc2=s={width}x{height},crop={side}:{side}:{left}:{top}"
            path = folder / "tile.mp4"
            args = ["-f", "lavfi", "-i", card, "-frames:v", "1", "-pix_fmt", "yuv420p", "-c:v", "libx265"]
            args += ["-x265-params", "log-level=none:info=0", "-tag:v", "hvc1", "-f", "mp4", "-y", file_argument(path)]
            await encoder.run(args, timeout=100)
            data = path.read_bytes()
            made.append((_inside(data, b"hvcC"), _inside(data, b"mdat")[8:]))
    return made


def _inside(data: bytes, kind: bytes) -> bytes:
    at = data.index(kind) - 4
    return data[at : at + int.from_bytes(data[at : at + 4])]


def heic(parts: Sequence[Tile], side: int, width: int, height: int, *, turns: int = 0, profile: bytes = b"") -> bytes:
    """Return a HEIC of one picture or of tiles; `turns` are quarter turns to the left."""
    count = len(parts)
    whole = count + 1  # the number of the item that is put together from the others
    columns = -(-width // side)
    items = [data for _, data in parts]
    if count > 1:
        items.append(struct.pack(">BBBBHH", 0, 0, count // columns - 1, columns - 1, width, height))
    properties = [parts[0][0], box(b"ispe", struct.pack(">II", side, side), full=0)]
    properties += [box(b"ispe", struct.pack(">II", width, height), full=0)]
    properties += [box(b"irot", bytes([turns]))] if turns else []
    properties += [box(b"colr", b"prof", profile)] if profile else []
    shared = list(range(3, len(properties) + 1))
    has = {n: [0x81, *(shared if count == 1 else [2])] for n in range(1, whole)} | (
        {whole: shared} if count > 1 else {}
    )
    listed = [struct.pack(">HB", number, len(places)) + bytes(places) for number, places in has.items()]
    meaning = box(b"iprp", box(b"ipco", *properties), box(b"ipma", struct.pack(">I", len(listed)), *listed, full=0))
    infos = [
        box(b"infe", struct.pack(">HH4s", n, 0, b"grid" if n == whole else b"hvc1") + b"\0", full=2 << 24 | (n < whole))
        for n in has
    ]
    links = box(b"dimg", struct.pack(f">HH{count}H", whole, count, *range(1, whole)))
    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")

    def meta(start: int) -> bytes:
        places = b""
        for number, data in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, start, len(data))
            start += len(data)
        return box(
            b"meta",
            box(b"hdlr", struct.pack(">I4s", 0, b"pict") + bytes(13), full=0),
            box(b"pitm", struct.pack(">H", whole if count > 1 else 1), full=0),
            box(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)), places, full=0),
            box(b"iinf", struct.pack(">H", len(infos)), *infos, full=0),
            box(b"iref", links, full=0) if count > 1 else b"",
            meaning,
            full=0,
        )

    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", *items)

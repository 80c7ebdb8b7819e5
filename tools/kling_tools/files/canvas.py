"""A sheet put together from raw pictures, with a word in the corner of each, and made a JPEG of a bounded size.

The pictures are planes as ffmpeg hands them over, and ffmpeg makes the JPEG: nothing here decodes what a stranger made,
and no picture library has to be loaded for it. Letters are a small bitmap, because no font is certain to be there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kling_tools.files.ffmpeg import Encoder

GAP = 4  # pixels between cells
GROUND = 0x1C
GROUND_HEX = f"{GROUND:02x}" * 3
_SCREEN = 4 / 3
_TIMEOUT = 20.0
_QUALITIES = (4, 6, 8, 12, 16, 22, 31)  # of mjpeg, best first
_NEUTRAL = 128

#: Five columns by seven rows; a row is a number of five bits.
_LETTERS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    ".": (0, 0, 0, 0, 0, 12, 12),
    "s": (0, 0, 14, 16, 14, 1, 30),
    "A": (14, 17, 17, 31, 17, 17, 17),
    "B": (30, 17, 17, 30, 17, 17, 30),
    " ": (0, 0, 0, 0, 0, 0, 0),
}


@dataclass(frozen=True)
class Layout:
    """How a sheet is divided: columns, rows, and a cell's sides in pixels."""

    columns: int
    rows: int
    width: int
    height: int

    @property
    def sides(self) -> tuple[int, int]:
        """Return the whole sheet's width and height in pixels."""
        return self.columns * (self.width + GAP) - GAP, self.rows * (self.height + GAP) - GAP


def lay_out(count: int, width: int, height: int, most: int, *, together: int = 1) -> Layout:
    """Return the grid that shows `count` frames of these sides largest, no wider than `most` pixels and no taller.

    Of grids that are nearly as good, it is the one that is closest to a screen's shape. `together` cells stay in a row.
    """
    columns = list(range(together, count + 1, together))
    grids = [_grid(n, -(-count // n), width, height, most) for n in columns]
    # An empty cell is worth a smaller picture in the others.
    worth = [g.width * g.height * (count / (g.columns * g.rows)) ** 2 for g in grids]
    good = [grid for grid, value in zip(grids, worth, strict=True) if value >= 0.98 * max(worth)]
    return min(good, key=lambda g: abs(math.log(g.columns * g.width / (g.rows * g.height) / _SCREEN)))


def _grid(columns: int, rows: int, width: int, height: int, most: int) -> Layout:
    across, down = (most - (columns - 1) * GAP) / columns, (most - (rows - 1) * GAP) / rows
    scale = min(across / width, down / height, 1.0)
    # Even, because the planes of colour are half as large.
    return Layout(columns, rows, max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2))


class Canvas:
    """A picture in yuv420p of full range, on which cells are laid and words written."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._light = bytearray([GROUND]) * (width * height)
        self._colour = [bytearray([_NEUTRAL]) * (width * height // 4) for _ in range(2)]

    @classmethod
    def of(cls, grid: Layout, cells: Sequence[bytes], words: Sequence[str] = ()) -> Canvas:
        """Return cells row by row; each is its planes, in the sides of the grid."""
        canvas = cls(*grid.sides)
        for n, cell in enumerate(cells):
            row, column = divmod(n, grid.columns)
            left, top = column * (grid.width + GAP), row * (grid.height + GAP)
            canvas._lay(cell, left, top, grid.width, grid.height)
            if n < len(words):
                canvas.write(words[n], left + 4, top + grid.height - 4, 1 if grid.width < 120 else 2)
        return canvas

    def _lay(self, cell: bytes, left: int, top: int, width: int, height: int) -> None:
        _copy(self._light, self.width, cell, (left, top), width, height)
        at = width * height
        for plane in self._colour:
            _copy(plane, self.width // 2, cell[at:], (left // 2, top // 2), width // 2, height // 2)
            at += width * height // 4

    def write(self, text: str, left: int, bottom: int, scale: int) -> None:
        """Write white on a dark field that ends at a lower left corner; what does not fit is left out."""
        wide, high = (6 * len(text) + 3) * scale // 2 * 2, 11 * scale // 2 * 2
        left, top = left // 2 * 2, (bottom - high) // 2 * 2
        if top < 0 or left + wide > self.width:
            return
        _fill(self._light, self.width, (left, top), wide, high, GROUND)
        for plane in self._colour:
            _fill(plane, self.width // 2, (left // 2, top // 2), wide // 2, high // 2, _NEUTRAL)
        for n, letter in enumerate(text):
            for y, row in enumerate(_LETTERS[letter]):
                for x in (x for x in range(5) if row & 16 >> x):
                    corner = left + (6 * n + 2 + x) * scale, top + (2 + y) * scale
                    _fill(self._light, self.width, corner, scale, scale, 255)

    async def jpeg(self, encoder: Encoder, max_bytes: int) -> bytes:
        """Return it as a JPEG of a good quality that fits `max_bytes`; of the lowest where none does.

        Raises:
            EncoderMissing, MediaFailed
        """
        raw = b"".join((self._light, *self._colour))
        size = f"{self.width}x{self.height}"
        given = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-color_range", "pc", "-s", size, "-i", "pipe:0"]
        made, quality = b"", _QUALITIES[0]
        while True:
            args = [*given, "-c:v", "mjpeg", "-q:v", str(quality), "-color_range", "pc", "-f", "image2pipe", "pipe:1"]
            made = await encoder.run(args, timeout=_TIMEOUT, stdin=raw)
            if len(made) <= max_bytes or quality == _QUALITIES[-1]:
                return made
            # Half the quality takes about 0.6 times the bytes; a step is a process, so it is a long one.
            fits = quality * (len(made) / max_bytes) ** 1.4
            quality = next((q for q in _QUALITIES if q >= fits and q > quality), _QUALITIES[-1])


def _copy(plane: bytearray, stride: int, cell: bytes, corner: tuple[int, int], width: int, height: int) -> None:
    for y in range(height):
        at = (corner[1] + y) * stride + corner[0]
        plane[at : at + width] = cell[y * width : (y + 1) * width]


def _fill(plane: bytearray, stride: int, corner: tuple[int, int], width: int, height: int, value: int) -> None:
    for y in range(corner[1], corner[1] + height):
        at = y * stride + corner[0]
        plane[at : at + width] = bytes([value]) * width

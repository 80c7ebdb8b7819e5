"""Result images: JPEG and PNG files of exactly the ordered size, drawn by Pillow and marked as simulated.

A picture is composed at the 1k size and enlarged, because composing at 4k would take seconds and show nothing more.
Sizes are chosen when an image is bought, without Pillow; it loads when a file is first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL import Image

Size = tuple[int, int]
Box = tuple[float, float, float, float]

# Exact pixel sizes are not published: these keep the area of a 1024 square and sides of whole 16-pixel blocks.
SIZES_1K: Final[dict[str, Size]] = {
    "16:9": (1360, 768),
    "9:16": (768, 1360),
    "1:1": (1024, 1024),
    "4:3": (1184, 880),
    "3:4": (880, 1184),
    "3:2": (1248, 832),
    "2:3": (832, 1248),
    "21:9": (1568, 672),
}
FACTORS: Final = {"1k": 1, "2k": 2, "4k": 4}
COMPOSED_PIXELS: Final = 1024 * 1024
# Where the size follows the caller's picture, more is never drawn.
MOST_PIXELS: Final = 2048 * 2048
# Above this a PNG takes long to pack, so the file is a JPEG.
PNG_PIXELS: Final = 5_000_000


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """What a picture shows: the words written on it, and a scene, a caller's picture or a card naming a host.

    `scene` tells pictures of one prompt apart. With `box` (left, top, right, bottom as shares of the size) the caller's
    picture fills only that part of the scene.
    """

    words: str
    facts: str
    scene: str = ""
    source: Path | None = None
    host: str = ""
    box: Box | None = None


def size_of(resolution: str, aspect_ratio: str) -> Size:
    """Return width and height in pixels of an ordered image; ratios are those of kling-official 6."""
    width, height = SIZES_1K[aspect_ratio]
    factor = FACTORS[resolution]
    return width * factor, height * factor


def nearest_ratio(size: Size) -> str:
    """Return the offered ratio that lies nearest to a picture's own: what `auto` comes to."""
    wanted = size[0] / size[1]
    return min(SIZES_1K, key=lambda name: max(_value(name) / wanted, wanted / _value(name)))


def bounded(width: float, height: float) -> Size:
    """Return the size in whole pixels, shrunk to what is drawn at most."""
    shrink = max(1.0, (width * height / MOST_PIXELS) ** 0.5)
    return round(width / shrink), round(height / shrink)


def suffix_of(size: Size) -> str:
    """Return the file name's ending for an image of this size: png, or jpg for the large ones."""
    return "png" if size[0] * size[1] <= PNG_PIXELS else "jpg"


def paint(target: Path, size: Size, sketch: Sketch) -> Path:
    """Draw one image file; the target's suffix (.png or .jpg) chooses the format."""
    from PIL import Image

    from kling_sandbox.lettering import overlay

    small = _composed(size)
    picture = _background(small, sketch)
    layer = overlay(small, sketch.words, sketch.facts)
    picture.paste(layer, mask=layer)
    if small != size:
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    if target.suffix == ".png":
        picture.save(target, compress_level=1)
    else:
        picture.save(target, quality=85)
    return target


def _background(size: Size, sketch: Sketch) -> Image.Image:
    from kling_sandbox.scene import draw_placeholder, draw_scene, load_image

    left, top, right, bottom = sketch.box or (0.0, 0.0, 1.0, 1.0)
    inner = (max(1, round((right - left) * size[0])), max(1, round((bottom - top) * size[1])))
    given = load_image(sketch.source, inner) if sketch.source is not None else None
    if given is None and sketch.host:
        given = draw_placeholder(sketch.host, inner)
    if given is not None and inner == size:
        return given
    picture = draw_scene(sketch.scene or sketch.words, size)
    if given is not None:
        picture.paste(given, (round(left * size[0]), round(top * size[1])))
    return picture


def _composed(size: Size) -> Size:
    shrink = (size[0] * size[1] / COMPOSED_PIXELS) ** 0.5
    return size if shrink < 1.05 else (round(size[0] / shrink), round(size[1] / shrink))


def _value(ratio: str) -> float:
    wide, high = ratio.split(":")
    return int(wide) / int(high)

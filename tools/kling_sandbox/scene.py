"""Pictures for the simulated videos: layered paper hills drawn from a hash of the prompt, or the caller's own image.

Everything is drawn larger than it is shown and without smoothing; the camera's downscaling smooths it for free.
"""

from __future__ import annotations

import hashlib
import math
import random
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageOps, UnidentifiedImageError

Colour = tuple[int, int, int]
Size = tuple[int, int]

# sky top, sky middle, sky low, sun, far layer, near layer
PALETTES: Final[tuple[tuple[str, str, str, str, str, str], ...]] = (
    ("#1b2a4e", "#c8577a", "#ffb88a", "#fff0c9", "#b0607f", "#1c1733"),  # dusk
    ("#2d6f91", "#8cc7c9", "#f6e7c6", "#fffbe8", "#8fb8b0", "#123a46"),  # morning lake
    ("#0b1030", "#1f2f6b", "#5667a8", "#f4f1ff", "#44508f", "#070a1e"),  # night
    ("#6d8f5e", "#c9d59a", "#fbf0cb", "#fffdf0", "#a4b878", "#22381f"),  # meadow
    ("#7a2e1f", "#e0703a", "#ffc45c", "#fff2c4", "#c4552f", "#2c0d12"),  # desert
    ("#34205c", "#8a4fa3", "#f3a6c0", "#ffe9f2", "#9a66ac", "#190f33"),  # violet
    ("#0f5a6b", "#27a3a0", "#b9e8d0", "#fdfff4", "#4fb0a4", "#062b38"),  # lagoon
    ("#5f6b7d", "#b3b9c2", "#ece7df", "#ffffff", "#a2a8b3", "#252a35"),  # winter fog
)
LAYERS: Final = 5


def draw_scene(words: str, size: Size) -> Image.Image:
    """Draw the picture that belongs to these words: the same words always give the same picture."""
    seed = int.from_bytes(hashlib.sha256(words.encode("utf-8", "replace")).digest()[:8], "big")
    chance = random.Random(seed)
    top, middle, low, sun, far, near = (_colour(text) for text in chance.choice(PALETTES))
    picture = _sky(size, top, middle, low)
    if sum(top) < 130:
        _stars(picture, chance)
    _add_sun(picture, chance, sun)
    rough = chance.uniform(0.25, 1.0)
    for index in range(LAYERS):
        depth = index / (LAYERS - 1)
        _lay(picture, chance, _mix(far, near, depth * 0.85), depth, rough)
    return picture


def draw_placeholder(host: str, size: Size) -> Image.Image:
    """Draw a stand-in for an image on another host, which the sandbox does not fetch."""
    from kling_sandbox.lettering import write_card

    picture = draw_scene(host, size).filter(ImageFilter.GaussianBlur(min(size) // 60))
    write_card(picture, "image not fetched by the sandbox", host)
    return picture


def load_image(path: Path, size: Size) -> Image.Image | None:
    """Load a caller's image to fill the size; None when it cannot be decoded."""
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            image.draft("RGB", size)
            upright = ImageOps.exif_transpose(image)
            flat = Image.new("RGB", upright.size, (18, 18, 24))
            rgba = upright.convert("RGBA") if upright.has_transparency_data else None
            flat.paste(rgba or upright.convert("RGB"), mask=rgba)
            return ImageOps.fit(flat, size, Image.Resampling.BICUBIC)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def _colour(text: str) -> Colour:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def _sky(size: Size, top: Colour, middle: Colour, low: Colour) -> Image.Image:
    steps = 256
    column = Image.new("RGB", (1, steps))
    for y in range(steps):
        share = min(2.0, y / (steps - 1) / 0.75 * 2)
        column.putpixel((0, y), _mix(top, middle, share) if share < 1 else _mix(middle, low, share - 1))
    # One column first: widening it costs nothing, smoothing the full size would.
    return column.resize((1, size[1]), Image.Resampling.BICUBIC).resize(size, Image.Resampling.NEAREST)


def _stars(picture: Image.Image, chance: random.Random) -> None:
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    for _ in range(140):
        x, y = chance.uniform(0, width), chance.uniform(0, height * 0.55)
        r = chance.choice((1.5, 1.5, 2.5, 4)) * min(picture.size) / 1440
        shade = chance.randint(150, 255)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(shade, shade, 255))


def _add_sun(picture: Image.Image, chance: random.Random, colour: Colour) -> None:
    width, height = picture.size
    x, y = width * chance.uniform(0.22, 0.78), height * chance.uniform(0.2, 0.42)
    radius = min(width, height) * chance.uniform(0.07, 0.13)
    # The glow is drawn small and blown up: a blur of the full size would take longer than all the rest.
    small = Image.new("L", (width // 16 + 1, height // 16 + 1), 0)
    box = tuple(v / 16 for v in (x - radius * 1.9, y - radius * 1.9, x + radius * 1.9, y + radius * 1.9))
    ImageDraw.Draw(small).ellipse(box, fill=120)
    glow = small.filter(ImageFilter.GaussianBlur(radius / 16))
    picture.paste(colour, mask=glow.resize(picture.size, Image.Resampling.BICUBIC))
    ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _lay(picture: Image.Image, chance: random.Random, colour: Colour, depth: float, rough: float) -> None:
    """Lay one sheet of paper over the picture, with a soft shadow along its edge."""
    width, height = picture.size
    line = _ridge(chance, picture.size, base=0.5 + 0.36 * depth, swing=0.13 * (1 - 0.3 * depth), rough=rough)
    top = max(0, int(min(y for _, y in line) - height * 0.06))
    part = (width, height - top)
    polygon = [(x, y - top) for x, y in [*line, (width, height), (0, height)]]
    small = Image.new("L", (part[0] // 16 + 1, part[1] // 16 + 1), 0)
    ImageDraw.Draw(small).polygon([(x / 16, (y - height * 0.01) / 16) for x, y in polygon], fill=92)
    shadow = small.filter(ImageFilter.GaussianBlur(max(1.0, height / 16 * 0.014)))
    picture.paste(_mix(colour, (0, 0, 0), 0.6), (0, top), shadow.resize(part, Image.Resampling.BILINEAR))
    mask = Image.new("L", part, 0)
    ImageDraw.Draw(mask).polygon(polygon, fill=255)
    light, dark = _mix(colour, (255, 255, 255), 0.2), _mix(colour, (0, 0, 0), 0.12)
    picture.paste(_sky(part, light, colour, dark), (0, top), mask)


def _ridge(chance: random.Random, size: Size, *, base: float, swing: float, rough: float) -> list[tuple[float, float]]:
    width, height = size
    waves = [
        (chance.uniform(0.6, 1.6) * 2**octave, chance.uniform(0, math.tau), (0.42 + 0.16 * rough) ** octave)
        for octave in range(2 + round(4 * rough))
    ]
    # Pointed waves look like mountains, round ones like dunes: roughness mixes the two.
    points = []
    step = max(4, width // 320)
    for x in range(0, width + step, step):
        t = x / max(size) * math.tau
        total = sum(_wave(t * often + phase, rough) * high for often, phase, high in waves)
        points.append((float(x), height * (base - swing * total / 1.5)))
    return points


def _wave(angle: float, rough: float) -> float:
    pointed = 1 - 2 * abs(math.sin(angle / 2))
    return (1 - rough) * math.sin(angle) + rough * pointed

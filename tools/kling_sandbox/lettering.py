"""Words over the picture: prompt, facts and the SIMULATED badge, drawn by Pillow into a transparent overlay.

A prompt is hostile input. It becomes pixels here and never part of a command line or a filter. Characters that no font
at hand can draw are left out.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageFont

Font = ImageFont.FreeTypeFont

BADGE = "SIMULATED"
MOST_LINES: Final = 3

# Pillow's own font comes first, so that Latin text looks the same everywhere; these help with the rest.
FONT_FILES: Final = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "C:/Windows/Fonts/segoeui.ttf",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/YuGothM.ttc",
    "C:/Windows/Fonts/malgun.ttf",
)


def overlay(size: tuple[int, int], prompt: str, facts: str) -> Image.Image:
    """Draw the still layer that lies over the moving picture."""
    unit = min(size) / 720
    margin, line_height = round(36 * unit), round(42 * unit)
    lines = _lines(readable(prompt), round(31 * unit), size[0] - 2 * margin)
    facts_top = size[1] - margin - round(20 * unit)
    top = facts_top - round(16 * unit) - line_height * len(lines)
    text = _Text(unit, margin, [(top + at * line_height, line) for at, line in enumerate(lines)], (facts_top, facts))

    shadow = Image.new("RGBA", size, (0, 0, 0, 0))
    text.draw(ImageDraw.Draw(shadow), (0, 0, 0), 2 * unit)
    # Only the written part is blurred; the rest is empty.
    box = (0, max(0, top - margin), size[0], size[1])
    shadow.paste(shadow.crop(box).filter(ImageFilter.GaussianBlur(3 * unit)), box)
    layer = Image.alpha_composite(_scrim(size, top - round(110 * unit)), shadow)
    draw = ImageDraw.Draw(layer)
    text.draw(draw, (255, 255, 255), 0)
    _badge(draw, margin, unit)
    return layer


@dataclass(frozen=True)
class _Text:
    """The lines of the prompt and the line of facts, placed."""

    unit: float
    margin: int
    lines: list[tuple[int, str]]
    facts: tuple[int, str]

    def draw(self, draw: ImageDraw.ImageDraw, colour: tuple[int, int, int], shift: float) -> None:
        for y, line in self.lines:
            _write(draw, (self.margin + shift, y + shift), line, round(31 * self.unit), (*colour, 255))
        y, facts = self.facts
        _write(draw, (self.margin + shift, y + shift), facts, round(18 * self.unit), (*colour, 210))


def write_card(picture: Image.Image, title: str, text: str) -> None:
    """Write a dark card with two lines into the middle of a picture."""
    unit = min(picture.size) / 720
    draw = ImageDraw.Draw(picture, "RGBA")
    small, big = round(22 * unit), round(34 * unit)
    text = (_lines(readable(text), big, round(picture.width * 0.7)) or [""])[0]
    wide = max(_length(title, small), _length(text, big))
    x, y = (picture.width - wide) / 2, picture.height * 0.44
    pad = 30 * unit
    draw.rounded_rectangle((x - pad, y - pad, x + wide + pad, y + 80 * unit + pad), 18 * unit, fill=(10, 12, 20, 190))
    _write(draw, (x, y), title, small, (255, 255, 255, 190))
    _write(draw, (x, y + 38 * unit), text, big, (255, 255, 255, 255))


def readable(text: str) -> str:
    """Flatten a text to one line of characters that can be drawn."""
    flat = " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text).split())
    return " ".join("".join(c for c in flat if c == " " or _font_for(c, 20) is not None).split())


def _scrim(size: tuple[int, int], top: int) -> Image.Image:
    """Darken the lower part softly, so that white words are legible on snow."""
    top = max(0, top)
    layer = Image.new("RGBA", size, (0, 0, 0, 0))
    ramp = Image.linear_gradient("L").resize((size[0], size[1] - top)).point([v * 150 // 255 for v in range(256)])
    layer.paste(Image.merge("RGBA", (*[Image.new("L", ramp.size, 8)] * 3, ramp)), (0, top))
    return layer


def _badge(draw: ImageDraw.ImageDraw, margin: int, unit: float) -> None:
    size = round(20 * unit)
    spaced = " ".join(BADGE)
    wide = _length(spaced, size)
    high = 40 * unit
    draw.rounded_rectangle(
        (margin, margin, margin + wide + 32 * unit, margin + high), high / 2, fill=(255, 183, 3, 240)
    )
    font = _fonts(size)[0]
    place = (margin + 16 * unit, margin + high / 2)
    draw.text(
        place,
        spaced,
        font=font,
        fill=(20, 16, 0, 255),
        anchor="lm",
        stroke_width=max(1, round(0.6 * unit)),
        stroke_fill=(20, 16, 0, 255),
    )


def _lines(text: str, size: int, width: int) -> list[str]:
    """Wrap to at most three lines; what is left over ends in an ellipsis."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        if _length((line + piece).rstrip(), size) <= width:
            line += piece
            continue
        if len(lines) == MOST_LINES - 1:
            return [*lines, _cut(line + piece, size, width)]
        if line.strip():
            lines.append(line.rstrip())
        line = _cut(piece, size, width) if _length(piece.rstrip(), size) > width else piece
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> list[str]:
    """Split where a line may break: after spaces, and around every East Asian character."""
    pieces: list[str] = []
    for char in text:
        alone = ord(char) >= 0x2E80
        if not pieces or alone or pieces[-1].endswith(" ") or ord(pieces[-1][-1]) >= 0x2E80:
            pieces.append(char)
        else:
            pieces[-1] += char
    return pieces


def _cut(text: str, size: int, width: int) -> str:
    while text and _length(f"{text.rstrip()}…", size) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, colour: tuple[int, int, int, int]
) -> None:
    x, y = place
    for run, font in _runs(text, size):
        draw.text((x, y + size), run, font=font, fill=colour, anchor="ls")
        x += font.getlength(run)


def _length(text: str, size: int) -> float:
    return sum(font.getlength(run) for run, font in _runs(text, size))


def _runs(text: str, size: int) -> list[tuple[str, Font]]:
    """Split a text into runs of one font each."""
    runs: list[tuple[str, Font]] = []
    for char in text:
        font = runs[-1][1] if char == " " and runs else _font_for(char, size)
        if font is None:
            continue
        if runs and runs[-1][1] is font:
            runs[-1] = (runs[-1][0] + char, font)
        else:
            runs.append((char, font))
    return runs


@cache
def _fonts(size: int) -> tuple[Font, ...]:
    own = ImageFont.load_default(size)
    assert isinstance(own, ImageFont.FreeTypeFont)
    found = [own]
    for file in FONT_FILES:
        if Path(file).is_file():
            try:
                found.append(ImageFont.truetype(file, size))
            except OSError:
                continue
    return tuple(found)


@lru_cache(maxsize=8192)
def _font_for(char: str, size: int) -> Font | None:
    return next((font for font in _fonts(size) if _can_draw(font, char)), None)


def _can_draw(font: Font, char: str) -> bool:
    """Tell whether the font has the character: one that is missing looks like one that cannot exist."""
    if char == " ":
        return True
    return _drawn(font, char) != _drawn(font, "\U0010fffe")


def _drawn(font: Font, char: str) -> bytes:
    side = round(font.size * 2)
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).text((font.size / 2, font.size / 4), char, font=font, fill=255)
    return image.tobytes()

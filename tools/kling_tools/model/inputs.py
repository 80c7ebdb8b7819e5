"""What a provider takes as a video or a sound, and the sentence that says why one does not fit.

Pure, so that the same rule judges a file, an earlier result and what a look at an address told. What is not known
passes: then the provider decides (kling-official 11).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_SLACK = 0.1  # seconds: containers round, and sound outlasts its picture by a block; and 23.976 passes as 24
_RATIO_SLACK = 0.02  # 1366x768 is called 16:9


@dataclass(frozen=True, kw_only=True)
class SoundLimits:
    """What a provider takes as a sound: bytes, seconds, and formats by their usual endings."""

    max_bytes: int
    min_seconds: float
    max_seconds: float
    formats: tuple[str, ...] = ("mp3", "wav", "m4a", "aac")


@dataclass(frozen=True, kw_only=True)
class ClipLimits:
    """What a provider takes as a video: bytes, seconds, sides and area in pixels, width / height, frames a second.

    `ratios` such as "16:9" are the only shapes that are taken; none of them means any. None is no limit.
    """

    max_bytes: int
    min_seconds: float
    max_seconds: float
    min_side: int
    max_side: int
    max_area: int | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None
    min_fps: float | None = None
    max_fps: float | None = None
    ratios: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("mp4", "mov")


def sound_problem(
    limits: SoundLimits, *, seconds: float | None, size: int | None, kind: str | None, name: str
) -> str | None:
    """Return why a sound does not fit, with its figure and what is taken; None where it fits or nobody knows.

    `kind` is the format, `name` the argument's. Units: seconds, bytes.
    """
    return (
        _format_problem("sound", limits.formats, kind, name)
        or _size_problem("sound", limits.max_bytes, size, name)
        or _length_problem("sound", (limits.min_seconds, limits.max_seconds), seconds, name)
    )


def clip_problem(
    limits: ClipLimits,
    *,
    seconds: float | None,
    width: int | None,
    height: int | None,
    fps: float | None,
    size: int | None,
    kind: str | None,
    name: str,
) -> str | None:
    """Return why a video does not fit, with its figure and what is taken; None where it fits or nobody knows.

    `kind` is "mp4" or "mov", `name` the argument's. Units: seconds, pixels as shown, frames a second, bytes.
    """
    return (
        _format_problem("video", limits.formats, kind, name)
        or _size_problem("video", limits.max_bytes, size, name)
        or _length_problem("video", (limits.min_seconds, limits.max_seconds), seconds, name)
        or (_sides_problem(limits, width, height, name) if width and height else None)
        or (_pace_problem(limits, fps, name) if fps else None)
    )


def _format_problem(what: str, formats: tuple[str, ...], kind: str | None, name: str) -> str | None:
    if not kind or kind in formats:
        return None
    return f"The {what} for {name} is {kind.upper()}; Kling takes {listed(formats)} here."


def _size_problem(what: str, most: int, size: int | None, name: str) -> str | None:
    if size is None or size <= most:
        return None
    return f"The {what} for {name} has {megabytes(size)}; Kling takes at most {megabytes(most)} here."


def _length_problem(what: str, span: tuple[float, float], seconds: float | None, name: str) -> str | None:
    least, most = span
    if not seconds or least - _SLACK <= seconds <= most + _SLACK:
        return None
    # Rounded away from the limit, so that too long never reads like just right.
    shown = math.floor(seconds * 10) / 10 if seconds < least else math.ceil(seconds * 10) / 10
    return f"The {what} for {name} is {shown:g} s long; Kling takes {least:g} to {most:g} s here."


def _sides_problem(limits: ClipLimits, width: int, height: int, name: str) -> str | None:
    shown = f"The video for {name} is {width}x{height} px"
    if min(width, height) < limits.min_side or max(width, height) > limits.max_side:
        return f"{shown}; Kling takes sides from {limits.min_side} to {limits.max_side} px here."
    if limits.max_area is not None and width * height > limits.max_area:
        return f"{shown}, {width * height} in all; Kling takes at most {limits.max_area} here."
    ratio = width / height
    least, most = limits.min_ratio or 0.0, limits.max_ratio or math.inf
    if ratio < least * (1 - _RATIO_SLACK) or ratio > most * (1 + _RATIO_SLACK):
        span = f"from {least:g} to {most:g}" if limits.max_ratio else f"of {least:g} or more"
        return f"{shown}; Kling takes a width / height {span} here, and this is {ratio:.2f}."
    if limits.ratios and not any(abs(ratio / _ratio(shape) - 1) <= _RATIO_SLACK for shape in limits.ratios):
        return f"{shown}; Kling takes {' or '.join(limits.ratios)} here."
    return None


def _pace_problem(limits: ClipLimits, fps: float, name: str) -> str | None:
    least, most = limits.min_fps, limits.max_fps
    if (least is None or fps >= least - _SLACK) and (most is None or fps <= most + _SLACK):
        return None
    span = f"{least:g} to {most:g}" if least and most else f"at least {least:g}" if least else f"at most {most:g}"
    return f"The video for {name} has {fps:.4g} frames a second; Kling takes {span} here."


def _ratio(text: str) -> float:
    width, _, height = text.partition(":")
    return float(width) / float(height)


def listed(formats: tuple[str, ...]) -> str:
    """Return format names for a sentence."""
    names = [name.upper() for name in formats]
    return " or ".join(([", ".join(names[:-1])] if names[1:] else []) + names[-1:])


def megabytes(size: int) -> str:
    """Return a size for a sentence, rounded up: too large never reads like just right."""
    return f"{math.ceil(size / 1e5) / 10:g} MB"

"""Whether a picture or a sound fits, as far as that is known before it is opened (kling-official 11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kling_tools.catalog.ask import Ask
from kling_tools.model.inputs import SoundLimits, sound_problem
from kling_tools.model.media import ImageLimits
from kling_tools.model.requests.base import ELEMENT


def picture_problems(ask: Ask[Any], limits: ImageLimits, text: str, name: str) -> Iterator[str]:
    """Yield what is known to be wrong with a picture."""
    source = ask.source(text)
    if text.startswith(ELEMENT):
        yield f"{name} takes a picture, not an element"
        return
    if source is None:
        return
    if source.kind != "image" and not (source.kind == "video" and source.made_here):  # its last frame is meant
        yield f"{name} takes a picture, and this is {'a video' if source.kind == 'video' else 'a sound'}"
        return
    if not source.width or not source.height:
        return
    shown = f"the picture for {name} is {source.width}x{source.height} px"
    small, large = sorted((source.width, source.height))
    if small < limits.min_side:
        yield f"{shown}; Kling takes sides of at least {limits.min_side} px"
    if large > small * limits.max_ratio:
        yield f"{shown}; Kling takes at most {limits.max_ratio:g}:1"


def sound_problems(ask: Ask[Any], limits: SoundLimits, text: str, name: str) -> Iterator[str]:
    """Yield what is known to be wrong with a sound."""
    if source := ask.source(text):
        if source.kind == "image" or (source.kind == "video" and source.has_audio is False):
            yield f"{name} takes a sound, and this has none"
        elif problem := sound_problem(limits, seconds=source.seconds, size=None, kind=None, name=name):
            yield problem.rstrip(".")


def length_of(ask: Ask[Any], text: str | None) -> float | None:
    """Return how many seconds a video or a sound has, where that is known."""
    source = ask.source(text)
    return (source.seconds or None) if source else None

"""Whether a picture, a video or a sound fits, as far as that is known before it is opened (kling-official 11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kling_tools.catalog.ask import Ask
from kling_tools.catalog.data import ServiceOffer
from kling_tools.model.inputs import ClipLimits, SoundLimits, clip_problem, listed, megabytes, sound_problem
from kling_tools.model.media import FileRef, ImageLimits, Source, parse_media
from kling_tools.model.plan import Standard
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
    if source.kind == "image" and not opened_here(text):
        if source.format and source.format not in limits.formats:
            yield f"the picture for {name} is {source.format.upper()}; Kling takes {listed(limits.formats)}: convert it"
        if source.size is not None and source.size > limits.max_bytes:
            most = megabytes(limits.max_bytes)
            has = megabytes(source.size)
            yield f"the picture for {name} has {has}; Kling takes at most {most} here: save it smaller"
    yield from side_problems(limits, source, f"the picture for {name}")


def opened_here(text: str) -> bool:
    """Whether a medium is a file: it is opened before anything is sent, and says then what is wrong and what to do."""
    return isinstance(parse_media(text), FileRef)


def side_problems(limits: ImageLimits, source: Source, what: str) -> Iterator[str]:
    """Yield what is known to be wrong with the sides of a picture, or of a video whose last frame becomes one."""
    if not source.width or not source.height:
        return
    shown = f"{what} is {source.width}x{source.height} px"
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
            return
        own = source.kind == "audio" and not opened_here(text)  # of a video's sound nothing but its length is known
        size, kind = (source.size, source.format) if own else (None, None)
        if problem := sound_problem(limits, seconds=source.seconds, size=size, kind=kind, name=name):
            yield problem.rstrip(".")


def length_of(ask: Ask[Any], text: str | None) -> float | None:
    """Return how many seconds a video or a sound has, where that is known."""
    source = ask.source(text)
    return (source.seconds or None) if source else None


def video_problems(ask: Ask[Any], limits: ClipLimits, text: str, name: str) -> Iterator[str]:
    """Yield what is known to be wrong with a video before it is sent."""
    source = ask.source(text)
    if source is None:
        return
    problem = clip_problem(
        limits,
        seconds=source.seconds,
        width=source.width,
        height=source.height,
        fps=source.fps,
        size=source.size,
        kind=source.format,
        name=name,
    )
    if problem:
        yield problem.rstrip(".")


def own_problems(ask: Ask[Any], offer: ServiceOffer, standard: Standard, text: str, name: str) -> Iterator[str]:
    """Yield why a service that works on its own results only cannot use this one."""
    source = ask.source(text)
    if offer.own and (source is None or source.provider != standard):
        yield f"{name} has to be a task of {standard} itself, made not long ago"

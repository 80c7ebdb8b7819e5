"""What the first bytes of a file tell of it while the rest is far away. Nothing fails here; the untold is None."""

from __future__ import annotations

import struct

from kling_tools.files.boxes import is_mp4
from kling_tools.files.mp4 import VideoFacts, container, facts_in
from kling_tools.files.pictures import MEASURED, Damaged, read_header, sniff
from kling_tools.files.sounds import BrokenSound, measure
from kling_tools.model.media import Source


def facts_of_head(head: bytes, size: int | None = None) -> Source | None:
    """Return what is known from a file's first bytes, None where they are of no picture, video or sound.

    `size` is the whole file's in bytes, where it is known. The format is one of "jpeg", "png", "webp", "mp4", "mov",
    "mp3", "wav", "m4a", "aac", or the name of a picture's that Kling does not take.
    """
    picture = sniff(head[:32])
    if picture and picture != "video":
        return _picture(head, picture, size)
    try:
        sound, seconds = measure(head, size)
    except BrokenSound:
        return None
    if sound:
        return known_sound(sound, seconds, size)
    if not is_mp4(head[:16]):
        return None
    if facts := facts_in(head):
        return known_video(container(head), facts, size)
    return Source(kind="video", format=container(head), size=size)


def known_video(kind: str, facts: VideoFacts, size: int | None) -> Source:
    """Return a video's facts as what is known of a medium; zeros become None."""
    return Source(
        kind="video",
        format=kind,
        seconds=facts.seconds or None,
        width=facts.width,
        height=facts.height,
        fps=facts.fps or None,
        has_audio=facts.has_audio,
        size=size,
    )


def known_sound(kind: str, seconds: float | None, size: int | None) -> Source:
    """Return a sound's facts as what is known of a medium."""
    return Source(kind="audio", format=kind, seconds=seconds, has_audio=True, size=size)


def _picture(head: bytes, kind: str, size: int | None) -> Source:
    try:
        width, height = read_header(head, kind).shown if kind in MEASURED else (None, None)
    except (Damaged, struct.error):
        width = height = None
    return Source(kind="image", format=kind.lower(), width=width, height=height, size=size)

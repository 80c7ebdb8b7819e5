"""What an MP4 or MOV video says about itself, read from its boxes without a codec.

A truncated download has to be told from a whole one on machines that have no ffmpeg, and a sheet needs the length
before it decodes anything.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.boxes import MAX_SECONDS, Index, index_in, read_index
from kling_tools.files.opening import open_regular
from kling_tools.model.errors import MediaFailed


@dataclass(frozen=True)
class VideoFacts:
    """A video's own figures: seconds, and sides in pixels as shown (after rotation).

    `seconds` is 0 where the file does not say. `complete` is False where the tables cannot prove that every frame is
    there (fragments). `frames` counts the pictures, 0 if unknown; the last one begins at `last_at` seconds. `fps` is 0
    where it is unknown.
    """

    seconds: float
    width: int
    height: int
    has_audio: bool
    codec: str
    complete: bool
    frames: int = 0
    last_at: float = 0.0
    fps: float = 0.0


def container(head: bytes) -> str:
    """Return "mov" for a QuickTime film by its first 16 bytes, "mp4" for any other."""
    return "mp4" if head[4:8] in (b"ftyp", b"styp") and head[8:12] != b"qt  " else "mov"


def read_facts(path: Path) -> VideoFacts:
    """Return what the file says about itself. Blocks for about 0.1 ms.

    Raises:
        MediaFailed: it is no MP4 or MOV, it is cut off or damaged, or it holds no picture.
    """
    return video_facts(film_index(path))


def film_index(path: Path) -> Index:
    """Return the file's index, with all its tracks.

    Raises:
        MediaFailed: it is no MP4 or MOV, or it is cut off or damaged.
    """
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return read_index(file, os.fstat(file.fileno()).st_size)
    except (OSError, ValueError) as error:
        raise MediaFailed(f"The file cannot be read: {getattr(error, 'strerror', None) or 'bad path'}.") from error


def facts_in(head: bytes) -> VideoFacts | None:
    """Return what a video's first bytes tell; None where its index is not among them. `complete` is never True."""
    index = index_in(head)
    if index is None or index.first(b"vide") is None:
        return None
    return video_facts(Index(index.tracks, index.seconds, fragments=True))


def video_facts(index: Index) -> VideoFacts:
    """Return a video's figures from its index.

    Raises:
        MediaFailed: it holds no picture.
    """
    pictures = index.first(b"vide")
    if pictures is None:
        raise MediaFailed("The file holds no pictures.")
    longest = max(index.seconds, pictures.seconds)
    if longest > MAX_SECONDS:
        longest = 0.0
    return VideoFacts(
        seconds=longest,
        width=pictures.width,
        height=pictures.height,
        has_audio=index.first(b"soun") is not None,
        codec=pictures.codec,
        complete=not index.fragments and pictures.data_end > 0,
        frames=pictures.samples,
        last_at=min(pictures.last_at, longest),
        fps=pictures.rate,
    )

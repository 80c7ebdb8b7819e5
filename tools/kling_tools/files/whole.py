"""Whether a file is whole and what its name says, and what it is to the byte."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.mp4 import read_facts
from kling_tools.files.names import PICTURES, SOUNDS
from kling_tools.files.opening import open_regular
from kling_tools.files.pictures import Damaged, read_header, sniff
from kling_tools.files.sounds import BrokenSound, read_sound
from kling_tools.model.errors import MediaFailed

MAX_PICTURE = 100 << 20  # a 4K PNG that does not compress has 25 MB
_WHOLE = ("png", "jpeg", "WebP")


@dataclass(frozen=True)
class SavedFile:
    """A whole file on our disk: size in bytes, SHA-256 in hex."""

    path: Path
    size: int
    sha256: str


def check(path: Path, suffix: str) -> None:
    """Check that a file is whole and a video, picture or sound, as the ending of its name says; others pass.

    Raises:
        MediaFailed: it is not.
    """
    if suffix == ".mp4":
        read_facts(path)
    elif suffix in PICTURES:
        try:
            with os.fdopen(open_regular(path), "rb") as file:
                data = file.read(MAX_PICTURE + 1)
            kind = sniff(data[:32])
            whole = kind in _WHOLE and len(data) <= MAX_PICTURE and read_header(data, kind).whole
        except (OSError, Damaged) as error:
            raise MediaFailed(f"The picture is damaged: {error}.") from error
        if not whole:
            raise MediaFailed("The picture is cut off." if kind in _WHOLE else "The file is no PNG, JPEG or WebP.")
    elif suffix in SOUNDS:
        try:
            read_sound(path)
        except BrokenSound as error:
            raise MediaFailed(f"The sound is damaged: {error}.") from error


def found(path: Path) -> SavedFile | None:
    """Return the file if it is already here and whole: the task id in its name makes it the same result."""
    try:
        saved = measured(path)
        check(path, path.suffix)
    except (OSError, MediaFailed):
        return None
    return saved if saved.size else None


def sync(path: Path) -> None:
    """Make a file's content outlast a power cut."""
    fd = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))  # Windows syncs only what may be written
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def measured(path: Path) -> SavedFile:
    """Return a file's size and SHA-256.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return SavedFile(path, os.fstat(file.fileno()).st_size, digest)

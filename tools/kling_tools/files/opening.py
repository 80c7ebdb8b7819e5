"""Opening a file that somebody else named: never a device, never a pipe that hangs, never outside the roots.

A name can be exchanged between a check and an open, so what counts is decided on the open descriptor.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kling_tools.model.errors import BadMedia, quoted

# O_NONBLOCK: a FIFO opens at once, to be refused by its type. The rest are 0 where a platform has no such thing.
_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)

_BLOCK = 1 << 20
_TYPES = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISLNK, "a link"),
)


class NotRegular(OSError):
    """The path names something that is no regular file; `strerror` says what."""


@dataclass(frozen=True)
class Opened:
    """An open regular file: its descriptor, real path and size in bytes."""

    fd: int
    path: Path
    size: int


def open_regular(path: Path) -> int:
    """Return a descriptor of a regular file without following a last link or waiting for a writer.

    Raises:
        NotRegular: it is a directory, pipe, socket, device or link. OSError: as `os.open`.
    """
    _regular(os.lstat(path).st_mode)  # opening some devices already does something
    fd = os.open(path, _FLAGS)
    try:
        _regular(os.fstat(fd).st_mode)
    except OSError:
        os.close(fd)
        raise
    return fd


def _regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotRegular(0, next((word for test, word in _TYPES if test(mode)), "no regular file"))


def read_small(path: Path, most: int = 1 << 20) -> str:
    """Return a text file that a person named in their settings.

    Raises:
        OSError: it is missing, no regular file, too large, or no text.
    """
    fd = open_regular(Path(os.path.realpath(path)))
    with os.fdopen(fd, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(0, f"it has more than {most} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise OSError(0, "it is no UTF-8 text") from None


def real_roots(roots: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the roots without links; one that does not exist admits nothing."""
    return tuple(Path(os.path.realpath(root)) for root in roots)


def read_start(file: Opened, most: int, name: str) -> bytes:
    """Return the file's first `most` bytes; `name` is the argument's.

    Raises:
        BadMedia: it cannot be read.
    """
    blocks, left = [], most
    try:
        os.lseek(file.fd, 0, os.SEEK_SET)
        while left > 0 and (block := os.read(file.fd, min(left, _BLOCK))):
            blocks.append(block)
            left -= len(block)
    except OSError as error:
        raise BadMedia(f"The file for {name} cannot be read: {error.strerror}.", advice="Check the disk.") from error
    return b"".join(blocks)


@contextmanager
def opened_inside(path: Path, roots: tuple[Path, ...], name: str) -> Iterator[Opened]:
    """Open a file that lies in one of the roots, all links resolved. `name` is the argument's, for messages.

    Raises:
        BadMedia: it is missing, unreadable, no regular file, or outside the roots.
    """
    allowed = real_roots(roots)
    try:
        real = Path(os.path.realpath(path))
        # Outside comes first: whether a foreign file exists is not for us to tell.
        _inside(real, path, allowed, name)
        fd = open_regular(real)
    except (OSError, ValueError) as error:
        raise _unopened(error, path, name) from error
    try:
        _inside(_where(fd, real), path, allowed, name)
        yield Opened(fd, real, os.fstat(fd).st_size)
    finally:
        os.close(fd)


def _inside(real: Path, path: Path, allowed: tuple[Path, ...], name: str) -> None:
    if any(real.is_relative_to(root) for root in allowed):
        return
    shown = ", ".join(str(root) for root in allowed) or "none"
    leads = " leads to a place that" if path.is_symlink() else ""
    raise BadMedia(
        f"The file for {name}, {quoted(path, 160)},{leads} is outside the directories that may be read ({shown}).",
        advice="Move or copy it into one of them, or add its directory to KLING_INPUT_ROOTS.",
    )


def _where(fd: int, real: Path) -> Path:
    """Return the path the descriptor has now, after any exchange of a directory on the way to it."""
    try:
        if sys.platform == "darwin":
            import fcntl

            return Path(os.fsdecode(fcntl.fcntl(fd, 50, bytes(1024)).rstrip(b"\0")))  # F_GETPATH
        return Path(os.readlink(f"/proc/self/fd/{fd}"))
    except OSError:
        # No /proc: the name must still mean the same file, with no link on its way.
        same = os.path.realpath(real) == str(real) and os.path.samestat(os.fstat(fd), os.stat(real))
        return real if same else Path("/")


def _unopened(error: OSError | ValueError, path: Path, name: str) -> BadMedia:
    shown = f"The file for {name}, {quoted(path, 160)},"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return BadMedia(f"{shown} does not exist.", advice=f"Check the path; relative ones start at {Path.cwd()}.")
    if isinstance(error, NotRegular):
        return BadMedia(f"{shown} is {error.strerror}, not a regular file.", advice="Pass the path of a file.")
    if isinstance(error, PermissionError):
        return BadMedia(f"{shown} may not be read by this user.", advice="Change its permissions or copy it elsewhere.")
    reason = error.strerror if isinstance(error, OSError) else "it is no valid path"
    return BadMedia(f"{shown} cannot be opened: {reason}.", advice="Check the path.")

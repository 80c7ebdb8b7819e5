"""One writer per file, across processes: a lock of the kernel's, gone with whoever held it, however it died.

A dozen lines of our own, because the lock is taken without waiting and its file is removed afterwards: a person's
folder of videos is no place for one leftover per video.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from errno import EACCES, EAGAIN, EDEADLK
from pathlib import Path

from kling_tools.clock import Clock
from kling_tools.files.storage import storage

_LOOK = 0.2


@asynccontextmanager
async def locked(path: Path, clock: Clock, patience: float) -> AsyncIterator[bool]:
    """Hold the lock file; yields False when somebody else kept it for `patience` seconds.

    Raises:
        StorageUnavailable: the lock file cannot be made.
    """
    until = clock.now() + patience
    while True:
        with storage(path.parent):
            fd = try_lock(path)
        if fd is not None or clock.now() >= until:
            break
        await clock.sleep(_LOOK)
    try:
        yield fd is not None
    finally:
        if fd is not None:
            release(fd, path)


def try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock, or None when somebody else does."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        _take(fd)
        # The last holder may have removed the file in between: then this lock guards a name nobody looks at.
        if sys.platform == "win32" or os.path.samestat(os.fstat(fd), os.lstat(path)):
            return fd
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (EACCES, EAGAIN, EDEADLK):
            os.close(fd)
            raise
    os.close(fd)
    return None


def _take(fd: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def release(fd: int, path: Path) -> None:
    """Remove the lock file and let go of the lock."""
    if sys.platform == "win32":  # an open file cannot be removed there
        os.close(fd)
        with suppress(OSError):
            path.unlink()
    else:
        with suppress(OSError):
            path.unlink()
        os.close(fd)

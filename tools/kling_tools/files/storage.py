"""The disk's own troubles, named: full, not ours, read-only. And work in threads that outlasts a cancellation."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from kling_tools.model.errors import StorageUnavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")

SPARE = 16 << 20  # room that stays free, for the journal beside all
_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT if sys.platform != "win32" else errno.ENOSPC}
_ADVICE = "Free some space or set KLING_OUTPUT_DIR to another directory; a begun download goes on from where it is."


@contextmanager
def storage(directory: Path) -> Iterator[None]:
    """Turn what a disk operation raises into a StorageUnavailable that says why."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            free = _free(directory)
            left = "" if free is None else f" ({_megabytes(free)} free)"
            raise StorageUnavailable(f"The disk of {directory} is full{left}.", advice=_ADVICE) from error
        reasons = {errno.EROFS: "it is read-only", errno.EACCES: "it may not be written by this user"}
        reason = reasons.get(error.errno or 0) or error.strerror or type(error).__name__
        advice = "Change its permissions or set KLING_OUTPUT_DIR to another directory."
        raise StorageUnavailable(f"{directory} cannot be written: {reason}.", advice=advice) from error


def check_writable(directory: Path) -> None:
    """Make the directory if it is missing, and write a nameless byte into it.

    Raises:
        StorageUnavailable: with the reason.
    """
    with storage(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"\0")


def check_free(directory: Path, needed: int) -> None:
    """Check that `needed` bytes fit and some room stays.

    Raises:
        StorageUnavailable: with both numbers.
    """
    free = _free(directory)
    if free is not None and free < needed + SPARE:
        raise StorageUnavailable(
            f"{directory} has {_megabytes(free)} free; {_megabytes(needed + SPARE)} are needed.", advice=_ADVICE
        )


def _free(directory: Path) -> int | None:
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return None


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def sync_directory(directory: Path) -> None:
    """Make a rename in it outlast a power cut; Windows has no such call."""
    if sys.platform == "win32":
        return
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


async def to_the_end(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run blocking work in a thread; when cancelled, wait for it first, so that no thread writes after we let go."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise

"""Where results go: whole files under their names, or a `.part` that goes on where it stopped.

A result was paid for and its address dies, so a download survives a broken wire, a full disk and a kill, and is never
shown before all of it is there. Two processes that save the same name take turns by a lock rather than write parts of
their own: the second resumes or finds the first one's file, and nothing is fetched twice.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kling_tools.clock import Clock, SystemClock
from kling_tools.files.locking import locked
from kling_tools.files.mp4 import read_facts
from kling_tools.files.names import PICTURES, SOUNDS, file_name, plain_name
from kling_tools.files.opening import open_regular
from kling_tools.files.pictures import Damaged, read_header, sniff
from kling_tools.files.sounds import BrokenSound, read_sound
from kling_tools.files.storage import check_free, check_writable, storage, sync_directory, to_the_end
from kling_tools.model.errors import MediaFailed, StorageUnavailable, Unreachable, quoted
from kling_tools.model.tasks import Task

__all__ = ["Download", "Fetch", "Outputs", "SavedFile", "check_writable"]

MAX_BYTES = 2 << 30
MAX_PICTURE = 100 << 20  # a 4K PNG that does not compress has 25 MB
_WHOLE = ("png", "jpeg", "WebP")
_BLOCK = 1 << 20
_ATTEMPTS = 3
_PATIENCE = 900.0
_ADVICE = "It goes on from there by itself."


class Download(Protocol):
    """An answer to a GET. `total` is the whole file's length in bytes, also for a 206; None when it is not told.

    Whoever makes a 206 has checked that its Content-Range starts at the offset that was asked for.
    """

    @property
    def status(self) -> int:
        """200, 206 or 416."""
        ...

    @property
    def total(self) -> int | None:
        """Bytes of the whole file."""
        ...

    @property
    def etag(self) -> str:
        """The file's ETag, or nothing."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body; raises what the wire raises."""
        ...


Fetch = Callable[[int, str], AbstractAsyncContextManager[Download]]
"""Open the address from an offset in bytes; with an ETag as `Range` and `If-Range`, with (0, "") as a plain GET."""


@dataclass(frozen=True)
class SavedFile:
    """A whole file on our disk: size in bytes, SHA-256 in hex."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True)
class _Begun:
    size: int = 0
    etag: str = ""
    total: int = 0


@dataclass(frozen=True)
class _Part:
    """A download under way: the bytes, and a note of which file they are of."""

    path: Path

    @property
    def note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def begun(self) -> _Begun:
        """Return how many bytes are here, their strong ETag and the whole length; zeros when they cannot go on."""
        try:
            with os.fdopen(open_regular(self.note), "rb") as file:
                note = json.loads(file.read(4096))
                etag, total = str(note["etag"]), int(note["total"] or 0)
            with os.fdopen(open_regular(self.path), "rb") as file:
                size = os.fstat(file.fileno()).st_size
        except (OSError, ValueError, KeyError, TypeError):
            return _Begun()
        return _Begun(size, etag, total) if size and _strong(etag) and size <= (total or size) else _Begun()

    def start(self, etag: str, total: int | None) -> None:
        """Begin anew: an empty part, and the note first, so that no bytes are ever noted as another file's."""
        self.drop()
        if _strong(etag):
            with os.fdopen(_create(self.note), "wb") as file:
                file.write(json.dumps({"etag": etag, "total": total}).encode())
                file.flush()
                os.fsync(file.fileno())
        os.close(_create(self.path))

    def write(self, at: int, data: bytes) -> None:
        """Write a block at its place."""
        fd = os.open(self.path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(fd, "wb", buffering=0) as file:
            file.seek(at)
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def _create(path: Path) -> int:
    # O_EXCL follows no link that somebody put in the way.
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)


def _strong(etag: str) -> bool:
    return len(etag) > 2 and etag.startswith('"') and etag.endswith('"') and len(etag) < 1024


@dataclass(frozen=True)
class Outputs:
    """The directory of finished results; nothing is written outside it."""

    directory: Path
    clock: Clock = field(default_factory=SystemClock, repr=False, compare=False)

    def file_name(self, task: Task, index: int, kind: str, *, url: str = "") -> str:
        """Return the name of a task's n-th result, counted from 1; `url` is its address, which may tell the ending."""
        return file_name(task, index, kind, url=url)

    async def save(self, name: str, fetch: Fetch, *, max_bytes: int = MAX_BYTES) -> SavedFile:
        """Return the whole file of that name, fetched or found. Whatever breaks, the next call goes on from there.

        Raises:
            StorageUnavailable: the disk is full or not ours. MediaFailed: what came is not whole, not what its
            name says, or too large.
            Unreachable: a status that is no answer to this, or the body ended early.
            Whatever `fetch` and `chunks` raise: LinkExpired where the address is dead.
        """
        path = self.directory / plain_name(name)
        await to_the_end(check_writable, self.directory)
        async with locked(path.with_name(f".{name}.lock"), self.clock, _PATIENCE) as held:
            if not held:
                raise StorageUnavailable(f"Another process has been saving {quoted(name, 130)} for a long time.")
            if (found := await to_the_end(_found, path)) is not None:
                return found
            part = _Part(path.with_name(f"{name}.part"))
            await self._fetch(part, fetch, max_bytes)
            return await to_the_end(self._finish, part, path)

    async def _fetch(self, part: _Part, fetch: Fetch, max_bytes: int) -> None:
        """Bring the part to its full length."""
        for _ in range(_ATTEMPTS):
            begun = await to_the_end(part.begun)
            if begun.size and begun.size == begun.total:  # all here; only the last step is missing
                return
            async with fetch(begun.size, begun.etag) as download:
                if await self._receive(part, download, begun, max_bytes):
                    return
            with storage(self.directory):  # what is here does not fit what is there: start over
                await to_the_end(part.drop)
        raise Unreachable("The file changes on the server while it is fetched.")

    async def _receive(self, part: _Part, download: Download, begun: _Begun, max_bytes: int) -> bool:
        """Write one answer's body; False when the part cannot go on from it."""
        if download.status == 416 and begun.size:
            return False
        if download.status not in (200, 206):
            raise Unreachable(f"The file's server answered {download.status}.")
        if download.status == 206 and (not begun.size or download.etag not in ("", begun.etag)):
            return False
        total = download.total
        if total is not None and total > max_bytes:
            raise MediaFailed(f"The file has {total} bytes; at most {max_bytes} are kept.")
        at = begun.size if download.status == 206 else 0
        await to_the_end(check_free, self.directory, (total or at) - at)
        if at == 0:
            with storage(self.directory):
                await to_the_end(part.start, download.etag, total)
        at = await self._write(part, download, at, min(max_bytes, total if total is not None else max_bytes))
        if total is not None and at < total:
            raise Unreachable(f"The download ended after {at} of {total} bytes.", advice=_ADVICE)
        return True

    async def _write(self, part: _Part, download: Download, at: int, most: int) -> int:
        """Write the body from `at` on, in blocks, and return where it ends."""
        waiting = bytearray()
        try:
            async for chunk in download.chunks():
                waiting += chunk
                if at + len(waiting) > most:
                    waiting.clear()
                    await to_the_end(part.drop)
                    raise MediaFailed(f"More bytes came than the {most} that were announced or are kept.")
                if len(waiting) >= _BLOCK:
                    block, waiting = bytes(waiting), bytearray()
                    at = await self._put(part, at, block)
        finally:  # also what came before the wire broke was paid for
            if waiting:
                at = await self._put(part, at, bytes(waiting))
        return at

    async def _put(self, part: _Part, at: int, block: bytes) -> int:
        with storage(self.directory):
            await to_the_end(part.write, at, block)
        return at + len(block)

    def _finish(self, part: _Part, path: Path) -> SavedFile:
        """Check the part, make it durable and give it its name."""
        try:
            _check(part.path, path.suffix)
        except MediaFailed:
            part.drop()  # of the announced length and yet broken: going on from it would not help
            raise
        with storage(self.directory):
            saved = _measured(part.path)
            _sync(part.path)
            os.replace(part.path, path)
            sync_directory(self.directory)
        with suppress(OSError):
            part.note.unlink(missing_ok=True)
        return SavedFile(path, saved.size, saved.sha256)


def _check(path: Path, suffix: str) -> None:
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


def _found(path: Path) -> SavedFile | None:
    """Return the file if it is already here and whole: the task id in its name makes it the same result."""
    try:
        saved = _measured(path)
        _check(path, path.suffix)
    except (OSError, MediaFailed):
        return None
    return saved if saved.size else None


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))  # Windows syncs only what may be written
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _measured(path: Path) -> SavedFile:
    with os.fdopen(open_regular(path), "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return SavedFile(path, os.fstat(file.fileno()).st_size, digest)

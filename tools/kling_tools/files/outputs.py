"""Where results go: whole files under their names, or a `.part` that goes on where it stopped.

A result was paid for and its address dies, so a download survives a broken wire, a full disk and a kill, and is never
shown before all of it is there; what is made here takes its name the same way. Two processes that save the same name
take turns by a lock rather than write parts of their own: the second resumes or finds the first one's file, and nothing
is fetched twice.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from kling_tools.clock import Clock, SystemClock
from kling_tools.files.beside import read_record
from kling_tools.files.locking import locked
from kling_tools.files.names import file_name, plain_name
from kling_tools.files.parts import Begun, Part
from kling_tools.files.storage import check_free, check_writable, storage, sync_directory, to_the_end
from kling_tools.files.titles import Title, titled
from kling_tools.files.whole import SavedFile, check, found, measured, sync
from kling_tools.model.errors import MediaFailed, StorageUnavailable, Unreachable, quoted
from kling_tools.model.tasks import Task

__all__ = ["Download", "Fetch", "Outputs", "SavedFile", "check_writable"]

MAX_BYTES = 2 << 30
_BLOCK = 1 << 20
_ATTEMPTS = 3
_PATIENCE = 900.0
_ADVICE = "It goes on from there by itself."

log = logging.getLogger(__name__)


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
class Outputs:
    """The directory of finished results; nothing is written outside it."""

    directory: Path
    clock: Clock = field(default_factory=SystemClock, repr=False, compare=False)

    def file_name(self, task: Task, index: int, kind: str, *, url: str = "") -> str:
        """Return the name of a task's n-th result, counted from 1; `url` is its address, which may tell the ending.

        Blocks for a look at the directory: where another journal's task has the short name, it is the long one.
        """
        record = read_record(self.directory / file_name(task, 1, "record"))
        foreign = record is not None and record.get("task_id") != task.id
        return file_name(replace(task, short="") if foreign else task, index, kind, url=url)

    async def save(
        self, name: str, fetch: Fetch, *, max_bytes: int = MAX_BYTES, title: Title | None = None
    ) -> SavedFile:
        """Return the whole file of that name, fetched or found. Whatever breaks, the next call goes on from there.

        A film gets its `title` before it gets its name, where it can.

        Raises:
            StorageUnavailable: the disk is full or not ours. MediaFailed: what came is not whole, not what its
            name says, or too large.
            Unreachable: a status that is no answer to this, or the body ended early.
            Whatever `fetch` and `chunks` raise: LinkExpired where the address is dead.
        """
        async with self._alone(name) as path:
            part = Part(path.with_name(f"{name}.part"))
            if (here := await to_the_end(found, path)) is not None:
                await to_the_end(part.drop)  # a kill may have come between the name and this
                return here
            await self._fetch(part, fetch, max_bytes)
            return await to_the_end(self._finish, part, path, title)

    async def make(
        self, name: str, work: Callable[[Path], Awaitable[None]], room: int, *, title: Title | None = None
    ) -> SavedFile:
        """Return the whole file of that name, made by `work` at the path it is given, or found. `room` in bytes.

        Raises:
            StorageUnavailable: the disk is full or not ours. MediaFailed: what was made is not whole.
            Whatever `work` raises; then nothing is left.
        """
        async with self._alone(name) as path:
            part = Part(path.with_name(f".{name}.part"))
            await to_the_end(part.drop)  # of a process that was killed over it
            if (here := await to_the_end(found, path)) is not None:
                return here
            await to_the_end(check_free, self.directory, room)
            try:
                await work(part.path)
                return await to_the_end(self._finish, part, path, title)
            finally:
                with suppress(OSError):
                    part.drop()

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[Path]:
        """Give the path of that name while nobody else writes it."""
        path = self.directory / plain_name(name)
        await to_the_end(check_writable, self.directory)
        async with locked(path.with_name(f".{name}.lock"), self.clock, _PATIENCE) as held:
            if not held:
                raise StorageUnavailable(f"Another process has been saving {quoted(name, 130)} for a long time.")
            yield path

    async def _fetch(self, part: Part, fetch: Fetch, max_bytes: int) -> None:
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

    async def _receive(self, part: Part, download: Download, begun: Begun, max_bytes: int) -> bool:
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

    async def _write(self, part: Part, download: Download, at: int, most: int) -> int:
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

    async def _put(self, part: Part, at: int, block: bytes) -> int:
        with storage(self.directory):
            await to_the_end(part.write, at, block)
        return at + len(block)

    def _finish(self, part: Part, path: Path, title: Title | None) -> SavedFile:
        """Check the part, make it durable and give it its name."""
        try:
            check(part.path, path.suffix)
        except MediaFailed:
            part.drop()  # of the announced length and yet broken: going on from it would not help
            raise
        whole = self._titled(part.path, path, title) if title is not None and path.suffix == ".mp4" else part.path
        with storage(self.directory):
            saved = measured(whole)
            sync(whole)
            os.replace(whole, path)
            sync_directory(self.directory)
        with suppress(OSError):
            part.drop()
        return SavedFile(path, saved.size, saved.sha256)

    def _titled(self, part: Path, path: Path, title: Title) -> Path:
        """Return a copy with the title inside, or the part as it came: it was paid for, a title was not."""
        copy = path.with_name(f".{path.name}.titled")
        try:
            copy.unlink(missing_ok=True)  # of a process that was killed over it
            check_free(self.directory, part.stat().st_size)
            return copy if titled(part, copy, title) else part
        except (OSError, StorageUnavailable) as error:
            log.info("no title in %s: %s", quoted(path.name, 130), error)
            with suppress(OSError):
                copy.unlink(missing_ok=True)
            return part

"""Removing what a person does not want to keep for ever: KLING_KEEP_DAYS and KLING_KEEP_GB; neither is set at first.

Only files go that the journal knows as results of ours and that are still the same to the byte, the oldest first; never
one that is a day old at most, or that an unfinished task works on. The journal is told first: a file that outlives a
crash in between goes at the next round. Copies of public videos that were brought here to be continued go in any case,
once nobody needs them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kling_tools.clock import Clock, local_day
from kling_tools.files.beside import poster_of, read_record, record_of
from kling_tools.files.locking import locked
from kling_tools.files.opening import open_regular
from kling_tools.jobs.following import awaited
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.questions import Position, Search, running_statuses
from kling_tools.model.errors import BadMedia, KlingError, StorageUnavailable
from kling_tools.model.media import FileRef, TaskRef, parse_media
from kling_tools.model.specs import JoinSpec
from kling_tools.model.status import Status
from kling_tools.model.tasks import Output, Removed, Task

log = logging.getLogger(__name__)

#: At most so often, whichever process does it; and so long after a start, which has other things to do.
EVERY_SECONDS = 3600.0
FIRST_SECONDS = 60.0
#: Nothing younger goes.
YOUNG_SECONDS = 86_400.0
_DAY = 86_400.0
_PAGE = 200


@dataclass(frozen=True)
class Keeping:
    """How long results are kept, in days, and how much of them, in bytes; 0 is for ever, and everything."""

    days: float = 0.0
    size: int = 0

    @property
    def limited(self) -> bool:
        """Whether anything is ever removed."""
        return bool(self.days or self.size)


@dataclass(frozen=True)
class Retention:
    """Keeps a house within its limits. `folder` is the data directory, `brought` where public videos are copied to."""

    journal: Journal
    folder: Path
    brought: Path
    keeping: Keeping

    async def keep_tidy(self) -> None:
        """Tidy up now and then, until cancelled."""
        clock: Clock = self.journal.clock
        pause = FIRST_SECONDS
        while True:
            await clock.sleep(pause)
            pause = EVERY_SECONDS / 4
            try:
                await self.tidy()
            except (KlingError, OSError) as error:
                log.info("nothing was tidied up: %s", error)

    async def tidy(self) -> list[str]:
        """Remove what is due, unless that was looked at in the last hour; returns the ids of the tasks concerned.

        Raises:
            StorageUnavailable, OSError
        """
        if not self.keeping.limited and not await asyncio.to_thread(self.brought.is_dir):
            return []
        now, stamp = self.journal.now(), self.folder / "tidied"
        async with locked(self.folder / ".tidy.lock", self.journal.clock, 0.0) as held:
            if not held or 0 <= now - await asyncio.to_thread(_read, stamp) < EVERY_SECONDS:
                return []
            await asyncio.to_thread(stamp.write_text, repr(now))
            unfinished = [task async for task in self._tasks(running_statuses())]
            needed = set(_files_of(unfinished))
            await asyncio.to_thread(_empty, self.brought, needed, now)
            return await self._remove(needed, _tasks_of(unfinished), now) if self.keeping.limited else []

    async def _remove(self, needed: set[Path], in_use: set[str], now: float) -> list[str]:
        kept: list[tuple[Task, int]] = []
        async for task in self._tasks((Status.SUCCEEDED.value,)):
            await self._clear(task, needed)
            size = await asyncio.to_thread(_size, task)
            if size:
                kept.append((task, size))
        total, removed = sum(size for _, size in kept), []
        for task, size in sorted(kept, key=lambda one: one[0].ended_at or 0.0):
            why = self._why(task, total, now)
            if not why or task.id in in_use or await asyncio.to_thread(_spared, task, needed, now):
                continue
            await self._clear(await self.journal.apply(task.id, Removed(why)), needed)
            total -= size
            removed.append(task.id)
        return removed

    async def _clear(self, task: Task, needed: set[Path]) -> None:
        """Take from the disk what the journal calls removed, but nothing that was called back in the meantime."""
        for output in task.outputs:
            path = Path(output.removed)
            if not output.removed or path in needed or not await asyncio.to_thread(_is_ours, path, output):
                continue
            # Whoever fetches it again takes this lock first, and finds the file as it then is.
            lock = path.with_name(f".{path.name}.lock")
            with suppress(StorageUnavailable):  # a disk that cannot be written keeps what is on it
                async with locked(lock, self.journal.clock, 0.0) as held:
                    known = (await self.journal.get([task.id])).get(task.id)
                    if held and known is not None and output in known.outputs:
                        await asyncio.to_thread(_unlink, task, output)

    def _why(self, task: Task, total: int, now: float) -> str:
        ended = task.ended_at or task.updated
        if self.keeping.days and now - ended > self.keeping.days * _DAY:
            limit = f"KLING_KEEP_DAYS={self.keeping.days:g}"
        elif self.keeping.size and total > self.keeping.size:
            limit = f"KLING_KEEP_GB={self.keeping.size / 1e9:g}"
        else:
            return ""
        return f"{limit}, on {local_day(now).isoformat()}. {_way_back(task, now)}"

    async def _tasks(self, statuses: tuple[str, ...]) -> AsyncIterator[Task]:
        before: Position | None = None
        while True:
            page = await self.journal.search(Search(statuses=statuses, limit=_PAGE, before=before))
            for task in page.tasks:
                yield task
            if page.end is None:
                return
            before = page.end


def _way_back(task: Task, now: float) -> str:
    dates = [o.url_expires for o in task.outputs if o.url and o.url_expires and o.url_expires > now]
    who = task.plan.route.seller
    if not dates:
        return f"{who} does not keep it."
    until = local_day(max(dates)).isoformat()
    return f"check_status with wait_seconds fetches it again while {who} keeps it, until {until}."


def _files_of(tasks: Sequence[Task]) -> Iterator[Path]:
    """Yield every file that these tasks name."""
    for task in tasks:
        spec = task.plan.spec
        if isinstance(spec, JoinSpec):
            yield from (Path(cut.path) for cut in spec.clips)
        for ref in _named(task):
            if isinstance(ref, FileRef):
                yield ref.path
                yield Path(os.path.realpath(ref.path))


def _tasks_of(tasks: Sequence[Task]) -> set[str]:
    """Return the tasks whose results these tasks name or wait for."""
    named = {ref.task_id for task in tasks for ref in _named(task) if isinstance(ref, TaskRef)}
    return named.union(*(awaited(task.plan) for task in tasks))


def _named(task: Task) -> Iterator[object]:
    for text in (*(given.text for given in task.plan.inputs), task.plan.continues):
        with suppress(BadMedia):
            yield parse_media(text)


def _size(task: Task) -> int:
    """Return how much of a task is on this disk."""
    total = 0
    for output in task.outputs:
        with suppress(OSError):
            total += os.lstat(output.path).st_size if output.path else 0
    return total


def _spared(task: Task, needed: set[Path], now: float) -> bool:
    """Whether a task's files stay: young, needed, or not what was written down any more."""
    if now - (task.ended_at or task.updated) < YOUNG_SECONDS:
        return True
    paths = [Path(output.path) for output in task.outputs if output.path]
    if needed.intersection(paths):
        return True
    with suppress(OSError):
        return any(0 <= now - path.lstat().st_mtime < YOUNG_SECONDS for path in paths if path.exists())
    return True


def _unlink(task: Task, output: Output) -> None:
    """Remove a result of a task from the disk, and what lies beside it."""
    path = Path(output.removed)
    with suppress(OSError):
        path.unlink()
        if output.kind == "video":
            poster_of(path).unlink(missing_ok=True)
        if (read_record(record_of(path)) or {}).get("task_id") == task.id:
            record_of(path).unlink()


def _is_ours(path: Path, output: Output) -> bool:
    """Whether the file is to the byte what was written down: a person may have put another one in its place."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            if os.fstat(file.fileno()).st_size != output.size:
                return False
            return not output.sha256 or hashlib.file_digest(file, "sha256").hexdigest() == output.sha256
    except OSError:
        return False


def _empty(brought: Path, needed: set[Path], now: float) -> None:
    """Remove copies of public videos that no unfinished task names."""
    with suppress(FileNotFoundError):
        for path in brought.iterdir():
            if path not in needed and not path.is_dir() and now - path.lstat().st_mtime > YOUNG_SECONDS:
                path.unlink(missing_ok=True)


def _read(stamp: Path) -> float:
    try:
        return float(stamp.read_text())
    except (OSError, ValueError):
        return float("-inf")

"""Which of an account's tasks have not ended: read from the journal once, then only what has changed.

Changes made here are told; those of other processes are found by comparing when each task was last written, and only
when the journal's mark says that somebody has written at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from kling_tools.jobs.journal import Journal
from kling_tools.jobs.watched import Watched
from kling_tools.model.tasks import Task

#: Tasks read in one go, so that nobody else waits long for the journal.
TOGETHER = 500


class Roster:
    """The tasks of one account that have not ended. `running` are those at the provider, by id."""

    def __init__(self, journal: Journal, account: str) -> None:
        self.running: dict[str, Watched] = {}
        self._waiting: dict[str, Watched] = {}
        self._journal = journal
        self._account = account
        self._mark = ""
        self._told: set[str] = set()
        self._one_refresh = asyncio.Lock()

    def __len__(self) -> int:
        """Count the tasks that have not ended."""
        return len(self.running) + len(self._waiting)

    def __getitem__(self, task_id: str) -> Watched | None:
        """Return a task, or nothing when it has ended."""
        return self.running.get(task_id) or self._waiting.get(task_id)

    def __iter__(self) -> Iterator[Watched]:
        """Yield all tasks, in no order."""
        yield from self._waiting.values()
        yield from self.running.values()

    def waiting(self) -> list[Watched]:
        """Return the tasks for which something has to be done here, oldest first."""
        return sorted(self._waiting.values(), key=lambda t: (t.created, t.id))

    def tell(self, task: Task) -> None:
        """Take a change that was made by this process."""
        self._told.add(task.id)
        if task.status.ended:
            self._drop(task.id)
        else:
            self._put(Watched.of(task))

    async def refresh(self) -> list[str]:
        """Take what other processes have changed; return the ids of these tasks.

        Raises:
            StorageUnavailable
        """
        async with self._one_refresh:
            return await self._refresh()

    async def _refresh(self) -> list[str]:
        self._told.clear()
        mark, marks = await self._journal.news(self._account, self._mark)
        if marks is None:
            return []
        known = {task.id: task.updated for task in self}
        stale = [i for i, updated in marks.items() if known.get(i) != updated]
        gone = [i for i in known if i not in marks]
        for start in range(0, len(stale), TOGETHER):
            for task in await self._journal.watched(stale[start : start + TOGETHER]):
                if task.id not in self._told:  # what was told meanwhile is newer than what was read
                    self._put(task)
        for task_id in gone:
            if task_id not in self._told:
                self._drop(task_id)
        self._mark = mark
        return stale + gone

    def _put(self, task: Watched) -> None:
        place, other = (self.running, self._waiting) if task.runs else (self._waiting, self.running)
        other.pop(task.id, None)
        place[task.id] = task

    def _drop(self, task_id: str) -> None:
        self.running.pop(task_id, None)
        self._waiting.pop(task_id, None)

"""What other processes have written, for all accounts in one question: how a process hears of what it did not do.

Each change has a number in the journal, so a question costs no look at the tasks where nobody has written. What this
process does is told at once, and heard once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from kling_tools.jobs.journal import Journal
from kling_tools.jobs.watched import Watched

#: Tasks read in one go, so that nobody else waits long for the journal.
TOGETHER = 500

#: Takes an account, also one that is not configured here, a task's id, and the task as it now is; nothing when it has
#: ended.
Take = Callable[[str, str, Watched | None], None]


class News:
    """Reads on in the journal from where it last was."""

    def __init__(self, journal: Journal, accounts: Collection[str], take: Take) -> None:
        self._journal = journal
        self._accounts = accounts
        self._take = take
        self._position = ""
        self._heard: frozenset[str] = frozenset()
        self._told: dict[str, str] = {}
        self._again: dict[str, str] = {}
        self._one_at_a_time = asyncio.Lock()

    def told(self, account: str, task_id: str) -> None:
        """Take it that this process changed a task: what is being read, or was just heard, may be older or newer."""
        self._told[task_id] = account
        if task_id in self._heard:
            self._again[task_id] = account

    async def hear(self) -> None:
        """Pass on what was written since.

        Raises:
            StorageUnavailable: the next time tells it all.
        """
        async with self._one_at_a_time:
            await self._hear()

    async def _hear(self) -> None:
        self._told.clear()
        again = dict(self._again)
        position, written = await self._journal.news(self._position)
        # At first only what has to be gone on with; from then on whatever is written, since somebody may look at it.
        first = not self._position
        places = {i: a for i, a in (written | again).items() if a in self._accounts or not first}
        ids = list(places)
        for start in range(0, len(ids), TOGETHER):
            part = ids[start : start + TOGETHER]
            found = {task.id: task for task in await self._journal.watched(part)}
            for task_id in part:
                if task_id not in self._told:
                    self._take(places[task_id], task_id, found.get(task_id))
        self._position, self._heard = position, frozenset(ids)
        for task_id in again:
            del self._again[task_id]
        self._again |= {i: a for i, a in self._told.items() if i in places}

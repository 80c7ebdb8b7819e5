"""A process of its own at the same journal, for tests that need a real second one: it waits for a line, then does it.

    python -m tests.jobs.rush enqueue JOURNAL COUNT   tries to hold the money of so many tasks at once
    python -m tests.jobs.rush claim JOURNAL TASK      tries to take one task for sending
    python -m tests.jobs.rush cancel JOURNAL TASK     tries to take one task back
    python -m tests.jobs.rush watch FOLDER            runs for the watcher's office and keeps it

It says `ready`, reads a line, acts, and says how it went.
"""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

from tests.jobs.house import HandClock, a_task

from kling_tools.jobs.election import Election
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.ledger import Budget
from kling_tools.jobs.store import Store
from kling_tools.model.errors import OverBudget
from kling_tools.model.status import Status
from kling_tools.model.tasks import Withdrawn

#: Three tasks of 0.42 fit into it, and not a fourth.
TIGHT = Budget(Decimal(10), Decimal("1.50"))


async def enqueue_many(journal: Journal, count: int) -> int:
    """Return how many of so many concurrent tasks were written."""

    async def one() -> bool:
        try:
            await journal.enqueue(a_task(), TIGHT, again=False)
        except OverBudget:
            return False
        return True

    return sum(await asyncio.gather(*(one() for _ in range(count))))


async def _main(what: str, path: str, argument: str) -> str:
    store = Store(Path(path))
    journal = Journal(store, HandClock())
    try:
        await journal.get([])
        await asyncio.to_thread(_wait_for_the_word)
        if what == "enqueue":
            return str(await enqueue_many(journal, int(argument)))
        if what == "cancel":
            standing = (await journal.get([argument]))[argument]
            task = await journal.apply(argument, Withdrawn(), standing=standing)
            return "won" if task.status is Status.CANCELLED else "lost"
        return "won" if await journal.claim(argument, 5) else "lost"
    finally:
        await store.close()


def _wait_for_the_word() -> None:
    _say("ready")
    sys.stdin.readline()


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        _say("won" if Election(Path(sys.argv[2]), "sandbox").won() else "lost")
        sys.stdin.readline()
    else:
        _say(asyncio.run(_main(*sys.argv[1:4])))

"""A process of its own at the same journal, for tests that need a real second one: it waits for a line, then does it.

    python -m tests.jobs.rush enqueue FOLDER COUNT   tries to hold the money of so many tasks at once
    python -m tests.jobs.rush claim FOLDER TASK      tries to take one task for sending
    python -m tests.jobs.rush cancel FOLDER TASK     tries to take one task back
    python -m tests.jobs.rush watch FOLDER            runs for the watcher's office and keeps it
    python -m tests.jobs.rush live FOLDER             takes a name, tells it and lives on
    python -m tests.jobs.rush fork FOLDER             does so, and has a forked child that lives on as well
    python -m tests.jobs.rush share FOLDER            takes its share of a thousand offices and keeps it

It says `ready`, reads a line, acts, and says how it went.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from pathlib import Path

from tests.jobs.house import ADDRESS_FILE, HandClock, a_task, open_offices, open_store

from kling_tools.clock import SystemClock
from kling_tools.jobs.election import Election
from kling_tools.jobs.election_postgres import SessionOffices
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.ledger import Budget
from kling_tools.model.errors import OverBudget
from kling_tools.model.status import Status
from kling_tools.model.tasks import Withdrawn

ACCOUNTS = [f"kling@{n}.test" for n in range(1000)]
#: Of a race: who takes part, what all of them wish for again and again, and how many tasks may be claimed.
PROCESSES, SAME, SLOTS = 8, "the same", 5
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


@dataclass(frozen=True)
class Tally:
    """What became of one process's wishes: the ids of new tasks, how many were repeated, and what was refused."""

    new: tuple[str, ...]
    repeated: int
    refused: tuple[str, ...]
    claimed: int


def crowd(folder: Path, count: int, budget: Budget) -> list[Tally]:
    """Let eight processes race; return what each won. Forked, because to start eight takes long."""
    context = multiprocessing.get_context("fork")
    start, won = context.Barrier(PROCESSES), context.Queue()
    told = (folder, count, budget, start, won)
    members = [context.Process(target=_member, args=told, daemon=True) for _ in range(PROCESSES)]
    for member in members:
        member.start()
    return [won.get(timeout=300) for _ in members]


def _member(folder: Path, count: int, budget: Budget, start: Barrier, won: multiprocessing.Queue[Tally]) -> None:
    async def run() -> Tally:
        store = open_store(folder)
        try:
            return await race(Journal(store, HandClock()), count, budget)
        finally:
            await store.close()

    start.wait(30)
    won.put(asyncio.run(run()))


async def race(journal: Journal, count: int, budget: Budget) -> Tally:
    """Wish for one thing `count` times and once for each of `count` others, then claim all there is."""
    new: list[str] = []
    refused: list[str] = []
    repeated = 0

    async def one(wish: str) -> None:
        nonlocal repeated
        try:
            enqueued = await journal.enqueue(a_task(fingerprint=wish), budget, again=False)
        except OverBudget:
            refused.append(wish)
            return
        repeated += enqueued.repeated
        if not enqueued.repeated:
            new.append(enqueued.task.id)

    await asyncio.gather(*(one(wish) for number in range(count) for wish in (SAME, f"other {number}")))
    claims = [journal.claim(task.id, SLOTS) for task in await journal.active("sandbox")]
    claimed = sum(claim is not None for claim in await asyncio.gather(*claims))
    return Tally(tuple(new), repeated, tuple(refused), claimed)


async def _share(folder: Path) -> None:
    offices = SessionOffices((folder / ADDRESS_FILE).read_text(), SystemClock())
    _say(str(sum([await offices.holds(account) for account in ACCOUNTS])))
    sys.stdin.readline()


async def _live(folder: Path, *, fork: bool) -> None:
    offices = open_offices(folder, SystemClock())
    told = await offices.name()
    child = os.fork() if fork else 0
    if fork and not child:
        signal.pause()
    _say(f"{told} {child}" if fork else told)
    sys.stdin.readline()


async def _main(what: str, path: str, argument: str) -> str:
    store = open_store(Path(path))
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
    elif sys.argv[1] == "share":
        asyncio.run(_share(Path(sys.argv[2])))
    elif sys.argv[1] in {"live", "fork"}:
        asyncio.run(_live(Path(sys.argv[2]), fork=sys.argv[1] == "fork"))
    else:
        _say(asyncio.run(_main(*sys.argv[1:4])))

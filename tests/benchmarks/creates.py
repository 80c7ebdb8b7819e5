"""How many intents a second are durable: `Journal.enqueue` beside a bare INSERT and COMMIT on the same disk.

    python tests/benchmarks/creates.py             a minute or two; exits 1 where a limit is not kept
    python tests/benchmarks/creates.py --short     for CI: a few seconds

An intent is a task, its money and its history in one transaction; the bare loop writes the same document to a table
with nothing beside it, as durably (WAL, synchronous=FULL). They take short turns, so that a busy machine slows both.
Many callers are judged on the disk as it is and with 2 ms added to a commit, as disks take; one alone only with them:
where an fsync is nearly free, the bare loop costs less than the hand-over to a thread and back.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from itertools import count
from pathlib import Path
from string import ascii_lowercase, digits
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "server"), str(ROOT / "tools")]

from tests.jobs.house import a_task  # noqa: E402

from kling_tools.clock import SystemClock  # noqa: E402
from kling_tools.jobs.database import Connection  # noqa: E402
from kling_tools.jobs.documents import dump  # noqa: E402
from kling_tools.jobs.journal import Journal  # noqa: E402
from kling_tools.jobs.ledger import Budget  # noqa: E402
from kling_tools.jobs.store import SqliteStore  # noqa: E402
from kling_tools.model.tasks import Task  # noqa: E402

T = TypeVar("T")
RICH = Budget(Decimal(10), Decimal(10**9))
CALLERS = (1, 16, 64)
#: Of the bare loop's rate, at least.
LEAST = 0.5


@dataclass(frozen=True)
class Size:
    """How much is measured: a day's tasks that are there already, rounds, writes in each round, and seconds that are
    added to every commit.
    """

    filled: tuple[int, ...] = (0, 10_000)
    rounds: int = 25
    writes: int = 208
    syncs: tuple[float, ...] = (0.0, 0.002)


def new_tasks() -> Iterator[Task]:
    """Yield tasks of different requests, all of the same size, with ids and marks as they are drawn and reckoned."""
    pattern, chance = a_task("k000000000000"), random.Random(1)
    for number in count():
        now = time.time()
        drawn = "".join(chance.choices(ascii_lowercase + digits, k=12))
        mark = sha256(str(number).encode()).hexdigest()
        yield replace(pattern, id=f"k{drawn}", short=f"k{drawn[:3]}", fingerprint=mark, created=now, updated=now)


class SlowDisk(SqliteStore):
    """A journal on a disk that takes so long for each commit, seconds."""

    def __init__(self, path: Path, sync: float) -> None:
        super().__init__(path)
        self._sync = sync

    def _transact(self, work: Callable[[Connection], T], mode: str) -> T:
        result = super()._transact(work, mode)
        if mode == "IMMEDIATE":
            time.sleep(self._sync)
        return result


class Bare:
    """The loop that all is measured against."""

    def __init__(self, folder: Path, sync: float) -> None:
        self._sync = sync
        self._raw = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
        self._raw.execute("PRAGMA journal_mode = WAL")
        self._raw.execute("PRAGMA synchronous = FULL")
        self._raw.execute("CREATE TABLE bare (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT")

    def fill(self, tasks: Sequence[Task]) -> None:
        """Write rows that are there before."""
        with self._raw:
            self._raw.execute("BEGIN")
            self._raw.executemany("INSERT INTO bare VALUES (?, ?)", [(task.id, dump(task)) for task in tasks])

    def rate(self, tasks: Sequence[Task]) -> float:
        """Return rows a second."""
        rows = [(task.id, dump(task)) for task in tasks]
        began = time.perf_counter()
        for row in rows:
            self._raw.execute("BEGIN IMMEDIATE")
            self._raw.execute("INSERT INTO bare VALUES (?, ?)", row)
            self._raw.execute("COMMIT")
            time.sleep(self._sync)
        return len(rows) / (time.perf_counter() - began)


async def rate(tasks: Sequence[Task], write: Callable[[Task], Awaitable[object]], callers: int) -> float:
    """Return writes a second by so many callers at once."""
    waiting = iter(tasks)

    async def caller() -> None:
        for task in waiting:
            await write(task)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return len(tasks) / (time.perf_counter() - began)


async def measure(folder: Path, filled: int, sync: float, size: Size) -> dict[int, tuple[list[float], list[float]]]:
    """Return the rates of each number of callers, and those of the bare loop beside them."""
    journal = Journal(store := SlowDisk(folder / "journal.sqlite3", sync), SystemClock())
    bare, source = Bare(folder, sync), new_tasks()

    def some(number: int) -> list[Task]:
        return [next(source) for _ in range(number)]

    async def enqueue(task: Task) -> None:
        await journal.enqueue(task, RICH, again=False)

    await rate(some(max(filled, 50)), enqueue, 64)
    gc.collect()
    gc.freeze()  # as the server does with what it has loaded
    bare.fill(some(max(filled, 50)))
    found: dict[int, tuple[list[float], list[float]]] = {}
    for _ in range(size.rounds):
        for callers in CALLERS:
            ours, theirs = found.setdefault(callers, ([], []))
            theirs.append(bare.rate(some(size.writes)))
            ours.append(await rate(some(size.writes), enqueue, callers))
    await store.close()
    return found


def run(size: Size) -> list[str]:
    """Measure and print; return what was not kept."""
    wrong = []
    print(f"{'a second, median of ' + str(size.rounds):<44} {'ours':>8} {'bare':>8} {'ratio':>6}  limit")
    for filled in size.filled:
        for sync in size.syncs:
            with tempfile.TemporaryDirectory(prefix="kling-creates-") as folder:
                found = asyncio.run(measure(Path(folder), filled, sync, size))
            for callers, (ours, theirs) in found.items():
                name = f"{callers} at once, {filled:,} before, {1000 * sync:g} ms a commit"
                ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
                rates = f"{statistics.median(ours):>8.0f} {statistics.median(theirs):>8.0f} {ratio:>6.2f}"
                judged = callers > 1 or sync > 0
                print(f"{name:<44} {rates}  {LEAST if judged else '-'}")
                if judged and ratio < LEAST:
                    wrong.append(f"{name}: {ratio:.2f} of the bare rate, limit {LEAST}")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"measured on {os.cpu_count()} CPUs (load {load}), Python {platform.python_version()}, {platform.system()}")
    return wrong


def main() -> int:
    """Measure, print, and return whether a limit was not kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a few seconds")
    args = parser.parse_args()
    wrong = run(Size((1000,), 3, 160, (0.002,)) if args.short else Size())
    for words in wrong:
        print(f"NOT KEPT: {words}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

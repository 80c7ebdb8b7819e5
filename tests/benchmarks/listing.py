"""A million tasks in the journal: how long a page of them takes, by whatever it is searched.

    python tests/benchmarks/listing.py             minutes, most of them to fill; exits 1 where a limit is not kept
    python tests/benchmarks/listing.py --short     for CI: 20,000 tasks, a few seconds
    python tests/benchmarks/listing.py --folder DIR        in a journal that is kept there for the next run
    python tests/benchmarks/listing.py --postgres URL      the same in an empty database

The rows are real documents, written in bulk; what is measured is `Journal.search`, as list_tasks uses it, with its
count and the tasks read. Nothing is warmed but by the searches themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "server"), str(ROOT / "tools")]

from tests.jobs.house import a_task  # noqa: E402

from kling_tools.clock import SystemClock  # noqa: E402
from kling_tools.jobs.database import Store  # noqa: E402
from kling_tools.jobs.documents import dump  # noqa: E402
from kling_tools.jobs.journal import Journal  # noqa: E402
from kling_tools.jobs.ledger import Budget  # noqa: E402
from kling_tools.jobs.questions import Search  # noqa: E402
from kling_tools.jobs.store import SqliteStore  # noqa: E402
from kling_tools.jobs.words import put_in  # noqa: E402

LIMIT_MS = 20.0
DAY = 86_400.0
#: Between two tasks: a million of them are about a year.
APART = 31.0
STATUSES = {"succeeded": 0.93, "failed": 0.06, "cancelled": 0.0095, "processing": 0.0005}
#: Of one prompt in so many: words that are rare in these texts, and of what the rest are made.
RARE = 20_000
_SAID = (
    "a fox runs through fresh snow at dawn while the camera follows slowly and golden light falls between tall pines "
    "an old fisherman mends his net beside a quiet harbour with gulls circling over red roofs and distant thunder "
    "close up of a dancer turning under neon rain city reflections slow motion cinematic shallow focus film grain"
)
WORDS = _SAID.split()
COLUMNS = (
    "id",
    "status",
    "account",
    "model",
    "created",
    "updated",
    "fingerprint",
    "words",
    "took",
    "slots",
    "document",
)


def say(words: str) -> None:
    """Tell at once: this takes minutes."""
    print(words, flush=True)


def rows(count: int, now: float, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of tasks, oldest first."""
    # Written as text around what differs: a million documents would take minutes to build.
    plain = replace(a_task("k000000000000", prompt="<words>"), created=1.5, updated=1.5)
    document = dump(plain).replace("1.5", "<time>").replace('"queued"', '"<status>"').replace(plain.id, "<id>")
    phrases = [" ".join(chance.choices(WORDS, k=8)) for _ in range(5000)]
    for number, status in enumerate(chance.choices(list(STATUSES), STATUSES.values(), k=count)):
        created = now - APART * (count - number)
        task_id = f"k{number:012d}"
        prompt = f"{' '.join(chance.choices(phrases, k=3))}{' zeppelin' if number % RARE == 7 else ''}"
        told = document.replace("<time>", repr(created)).replace("<status>", status)
        told = told.replace("<id>", task_id).replace("<words>", prompt)
        took = 60.0 if status == "succeeded" else None
        yield task_id, status, "bench", "kling-3.0", created, created, f"{number:064x}", f"\n{prompt}", took, 1, told


def fill_file(path: Path, count: int, now: float) -> None:
    """Write tasks and their money into a journal."""
    import sqlite3

    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute("BEGIN")
    names = [name for name in COLUMNS if name != "slots"]
    values = ([v for name, v in zip(COLUMNS, row, strict=True) if name != "slots"] for row in _all(count, now))
    raw.executemany(f"INSERT INTO tasks ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", values)
    raw.execute(
        "INSERT OR IGNORE INTO ledger "
        "SELECT number, date(created, 'unixepoch'), 0, 'settled', 420000, 420000, '' FROM tasks"
    )
    raw.execute("COMMIT")
    raw.close()


def fill_index(path: Path) -> None:
    """Put all tasks into the index of words, as searches do bit by bit."""
    import sqlite3

    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute("BEGIN IMMEDIATE")
    while put_in(raw):
        pass
    raw.execute("COMMIT")
    raw.close()


def fill_server(url: str, count: int, now: float) -> None:
    """Write tasks into a journal in PostgreSQL."""
    import psycopg

    with psycopg.connect(url) as raw:
        raw.execute("SET search_path = kling_mcp")
        with raw.cursor().copy(f"COPY tasks ({', '.join(COLUMNS)}) FROM STDIN".encode()) as copy:
            for row in _all(count, now):
                copy.write_row(row)
        raw.commit()
        raw.autocommit = True
        raw.execute("VACUUM ANALYZE tasks")


def _all(count: int, now: float) -> Iterator[tuple[Any, ...]]:
    return rows(count, now, random.Random(1))


@dataclass(frozen=True)
class Case:
    """One kind of search."""

    name: str
    search: Search


def cases(count: int, now: float) -> list[Case]:
    """Return every kind of search that a person may make."""
    earlier, deep = now - APART * count * 0.95, (now - APART * count * 0.9, "k")
    lately, long_ago = now - APART * count * 0.01, now - APART * count * 0.9
    running = ("processing", "fetching", "submitting", "submitted", "queued", "unsure")
    searches = {
        "first page": Search(),
        "deep page": Search(before=deep),
        "status, most": Search(statuses=("succeeded",)),
        "status, few": Search(statuses=("cancelled",)),
        "statuses of what runs": Search(statuses=running),
        "status, none": Search(statuses=("unsure",)),
        "since lately": Search(since=lately),
        "since long ago": Search(since=long_ago),
        "since, none": Search(since=now + DAY),
        "word, frequent": Search(words="harbour"),
        "words, frequent, deep": Search(words="a fox", before=deep),
        "word, rare": Search(words="zeppelin"),
        "word, absent": Search(words="xylophone"),
        "word, rare + status": Search(words="zeppelin", statuses=("succeeded",)),
        "word, frequent + status, few": Search(words="harbour", statuses=("cancelled",)),
        "word, frequent + status, most": Search(words="harbour", statuses=("succeeded",)),
        "word, frequent + what runs": Search(words="harbour", statuses=running),
        "word, absent + since": Search(words="xylophone", since=long_ago),
        "word, frequent + since + status": Search(words="harbour", since=lately, statuses=("failed",)),
        "status + since + deep": Search(statuses=("failed",), since=earlier, before=deep),
        "100 of them": Search(limit=100),
    }
    return [Case(name, search) for name, search in searches.items()]


async def measure(store: Store, count: int, now: float, rounds: int) -> dict[str, tuple[list[float], list[float], str]]:
    """Return for each case its milliseconds, those of them that this process worked, and how many were found."""
    journal = Journal(store, SystemClock()).of("")
    found: dict[str, tuple[list[float], list[float], str]] = {}
    chance = random.Random(2)
    for _ in range(rounds):
        for case in chance.sample(everything := cases(count, now), len(everything)):
            taken, worked, _ = found.get(case.name, ([], [], ""))
            began, cpu = time.perf_counter(), time.process_time()
            page = await journal.search(case.search)
            taken.append(1000 * (time.perf_counter() - began))
            worked.append(1000 * (time.process_time() - cpu))
            found[case.name] = taken, worked, f"{len(page.tasks)} of {page.counted}"
    return found


async def run(count: int, rounds: int, url: str, folder: Path) -> list[str]:
    """Fill, measure and print; return what was not kept."""
    from kling_tools.jobs.store_postgres import PostgresStore

    path = folder / "journal.sqlite3"
    store: Store = PostgresStore(url) if url else SqliteStore(path)
    journal = Journal(store, SystemClock()).of("")
    there = await journal.get(["kfirst000000"])
    now = there["kfirst000000"].created + APART * (count + 1) if there else time.time()
    if not there:
        first = replace(a_task("kfirst000000"), created=now - APART * (count + 1))
        await journal.enqueue(first, Budget(Decimal(10), Decimal(50)), again=False)
        began = time.perf_counter()
        fill_server(url, count, now) if url else fill_file(path, count, now)
        say(f"{count:,} tasks in {'PostgreSQL' if url else 'SQLite'}, written in {time.perf_counter() - began:.0f} s")
    if not url:
        began = time.perf_counter()
        fill_index(path)
        say(f"index of words filled in {time.perf_counter() - began:.0f} s")
    wrong = []
    say(f"{'milliseconds':<34} {'median':>7} {'p95':>7} {'worst':>7} {'CPU p95':>8}  found")
    for name, (taken, worked, told) in (await measure(store, count, now, rounds)).items():
        p95, cpu = (statistics.quantiles(ms, n=20)[-1] for ms in (taken, worked))
        say(f"{name:<34} {statistics.median(taken):>7.1f} {p95:>7.1f} {max(taken):>7.1f} {cpu:>8.1f}  {told}")
        if p95 > LIMIT_MS:
            wrong.append(f"{name}: p95 {p95:.1f} ms, limit {LIMIT_MS:g}")
    await store.close()
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    say(f"measured on {os.cpu_count()} CPUs (load {load}), Python {platform.python_version()}, {platform.system()}")
    return wrong


def main() -> int:
    """Measure, print, and return whether a limit was not kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--short", action="store_true", help="20,000 tasks")
    parser.add_argument("--folder", type=Path, help="keep the journal there")
    parser.add_argument("--postgres", metavar="URL", default="", help="an empty database")
    args = parser.parse_args()
    count, rounds = (20_000, 10) if args.short else (args.tasks, args.rounds)
    with tempfile.TemporaryDirectory(prefix="kling-listing-") as folder:
        wrong = asyncio.run(run(count, rounds, args.postgres, args.folder or Path(folder)))
    for words in wrong:
        say(f"NOT KEPT: {words}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

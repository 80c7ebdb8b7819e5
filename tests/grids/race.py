"""Eight processes on one journal wish for the same things at once: one task for each wish, and never past the money.

    python tests/grids/race.py            on SQLite and on PostgreSQL: 8 processes, 50 times one wish and 50 others each
    python tests/grids/race.py --short    for CI: a few seconds
    python tests/grids/race.py --at DIR   on the journal of a test, in an empty directory, once with limited money

Each database is raced for twice: with money for everything, and with a day's budget for fewer wishes than there are.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "server"), str(ROOT / "tools")]

from tests.jobs.house import ADDRESS_FILE, PRICE  # noqa: E402
from tests.jobs.postgres_server import a_server, binaries  # noqa: E402
from tests.jobs.rush import PROCESSES, SLOTS, Tally, crowd  # noqa: E402
from tests.jobs.stories import a_journal, rows  # noqa: E402

from kling_tools.jobs.ledger import Budget  # noqa: E402

#: Wishes of each process besides the one that all repeat; and for how many of all the tight day's money is enough.
OTHERS, OTHERS_SHORT, ENOUGH_FOR = 50, 32, 30
ROW = "{:<12}{:<16}{:>7}{:>8}{:>7}{:>10}{:>9}{:>8}{:>9}  {}\n"


@dataclass(frozen=True)
class Race:
    """One race's figures, and what was wrong with them."""

    database: str
    money: str
    asked: int
    wishes: int
    tallies: list[Tally]
    seconds: float
    wrong: tuple[str, ...]

    def line(self) -> str:
        """Return one row of the table."""
        new = sum(len(t.new) for t in self.tallies)
        repeated, claimed = sum(t.repeated for t in self.tallies), sum(t.claimed for t in self.tallies)
        refused = sum(len(t.refused) for t in self.tallies)
        verdict = "; ".join(self.wrong) or "right"
        seconds = f"{self.seconds:.1f}"
        return ROW.format(
            self.database, self.money, self.asked, self.wishes, new, repeated, refused, claimed, seconds, verdict
        )


def run(folder: Path, database: str, others: int, enough_for: int | None) -> Race:
    """Let them race on the journal of a folder."""
    money = Decimal(10_000) if enough_for is None else enough_for * PRICE
    started = time.monotonic()
    tallies = crowd(folder, others, Budget(Decimal(10), money))
    took = time.monotonic() - started
    wrong = asyncio.run(judged(folder, tallies, others, others + 1 if enough_for is None else enough_for))
    words = "for everything" if enough_for is None else f"for {enough_for}"
    return Race(database, words, PROCESSES * 2 * others, others + 1, tallies, took, tuple(wrong))


async def judged(folder: Path, tallies: list[Tally], others: int, expected: int) -> list[str]:
    """Return what is wrong: with the tasks, with the money, or with what the refused ones left behind."""
    wrong: list[str] = []

    def check(words: str, found: object, right: object) -> None:
        if found != right:
            wrong.append(f"{words}: {found}, not {right}")

    new = sorted(task_id for tally in tallies for task_id in tally.new)
    refused = {wish for tally in tallies for wish in tally.refused}
    async with a_journal(folder) as journal:
        tasks = await journal.active("sandbox")
        spent = await journal.spent_today(simulated=False)
    wishes = Counter(task.fingerprint for task in tasks)
    check("told and written", new, sorted(task.id for task in tasks))
    check("tasks", len(tasks), expected)
    check("most tasks of one wish", max(wishes.values(), default=0), 1)
    check("refused and written", refused & set(wishes), set())
    check("wishes without an answer", others + 1 - len(refused | set(wishes)), 0)
    check("held", spent, expected * PRICE)
    claimed = sum(tally.claimed for tally in tallies)
    check("claimed", claimed, min(SLOTS, expected))
    # What was refused wrote nothing, in no table; a claim is one line of history more.
    check("rows", [await rows(folder, t) for t in ("tasks", "ledger")], [expected] * 2)
    check("lines of history", await rows(folder, "history"), expected + claimed)
    return wrong


@contextmanager
def journals() -> Iterator[Iterator[tuple[str, Path]]]:
    """Yield new empty journals, two in a file and two in a database; without PostgreSQL only those in files."""
    programs = binaries()
    with tempfile.TemporaryDirectory(prefix="kling-race-") as place:

        def new(name: str) -> Path:
            folder = Path(place) / name
            folder.mkdir()
            return folder

        def files() -> Iterator[tuple[str, Path]]:
            yield from (("SQLite", new(f"file {n}")) for n in range(2))

        if programs is None:
            yield files()
            return
        with a_server(programs) as server:

            def everything() -> Iterator[tuple[str, Path]]:
                yield from files()
                for number in range(2):
                    folder = new(f"database {number}")
                    (folder / ADDRESS_FILE).write_text(server.new_database())
                    yield "PostgreSQL", folder

            yield everything()


def main() -> int:
    """Race, print a table, and return whether nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help=f"{OTHERS_SHORT} other wishes instead of {OTHERS}")
    parser.add_argument("--at", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    args = parser.parse_args()
    others = OTHERS_SHORT if args.short or args.at else OTHERS
    say(ROW.format("database", "money", "asked", "wishes", "tasks", "repeated", "refused", "claimed", "seconds", ""))
    wrong = 0
    if args.at:
        name = "PostgreSQL" if (args.at / ADDRESS_FILE).exists() else "SQLite"
        wrong += told(run(args.at, name, others, ENOUGH_FOR))
        return 1 if wrong else 0
    with journals() as empty:
        for number, (name, folder) in enumerate(empty):
            wrong += told(run(folder, name, others, ENOUGH_FOR if number % 2 else None))
    if binaries() is None:
        say("PostgreSQL is not installed: not raced for.\n")
    return 1 if wrong else 0


def told(race: Race) -> int:
    """Print a race; return how much of it was wrong."""
    say(race.line())
    return len(race.wrong)


def say(words: str) -> None:
    """Tell the person."""
    sys.stdout.write(words)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

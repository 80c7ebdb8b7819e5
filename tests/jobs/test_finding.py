"""Finding tasks by words, states and days: the same whether an index knows them or they are gone through."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import LiteralString

import pytest
from tests.jobs.house import RICH, START, HandClock, a_task
from tests.jobs.postgres_server import Server
from tests.jobs.stories import a_journal

from kling_tools.jobs import words
from kling_tools.jobs.finding import MOST_READ
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.postgres import connect
from kling_tools.jobs.questions import Page, Search
from kling_tools.jobs.store import SqliteStore
from kling_tools.jobs.store_postgres import PostgresStore
from kling_tools.model.tasks import Task, Withdrawn

pytestmark = pytest.mark.anyio

PARTS = ("fox", "Straße", 'say "hi"', "100%", "a_b", "狐狸", "back\\slash", "'; --", "x", "ﬁ", "OR", "é")
ASKED = (*PARTS, "STRASSE", "fox x", "ox", "狐", '"', "%", "_", "\\", "absent", "fox AND", "*", "y 1", "NOT x")


async def filled(journal: Journal, number: int) -> list[Task]:
    """Write so many tasks, several in each moment, some of them taken back; return them newest first."""
    chance = random.Random(3)
    tasks = []
    for n in range(number):
        prompt = " ".join(chance.choices(PARTS, k=3))
        task = a_task(prompt=prompt, label=f"y {n % 7}", now=START + n // 5)
        await journal.enqueue(task, RICH_ENOUGH, again=False)
        tasks.append(await journal.apply(task.id, Withdrawn()) if n % 3 == 0 else task)
    return sorted(tasks, key=lambda t: (t.created, t.id), reverse=True)


RICH_ENOUGH = type(RICH)(RICH.per_call, RICH.per_day * 1000)


async def pages(journal: Journal, **asked: object) -> tuple[list[str], Page]:
    """Return the ids of every page, and the first page."""
    told: list[str] = []
    search = Search(limit=9, **asked)  # type: ignore[arg-type]
    first = page = await journal.search(search)
    while page.tasks:
        told += [task.id for task in page.tasks]
        last = page.tasks[-1]
        page = await journal.search(Search(limit=9, before=(last.created, last.id), **asked))  # type: ignore[arg-type]
        assert (page.total, page.more) == (first.total, first.more)
    return told, first


@pytest.mark.usefixtures("database")
async def test_every_word_finds_what_has_it_and_nothing_else(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        tasks = await filled(journal, words.LEFT_OUT + 30)
        for said in ASKED:
            having = [t for t in tasks if said.casefold() in f"{t.label}\n{t.plan.words}".casefold()]
            for statuses in ((), ("cancelled",), ("queued", "cancelled")):
                wanted = [t.id for t in having if not statuses or t.status.value in statuses]
                told, first = await pages(journal, words=said, statuses=statuses)
                assert told == wanted, (said, statuses)
                assert first.total == min(len(wanted), MOST_READ)
                assert first.more == (len(wanted) > MOST_READ)


async def test_what_came_after_the_index_is_found_too_and_an_index_that_cannot_be_read_is_not_needed(
    tmp_path: Path,
) -> None:
    async with a_journal(tmp_path) as journal:
        await filled(journal, words.LEFT_OUT + 1)
        old = await journal.search(Search(words="fox"))
        new = a_task(prompt="a fox that came late", now=START + 1000)
        await journal.enqueue(new, RICH_ENOUGH, again=False)
        found = await journal.search(Search(words="fox"))
        assert [t.id for t in found.tasks] == [new.id, *(t.id for t in old.tasks)][:20]
    store = SqliteStore(tmp_path / "journal.sqlite3")
    assert await store.read(lambda db: bool(db.expression("fox"))), "it is indexed"
    await store.do(lambda db: db.raw.execute("DROP TABLE task_words"))  # type: ignore[attr-defined]
    assert (await Journal(store, journal.clock).search(Search(words="fox"))).tasks == found.tasks
    await store.close()


async def test_more_tasks_than_there_are_places_in_a_moment_are_found(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    journal = Journal(store, (await _some(tmp_path)).clock)
    await store.do(lambda db: _crowd(db.raw, 1100))  # type: ignore[attr-defined]
    while await store.do(lambda db: words.put_in(db.raw)):  # type: ignore[attr-defined]
        pass
    assert (await journal.search(Search(words="crowd"))).more
    await store.close()


async def _some(folder: Path) -> Journal:
    async with a_journal(folder) as journal:
        await journal.enqueue(a_task("k000000000000", prompt="crowd"), RICH, again=False)
        return journal


def _crowd(raw: object, number: int) -> None:
    raw.executemany(  # type: ignore[attr-defined]
        "INSERT INTO tasks (id, status, account, model, created, updated, fingerprint, words, document)"
        " SELECT ?, status, account, model, created, updated, '', words, document"
        " FROM tasks WHERE id = 'k000000000000'",
        [[f"kc{n:011d}"] for n in range(number)],
    )


@pytest.mark.parametrize("before", [(), ("CREATE SCHEMA apart", "CREATE EXTENSION pg_trgm SCHEMA apart")])
async def test_a_server_that_has_the_extension_gets_an_index_of_words(
    postgres: Server, before: tuple[LiteralString, ...]
) -> None:
    url = postgres.new_database(empty=True)
    with connect(url) as raw:
        if not raw.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'").fetchone():
            pytest.skip("this server does not come with pg_trgm")
        for statement in before:
            raw.execute(statement)
    store = PostgresStore(url)
    await Journal(store, HandClock()).search(Search(words="fox"))
    await store.close()
    with connect(url) as raw:
        known = "SELECT 1 FROM pg_indexes WHERE schemaname = 'kling_mcp' AND indexname = 'tasks_by_words'"
        assert raw.execute(known).fetchone()
        assert raw.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'tasks_made'").fetchone()
    postgres.drop(url)


async def test_words_are_found_while_another_program_holds_the_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3", busy=0.05)
    journal = Journal(store, HandClock())
    tasks = await filled(journal, words.LEFT_OUT + 5)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        told, _ = await pages(journal, words="fox")
    await store.close()
    assert told == [t.id for t in tasks if "fox" in t.plan.words]

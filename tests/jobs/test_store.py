"""Where the journal's bytes live: it opens anywhere it may, refuses what it must, and writes all or nothing."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.jobs.house import NO_FILES, RICH, HandClock, a_house, a_task
from tests.promises import keeps

from kling_tools.jobs import words
from kling_tools.jobs.database import Connection, statements
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.questions import Search
from kling_tools.jobs.store import SqliteConnection, SqliteStore
from kling_tools.model.errors import StorageUnavailable
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


async def refused(path: Path) -> StorageUnavailable:
    """Return what an enqueue into this file is refused with."""
    store = SqliteStore(path)
    try:
        with pytest.raises(StorageUnavailable) as caught:
            await Journal(store, HandClock()).enqueue(a_task(), RICH, again=False)
    finally:
        await store.close()
    assert caught.value.advice
    assert caught.value.spent == "no"
    return caught.value


async def test_a_new_file_gets_the_whole_schema_and_the_durable_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "journal.sqlite3"
    store = SqliteStore(path)
    assert not path.parent.exists(), "nothing is opened before it is needed"
    modes = await store.read(
        lambda db: [
            db.raw.execute(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode", "synchronous", "user_version")
        ]
    )
    assert modes[:2] == ["wal", 2]
    assert modes[2] >= 1
    if os.name == "posix":
        assert path.parent.stat().st_mode & 0o077 == 0
    await store.close()
    reopened = SqliteStore(path)
    assert await reopened.read(lambda db: db.rows("active", account="sandbox")) == []
    await reopened.close()


async def test_many_that_open_a_new_file_at_once_all_find_the_schema(tmp_path: Path) -> None:
    for attempt in range(12):  # the clash is rare: switching to WAL waits for nobody
        stores = [SqliteStore(tmp_path / str(attempt) / "journal.sqlite3") for _ in range(6)]
        found = await asyncio.gather(*(s.do(lambda db: db.rows("active", account="sandbox")) for s in stores))
        assert found == [[]] * 6
        for store in stores:
            await store.close()


async def test_an_empty_file_of_an_interrupted_start_is_filled(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").touch()
    store = SqliteStore(tmp_path / "journal.sqlite3")
    assert await store.read(lambda db: db.rows("active", account="sandbox")) == []
    await store.close()


@keeps("nothing-lost")
async def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with raw(path) as db:
        db.execute("CREATE TABLE of_the_future (x)")
        db.execute("PRAGMA user_version = 99")
    error = await refused(path)
    assert "newer kling-mcp (schema 99" in error.message
    with raw(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("of_the_future",)]


async def test_a_data_directory_that_is_a_file_is_refused_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    assert str(tmp_path / "data") in (await refused(tmp_path / "data" / "journal.sqlite3")).message
    assert (tmp_path / "data").read_text() == "in the way"


async def test_a_directory_where_the_file_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").mkdir()
    await refused(tmp_path / "journal.sqlite3")


async def test_a_file_that_is_no_database_is_refused_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(b"my thesis " * 500)
    await refused(path)
    assert path.read_bytes() == b"my thesis " * 500


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_directory_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    await refused(tmp_path / "data" / "journal.sqlite3")
    tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a directory in which not even root makes files")
async def test_a_place_where_nobody_may_write_is_refused() -> None:
    await refused(Path("/proc/self/kling/journal.sqlite3"))


async def test_work_that_fails_halfway_leaves_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")

    def work(db: Connection) -> None:
        db.raw.execute("CREATE TABLE half (x)")
        raise KeyError("of the work's own")

    with pytest.raises(KeyError):
        await store.do(work)
    assert (
        await store.read(lambda db: db.raw.execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchall())
        == []
    )
    await store.close()


@keeps("nothing-lost", "within-budget")
async def test_a_database_that_is_full_refuses_whole_tasks_and_keeps_the_old_ones(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    journal = Journal(store, HandClock())
    await store.read(lambda db: db.raw.execute("PRAGMA max_page_count = 40").fetchall())
    written = await fill(journal, 60)
    assert 0 < len(written) < 60
    assert await store.read(lambda db: counts(db)) == [len(written)] * 3
    assert set(await journal.get(written)) == set(written)
    await store.read(lambda db: db.raw.execute("PRAGMA max_page_count = 4000").fetchall())
    await journal.enqueue(a_task(), RICH, again=False)
    await store.close()


@keeps("nothing-lost")
async def test_a_full_disk_refuses_whole_tasks_and_works_again_once_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk):
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(200_000))
        store = SqliteStore(disk / "journal.sqlite3")
        journal = Journal(store, HandClock())
        try:
            written = await fill(journal, 400)
            assert 0 < len(written) < 400
            with raw(disk / "journal.sqlite3") as db:
                assert counts(SqliteConnection(db)) == [len(written)] * 3
            ballast.unlink()
            await journal.enqueue(a_task(), RICH, again=False)
        finally:
            await store.close()


async def fill(journal: Journal, most: int) -> list[str]:
    """Write tasks until the disk says no; return those that were written."""
    written: list[str] = []
    for _ in range(most):
        task = a_task(prompt="a fox " * 300, price=None)
        try:
            await journal.enqueue(task, RICH_ENOUGH, again=False)
        except StorageUnavailable:
            with pytest.raises(StorageUnavailable, match="full"):
                await journal.enqueue(task, RICH_ENOUGH, again=False)
            break
        written.append(task.id)
    return written


def counts(db: Connection) -> list[int]:
    """Count what every table has."""
    return [db.raw.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("tasks", "ledger", "history")]


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Mount a very small disk there, where that is allowed."""
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True, capture_output=True)


async def test_no_statement_reads_all_tasks_and_all_are_valid_for_the_schema(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    assert await store.do(lambda db: words.put_in(db.raw)) == 0
    known = statements("journal.sql", "sqlite.sql")
    assert len(known) >= 20
    for name, text in known.items():
        told = dict.fromkeys(re.findall(r":(\w+)", text))

        def explained(db: Connection, text: str = text, told: dict[str, None] = told) -> list[str]:
            return [row[3] for row in db.raw.execute(f"EXPLAIN QUERY PLAN {text}", told)]

        plan = await store.read(explained)
        # In the order of an index, and no further than the statement's limit, or among the few that it holds.
        allowed = {"times_taken": "tasks_times", "made": "tasks_made", "unfinished": "tasks_active"}.get(name)
        scans = [step for step in plan if re.match(r"SCAN (tasks|ledger|history|spent)\b", step)]
        assert all(allowed and step.endswith(f"USING INDEX {allowed}") for step in scans), (name, plan)
        assert name.isidentifier()
    await store.close()


RICH_ENOUGH = type(RICH)(RICH.per_call, RICH.per_day * 1000)


@keeps("nothing-lost")
async def test_bytes_that_are_no_text_any_more_stop_only_their_own_task(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES, slots=1) as house:
        damaged = await house.buy()
        with raw(tmp_path / "journal.sqlite3") as other:
            for column in ("document", "words"):
                spoiled = f"substr(CAST({column} AS BLOB), 1, 9) || x'ff' || substr(CAST({column} AS BLOB), 11)"
                other.execute(f"UPDATE tasks SET {column} = CAST({spoiled} AS TEXT)")
        await house.open_again()
        bought = await house.buy("another fox")
        await house.until(bought.id, Status.FETCHING)
        assert list(house.journal.unreadable) == [damaged.id]
        rich = replace(RICH, per_day=1000 * RICH.per_day)
        for _ in range(words.LEFT_OUT):
            await house.journal.enqueue(a_task(prompt="a hen"), rich, again=False)
        assert (await house.journal.search(Search(words="another fox"))).total == 1

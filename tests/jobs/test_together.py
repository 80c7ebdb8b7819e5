"""Those who write at the same time are written together, and a day's money is what its tasks come to all the same."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.jobs.house import RICH, HandClock, a_task
from tests.promises import keeps

from kling_tools.jobs.database import Connection
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.ledger import Budget
from kling_tools.jobs.store import SqliteConnection, SqliteStore, migrate
from kling_tools.model.errors import OverBudget, StorageUnavailable

pytestmark = pytest.mark.anyio

T = TypeVar("T")

STATES = st.sampled_from(["held", "settled", "released"])
LINES = st.tuples(
    st.sampled_from("abc"), st.booleans(), STATES, st.integers(0, 9), st.integers(0, 9), st.sampled_from(["", "ann"])
)
AMOUNT = "CASE state WHEN 'held' THEN held WHEN 'settled' THEN charged ELSE 0 END"
SUM = f"SELECT day, simulated, caller, sum({AMOUNT}) FROM ledger GROUP BY day, simulated, caller"


async def test_one_of_many_that_fails_takes_nobody_along_and_leaves_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    journal = Journal(store, HandClock())
    tasks = [a_task() for _ in range(40)]

    def fails(db: Connection) -> None:
        db.run("insert_history", task_id=tasks[0].id, at=0.0, event="never", status="queued", detail="")
        raise LookupError("of its own")

    await journal.enqueue(tasks[0], RICH, again=False)
    writes = [journal.enqueue(task, RICH, again=False) for task in tasks[1:]]
    told = await asyncio.gather(*writes, store.do(fails), return_exceptions=True)
    assert [type(one).__name__ for one in told] == ["Enqueued"] * 39 + ["LookupError"]
    with sqlite3.connect(tmp_path / "journal.sqlite3") as other:
        assert other.execute("SELECT count(*) FROM tasks").fetchone() == (40,)
        assert other.execute("SELECT count(*) FROM history WHERE event = 'never'").fetchone() == (0,)
    other.close()
    await store.close()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["writes", "fails", "fails late", "is wrong", "gives up"]), max_size=80))
def test_what_is_told_to_each_of_many_is_what_is_on_the_disk(ends: list[str]) -> None:
    def work_of(number: int, end: str, db: Connection) -> int:
        if end == "fails":
            raise LookupError(number)
        db.run("insert_history", task_id=task.id, at=float(number), event=end, status="queued", detail="")
        if end == "fails late":
            raise LookupError(number)
        if end == "is wrong":  # the database's own refusal of one statement
            db.run("insert_hold", task_id=task.id, day="", simulated=False, state="odd", held=0, charged=0, caller="")
        return number

    async def ask(store: SqliteStore) -> list[object]:
        asked = [asyncio.ensure_future(store.do(partial(work_of, *pair))) for pair in enumerate(ends)]
        await asyncio.sleep(0)
        for one, end in zip(asked, ends, strict=True):
            if end == "gives up":
                one.cancel()
        return await asyncio.gather(*asked, return_exceptions=True)

    async def told(path: Path) -> list[object]:
        store = SqliteStore(path)
        await Journal(store, HandClock()).enqueue(task, RICH, again=False)
        try:
            return await ask(store)
        finally:
            await store.close()

    task = a_task()
    answers = {"fails": LookupError, "fails late": LookupError, "is wrong": sqlite3.IntegrityError}
    with TemporaryDirectory() as folder:
        result = asyncio.run(told(path := Path(folder) / "journal.sqlite3"))
        for (number, end), one in zip(enumerate(ends), result, strict=True):
            expected = answers.get(end, asyncio.CancelledError)
            assert one == number if end == "writes" else isinstance(one, expected)
        with closing(sqlite3.connect(path)) as other:
            rows = other.execute("SELECT at FROM history WHERE event <> 'Enqueued' ORDER BY at").fetchall()
    assert [int(at) for (at,) in rows] == [number for number, end in enumerate(ends) if end == "writes"]


async def test_who_only_reads_is_not_kept_waiting_by_writers_without_end(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    going = True

    async def writes() -> int:
        done = 0
        while going:
            await store.do(lambda db: time.sleep(0.0005))
            done += 1
        return done

    writers = [asyncio.ensure_future(writes()) for _ in range(100)]
    await asyncio.sleep(0)
    for _ in range(3):
        assert await asyncio.wait_for(store.read(lambda db: db.row("position")), 30) == ("0",)
    going = False
    assert min(await asyncio.gather(*writers)) >= 1
    await store.close()


async def test_who_asks_while_others_are_written_has_a_turn_too(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    held, go_on = Event(), Event()

    def slow(db: Connection) -> int:
        held.set()
        go_on.wait(60)
        return 1

    first = asyncio.ensure_future(store.do(slow))
    await asyncio.get_running_loop().run_in_executor(None, held.wait)
    others = [asyncio.ensure_future(store.do(lambda db: 2)) for _ in range(3)]
    await asyncio.sleep(0.01)
    go_on.set()
    assert await asyncio.wait_for(asyncio.gather(first, *others), 30) == [1, 2, 2, 2]
    await store.close()


async def test_who_is_written_alone_after_all_is_told_how_that_went(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    await Journal(store, HandClock()).enqueue(task := a_task(), RICH, again=False)
    tries = []

    def succeeds_later(db: Connection) -> str:
        if not tries:
            tries.append(1)
            raise LookupError("not yet")
        return "done"

    def fails_late(db: Connection) -> None:
        db.run("insert_history", task_id=task.id, at=0.0, event="never", status="queued", detail="")
        raise LookupError("late")

    told = await asyncio.gather(store.do(succeeds_later), store.do(fails_late), return_exceptions=True)
    assert told[0] == "done"
    assert isinstance(told[1], LookupError)
    await store.close()


@keeps("nothing-lost")
async def test_nobody_is_written_outside_of_a_transaction_that_sqlite_took_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    await Journal(store, HandClock()).enqueue(task := a_task(), RICH, again=False)

    def writes(db: Connection) -> str:
        db.run("insert_history", task_id=task.id, at=0.0, event="mine", status="queued", detail="")
        return "done"

    def is_hungry(db: Connection) -> None:
        assert isinstance(db, SqliteConnection)
        db.raw.execute("PRAGMA hard_heap_limit = 6000000")
        db.raw.execute("INSERT INTO history VALUES (1, 0.0, 'hungry', 'queued', hex(randomblob(20000000)))")

    told = await asyncio.gather(*map(store.do, (writes, is_hungry, writes)), return_exceptions=True)
    assert (told[0], type(told[1]), told[2]) == ("done", MemoryError, "done")
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as other:
        assert other.execute("SELECT event FROM history ORDER BY rowid").fetchall() == [
            ("Enqueued",), ("mine",), ("mine",)
        ]  # fmt: skip
    await store.close()


async def test_where_another_program_comes_in_between_all_of_a_group_wait_once(tmp_path: Path) -> None:
    class Crowded(SqliteStore):
        def _transact(self, work: Callable[[Connection], T], mode: str) -> T:
            try:
                return super()._transact(work, mode)
            except BaseException:
                if not other.in_transaction:
                    other.execute("BEGIN IMMEDIATE")
                raise

    def fails_late(db: Connection) -> None:
        db.run("insert_history", task_id=task.id, at=0.0, event="never", status="queued", detail="")
        raise LookupError("late")

    store = Crowded(tmp_path / "journal.sqlite3", busy=0.5)
    await Journal(store, HandClock()).enqueue(task := a_task(), RICH, again=False)
    other = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None, check_same_thread=False)
    began = time.monotonic()
    works = [fails_late, *[lambda db: None] * 20]
    told = await asyncio.gather(*map(store.do, works), return_exceptions=True)
    assert time.monotonic() - began < 8
    assert {type(one) for one in told} == {StorageUnavailable}
    other.close()
    await store.close()


async def test_whatever_one_raises_all_others_are_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")

    def stops(db: Connection) -> None:
        raise StopIteration

    told = await asyncio.wait_for(
        asyncio.gather(store.do(stops), *(store.do(lambda db: 1) for _ in range(3)), return_exceptions=True), 30
    )
    assert [type(one) for one in told] == [RuntimeError, int, int, int]
    await store.close()


async def test_who_comes_to_a_closed_journal_is_told_and_who_came_before_is_written(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    asked = asyncio.ensure_future(store.do(lambda db: 1))
    closing_ = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        await asyncio.wait_for(store.do(lambda db: 2), 30)
    await closing_
    assert await asyncio.wait_for(asked, 30) == 1
    with pytest.raises(RuntimeError, match="closed"):
        await asyncio.wait_for(store.do(lambda db: 3), 30)
    assert not (tmp_path / "journal.sqlite3-wal").exists()


@keeps("within-budget")
async def test_there_is_no_money_without_its_task(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    await Journal(store, HandClock()).enqueue(a_task(), None, again=False)  # costs nothing: its number is free
    line = {"day": "2026-11-22", "simulated": 0, "state": "held", "held": 1, "charged": 0, "caller": ""}
    with pytest.raises(sqlite3.IntegrityError):
        await store.do(lambda db: db.run("insert_hold", task_id="nobody", **line))
    await store.close()


@keeps("nothing-lost")
async def test_a_disk_that_is_full_is_told_to_all_that_it_had_no_room_for(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    journal = Journal(store, HandClock())
    await store.read(lambda db: db.raw.execute("PRAGMA max_page_count = 60").fetchall())
    tasks = [a_task(prompt="a fox " * 300) for _ in range(100)]
    writes = [journal.enqueue(task, RICH, again=False) for task in tasks]
    told = await asyncio.gather(*writes, return_exceptions=True)
    assert {type(one).__name__ for one in told} == {"Enqueued", "StorageUnavailable"}
    written = {task.id for task, one in zip(tasks, told, strict=True) if not isinstance(one, BaseException)}
    assert set(await journal.get([task.id for task in tasks])) == written
    await store.close()


def test_a_store_outlives_the_loop_that_asked_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    held, go_on = Event(), Event()

    def slow(db: Connection) -> None:
        held.set()
        go_on.wait(60)

    async def gives_up() -> None:
        asked = asyncio.ensure_future(store.do(slow))
        await asyncio.get_running_loop().run_in_executor(None, held.wait)
        late = asyncio.ensure_future(store.do(lambda db: 1))
        await asyncio.sleep(0)
        asked.cancel()
        late.cancel()

    asyncio.run(gives_up())
    go_on.set()

    async def asks() -> int:
        return await store.do(lambda db: 2)

    assert asyncio.run(asks()) == 2
    asyncio.run(store.close())


@keeps("within-budget")
async def test_many_at_once_pass_no_budget(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    journal = Journal(store, HandClock())
    most = a_task().plan.price.most
    assert most is not None
    five = Budget(RICH.per_call, 5 * most)
    told = await asyncio.gather(
        *(journal.enqueue(a_task(), five, again=False) for _ in range(30)), return_exceptions=True
    )
    assert sum(not isinstance(one, BaseException) for one in told) == 5
    assert sum(isinstance(one, OverBudget) for one in told) == 25
    assert await journal.spent_today(simulated=False) == five.per_day
    await store.close()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), LINES | st.none()), max_size=20))
def test_what_a_day_comes_to_is_always_the_sum_of_its_lines(changes: list[tuple[int, Any]]) -> None:
    raw = sqlite3.connect(":memory:", isolation_level=None)
    migrate(raw)
    for number, line in changes:
        if line is None:
            raw.execute("DELETE FROM ledger WHERE task = ?", [number])
        elif raw.execute("SELECT 1 FROM ledger WHERE task = ?", [number]).fetchone():
            columns = "day, simulated, state, held, charged, caller"
            raw.execute(f"UPDATE ledger SET ({columns}) = (?, ?, ?, ?, ?, ?) WHERE task = ?", [*line, number])
        else:
            raw.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)", [number, *line])
        kept = {tuple(whose): amount for *whose, amount in raw.execute("SELECT * FROM spent") if amount}
        summed = {tuple(whose): amount for *whose, amount in raw.execute(SUM) if amount}
        assert kept == summed
    raw.close()

"""Those who write at the same time are written together, and a day's money is what its tasks come to all the same."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.jobs.house import RICH, HandClock, a_task
from tests.promises import keeps

from kling_tools.jobs.database import Connection
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.ledger import Budget
from kling_tools.jobs.store import SqliteStore, migrate
from kling_tools.model.errors import OverBudget

pytestmark = pytest.mark.anyio

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
        key = f"k{number}"
        if line is None:
            raw.execute("DELETE FROM ledger WHERE task_id = ?", [key])
        elif raw.execute("SELECT 1 FROM ledger WHERE task_id = ?", [key]).fetchone():
            columns = "day, simulated, state, held, charged, caller"
            raw.execute(f"UPDATE ledger SET ({columns}) = (?, ?, ?, ?, ?, ?) WHERE task_id = ?", [*line, key])
        else:
            raw.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)", [key, *line])
        kept = {tuple(whose): amount for *whose, amount in raw.execute("SELECT * FROM spent") if amount}
        summed = {tuple(whose): amount for *whose, amount in raw.execute(SUM) if amount}
        assert kept == summed
    raw.close()

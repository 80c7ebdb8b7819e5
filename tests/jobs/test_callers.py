"""Several callers at one journal: each finds, repeats and spends only what is theirs, in both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.jobs.house import PRICE, RICH, a_task
from tests.jobs.stories import FREE_FAILURE, a_journal, after
from tests.promises import keeps

from kling_tools.jobs.ledger import Budget
from kling_tools.jobs.questions import Search
from kling_tools.model.errors import OverBudget, UnknownTask
from kling_tools.model.tasks import Claimed, Task

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

ONE_EACH = Budget(Decimal(10), PRICE, per_day_all=3 * PRICE)


def of(caller: str, **changes: object) -> Task:
    """Return a task of a caller; all ask for the same."""
    return a_task(**{"fingerprint": "the same", "caller": caller, **changes})  # type: ignore[arg-type]


async def test_a_caller_finds_their_own_tasks_and_the_owner_of_the_journal_finds_all(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        tasks = {who: await after(journal, of(who, prompt=f"fox of {who}")) for who in ("", "ann", "bob")}
        for who, task in tasks.items():
            own = journal.of(who)
            for search in (Search(), Search(words="fox"), Search(statuses=("queued",)), Search(caller="bob")):
                page = await own.search(search)
                assert ([t.id for t in page.tasks], page.total) == ([task.id], 1)
            assert set(await own.get([t.id for t in tasks.values()])) == {task.id}
        for search in (Search(), Search(words="fox"), Search(statuses=("queued", "failed"))):
            page = await journal.search(search)
            assert ({t.id for t in page.tasks}, page.total) == ({t.id for t in tasks.values()}, 3)


@keeps("nothing-twice")
async def test_the_same_request_of_two_callers_is_two_wishes_and_of_one_it_is_one(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        first = await journal.enqueue(of("ann"), RICH, again=False)
        assert not (await journal.enqueue(of("bob"), RICH, again=False)).repeated
        again = await journal.enqueue(of("ann"), RICH, again=False)
        assert (again.repeated, again.task.id) == (True, first.task.id)


@keeps("no-leak")
async def test_the_id_of_another_callers_task_leads_to_nothing(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        anns = (await journal.enqueue(of("ann"), RICH, again=False)).task
        with pytest.raises(UnknownTask):
            await journal.enqueue(replace(anns, caller="bob"), RICH, again=False)
        assert await journal.of("bob").spent_today(simulated=False) == 0


@keeps("within-budget")
async def test_a_caller_spends_their_own_day_and_all_together_no_more_than_all_may(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        for who in ("ann", "bob"):
            await journal.enqueue(of(who), ONE_EACH, again=True)
            with pytest.raises(OverBudget, match="KLING_MAX_USD_PER_DAY"):
                await journal.enqueue(of(who), ONE_EACH, again=True)
            assert await journal.of(who).spent_today(simulated=False) == PRICE
        await journal.enqueue(of(""), ONE_EACH, again=True)
        with pytest.raises(OverBudget, match="KLING_MAX_USD_PER_DAY_ALL") as caught:
            await journal.enqueue(of("cleo"), ONE_EACH, again=True)
        assert "$0" not in caught.value.message, "what is left tells what others have spent"
        assert await journal.spent_today(simulated=False) == 3 * PRICE
        assert [s.usd for s in await journal.of("ann").spending(0, simulated=False)] == [PRICE]
        assert [s.usd for s in await journal.spending(0, simulated=False)] == [3 * PRICE]


@keeps("within-budget")
async def test_many_callers_at_once_stay_within_each_budget(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        asked = [journal.enqueue(of(who), ONE_EACH, again=True) for who in ("ann", "bob") * 8]
        done = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(not isinstance(d, BaseException) for d in done) == 2
        assert await journal.spent_today(simulated=False) == 2 * PRICE


async def test_money_that_comes_back_comes_back_to_the_caller(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        await after(journal, of("ann"), Claimed(), FREE_FAILURE)
        assert await journal.of("ann").spent_today(simulated=False) == 0
        await journal.enqueue(of("ann"), ONE_EACH, again=True)


async def test_one_callers_long_line_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        for n in range(4):
            await journal.enqueue(of("ann", now=journal.now() - 9 + n), RICH, again=True)
        late = replace(of("bob"), created=journal.now())
        await journal.enqueue(late, RICH, again=True)
        assert late.id in await journal.next_up("sandbox", late.plan.model, 2)

"""Intent and money in one transaction: held before a byte leaves, then settled or released, never past a budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.jobs.house import PRICE, RICH, HandClock, a_task
from tests.jobs.rush import TIGHT, enqueue_many
from tests.jobs.stories import FREE_FAILURE, a_journal, after, rows, seen
from tests.promises import keeps

from kling_tools.jobs.ledger import Budget
from kling_tools.model.errors import OverBudget
from kling_tools.model.money import Price
from kling_tools.model.specs import FilmSpec
from kling_tools.model.tasks import (
    Charge,
    Claimed,
    Doubted,
    Event,
    Seen,
    Withdrawn,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@keeps("nothing-lost")
async def test_a_task_reads_back_as_it_was_written_also_by_the_next_process(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        task = a_task(prompt='a "fox" — 狐\n', label="one", notes=("a note",), simulated=True)
        task = await after(journal, task, Claimed(), seen(task, "succeeded", Charge(units=Decimal("1.8"))))
    async with a_journal(tmp_path) as journal:
        assert await journal.get([task.id, "k-nobody"]) == {task.id: task}
        assert task.plan.price.most == PRICE


async def test_intent_hold_and_history_are_there_before_enqueue_returns(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        task = a_task()
        enqueued = await journal.enqueue(task, RICH, again=False)
        assert (enqueued.task, enqueued.repeated) == (replace(task, short=task.id[:4]), False)
        assert [await rows(tmp_path, t) for t in ("tasks", "ledger", "history")] == [1, 1, 1]
        entry = await journal.entry(task.id)
        assert entry is not None
        assert (entry.state, entry.held, entry.charged) == ("held", 420_000, 0)


BUDGETS = {
    "a call's limit": (Budget(Decimal("0.41"), Decimal(50)), "KLING_MAX_USD_PER_CALL allows $0.41"),
    "a day's limit": (Budget(Decimal(10), Decimal("0.41")), "$0.41 is left"),
    "no call at all": (Budget(Decimal(0), Decimal(50)), "KLING_MAX_USD_PER_CALL is 0"),
    "no day at all": (Budget(Decimal(10), Decimal(0)), "KLING_MAX_USD_PER_DAY is 0"),
}


@pytest.mark.parametrize(("budget", "named"), BUDGETS.values(), ids=BUDGETS)
@keeps("within-budget")
async def test_over_budget_leaves_no_row_and_says_which_limit(tmp_path: Path, budget: Budget, named: str) -> None:
    async with a_journal(tmp_path) as journal:
        with pytest.raises(OverBudget) as caught:
            await journal.enqueue(a_task(), budget, again=False)
        assert named in caught.value.message
        assert [await rows(tmp_path, t) for t in ("tasks", "ledger", "history")] == [0, 0, 0]
        assert await journal.spent_today(simulated=False) == 0


async def test_a_price_that_just_fits_is_held_to_the_last_fraction_of_a_cent(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        exactly = Budget(PRICE, PRICE)
        await journal.enqueue(a_task(), exactly, again=False)
        with pytest.raises(OverBudget, match=r"\$0\.00 is left"):
            await journal.enqueue(a_task(price=Price.exact(Decimal("0.0000001"))), exactly, again=False)


async def test_an_unknown_price_is_over_budget_unless_the_person_allows_it(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        unpriced = a_task(price=Price.unknown())
        with pytest.raises(OverBudget, match="Nobody knows"):
            await journal.enqueue(unpriced, RICH, again=False)
        await journal.enqueue(unpriced, replace(RICH, allow_unpriced=True), again=False)
        forbidden = Budget(Decimal(0), Decimal(50), allow_unpriced=True)
        with pytest.raises(OverBudget, match="forbids"):
            await journal.enqueue(a_task(price=Price.unknown()), forbidden, again=False)


@keeps("within-budget")
@pytest.mark.parametrize(
    "budget", [Budget(Decimal("0.8"), Decimal(50), True), Budget(Decimal(10), Decimal("0.8"), True)]
)
async def test_a_shot_of_unknown_price_is_no_way_past_the_limits_for_the_others(tmp_path: Path, budget: Budget) -> None:
    parts = [a_task(), a_task(), a_task(price=Price.unknown())]
    spec = FilmSpec(parts=tuple(part.id for part in parts))
    price = Price.total([part.plan.price for part in parts])
    film = a_task(plan=replace(parts[0].plan, spec=spec, price=price, slots=0), price=price)
    async with a_journal(tmp_path) as journal:
        with pytest.raises(OverBudget, match=r"\$0\.84"):
            await journal.enqueue(film, budget, again=False, parts=parts)
        await journal.enqueue(film, replace(RICH, allow_unpriced=True), again=False, parts=parts)
        assert await journal.spent_today(simulated=False) == 2 * PRICE


async def test_a_range_holds_its_worst_case(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        task = a_task(price=Price.between(Decimal("0.1"), Decimal("0.9")))
        await journal.enqueue(task, RICH, again=False)
        assert await journal.spent_today(simulated=False) == Decimal("0.9")


async def test_simulated_money_and_real_money_are_counted_apart(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        for simulated in (True, False):
            for _ in range(3):
                await journal.enqueue(a_task(simulated=simulated), TIGHT, again=False)
            with pytest.raises(OverBudget):
                await journal.enqueue(a_task(simulated=simulated), TIGHT, again=False)


async def test_a_new_day_has_a_new_budget(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        assert await enqueue_many(journal, 5) == 3
        clock.time += 86_400
        assert await journal.spent_today(simulated=False) == 0
        assert await enqueue_many(journal, 5) == 3


ENDS: dict[str, tuple[Iterable[str | Event], str, str]] = {
    "taken back": ([Withdrawn()], "released", "0"),
    "refused": ([Claimed(), FREE_FAILURE], "released", "0"),
    "failed, not charged": ([Claimed(), "failed"], "released", "0"),
    "failed, charged": ([Claimed(), "failed 0.2"], "settled", "0.2"),
    "running": ([Claimed(), "processing"], "held", "0.42"),
    "unsure": ([Claimed(), Doubted("cut")], "held", "0.42"),
    "done, no figure": ([Claimed(), "succeeded"], "settled", "0.42"),
    "done, cheaper": ([Claimed(), "succeeded 0.3"], "settled", "0.3"),
    "done, dearer": ([Claimed(), "succeeded 0.5"], "settled", "0.5"),
    "done, free": ([Claimed(), "succeeded 0"], "settled", "0"),
}


@pytest.mark.parametrize(("story", "state", "spent"), ENDS.values(), ids=ENDS)
@keeps("within-budget")
async def test_money_is_held_then_settled_or_released(
    tmp_path: Path, story: Iterable[str | Event], state: str, spent: str
) -> None:
    async with a_journal(tmp_path) as journal:
        task = a_task()
        events: list[Event] = []
        for event in story:
            if isinstance(event, str):
                status, _, usd = event.partition(" ")
                event = seen(task, status, Charge(usd=Decimal(usd)) if usd else None)
            events.append(event)
        await after(journal, task, *events)
        entry = await journal.entry(task.id)
        assert entry is not None
        assert (entry.state, entry.held) == (state, 420_000)
        assert await journal.spent_today(simulated=False) == Decimal(spent)


async def test_a_task_that_turns_out_to_be_simulated_leaves_the_real_money(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        task = a_task()
        look = seen(task, "submitted")
        await after(journal, task, Claimed(), Seen(replace(look.observation, simulated=True)))
        assert await journal.spent_today(simulated=False) == 0
        assert await journal.spent_today(simulated=True) == PRICE

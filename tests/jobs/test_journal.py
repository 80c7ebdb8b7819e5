"""The journal on real SQLite files: intent and money together, one task a wish, one winner a claim."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.jobs.house import PRICE, RICH, HandClock, a_task
from tests.jobs.others import another_process, hear, tell
from tests.jobs.rush import TIGHT, enqueue_many
from tests.promises import keeps

from kling_tools.jobs.journal import SAME_REQUEST_SECONDS, Journal, Search, running_statuses
from kling_tools.jobs.ledger import Budget
from kling_tools.jobs.store import Store
from kling_tools.model.errors import OverBudget
from kling_tools.model.money import Price
from kling_tools.model.status import Status
from kling_tools.model.tasks import (
    Charge,
    Claimed,
    Doubted,
    Event,
    Failure,
    Hindered,
    Observation,
    Output,
    PutBack,
    Rejected,
    Remote,
    RemoteOutput,
    Seen,
    Stored,
    Task,
    Withdrawn,
)

pytestmark = pytest.mark.anyio

FREE_FAILURE = Rejected(Failure(code="moderated", message="Blocked.", spent="no"))


@asynccontextmanager
async def a_journal(folder: Path, clock: HandClock | None = None) -> AsyncIterator[Journal]:
    store = Store(folder / "journal.sqlite3")
    try:
        yield Journal(store, clock or HandClock())
    finally:
        await store.close()


def seen(task: Task, status: str, charge: Charge | None = None) -> Seen:
    outputs = (RemoteOutput(kind="video", url="https://cdn.test/1.mp4"),) if status == "succeeded" else ()
    remote = Remote(f"r-{task.id}", "/text-to-video/kling-3.0", "https://kling.test")
    return Seen(
        Observation(remote=remote, external_id=task.id, status=status, outputs=outputs, charge=charge)  # type: ignore[arg-type]
    )


async def after(journal: Journal, task: Task, *events: Event) -> Task:
    """Write a task and let things happen to it."""
    await journal.enqueue(task, RICH, again=True)
    for event in events:
        task = await journal.apply(task.id, event)
    return task


def rows(folder: Path, table: str) -> int:
    """Count a table's rows as another program sees them."""
    raw = sqlite3.connect(folder / "journal.sqlite3")
    try:
        return int(raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        raw.close()


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
        assert (enqueued.task, enqueued.repeated) == (task, False)
        assert [rows(tmp_path, t) for t in ("tasks", "ledger", "history")] == [1, 1, 1]
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
        assert [rows(tmp_path, t) for t in ("tasks", "ledger", "history")] == [0, 0, 0]
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


# --- once ---------------------------------------------------------------------------------------------------------


@keeps("nothing-twice")
async def test_the_same_request_within_ten_minutes_is_the_first_task(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        first = a_task(fingerprint="same")
        await journal.enqueue(first, RICH, again=False)
        for event in (Claimed(), seen(first, "submitted")):
            await journal.apply(first.id, event)
        clock.time += SAME_REQUEST_SECONDS - 1
        repeated = await journal.enqueue(a_task(now=clock.time, fingerprint="same"), RICH, again=False)
        assert repeated.repeated
        assert (repeated.task.id, repeated.task.status) == (first.id, Status.SUBMITTED)
        clock.time += 1
        assert not (await journal.enqueue(a_task(now=clock.time, fingerprint="same"), RICH, again=False)).repeated
        assert rows(tmp_path, "ledger") == 2


@keeps("nothing-twice")
@pytest.mark.parametrize("events", [(), (Claimed(),), (Claimed(), Doubted("cut"))], ids=["queued", "sending", "unsure"])
async def test_a_task_that_may_not_have_got_in_stands_for_its_request_whatever_the_clock_says(
    tmp_path: Path, events: tuple[Event, ...]
) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        first = await after(journal, a_task(fingerprint="same"), *events)
        clock.step(3 * 3600)
        again = a_task(now=clock.now(), fingerprint="same")
        assert (await journal.enqueue(again, RICH, again=False)).task.id == first.id


@keeps("nothing-twice")
async def test_what_was_concluded_from_one_attempt_does_not_hit_the_next(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        first = await after(journal, a_task(), Claimed())
        second = await after_more(journal, first, PutBack("no connection", 0), Claimed())
        for late in (PutBack("busy", 1), Doubted("cut"), FREE_FAILURE):
            assert await journal.apply(first.id, late, standing=first) == second
        shown = await journal.apply(first.id, seen(first, "submitted"), standing=first)
        assert shown.status is Status.SUBMITTED, "what the provider shows is true in any case"


async def after_more(journal: Journal, task: Task, *events: Event) -> Task:
    """Let more happen to a task."""
    for event in events:
        task = await journal.apply(task.id, event)
    return task


async def test_a_repeated_request_is_answered_also_when_the_budget_is_used_up(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        first = a_task(fingerprint="same")
        await journal.enqueue(first, Budget(PRICE, PRICE), again=False)
        repeated = await journal.enqueue(a_task(fingerprint="same"), Budget(PRICE, PRICE), again=False)
        assert repeated.task.id == first.id


async def test_again_buys_another_and_the_newest_then_stands_for_the_request(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        tasks = [a_task(now=1_795_000_000.0 + n, fingerprint="same") for n in range(3)]
        await journal.enqueue(tasks[0], RICH, again=False)
        assert not (await journal.enqueue(tasks[1], RICH, again=True)).repeated
        assert (await journal.enqueue(tasks[2], RICH, again=False)).task.id == tasks[1].id


@pytest.mark.parametrize("end", [FREE_FAILURE, Withdrawn()], ids=["failed", "cancelled"])
async def test_after_a_failure_the_same_request_is_a_new_wish(tmp_path: Path, end: Event) -> None:
    async with a_journal(tmp_path) as journal:
        await after(journal, a_task(fingerprint="same"), end)
        assert not (await journal.enqueue(a_task(fingerprint="same"), RICH, again=False)).repeated


async def test_a_finished_and_an_unsure_task_still_stand_for_their_request(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        unsure = await after(journal, a_task(fingerprint="one"), Claimed(), Doubted("cut"))
        done = a_task(fingerprint="two")
        done = await after(journal, done, Claimed(), seen(done, "succeeded"), Stored(()))
        assert (unsure.status, done.status) == (Status.UNSURE, Status.SUCCEEDED)
        for task in (unsure, done):
            repeated = await journal.enqueue(a_task(fingerprint=task.fingerprint), RICH, again=False)
            assert repeated.task.id == task.id


@keeps("nothing-twice")
async def test_the_same_request_from_many_callers_and_two_connections_is_one_task(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as one, a_journal(tmp_path) as two:
        calls = [j.enqueue(a_task(fingerprint="same"), RICH, again=False) for j in (one, two) for _ in range(10)]
        answers = await asyncio.gather(*calls)
        assert len({a.task.id for a in answers}) == 1
        assert [a.repeated for a in answers].count(False) == 1
        assert rows(tmp_path, "tasks") == 1


# --- at once ------------------------------------------------------------------------------------------------------


@keeps("within-budget")
async def test_forty_callers_on_two_connections_never_pass_the_days_budget(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as one, a_journal(tmp_path) as two:
        written = await asyncio.gather(enqueue_many(one, 20), enqueue_many(two, 20))
        assert sum(written) == 3
        assert await one.spent_today(simulated=False) == 3 * PRICE
        assert [rows(tmp_path, t) for t in ("tasks", "ledger", "history")] == [3, 3, 3]


@keeps("within-budget")
async def test_two_processes_never_pass_the_days_budget(tmp_path: Path) -> None:
    path = str(tmp_path / "journal.sqlite3")
    with another_process("enqueue", path, "20") as one, another_process("enqueue", path, "20") as two:
        assert [hear(p) for p in (one, two)] == ["ready", "ready"]
        for process in (one, two):
            tell(process)
        assert sum(int(hear(p)) for p in (one, two)) == 3
    assert rows(tmp_path, "ledger") == 3


@keeps("nothing-twice")
async def test_of_two_processes_that_claim_a_task_one_wins(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        task = await after(journal, a_task())
        path = str(tmp_path / "journal.sqlite3")
        with another_process("claim", path, task.id) as one, another_process("claim", path, task.id) as two:
            assert [hear(p) for p in (one, two)] == ["ready", "ready"]
            for process in (one, two):
                tell(process)
            assert sorted(hear(p) for p in (one, two)) == ["lost", "won"]
        assert (await journal.get([task.id]))[task.id].attempts == 1


@keeps("nothing-twice")
async def test_of_many_racers_for_every_task_exactly_one_wins(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        journals = [await stack.enter_async_context(a_journal(tmp_path)) for _ in range(2)]
        tasks = [await after(journals[0], a_task()) for _ in range(10)]
        claims = [j.claim(t.id, 100) for t in tasks for j in journals for _ in range(3)]
        won = [t.id for t in await asyncio.gather(*claims) if t is not None]
        assert sorted(won) == sorted(t.id for t in tasks)


async def test_a_claim_takes_a_slot_of_its_account_and_model_only(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        running = a_task()
        await after(journal, running, Claimed(), seen(running, "processing"))
        doubtful = a_task()
        await after(journal, doubtful, Claimed(), Doubted("cut"))
        waiting = await after(journal, a_task())
        assert await journal.claim(waiting.id, 2) is None
        other = a_task()
        other = await after(journal, replace(other, plan=replace(other.plan, model="kling-2.6")))
        foreign = await after(journal, a_task(account="kling@elsewhere"))
        assert await journal.claim(other.id, 1)
        assert await journal.claim(foreign.id, 1)
        await journal.apply(running.id, seen(running, "succeeded"))
        assert await journal.claim(waiting.id, 2)


async def test_the_last_slot_is_for_the_task_that_has_waited_longest(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        old, new = [await after(journal, a_task(now=1_795_000_000.0 + n)) for n in range(2)]
        assert await journal.claim(new.id, 1) is None
        assert await journal.claim(new.id, 2)
        assert await journal.claim(old.id, 2)


async def test_a_delay_from_before_the_clock_was_set_back_is_over(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        task = await after(journal, a_task(), Claimed(), PutBack("no slot", 8))
        clock.step(-3600)
        assert await journal.claim(task.id, 5)


async def test_a_task_is_not_claimed_before_its_time_nor_when_it_is_gone(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        task = await after(journal, a_task(), Claimed(), PutBack("no slot", 8))
        assert await journal.claim(task.id, 5) is None
        clock.time += 8
        assert await journal.claim(task.id, 5)
        assert await journal.claim(task.id, 5) is None
        assert await journal.claim("k-nobody", 5) is None


# --- money --------------------------------------------------------------------------------------------------------

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


# --- looking ------------------------------------------------------------------------------------------------------


async def test_pages_are_newest_first_whole_and_without_overlap(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        # Two tasks a second: a page may end between two of the same moment.
        tasks = [await after(journal, a_task(now=1_795_000_000.0 + n // 2)) for n in range(9)]
        pages, before = [], None
        for _ in range(4):
            page, total = await journal.search(Search(limit=2 if not pages else 3, before=before))
            assert total == 9
            pages.append([t.id for t in page])
            before = (page[-1].created, page[-1].id) if page else before
        told = [i for page in pages for i in page]
        assert [len(p) for p in pages] == [2, 3, 3, 1]
        assert told == [t.id for t in sorted(tasks, key=lambda t: (t.created, t.id), reverse=True)]


async def test_a_search_finds_words_states_and_days(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        fox = await after(journal, a_task(prompt="Ein FUCHS an der Straße", now=1_795_000_000.0))
        cat = await after(journal, a_task(label="Die Katze, 100%", now=1_795_000_100.0), Claimed())
        end = await after(journal, a_task(now=1_795_000_200.0), Withdrawn())

        async def found(**search: object) -> tuple[list[str], int]:
            tasks, total = await journal.search(Search(**search))  # type: ignore[arg-type]
            return [t.id for t in tasks], total

        assert await found(words="fuchs") == ([fox.id], 1)
        assert await found(words="STRASSE") == ([fox.id], 1)
        assert await found(words="100%") == ([cat.id], 1)
        assert await found(words="%") == ([cat.id], 1)
        assert await found(words="nothing") == ([], 0)
        assert await found(statuses=("queued",)) == ([fox.id], 1)
        assert await found(statuses=("submitting", "cancelled")) == ([end.id, cat.id], 2)
        assert await found(statuses=running_statuses()) == ([cat.id, fox.id], 2)
        assert await found(since=1_795_000_100.0) == ([end.id, cat.id], 2)
        assert await found(limit=1) == ([end.id], 3)
        assert await found(words="'; DROP TABLE tasks; --") == ([], 0)


async def test_what_is_active_is_told_oldest_first_and_by_account(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        late = await after(journal, a_task(now=1_795_000_002.0))
        early = await after(journal, a_task(now=1_795_000_001.0), Claimed())
        await after(journal, a_task(), Withdrawn())
        await after(journal, a_task(account="elsewhere"))
        assert [t.id for t in await journal.active("sandbox")] == [early.id, late.id]


async def test_history_tells_every_turn_and_every_trouble_once(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        task = await after(journal, a_task())
        for event in (Claimed(), seen(task, "submitted"), Hindered("no network"), Hindered("no network"), FREE_FAILURE):
            clock.time += 1
            await journal.apply(task.id, event)
        told = await journal.history(task.id)
        assert [(h.event, h.status, h.detail) for h in told] == [
            ("Enqueued", "queued", ""),
            ("Claimed", "submitting", ""),
            ("Seen", "submitted", ""),
            ("Hindered", "submitted", "no network"),
            ("Rejected", "failed", "Blocked."),
        ]
        assert [h.at - told[0].at for h in told] == [0, 1, 2, 3, 5]


async def test_changes_are_told_once_and_only_when_there_are_some(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        told: list[Status] = []
        journal.on_change = lambda task: told.append(task.status)
        task = a_task(fingerprint="same")
        await journal.enqueue(task, RICH, again=False)
        await journal.enqueue(a_task(fingerprint="same"), RICH, again=False)
        await journal.claim(task.id, 5)
        await journal.claim(task.id, 5)
        for _ in range(2):
            await journal.apply(task.id, seen(task, "submitted"))
        assert told == [Status.QUEUED, Status.SUBMITTING, Status.SUBMITTED]


async def test_an_event_for_nobody_is_an_error_of_ours(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        with pytest.raises(KeyError):
            await journal.apply("k-nobody", Claimed())


async def test_how_long_tasks_took_is_told_newest_first(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        for took in (30, 40):
            task = a_task(now=clock.time)
            await after(journal, task, Claimed(), seen(task, "submitted"))
            clock.time += took
            await journal.apply(task.id, seen(task, "succeeded"))
            await journal.apply(task.id, Stored((Output(kind="video", url="", path="/v.mp4"),)))
        assert await journal.times_taken() == {("sandbox", "kling-3.0"): [40, 30]}

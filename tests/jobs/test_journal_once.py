"""One wish is one task and one claim has one winner, whoever asks at the same moment."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.jobs.house import PRICE, RICH, HandClock, a_task
from tests.jobs.others import another_process, hear, tell
from tests.jobs.rush import enqueue_many
from tests.jobs.stories import FREE_FAILURE, a_journal, after, after_more, rows, seen
from tests.promises import keeps

from kling_tools.jobs.journal import SAME_REQUEST_SECONDS
from kling_tools.jobs.ledger import Budget
from kling_tools.model.errors import AnswerLost
from kling_tools.model.status import Status
from kling_tools.model.tasks import (
    Claimed,
    Doubted,
    Event,
    Failure,
    PutBack,
    Rejected,
    Stored,
    Withdrawn,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


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
        assert await rows(tmp_path, "ledger") == 2


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


@keeps("nothing-twice")
async def test_what_was_given_up_because_its_answer_was_lost_still_stands_for_its_request(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        lost = Rejected(Failure.of(AnswerLost()))
        first = await after(journal, a_task(fingerprint="same"), Claimed(), Doubted("cut"), lost)
        assert first.status is Status.FAILED
        repeated = await journal.enqueue(a_task(now=clock.now(), fingerprint="same"), RICH, again=False)
        assert (repeated.repeated, repeated.task.id) == (True, first.id)
        clock.time += SAME_REQUEST_SECONDS
        assert not (await journal.enqueue(a_task(now=clock.now(), fingerprint="same"), RICH, again=False)).repeated


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
        assert await rows(tmp_path, "tasks") == 1


@keeps("within-budget")
async def test_forty_callers_on_two_connections_never_pass_the_days_budget(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as one, a_journal(tmp_path) as two:
        written = await asyncio.gather(enqueue_many(one, 20), enqueue_many(two, 20))
        assert sum(written) == 3
        assert await one.spent_today(simulated=False) == 3 * PRICE
        assert [await rows(tmp_path, t) for t in ("tasks", "ledger", "history")] == [3, 3, 3]


@keeps("within-budget")
async def test_two_processes_never_pass_the_days_budget(tmp_path: Path) -> None:
    path = str(tmp_path)
    with another_process("enqueue", path, "20") as one, another_process("enqueue", path, "20") as two:
        assert [hear(p) for p in (one, two)] == ["ready", "ready"]
        for process in (one, two):
            tell(process)
        assert sum(int(hear(p)) for p in (one, two)) == 3
    assert await rows(tmp_path, "ledger") == 3


@keeps("nothing-twice")
async def test_of_two_processes_that_claim_a_task_one_wins(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        task = await after(journal, a_task())
        path = str(tmp_path)
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

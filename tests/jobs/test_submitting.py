"""Between a create and its answer: a wire that breaks there leaves one task, and a no gives the money back."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from tests.jobs.house import BOUND, NO_FILES, PAID, HandClock, a_house
from tests.promises import keeps

from kling_sandbox import Fault
from kling_tools.jobs.submit import PATIENCE_SECONDS
from kling_tools.jobs.vigil import QUARANTINE_SECONDS
from kling_tools.model.status import Status

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

#: Answers that leave open whether the create was accepted, and whether it was.
BROKEN_WIRES = {
    "cut before it was taken": (Fault(on="create", reset="before"), False),
    "cut after it was taken": (Fault(on="create", reset="after"), True),
    "500, not taken": (Fault(on="create", status=500), False),
    "500, taken": (Fault(on="create", status=500, applied=True), True),
    "504, taken": (Fault(on="create", status=504, code=5002, applied=True), True),
    "a gateway's page, taken": (Fault(on="create", status=502, body="<html>", applied=True), True),
    "half an answer": (Fault(on="create", truncate=10), True),
}


@pytest.mark.parametrize(("fault", "taken"), BROKEN_WIRES.values(), ids=BROKEN_WIRES)
@keeps("nothing-twice", "nothing-lost")
async def test_a_wire_that_breaks_after_sending_leaves_exactly_one_task(
    tmp_path: Path, fault: Fault, taken: bool
) -> None:
    async with a_house(tmp_path, fault, NO_FILES) as house:
        task = await house.buy()
        assert task.status is Status.UNSURE
        assert len(await house.bought()) == int(taken)
        await house.beat(6)
        if taken:
            assert (await house.task(task.id)).status in {Status.SUBMITTED, Status.PROCESSING}
        else:
            for _ in range(12):  # up to the end of the quarantine
                await house.beat(10)
                assert len(await house.calls("create")) == 1
            await house.beat(10)
            await house.beat(1)
        assert (await house.until(task.id, Status.FETCHING)).attempts == (1 if taken else 2)
        assert await house.bought() == [task.id]
        assert await house.sent() == [task.id] * (1 if taken else 2)


@keeps("nothing-twice")
async def test_what_cannot_be_looked_up_is_not_sent_again_however_long_it_takes(tmp_path: Path) -> None:
    look_up = Fault(on="query", status=500, times=1000)
    async with a_house(tmp_path, Fault(on="create", reset="after"), look_up, NO_FILES) as house:
        task = await house.buy()
        for _ in range(30):
            await house.beat(QUARANTINE_SECONDS / 4)
        assert (await house.task(task.id)).status is Status.UNSURE
        assert len(await house.calls("create")) == 1
        await house.break_(NO_FILES)
        assert (await house.until(task.id, Status.FETCHING)).attempts == 1
        assert await house.bought() == [task.id]


@keeps("nothing-twice")
async def test_a_task_that_shows_only_after_the_quarantine_is_adopted_when_it_is_sent_again(tmp_path: Path) -> None:
    unseen = Fault(on="query", status=200, body='{"code":0,"data":[]}', times=1000)
    async with a_house(tmp_path, Fault(on="create", reset="after"), unseen, NO_FILES) as house:
        task = await house.buy()
        await house.quarantine()
        assert (await house.task(task.id)).status is Status.QUEUED
        await house.beat(1)
        assert (await house.task(task.id)).status is Status.UNSURE, "the provider says it exists and does not show it"
        await house.break_(NO_FILES)
        await house.until(task.id, Status.FETCHING)
        assert await house.bought() == [task.id]
        assert len(await house.calls("create")) == 2


async def test_a_task_adopted_at_its_end_brings_its_charge(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", reset="after")) as house:
        task = await house.buy()
        await house.beat(100)
        task = await house.task(task.id)
        assert task.status is Status.FETCHING
        assert task.charge is not None
        assert task.charge.usd == PAID


@pytest.mark.parametrize(
    ("code", "named"), [(1301, "moderated"), (1102, "no_balance"), (1000, "unauthorised"), (1201, "not_accepted")]
)
@keeps("within-budget")
async def test_a_refusal_ends_the_task_and_gives_the_money_back(tmp_path: Path, code: int, named: str) -> None:
    async with a_house(tmp_path, Fault(on="create", code=code, message="secret\u202e plan")) as house:
        task = await house.buy()
        assert task.status is Status.FAILED
        assert task.failure is not None
        assert (task.failure.code, task.failure.spent) == (named, "no")
        assert "\u202e" not in task.failure.message
        entry = await house.journal.entry(task.id)
        assert entry is not None
        assert entry.state == "released"
        assert await house.journal.spent_today(simulated=True) == 0
        assert await house.bought() == []
        await house.beat(1000)
        assert len(await house.calls("create")) == 1


async def test_without_a_network_a_task_waits_unsent_and_then_goes(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.kling.pulled = True
        task = await house.buy()
        assert (task.status, "No connection" in task.trouble) == (Status.QUEUED, True)
        await house.beat(30)
        house.kling.pulled = False
        await house.beat(30)
        assert (await house.task(task.id)).status is Status.SUBMITTED
        assert await house.bought() == [task.id]


async def test_without_a_network_for_long_a_task_is_given_up_unsent_and_free(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.kling.pulled = True
        task = await house.buy()
        await house.beat(PATIENCE_SECONDS + 1)
        task = await house.task(task.id)
        assert task.failure is not None
        assert (task.status, task.failure.code, task.failure.spent) == (Status.FAILED, "unreachable", "no")
        assert await house.journal.spent_today(simulated=True) == 0


async def test_a_provider_without_a_free_slot_gets_the_tasks_later(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1303, times=2)) as house:
        first, second = await house.buy("one"), await house.buy("two")
        assert (first.status, second.status) == (Status.QUEUED, Status.QUEUED)
        assert first.trouble
        assert await house.bought() == []
        await house.beat(1)
        assert len(await house.calls("create")) == 2, "before its time it is not tried again"
        await house.beat(2)
        # There is room for both at once: whose wire is faster is not told (in what order they wait: test_turns).
        assert sorted((await house.sent())[2:]) == sorted([first.id, second.id])
        assert sorted(await house.bought()) == sorted([first.id, second.id])
        assert {(await house.task(i)).status for i in (first.id, second.id)} == {Status.SUBMITTED}
        entry = await house.journal.entry(first.id)
        assert entry is not None
        assert entry.state == "held"


async def test_a_provider_that_asks_for_fewer_requests_is_left_alone_and_then_asked_one_by_one(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1302)) as house:
        tasks = [await house.buy(words) for words in ("one", "two", "three")]
        assert [task.status for task in tasks] == [Status.QUEUED] * 3
        assert len(await house.calls("create")) == 1, "one was told so, and the others need not ask"
        assert "takes no more at a time" in tasks[2].trouble
        await house.beat(1)
        assert len(await house.calls("create")) == 1
        sent = []
        for _ in range(6):
            await house.beat(1)
            sent.append(len(await house.calls("create")))
        assert sent[-1] == 4
        assert all(later - before <= 1 for before, later in itertools.pairwise(sent)), "never two at once"
        assert await house.sent() == [tasks[0].id, *(task.id for task in tasks)]


async def test_a_picture_that_changed_before_it_was_sent_ends_the_task_unsent(tmp_path: Path) -> None:
    from tests.files.conftest import picture_bytes

    async with a_house(tmp_path, Fault(on="create", code=1303)) as house:
        (tmp_path / "fox.jpg").write_bytes(picture_bytes(640, 360))
        task = await house.buy(image=str(tmp_path / "fox.jpg"))
        assert task.status is Status.QUEUED
        (tmp_path / "fox.jpg").write_bytes(picture_bytes(360, 640))
        await house.beat(3)
        task = await house.task(task.id)
        assert task.failure is not None
        assert (task.status, task.failure.code, "changed" in task.failure.message) == (Status.FAILED, "bad_media", True)
        assert await house.bought() == []


class _Still(HandClock):
    """Time in which every sleep lasts."""

    async def sleep(self, seconds: float) -> None:
        """Sleep on."""
        await asyncio.Event().wait()


async def test_a_disk_that_takes_no_claim_is_not_asked_in_a_circle(tmp_path: Path) -> None:
    clock = _Still()
    async with a_house(tmp_path, NO_FILES, clock=clock) as house:
        task, order = await house.decide()
        house.store.refuse(*range(2, 10_000))
        house.engine.start()
        await house.pay(task, order)
        for _ in range(200):  # turns of the loop, in which a circle would come round
            await asyncio.sleep(0.001)
        assert house.store.writes <= 3, "the intent, the caller's claim, and one more"
        house.store.refuse()
        clock.time += 2
        house.engine.bell.ring()
        async with asyncio.timeout(BOUND):
            while (await house.task(task.id)).status is Status.QUEUED:
                await asyncio.sleep(0.01)
        await house.engine.stop()

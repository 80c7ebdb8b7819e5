"""How many places a task takes at the provider: as many as it makes pictures, and alone where there are not enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.jobs.bureau import LIP_SYNC, LIPS, Bureau
from tests.jobs.house import START, House, a_house, a_task
from tests.jobs.stories import a_journal, after, seen
from tests.promises import keeps
from tests.providers.values import PLAN

from kling_tools.jobs.journal import Journal
from kling_tools.model.plan import Plan
from kling_tools.model.status import Status
from kling_tools.model.tasks import Claimed, Doubted, PutBack, Task

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

#: One call with so many places; the work itself does not matter here.
ONE_CALL = replace(
    LIP_SYNC,
    model="kling-avatar",
    spec=replace(LIP_SYNC.spec, speech=None),
    inputs=(*LIP_SYNC.inputs, replace(LIP_SYNC.inputs[0], role="audio", kind="audio", text="https://a.test/a.mp3")),
)


def taking(slots: int, number: int = 0) -> Plan:
    """Return a plan that takes so many places; `number` tells it from others."""
    return replace(ONE_CALL, slots=slots, spec=replace(ONE_CALL.spec, volume=number / 10))


async def written(journal: Journal, slots: int, at: float) -> Task:
    """Write down a task that takes so many places."""
    return await after(journal, a_task(plan=replace(PLAN, slots=slots), now=START + at))


async def test_a_claim_counts_places_and_not_tasks(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        three, other_three, two = [await written(journal, n, at) for at, n in enumerate((3, 3, 2))]
        assert await journal.claim(three.id, 5)
        assert await journal.claim(other_three.id, 5) is None, "3 and 3 are more than 5"
        assert await journal.claim(two.id, 5) is None, "nobody overtakes what has waited longer"
        await journal.apply(three.id, seen(three, "succeeded"))
        assert await journal.claim(other_three.id, 5)
        assert await journal.claim(two.id, 5), "3 and 2 are 5"


@pytest.mark.parametrize("state", ["sending", "in doubt", "running"])
async def test_what_may_be_running_keeps_all_its_places(tmp_path: Path, state: str) -> None:
    async with a_journal(tmp_path) as journal:
        large = a_task(plan=replace(PLAN, slots=4))
        more = {"sending": (), "in doubt": (Doubted("cut"),), "running": (seen(large, "processing"),)}[state]
        await after(journal, large, Claimed(), *more)
        late = await written(journal, 2, 1)
        assert await journal.claim(late.id, 5) is None
        assert await journal.claim(late.id, 6)


async def test_a_task_that_takes_more_places_than_there_are_runs_alone(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        one, nine, small = [await written(journal, n, at) for at, n in enumerate((1, 9, 1))]
        assert await journal.claim(one.id, 5)
        assert await journal.claim(nine.id, 5) is None
        assert await journal.claim(small.id, 5) is None
        await journal.apply(one.id, seen(one, "succeeded"))
        assert await journal.claim(nine.id, 5)
        assert await journal.claim(small.id, 5) is None, "and nobody beside it"
        await journal.apply(nine.id, seen(nine, "succeeded"))
        assert await journal.claim(small.id, 5)


async def test_a_large_task_that_was_put_back_keeps_its_turn(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        large = await after(journal, a_task(plan=replace(PLAN, slots=5)), Claimed(), PutBack("busy", 8))
        small = await written(journal, 1, 1)
        assert await journal.claim(small.id, 5) is None
        assert (await journal.get([large.id]))[large.id].status is Status.QUEUED


async def wish(house: House, slots: int, number: int) -> Task:
    """Buy a task that takes so many places."""
    return await house.pay(*await house.ready(taking(slots, number)))


@keeps("nothing-lost")
async def test_the_engine_fills_places_oldest_first_and_brings_all_through(tmp_path: Path) -> None:
    bureau = Bureau(ends="processing")
    async with a_house(tmp_path, provider=bureau) as house:
        for number, slots in enumerate((3, 3, 2, 9, 1)):
            await wish(house, slots, number)
        ran: list[list[int]] = []
        for _ in range(5):
            await house.beat(10)
            active = await house.journal.active("sandbox")
            running = [t for t in active if t.status in {Status.SUBMITTED, Status.PROCESSING}]
            if not running:
                break
            ran.append([t.plan.slots for t in running])
            for task in running:
                assert task.remote is not None
                await house.journal.apply(task.id, seen(task, "failed"))
        assert ran == [[3], [3, 2], [9], [1]]
        assert bureau.reached.count(LIPS) == 5


async def test_a_task_without_room_is_not_read_anew_at_every_beat(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=Bureau(ends="processing")) as house:
        for number, slots in enumerate((3, 3, 1)):
            await wish(house, slots, number)
        house.store.writes = 0
        for _ in range(3):
            await house.engine.pump(house.account)
            await house.rest()
        assert house.store.writes == 0, "nobody tries to claim what does not fit"

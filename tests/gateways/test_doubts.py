"""A lost answer at a vendor that lists its tasks: the very one is found again, what may be another's is never taken."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.gateways.trading import LONG, a_clip, opened, silent
from tests.studio.open import FastClock
from tests.vendors.floor import Pace, Time
from tests.vendors.serving import Fake, serving
from tests.vendors.vendor import Vendor

from kling_tools.jobs.doubts import SETTLED_SECONDS
from kling_tools.model.requests import ListTasks
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task
from kling_tools.studio import Studio

LONGER = {fake: pytest.param(fake, marks=pytest.mark.long) for fake in ("replicate", "fal", "aimlapi")}
LISTING = ["replicate", LONGER["fal"], LONGER["aimlapi"]]
#: These two show what was asked for, and no name of its sender's.
BY_REQUEST = [LONGER["replicate"], LONGER["fal"]]
#: So fast that minutes pass in a second, and slow enough that no request counts as held up.
SPEED = 40.0
pytestmark = pytest.mark.anyio


class SameTime(Time):
    """The studio's own time: both sides' clocks go alike."""

    def __init__(self, clock: FastClock) -> None:
        super().__init__()
        self._clock = clock

    def now(self) -> float:
        """Return the fast time."""
        return self._clock.now()


def like(vendor: Vendor, prompt: str) -> dict[str, object]:
    """Return the last create's body with another prompt."""
    body = dict(vendor.creates[-1])
    if "input" in body:
        return {**body, "input": {**body["input"], "prompt": prompt}}
    return {**body, "prompt": prompt}


async def until_ended(studio: Studio, task_id: str) -> Task:
    """Wait for the end, in the fast time."""
    for _ in range(10):
        (task,) = await studio.wait([task_id], LONG, silent)
        if task.status.ended:
            return task
    raise AssertionError(f"still {task.status}: {task.trouble}")


async def settled(studio: Studio, task_id: str) -> Task:
    """Let the time pass in which its vendor may still show others."""
    until = studio.clock.now() + SETTLED_SECONDS + 70
    while (left := until - studio.clock.now()) > 0:
        (task,) = await studio.wait([task_id], left, silent)
        if task.status.ended:
            break
    return task


@pytest.mark.parametrize("fake", LISTING)
async def test_a_lost_answer_is_found_again_in_the_vendors_own_list_and_bought_once(fake: str, tmp_path: Path) -> None:
    clock = FastClock(speed=SPEED)
    async with serving(Fake(fake), clock=SameTime(clock), tick=0.0) as vendor:
        vendor.page_size, vendor.lag = 1, 20.0
        async with opened(tmp_path, (Fake(fake), vendor), clock=clock) as studio:
            vendor.fault("cut")
            task = await studio.create(a_clip())
            assert task.status is Status.UNSURE
            assert "own list is searched" in task.trouble
            vendor.bought_elsewhere(like(vendor, "Somebody else's wish"))
            vendor.bought_elsewhere(vendor.creates[0], ago=3600.0)
            ended = await until_ended(studio, task.id)
            assert ended.status is Status.SUCCEEDED, ended
            assert ended.remote is not None
            assert ended.remote.id == vendor.tasks[0].id
            assert any("found again" in note for note in ended.notes)
            assert Path(ended.outputs[0].path).is_file()
        assert vendor.count("create") == 1
        assert vendor.count("list") > 1


@pytest.mark.parametrize("fake", BY_REQUEST)
async def test_of_two_tasks_there_that_ask_for_just_this_none_is_taken(fake: str, tmp_path: Path) -> None:
    clock = FastClock(speed=SPEED)
    async with serving(Fake(fake), clock=SameTime(clock), tick=0.0) as vendor:
        async with opened(tmp_path, (Fake(fake), vendor), clock=clock) as studio:
            vendor.fault("cut")
            before = await studio.budget_left()
            task = await studio.create(a_clip())
            vendor.bought_elsewhere(vendor.creates[0])
            later = await settled(studio, task.id)
            assert (later.status, later.remote) == (Status.UNSURE, None)
            assert "2 tasks there ask for just this" in later.trouble
            assert await studio.budget_left() < before
        assert vendor.count("create") == 1


@pytest.mark.parametrize("fake", BY_REQUEST)
async def test_two_doubts_of_one_request_never_take_the_same_task(fake: str, tmp_path: Path) -> None:
    clock = FastClock(speed=SPEED)
    async with serving(Fake(fake), clock=SameTime(clock), tick=0.0, pace=Pace(1, 2)) as vendor:
        async with opened(tmp_path, (Fake(fake), vendor), clock=clock) as studio:
            vendor.fault("reset")
            first = await studio.create(a_clip())
            assert first.status is Status.UNSURE
            vendor.fault("hang")
            second = asyncio.create_task(studio.create(a_clip(again=True)))
            while not vendor.creates:
                await asyncio.sleep(0)
            # The only one there is the second's, whose answer is still on its way.
            later = await settled(studio, first.id)
            assert (later.status, later.remote) == (Status.UNSURE, None)
            assert vendor.count("list") > 0
            second.cancel()
        async with opened(tmp_path, (Fake(fake), vendor), clock=clock) as studio:
            one, other = (await studio.list(ListTasks())).tasks
            await asyncio.gather(settled(studio, one.id), settled(studio, other.id))
            tasks = (await studio.list(ListTasks())).tasks
            assert [task.remote.id for task in tasks if task.remote] == [vendor.tasks[0].id]
            for task in tasks:
                if task.remote is None:
                    assert task.status is Status.UNSURE
                else:
                    assert (await until_ended(studio, task.id)).status is Status.SUCCEEDED
        assert len(vendor.bills) == 1


@pytest.mark.parametrize(("kind", "said"), [("cut", "has fallen by"), ("reset", "has not fallen")])
async def test_where_there_is_only_a_balance_it_is_a_hint_to_the_person_and_no_more(
    kind: str, said: str, tmp_path: Path
) -> None:
    clock = FastClock(speed=SPEED)
    async with serving(Fake.KIE) as vendor, opened(tmp_path, (Fake.KIE, vendor), clock=clock) as studio:
        vendor.fault(kind)
        task = await studio.create(a_clip())
        assert task.status is Status.UNSURE
        later = await settled(studio, task.id)
        assert (later.status, later.remote) == (Status.UNSURE, None)
        assert f"The balance there {said}" in later.trouble
        assert "never sent again" in later.trouble
        assert vendor.count("create") == 1

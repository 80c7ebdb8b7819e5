"""Looking at an account: as rarely as possible, early enough, and never two at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from tests.jobs.house import NO_FILES, RICH, HandClock, House, a_house, a_task, open_store
from tests.promises import keeps

from kling_sandbox import Fault
from kling_tools.clock import SystemClock
from kling_tools.jobs.engine import IDLE_SECONDS
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.pace import LONGEST_AWAITED, LONGEST_LOOK
from kling_tools.jobs.watch import LONGEST_SILENCE
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task, Withdrawn

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

HOUR = 3600.0
#: What `buy` buys takes 65 s, and at this speed 45 s.
TAKES, SPEED = 45.0, 65 / 45


@dataclass
class LoopClock(HandClock):
    """The clock of an engine that runs by itself: it stands still while there is work, and when `passing` is over."""

    house: House | None = None
    end: float = 0.0
    sleeps: list[float] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    on: asyncio.Event = field(default_factory=asyncio.Event)

    async def sleep(self, seconds: float) -> None:
        """Let the time pass once nothing is under way."""
        if self.house is not None:
            await self.house.rest()
        until = self.time + seconds
        while until > self.end:
            self.time = max(self.time, self.end)
            self.on.clear()
            self.over.set()
            await self.on.wait()
        self.sleeps.append(seconds)
        self.time = max(self.time, until)
        await asyncio.sleep(0)

    async def passing(self, seconds: float) -> None:
        """Let so much time pass."""
        self.end = self.time + seconds
        self.over.clear()
        self.on.set()
        await asyncio.wait_for(self.over.wait(), 100)


@asynccontextmanager
async def a_running_house(folder: Path, *faults: Fault) -> AsyncIterator[tuple[House, LoopClock]]:
    """Open a house whose engine runs by itself."""
    clock = LoopClock()
    async with a_house(folder, *faults, clock=clock, kling_speed=SPEED) as house:
        clock.house = house
        house.engine.start()
        await clock.passing(0.5)
        try:
            yield house, clock
        finally:
            clock.house = None
            await house.engine.stop()


async def looks(house: House) -> list[str]:
    """Return the methods of the looks so far: POST is a list, GET a question by id."""
    return [call["method"] for call in await asked(house)]


async def asked(house: House) -> list[dict[str, Any]]:
    """Return the questions that reached the provider."""
    return [c for kind in ("list", "query") for c in await house.calls(kind)]


async def noticed(house: House, clock: LoopClock, prompt: str) -> tuple[float, int]:
    """Buy a task and let the engine watch it; return how late its end was noticed, and the questions it took."""
    before = len(await looks(house))
    task = await house.buy(prompt)
    accepted = clock.time
    await clock.passing(TAKES + 40)
    history = await house.journal.history(task.id)
    at = next(h.at for h in history if h.status == "fetching")
    queries = [c for c in (await asked(house))[before:] if c["at"] <= at]
    return at - accepted - TAKES, len(queries)


# --- when -----------------------------------------------------------------------------------------------------------


async def test_a_single_task_is_noticed_within_two_seconds_with_at_most_six_queries(tmp_path: Path) -> None:
    async with a_running_house(tmp_path, NO_FILES) as (house, clock):
        found = []
        for number in range(20):
            spread = 2 + number / 2
            known = [TAKES - spread / 2 + spread * n / 19 for n in range(20)]
            house.engine.times.learn({("sandbox", "kling-3.0", 3.0): known})
            found.append(await noticed(house, clock, f"fox {number}"))
        assert median(lag for lag, _ in found) <= 2.0
        assert max(queries for _, queries in found) <= 6


async def test_what_it_learns_by_itself_does_not_run_away(tmp_path: Path) -> None:
    async with a_running_house(tmp_path, NO_FILES) as (house, clock):
        found = [await noticed(house, clock, f"fox {number}") for number in range(14)]
        assert max(queries for _, queries in found) <= 8
        assert median(lag for lag, _ in found[7:]) <= 2.0


async def test_an_idle_engine_sleeps(tmp_path: Path) -> None:
    async with a_running_house(tmp_path) as (house, clock):
        clock.sleeps.clear()
        await clock.passing(HOUR)
        assert len(clock.sleeps) <= HOUR / IDLE_SECONDS + 1
        assert await looks(house) == []


async def test_what_another_process_did_is_noticed_while_something_is_active(tmp_path: Path) -> None:
    async with a_running_house(tmp_path) as (house, clock):
        await house.buy()
        await clock.passing(3)
        store = open_store(house.folder)
        other = Journal(store, clock)
        task = a_task(now=clock.time)
        await other.enqueue(task, RICH, again=False)
        ring = asyncio.ensure_future(house.engine.bell.wait(SystemClock(), 20))
        await clock.passing(2)
        assert ring.done(), "whoever waits here is woken"
        assert task.id not in await house.bought(), "that one is the other's to send"
        await other.apply(task.id, Withdrawn())
        await clock.passing(10)
        assert (await house.task(task.id)).status is Status.CANCELLED
        assert task.id not in await house.bought()
        await store.close()


# --- how ------------------------------------------------------------------------------------------------------------


async def test_many_are_listed_and_only_what_left_the_list_is_asked_for(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES, slots=200, kling_slots=200) as house:
        doomed = await house.buy("doomed", model="kling-2.6", seconds=5)
        tasks = [await house.buy(f"fox {n}") for n in range(64)]
        assert doomed.remote is not None
        await house.beat(10)
        assert await looks(house) == ["POST"]
        assert {(await house.task(t.id)).status for t in tasks} == {Status.PROCESSING}
        house.clock.time = doomed.created + 62
        await house.engine.look_soon(external_id=doomed.id, remote_id="")
        await house.beat()
        assert (await house.task(doomed.id)).status is Status.FETCHING
        assert {(await house.task(t.id)).status for t in tasks} == {Status.PROCESSING}
        assert (await looks(house)).count("POST") == 2
        (one,) = await house.calls("query")
        assert one["query"]["task_ids"] == doomed.remote.id


async def test_a_callback_about_one_of_very_many_asks_for_that_one(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES, slots=200, kling_slots=200) as house:
        tasks = [await house.buy(f"fox {n}") for n in range(65)]
        await house.beat(20)
        before = len(await looks(house))
        await house.engine.look_soon(external_id=tasks[7].id, remote_id="")
        await house.beat(0.1)
        (one,) = (await asked(house))[before:]
        assert one["query"]["task_ids"] == (tasks[7].remote.id if tasks[7].remote else "")


async def test_two_triggers_at_once_are_one_look(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        await house.buy()
        house.clock.time += 10
        await asyncio.gather(*(house.engine.beat(house.account) for _ in range(4)))
        await house.rest()
        assert len(await looks(house)) == 1


async def test_a_waiting_caller_brings_the_look_at_a_straggler_forward(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES, kling_speed=0.1) as house:
        task = await straggling(house)
        await house.beat(LONGEST_LOOK / 2)
        before = len(await looks(house))
        await asyncio.gather(*(house.engine.wait([task.id], 0) for _ in range(5)))
        await house.beat()
        await house.beat()
        assert len(await looks(house)) == before + 1, "five who wait share a look"
        house.clock.time += LONGEST_AWAITED
        await house.engine.wait([task.id], 0)
        await house.beat()
        assert len(await looks(house)) == before + 2


async def straggling(house: House) -> Task:
    """Buy a task that takes far longer than was thought, and have looked at it just now."""
    task = await house.buy()
    await house.beat(400)
    return await house.task(task.id)


# --- clocks and cables ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leap", [HOUR, -HOUR, 300 * HOUR, -300 * HOUR])
@keeps("nothing-lost")
async def test_a_clock_that_is_set_leads_to_one_look_and_stops_none(tmp_path: Path, leap: float) -> None:
    async with a_house(tmp_path, NO_FILES, kling_speed=0.1) as house:
        task = await straggling(house)
        before = len(await looks(house))
        house.clock.step(leap)
        await house.beat(1)
        assert len(await looks(house)) == before + 1
        await house.beat(1)
        assert len(await looks(house)) == before + 1, "one is enough"
        if leap > 0:
            assert (await house.task(task.id)).status is Status.FETCHING
        else:
            await house.beat(LONGEST_LOOK)
            assert len(await looks(house)) == before + 2


@keeps("nothing-lost")
async def test_after_a_laptops_sleep_one_look_brings_all_up_to_date(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        tasks = [await house.buy(f"fox {n}") for n in range(3)]
        house.clock.step(8 * HOUR)  # the clock that never steps stood still
        await house.beat(0.5)
        assert len(await looks(house)) == 1
        assert {(await house.task(t.id)).status for t in tasks} == {Status.FETCHING}


@keeps("nothing-lost", "nothing-twice")
async def test_after_hours_without_a_network_one_look_brings_all_up_to_date(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        tasks = [await house.buy(f"fox {n}") for n in range(3)]
        house.kling.pulled = True
        for _ in range(5):
            await house.beat(HOUR)
        waiting = [await house.task(task.id) for task in tasks]
        assert {task.status for task in waiting} == {Status.SUBMITTED}
        assert all("No connection" in task.trouble for task in waiting)
        house.kling.pulled = False
        await house.beat(LONGEST_SILENCE)
        assert len(await looks(house)) == 1
        assert {(await house.task(task.id)).status for task in tasks} == {Status.FETCHING}
        assert sorted(await house.bought()) == sorted(t.id for t in tasks)

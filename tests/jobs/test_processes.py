"""Who sends, watches and fetches: the process that was asked, the next one, and never two."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from tests.forks import ROOT
from tests.jobs.house import NO_FILES, PAID, RICH, a_house
from tests.promises import keeps

from kling_sandbox import Fault
from kling_tools.model.status import Status
from kling_tools.model.tasks import Claimed

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@keeps("nothing-twice", "within-budget")
async def test_eight_processes_buy_one_of_the_same_and_no_more_than_the_days_money(tmp_path: Path) -> None:
    race = [sys.executable, str(ROOT / "tests" / "grids" / "race.py"), "--at", str(tmp_path)]
    done = await asyncio.to_thread(
        subprocess.run, race, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "right" in done.stdout


@keeps("nothing-lost", "nothing-twice")
async def test_a_caller_who_leaves_takes_nothing_along(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        caller = asyncio.create_task(house.buy())
        while not await house.journal.active("sandbox"):
            await asyncio.sleep(0.001)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        await house.rest()
        await house.beat(1)
        (task,) = await house.journal.active("sandbox")
        assert task.status is Status.SUBMITTED
        assert await house.bought() == [task.id]


async def test_a_task_that_another_process_is_about_to_send_is_left_to_it_for_a_while(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task, _ = await house.decide()
        await house.journal.enqueue(task, RICH, again=False)
        await house.beat(4)
        assert await house.bought() == []
        await house.beat(4)
        assert await house.bought() == [task.id]


@pytest.mark.parametrize(
    "state", ["queued", "submitting, not sent", "submitting, sent", "unsure", "running", "fetching"]
)
@keeps("nothing-lost", "nothing-twice", "within-budget")
async def test_the_next_process_brings_to_its_end_what_the_last_one_left(tmp_path: Path, state: str) -> None:
    faults = {
        "queued": [Fault(on="create", code=1303)],
        "unsure": [Fault(on="create", reset="after")],
        "fetching": [Fault(on="file", status=500)],
    }
    end = Status.SUCCEEDED if state == "fetching" else Status.FETCHING  # to draw every film would take long
    async with a_house(tmp_path, *faults.get(state, []), *([] if state == "fetching" else [NO_FILES])) as house:
        if state.startswith("submitting"):
            task, order = await house.decide()
            await house.journal.enqueue(task, RICH, again=False)
            assert (await house.journal.claim(task.id, 5) or task).status is Status.SUBMITTING
            if state.endswith(", sent"):
                await house.client.submit(order)  # and the process dies before it writes down the answer
        else:
            task = await house.buy()
        if state == "fetching":
            await house.until(task.id, Status.FETCHING)
            await house.beat(1)
        left = (await house.task(task.id)).status
        await house.open_again()
        assert (await house.task(task.id)).status is left
        await house.beat(1)
        task = await house.until(task.id, end)
        assert await house.bought() == [task.id]
        assert await house.journal.spent_today(simulated=True) == PAID


async def test_triggers_pulled_twice_at_once_send_and_fetch_once(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1303)) as house:
        task = await house.buy()
        house.clock.time += 3
        await asyncio.gather(*(house.engine.beat(house.account) for _ in range(4)))
        await house.rest()
        assert len(await house.calls("create")) == 2
        await house.until(task.id, Status.FETCHING)
        house.clock.time += 2
        await asyncio.gather(*(house.engine.beat(house.account) for _ in range(4)))
        await house.rest()
        assert (await house.task(task.id)).status is Status.SUCCEEDED
        assert len(await house.calls("file")) == 1


async def test_a_late_event_for_a_claimed_task_of_a_dead_process_changes_nothing_twice(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task = await house.buy()
        assert await house.journal.apply(task.id, Claimed()) == task
        assert await house.journal.claim(task.id, 5) is None

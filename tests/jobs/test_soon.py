"""What a callback leads to: one look that is earlier, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.jobs.bureau import LIP_SYNC, LIPS, Bureau
from tests.jobs.house import NO_FILES, House, a_house
from tests.promises import keeps

from kling_sandbox import Fault
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def running(house: House, prompt: str = "a red fox") -> Task:
    """Buy a task and look at it, so that it is not due again for some time."""
    task = await house.buy(prompt)
    await house.beat(5)
    return await house.task(task.id)


async def looks(house: House) -> int:
    """Count the looks so far."""
    return len(await house.calls("query"))


@pytest.mark.parametrize("by", ["its own id", "ours", "both"])
async def test_a_callback_leads_to_exactly_one_early_look(tmp_path: Path, by: str) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        task = await running(house)
        assert task.remote is not None
        before = await looks(house)
        await house.beat(0.1)
        assert await looks(house) == before, "it is not due"
        remote = "" if by == "ours" else task.remote.id
        for _ in range(3):
            await house.engine.look_soon(external_id="" if by == "its own id" else task.id, remote_id=remote)
        assert await looks(house) == before, "the callback itself asks nobody"
        for _ in range(5):
            await house.beat(0.1)
        assert await looks(house) == before + 1


@keeps("nothing-lost")
async def test_a_callback_changes_nothing_by_itself(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        task = await running(house)
        history = await house.journal.history(task.id)
        await house.engine.look_soon(external_id=task.id, remote_id="")
        assert await house.task(task.id) == task
        assert await house.journal.history(task.id) == history


async def test_a_callback_about_nothing_we_have_leads_to_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        await running(house)
        before = await looks(house)
        for own, remote in (("", ""), ("k000000000000", "no-such-task"), ("' OR 1=1 --", "%")):
            await house.engine.look_soon(external_id=own, remote_id=remote)
        await house.beat(0.1)
        assert await looks(house) == before


async def test_a_callback_about_a_task_that_ended_leads_to_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", fail_task="risk"), NO_FILES) as house:
        ended = await house.until((await house.buy("one")).id, Status.FAILED)
        await running(house, "two")
        before = await looks(house)
        await house.engine.look_soon(external_id=ended.id, remote_id="")
        await house.beat(0.1)
        assert await looks(house) == before


async def test_a_provider_in_trouble_is_not_asked_more_often_for_all_its_callbacks(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        task = await running(house)
        await house.break_(Fault(on="query", status=500, times=1000))
        before = await looks(house)
        for _ in range(20):
            await house.engine.look_soon(external_id=task.id, remote_id="")
            await house.beat(0.1)
        assert await looks(house) == before + 1


async def test_a_callback_about_a_lost_create_has_it_looked_up_at_once(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", reset="after"), NO_FILES) as house:
        await house.break_(Fault(on="create", reset="after"), Fault(on="query", status=500))
        task = await house.buy()
        await house.beat(0.1)
        assert (await house.task(task.id)).status is Status.UNSURE
        await house.beat(0.1)
        assert (await house.task(task.id)).status is Status.UNSURE, "the look-up that broke is not repeated at once"
        await house.engine.look_soon(external_id=task.id, remote_id="")
        await house.beat(0.1)
        assert (await house.task(task.id)).status is Status.SUBMITTED
        before = await looks(house)
        await house.beat(0.1)
        assert await looks(house) == before, "and that was the look"


@keeps("nothing-twice")
async def test_a_callback_about_a_call_that_nobody_can_ask_about_ends_nothing_early(tmp_path: Path) -> None:
    bureau = Bureau(fates={"/v1/audio/tts": ["dies after"]})
    async with a_house(tmp_path, provider=bureau) as house:
        bureau.die = lambda: house.life.end()
        task, order = await house.ready(LIP_SYNC)
        await house.survive(house.pay(task, order))
        for _ in range(5):
            await house.engine.look_soon(external_id=task.id, remote_id="")
            await house.beat(1)
        assert (await house.task(task.id)).status is Status.SUBMITTING
        assert LIPS not in bureau.reached

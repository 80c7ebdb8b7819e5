"""What a provider's list shows is taken once, and by nobody while it may be another's: judged where it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.jobs.house import RICH, House, a_house, a_task

from kling_tools.jobs.doubts import is_taken
from kling_tools.model.status import Status
from kling_tools.model.tasks import Adopted, Claimed, Doubted, Event, Observation, PutBack, Remote, Seen, Task

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

SHOWN = Remote(id="r-1", product="/p", host="https://vendor.example")
THERE = Observation(remote=SHOWN, external_id="", status="processing")


async def stands(house: House, *events: Event) -> Task:
    """Return a task that asked for one and the same, and to which this happened."""
    task = (await house.journal.enqueue(a_task(), RICH, again=True)).task
    for event in (Claimed("a fox"), *events):
        task = await house.journal.apply(task.id, event)
    return task


async def taken_over(house: House, doubt: Task, *, sure: bool = True) -> Task:
    """Return what becomes of a doubt that is offered what is shown."""
    guard = is_taken(SHOWN.id, sure=sure)
    return await house.journal.apply(doubt.id, Adopted(THERE, "found"), standing=doubt, unless=guard)


async def test_a_task_that_is_shown_is_taken_over_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        one, other = await stands(house, Doubted("lost")), await stands(house, Doubted("lost"))
        assert (await taken_over(house, one)).status is Status.PROCESSING
        assert await taken_over(house, other) == other
        assert await taken_over(house, other, sure=False) == other


async def test_what_was_answered_or_has_ended_keeps_its_own(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await stands(house, Seen(THERE))
        doubt = await stands(house, Doubted("lost"))
        assert await taken_over(house, doubt) == doubt


async def test_nothing_is_taken_that_may_be_of_one_that_is_being_sent(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        doubt, sending = await stands(house, Doubted("lost")), await stands(house)
        assert await taken_over(house, doubt) == doubt
        await house.journal.apply(sending.id, PutBack("nothing left", 0.0))
        assert (await taken_over(house, doubt)).remote == SHOWN


async def test_one_that_is_being_sent_with_another_wish_is_in_nobodys_way(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        doubt, other = await stands(house, Doubted("lost")), a_task()
        await house.journal.enqueue(other, RICH, again=True)
        await house.journal.apply(other.id, Claimed("a hare"))
        assert (await taken_over(house, doubt)).remote == SHOWN

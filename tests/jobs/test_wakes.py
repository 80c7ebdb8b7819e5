"""Who hears of what, and how soon: another process of the same journal, and whoever watches the account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.jobs.house import BOUND, NO_FILES, RICH, House, a_house, a_task, open_store
from tests.jobs.stories import a_journal, after
from tests.jobs.test_watch import a_running_house, looks, straggling
from tests.promises import keeps

from kling_sandbox import Fault
from kling_tools.clock import SystemClock
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.news import News
from kling_tools.jobs.pace import LONGEST_AWAITED, LONGEST_LOOK
from kling_tools.model.errors import StorageUnavailable
from kling_tools.model.status import Status
from kling_tools.model.tasks import Withdrawn

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@asynccontextmanager
async def elsewhere(house: House) -> AsyncIterator[House]:
    """Be another process at the same journal, which watches nothing."""
    other = House(house.folder, clock=house.clock)
    try:
        yield other
    finally:
        await other.client.aclose()
        await other.store.close()


async def test_an_idle_process_hears_of_what_others_wrote_within_two_seconds(tmp_path: Path) -> None:
    async with a_running_house(tmp_path) as (house, clock):
        store = open_store(house.folder)
        other = Journal(store, clock)
        task = a_task(now=clock.time)
        for change in (other.enqueue(task, RICH, again=False), other.apply(task.id, Withdrawn())):
            ring = asyncio.ensure_future(house.engine.bell.wait(SystemClock(), 20))
            await asyncio.sleep(0)
            await change
            await clock.passing(2)
            assert ring.done()
        await store.close()


async def test_a_callback_that_arrives_elsewhere_leads_to_exactly_one_early_look(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES, kling_speed=0.1) as house, elsewhere(house) as other:
        task = await straggling(house)
        before = len(await looks(house))
        await house.beat(1)
        assert len(await looks(house)) == before, "it is not due"
        history = await house.journal.history(task.id)
        for _ in range(3):
            await other.engine.look_soon(external_id=task.id, remote_id="")
        for _ in range(4):
            await house.beat(1)
        assert len(await looks(house)) == before + 1
        assert await house.journal.history(task.id) == history, "nothing of it is believed"


async def test_a_running_watcher_looks_within_two_seconds_of_a_callback_elsewhere(tmp_path: Path) -> None:
    async with a_running_house(tmp_path, NO_FILES) as (house, clock), elsewhere(house) as other:
        task = await house.buy()
        await clock.passing(8)
        before = len(await looks(house))
        await other.engine.look_soon(external_id=task.id, remote_id="")
        await clock.passing(2)
        assert len(await looks(house)) == before + 1


@keeps("nothing-twice")
async def test_a_callback_elsewhere_about_a_lost_create_has_it_looked_up(tmp_path: Path) -> None:
    faults = (Fault(on="create", reset="after"), Fault(on="query", status=500))
    async with a_house(tmp_path, *faults, NO_FILES) as house, elsewhere(house) as other:
        task = await house.buy()
        await house.beat(0.1)
        await house.beat(0.1)
        assert (await house.task(task.id)).status is Status.UNSURE
        await other.engine.look_soon(external_id=task.id, remote_id="")
        await house.beat(0.1)
        assert (await house.task(task.id)).status is Status.SUBMITTED


async def test_a_flood_of_callbacks_is_written_down_once_a_second(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house, elsewhere(house) as other:
        task = await house.buy()
        other.store.writes = 0
        for _ in range(30):
            house.clock.time += 0.1
            await other.engine.look_soon(external_id=task.id, remote_id="")
            await other.engine.look_soon(external_id="k000000000000", remote_id="%")
        assert other.store.writes <= 4


async def test_who_waits_elsewhere_draws_the_looks_closer_and_writes_seldom(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES, kling_speed=0.1) as house, elsewhere(house) as other:
        task = await straggling(house)
        await other.beat()
        before, other.store.writes = len(await looks(house)), 0
        for _ in range(int(LONGEST_LOOK)):
            await asyncio.gather(*(other.engine.wait([task.id], 0) for _ in range(5)))
            await house.beat(1)
        assert len(await looks(house)) - before >= LONGEST_LOOK / LONGEST_AWAITED - 1
        assert other.store.writes <= 3


async def test_what_is_told_here_is_read_once_more_since_another_may_have_overtaken_it(tmp_path: Path) -> None:
    heard: list[tuple[str, Status | None]] = []
    async with a_journal(tmp_path) as journal:
        news = News(journal, {"sandbox"}, lambda _, task_id, task: heard.append((task_id, task and task.status)))
        task = await after(journal, a_task())
        await after(journal, a_task(account="elsewhere"))
        await news.hear()
        news.told("sandbox", task.id)
        for _ in range(3):
            await news.hear()
        assert heard == [(task.id, Status.QUEUED)] * 2
        await journal.apply(task.id, Withdrawn())
        await news.hear()
        assert heard[2:] == [(task.id, None)]


async def test_a_read_that_breaks_loses_nothing(tmp_path: Path) -> None:
    heard: list[str] = []
    async with a_house(tmp_path) as house:
        news = News(house.journal, {"sandbox"}, lambda _, task_id, task: heard.append(task_id))
        task = await house.buy()
        read = house.store.read
        house.store.read = refusing  # type: ignore[assignment]
        with pytest.raises(StorageUnavailable):
            await news.hear()
        house.store.read = read
        await news.hear()
        assert heard == [task.id]


async def refusing(_: object) -> None:
    """Be a disk that cannot be read."""
    raise StorageUnavailable("The disk is gone.")


async def test_the_watch_goes_on_after_a_fault_that_nobody_foresaw(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        task = await house.buy()
        await house.open_again()
        read = house.store.read
        house.store.read = faulty  # type: ignore[assignment]
        house.engine.start()
        async with asyncio.timeout(BOUND):
            while not caplog.records:
                await asyncio.sleep(0.01)
            house.store.read = read
            while (await house.task(task.id)).status is not Status.FETCHING:
                await asyncio.sleep(0.01)
        await house.engine.stop()


async def faulty(_: object) -> None:
    """Be a fault of ours."""
    raise LookupError("never seen before")

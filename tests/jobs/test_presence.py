"""Who may send what was claimed: its owner, while the kernel or the database says that it lives, suspended or not."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from tests.jobs.house import BOUND, NO_FILES, RICH, HandClock, House, a_house, open_offices
from tests.jobs.others import another_process, hear
from tests.jobs.postgres_server import Server
from tests.promises import keeps

from kling_sandbox import Fault
from kling_tools.jobs.database import Connection
from kling_tools.jobs.election import FileOffices, Offices
from kling_tools.jobs.election_postgres import SessionOffices
from kling_tools.jobs.questions import Claim
from kling_tools.jobs.submit import submit
from kling_tools.model.errors import StorageUnavailable
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task

pytestmark = pytest.mark.anyio

T = TypeVar("T")

on_both_databases = pytest.mark.usefixtures("database")


async def claimed_by(house: House, owner: str) -> Task:
    """Return a task that another process has claimed and not sent."""
    task, _ = await house.decide()
    await house.journal.enqueue(task, RICH, again=False)
    claimed = await house.journal.claim(task.id, 5, Claim("one key", owner))
    assert claimed is not None
    return claimed


class Fleeting:
    """A presence that is gone by the time of the sending."""

    def __init__(self, offices: Offices) -> None:
        self.name, self.lives_elsewhere = offices.name, offices.lives_elsewhere

    async def stands(self, name: str) -> bool:
        """Stand no more."""
        return False


class Nameless(Fleeting):
    """A presence that cannot be made known."""

    def __init__(self, offices: Offices) -> None:
        super().__init__(offices)
        self.name = self._none

    async def _none(self) -> str:
        raise StorageUnavailable("No lock can be had.")


@on_both_databases
async def test_a_process_keeps_one_name_and_the_others_see_it_live_and_end(tmp_path: Path) -> None:
    one, two = open_offices(tmp_path, HandClock()), open_offices(tmp_path, HandClock())
    first, second = await one.name(), await two.name()
    assert first == await one.name() != second
    assert (await one.stands(first), await two.stands(first)) == (True, False)
    assert (await two.lives_elsewhere(first), await one.lives_elsewhere(first)) == (True, False)
    assert not await two.lives_elsewhere("")
    await one.close()
    async with asyncio.timeout(60):
        while await two.lives_elsewhere(first):  # a database takes note of an ended session a moment later
            pass
    await two.close()
    assert not list(tmp_path.glob("alive-*"))


@on_both_databases
@pytest.mark.skipif(os.name != "posix", reason="signals")
@keeps("nothing-twice", "nothing-lost")
async def test_a_suspended_process_lives_and_a_killed_one_does_not(tmp_path: Path) -> None:
    offices = open_offices(tmp_path, HandClock())
    with another_process("live", str(tmp_path)) as other:
        name = hear(other)
        assert await offices.lives_elsewhere(name)
        other.send_signal(signal.SIGSTOP)
        assert await offices.lives_elsewhere(name)
        other.kill()
        other.wait(timeout=50)
        assert not await offices.lives_elsewhere(name)
    await offices.close()


@on_both_databases
@keeps("nothing-twice")
async def test_what_a_living_process_has_claimed_is_never_sent_by_another_however_long_it_takes(tmp_path: Path) -> None:
    owner = open_offices(tmp_path, HandClock())
    async with a_house(tmp_path) as house:
        task = await claimed_by(house, await owner.name())
        for _ in range(10):
            await house.quarantine()
        assert (await house.sent(), (await house.task(task.id)).status) == ([], Status.SUBMITTING)
        await owner.close()


@on_both_databases
@keeps("nothing-twice", "nothing-lost")
async def test_the_quarantine_begins_with_the_death_of_the_owner(tmp_path: Path) -> None:
    owner = open_offices(tmp_path, HandClock())
    async with a_house(tmp_path, NO_FILES) as house:
        task = await claimed_by(house, await owner.name())
        await house.quarantine()
        await owner.close()  # its last byte may have left just now
        for _ in range(20):
            await house.beat(10)
        assert await house.sent() == []
        async with asyncio.timeout(BOUND):
            while not await house.sent():  # a database server notices a moment later that somebody has gone
                await house.beat(10)
        assert await house.sent() == [task.id]


@on_both_databases
@keeps("nothing-lost")
async def test_what_a_living_process_has_bought_is_adopted(tmp_path: Path) -> None:
    owner = open_offices(tmp_path, HandClock())
    async with a_house(tmp_path, NO_FILES) as house:
        task = await claimed_by(house, await owner.name())
        await house.client.submit(await house.orders.resume(task))
        await house.beat(1)
        assert (await house.task(task.id)).status is Status.SUBMITTED
        await owner.close()


@on_both_databases
@keeps("nothing-lost")
async def test_what_this_process_has_claimed_and_is_not_at_work_on_is_judged_by_the_quarantine(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        task = await claimed_by(house, await house.offices.name())
        for _ in range(26):
            await house.beat(10)
        assert await house.sent() == [task.id]


@on_both_databases
@keeps("nothing-twice", "nothing-lost")
async def test_a_process_that_the_others_lost_sight_of_does_not_send_and_has_not_lost_it(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        house.engine.accounts["sandbox"] = replace(house.account, presence=Fleeting(house.offices))
        task = await house.buy()
        assert (task.status, "held up" in task.trouble) == (Status.QUEUED, True)
        assert await house.sent() == []
        await house.beat(1)
        assert await house.bought() == [task.id]


@on_both_databases
@keeps("nothing-twice", "nothing-lost")
async def test_a_process_that_cannot_be_made_known_sends_nothing_and_says_why(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task, order = await house.decide()
        await house.journal.enqueue(task, RICH, again=False)
        now, refusal = await submit(replace(house.account, presence=Nameless(house.offices)), task, order)
        assert (now.status, now.trouble, refusal) == (Status.QUEUED, "No lock can be had.", None)
        assert (await house.sent(), (await house.task(task.id)).status) == ([], Status.QUEUED)


@on_both_databases
@keeps("nothing-twice")
async def test_a_create_that_was_answered_no_is_no_doubt_for_anybody(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1303), NO_FILES) as house:
        task = await house.buy()
        assert (await house.journal.claimed_by(task.id)).owner == await house.offices.name()
        await house.beat(5)
        assert await house.bought() == [task.id]


# --- files ----------------------------------------------------------------------------------------------------------


async def test_what_dead_processes_left_is_cleared_away_and_what_the_living_hold_is_not(tmp_path: Path) -> None:
    living, new = FileOffices(tmp_path), FileOffices(tmp_path)
    name = await living.name()
    (tmp_path / "alive-0123456789abcdef.lock").touch()
    await new.name()
    assert (tmp_path / f"alive-{name}.lock").exists()
    assert len(list(tmp_path.glob("alive-*"))) == 2
    for offices in (living, new):
        await offices.close()


@keeps("nothing-twice")
async def test_a_process_whose_lock_file_was_removed_stands_no_more_and_takes_another_name(tmp_path: Path) -> None:
    offices = FileOffices(tmp_path)
    name = await offices.name()
    (tmp_path / f"alive-{name}.lock").unlink()
    assert not await offices.stands(name)
    assert await offices.name() != name
    await offices.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
async def test_a_forked_child_neither_is_its_parent_nor_keeps_it_alive(tmp_path: Path) -> None:
    parent, other = FileOffices(tmp_path), FileOffices(tmp_path)
    name = await parent.name()
    with another_process("fork", str(tmp_path)) as forked:
        told, child = hear(forked).split()
        assert await other.lives_elsewhere(told)
        forked.kill()
        forked.wait(timeout=50)
        try:
            async with asyncio.timeout(120):
                while await other.lives_elsewhere(told):  # a child lets go as soon as it runs
                    pass
        finally:
            os.kill(int(child), signal.SIGKILL)
    assert await other.lives_elsewhere(name)
    for offices in (parent, other):
        await offices.close()


async def test_a_data_directory_that_cannot_be_used_is_told_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(StorageUnavailable):
        await FileOffices(tmp_path / "data").name()


# --- sessions -------------------------------------------------------------------------------------------------------


@keeps("nothing-twice")
async def test_a_replica_that_lost_its_session_stands_no_more_under_its_old_name(postgres: Server) -> None:
    url = postgres.new_database()
    offices, other = SessionOffices(url, HandClock()), SessionOffices(url, HandClock())
    name = await offices.name()
    assert await other.lives_elsewhere(name)
    postgres.stop()
    assert not await offices.stands(name)
    with pytest.raises(StorageUnavailable):
        await other.lives_elsewhere(name)
    with pytest.raises(StorageUnavailable):
        await offices.name()
    postgres.start()
    assert await offices.name() != name
    assert not await other.lives_elsewhere(name)
    for one in (offices, other):
        await one.close()


class Unanswering:
    """A journal's disk that does what it is told and whose second answer is lost."""

    def __init__(self, house: House) -> None:
        self._do = house.store.do
        self._writes = 0

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Write, and tell or not."""
        self._writes += 1
        result = await self._do(work)
        if self._writes == 2:
            raise StorageUnavailable("It went away; whether it was written is not known.", spent="unknown")
        return result


@on_both_databases
@keeps("nothing-lost", "nothing-twice")
async def test_a_claim_whose_answer_was_lost_is_sent_although_another_process_watches(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_house(tmp_path, NO_FILES, clock=clock) as watcher:
        assert await watcher.offices.holds("sandbox")
        house = House(tmp_path, clock=clock)
        house.kling = watcher.kling
        house.store.do = Unanswering(house).do  # type: ignore[method-assign]
        task = await house.pay(*await house.decide())
        assert task.status is Status.SUBMITTING
        await watcher.quarantine()
        assert (await house.task(task.id)).status is Status.SUBMITTING, "its process lives"
        house.engine.start()
        async with asyncio.timeout(BOUND):
            while not await house.sent():
                await asyncio.sleep(0.01)
        await house.engine.stop()
        assert await house.bought() == [task.id]
        await house.client.aclose()
        await house.store.close()

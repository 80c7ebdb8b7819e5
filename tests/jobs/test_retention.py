"""What a person does not want to keep for ever goes, oldest first; nothing else ever does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.files.conftest import picture_bytes
from tests.jobs.bureau import Bureau
from tests.jobs.finished import ready_to_fetch
from tests.jobs.house import ADDRESS, House, a_house, a_task
from tests.promises import keeps
from tests.providers.values import PLAN

from kling_tools.jobs.retention import EVERY_SECONDS, Keeping, Retention
from kling_tools.model.plan import Input
from kling_tools.model.specs import FilmSpec
from kling_tools.model.status import Status
from kling_tools.model.tasks import Event, Recalled, RemoteOutput, Task

pytestmark = pytest.mark.anyio

DAY = 86_400.0


def retention(house: House, **keeping: float) -> Retention:
    """Return what tidies this house."""
    limits = Keeping(keeping.get("days", 0.0), int(keeping.get("size", 0)))
    return Retention(house.journal, house.folder, house.folder / "brought", limits)


async def a_picture(house: House) -> Task:
    """Fetch a picture now, by the house's clock."""
    found = RemoteOutput(kind="image", url=f"{ADDRESS}/files/a.jpg")
    task = await ready_to_fetch(house, PLAN, found)
    await house.beat(2)
    task = await house.task(task.id)
    for path in house.outputs.directory.iterdir():
        if task.short in path.name:
            os.utime(path, (house.clock.now(), house.clock.now()))
    return task


def provider() -> Bureau:
    """Return a provider that has a picture."""
    return Bureau(files={"a.jpg": picture_bytes(64, 48)})


def here(*tasks: Task) -> list[bool]:
    """Whether each task's file is on the disk."""
    return [Path(task.outputs[0].path).is_file() for task in tasks]


async def test_nothing_is_removed_unless_a_person_says_so(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=provider()) as house:
        task = await a_picture(house)
        house.clock.time += 1000 * DAY
        assert await retention(house).tidy() == []
        assert here(task) == [True]


async def test_what_is_too_old_goes_with_all_that_lies_beside_it_and_the_journal_says_why(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=provider()) as house:
        old = await a_picture(house)
        house.clock.time += 6 * DAY
        new = await a_picture(house)
        (house.outputs.directory / "mine.jpg").write_bytes(b"mine")
        house.clock.time += 2 * DAY
        tidy = retention(house, days=7)
        assert await tidy.tidy() == [old.id]
        assert here(old, new) == [False, True]
        assert not Path(old.outputs[0].path).with_suffix(".json").exists()
        assert (house.outputs.directory / "mine.jpg").exists()
        told = await house.task(old.id)
        assert told.status is Status.SUCCEEDED
        day = datetime.fromtimestamp(house.clock.now(), UTC).astimezone().date()
        assert f"KLING_KEEP_DAYS=7, on {day}" in told.notes[-1]
        assert "check_status with wait_seconds fetches it again" in told.notes[-1]


async def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=provider()) as house:
        tasks = []
        for _ in range(4):
            tasks.append(await a_picture(house))
            house.clock.time += DAY + 60
        size = tasks[0].outputs[0].size or 0
        assert await retention(house, size=size * 2).tidy() == [tasks[0].id, tasks[1].id]
        assert here(*tasks) == [False, False, True, True]


@keeps("result-kept")
async def test_what_is_young_in_use_or_not_as_it_was_stays(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=provider()) as house:
        used, named, other = [await a_picture(house) for _ in range(3)]
        Path(other.outputs[0].path).write_bytes(b"a person's own")
        house.clock.time += 9 * DAY
        os.utime(other.outputs[0].path, (house.clock.now() - 8 * DAY, house.clock.now() - 8 * DAY))
        young = await a_picture(house)
        given = (used.id, named.outputs[0].path)
        inputs = tuple(Input(role="reference", kind="image", text=text, name="references") for text in given)
        await house.journal.enqueue(a_task(plan=replace(PLAN, inputs=inputs), now=house.clock.now()), None, again=False)
        await retention(house, days=0.001, size=1).tidy()
        assert here(used, named, other, young) == [True] * 4
        assert (await house.task(young.id)).outputs[0].path


@keeps("result-kept")
async def test_a_part_of_an_unfinished_film_stays(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=provider()) as house:
        part = await a_picture(house)
        house.clock.time += 9 * DAY
        film = a_task(plan=replace(PLAN, spec=FilmSpec(parts=(part.id,))), now=house.clock.now(), status=Status.WAITING)
        await house.journal.enqueue(film, None, again=False)
        assert await retention(house, days=7).tidy() == []
        assert here(part) == [True]


async def test_it_is_looked_at_once_an_hour_by_one_process(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=provider()) as house:
        tidy = retention(house, days=7)
        assert await tidy.tidy() == []
        old = await a_picture(house)
        house.clock.time += 8 * DAY
        (tmp_path / "tidied").write_text(repr(house.clock.now()))
        house.clock.time += EVERY_SECONDS - 1
        assert await tidy.tidy() == []
        house.clock.time += 1
        assert await tidy.tidy() == [old.id]


async def test_a_file_that_outlived_a_crash_goes_at_the_next_round(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=provider()) as house:
        old = await a_picture(house)
        path = Path(old.outputs[0].path)
        data = path.read_bytes()
        house.clock.time += 8 * DAY
        tidy = retention(house, days=7)
        await tidy.tidy()
        path.write_bytes(data)  # as if it had been written down, and the process had died then
        house.clock.time += EVERY_SECONDS
        assert await tidy.tidy() == []
        assert not path.exists()


@keeps("result-kept")
async def test_what_was_removed_is_fetched_again_while_the_provider_keeps_it(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path, provider=provider()) as house:
        old = await a_picture(house)
        taken = await house.journal.entry(old.id)
        house.clock.time += 8 * DAY
        await retention(house, days=7).tidy()
        await house.journal.apply(old.id, Recalled())
        await house.beat(2)
        again = await house.task(old.id)
        assert (again.status, again.notes) == (Status.SUCCEEDED, old.notes)
        assert again.outputs[0].path == old.outputs[0].path
        assert here(again) == [True]
        assert await house.journal.entry(old.id) == taken, "it is not paid for again"
        assert await retention(house, days=7).tidy() == []


@dataclass
class Hasty:
    """A journal where somebody calls back what is removed, and has it again, before the next line is reached."""

    house: House

    def __getattr__(self, name: str) -> Any:
        return getattr(self.house.journal, name)

    async def apply(self, task_id: str, event: Event) -> Task:
        """Write that it is removed, and what the other one does."""
        removed = await self.house.journal.apply(task_id, event)
        await self.house.journal.apply(task_id, Recalled())
        await self.house.beat(2)
        return removed


@keeps("result-kept")
async def test_what_is_fetched_again_at_this_moment_stays(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=provider()) as house:
        old = await a_picture(house)
        house.clock.time += 8 * DAY
        await replace(retention(house, days=7), journal=Hasty(house)).tidy()  # type: ignore[arg-type]
        again = await house.task(old.id)
        assert (again.status, again.outputs[0].path) == (Status.SUCCEEDED, old.outputs[0].path)
        assert here(again) == [True]


async def test_copies_of_public_videos_go_when_nobody_needs_them(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=provider()) as house:
        brought = tmp_path / "brought"
        brought.mkdir()
        for name, age in (("needed", 3), ("old", 3), ("new", 0.5)):
            (brought / name).write_bytes(b"")
            then = house.clock.now() - age * DAY
            os.utime(brought / name, (then, then))
        task = a_task(plan=replace(PLAN, continues=str(brought / "needed")), now=house.clock.now())
        await house.journal.enqueue(task, None, again=False)
        await retention(house).tidy()
        assert sorted(path.name for path in brought.iterdir()) == ["needed", "new"]

"""One record of the journal that cannot be read: it is named, its money stays held, and all others go on."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from tests.jobs.house import BOUND, NO_FILES, PAID, PRICE, RICH, House, a_house, a_task, open_store
from tests.jobs.stories import a_journal, after, seen
from tests.promises import keeps
from tests.studio.open import answer, ask, environment, studio_of

from kling_mcp.doctor import findings
from kling_mcp.table import listing
from kling_sandbox import Fault
from kling_tools.clock import SystemClock
from kling_tools.connect import open_accounts
from kling_tools.jobs.database import Connection
from kling_tools.jobs.questions import Search
from kling_tools.jobs.store import SqliteConnection
from kling_tools.jobs.store_postgres import PostgresConnection
from kling_tools.model.errors import TaskUnreadable
from kling_tools.model.status import Status
from kling_tools.model.tasks import Claimed, Doubted, Hindered
from kling_tools.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

WRONG = {
    "no JSON": lambda whole: whole[: len(whole) // 2],
    "nothing": lambda whole: "",
    "a list": lambda whole: "[]",
    "a field is gone": lambda whole: json.dumps({k: v for k, v in json.loads(whole).items() if k != "plan"}),
    "a field of another kind": lambda whole: json.dumps({**json.loads(whole), "created": "yesterday"}),
    "a status nobody knows": lambda whole: json.dumps({**json.loads(whole), "status": "dreaming"}),
}
in_any_way = pytest.mark.parametrize("how", WRONG)
wrong = pytest.mark.parametrize("how", ["no JSON", "a field is gone"])


async def spoil(folder: Path, task_id: str, how: str = "no JSON") -> None:
    """Damage one record, as another program might."""
    store = open_store(folder)

    def work(db: Connection) -> None:
        assert isinstance(db, SqliteConnection | PostgresConnection)
        mark = "?" if isinstance(db, SqliteConnection) else "%s"
        row = db.row("get_task", id=task_id)
        assert row is not None
        change = WRONG[how] if how in WRONG else lambda whole: json.dumps({**json.loads(whole), "of_the_future": 1})
        db.raw.execute(f"UPDATE tasks SET document = {mark} WHERE id = {mark}", [change(row[0]), task_id])  # type: ignore[arg-type]

    await store.do(work)
    await store.close()


@wrong
@pytest.mark.parametrize("state", ["queued", "submitting", "unsure", "running", "fetching"])
@keeps("nothing-lost", "nothing-twice", "within-budget")
async def test_the_account_and_its_other_tasks_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str, state: str
) -> None:
    faults = {"queued": [Fault(on="create", code=1303, times=2)], "unsure": [Fault(on="create", reset="before")]}
    async with a_house(tmp_path, *faults.get(state, []), NO_FILES, slots=1) as house:
        damaged = await in_state(house, state)
        await spoil(tmp_path, damaged, how)
        await house.open_again()
        with caplog.at_level(logging.ERROR):
            await house.beat(1)
            other = await house.buy("another fox")
            await house.until(other.id, Status.FETCHING)
        assert [damaged in record.message for record in caplog.records].count(True) == 1, "named once"
        assert damaged not in (await house.sent())[1:], "nobody goes on with it"
        entry = await house.journal.entry(damaged)
        assert entry is not None
        if state != "fetching":
            assert entry.state == "held"
        assert await house.journal.spent_today(simulated=True) == 2 * PAID


async def in_state(house: House, state: str) -> str:
    """Return the id of a task in this state."""
    if state == "submitting":
        task, _ = await house.decide()
        await house.journal.enqueue(task, RICH, again=False)
        await house.journal.claim(task.id, 1)
        return task.id
    task = await house.buy()
    if state == "fetching":
        await house.until(task.id, Status.FETCHING)
    return task.id


@wrong
async def test_a_record_that_is_damaged_while_it_is_worked_on_stops_only_its_own_task(tmp_path: Path, how: str) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1303), NO_FILES) as house:
        damaged, other = await house.buy(), await house.buy("another fox")
        await spoil(tmp_path, damaged.id, how)
        await house.until(other.id, Status.FETCHING)
        assert (await house.sent()).count(damaged.id) == 1
        assert list(house.journal.unreadable) == [damaged.id]


@keeps("nothing-lost")
async def test_a_record_that_is_damaged_while_the_request_is_on_the_wire_is_not_called_refused(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", delay=0.2)) as house:
        task, order = await house.decide()
        _, submission = await house.engine.buy(task, order, RICH, again=False)
        assert submission is not None
        while (await house.task(task.id)).status is not Status.SUBMITTING:
            await asyncio.sleep(0.001)
        await spoil(tmp_path, task.id)
        told, refusal = await asyncio.wait_for(submission, BOUND)
        assert (told.status, "cannot be read" in told.trouble, refusal) == (Status.SUBMITTING, True, None)
        assert await house.bought() == [task.id]
        assert await house.journal.spent_today(simulated=True) == PAID


async def test_fields_that_a_later_version_added_are_passed_over(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        task = await house.buy()
        await spoil(tmp_path, task.id, "unknown fields")
        await house.open_again()
        await house.until(task.id, Status.FETCHING)


@wrong
@keeps("nothing-twice")
async def test_the_same_request_is_not_bought_again_beside_it(tmp_path: Path, how: str) -> None:
    async with a_journal(tmp_path) as journal:
        first = await after(journal, a_task(fingerprint="same"), Claimed(), Doubted("cut"))
        await spoil(tmp_path, first.id, how)
        with pytest.raises(TaskUnreadable, match="not known") as caught:
            await journal.enqueue(a_task(fingerprint="same"), RICH, again=False)
        assert "again=true" in caught.value.sentence()
        assert await journal.spent_today(simulated=False) == PRICE
        assert not (await journal.enqueue(a_task(fingerprint="same"), RICH, again=True)).repeated


@in_any_way
async def test_changes_of_many_pass_it_over_and_a_change_of_it_alone_is_refused(tmp_path: Path, how: str) -> None:
    async with a_journal(tmp_path) as journal:
        tasks = [await after(journal, a_task(), Claimed()) for _ in range(3)]
        await spoil(tmp_path, tasks[1].id, how)
        await journal.apply_all([(task.id, seen(task, "processing")) for task in tasks])
        found = await journal.get([task.id for task in tasks])
        assert {i: t.status for i, t in found.items()} == dict.fromkeys([tasks[0].id, tasks[2].id], Status.PROCESSING)
        with pytest.raises(TaskUnreadable, match=tasks[1].id):
            await journal.apply(tasks[1].id, Hindered("no network"))


@wrong
async def test_it_is_named_where_it_would_be_listed_and_pages_stay_whole(tmp_path: Path, how: str) -> None:
    async with a_house(tmp_path) as house:
        tasks = [await after(house.journal, a_task(now=house.clock.now() + n)) for n in range(5)]
        await spoil(tmp_path, tasks[2].id, how)
        studio = studio_of(house)
        told = await answer(studio, "list_tasks", limit=3)
        assert (told.facts.unreadable, told.facts.total) == ([tasks[2].id], 5)
        rest = await ask(studio, "list_tasks", limit=3, cursor=told.facts.next_cursor)
        assert [t.task_id for t in [*told.facts.tasks, *rest.tasks]] == [tasks[n].id for n in (4, 3, 1, 0)]
        with pytest.raises(TaskUnreadable, match=tasks[2].id) as caught:
            await ask(studio, "check_status", task_id=tasks[2].id)
        assert caught.value.spent == "no"
        with pytest.raises(TaskUnreadable):
            await ask(studio, "create_video", prompt="on", image=tasks[2].id)
        lines = listing(await house.journal.search(Search()), None)
        assert [line for line in lines if tasks[2].id in line and "cannot be read" in line]


@wrong
async def test_the_doctor_names_it_and_says_what_to_do(tmp_path: Path, how: str) -> None:
    address = tmp_path / "journal.url"
    more = {"KLING_DATABASE_URL": address.read_text()} if address.exists() else {}
    settings = replace(Settings.from_env(environment(tmp_path, **more)), data_dir=tmp_path)
    async with a_journal(tmp_path) as journal:
        tasks = [await after(journal, a_task()) for _ in range(2)]
    await spoil(tmp_path, tasks[0].id, how)
    opened = open_accounts(settings, SystemClock())
    try:
        found = [finding async for finding in findings(settings, opened)]
    finally:
        await opened.close()
    (ill,) = [finding for finding in found if not finding.well]
    assert (ill.what, tasks[0].id in ill.words, "stays held" in ill.advice) == ("records", True, True)
    assert any("2 tasks" in finding.words for finding in found)


@keeps("nothing-twice")
async def test_a_shot_that_cannot_be_read_is_not_called_missing_and_is_not_bought_again(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        shots = [{"prompt": "one", "seconds": 3}, {"prompt": "two", "seconds": 3, "model": "kling-3.0-omni"}]
        story = {"shots": shots, "model": "kling-3.0", "confirm_cost": True}
        film = await ask(studio, "create_video", **story)
        await spoil(tmp_path, film.shots[1].task_id)
        ended = await house.until(film.task_id, Status.FAILED)
        assert ended.failure is not None
        assert ("cannot be read" in ended.failure.message, ended.failure.spent) == (True, "unknown")
        for asked in (story, {"from_task": film.task_id, "confirm_cost": True}):
            with pytest.raises(TaskUnreadable, match="not known") as caught:
                await ask(studio, "create_video", **asked)
            assert "again=true" in caught.value.sentence()
        assert len(await house.sent()) == 2
        await spoil(tmp_path, film.task_id)
        with pytest.raises(TaskUnreadable):
            await ask(studio, "create_video", from_task=film.task_id, seconds=3)


@keeps("result-kept")
async def test_a_film_is_not_joined_without_a_shot_that_cannot_be_read(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        shots = [{"prompt": "one", "seconds": 3}, {"prompt": "two", "seconds": 3, "model": "kling-3.0-omni"}]
        film = await ask(studio_of(house), "create_video", shots=shots, model="kling-3.0", confirm_cost=True)
        await house.until(film.task_id, Status.FETCHING, stride=1.0, beats=400)
        await spoil(tmp_path, film.shots[1].task_id)
        for _ in range(3):
            await house.beat(20)
        left = await house.task(film.task_id)
        assert (left.status, "cannot be read" in left.trouble) == (Status.FETCHING, True)

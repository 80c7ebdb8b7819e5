"""Every task comes to its end, once, whatever breaks between us and the provider."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.jobs.house import NO_FILES, PAID, START, a_house
from tests.promises import keeps

from kling_sandbox import Fault
from kling_tools.files.mp4 import read_facts
from kling_tools.model.status import Status

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

BROKEN_LOOKS = {
    "too many requests": Fault(on="query", status=429, code=1302, times=3),
    "an internal fault": Fault(on="query", status=500, times=3),
    "a cut before": Fault(on="query", reset="before", times=3),
    "a cut after": Fault(on="query", reset="after", times=3),
    "half an answer": Fault(on="query", truncate=20, times=3),
    "a gateway's page": Fault(on="query", status=502, body="<html>bad gateway</html>", times=3),
    "an answer of nonsense": Fault(on="query", status=200, body='{"code":0,"data":[{"status":"?"}]}', times=3),
    "no such task": Fault(on="query", status=200, body='{"code":0,"data":[]}', times=3),
}


@keeps("nothing-lost", "result-kept", "simulated-marked")
async def test_a_task_ends_with_its_file_on_the_disk_and_its_price_settled(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task = await house.buy()
        assert task.status is Status.SUBMITTED
        task = await house.until(task.id, Status.SUCCEEDED)
        (output,) = task.outputs
        file = Path(output.path)
        assert file.parent == tmp_path / "videos"
        assert (read_facts(file).width, output.width, output.height, output.size) == (
            1280,
            1280,
            720,
            file.stat().st_size,
        )
        assert output.seconds == pytest.approx(3, abs=0.2)
        assert "simulated" in file.name
        assert task.simulated
        entry = await house.journal.entry(task.id)
        assert entry is not None
        assert (entry.state, entry.charged, entry.simulated) == ("settled", 252_000, True)
        assert task.charge is not None
        assert (task.charge.units, task.charge.usd) == (Decimal("1.8"), PAID)
        assert [h.status for h in await house.journal.history(task.id)] == [
            "queued",
            "submitting",
            "submitted",
            "processing",
            "fetching",
            "succeeded",
        ]
        beside = {file.with_suffix(suffix) for suffix in (".mp4", ".json", ".jpg")}
        assert set((tmp_path / "videos").iterdir()) == beside


@pytest.mark.parametrize("fault", BROKEN_LOOKS.values(), ids=BROKEN_LOOKS)
@keeps("nothing-lost", "nothing-twice")
async def test_a_look_that_breaks_delays_and_never_ends_a_task(tmp_path: Path, fault: Fault) -> None:
    async with a_house(tmp_path, fault, NO_FILES) as house:
        task = await house.buy()
        await house.beat(10)
        assert (await house.task(task.id)).status is Status.SUBMITTED
        task = await house.until(task.id, Status.FETCHING, stride=2)
        assert task.trouble == ""
        assert await house.bought() == [task.id]


async def test_trouble_that_has_passed_is_no_longer_told(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="query", status=500)) as house:
        task = await house.buy()
        await house.beat(10)
        assert (await house.task(task.id)).trouble
        await house.beat(10)
        assert (await house.task(task.id)).status is Status.PROCESSING
        await house.break_(Fault(on="query", status=500))
        await house.engine.look_soon(external_id=task.id, remote_id="")
        await house.beat(1)
        assert (await house.task(task.id)).trouble
        await house.beat(10)
        assert ((await house.task(task.id)).status, (await house.task(task.id)).trouble) == (Status.PROCESSING, "")


@keeps("nothing-lost")
async def test_more_tasks_than_the_provider_has_slots_all_come_through(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES, kling_slots=1) as house:
        tasks = [await house.buy(prompt) for prompt in ("one", "two", "three")]
        assert len(await house.bought()) == 1
        for task in tasks:
            await house.until(task.id, Status.FETCHING)
        assert sorted(await house.bought()) == sorted(t.id for t in tasks)


async def test_our_own_slots_hold_tasks_back_before_anything_is_sent(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES, slots=2) as house:
        tasks = [await house.buy(prompt) for prompt in ("one", "two", "three")]
        other = await house.buy("one", model="kling-2.6")
        assert await house.sent() == [tasks[0].id, tasks[1].id, other.id]
        waiting = await house.task(tasks[2].id)
        assert (waiting.status, "2 slots" in waiting.trouble) == (Status.QUEUED, True)
        await house.beat(30)
        assert len(await house.calls("create")) == 3
        await house.until(tasks[0].id, Status.FETCHING)
        await house.beat(1)
        assert (await house.sent())[3:] == [tasks[2].id]


async def test_a_failure_after_acceptance_that_cost_nothing_gives_the_money_back(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", fail_task="Image pixel is invalid")) as house:
        task = await house.buy()
        assert await house.journal.spent_today(simulated=True) == PAID
        task = await house.until(task.id, Status.FAILED)
        assert task.failure is not None
        assert "Image pixel is invalid" in task.failure.message
        assert task.failure.spent == "no"
        assert await house.journal.spent_today(simulated=True) == 0
        assert await house.bought() == [task.id]


async def test_many_tasks_are_looked_at_in_few_requests(tmp_path: Path) -> None:
    async with a_house(tmp_path, slots=100) as house:
        tasks = [await house.buy(f"fox {n}") for n in range(25)]
        await house.beat(10)
        assert len(await house.calls("query")) == 2
        assert {(await house.task(t.id)).status for t in tasks} == {Status.PROCESSING}
        await house.beat(0.5)
        assert len(await house.calls("query")) == 2


async def test_how_long_tasks_took_is_learned_and_remembered(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task = await house.until((await house.buy()).id, Status.SUCCEEDED)
        assert task.ended_at is not None
        ((kind, (took,)),) = house.engine.times.known.items()
        assert kind == ("sandbox", "kling-3.0", 3.0)
        assert 0.8 * (task.ended_at - START) < took < task.ended_at - START
        assert await house.journal.times_taken() == house.engine.times.known

"""A provider that contradicts itself: what it takes back is written down and told, and not believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.jobs.house import NO_FILES, PAID, House, a_house
from tests.promises import keeps

from kling_sandbox import Fault
from kling_tools.model.status import Status
from kling_tools.model.tasks import Seen, Task

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


def shows(task: Task, **facts: Any) -> Fault:
    """Return a provider that answers every question with this of a task."""
    assert task.remote
    body = {"code": 0, "data": [{"id": task.remote.id, **facts}]}
    return Fault(on="query", status=200, body=json.dumps(body), times=100)


async def details(house: House, task: Task) -> list[str]:
    """Return what the task's history tells beside its status."""
    return [happening.detail for happening in await house.journal.history(task.id)]


@pytest.mark.parametrize(
    ("said", "then"),
    [(Status.PROCESSING, "submitted"), (Status.FETCHING, "processing"), (Status.FETCHING, "submitted")],
)
async def test_a_step_back_is_in_the_history_once_and_told_and_the_task_goes_on(
    tmp_path: Path, said: Status, then: str
) -> None:
    async with a_house(tmp_path, Fault(on="file", status=404, times=3)) as house:
        bought = await house.buy()
        task = await house.until(bought.id, said)
        await house.break_(shows(task, status=then), Fault(on="file", status=404, times=100))
        for _ in range(3):
            await house.beat(30)
        task = await house.task(task.id)
        assert task.status is said
        (note,) = task.notes
        assert then in note
        assert "not believed" in note
        assert (await details(house, task)).count(note) == 1
        await house.break_()
        await house.until(task.id, Status.SUCCEEDED, stride=300)


async def test_a_failure_that_is_taken_back_is_written_down_and_stays(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", fail_task="Image pixel is invalid")) as house:
        bought = await house.buy()
        task = await house.until(bought.id, Status.FAILED)
        assert task.remote
        await house.break_(
            shows(task, status="succeeded", outputs=[{"type": "video", "url": "https://cdn.test/1.mp4"}])
        )
        (seen,) = await house.client.look([task.remote])
        assert await house.journal.apply(task.id, Seen(seen)) == task
        assert "failed and then succeeded" in (await details(house, task))[-1]
        assert await house.journal.spent_today(simulated=True) == 0


@keeps("nothing-lost", "within-budget")
async def test_two_tasks_under_one_id_do_not_share_a_film(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        first = await house.buy("one")
        assert first.remote
        repeated = {"code": 0, "data": {"id": first.remote.id, "status": "submitted"}}
        await house.break_(Fault(on="create", status=200, body=json.dumps(repeated)), NO_FILES)
        second = await house.buy("two")
        await house.until(first.id, Status.FETCHING)
        await house.beat(60)
        second = await house.task(second.id)
        assert second.status is Status.SUBMITTED
        assert first.id in second.notes[0]
        assert second.notes[0] in await details(house, second)
        assert await house.journal.spent_today(simulated=True) == 2 * PAID, "what is not known is still held"


@pytest.mark.parametrize("facts", [{}, {"outputs": []}, {"outputs": [{"type": "video", "url": ""}]}, {"outputs": None}])
async def test_a_success_without_a_file_is_told_and_asked_about_until_there_is_one(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    async with a_house(tmp_path) as house:
        task = await house.buy()
        await house.break_(shows(task, status="succeeded", **facts))
        await house.beat(10)
        await house.beat(10)
        waiting = await house.task(task.id)
        assert (waiting.status, waiting.trouble) == (
            Status.FETCHING,
            "Kling says that it is done and names no result yet.",
        )
        assert waiting.trouble in await details(house, task)
        await house.break_()
        await house.beat(100)
        done = await house.until(task.id, Status.SUCCEEDED, stride=300)
        assert all(Path(output.path).is_file() for output in done.outputs)


@pytest.mark.parametrize(
    "bill",
    [
        [{"charge_type": "unit", "amount": "-3"}],
        [{"charge_type": "cash", "currency": "USD", "amount": "-0.2"}],
        [{"charge_type": "cash", "currency": "USD", "amount": "999999999999"}] * 20,
    ],
)
@keeps("nothing-lost", "within-budget")
async def test_a_bill_that_cannot_be_true_is_left_out_and_the_price_counts(tmp_path: Path, bill: list[Any]) -> None:
    async with a_house(tmp_path) as house:
        task = await house.buy()
        video = {"type": "video", "url": "https://cdn.test/1.mp4"}
        await house.break_(shows(task, status="succeeded", outputs=[video], billing=bill), NO_FILES)
        await house.until(task.id, Status.FETCHING)
        assert await house.journal.spent_today(simulated=True) == task.plan.price.most

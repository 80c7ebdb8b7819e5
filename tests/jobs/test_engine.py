"""Every task comes to its end, once, whatever breaks between us and the provider."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from tests.jobs.house import BOUND, NO_FILES, PAID, RICH, START, a_house
from tests.promises import keeps

from kling_sandbox import Fault, serve
from kling_tools.files.mp4 import read_facts
from kling_tools.jobs.submit import PATIENCE_SECONDS
from kling_tools.jobs.vigil import QUARANTINE_SECONDS
from kling_tools.model.status import Status
from kling_tools.model.tasks import Claimed

pytestmark = pytest.mark.anyio

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

#: Answers that leave open whether the create was accepted, and whether it was.
BROKEN_WIRES = {
    "cut before it was taken": (Fault(on="create", reset="before"), False),
    "cut after it was taken": (Fault(on="create", reset="after"), True),
    "500, not taken": (Fault(on="create", status=500), False),
    "500, taken": (Fault(on="create", status=500, applied=True), True),
    "504, taken": (Fault(on="create", status=504, code=5002, applied=True), True),
    "a gateway's page, taken": (Fault(on="create", status=502, body="<html>", applied=True), True),
    "half an answer": (Fault(on="create", truncate=10), True),
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
        assert [p.name for p in (tmp_path / "videos").iterdir()] == [file.name]


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
        await house.beat(10)
        assert (await house.task(task.id)).trouble
        await house.beat(10)
        assert ((await house.task(task.id)).status, (await house.task(task.id)).trouble) == (Status.PROCESSING, "")


@pytest.mark.parametrize("code", [1302, 1303])
async def test_a_provider_without_a_free_slot_gets_the_tasks_later_and_in_order(tmp_path: Path, code: int) -> None:
    async with a_house(tmp_path, Fault(on="create", code=code, times=2)) as house:
        first, second = await house.buy("one"), await house.buy("two")
        assert (first.status, second.status) == (Status.QUEUED, Status.QUEUED)
        assert first.trouble
        assert await house.bought() == []
        await house.beat(1)
        assert len(await house.calls("create")) == 2, "before its time it is not tried again"
        await house.beat(2)
        assert (await house.sent())[2:] == [first.id, second.id]
        assert sorted(await house.bought()) == sorted([first.id, second.id])
        assert {(await house.task(i)).status for i in (first.id, second.id)} == {Status.SUBMITTED}
        entry = await house.journal.entry(first.id)
        assert entry is not None
        assert entry.state == "held"


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


@pytest.mark.parametrize(("fault", "taken"), BROKEN_WIRES.values(), ids=BROKEN_WIRES)
@keeps("nothing-twice", "nothing-lost")
async def test_a_wire_that_breaks_after_sending_leaves_exactly_one_task(
    tmp_path: Path, fault: Fault, taken: bool
) -> None:
    async with a_house(tmp_path, fault, NO_FILES) as house:
        task = await house.buy()
        assert task.status is Status.UNSURE
        assert len(await house.bought()) == int(taken)
        await house.beat(6)
        if taken:
            assert (await house.task(task.id)).status in {Status.SUBMITTED, Status.PROCESSING}
        else:
            for _ in range(12):  # up to the end of the quarantine
                await house.beat(10)
                assert len(await house.calls("create")) == 1
            await house.beat(10)
            await house.beat(1)
        assert (await house.until(task.id, Status.FETCHING)).attempts == (1 if taken else 2)
        assert await house.bought() == [task.id]
        assert await house.sent() == [task.id] * (1 if taken else 2)


@keeps("nothing-twice")
async def test_what_cannot_be_looked_up_is_not_sent_again_however_long_it_takes(tmp_path: Path) -> None:
    look_up = Fault(on="query", status=500, times=1000)
    async with a_house(tmp_path, Fault(on="create", reset="after"), look_up, NO_FILES) as house:
        task = await house.buy()
        for _ in range(30):
            await house.beat(QUARANTINE_SECONDS / 4)
        assert (await house.task(task.id)).status is Status.UNSURE
        assert len(await house.calls("create")) == 1
        await house.break_(NO_FILES)
        assert (await house.until(task.id, Status.FETCHING)).attempts == 1
        assert await house.bought() == [task.id]


@keeps("nothing-twice")
async def test_a_task_that_shows_only_after_the_quarantine_is_adopted_when_it_is_sent_again(tmp_path: Path) -> None:
    unseen = Fault(on="query", status=200, body='{"code":0,"data":[]}', times=1000)
    async with a_house(tmp_path, Fault(on="create", reset="after"), unseen, NO_FILES) as house:
        task = await house.buy()
        await house.quarantine()
        assert (await house.task(task.id)).status is Status.QUEUED
        await house.beat(1)
        assert (await house.task(task.id)).status is Status.UNSURE, "the provider says it exists and does not show it"
        await house.break_(NO_FILES)
        await house.until(task.id, Status.FETCHING)
        assert await house.bought() == [task.id]
        assert len(await house.calls("create")) == 2


async def test_a_task_adopted_at_its_end_brings_its_charge(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", reset="after")) as house:
        task = await house.buy()
        await house.beat(100)
        task = await house.task(task.id)
        assert task.status is Status.FETCHING
        assert task.charge is not None
        assert task.charge.usd == PAID


@pytest.mark.parametrize(
    ("code", "named"), [(1301, "moderated"), (1102, "no_balance"), (1000, "unauthorised"), (1201, "not_accepted")]
)
@keeps("within-budget")
async def test_a_refusal_ends_the_task_and_gives_the_money_back(tmp_path: Path, code: int, named: str) -> None:
    async with a_house(tmp_path, Fault(on="create", code=code, message="secret\u202e plan")) as house:
        task = await house.buy()
        assert task.status is Status.FAILED
        assert task.failure is not None
        assert (task.failure.code, task.failure.spent) == (named, "no")
        assert "\u202e" not in task.failure.message
        entry = await house.journal.entry(task.id)
        assert entry is not None
        assert entry.state == "released"
        assert await house.journal.spent_today(simulated=True) == 0
        assert await house.bought() == []
        await house.beat(1000)
        assert len(await house.calls("create")) == 1


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


async def test_without_a_network_a_task_waits_unsent_and_then_goes(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.kling.pulled = True
        task = await house.buy()
        assert (task.status, "No connection" in task.trouble) == (Status.QUEUED, True)
        await house.beat(30)
        house.kling.pulled = False
        await house.beat(30)
        assert (await house.task(task.id)).status is Status.SUBMITTED
        assert await house.bought() == [task.id]


async def test_without_a_network_for_long_a_task_is_given_up_unsent_and_free(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.kling.pulled = True
        task = await house.buy()
        await house.beat(PATIENCE_SECONDS + 1)
        task = await house.task(task.id)
        assert task.failure is not None
        assert (task.status, task.failure.code, task.failure.spent) == (Status.FAILED, "unreachable", "no")
        assert await house.journal.spent_today(simulated=True) == 0


async def test_many_tasks_are_looked_at_in_few_requests(tmp_path: Path) -> None:
    async with a_house(tmp_path, slots=100) as house:
        tasks = [await house.buy(f"fox {n}") for n in range(25)]
        await house.beat(10)
        assert len(await house.calls("query")) == 2
        assert {(await house.task(t.id)).status for t in tasks} == {Status.PROCESSING}
        await house.beat(0.5)
        assert len(await house.calls("query")) == 2


@keeps("result-kept")
async def test_a_download_that_is_cut_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="file", truncate=30_000, times=2)) as house, asyncio.TaskGroup() as group:
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        server = group.create_task(serve(house.config, port=0, on_started=address.set_result))
        await house.open_again(await asyncio.wait_for(address, BOUND))
        task = await house.buy()
        task = await house.until(task.id, Status.FETCHING)
        parts: list[int] = []
        for _ in range(3):
            await house.beat(11)
            parts += [p.stat().st_size for p in (tmp_path / "videos").glob("*.part")]
            if not (await house.task(task.id)).status.ended:
                assert list((tmp_path / "videos").glob("*.mp4")) == []
        task = await house.task(task.id)
        assert task.status is Status.SUCCEEDED
        assert parts == sorted(set(parts))
        assert parts[0] >= 30_000, "what came before the cut is kept"
        assert read_facts(Path(task.outputs[0].path)).seconds == pytest.approx(3, abs=0.2)
        await house.client.aclose()
        server.cancel()


@pytest.mark.parametrize("status", [401, 403, 404, 410])
@keeps("result-kept")
async def test_an_address_that_died_is_asked_for_again(tmp_path: Path, status: int) -> None:
    async with a_house(tmp_path, Fault(on="file", status=status)) as house:
        task = await house.buy()
        await house.until(task.id, Status.FETCHING)
        looks = len(await house.calls("query"))
        task = await house.until(task.id, Status.SUCCEEDED)
        assert len(await house.calls("query")) == looks + 1
        assert task.trouble == ""


async def test_an_address_that_stays_dead_is_not_asked_about_every_second(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="file", status=403, times=1000)) as house:
        task = await house.buy()
        await house.until(task.id, Status.FETCHING)
        before = len(await house.calls("file"))
        for _ in range(40):
            await house.beat(1)
        assert len(await house.calls("file")) - before <= 5
        task = await house.task(task.id)
        assert (task.status, "expired" in task.trouble) == (Status.FETCHING, True)


@keeps("result-kept")
async def test_a_disk_that_cannot_be_written_delays_the_file_and_loses_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        (tmp_path / "videos").write_text("in the way")
        task = await house.buy()
        await house.until(task.id, Status.FETCHING)
        await house.beat(11)
        task = await house.task(task.id)
        assert (task.status, "videos" in task.trouble) == (Status.FETCHING, True)
        (tmp_path / "videos").unlink()
        task = await house.until(task.id, Status.SUCCEEDED)
        assert Path(task.outputs[0].path).is_file()


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


async def test_a_picture_that_changed_before_it_was_sent_ends_the_task_unsent(tmp_path: Path) -> None:
    from tests.files.conftest import picture_bytes

    async with a_house(tmp_path, Fault(on="create", code=1303)) as house:
        (tmp_path / "fox.jpg").write_bytes(picture_bytes(640, 360))
        task = await house.buy(image=str(tmp_path / "fox.jpg"))
        assert task.status is Status.QUEUED
        (tmp_path / "fox.jpg").write_bytes(picture_bytes(360, 640))
        await house.beat(3)
        task = await house.task(task.id)
        assert task.failure is not None
        assert (task.status, task.failure.code, "changed" in task.failure.message) == (Status.FAILED, "bad_media", True)
        assert await house.bought() == []


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
    async with a_house(tmp_path, *faults.get(state, [])) as house:
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
        task = await house.until(task.id, Status.SUCCEEDED)
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


async def test_how_long_tasks_took_is_learned_and_remembered(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task = await house.until((await house.buy()).id, Status.SUCCEEDED)
        assert task.ended_at is not None
        assert house.engine.times == {("sandbox", "kling-3.0"): [pytest.approx(task.ended_at - START, abs=0.1)]}
        assert await house.journal.times_taken() == house.engine.times


async def test_a_late_event_for_a_claimed_task_of_a_dead_process_changes_nothing_twice(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task = await house.buy()
        assert await house.journal.apply(task.id, Claimed()) == task
        assert await house.journal.claim(task.id, 5) is None

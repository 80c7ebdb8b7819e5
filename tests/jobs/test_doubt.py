"""Between "about to pay" and "paid": what clocks, disks, keys and other processes do there buys nothing twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.files.conftest import picture_bytes
from tests.jobs.house import NO_FILES, RICH, HandClock, House, a_house
from tests.promises import keeps
from tests.studio.open import studio_of

from kling_sandbox import Fault
from kling_tools.connect import open_accounts
from kling_tools.jobs.account import Account
from kling_tools.jobs.submit import LONGEST_WAIT_SECONDS, submit
from kling_tools.model.requests import ListTasks
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task
from kling_tools.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

UNSEEN = Fault(on="query", status=200, body='{"code":0,"data":[]}', times=10_000)
TAKEN_UNHEARD = Fault(on="create", reset="after")
NEVER_TAKEN = Fault(on="create", reset="before")
HOUR = 3600.0


async def doubtful(house: House) -> Task:
    """Buy something whose answer is lost, and begin to ask about it."""
    task = await house.buy()
    assert task.status is Status.UNSURE
    await house.beat(6)
    return task


# --- time -----------------------------------------------------------------------------------------------------------


@keeps("nothing-twice")
async def test_a_clock_set_forward_does_not_shorten_the_quarantine(tmp_path: Path) -> None:
    async with a_house(tmp_path, TAKEN_UNHEARD, UNSEEN) as house:
        task = await doubtful(house)
        house.clock.step(HOUR)
        for _ in range(11):
            await house.beat(10)
        assert await house.sent() == [task.id]
        for _ in range(2):
            await house.beat(10)
        assert (await house.task(task.id)).status is Status.QUEUED, "after so long it may be sent again"


@keeps("nothing-twice")
async def test_a_night_in_which_the_machine_slept_is_no_watch(tmp_path: Path) -> None:
    async with a_house(tmp_path, TAKEN_UNHEARD, UNSEEN) as house:
        task = await doubtful(house)
        for _ in range(3):  # some systems' monotonic clock runs on while they sleep
            await house.beat(8 * HOUR)
        assert await house.sent() == [task.id]


@keeps("nothing-twice")
async def test_a_new_process_watches_anew(tmp_path: Path) -> None:
    async with a_house(tmp_path, TAKEN_UNHEARD, UNSEEN) as house:
        task = await doubtful(house)
        for _ in range(3):
            await house.open_again()
            for _ in range(11):
                await house.beat(10)
        assert await house.sent() == [task.id]


@keeps("nothing-twice")
async def test_what_another_process_may_be_sending_is_watched_for_longer_than_a_request_may_last(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        task, _ = await house.decide()
        await house.journal.enqueue(task, RICH, again=False)
        assert await house.journal.claim(task.id, 5)
        for _ in range(22):
            await house.beat(10)
        assert (await house.sent(), (await house.task(task.id)).status) == ([], Status.SUBMITTING)
        for _ in range(5):
            await house.beat(10)
        assert await house.sent() == [task.id]


@pytest.mark.parametrize("fault", [NEVER_TAKEN, Fault(on="create", code=1303)], ids=["unsure", "put back"])
async def test_a_clock_set_back_keeps_nothing_waiting(tmp_path: Path, fault: Fault) -> None:
    async with a_house(tmp_path, fault, NO_FILES) as house:
        task = await house.buy()
        await house.beat(0.5)
        house.clock.step(-6 * HOUR)
        await house.quarantine()
        assert (await house.until(task.id, Status.FETCHING, stride=300)).attempts == 2
        assert await house.bought() == [task.id]


async def test_a_wish_that_could_not_be_sent_for_a_day_is_given_up_unsent(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1303, times=10_000)) as house:
        task = await house.buy()
        await house.beat(LONGEST_WAIT_SECONDS / 2)
        assert (await house.task(task.id)).status is Status.QUEUED, "a long queue takes hours"
        await house.break_()
        await house.beat(LONGEST_WAIT_SECONDS / 2 + 1)
        task = await house.task(task.id)
        assert task.failure is not None
        assert (task.status, task.failure.code, task.failure.spent) == (Status.FAILED, "busy", "no")
        assert "again by itself" not in task.failure.advice
        assert await house.bought() == []


# --- disks ----------------------------------------------------------------------------------------------------------


@keeps("nothing-twice")
async def test_a_no_that_cannot_be_written_down_at_once_is_not_asked_for_again(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1301)) as house:
        house.store.refuse(3, 4, 5)  # the first is the intent, the second the claim
        task = await house.buy()
        assert task.status is Status.FAILED
        await house.quarantine()
        assert await house.sent() == [task.id]
        assert await house.bought() == []


@keeps("nothing-twice", "nothing-lost")
async def test_a_claim_that_cannot_be_written_sends_nothing_and_is_no_refusal(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.store.refuse(2)
        task, order = await house.decide()
        _, submission = await house.engine.buy(task, order, RICH, again=False)
        assert submission is not None
        told, refusal = await submission
        assert (told.status, "full" in told.trouble, refusal) == (Status.QUEUED, True, None)
        assert await house.sent() == []
        await house.beat(1)
        assert await house.bought() == [task.id]


# --- others ---------------------------------------------------------------------------------------------------------


@keeps("nothing-lost", "nothing-twice")
async def test_a_picture_that_is_gone_does_not_end_a_task_that_another_process_is_sending(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1303), NO_FILES) as house:
        picture = tmp_path / "fox.jpg"
        picture.write_bytes(picture_bytes(640, 360))
        waiting = await house.buy(image=str(picture))
        house.clock.time += 3
        order = await house.orders.resume(waiting)
        assert await house.journal.claim(waiting.id, 5)  # the other process
        picture.unlink()
        now, refusal = await submit(house.account, waiting)  # this one, from what it read before
        assert (now.status, refusal) == (Status.SUBMITTING, None)
        await house.client.submit(order)
        await house.until(waiting.id, Status.FETCHING)
        assert await house.bought() == [waiting.id]


@keeps("nothing-twice")
async def test_under_another_key_not_found_is_no_reason_to_send_again(tmp_path: Path) -> None:
    async with a_house(tmp_path, TAKEN_UNHEARD, UNSEEN, NO_FILES) as house:
        task = await doubtful(house)
        await house.open_again()
        house.account = replace(house.account, sender="another key")
        for _ in range(3):
            await house.quarantine()
        waiting = await house.task(task.id)
        assert (waiting.status, "another key" in waiting.trouble) == (Status.UNSURE, True)
        assert await house.sent() == [task.id]
        await house.break_(NO_FILES)  # the same account's other key shows it after all
        await house.until(task.id, Status.FETCHING)
        assert await house.bought() == [task.id]


async def test_a_new_wish_does_not_overtake_one_that_waits(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES, slots=1) as house:
        first, second = await house.buy("one"), await house.buy("two")
        await house.until(first.id, Status.FETCHING)
        third = await house.buy("three")
        assert await house.sent() == [first.id]
        await house.beat(1)
        assert await house.sent() == [first.id, second.id]
        await house.until(third.id, Status.FETCHING)
        assert await house.sent() == [first.id, second.id, third.id]


@keeps("within-budget")
async def test_what_was_agreed_on_earlier_is_not_sent_once_spending_is_forbidden(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1303)) as house:
        task = await house.buy()
        allowed, house.account = house.account, replace(house.account, frozen="A budget is 0.")
        await house.beat(10)
        assert (await house.task(task.id)).trouble == "A budget is 0."
        assert await house.bought() == []
        house.account = allowed
        await house.beat(1)
        assert await house.bought() == [task.id]


FORBIDDING = {
    "KLING_READ_ONLY": "1",
    "KLING_MAX_USD_PER_DAY": "0",
    "KLING_MAX_USD_PER_CALL": "nothing",
}


@pytest.mark.parametrize(("name", "value"), FORBIDDING.items(), ids=FORBIDDING)
def test_settings_that_forbid_spending_also_forbid_sending(tmp_path: Path, name: str, value: str) -> None:
    def account(**more: str) -> Account:
        env = {"KLING_DATA_DIR": str(tmp_path), "KLING_OUTPUT_DIR": str(tmp_path)}
        return open_accounts(Settings.from_env({**env, "KLING_API_KEY": "a-key", **more}), HandClock()).accounts[0]

    assert account().frozen == ""
    assert name in account(**{name: value}).frozen


def test_the_mark_of_a_key_tells_keys_apart_and_not_what_they_are(tmp_path: Path) -> None:
    def mark(key: str) -> str:
        env = {"KLING_DATA_DIR": str(tmp_path), "KLING_OUTPUT_DIR": str(tmp_path), "KLING_API_KEY": key}
        return open_accounts(Settings.from_env(env), HandClock()).accounts[0].sender

    assert mark("key-one-123") == mark("key-one-123") != mark("key-two-123")
    assert len(mark("key-one-123")) == 8


# --- what the provider says -----------------------------------------------------------------------------------------


async def test_a_refused_key_is_not_tried_every_five_seconds(tmp_path: Path) -> None:
    refused = Fault(on="query", code=1000, status=401, times=10_000)
    async with a_house(tmp_path, TAKEN_UNHEARD, refused) as house:
        task = await doubtful(house)
        for _ in range(300):
            await house.beat(2)
        assert len(await house.calls("query")) < 20
        assert "API key" in (await house.task(task.id)).trouble
        await house.break_(NO_FILES)
        await house.until(task.id, Status.FETCHING)


async def test_a_task_that_the_provider_no_longer_shows_says_so_until_it_does(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        task = await house.buy()
        await house.break_(UNSEEN)
        await house.beat(100)
        waiting = await house.task(task.id)
        assert (waiting.status, "does not show" in waiting.trouble) == (Status.SUBMITTED, True)
        await house.break_(NO_FILES)
        assert (await house.until(task.id, Status.FETCHING)).trouble == ""


async def test_a_success_without_a_result_is_asked_about_and_may_still_become_a_failure(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task = await house.buy()
        (remote,) = [t.remote.id for t in [await house.task(task.id)] if t.remote]
        shown = '{"code":0,"data":[{"id":"%s","status":"%s"}]}'
        await house.break_(Fault(on="query", status=200, body=shown % (remote, "succeeded"), times=100))
        await house.beat(10)
        await house.beat(10)
        waiting = await house.task(task.id)
        assert (waiting.status, "names no result" in waiting.trouble) == (Status.FETCHING, True)
        await house.break_(Fault(on="query", status=200, body=shown % (remote, "failed"), times=100))
        await house.until(task.id, Status.FAILED)


async def test_a_task_of_an_account_that_is_gone_names_what_is_missing(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task, _ = await house.decide()
        await house.journal.enqueue(replace(task, account="kling@api.test"), RICH, again=False)
        studio = studio_of(house)
        (listed,) = (await studio.list(ListTasks())).tasks
        (waited,) = await studio.wait([task.id], 50.0, _silent)
        for told in (listed, waited):
            assert "KLING_BASE_URL=https://api.test" in told.notes[-1]
            assert "KLING_API_KEY" in told.notes[-1]


async def _silent(done: float, total: float | None, words: str) -> None:
    raise AssertionError("nothing to wait for")

"""A task of several calls: each made once, in order, written down before the next, and never guessed about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.jobs.bureau import (
    CUT_OUT,
    CUTOUTS,
    FACES,
    LIP_SYNC,
    LIPS,
    MOST,
    SPEECH,
    SPOKEN,
    STEPS,
    UNIT_USD,
    Bureau,
    Fate,
    sound_and_film,
)
from tests.jobs.house import RICH, House, a_house
from tests.promises import keeps

from kling_tools.jobs.ledger import Entry
from kling_tools.jobs.submit import PATIENCE_SECONDS
from kling_tools.model.money import to_micros
from kling_tools.model.plan import Plan
from kling_tools.model.status import Status
from kling_tools.model.tasks import Failure, Task

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

ALL = Decimal("1.10") * UNIT_USD


async def bought(house: House, plan: Plan = LIP_SYNC) -> Task:
    """Buy a task; where the process dies over it, the next one is here and has not yet begun."""
    task, order = await house.ready(plan)
    await house.survive(house.pay(task, order))
    return await house.task(task.id)


async def entry(house: House, task: Task) -> Entry:
    """Return a task's line in the ledger."""
    found = await house.journal.entry(task.id)
    assert found is not None
    return found


def failure(task: Task) -> Failure:
    """Return why a task failed."""
    assert task.status is Status.FAILED
    assert task.failure is not None
    return task.failure


@keeps("nothing-lost", "nothing-twice")
async def test_every_call_is_claimed_first_and_what_it_brought_is_kept_before_the_next_leaves(tmp_path: Path) -> None:
    bureau = Bureau()
    async with a_house(tmp_path, provider=bureau) as house:
        stood: list[tuple[str, Status, int, list[str]]] = []

        async def look(path: str) -> None:
            (task,) = await house.journal.active("sandbox")
            stood.append((path, task.status, task.attempts, [p.step for p in task.prepared]))

        bureau.before = look
        task = await bought(house)
        assert stood == [
            (SPEECH, Status.SUBMITTING, 1, []),
            (FACES, Status.SUBMITTING, 2, ["speech"]),
            (LIPS, Status.SUBMITTING, 3, ["speech", "faces"]),
        ]
        assert task.status is Status.SUBMITTED
        choice = bureau.bodies[2]["face_choose"][0]
        assert (bureau.bodies[2]["session_id"], choice["audio_id"], choice["face_id"]) == ("ses-1", "aud-1", "f-1")
        history = [h.event for h in await house.journal.history(task.id)]
        assert history == ["Enqueued", *["Claimed", "Advanced"] * 2, "Claimed", "Seen"]


@keeps("result-kept")
async def test_the_charge_is_the_sum_of_all_calls_in_dollars(
    tmp_path: Path, clips: Mapping[str, Path], sounds: Mapping[str, Path]
) -> None:
    bureau = Bureau(files=sound_and_film(clips, sounds))
    async with a_house(tmp_path, provider=bureau) as house:
        task = await house.until((await bought(house)).id, Status.SUCCEEDED)
        assert task.charge is not None
        assert (task.charge.units, task.charge.usd) == (Decimal("1.10"), ALL)
        assert (await entry(house, task)).charged == to_micros(ALL)
        assert (await house.journal.spent_today(simulated=True)) == ALL
        assert Path(task.outputs[0].path).is_file()
        assert bureau.taken == [*STEPS]


async def test_before_the_end_the_whole_price_stays_held(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=Bureau(ends="processing")) as house:
        task = await bought(house)
        for _ in range(3):
            await house.beat(10)
            line = await entry(house, task)
            assert (line.state, line.held) == ("held", to_micros(MOST))


async def test_success_without_a_figure_settles_the_price(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=Bureau(billed=False)) as house:
        task = await house.until((await bought(house)).id, Status.FETCHING)
        line = await entry(house, task)
        assert (line.state, line.charged, task.charge) == ("settled", to_micros(MOST), None)


async def test_a_figure_for_the_earlier_calls_alone_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    bureau = Bureau()
    async with a_house(tmp_path, provider=bureau) as house:
        task = await bought(house)
        bureau.billed = False
        task = await house.until(task.id, Status.FETCHING)
        assert (await entry(house, task)).charged == to_micros(MOST)


@pytest.mark.parametrize("path", [FACES, LIPS])
@keeps("within-budget")
async def test_a_call_that_is_refused_leaves_the_earlier_ones_charged_and_says_so(tmp_path: Path, path: str) -> None:
    bureau = Bureau(fates={path: ["refused"]})
    async with a_house(tmp_path, provider=bureau) as house:
        task, order = await house.ready(LIP_SYNC)
        _, submission = await house.engine.buy(task, order, RICH, again=False)
        assert submission is not None
        task, refusal = await submission
        assert refusal is not None
        assert (failure(task).code, failure(task).spent, refusal.spent) == ("not_accepted", "yes", "yes")
        assert "The charge stands." in refusal.sentence()
        line = await entry(house, task)
        assert (line.state, line.charged) == ("settled", to_micros(bureau.units * UNIT_USD))


async def test_a_first_call_that_is_refused_is_free(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=Bureau(fates={SPEECH: ["refused"]})) as house:
        task = await bought(house)
        assert (failure(task).spent, (await entry(house, task)).state) == ("no", "released")


async def test_a_last_call_that_fails_later_leaves_the_earlier_ones_charged(tmp_path: Path) -> None:
    bureau = Bureau(ends="failed")
    async with a_house(tmp_path, provider=bureau) as house:
        task = await house.until((await bought(house)).id, Status.FAILED)
        assert failure(task).spent == "yes"
        line = await entry(house, task)
        assert (line.state, line.charged) == ("settled", to_micros(Decimal("0.10") * UNIT_USD))


LOST: list[Fate] = ["cut before", "cut after", "broken before", "broken after", "dies before", "dies after"]


@pytest.mark.parametrize("fate", LOST)
@pytest.mark.parametrize("path", [SPEECH, FACES])
@keeps("nothing-twice", "within-budget")
async def test_a_call_without_our_id_whose_answer_is_lost_is_never_made_again(
    tmp_path: Path, path: str, fate: Fate
) -> None:
    bureau = Bureau(fates={path: [fate]})
    async with a_house(tmp_path, provider=bureau) as house:
        bureau.die = lambda: house.life.end()
        task = await bought(house)
        if fate.startswith("dies"):
            assert task.status is Status.SUBMITTING
            await house.beat(60)
            assert (await house.task(task.id)).status is Status.SUBMITTING, "its sender may still be at work"
        task = await house.until(task.id, Status.FAILED)
        assert (failure(task).code, failure(task).spent) == ("answer_lost", "unknown")
        assert "$0.20" in failure(task).message or "0.196" in failure(task).message
        line = await entry(house, task)
        assert (line.state, line.held) == ("held", to_micros(MOST))
        await house.open_again()
        for _ in range(5):
            await house.beat(100)
        assert bureau.reached.count(path) == 1
        assert LIPS not in bureau.reached


@pytest.mark.parametrize("fate", LOST)
@keeps("nothing-twice", "nothing-lost")
async def test_the_last_call_is_looked_up_by_our_own_id(tmp_path: Path, fate: Fate) -> None:
    bureau = Bureau(fates={LIPS: [fate]})
    async with a_house(tmp_path, provider=bureau) as house:
        bureau.die = lambda: house.life.end()
        task = await house.until((await bought(house)).id, Status.FETCHING)
        assert bureau.taken == [*STEPS]
        assert bureau.reached.count(LIPS) == (1 if fate.endswith("after") else 2)
        assert task.charge is not None
        assert task.charge.usd == ALL


@pytest.mark.parametrize("fate", ["busy", "no wire"])
@pytest.mark.parametrize("path", STEPS)
async def test_a_call_that_provably_did_not_get_in_is_made_again_and_no_other(
    tmp_path: Path, path: str, fate: Fate
) -> None:
    bureau = Bureau(fates={path: [fate, fate]})
    async with a_house(tmp_path, provider=bureau) as house:
        task = await bought(house)
        assert (task.status, len(task.prepared)) == (Status.QUEUED, STEPS.index(path))
        await house.until(task.id, Status.FETCHING, stride=5)
        assert bureau.taken == [*STEPS]


async def test_what_is_paid_for_is_not_given_up_for_a_moment_without_network(tmp_path: Path) -> None:
    bureau = Bureau(fates={FACES: ["busy"]})
    async with a_house(tmp_path, provider=bureau) as house:
        task = await bought(house)
        bureau.fates[FACES] = ["no wire"]
        await house.beat(PATIENCE_SECONDS + 1)
        assert (await house.task(task.id)).status is Status.QUEUED
        await house.until(task.id, Status.FETCHING, stride=5)
        assert bureau.taken == [*STEPS]


async def test_a_task_in_the_middle_waits_for_a_slot_like_any_other(tmp_path: Path) -> None:
    bureau = Bureau(fates={FACES: ["busy"]}, ends="processing")
    async with a_house(tmp_path, provider=bureau, slots=1) as house:
        first = await bought(house)
        second = await bought(house, replace(LIP_SYNC, spec=replace(LIP_SYNC.spec, volume=0.5)))
        assert (first.status, second.status, bureau.taken) == (Status.QUEUED, Status.QUEUED, [SPEECH])
        await house.beat(5)
        assert (await house.task(first.id)).status is Status.SUBMITTED
        assert bureau.taken == [*STEPS]


# --- one call, answered at once ---------------------------------------------------------------------------------------


@keeps("result-kept")
async def test_speech_is_answered_at_once_and_fetched(
    tmp_path: Path, clips: Mapping[str, Path], sounds: Mapping[str, Path]
) -> None:
    bureau = Bureau(files=sound_and_film(clips, sounds))
    async with a_house(tmp_path, provider=bureau) as house:
        task = await bought(house, SPOKEN)
        assert task.status is Status.FETCHING
        await house.beat(1)
        task = await house.task(task.id)
        assert task.status is Status.SUCCEEDED
        (output,) = task.outputs
        assert (output.kind, output.remote_id, output.has_audio) == ("audio", "aud-1", True)
        assert output.seconds == pytest.approx(3, abs=0.1)
        assert Path(output.path).suffix == ".mp3"
        assert Path(output.path).read_bytes() == bureau.files["speech.mp3"]
        assert (await entry(house, task)).charged == to_micros(Decimal("0.05") * UNIT_USD)
        assert bureau.taken == [SPEECH]


@pytest.mark.parametrize(("plan", "path"), [(SPOKEN, SPEECH), (CUT_OUT, CUTOUTS)], ids=["speech", "cutouts"])
@pytest.mark.parametrize("fate", ["cut after", "dies after"])
@keeps("nothing-twice")
async def test_what_is_answered_at_once_is_not_bought_again_when_the_answer_is_lost(
    tmp_path: Path, plan: Plan, path: str, fate: Fate
) -> None:
    bureau = Bureau(fates={path: [fate]})
    async with a_house(tmp_path, provider=bureau) as house:
        bureau.die = lambda: house.life.end()
        task = await house.until((await bought(house, plan)).id, Status.FAILED)
        assert (failure(task).code, bureau.reached) == ("answer_lost", [path])


async def test_a_picture_in_which_nothing_was_found_ends_at_once_and_is_charged(tmp_path: Path) -> None:
    async with a_house(tmp_path, provider=Bureau()) as house:
        task = await bought(house, CUT_OUT)
        assert (failure(task).code, failure(task).spent) == ("task_failed", "yes")
        assert (await entry(house, task)).charged == to_micros(Decimal("0.1") * UNIT_USD)

"""The fault grid, for every gateway: nothing paid is lost, nothing is bought twice, and a doubt is called one."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from tests.gateways.trading import LONG, SAMPLED, SOME, a_clip, bought, opened, silent, trading
from tests.vendors.floor import Pace
from tests.vendors.serving import Fake, serving

from kling_tools.model.errors import KlingError
from kling_tools.model.requests import ListTasks
from kling_tools.model.status import Status

#: What is in no list by then: how a doubt ends where there is one is in test_doubts.
NEVER = 1e9
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("fake", SAMPLED)]


async def test_a_create_that_is_throttled_waits_and_is_bought_once(fake: Fake, tmp_path: Path) -> None:
    async with trading(fake, tmp_path) as (studio, vendor):
        vendor.fault("429")
        task = await bought(studio, a_clip())
        assert task.status is Status.SUCCEEDED, task
        assert (vendor.count("create"), len(vendor.creates), len(vendor.bills)) == (2, 1, 1)


@pytest.mark.parametrize("kind", ["cut", "garbage", "500"])
async def test_a_lost_answer_is_a_doubt_that_is_told_held_and_never_bought_again(
    fake: Fake, kind: str, tmp_path: Path
) -> None:
    async with trading(fake, tmp_path) as (studio, vendor):
        before = await studio.budget_left()
        vendor.lag = NEVER
        vendor.fault(kind)
        task = await studio.create(a_clip())
        assert task.status is Status.UNSURE, task
        assert "never sent again" in task.trouble
        (later,) = await studio.wait([task.id], SOME, silent)
        assert later.status is Status.UNSURE
        again = await studio.create(a_clip())
        assert again.id == task.id
        assert vendor.count("create") == 1
        held = task.plan.price.most or Decimal(0)
        assert before - await studio.budget_left() == held


async def test_a_doubt_that_outlives_a_restart_is_still_not_bought_again(fake: Fake, tmp_path: Path) -> None:
    async with serving(fake) as vendor:
        async with opened(tmp_path, (fake, vendor)) as studio:
            vendor.lag = NEVER
            vendor.fault("cut")
            task = await studio.create(a_clip())
        async with opened(tmp_path, (fake, vendor)) as studio:
            (later,) = await studio.wait([task.id], SOME, silent)
            assert later.status is Status.UNSURE
        assert vendor.count("create") == 1


@pytest.mark.parametrize("kind", ["429", "500", "cut"])
async def test_a_look_that_breaks_ends_nothing(fake: Fake, kind: str, tmp_path: Path) -> None:
    async with trading(fake, tmp_path) as (studio, vendor):
        vendor.fault(kind, "poll")
        task = await bought(studio, a_clip())
        assert task.status is Status.SUCCEEDED, task
        assert len(vendor.bills) == 1


async def test_what_fails_there_is_told_with_its_own_words_and_costs_nothing(fake: Fake, tmp_path: Path) -> None:
    async with trading(fake, tmp_path) as (studio, vendor):
        vendor.fault("fail", words="the hamster escaped")
        task = await bought(studio, a_clip())
        assert task.status is Status.FAILED
        assert task.failure is not None
        assert '"the hamster escaped"' in task.failure.message
        assert await studio.budget_left() == studio.settings.max_usd_per_day


async def test_an_empty_account_is_told_and_nothing_is_held(fake: Fake, tmp_path: Path) -> None:
    async with trading(fake, tmp_path) as (studio, vendor):
        vendor.book.opening = 0
        with pytest.raises(KlingError) as caught:
            await studio.create(a_clip())
        assert (caught.value.code, caught.value.spent) == ("no_balance", "no")
        assert await studio.budget_left() == studio.settings.max_usd_per_day
        assert vendor.creates == []


async def test_what_runs_is_fetched_after_a_restart_and_a_caller_who_left_takes_nothing_along(
    fake: Fake, tmp_path: Path
) -> None:
    async with serving(fake, pace=Pace(queued=4, running=4)) as vendor:
        async with opened(tmp_path, (fake, vendor)) as studio:
            creating = asyncio.create_task(studio.create(a_clip()))
            while not vendor.count("create"):
                await asyncio.sleep(0)
            creating.cancel()
        async with opened(tmp_path, (fake, vendor)) as studio:
            task = await studio.create(a_clip())
            (ended,) = await studio.wait([task.id], LONG, silent)
            assert ended.status in {Status.SUCCEEDED, Status.UNSURE}
            if ended.status is Status.SUCCEEDED:
                assert Path(ended.outputs[0].path).is_file()
        assert vendor.count("create") == 1


async def test_a_program_that_dies_while_it_sends_leaves_a_doubt_and_never_a_second_purchase(
    fake: Fake, tmp_path: Path
) -> None:
    async with serving(fake) as vendor:
        async with opened(tmp_path, (fake, vendor)) as studio:
            vendor.lag = NEVER
            vendor.fault("hang")
            creating = asyncio.create_task(studio.create(a_clip()))
            while not vendor.creates:
                await asyncio.sleep(0)
            creating.cancel()  # and with the studio what was on the wire: the journal says `submitting`
        async with opened(tmp_path, (fake, vendor)) as studio:
            (task,) = (await studio.list(ListTasks())).tasks
            assert task.status in {Status.SUBMITTING, Status.UNSURE}
            later = task
            with anyio.fail_after(300):  # the fast time does not stand still where the machine is slow
                while later.status is Status.SUBMITTING:
                    (later,) = await studio.wait([task.id], SOME, silent)
            assert (later.status, later.plan.route.finds) == (Status.UNSURE, False)
            assert "never sent again" in later.trouble
        assert vendor.count("create") == 1

"""Callbacks of gateways that prove theirs: the genuine leads to a look, the forged, stale and repeated to nothing."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.gateways.trading import FAKES, LONG, a_clip, opened, silent
from tests.vendors.floor import Pace
from tests.vendors.serving import Fake, serving

from kling_tools.model.errors import CallbackRefused, CallbackRepeated, ProviderBroken
from kling_tools.model.status import Status

#: The others send none, or prove nothing but by the secret address.
PROVEN = [fake for fake in FAKES if fake in {Fake.PIAPI, Fake.FAL, Fake.KIE, Fake.REPLICATE}]
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("fake", PROVEN)]

HERE = {"KLING_CALLBACK_URL": "https://kling.example"}
#: Nothing ends by itself, so that only a callback can bring it forward.
SLOW = Pace(queued=1e6, running=1e6)


async def test_only_a_genuine_callback_is_taken_and_only_once(fake: Fake, tmp_path: Path) -> None:
    async with serving(fake, pace=SLOW) as vendor, opened(tmp_path, (fake, vendor), **HERE) as studio:
        task = await studio.create(a_clip())
        remote = vendor.tasks[0].id
        vendor.finish(remote)
        for how in ("forged", "stale"):
            hook = vendor.webhook(remote, how)  # type: ignore[arg-type]
            with pytest.raises(CallbackRefused):
                await studio.callback(fake, hook.headers, hook.body)
        hook = vendor.webhook(remote)
        assert await studio.callback(fake, hook.headers, hook.body)
        (ended,) = await studio.wait([task.id], LONG, silent)
        assert ended.status is Status.SUCCEEDED
        with pytest.raises(CallbackRepeated):
            await studio.callback(fake, hook.headers, hook.body)


async def test_a_callback_clears_up_a_lost_answer(fake: Fake, tmp_path: Path) -> None:
    async with serving(fake, pace=SLOW) as vendor, opened(tmp_path, (fake, vendor), **HERE) as studio:
        vendor.fault("cut")
        task = await studio.create(a_clip())
        assert task.status is Status.UNSURE
        vendor.finish(vendor.tasks[0].id)
        hook = vendor.webhook(vendor.tasks[0].id)
        (ours,) = parse_qs(urlsplit(hook.url).query)["task"]
        assert ours == task.id
        await studio.callback(fake, hook.headers, hook.body, ours)
        (ended,) = await studio.wait([task.id], LONG, silent)
        assert ended.status is Status.SUCCEEDED
        assert len(vendor.bills) == 1


async def test_a_callback_that_cannot_be_proven_or_looked_at_now_is_heard_when_it_comes_again(
    fake: Fake, tmp_path: Path
) -> None:
    async with serving(fake, pace=SLOW) as vendor, opened(tmp_path, (fake, vendor), **HERE) as studio:
        vendor.fault("cut")
        task = await studio.create(a_clip())
        vendor.finish(vendor.tasks[0].id)
        hook = vendor.webhook(vendor.tasks[0].id)
        for broken in ("keys", "poll") if fake in {Fake.FAL, Fake.REPLICATE} else ("poll",):
            vendor.fault("500", broken)  # type: ignore[arg-type]
            with pytest.raises(ProviderBroken):
                await studio.callback(fake, hook.headers, hook.body, task.id)
        await studio.callback(fake, hook.headers, hook.body, task.id)
        (ended,) = await studio.wait([task.id], LONG, silent)
        assert ended.status is Status.SUCCEEDED

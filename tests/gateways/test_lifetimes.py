"""How long a result is kept is told as it is at who made it, not as it is at Kling."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.gateways.trading import SOME, a_clip, silent, trading
from tests.vendors.serving import Fake

from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio
#: It is here within one, unless the machine is busy with other things.
ROUNDS = 20


@pytest.mark.parametrize(
    ("fake", "told"),
    [(Fake.PIAPI, "piapi names no new one; it serves results for 24 h."), (Fake.FAL, "it serves results for 7 days.")],
)
async def test_a_result_whose_address_died_is_told_with_how_long_that_provider_keeps_one(
    fake: Fake, told: str, tmp_path: Path
) -> None:
    async with trading(fake, tmp_path) as (studio, vendor):
        vendor.lifetime = -3600.0  # type: ignore[misc]
        task = await studio.create(a_clip())
        for _ in range(ROUNDS):
            (task,) = await studio.wait([task.id], SOME, silent)
            if task.trouble:
                break
        assert (task.status, told in task.trouble) == (Status.FETCHING, True), task.trouble
        assert "Kling" not in task.trouble

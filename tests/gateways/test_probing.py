"""Whether a key opens a reseller's door is found out by a free call, as `doctor` and the account do."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.gateways.trading import FAKES, opened, trading
from tests.vendors.serving import Fake, serving

from kling_tools.model.errors import ProviderRefused

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("fake", FAKES)
async def test_a_good_key_is_known_by_a_call_that_buys_nothing(fake: Fake, tmp_path: Path) -> None:
    async with trading(fake, tmp_path) as (studio, vendor):
        probed = await studio.account(fake.value).client.probe()
        assert not probed.simulated
        assert vendor.creates == []


@pytest.mark.parametrize("fake", FAKES)
async def test_a_wrong_key_is_told_and_not_shown(fake: Fake, tmp_path: Path) -> None:
    async with serving(fake) as vendor:
        vendor.key = "another"
        async with opened(tmp_path, (fake, vendor)) as studio:
            vendor.key = "the-right-one"
            with pytest.raises(ProviderRefused) as caught:
                await studio.account(fake.value).client.probe()
    assert "another" not in f"{caught.value.message} {caught.value.advice}"

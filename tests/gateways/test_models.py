"""list_models with resellers: what each offers and costs, in full where it is asked for, in brief beside another."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.gateways.trading import FAKES, opened
from tests.studio.open import ask
from tests.vendors.serving import Fake, seated

from kling_tools.model.errors import InvalidArguments

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("fake", FAKES)
async def test_what_a_reseller_offers_is_shown_with_its_prices(fake: Fake, tmp_path: Path) -> None:
    async with seated(fake) as vendor:
        vendor.base_url = "http://127.0.0.1:9"
        async with opened(tmp_path, (fake, vendor)) as studio:
            told = await ask(studio, "list_models", provider=str(fake))
            assert told.provider == fake
            assert {model.model for model in told.models} >= {"kling-3.0"}
            assert (await ask(studio, "list_models")).models == told.models, "it is the only one configured"
            (three,) = (await ask(studio, "list_models", model="kling-3.0")).models
            assert three.details
            # Two of them tell no dollars at all.
            assert any("$" in price or "credits" in price for m in told.models for price in m.prices.values())
            with pytest.raises(InvalidArguments, match="is not configured"):
                await ask(studio, "list_models", provider="nobody")


async def test_beside_the_first_the_others_are_told_in_brief_and_only_what_fits(tmp_path: Path) -> None:
    async with seated(Fake.FAL) as fal, seated(Fake.KIE) as kie, seated(Fake.KLING3API) as third:
        pairs = [(Fake.FAL, fal), (Fake.KIE, kie), (Fake.KLING3API, third)]
        for _, vendor in pairs:
            vendor.base_url = "http://127.0.0.1:9"
        async with opened(tmp_path, *pairs, KLING_API_KEY="a-key-of-klings") as studio:
            told = await ask(studio, "list_models", model="kling-3.0")
            assert told.provider == "kling"
            assert told.elsewhere["kie"] == {"kling-3.0": "from $0.07 per second"}
            assert told.elsewhere["kling3api"] == {"kling-3.0": "price not known"}
            assert set(told.elsewhere) == {"fal", "kie", "kling3api"}
            faces = await ask(studio, "list_models", tool="lip_sync")
            assert set(faces.elsewhere) == {"fal"}
            alone = await ask(studio, "list_models", provider="kie")
            assert (alone.provider, alone.elsewhere) == ("kie", {})
            whole = await ask(studio, "list_models")
            assert len(str(whole.elsewhere)) < 4000

"""Whom `auto` buys from, and a vendor that is made up here: it is added in four places, and nothing else knows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.gateways.trading import LONG, a_clip, bought, silent, variables
from tests.studio.open import FastClock
from tests.vendors.serving import Fake, serving
from tests.vendors.vendor import Vendor as Seller

from kling_tools.model.errors import BadSettings, Impossible, InvalidArguments, NeedsConfirmation, NoBalance
from kling_tools.model.status import Status
from kling_tools.providers.piapi import PiAPI
from kling_tools.providers.registry import GATEWAYS, Gateway
from kling_tools.settings import Settings
from kling_tools.studio import Studio

pytestmark = pytest.mark.anyio


class Invented(PiAPI):
    """The first place: how it is spoken."""

    name = "invented"
    title = "Invented"


#: The second: one entry in the registry.
PIAPI = next(gateway for gateway in GATEWAYS if gateway.vendor.name == "piapi")
INVENTED = Gateway(
    replace(PIAPI.vendor, name="invented", title="Invented", key="INVENTED_API_KEY", base="INVENTED_BASE_URL"),
    Invented,
)
#: The third: what it offers, and for how much.
CATALOGUE = """
[invented.limits.invented]
max_bytes = 10_000_000
min_side = 300
max_ratio = 2.5

[[invented.model]]
id = "kling-3.0"
name = "Kling 3.0 (Invented)"
names = {{ invented = "kling/3.0" }}
auto_rank = 1
good_for = "trials"

[[invented.model.offer]]
product = "text-to-video"
seconds = [5]
resolutions = ["720p"]
aspect_ratios = ["16:9"]
audio = "none"
prompt_max = {{ invented = 2500 }}

[[invented.price]]
model = "kling-3.0"
feature = "silent"
usd = "{usd}"
per = "second"
"""


@asynccontextmanager
async def both(folder: Path, usd: str, **more: str) -> AsyncIterator[tuple[Studio, Seller, Seller]]:
    """Run PiAPI, which takes 0.10 a second, beside a vendor of one's own, which takes `usd`: the fourth, its fake."""
    catalogue = folder / "catalogue.toml"
    catalogue.write_text(CATALOGUE.format(usd=usd))
    async with serving(Fake.PIAPI) as piapi, serving(Fake.PIAPI, key="another-key") as invented:
        own = {"INVENTED_API_KEY": invented.key, "INVENTED_BASE_URL": invented.base_url}
        env = variables(folder, (Fake.PIAPI, piapi), KLING_CATALOG=str(catalogue), **own, **more)
        settings = Settings.from_env(env, [*GATEWAYS, INVENTED])
        assert settings.problems == ()
        assert invented.key in settings.secrets
        async with Studio.open(settings, FastClock(), gateways=[*GATEWAYS, INVENTED]) as studio:
            yield studio, piapi, invented


async def test_auto_takes_the_cheapest_and_says_why(tmp_path: Path) -> None:
    async with both(tmp_path, "0.05") as (studio, piapi, invented):
        quotes = await studio.quotes(a_clip())
        assert [q.provider for q in quotes] == ["piapi", "invented"]
        task = await bought(studio, a_clip())
        assert (task.status, task.plan.route.provider) == (Status.SUCCEEDED, "invented"), task
        assert any("else piapi" in note for note in task.plan.notes)
        assert (len(piapi.creates), len(invented.creates)) == (0, 1)
        assert task.account.startswith("invented@")


async def test_of_equal_prices_the_first_wins_and_a_name_decides_in_any_case(tmp_path: Path) -> None:
    async with both(tmp_path, "0.10") as (studio, *_):
        assert (await studio.create(a_clip())).plan.route.provider == "piapi"
        named = await studio.create(a_clip(provider="invented"))
        assert named.plan.route.provider == "invented"
        with pytest.raises(InvalidArguments, match="not configured"):
            await studio.create(a_clip(provider="sora"))


async def test_only_who_can_do_all_of_it_is_asked_and_a_refusal_names_who_can(tmp_path: Path) -> None:
    async with both(tmp_path, "0.01") as (studio, _, invented):
        assert (await studio.create(a_clip(seconds=10))).plan.route.provider == "piapi"
        with pytest.raises(Impossible) as caught:
            await studio.create(a_clip(seconds=15, provider="invented"))
        assert "provider=piapi can, for $1.5" in caught.value.advice
        assert invented.calls == []


async def test_who_is_out_of_money_is_passed_over_before_anything_was_taken(tmp_path: Path) -> None:
    async with both(tmp_path, "0.05") as (studio, piapi, invented):
        invented.book.opening = 0
        task = await bought(studio, a_clip())
        assert (task.status, task.plan.route.provider) == (Status.SUCCEEDED, "piapi")
        assert any("invented was passed over" in note for note in task.plan.notes)
        assert (len(piapi.bills), len(invented.bills)) == (1, 0)
        invented.book.opening = 100
        again = await studio.create(a_clip())
        assert again.id == task.id  # the same request stays where it was bought
        assert (len(piapi.bills), len(invented.bills)) == (1, 0)


async def test_nobody_dearer_than_was_agreed_on_is_bought_from_instead(tmp_path: Path) -> None:
    async with both(tmp_path, "0.05", KLING_CONFIRM_ABOVE_USD="0.1") as (studio, piapi, invented):
        with pytest.raises(NeedsConfirmation):
            await studio.create(a_clip(confirm_cost=False))
        invented.book.opening = 0
        with pytest.raises(NoBalance) as caught:
            await studio.create(a_clip())
        assert "the person has to agree" in caught.value.advice
        assert piapi.creates == []


async def test_after_a_lost_answer_nobody_else_is_asked(tmp_path: Path) -> None:
    async with both(tmp_path, "0.05") as (studio, piapi, invented):
        invented.fault("cut")
        task = await studio.create(a_clip())
        assert task.status is Status.UNSURE
        assert (await studio.create(a_clip())).id == task.id
        assert (len(piapi.creates), len(invented.creates)) == (0, 1)


async def test_a_task_that_nobody_has_begun_is_taken_back_and_its_money_with_it(tmp_path: Path) -> None:
    async with both(tmp_path, "0.05") as (studio, _, invented):
        invented.tick = 0.0
        task = await studio.create(a_clip())
        cancelled = await studio.cancel(task.id)
        assert cancelled.status is Status.CANCELLED
        assert await studio.budget_left() == studio.settings.max_usd_per_day
        begun = await studio.create(a_clip(again=True))
        invented.clock.advance(1.5)
        assert (await studio.cancel(begun.id)).status is not Status.CANCELLED
        (ended,) = await studio.wait([begun.id], LONG, silent)
        assert ended.status is Status.SUCCEEDED


def test_a_provider_without_its_key_names_the_variable(tmp_path: Path) -> None:
    settings = Settings.from_env(variables(tmp_path, KLING_PROVIDER="piapi"))
    assert "PIAPI_API_KEY" in settings.problems[0]
    with pytest.raises(BadSettings):
        settings.check()

"""A doubt that only a provider's own list may clear up: what of it is believed, and that it has an end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from tests.jobs.house import RICH, START, House, a_house, a_task
from tests.providers.values import PLAN

from kling_tools.client.client import Client
from kling_tools.jobs.account import Account
from kling_tools.jobs.doubts import DOUBT_SECONDS, SETTLED_SECONDS, resolve
from kling_tools.jobs.vigil import Vigil
from kling_tools.model.status import Status
from kling_tools.model.tasks import Claimed, Doubted, Event, Observation, PutBack, Remote, Seen, Task
from kling_tools.providers.gateway import mark_of
from kling_tools.providers.reading import when
from kling_tools.providers.registry import GATEWAYS, gateway_connection

pytestmark = pytest.mark.anyio

MODEL, INPUT = "kwaivgi/kling-v3-video", {"prompt": "a fox"}
PLAN_THERE = replace(PLAN, route=replace(PLAN.route, finds=False), wire_model=MODEL)


@dataclass
class There:
    """A reseller's answers by path; what has none cannot be reached."""

    told: dict[str, object] = field(default_factory=dict)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one question."""
        if request.url.path not in self.told:
            raise httpx2.ConnectError("no route to host")
        return httpx2.Response(200, json=self.told[request.url.path])

    def lists(self, *ids: str) -> None:
        """Show tasks with the very same request, of which nothing more is told yet."""
        rows = [{"id": i, "model": MODEL, "created_at": when(START), "input": INPUT} for i in ids]
        self.told["/v1/predictions"] = {"results": rows, "next": None}

    def shows(self, task_id: str) -> None:
        """Tell where a task stands."""
        self.told[f"/v1/predictions/{task_id}"] = {"id": task_id, "status": "processing"}


@dataclass
class Doubting:
    """A house that buys from a reseller, and what is asked of it."""

    house: House
    account: Account
    there: There
    vigil: Vigil

    async def doubted(self, *events: Event, purse: Decimal | None = None) -> Task:
        """Return a task whose answer was lost, or to which this happened."""
        task = (await self.house.journal.enqueue(a_task(plan=PLAN_THERE), RICH, again=True)).task
        mark = "" if purse else mark_of(MODEL, INPUT)
        for event in (Claimed(mark, purse), *(events or (Doubted("lost"),))):
            task = await self.house.journal.apply(task.id, event)
        return task

    async def after(self, seconds: float, task: Task) -> Task:
        """Let time pass, ask about a doubt, and return what became of it."""
        self.house.clock.time += seconds
        await resolve(self.account, await self.house.task(task.id), self.vigil)
        return await self.house.task(task.id)


@asynccontextmanager
async def doubting(folder: Path, vendor: str = "replicate") -> AsyncIterator[Doubting]:
    """Open a house whose account is a reseller's."""
    async with a_house(folder) as house:
        gateway = next(one for one in GATEWAYS if one.vendor.name == vendor)
        connection, there = gateway_connection(gateway, api_key="k"), There()
        client = Client(connection, house.clock, httpx2.MockTransport(there))
        account = replace(house.account, connection=connection, client=client)
        yield Doubting(house, account, there, Vigil(house.clock))
        await client.aclose()


async def test_of_two_of_which_one_cannot_be_looked_at_none_is_taken(tmp_path: Path) -> None:
    async with doubting(tmp_path) as at:
        doubt = await at.doubted()
        at.there.lists("r-1", "r-2")
        at.there.shows("r-2")
        later = await at.after(SETTLED_SECONDS + 1, doubt)
        assert (later.status, later.remote) == (Status.UNSURE, None)
        assert "cannot be read" in later.trouble
        at.there.lists("r-2")
        taken = (await at.after(60, doubt)).remote
        assert taken is not None
        assert taken.id == "r-2"


async def test_what_a_task_has_that_was_put_back_and_then_named_is_taken_by_no_other(tmp_path: Path) -> None:
    async with doubting(tmp_path) as at:
        there = Remote(id="r-1", product="/v1/predictions", host="https://api.replicate.com")
        named = Seen(Observation(remote=there, external_id="", status="processing"))
        other, doubt = await at.doubted(PutBack("told to come later", 0.0), named), await at.doubted()
        assert other.remote == there
        at.there.lists("r-1")
        at.there.shows("r-1")
        assert (await at.after(SETTLED_SECONDS + 1, doubt)).status is Status.UNSURE


async def test_a_doubt_ends_also_where_no_balance_is_told_any_more(tmp_path: Path) -> None:
    async with doubting(tmp_path, "kie") as at:
        doubt = await at.doubted(purse=Decimal(100))
        assert (await at.after(60, doubt)).status is Status.UNSURE
        ended = await at.after(DOUBT_SECONDS, doubt)
        assert ended.failure is not None
        assert (ended.failure.code, ended.failure.spent) == ("answer_lost", "unknown")


async def test_a_list_that_cannot_be_read_just_after_a_long_sleep_ends_no_doubt(tmp_path: Path) -> None:
    async with doubting(tmp_path) as at:
        doubt = await at.doubted()
        assert (await at.after(3 * DOUBT_SECONDS, doubt)).status is Status.UNSURE
        at.there.lists("r-1")
        at.there.shows("r-1")
        assert (await at.after(60, doubt)).status is Status.PROCESSING


async def test_a_list_that_stays_closed_keeps_no_doubt_open_for_ever(tmp_path: Path) -> None:
    async with doubting(tmp_path) as at:
        doubt = await at.after(3 * DOUBT_SECONDS, await at.doubted())
        for _ in range(10):
            assert doubt.status is Status.UNSURE or doubt.failure is not None
            doubt = await at.after(60, doubt)
        assert doubt.failure is not None
        assert doubt.failure.code == "answer_lost"

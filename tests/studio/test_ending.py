"""A house that is about to close answers at once, also who is waiting for a provider that does not answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from tests.promises import keeps
from tests.studio.open import ask, environment

from kling_tools.clock import SystemClock
from kling_tools.connect import Between
from kling_tools.settings import Settings
from kling_tools.studio import Studio
from kling_tools.studio.studio import ANSWER_SECONDS

pytestmark = pytest.mark.anyio


class Silent(httpx2.AsyncBaseTransport):
    """A provider that says nothing until it is told to."""

    def __init__(self) -> None:
        self.asked, self.ends = asyncio.Event(), asyncio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Keep a request waiting."""
        self.asked.set()
        await self.ends.wait()
        raise httpx2.ConnectError("no route to host")


@keeps("nothing-lost")
async def test_who_buys_while_the_house_closes_is_told_the_task(tmp_path: Path) -> None:
    env = environment(tmp_path, KLING_API_KEY="not-a-real-key-at-all")
    silent = Silent()
    async with Studio.open(Settings.from_env(env), SystemClock(), between=Between(transport=silent)) as studio:
        buying = asyncio.create_task(ask(studio, "create_video", prompt="a fox", seconds=3))
        await asyncio.wait_for(silent.asked.wait(), 30)
        studio.hurry()
        made = await asyncio.wait_for(buying, ANSWER_SECONDS / 2)
        assert made.status not in {"succeeded", "failed", "cancelled"}
        assert [task.id for task in await studio.tasks([made.task_id])] == [made.task_id]
        silent.ends.set()

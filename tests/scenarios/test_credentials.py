"""Both kinds of credentials over a real socket, and what is said when they are wrong."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.promises import keeps
from tests.scenarios.host import hosting
from tests.scenarios.simulated import simulating

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("pair", [False, True], ids=["API key", "access and secret key"])
@keeps("simulated-marked")
async def test_a_video_is_made_with_either_kind_of_credentials(tmp_path: Path, pair: bool) -> None:
    async with simulating(tmp_path) as kling:
        env = kling.env_with_pair() if pair else kling.env()
        async with hosting(env, "auto" if pair else "legacy") as host:
            created = await host.facts("create_video", prompt="a lantern on a lake", model="kling-2.6")
            task = await host.ended(created["task_id"])
        bought = (await kling.tasks())[0]
    assert task["status"] == "succeeded"
    assert task["provider"] == "kling"
    assert task["simulated"] is True
    assert task["cost"]["charged_usd"] == task["cost"]["usd"] == "0.21"
    assert "simulated" in Path(task["outputs"][0]["path"]).name
    assert bought["external_id"] == created["task_id"]


@keeps("no-leak")
async def test_a_wrong_secret_names_the_cause_and_is_never_shown(tmp_path: Path) -> None:
    async with simulating(tmp_path) as kling:
        async with hosting(kling.env_with_pair("not-the-secret"), "auto") as host:
            result = await host.call("create_video", prompt="a fox")
            await host.close()
        assert await kling.tasks() == []
    text = result["content"][0]["text"]
    assert result["isError"]
    assert "unauthorised" in text
    assert "secret" in text.lower()
    assert "Nothing was spent" in text
    assert "not-the-secret" not in text + host.log


async def test_a_clock_that_is_a_little_fast_is_forgiven(tmp_path: Path) -> None:
    slow = simulating(tmp_path, clock=lambda: time.time() - 30)
    async with slow as kling, hosting(kling.env_with_pair(), "legacy") as host:
        created = await host.facts("create_video", prompt="a fox")
        assert [task["external_id"] for task in await kling.tasks()] == [created["task_id"]]


async def test_a_clock_that_is_far_off_is_named(tmp_path: Path) -> None:
    async with simulating(tmp_path, clock=lambda: time.time() - 900) as kling:
        async with hosting(kling.env_with_pair(), "auto") as host:
            result = await host.call("create_video", prompt="a fox")
        assert await kling.tasks() == []
    assert result["isError"]
    assert "clock" in result["content"][0]["text"]


async def test_a_placeholder_that_the_host_left_unexpanded_is_reported_by_name(tmp_path: Path) -> None:
    async with simulating(tmp_path) as kling:
        async with hosting(kling.env(KLING_API_KEY="${KLING_API_KEY}"), "legacy") as host:
            result = await host.call("create_video", prompt="a fox")
        assert await kling.tasks() == []
    assert "KLING_API_KEY is missing" in result["content"][0]["text"]

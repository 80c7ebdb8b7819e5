"""A server that dies at any moment, a client that leaves, two servers at once: the task and the money stay one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.promises import keeps
from tests.scenarios.host import hosting
from tests.scenarios.simulated import simulating
from tests.server.acting import Era, both_eras

pytestmark = pytest.mark.anyio


@keeps("nothing-lost", "nothing-twice", "result-kept")
async def test_a_new_server_finishes_the_task_of_a_killed_one(tmp_path: Path) -> None:
    async with simulating(tmp_path, speed=60.0) as kling:
        async with hosting(kling.env(), "legacy", command=True) as first:
            task_id = (await first.facts("create_video", prompt="a fox in the snow", seconds=3))["task_id"]
            await first.kill()
        async with hosting(kling.env(), "auto", command=True) as second:
            task = await second.ended(task_id)
            listed = await second.facts("list_tasks")
        bought = await kling.tasks()
    assert task["status"] == "succeeded"
    assert Path(task["outputs"][0]["path"]).stat().st_size > 10_000
    assert [t["task_id"] for t in listed["tasks"]] == [task_id]
    assert len(bought) == 1


@keeps("nothing-lost", "nothing-twice")
@pytest.mark.parametrize(
    ("after", "era", "then"),
    [(0.0, "auto", "legacy"), (0.02, "legacy", "auto"), (0.1, "auto", "legacy"), (0.3, "legacy", "auto")],
)
async def test_a_server_killed_while_it_buys_leaves_one_task_or_none(
    tmp_path: Path, after: float, era: Era, then: Era
) -> None:
    async with simulating(tmp_path) as kling:
        # The provider takes its time to accept, so that the kill falls before, into or after the purchase.
        await kling.faults({"on": "create", "delay": 0.2})
        async with hosting(kling.env(), era) as first:
            wish = {"prompt": "a paper boat", "seconds": 3}
            await first.send("tools/call", {"name": "create_video", "arguments": wish})
            await asyncio.sleep(after)
            await first.kill()
        async with hosting(kling.env(), then) as second:
            known = (await second.facts("list_tasks"))["tasks"]
            async with asyncio.timeout(60):
                while len(bought := await kling.tasks()) > len(known):
                    known = (await second.facts("list_tasks"))["tasks"]
            if bought:
                assert (await second.ended(known[0]["task_id"]))["status"] == "succeeded"
        assert len(await kling.tasks()) <= 1
        assert len(known) <= 1


@both_eras
@keeps("nothing-lost", "nothing-twice")
async def test_a_create_cancelled_right_after_sending_leaves_no_task_or_one_that_is_listed(
    era: Era, tmp_path: Path
) -> None:
    async with simulating(tmp_path) as kling:
        await kling.faults({"on": "create", "delay": 0.1, "times": 8})
        async with hosting(kling.env(), era) as host:
            for number in range(8):
                arguments = {"prompt": f"boat number {number}"}
                await host.send("tools/call", {"name": "create_video", "arguments": arguments})
                await asyncio.sleep(number * 0.01)
                await host.tell("notifications/cancelled", {"requestId": host.last, "reason": "changed my mind"})
            async with asyncio.timeout(180):
                while True:
                    listed = (await host.facts("list_tasks"))["tasks"]
                    if not any(task["status"] in {"queued", "unsure"} for task in listed):
                        break
                    await asyncio.sleep(0.05)
            bought = {task["external_id"] for task in await kling.tasks()}
            assert bought == {task["task_id"] for task in listed}
            assert (await host.facts("create_video", prompt="boat number 7"))["task_id"]


@keeps("nothing-twice")
async def test_two_servers_asked_the_same_at_once_buy_one_video(tmp_path: Path) -> None:
    async with (
        simulating(tmp_path) as kling,
        hosting(kling.env(), "auto") as one,
        hosting(kling.env(), "legacy") as two,
    ):
        answers = await asyncio.gather(
            *(host.facts("create_video", prompt="twins in the rain") for host in (one, two, one, two))
        )
        assert len({answer["task_id"] for answer in answers}) == 1
        assert len(await kling.tasks()) == 1


@keeps("nothing-lost")
async def test_the_other_server_goes_on_watching_when_the_watching_one_is_killed(tmp_path: Path) -> None:
    async with simulating(tmp_path, speed=12.0) as kling, hosting(kling.env(), "auto") as watcher:
        task_id = (await watcher.facts("create_video", prompt="a lighthouse at dusk", seconds=3))["task_id"]
        async with hosting(kling.env(), "legacy") as other:
            assert (await other.facts("check_status", task_id=task_id))["tasks"][0]["status"] != "succeeded"
            await watcher.kill()
            assert (await other.ended(task_id))["status"] == "succeeded"


@both_eras
@keeps("nothing-lost")
async def test_a_host_that_closes_stdin_in_the_middle_of_a_call_leaves_a_task_that_goes_on(
    era: Era, tmp_path: Path
) -> None:
    async with simulating(tmp_path) as kling:
        async with hosting(kling.env(), era) as first:
            task_id = (await first.facts("create_video", prompt="rain on a window", seconds=3))["task_id"]
            waiting = {"task_id": task_id, "wait_seconds": 50}
            await first.send("tools/call", {"name": "check_status", "arguments": waiting})
            assert await first.close() == 0
        async with hosting(kling.env(), era) as second:
            assert (await second.ended(task_id))["status"] == "succeeded"


@both_eras
async def test_a_server_in_the_middle_of_a_wait_still_answers_other_calls_at_once(era: Era, tmp_path: Path) -> None:
    async with simulating(tmp_path, speed=1.0) as kling, hosting(kling.env(), era) as host:
        task_id = (await host.facts("create_video", prompt="slow clouds"))["task_id"]
        waiting = {"task_id": task_id, "wait_seconds": 50}
        await host.send("tools/call", {"name": "check_status", "arguments": waiting, "_meta": {"progressToken": 1}})
        async with asyncio.timeout(30):
            for _ in range(20):
                await host.ask("tools/list", {})
            assert len((await host.facts("list_tasks"))["tasks"]) == 1
            while len(host.progress) < 2:
                await asyncio.sleep(0.05)
        told = [note["progress"] for note in host.progress]
        assert told == sorted(told)

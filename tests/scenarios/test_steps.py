"""One task of several calls, over a socket: killed between any two of them it ends in one result and one charge."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.promises import keeps
from tests.scenarios.host import Host, hosting
from tests.scenarios.simulated import Simulated, simulating
from tests.server.acting import Era

pytestmark = pytest.mark.anyio

SPEECH, FACES, TASK = "/v1/audio/tts", "/v1/videos/identify-face", "/v1/videos/advanced-lip-sync"
#: 0.05 for the speech, 0.05 for the faces, 0.5 for each begun five seconds; a unit is 14 cents.
CHARGE = Decimal("0.6") * Decimal("0.14")
WISH = {"text": "Hello from the paper boat in the rain", "voice": "oversea_male1"}


@pytest.mark.parametrize(
    ("next_call", "era", "then"),
    [(FACES, "legacy", "auto"), (TASK, "auto", "legacy")],
    ids=["after the speech", "after the faces"],
)
@keeps("nothing-lost", "nothing-twice")
async def test_a_lip_sync_that_dies_between_two_calls_ends_in_one_result_and_one_charge(
    tmp_path: Path, next_call: str, era: Era, then: Era
) -> None:
    async with simulating(tmp_path, speed=200.0) as kling:
        async with hosting(kling.env(), era) as first:
            film = await _film(first)
            await kling.faults({"path": next_call, "code": 1303, "times": 1000})
            task_id = (await first.facts("lip_sync", video=film, **WISH))["task_id"]
            await _brought(tmp_path, task_id, 1 if next_call == FACES else 2)
            await first.kill()
        await kling.faults()
        async with hosting(kling.env(), then) as second:
            task = await second.ended(task_id)
        await _one_of_each(kling, task)


@keeps("nothing-twice")
async def test_a_lip_sync_is_one_call_here_and_three_there(tmp_path: Path) -> None:
    async with simulating(tmp_path, speed=200.0) as kling, hosting(kling.env(), "legacy") as host:
        film = await _film(host)
        quote = (await host.facts("estimate_cost", tool="lip_sync", arguments={"video": film, **WISH}))["quotes"][0]
        task = await host.ended((await host.facts("lip_sync", video=film, **WISH))["task_id"])
        assert Decimal(quote["cost"]["usd"]) == CHARGE
        await _one_of_each(kling, task)


@keeps("nothing-twice")
async def test_a_speech_whose_answer_is_lost_is_never_bought_again_and_says_so(tmp_path: Path) -> None:
    async with simulating(tmp_path, speed=200.0) as kling, hosting(kling.env(), "auto") as host:
        film = await _film(host)
        await kling.faults({"path": SPEECH, "reset": "after"})
        task = await host.ended((await host.facts("lip_sync", video=film, **WISH))["task_id"])
        assert task["error"]["code"] == "answer_lost"
        assert task["error"]["spent"] == "unknown"
        assert await _counted(kling) == {SPEECH: 1, FACES: 0, TASK: 0}


async def _film(host: Host) -> str:
    made = await host.facts("create_video", prompt="a face that talks", seconds=3, model="kling-3.0")
    task_id: str = made["task_id"]
    assert (await host.ended(task_id))["status"] == "succeeded"
    return task_id


async def _brought(folder: Path, task_id: str, calls: int) -> None:
    """Wait until the journal has what so many calls brought."""
    import sqlite3

    def known() -> int:
        with sqlite3.connect(f"file:{folder}/data/journal.sqlite3?mode=ro", uri=True) as db:
            (document,) = db.execute("SELECT document FROM tasks WHERE id = ?", (task_id,)).fetchone()
        return len(json.loads(document)["prepared"])

    async with asyncio.timeout(120):
        while await asyncio.to_thread(known) < calls:
            await asyncio.sleep(0.02)


async def _counted(kling: Simulated) -> dict[str, int]:
    bought = [task["path"] for task in await kling.tasks()]
    return {path: bought.count(path) for path in (SPEECH, FACES, TASK)}


async def _one_of_each(kling: Simulated, task: dict[str, Any]) -> None:
    assert task["status"] == "succeeded", task["error"]
    assert [Path(output["path"]).is_file() for output in task["outputs"]] == [True]
    assert Decimal(task["cost"]["charged_usd"]) == CHARGE
    assert await _counted(kling) == {SPEECH: 1, FACES: 1, TASK: 1}

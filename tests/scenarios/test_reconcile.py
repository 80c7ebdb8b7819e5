"""The journal beside the simulated Kling's own list and bill, over a socket, with both kinds of credentials."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.host import ran
from tests.scenarios.simulated import Simulated, simulating
from tests.studio.open import ask, finished

from kling_mcp.reconcile import lines
from kling_tools.clock import SystemClock
from kling_tools.connect import Opened, open_accounts
from kling_tools.jobs.ledger import Budget
from kling_tools.model.errors import ProviderBroken
from kling_tools.model.requests import CreateVideo
from kling_tools.model.status import Status
from kling_tools.model.tasks import Claimed, Doubted, Observation, Remote, Seen, Task
from kling_tools.settings import Settings
from kling_tools.studio import Studio
from kling_tools.studio.deciding import Decisions
from kling_tools.studio.reconciling import reconcile

pytestmark = pytest.mark.anyio

both = pytest.mark.parametrize("pair", [False, True], ids=["API key", "key pair"])
FOX = CreateVideo(prompt="a fox in the snow", model="kling-2.6")


def env_of(kling: Simulated, pair: bool) -> dict[str, str]:
    return kling.env_with_pair() if pair else kling.env()


@asynccontextmanager
async def opening(env: Mapping[str, str]) -> AsyncIterator[Opened]:
    """Open the accounts as a command does: nothing goes on behind it."""
    opened = open_accounts(Settings.from_env(env), SystemClock())
    try:
        yield opened
    finally:
        await opened.close()


async def made(env: Mapping[str, str]) -> str:
    """Buy a video and wait for its file; return its id."""
    async with Studio.open(Settings.from_env(env)) as studio:
        task = await ask(studio, "create_video", prompt="a lantern", model="kling-2.6", again=True)
        done = await finished(studio, task.task_id)
    assert done.status == "succeeded"
    return str(done.task_id)


async def command(env: dict[str, str], *words: str) -> tuple[int, str]:
    """Run `kling-mcp tasks reconcile` as a person does; return its exit status and what it said."""
    return await ran("tasks", "reconcile", *words, env=env, errors=False)


async def bought_behind_our_back(opened: Opened, external_id: str) -> None:
    """Create a task with our credentials and without our journal."""
    account = opened.accounts[0]
    order = (await Decisions(opened, SystemClock()).purchase(FOX)).order
    assert order is not None
    assert isinstance(await account.client.submit(replace(order, external_id=external_id)), Observation)


async def in_doubt(opened: Opened) -> Task:
    """Write a task down whose answer was lost."""
    task = (await Decisions(opened, SystemClock()).purchase(FOX)).task
    budget = Budget(opened.settings.max_usd_per_call, opened.settings.max_usd_per_day)
    await opened.journal.enqueue(task, budget, again=True)
    for event in (Claimed(), Doubted("cut")):
        task = await opened.journal.apply(task.id, event)
    return task


def told(said: str) -> dict[str, Any]:
    """Return the one account of a JSON document."""
    (account,) = json.loads(said)["accounts"]
    return dict(account)


@pytest.mark.parametrize("pair", [False, pytest.param(True, marks=pytest.mark.long)], ids=["API key", "key pair"])
async def test_every_kind_of_difference_is_named_and_only_what_is_ours_and_lost_is_adopted(
    tmp_path: Path, pair: bool
) -> None:
    async with simulating(tmp_path, speed=1000.0) as kling:
        env = env_of(kling, pair)
        settled = await made(env)
        async with opening(env) as opened:
            compared = await reconcile(opened.accounts[0], 7)
            assert (compared.here, compared.there, compared.differences, compared.trouble) == (1, 1, (), ())
            assert compared.simulated, "the answers say so, whatever the address"
            await bought_behind_our_back(opened, "another-program-1")
            lost = await in_doubt(opened)
            await bought_behind_our_back(opened, lost.id)
            gone = await in_doubt(opened)
            nowhere = Observation(
                remote=Remote("999", opened.accounts[0].client.product(gone.plan), kling.url),
                external_id=gone.id,
                status="processing",
            )
            await opened.journal.apply(gone.id, Seen(nowhere))
        _meddle(tmp_path, settled, gone.id)

        creates = await _creates(kling)
        status, said = await command(env, "--json")
        found = {one["kind"]: one for one in told(said)["differences"]}
        assert status == 3
        assert found.keys() == {"unknown", "lost", "charge", "missing"}
        assert (found["lost"]["task_id"], found["lost"]["here"], found["lost"]["adopted"]) == (lost.id, "unsure", False)
        assert (found["charge"]["task_id"], found["charge"]["here"]) == (settled, "$0.99")
        assert found["charge"]["there"].startswith("$0.21 (1.5 units)")
        assert (found["missing"]["task_id"], found["missing"]["remote_id"]) == (gone.id, "999")
        assert found["unknown"]["task_id"] is None
        async with opening(env) as opened:
            assert (await opened.journal.get([lost.id]))[lost.id].status is Status.UNSURE, "nothing was changed"

        status, said = await command(env, "--adopt")
        assert status == 3
        for words in (
            "At Kling and not here: 1",
            "who made it is not known",
            "Another charge: 1",
            "Here and not at Kling: 1",
            "Ours, believed lost: 1",
            f"Adopted: {lost.id}.",
        ):
            assert words in said
        assert await _creates(kling) == creates, "asking and adopting are free"
        async with Studio.open(Settings.from_env(env)) as studio:
            done = await finished(studio, lost.id)
        assert (done.status, done.cost.charged_usd) == ("succeeded", "0.21")
        assert Path(done.outputs[0].path).is_file()
        assert len(await kling.tasks()) == 3, "nothing was bought for it"


async def _creates(kling: Simulated) -> int:
    return sum(call["kind"] == "create" for call in await kling.requests())


def _meddle(folder: Path, settled: str, gone: str) -> None:
    """Change the journal's file from outside, as nothing of ours does."""
    raw = sqlite3.connect(folder / "data" / "journal.sqlite3")
    try:
        raw.execute(
            "UPDATE ledger SET charged = 990000 WHERE task = (SELECT number FROM tasks WHERE id = ?)", (settled,)
        )
        raw.execute(
            "UPDATE tasks SET document = json_set(document, '$.accepted_at', updated - 600) WHERE id = ?", (gone,)
        )
        raw.commit()
    finally:
        raw.close()


async def test_a_list_that_cannot_be_read_is_an_error_and_a_bill_that_cannot_is_said(tmp_path: Path) -> None:
    async with simulating(tmp_path, speed=1000.0) as kling, opening(kling.env()) as opened:
        await kling.faults({"path": "/account/billing/package", "status": 500, "times": 100})
        compared = await reconcile(opened.accounts[0], 7)
        assert compared.differences == ()
        assert [trouble.partition(":")[0] for trouble in compared.trouble] == ["The bill of packs could not be read"]
        said = lines(compared)
        assert "Nothing differs in what could be asked." in said
        assert said[-1].startswith("Not compared: The bill of packs could not be read")
        await kling.faults({"path": "/tasks", "status": 500, "times": 100})
        with pytest.raises(ProviderBroken):
            await reconcile(opened.accounts[0], 7)


async def test_what_other_programs_bought_is_named_one_by_one(tmp_path: Path) -> None:
    async with simulating(tmp_path, speed=1000.0) as kling, opening(kling.env()) as opened:
        for n in range(3):
            await bought_behind_our_back(opened, f"another-{n}")
        compared = await reconcile(opened.accounts[0], 1)
    assert [one.kind for one in compared.differences] == ["unknown"] * 3


async def test_without_a_key_that_works_the_cause_is_told(tmp_path: Path) -> None:
    async with simulating(tmp_path) as kling:
        status, said = await command(kling.env(KLING_API_KEY="not-the-key-at-all"))
    assert status == 1
    assert "key" in said.lower()
    assert "not-the-key-at-all" not in said

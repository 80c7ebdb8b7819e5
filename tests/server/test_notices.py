"""Whoever subscribed hears of every change, in both eras, over pipes and HTTP, whichever process made it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest
from mcp.client import Client
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY, ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp.types import ResourceListChangedNotification, ResourceUpdatedNotification
from tests.server.acting import Era, both_eras, serving, settings_in, text_of
from tests.server.reaching import PATIENCE, Wire, every_wire, reached, served

from kling_mcp.app import build_server
from kling_mcp.notices import ACCOUNT, LONGEST_ADDRESS, MOST_SUBSCRIBED, TASKS, Notices
from kling_tools.jobs.moves import Move
from kling_tools.model.status import Status
from kling_tools.studio import Studio

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")]

LIST = "(list)"


@dataclass
class Ear:
    """What a client was told, in order."""

    heard: list[str] = field(default_factory=list)

    async def __call__(self, message: Any) -> None:
        """Take what a server says unasked, as in the older protocol; what came on a stream is heard there."""
        if SUBSCRIPTION_ID_META_KEY in str(message):
            return
        if isinstance(message, ResourceUpdatedNotification):
            self.heard.append(str(message.params.uri))
        elif isinstance(message, ResourceListChangedNotification):
            self.heard.append(LIST)

    async def until(self, *wanted: str) -> None:
        """Wait until all of it was heard."""
        with anyio.fail_after(PATIENCE):
            while not set(wanted) <= set(self.heard):
                await anyio.sleep(0.02)


@asynccontextmanager
async def listening(client: Client, ear: Ear, era: Era, *uris: str) -> AsyncIterator[None]:
    """Subscribe, as this era does."""
    await client.list_resources()
    if era == "legacy":
        for uri in uris:
            await client.subscribe_resource(uri)
        yield
        return

    async def listen(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with client.listen(resources_list_changed=True, resource_subscriptions=uris) as stream:
            task_status.started()
            async for event in stream:
                if isinstance(event, ResourceUpdated):
                    ear.heard.append(event.uri)
                elif isinstance(event, ResourcesListChanged):
                    ear.heard.append(LIST)

    async with anyio.create_task_group() as tasks:
        await tasks.start(listen)
        yield
        tasks.cancel_scope.cancel()


async def created(client: Client, prompt: str = "a fox") -> str:
    """Buy a simulated video."""
    made = await client.call_tool("create_video", {"prompt": prompt, "seconds": 3})
    assert not made.is_error, text_of(made)
    return str(made.structured_content["task_id"])


@both_eras
@every_wire
async def test_a_subscriber_hears_of_every_turn_until_the_end(wire: Wire, era: Era, tmp_path: Path) -> None:
    ear = Ear()
    unasked = ear if era == "legacy" else Ear()  # since 2026 nothing is said that was not asked for
    with anyio.fail_after(PATIENCE):
        async with reached(wire, era, tmp_path, unasked) as client, listening(client, ear, era, TASKS):
            uri = f"kling://tasks/{await created(client)}"
            await ear.until(TASKS, LIST)
            assert uri not in ear.heard
            async with listening(client, ear, era, uri, f"{uri}/video"):
                if "succeeded" not in str(await client.read_resource(uri)):
                    await ear.until(uri)
                while "succeeded" not in str(await client.read_resource(uri)):
                    await anyio.sleep(0.05)
    assert era == "legacy" or unasked.heard == []


@both_eras
async def test_a_client_hears_of_what_another_process_does(era: Era, tmp_path: Path) -> None:
    ear = Ear()
    with anyio.fail_after(PATIENCE):
        async with (
            reached("http", era, tmp_path, ear) as client,
            listening(client, ear, era, TASKS),
            Studio.open(settings_in(tmp_path, sandbox_speed=500.0)) as other,
        ):
            async with Client(serving(other), mode=era) as stranger:
                task_id = await created(stranger)
            await ear.until(TASKS, LIST)
            async with listening(client, ear, era, f"kling://tasks/{task_id}"):
                while "succeeded" not in str(await client.read_resource(f"kling://tasks/{task_id}")):
                    await anyio.sleep(0.05)


@both_eras
async def test_who_unsubscribed_hears_no_more(era: Era, tmp_path: Path) -> None:
    kept, ended = Ear(), Ear()
    with anyio.fail_after(PATIENCE):
        async with reached("http", era, tmp_path, kept) as client, listening(client, kept, era, ACCOUNT):
            async with listening(client, ended, era, TASKS):
                pass
            if era == "legacy":
                await client.unsubscribe_resource(TASKS)
            await created(client)
            await kept.until(ACCOUNT, LIST)
    assert (set(kept.heard), ended.heard) == ({ACCOUNT, LIST}, [])


@both_eras
async def test_a_client_that_is_gone_is_forgotten(era: Era, tmp_path: Path) -> None:
    server = build_server(settings_in(tmp_path))
    with anyio.fail_after(PATIENCE):
        async with served(server) as address:
            async with Client(address, mode=era) as client, listening(client, Ear(), era, TASKS):
                assert server.notices.listeners == 1
            while server.notices.listeners:
                await anyio.sleep(0.02)


async def ask_for(client: Client, era: Era, *uris: str) -> None:
    """Ask to hear of all of it; since 2026 for a moment, before for as long as the connection lives."""
    if era == "legacy":
        for uri in uris:
            await client.subscribe_resource(uri)
        return
    async with client.listen(resource_subscriptions=uris):
        pass


@both_eras
async def test_one_client_cannot_listen_to_everything(era: Era, tmp_path: Path) -> None:
    each = [f"{TASKS}/{number}" for number in range(MOST_SUBSCRIBED)]
    with anyio.fail_after(PATIENCE):
        async with Client(build_server(settings_in(tmp_path)), mode=era) as client:
            await ask_for(client, era, *each)
            await ask_for(client, era, each[0])
            with pytest.raises(MCPError, match="No more than"):
                await ask_for(client, era, *([] if era == "legacy" else each), TASKS)
            with pytest.raises(MCPError, match="No address"):
                await ask_for(client, era, "kling://" + "x" * LONGEST_ADDRESS)
            if era == "legacy":
                await client.unsubscribe_resource(each[0])
            await ask_for(client, era, TASKS)


class Silent:
    """A connection whose client takes nothing."""

    def __init__(self) -> None:
        self.asked = 0

    def at_end(self, forget: Any) -> None:
        """Never end."""

    async def updated(self, uri: str) -> None:
        """Wait for ever."""
        self.asked += 1
        await anyio.sleep_forever()

    async def list_changed(self) -> None:
        """Wait for ever."""


async def test_a_client_that_takes_nothing_keeps_nobody_waiting_for_long() -> None:
    notices, silent = Notices(patience=0.05), Silent()
    notices.subscribe(silent, TASKS)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(notices.keep_telling)
        with anyio.fail_after(PATIENCE):
            for number in range(2):
                notices.hear(a_move(f"k{number}"))
                while notices.listeners:
                    await anyio.sleep(0.01)
        notices.leave()
    assert silent.asked == 1


def a_move(task_id: str = "k1", status: Status | None = Status.PROCESSING, created: float | None = 5.0) -> Move:
    """Return a move."""
    return Move(task_id, status, created, "", None)


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        ([a_move(), a_move()], ["+k1"]),
        ([a_move(status=Status.QUEUED), a_move()], ["+k1", "k1"]),
        ([a_move(status=Status.QUEUED), a_move(status=Status.SUBMITTING)], ["+k1"]),  # agents see one word for both
        ([a_move(), a_move(status=None, created=None)], ["+k1", "k1"]),
        ([a_move(status=Status.SUCCEEDED), a_move(status=None, created=None)], ["+k1"]),
        ([a_move(status=None, created=None)], ["+k1"]),  # another process began and ended it between two looks
        ([a_move(created=-5.0)], ["k1"]),  # it was there when this server began
        ([a_move(status=Status.SUCCEEDED), a_move(status=Status.FETCHING)], ["+k1", "k1"]),
    ],
)
async def test_only_what_is_news_is_told(moves: list[Move], told: list[str]) -> None:
    notices, heard = Notices(), []
    notices.bus.subscribe(lambda event: heard.append(event))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(notices.keep_telling)
        for move in moves:
            heard.clear()
            notices.hear(move)
            with anyio.move_on_after(0.4):
                while not any(event == ResourceUpdated(uri="kling://account") for event in heard):
                    await anyio.sleep(0.01)
            if any(isinstance(event, ResourceUpdated) for event in heard):
                word = told.pop(0)
                assert (ResourcesListChanged() in heard) == word.startswith("+")
                assert ResourceUpdated(uri=f"kling://tasks/{word.removeprefix('+')}") in heard
        notices.leave()
    assert told == []

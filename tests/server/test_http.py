"""MCP over a real port: who comes in, under which name, how much at once, and whose tasks are whose; in both eras."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp.shared.exceptions import MCPError
from tests.promises import keeps
from tests.server.acting import Era, both_eras, text_of
from tests.server.messages import LEGACY, Message, headers, hello, request
from tests.server.serving import ANN, BOB, Served, a_server
from tests.server.test_notices import LIST, Ear, listening
from tests.studio.test_callbacks import SECRET, WRONG, about, signature

from kling_mcp.notices import ACCOUNT, GATHER_SECONDS, TASKS
from kling_tools.client import callbacks
from kling_tools.clock import SystemClock
from kling_tools.connect import SANDBOX_ADDRESS, SANDBOX_KEY
from kling_tools.providers.registry import sandbox_connection

pytestmark = pytest.mark.anyio

SANDBOX = sandbox_connection(SANDBOX_KEY, SANDBOX_ADDRESS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run one server for all of these tests; its Kling is so slow that a task stays as it is."""
    home = tmp_path_factory.mktemp("served")
    env = {"KLING_HTTP_TOKEN": f"ann:{ANN},bob:{BOB}", "KLING_CALLBACK_URL": "{url}", "KLING_WEBHOOK_SECRET": SECRET}
    with a_server(home, KLING_SANDBOX_SPEED="0.1", **env) as server:
        yield server


async def post(served: Served, body: bytes, path: str, **given: str) -> httpx2.Response:
    """Post what is no message."""
    async with httpx2.AsyncClient(timeout=30) as client:
        return await client.post(served.url + path, content=body, headers=given)


async def said(served: Served, era: Era, message: Message | None = None, **given: str) -> httpx2.Response:
    """Post one message, the first that a host of this era sends unless told otherwise, with these headers."""
    message = message or hello(era)
    async with httpx2.AsyncClient(timeout=30) as client:
        return await client.post(f"{served.url}/mcp", json=message, headers=headers(era, message) | given)


@both_eras
async def test_health_is_told_to_everybody_and_nothing_else_is(served: Served, era: Era) -> None:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"{served.url}/health", headers={"host": "any.example"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert (await said(served, era)).status_code == 401


@both_eras
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {ANN}", f"Bearer ann:{ANN}", "Bearer \u00e4"])
async def test_whoever_brings_no_token_of_ours_stays_outside(served: Served, era: Era, given: str) -> None:
    token = {"authorization": given.encode("latin-1")} if given else {}
    answer = await said(served, era, **token)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert ANN not in served.errors


@both_eras
@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("host", "evil.example", 421),
        ("host", "127.0.0.1.evil.example", 421),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
    ],
)
async def test_a_page_that_was_lured_here_is_refused(
    served: Served, era: Era, header: str, value: str, status: int
) -> None:
    answer = await said(served, era, authorization=f"Bearer {ANN}", **{header: value})
    assert answer.status_code == status


@both_eras
async def test_too_much_at_once_is_refused(served: Served, era: Era) -> None:
    much = request(era, "tools/call", name="create_video", arguments={"prompt": "x" * (5 << 20)})
    assert (await said(served, era, much, authorization=f"Bearer {ANN}")).status_code == 413


@both_eras
@keeps("no-leak")
async def test_two_callers_know_nothing_of_each_other(served: Served, era: Era) -> None:
    async with served.session(ANN, era) as ann, served.session(BOB, era) as bob:
        made = await ann.call_tool("create_video", {"prompt": f"a fox, {era}"})
        assert not made.is_error, text_of(made)
        task = made.structured_content["task_id"]
        for tool in ("check_status", "cancel_task", "view_video"):
            assert text_of(await bob.call_tool(tool, {"task_id": task})).startswith("[unknown_task]")
        for uri in (f"kling://tasks/{task}", f"kling://tasks/{task}/video"):
            with pytest.raises(MCPError) as unknown:
                await bob.read_resource(uri)
            assert task in str(unknown.value)
        (listed,) = (await bob.read_resource("kling://tasks")).contents
        assert task not in listed.model_dump_json()
        assert task not in text_of(await bob.call_tool("list_tasks", {}))
        assert task in text_of(await ann.call_tool("list_tasks", {}))
        assert (await bob.call_tool("get_account", {})).structured_content["spending"] == []


@both_eras
@keeps("no-leak")
@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_a_caller_is_told_of_nothing_that_another_does(served: Served, era: Era) -> None:
    anns, bobs = Ear(), Ear()
    async with (
        served.session(ANN, era, anns) as ann,
        served.session(BOB, era, bobs) as bob,
        listening(ann, anns, era, TASKS),
        listening(bob, bobs, era, TASKS, ACCOUNT),
    ):
        assert not (await ann.call_tool("create_video", {"prompt": f"a heron, {era}"})).is_error
        await anns.until(TASKS, LIST)
        await anyio.sleep(2 * GATHER_SECONDS)
        assert bobs.heard == []
        assert not (await bob.call_tool("create_video", {"prompt": f"a heron, {era}"})).is_error
        await bobs.until(TASKS, ACCOUNT, LIST)


@both_eras
async def test_a_session_of_one_caller_does_not_open_for_another(served: Served, era: Era) -> None:
    opened = await said(served, era, authorization=f"Bearer {ANN}")
    assert opened.status_code == 200
    ping = request(era, "ping" if era == "legacy" else "tools/list")
    if era != "legacy":  # there is none: whoever names one is who their token says
        assert "mcp-session-id" not in opened.headers
        for of in (ANN, BOB):
            answer = await said(served, era, ping, authorization=f"Bearer {of}", **{"mcp-session-id": "0" * 32})
            assert answer.status_code == 200
            assert "mcp-session-id" not in answer.headers
        return
    session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": LEGACY}
    assert (await said(served, era, ping, authorization=f"Bearer {ANN}", **session)).status_code == 200
    assert (await said(served, era, ping, authorization=f"Bearer {BOB}", **session)).status_code in {403, 404}


def journal(served: Served) -> list[tuple[object, ...]]:
    """Return all that stands in the journal about tasks."""
    with closing(sqlite3.connect(f"file:{served.home}/data/journal.sqlite3?mode=ro", uri=True)) as raw:
        return raw.execute("SELECT id, status, written, hinted, document FROM tasks ORDER BY id").fetchall()


@both_eras
@keeps("nothing-twice")
async def test_a_callback_is_verified_taken_once_and_changes_nothing_itself(served: Served, era: Era) -> None:
    place = callbacks.address(served.url, SANDBOX).removeprefix(served.url)
    async with served.session(ANN, era) as ann:
        made = await ann.call_tool("create_video", {"prompt": f"a fox that is called about, {era}"})
    body, now = about(made.structured_content["task_id"], "failed"), SystemClock().now()
    before = journal(served)
    for refused in (signature(WRONG, body, now), signature(SECRET, body, now - 3600), signature(SECRET, b"{}", now)):
        assert (await post(served, body, place, **refused)).status_code == 401
    assert (await post(served, b"nonsense", place)).status_code == 401
    assert (await post(served, b"x" * (2 << 20), place)).status_code == 413
    for nobodys in (f"{place}x", "/callbacks/kling/0123456789", "/callbacks/sandbox/x"):
        assert (await post(served, body, nobodys)).status_code == 404
    assert journal(served) == before
    first, second = [await post(served, body, place, **signature(SECRET, body, now)) for _ in range(2)]
    assert [first.status_code, second.status_code] == [200, 200]
    assert second.json() == {"message": "It came before."}
    assert [row[:2] for row in journal(served)] == [row[:2] for row in before]
    assert made.structured_content["task_id"] not in served.errors


@both_eras
async def test_a_provider_calls_the_address_it_was_given(era: Era, tmp_path: Path) -> None:
    env = {"KLING_CALLBACK_URL": "{url}", "KLING_LOG_LEVEL": "INFO", "KLING_SANDBOX_SPEED": "200"}
    with a_server(tmp_path, **env) as server:
        async with server.session("", era) as client:
            made = await client.call_tool("create_video", {"prompt": "a fox", "wait_seconds": 20})
            assert made.structured_content["status"] == "succeeded"
        assert "callback: sandbox" in server.errors
        assert callbacks.token(SANDBOX) not in server.errors

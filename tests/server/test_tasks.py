"""Tasks on the wire: a client that takes them is given one, which outlives the server; all others lose nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from jsonschema import validate
from tests.server.acting import ActingStudio, Era, a_task, both_eras, serving, session, settings_in
from tests.server.reaching import PATIENCE, served

from kling_mcp.app import build_server
from kling_mcp.bridge import OperationServer, tools_of
from kling_mcp.tasks import ID
from kling_tools.model.status import Status
from kling_tools.operations.create_video import CREATE_VIDEO

pytestmark = pytest.mark.anyio

VERSION = "2026-07-28"
FOX = {"name": "create_video", "arguments": {"prompt": "a fox", "seconds": 3}}


@dataclass
class Raw:
    """A client that writes its own messages."""

    http: httpx2.AsyncClient
    address: str
    takes_tasks: bool = True
    able: dict[str, Any] = field(default_factory=dict)

    async def ask(self, method: str, *, named: str | None = None, **params: Any) -> dict[str, Any]:
        """Send one request; return the whole answer."""
        able = {**self.able, **({"extensions": {ID: {}}} if self.takes_tasks else {})}
        meta = {
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": able,
            "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        }
        name = named or params.get("name") or params.get("taskId")
        headers = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": VERSION,
            "mcp-method": method,
            **({"mcp-name": str(name)} if name else {}),
        }
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        reply = await self.http.post(self.address, json=message, headers=headers)
        lines = [line[5:] for line in reply.text.splitlines() if line.startswith("data:") and line[5:].strip()]
        answer: dict[str, Any] = json.loads(lines[-1] if lines else reply.text)
        return answer

    async def done(self, task_id: str) -> dict[str, Any]:
        """Ask until a task has ended."""
        while (task := (await self.ask("tasks/get", taskId=task_id))["result"])["status"] == "working":
            await anyio.sleep(0.05)
        return task


@asynccontextmanager
async def asking(server: OperationServer, **how: Any) -> AsyncIterator[Raw]:
    """Serve and connect."""
    with anyio.fail_after(PATIENCE):
        async with served(server) as address, httpx2.AsyncClient(timeout=PATIENCE) as http:
            yield Raw(http, address, **how)


async def test_a_purchase_is_answered_with_a_task_that_outlives_the_server(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, sandbox_speed=100.0)
    async with asking(build_server(settings)) as client:
        begun = (await client.ask("tools/call", **FOX))["result"]
        assert (begun["resultType"], begun["status"], begun["ttlMs"]) == ("task", "working", None)
        assert begun["createdAt"] <= begun["lastUpdatedAt"]
        assert 1000 <= begun["pollIntervalMs"] <= 10_000
        assert "content" not in begun
    async with asking(build_server(settings)) as client:
        done = await client.done(begun["taskId"])
        assert (done["resultType"], done["status"]) == ("complete", "completed")
        result = done["result"]
        assert result["content"][0]["text"].startswith(f"Task {begun['taskId']}: succeeded, SIMULATED")
        # It answers for the tool that was called, and in its words.
        validate(result["structuredContent"], tools_of([CREATE_VIDEO])["create_video"].output_schema or {})
        again = (await client.ask("tools/call", **FOX))["result"]
        assert (again["resultType"], again["structuredContent"]["task_id"]) == ("complete", begun["taskId"])


async def test_what_takes_no_time_and_what_is_refused_is_answered_at_once(tmp_path: Path) -> None:
    async with asking(build_server(settings_in(tmp_path, confirm_above_usd=Decimal("0.1")))) as client:
        listed = (await client.ask("tools/call", name="list_tasks", arguments={}))["result"]
        refused = (await client.ask("tools/call", **FOX))["result"]
        client.able = {"elicitation": {}}
        asked = (await client.ask("tools/call", **FOX))["result"]
    assert listed["resultType"] == "complete"
    assert (refused["resultType"], refused["isError"]) == ("complete", True)
    # The person is asked before there is a task.
    assert asked["resultType"] == "input_required"


async def test_who_takes_no_tasks_is_given_none(tmp_path: Path) -> None:
    server = build_server(settings_in(tmp_path, sandbox_speed=100.0))
    async with asking(server, takes_tasks=False) as client:
        made = (await client.ask("tools/call", **FOX))["result"]
        assert made["resultType"] == "complete"
        refused = await client.ask("tasks/get", taskId=made["structuredContent"]["task_id"])
    assert refused["error"]["code"] == -32021


@both_eras
async def test_a_plain_client_is_answered_as_before(era: Era, tmp_path: Path) -> None:
    async with session(build_server(settings_in(tmp_path, sandbox_speed=100.0)), era) as client:
        made = await client.call_tool(FOX["name"], FOX["arguments"])  # type: ignore[arg-type]
    assert made.structured_content["status"] in {"submitted", "processing"}


async def test_cancelling_takes_back_what_waits_and_pretends_nothing_else(tmp_path: Path) -> None:
    async with asking(build_server(settings_in(tmp_path))) as client:
        begun = (await client.ask("tools/call", **FOX))["result"]
        assert (await client.ask("tasks/cancel", taskId=begun["taskId"]))["result"]["resultType"] == "complete"
        task = (await client.ask("tasks/get", taskId=begun["taskId"]))["result"]
        assert task["status"] == "working"
        assert task["statusMessage"].startswith("NOT cancelled: it was sent")
        assert (await client.ask("tasks/update", taskId=begun["taskId"], inputResponses={}))["result"]


async def test_a_task_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with asking(build_server(settings_in(tmp_path))) as client:
        for method, more in (("tasks/get", {}), ("tasks/cancel", {}), ("tasks/update", {"inputResponses": {}})):
            refused = await client.ask(method, taskId="k000000000000", **more)
            assert refused["error"]["code"] == -32602
        crossed = await client.ask("tasks/get", taskId="k000000000000", named="k111111111111")
    assert crossed["error"]["code"] == -32020


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (Status.WAITING, "working"),
        (Status.UNSURE, "working"),
        (Status.FETCHING, "working"),
        (Status.FAILED, "completed"),
        (Status.CANCELLED, "cancelled"),
    ],
)
async def test_every_status_has_its_word(status: Status, shown: str, tmp_path: Path) -> None:
    task = a_task(status=status)
    server = serving(ActingStudio(settings_in(tmp_path), journal=[task]))
    async with asking(server) as client:
        told = (await client.ask("tasks/get", taskId=task.id))["result"]
    assert told["status"] == shown
    assert ("result" in told) == (shown == "completed")

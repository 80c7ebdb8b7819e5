"""Tasks on the wire: a client that takes them is given one, which outlives the server; all others lose nothing.

Who speaks the older protocol has no such tasks: it follows them by a tool, and asking for them is refused.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate
from tests.server.acting import ActingStudio, Era, a_task, both_eras, serving, session, settings_in
from tests.server.messages import NO_CAPABILITY, NO_METHOD, Raw
from tests.server.reaching import talking

from kling_mcp.app import build_server
from kling_mcp.bridge import OperationServer, tools_of
from kling_mcp.tasks import ID
from kling_tools.model.status import Status
from kling_tools.operations.check_status import CHECK_STATUS
from kling_tools.operations.create_video import CREATE_VIDEO

pytestmark = [pytest.mark.anyio, both_eras]

FOX: dict[str, Any] = {"prompt": "a fox", "seconds": 3}
TAKES_TASKS: dict[str, Any] = {"extensions": {ID: {}}}
NOBODYS = "k000000000000"


def asking(server: OperationServer, era: Era, **able: Any) -> AbstractAsyncContextManager[Raw]:
    """Serve, connect and greet; without a word about it the client takes tasks."""
    return talking(server, era, able or TAKES_TASKS)


async def test_a_purchase_outlives_the_server_and_is_followed_to_its_end(era: Era, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, sandbox_speed=100.0)
    async with asking(build_server(settings), era) as client:
        begun = await client.call("create_video", **FOX)
        if era == "legacy":
            assert "resultType" not in begun
            task_id = begun["structuredContent"]["task_id"]
        else:
            assert (begun["resultType"], begun["status"], begun["ttlMs"]) == ("task", "working", None)
            assert begun["createdAt"] <= begun["lastUpdatedAt"]
            assert 1000 <= begun["pollIntervalMs"] <= 10_000
            assert "content" not in begun
            task_id = begun["taskId"]
    async with asking(build_server(settings), era) as client:
        result = await client.ended(task_id)
        assert result["content"][0]["text"].startswith(f"Task {task_id}: succeeded, SIMULATED")
        # It answers for the tool that was called, and in its words.
        called = CHECK_STATUS if era == "legacy" else CREATE_VIDEO
        validate(result["structuredContent"], tools_of([called])[called.name].output_schema or {})
        again = await client.call("create_video", **FOX)
        assert again.get("resultType") == (None if era == "legacy" else "complete")
        assert again["structuredContent"]["task_id"] == task_id


async def test_what_takes_no_time_and_what_is_refused_is_answered_at_once(era: Era, tmp_path: Path) -> None:
    server = build_server(settings_in(tmp_path, confirm_above_usd=Decimal("0.1")))
    async with asking(server, era) as client:
        listed, refused = await client.call("list_tasks"), await client.call("create_video", **FOX)
    assert listed.get("resultType") == refused.get("resultType") == (None if era == "legacy" else "complete")
    assert refused["isError"]


async def test_the_person_is_asked_before_there_is_a_task(era: Era, tmp_path: Path) -> None:
    server = build_server(settings_in(tmp_path, confirm_above_usd=Decimal("0.1")))
    async with asking(server, era, **TAKES_TASKS, elicitation={}) as client:
        asked = await client.ask("tools/call", name="create_video", arguments=FOX)
        if era == "legacy":
            assert asked["method"] == "elicitation/create"
            await client.reply(asked["id"], {"action": "decline"})
        else:
            assert asked["result"]["resultType"] == "input_required"
        assert (await client.call("list_tasks"))["structuredContent"]["total"] == 0


async def test_who_takes_no_tasks_is_given_none(era: Era, tmp_path: Path) -> None:
    server = build_server(settings_in(tmp_path, sandbox_speed=100.0))
    async with asking(server, era, roots={}) as client:
        made = await client.call("create_video", **FOX)
        refused = await client.ask("tasks/get", taskId=made["structuredContent"]["task_id"])
    assert made.get("resultType") == (None if era == "legacy" else "complete")
    assert refused["error"]["code"] == (NO_METHOD if era == "legacy" else NO_CAPABILITY)


async def test_a_plain_client_is_answered_as_before(era: Era, tmp_path: Path) -> None:
    async with session(build_server(settings_in(tmp_path, sandbox_speed=100.0)), era) as client:
        made = await client.call_tool("create_video", FOX)
    assert made.structured_content["status"] in {"submitted", "processing"}


async def test_cancelling_takes_back_what_waits_and_pretends_nothing_else(era: Era, tmp_path: Path) -> None:
    async with asking(build_server(settings_in(tmp_path)), era) as client:
        begun = await client.call("create_video", **FOX)
        if era == "legacy":
            task_id = begun["structuredContent"]["task_id"]
            assert (await client.ask("tasks/cancel", taskId=task_id))["error"]["code"] == NO_METHOD
            assert (
                "NOT cancelled: it was sent"
                in (await client.call("cancel_task", task_id=task_id))["content"][0]["text"]
            )
            (task,) = (await client.call("check_status", task_id=task_id))["structuredContent"]["tasks"]
            assert task["status"] in {"submitted", "processing"}
            return
        assert (await client.ask("tasks/cancel", taskId=begun["taskId"]))["result"]["resultType"] == "complete"
        task = (await client.ask("tasks/get", taskId=begun["taskId"]))["result"]
        assert task["status"] == "working"
        assert task["statusMessage"].startswith("NOT cancelled: it was sent")
        assert (await client.ask("tasks/update", taskId=begun["taskId"], inputResponses={}))["result"]


async def test_a_task_that_is_not_there_is_refused(era: Era, tmp_path: Path) -> None:
    async with asking(build_server(settings_in(tmp_path)), era) as client:
        for method, more in (("tasks/get", {}), ("tasks/cancel", {}), ("tasks/update", {"inputResponses": {}})):
            refused = await client.ask(method, taskId=NOBODYS, **more)
            assert refused["error"]["code"] == (NO_METHOD if era == "legacy" else -32602)
        crossed = await client.ask("tasks/get", taskId=NOBODYS, named="k111111111111")
        told = await client.call("check_status", task_id=NOBODYS)
    assert crossed["error"]["code"] == (NO_METHOD if era == "legacy" else -32020)
    assert told["content"][0]["text"].startswith("[unknown_task]")


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
async def test_every_status_has_its_word(era: Era, status: Status, shown: str, tmp_path: Path) -> None:
    task = a_task(status=status)
    server = serving(ActingStudio(settings_in(tmp_path), journal=[task]))
    async with asking(server, era) as client:
        if era == "legacy":
            (listed,) = (await client.call("check_status", task_id=task.id))["structuredContent"]["tasks"]
            assert listed["status"] == status.shown
            return
        told = (await client.ask("tasks/get", taskId=task.id))["result"]
    assert told["status"] == shown
    assert ("result" in told) == (shown == "completed")

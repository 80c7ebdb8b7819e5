"""The whole house behind the protocol: a video bought, watched, listed, looked at and read, on the sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from mcp.types import CallToolResult, ImageContent, TextResourceContents
from tests.server.acting import Era, both_eras, settings_in, text_of

from kling_mcp.app import build_server

PATIENCE = 240.0


async def ended(client: Client, task_id: str) -> CallToolResult:
    """Ask until the task has ended."""
    while True:
        result = await client.call_tool("check_status", {"task_id": task_id, "wait_seconds": 20})
        (task,) = result.structured_content["tasks"]
        if task["status"] in {"succeeded", "failed", "cancelled"}:
            return result


@both_eras
@pytest.mark.anyio
async def test_a_video_is_made_and_seen_without_a_key(era: Era, tmp_path: Path) -> None:
    server = build_server(settings_in(tmp_path, sandbox_speed=500.0))
    asked = {"prompt": "a fox in snow", "seconds": 5}
    with anyio.fail_after(PATIENCE):
        async with Client(server, mode=era) as client:
            price = await client.call_tool("estimate_cost", {"tool": "create_video", "arguments": asked})
            assert "SIMULATED" in text_of(price)

            made = await client.call_tool("create_video", asked)
            assert not made.is_error, text_of(made)
            task_id = made.structured_content["task_id"]

            done = await ended(client, task_id)
            assert ": succeeded, SIMULATED" in text_of(done)
            (output,) = done.structured_content["tasks"][0]["outputs"]
            assert Path(output["path"]).is_file()

            again = await client.call_tool("create_video", asked)
            assert again.structured_content["task_id"] == task_id

            listed = await client.call_tool("list_tasks", {"status": "succeeded"})
            assert listed.structured_content["total"] == 1

            (content,) = (await client.read_resource(f"kling://tasks/{task_id}")).contents
            assert isinstance(content, TextResourceContents)
            assert json.loads(content.text)["status"] == "succeeded"

            looked = await client.call_tool("view_video", {"task_id": task_id})
            assert any(isinstance(block, ImageContent) for block in looked.content), text_of(looked)


@both_eras
@pytest.mark.anyio
async def test_a_wrong_setting_is_told_by_the_tool_that_needs_it(era: Era, tmp_path: Path) -> None:
    server = build_server(settings_in(tmp_path, problems=("KLING_API_KEY is missing.",)))
    with anyio.fail_after(PATIENCE):
        async with Client(server, mode=era) as client:
            refused = await client.call_tool("create_video", {"prompt": "a fox"})
            assert text_of(refused).startswith("[bad_settings] KLING_API_KEY is missing. Nothing was spent.")
            assert not (await client.call_tool("list_tasks", {})).is_error


@both_eras
@pytest.mark.anyio
async def test_an_unknown_task_is_refused_in_our_words(era: Era, tmp_path: Path) -> None:
    with anyio.fail_after(PATIENCE):
        async with Client(build_server(settings_in(tmp_path)), mode=era) as client:
            result = await client.call_tool("check_status", {"task_id": "k000000000000"})
    assert text_of(result).startswith("[unknown_task]")

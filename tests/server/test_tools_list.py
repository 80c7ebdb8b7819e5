"""What hosts are told about the tools: the laws every one obeys, and each one as it was last agreed on."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.benchmarks.toollist import measured, over_budget
from tests.server.acting import ActingStudio, Era, both_eras, serving, session, settings_in

from kling_mcp.app import INSTRUCTIONS, build_server
from kling_mcp.bridge import tools_of
from kling_tools.model.requests import SpendingRequest
from kling_tools.operations.all import ALL
from kling_tools.operations.operation import Operation
from kling_tools.settings import TOOLSETS

SNAPSHOTS = Path(__file__).parent.parent / "snapshots"
UPDATE = os.environ.get("KLING_UPDATE_SNAPSHOTS") == "1"

every_tool = pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)

#: Names that say it all, where they are not described.
SELF_EXPLAINING = {
    *(
        "task_id",
        "resolution",
        "limit",
        "seconds",
        "audio",
        "last_image",
        "status",
        "tool",
        "camera",
        "transition",
        "negative_prompt",
    ),
    *("keep_sound", "prompt", "voice", "volume", "original_volume", "count", "aspect_ratio", "text", "speed", "kind"),
    *("page", "name", "description", "tags", "id", "days", "frames", "at_seconds", "compare_with", "detail"),
}
#: What Kling itself calls them; whoever uses them knows them from there.
KLINGS_OWN = {"cfg_scale", "fidelity", "human_fidelity"}
#: What every tool that spends shares is described once, where agents start.
SHARED = set(SpendingRequest.model_fields)
#: They read, and ask beyond this machine.
ASKS_KLING = {"check_status", "list_library", "get_account"}


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Walk every object in a schema."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


def listed(operation: Operation[Any]) -> dict[str, Any]:
    """Return a tool as it goes over the wire."""
    return tools_of([operation])[operation.name].model_dump(mode="json", by_alias=True, exclude_none=True)


@every_tool
def test_a_tool_is_as_it_was_agreed_on(operation: Operation[Any]) -> None:
    path = SNAPSHOTS / f"{operation.name}.json"
    if UPDATE:
        path.write_text(json.dumps(listed(operation), indent=2) + "\n", "utf-8")
    assert listed(operation) == json.loads(path.read_text("utf-8")), "KLING_UPDATE_SNAPSHOTS=1 agrees to a change"


def test_no_snapshot_outlives_its_tool() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.json")} == {operation.name for operation in ALL}


@every_tool
def test_an_input_schema_is_flat_and_closed(operation: Operation[Any]) -> None:
    schema = listed(operation)["inputSchema"]
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    for node in nodes(schema):
        assert not {"anyOf", "oneOf", "allOf", "$ref", "$defs", "title", "propertyNames"} & node.keys()
        assert node.get("type") != "null"
        assert "default" not in node or node["default"] is not None


@every_tool
def test_no_schema_has_a_union_at_its_root_or_one_with_null_in_it(operation: Operation[Any]) -> None:
    tool = listed(operation)
    for schema in (tool["inputSchema"], tool["outputSchema"]):
        assert schema["type"] == "object"
        assert not {"anyOf", "oneOf", "allOf", "enum", "not"} & schema.keys()
        for node in nodes(schema):
            unions = [*node.get("anyOf", []), *node.get("oneOf", [])]
            assert {"type": "null"} not in unions


@every_tool
def test_every_argument_says_what_it_is(operation: Operation[Any]) -> None:
    for name, schema in listed(operation)["inputSchema"]["properties"].items():
        assert "type" in schema, name
        told_once = SELF_EXPLAINING | KLINGS_OWN | (SHARED if operation.name != "create_video" else set())
        assert schema.get("description") or name in told_once, name
        assert len(schema.get("description", "")) <= 120, name


@every_tool
def test_every_hint_is_given_and_fits_the_effect(operation: Operation[Any]) -> None:
    hints = listed(operation)["annotations"]
    assert hints.keys() == {"title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
    assert hints["readOnlyHint"] is (operation.effect == "reads")
    assert hints["idempotentHint"] is (operation.effect == "reads")
    assert hints["destructiveHint"] is (operation.name == "delete_asset")
    assert hints["openWorldHint"] is (operation.effect != "reads" or operation.name in ASKS_KLING)
    assert hints["title"] == operation.title


@every_tool
def test_names_and_descriptions_fit_every_host(operation: Operation[Any]) -> None:
    assert re.fullmatch(r"[a-z_]{3,64}", operation.name)
    assert operation.title
    assert 20 <= len(operation.description) <= 300


@every_tool
def test_an_output_schema_describes_an_object(operation: Operation[Any]) -> None:
    schema = listed(operation)["outputSchema"]
    assert schema["type"] == "object"
    named = [name for node in nodes(schema) for name in node.get("properties", {})]
    assert len(named) >= 4
    assert not any(isinstance(node.get("title", {}), str) for node in nodes(schema))


def test_instructions_fit_in_what_hosts_keep() -> None:
    assert len(INSTRUCTIONS.encode()) < 2048


def test_the_list_of_tools_is_within_its_budget() -> None:
    assert over_budget(measured(lambda text: -(-len(text.encode()) // 4))) == []


def test_every_shared_argument_is_described_by_the_first_tool() -> None:
    told = listed(ALL[0])["inputSchema"]["properties"]
    assert ALL[0].name == "create_video"
    assert all(told[name].get("description") for name in SHARED)
    assert all(name in INSTRUCTIONS for name in SHARED - {"provider"})


@both_eras
@pytest.mark.anyio
async def test_a_host_sees_every_tool_in_the_order_of_the_table(era: Era, tmp_path: Path) -> None:
    async with session(serving(ActingStudio(settings_in(tmp_path))), era) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == [operation.name for operation in ALL]
    assert [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools] == list(map(listed, ALL))


@both_eras
@pytest.mark.anyio
async def test_read_only_settings_keep_spending_tools_back_and_say_so(era: Era, tmp_path: Path) -> None:
    async with session(build_server(settings_in(tmp_path, read_only=True)), era) as client:
        assert "create_video" not in {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool("create_video", {"prompt": "a fox"})
    assert result.is_error
    assert "KLING_READ_ONLY" in result.content[0].text  # type: ignore[union-attr]


LIBRARY = ["list_library", "create_element", "create_voice", "delete_asset"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, [op.name for op in ALL if op.name not in LIBRARY]),
        ({"toolsets": TOOLSETS}, [op.name for op in ALL]),
        ({"toolsets": ("library",)}, LIBRARY),
        ({"toolsets": TOOLSETS, "read_only": True}, [op.name for op in ALL if op.effect == "reads"]),
    ],
    ids=["default", "all", "library", "read only"],
)
@both_eras
@pytest.mark.anyio
async def test_a_host_is_offered_what_the_settings_leave_and_told_of_the_rest(
    era: Era, changes: dict[str, Any], names: list[str], tmp_path: Path
) -> None:
    async with session(build_server(settings_in(tmp_path, **changes)), era) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == names
        for name in {op.name for op in ALL} - set(names):
            result = await client.call_tool(name, {})
            assert result.is_error
            assert f"{name} is turned off" in result.content[0].text  # type: ignore[union-attr]

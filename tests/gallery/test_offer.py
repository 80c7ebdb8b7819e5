"""The gallery as it is offered: found by hosts with MCP Apps in both eras, and nothing to hosts without."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, TextResourceContents
from tests.server.acting import Era, both_eras, session, settings_in

from kling_mcp.app import build_server
from kling_mcp.bridge import tools_of
from kling_mcp.gallery.offer import RESULTS, URI
from kling_tools.operations.all import ALL
from kling_tools.providers.registry import REGIONS

PAGE = files("kling_mcp.gallery").joinpath("gallery.html").read_text("utf-8")


@both_eras
@pytest.mark.anyio
async def test_the_page_is_listed_and_read_with_what_it_may_load(era: Era, tmp_path: Path) -> None:
    async with session(build_server(settings_in(tmp_path)), era) as client:
        listed = {resource.uri: resource for resource in (await client.list_resources()).resources}[URI]
        (content,) = (await client.read_resource(URI)).contents
    assert isinstance(content, TextResourceContents)
    assert (listed.mime_type, content.mime_type) == (APP_MIME_TYPE, APP_MIME_TYPE)
    assert content.text == PAGE
    assert listed.meta is not None
    ui = listed.meta["ui"]
    assert ui == {
        "csp": {"resourceDomains": list(RESULTS)},
        "permissions": {"clipboardWrite": {}},
        "prefersBorder": False,
    }
    assert content.meta is not None
    assert content.meta["ui"] == ui


@both_eras
@pytest.mark.anyio
async def test_another_page_does_not_exist(era: Era, tmp_path: Path) -> None:
    async with session(build_server(settings_in(tmp_path)), era) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource("ui://kling/other.html")
    assert (caught.value.error.code, caught.value.error.data) == (INVALID_PARAMS, {"uri": "ui://kling/other.html"})


@both_eras
@pytest.mark.anyio
async def test_what_shows_tasks_opens_the_page_and_nothing_else_does(era: Era, tmp_path: Path) -> None:
    async with session(build_server(settings_in(tmp_path)), era) as client:
        tools = (await client.list_tools()).tools
    opening = {tool.name for tool in tools if (tool.meta or {}).get("ui") == {"resourceUri": URI}}
    assert opening == {tool.name for tool in tools if (tool.meta or {}).get("ui/resourceUri") == URI}
    assert {"create_video", "extend_video", "check_status", "list_tasks", "view_video"} <= opening
    assert opening.isdisjoint({"estimate_cost", "get_account", "list_models"})


@both_eras
@pytest.mark.anyio
async def test_hosts_of_today_are_told_of_the_extension_and_older_ones_find_it_at_the_tools(
    era: Era, tmp_path: Path
) -> None:
    async with session(build_server(settings_in(tmp_path)), era) as client:
        told = EXTENSION_ID in (client.server_capabilities.extensions or {})
        named = [tool.name for tool in (await client.list_tools()).tools if "ui/resourceUri" in (tool.meta or {})]
    assert told == (era != "legacy")
    assert named


def test_every_tool_that_the_page_calls_exists() -> None:
    called = set(re.findall(r'(?:call|openOrder)\("(\w+)"', PAGE))
    assert called == {"check_status", "list_tasks", "estimate_cost", "extend_video", "create_video"}
    assert called <= set(tools_of(ALL))


def test_kling_s_own_domain_is_declared_and_no_address_of_this_machine() -> None:
    assert all(any(urlsplit(api).netloc.endswith(d.rpartition("*")[2]) for d in RESULTS) for api in REGIONS.values())
    assert all(domain.startswith("https://") for domain in RESULTS)


def test_the_page_loads_nothing_and_takes_no_text_for_markup() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", PAGE)
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|EventSource|@import|url\(", PAGE)
    assert not re.search(r"""(?:src|href)=["']?\w""", PAGE)

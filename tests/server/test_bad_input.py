"""What agents and people get wrong: one clear error through a real MCP call, in both eras, and nothing spent.

Every line runs against the simulated Kling on a real port, which is asked afterwards what reached it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import CallToolResult
from tests.files.conftest import picture_bytes
from tests.forks import ROOT
from tests.promises import keeps
from tests.scenarios.simulated import Simulated, simulating
from tests.server.acting import Era, both_eras, text_of

from kling_mcp.app import build_server
from kling_tools.settings import Settings

pytestmark = pytest.mark.anyio

PATIENCE = 240.0
#: Words of our tools' inside, which tell an agent nothing.
FOREIGN = re.compile(r"pydantic|Input should|Traceback|Errno|validation|dictionary|boolean|string|integer", re.I)


@dataclass(frozen=True)
class Line:
    """A call, the code it is refused with, and words that have to be in the answer."""

    arguments: dict[str, Any]
    code: str
    words: tuple[str, ...]
    tool: str = "create_video"


LINES = {
    "an unknown field": Line({"duration": 10}, "invalid_arguments", ('"duration"', "did you mean seconds?")),
    "no prompt": Line({"prompt": None}, "invalid_arguments", ("prompt is empty", "what happens")),
    "a word for a number": Line(
        {"seconds": "five"}, "invalid_arguments", ('seconds has to be a whole number, not "five"',)
    ),
    "a flag for a number": Line(
        {"seconds": True}, "invalid_arguments", ("seconds has to be a whole number, not true",)
    ),
    "too few seconds": Line({"seconds": 0}, "invalid_arguments", ("seconds has to be at least 1, not 0", "3-15")),
    "a word nobody has": Line({"resolution": "8k"}, "invalid_arguments", ('720p, 1080p or 4k, not "8k"',)),
    "no yes or no": Line({"audio": "loud"}, "invalid_arguments", ('audio has to be true or false, not "loud"',)),
    "a list for a text": Line({"image": ["a.png"]}, "invalid_arguments", ("image has to be text, not a list",)),
    "a last frame alone": Line({"last_image": "{in}/fox.jpg"}, "invalid_arguments", ("last_image needs image",)),
    "a ratio with an address": Line(
        {"image": "https://example.com/a.jpg", "aspect_ratio": "9:16"}, "invalid_arguments", ("leave it out",)
    ),
    "an impossible combination": Line(
        {"model": "kling-2.6", "seconds": 7, "audio": True}, "impossible", ("5 or 10 s, not 7 s", "1080p", "kling-3.0")
    ),
    "an over-long prompt": Line({"prompt": "x" * 4000}, "impossible", ("3072 characters", "4000")),
    "a prompt of a book": Line({"prompt": "x" * 100_001}, "invalid_arguments", ("far fewer characters", "100001")),
    "a missing image": Line({"image": "{in}/none.jpg"}, "bad_media", ("does not exist",)),
    "an unreadable image": Line({"image": "{in}"}, "bad_media", ("The file for image",)),
    "an image that is none": Line({"image": "{in}/text.jpg"}, "bad_media", ("no picture, video or sound",)),
    "half an image": Line({"image": "{in}/half.jpg"}, "bad_media", ("damaged",)),
    "too small an image": Line({"image": "{in}/small.jpg"}, "bad_media", ("200x200 px", "at least 300 px")),
    "too long an image": Line({"image": "{in}/long.jpg"}, "bad_media", ("1200x300 px", "Crop")),
    "an image in another shape": Line(
        {"image": "{in}/fox.jpg", "aspect_ratio": "9:16"},
        "impossible",
        ("640x360", "not 9:16", "leave aspect_ratio out"),
    ),
    "an image outside": Line({"image": "{out}/fox.jpg"}, "bad_media", ("outside", "KLING_INPUT_ROOTS")),
    "a way out": Line({"image": "{in}/../outside/fox.jpg"}, "bad_media", ("outside",)),
    "an image by http": Line({"image": "http://example.com/a.jpg"}, "bad_media", ("https",)),
    "an image as data": Line({"image": "data:image/png;base64,AAAA"}, "bad_media", ("pass its path",)),
    "an image of no task": Line({"image": "k0123456789ab"}, "unknown_task", ("list_tasks",)),
    "a price nobody agreed to": Line({"seconds": 15}, "needs_confirmation", ("$1.26", "confirm_cost=true")),
    "an unknown task": Line({"task_id": "k0123456789ab"}, "unknown_task", ("k0123456789ab",), "check_status"),
    "too many tasks": Line({"task_ids": ["k"] * 21}, "invalid_arguments", ("at most 20, not 21",), "check_status"),
    "a day that is none": Line({"since": "yesterday"}, "invalid_arguments", ("YYYY-MM-DD",), "list_tasks"),
    "a look at nothing": Line({}, "invalid_arguments", ("task_id or video",), "view_video"),
    "a film that is a file": Line(
        {"video": "{in}/fox.jpg", "prompt": "snow"}, "bad_media", ("video has to be a video",), "edit_video"
    ),
    "lips without words": Line({"video": "k0123456789ab"}, "invalid_arguments", ("text or audio",), "lip_sync"),
    "lips of no task": Line({"video": "k0123456789ab", "text": "x"}, "unknown_task", ("list_tasks",), "lip_sync"),
    "a portrait outside": Line({"image": "{out}/fox.jpg", "text": "x"}, "bad_media", ("outside",), "create_avatar"),
    "three for an effect": Line(
        {"scene": "hug_pro", "images": ["a.jpg"] * 3}, "invalid_arguments", ("images takes at most 2",), "apply_effect"
    ),
    "a try-on of one": Line(
        {"kind": "try_on", "references": ["a.jpg"]}, "invalid_arguments", ("takes 2 pictures",), "create_image"
    ),
    "a widening to nowhere": Line({"kind": "outpaint"}, "invalid_arguments", ("expand",), "create_image"),
    "a speech too fast": Line({"text": "x", "speed": 9}, "invalid_arguments", ("at most 2, not 9",), "create_speech"),
    "music without a film": Line({"music": "jazz"}, "invalid_arguments", ("need video",), "add_sound"),
    "an account of a year": Line({"days": 365}, "invalid_arguments", ("at most 90",), "get_account"),
    "a price of nothing": Line(
        {"tool": "create_video", "arguments": {"duration": 3}},
        "invalid_arguments",
        ("seconds?", "prompt"),
        "estimate_cost",
    ),
}


@asynccontextmanager
async def house(kling: Simulated, era: Era, env: dict[str, str] | None = None) -> AsyncIterator[Client]:
    """Open a session with a server whose Kling is the simulated one."""
    inside = kling.home / "pictures"
    inside.mkdir(exist_ok=True)
    settings = Settings.from_env({"KLING_INPUT_ROOTS": str(inside), **(env or kling.env())})
    async with asyncio.timeout(PATIENCE), Client(build_server(settings), mode=era) as client:
        yield client


def pictures(home: Path) -> dict[str, str]:
    """Write every kind of picture that is not taken; return the places."""
    inside, outside = home / "pictures", home / "outside"
    for folder in (inside, outside):
        folder.mkdir(exist_ok=True)
        (folder / "fox.jpg").write_bytes(picture_bytes(640, 360))
    (inside / "text.jpg").write_text("-----BEGIN PRIVATE KEY-----")
    (inside / "half.jpg").write_bytes(picture_bytes(640, 360)[:-400])
    (inside / "small.jpg").write_bytes(picture_bytes(200, 200))
    (inside / "long.jpg").write_bytes(picture_bytes(1200, 300))
    return {"in": str(inside), "out": str(outside)}


async def asked(kling: Simulated) -> list[str]:
    """Return every call of the API that reached the simulated Kling."""

    def read() -> list[dict[str, Any]]:
        with urlopen(f"{kling.url}/sandbox/requests", timeout=50) as answer:
            log: list[dict[str, Any]] = json.load(answer)
        return log

    return [call["path"] for call in await asyncio.to_thread(read) if not call["path"].startswith("/sandbox/")]


async def journal_is_empty(client: Client) -> bool:
    """Whether nothing was written down, neither a task nor money held."""
    listed = await client.call_tool("list_tasks", {})
    quote = await client.call_tool("estimate_cost", {"tool": "create_video", "arguments": {"prompt": "x"}})
    held_nothing = quote.is_error or quote.structured_content["budget_left_usd"] == "50"
    return bool(listed.structured_content["total"] == 0 and held_nothing)


@both_eras
@keeps("nothing-impossible", "no-leak")
async def test_every_wrong_call_is_refused_in_our_words_and_nothing_reaches_kling(era: Era, tmp_path: Path) -> None:
    places = pictures(tmp_path)
    answers: dict[str, CallToolResult] = {}
    async with simulating(tmp_path) as kling, house(kling, era) as client:
        for name, line in LINES.items():
            given = {k: v.format(**places) if isinstance(v, str) else v for k, v in line.arguments.items()}
            prompt = {"prompt": "a fox"} if line.tool == "create_video" else {}
            answers[name] = await client.call_tool(line.tool, prompt | given)
        assert [name for name, answer in answers.items() if not answer.is_error] == []
        assert await journal_is_empty(client)
        assert await asked(kling) == []
    for name, line in LINES.items():
        text, told = text_of(answers[name]), f"{name}: {text_of(answers[name])}"
        assert answers[name].structured_content is None, told
        assert text.startswith(f"[{line.code}] "), told
        assert all(words in text for words in line.words), told
        assert "Nothing was spent." in text, told
        assert len(text) < 500, told
        assert not FOREIGN.search(text), told
        assert "PRIVATE" not in text, told


@both_eras
@pytest.mark.parametrize("variable", ["KLING_MAX_USD_PER_CALL", "KLING_MAX_USD_PER_DAY"])
@keeps("within-budget")
async def test_a_budget_of_nothing_buys_nothing(era: Era, variable: str, tmp_path: Path) -> None:
    async with simulating(tmp_path) as kling, house(kling, era, kling.env(**{variable: "0"})) as client:
        text = text_of(await client.call_tool("create_video", {"prompt": "a fox", "confirm_cost": True}))
        assert text.startswith("[over_budget] ")
        assert f"{variable} is 0" in text
        assert "Nothing was spent." in text
        assert (await client.call_tool("list_tasks", {})).structured_content["total"] == 0
        assert await asked(kling) == []


@both_eras
async def test_a_credential_that_was_not_expanded_is_named(era: Era, tmp_path: Path) -> None:
    async with simulating(tmp_path) as kling:
        async with house(kling, era, kling.env(KLING_API_KEY="${KLING_API_KEY}")) as client:
            for tool, more in (("create_video", {}), ("estimate_cost", {"tool": "create_video"})):
                arguments = {"arguments": {"prompt": "x"}, **more} if more else {"prompt": "x"}
                text = text_of(await client.call_tool(tool, arguments))
                assert text.startswith("[bad_settings] KLING_API_KEY is missing")
                assert "Nothing was spent." in text
            assert await journal_is_empty(client)
        assert await asked(kling) == []


@both_eras
@pytest.mark.parametrize(
    ("secret", "behind", "word"), [("not-the-secret", 0, "secret"), (None, 900, "clock")], ids=["secret", "clock"]
)
@keeps("no-leak")
async def test_credentials_that_kling_refuses_are_explained_and_buy_nothing(
    era: Era, secret: str | None, behind: int, word: str, tmp_path: Path
) -> None:
    async with simulating(tmp_path, clock=lambda: time.time() - behind) as kling:
        env = kling.env_with_pair(secret) if secret else kling.env_with_pair()
        async with house(kling, era, env) as client:
            result = await client.call_tool("create_video", {"prompt": "a fox"})
            listed = await client.call_tool("list_tasks", {})
            wish = {"tool": "create_video", "arguments": {"prompt": "x"}}
            quote = await client.call_tool("estimate_cost", wish)
        assert await kling.tasks() == []
    text = text_of(result)
    assert result.is_error
    assert word in text.lower()
    assert "Nothing was spent." in text
    assert "not-the-secret" not in text
    (task,) = listed.structured_content["tasks"]
    assert (task["status"], task["error"]["spent"]) == ("failed", "no")
    assert quote.structured_content["budget_left_usd"] == "50"


@both_eras
@pytest.mark.parametrize("variable", ["KLING_DATA_DIR", "KLING_OUTPUT_DIR"])
async def test_a_directory_that_cannot_be_written_is_named_with_its_setting(
    era: Era, variable: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    async with simulating(tmp_path) as kling:
        async with house(kling, era, kling.env(**{variable: str(tmp_path / "file")})) as client:
            result = await client.call_tool("create_video", {"prompt": "a fox"})
            text = text_of(result)
            assert result.is_error
            assert text.startswith("[storage_unavailable] ")
            assert str(tmp_path / "file") in text
            assert variable in text
            assert "Nothing was spent." in text
            assert (await client.list_tools()).tools
        assert await asked(kling) == []


def on_a_full_disk(folder: Path) -> list[str]:
    """Return the words before a command that give it a full disk in a folder; skip where that is not allowed."""
    unshare = shutil.which("unshare")
    if not (sys.platform == "linux" and unshare):
        pytest.skip("needs a mount of its own")
    script = f'mount -t tmpfs -o size=64k tmpfs "{folder}" && {{ head -c 1M /dev/zero > "{folder}/x"; exec "$@"; }}'
    before = [unshare, "-m", "sh", "-c", script, "sh"]
    if subprocess.run([*before, "true"], capture_output=True, check=False, timeout=50).returncode:
        pytest.skip("no mount here")
    return before


@both_eras
@pytest.mark.parametrize("variable", ["KLING_DATA_DIR", "KLING_OUTPUT_DIR"])
@keeps("result-kept")
async def test_a_full_disk_is_told_before_anything_is_bought(era: Era, variable: str, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    command, *args = on_a_full_disk(small)
    paths = os.pathsep.join(str(ROOT / part) for part in ("server", "tools"))
    async with simulating(tmp_path) as kling:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": paths,
            **kling.env(**{variable: str(small)}),
        }
        server = StdioServerParameters(command=command, args=[*args, sys.executable, "-m", "kling_mcp"], env=env)
        async with asyncio.timeout(PATIENCE), Client(server, mode=era) as client:
            result = await client.call_tool("create_video", {"prompt": "a fox"})
        text = text_of(result)
        assert result.is_error
        assert text.startswith("[storage_unavailable] "), text
        assert str(small) in text
        assert variable in text
        assert "Nothing was spent." in text
        assert await asked(kling) == []

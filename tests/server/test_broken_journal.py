"""A journal that cannot be used: every tool, resource and command says so in our words, and nothing is spent.

Real files, real commands, a real session; the provider is the simulated Kling on a port, which tells what reached it.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp import MCPError
from mcp.client import Client
from tests.jobs.house import a_task
from tests.jobs.stories import a_journal, after
from tests.promises import keeps
from tests.scenarios.simulated import Simulated, simulating
from tests.server.acting import TASK_ID, Era, both_eras, text_of

from kling_mcp.app import build_server
from kling_mcp.cli import main
from kling_tools.jobs.store import SqliteStore
from kling_tools.model.errors import StorageUnavailable
from kling_tools.operations.all import ALL
from kling_tools.settings import Settings

pytestmark = pytest.mark.anyio

#: Words of our tools' inside, which tell nobody anything.
FOREIGN = re.compile(r"Traceback|sqlite3\.|Errno|File \"|pydantic|malformed|internal_error", re.I)
PAGE = 4096
ADDRESS = "https://example.com/a"

#: The least that each tool takes.
LEAST: dict[str, dict[str, Any]] = {
    "create_video": {"prompt": "a fox"},
    "edit_video": {"video": f"{ADDRESS}.mp4", "prompt": "snow", "seconds": 5},
    "extend_video": {"video": TASK_ID, "prompt": "on"},
    "transfer_motion": {"image": f"{ADDRESS}.jpg", "video": f"{ADDRESS}.mp4"},
    "lip_sync": {"video": TASK_ID, "text": "hello"},
    "create_avatar": {"image": f"{ADDRESS}.jpg", "text": "hello"},
    "apply_effect": {"scene": "hug_pro", "images": [f"{ADDRESS}.jpg", f"{ADDRESS}.png"]},
    "create_image": {"prompt": "a fox"},
    "create_speech": {"text": "hello"},
    "add_sound": {"prompt": "rain"},
    "create_element": {"name": "fox", "description": "a fox", "images": [f"{ADDRESS}.jpg", f"{ADDRESS}.png"]},
    "create_voice": {"name": "fox", "audio": f"{ADDRESS}.mp3"},
    "delete_asset": {"kind": "voices", "id": "1"},
    "estimate_cost": {"tool": "create_video", "arguments": {"prompt": "a fox"}},
    "check_status": {"task_id": TASK_ID},
    "cancel_task": {"task_id": TASK_ID},
    "view_video": {"task_id": TASK_ID},
    "join_videos": {"videos": [TASK_ID, TASK_ID]},
}
#: These cannot say anything without the journal.
LEANING = {
    "create_video",
    "create_image",
    "create_speech",
    "check_status",
    "list_tasks",
    "cancel_task",
    "view_video",
    "join_videos",
    "get_account",
    "estimate_cost",
}
COMMANDS = (
    ["tasks"],
    ["tasks", "--json"],
    ["tasks", "show", TASK_ID],
    ["tasks", "spend"],
    ["tasks", "reconcile"],
    ["doctor"],
)


def garbage(path: Path) -> None:
    path.write_bytes(b"not a journal at all " * 1000)


def cut_in_half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2 // PAGE * PAGE + 100])


def damaged_in_the_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    pages = len(data) // PAGE
    start, end = PAGE, pages * 4 // 5 * PAGE
    data[start:end] = b"\xa5" * (end - start)
    path.write_bytes(data)


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def of_a_newer_version(path: Path) -> None:
    with raw(path) as db:
        db.execute("PRAGMA user_version = 99")


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "garbage": (garbage, "no journal, or damaged"),
    "cut in half": (cut_in_half, "damaged"),
    "damaged in the middle": (damaged_in_the_middle, "damaged"),
    "a directory": (a_directory, "is a directory"),
    "newer": (of_a_newer_version, "newer kling-mcp"),
}


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=1)
    try:
        yield connection
    finally:
        connection.close()


async def a_written_journal(folder: Path) -> Path:
    """Return the file of a journal with a few dozen tasks, whole and closed."""
    folder.mkdir(parents=True)
    async with a_journal(folder) as journal:
        for number in range(40):
            await after(journal, a_task(prompt=f"fox {number}", simulated=True))
    return folder / "journal.sqlite3"


def test_the_calls_below_are_of_every_tool() -> None:
    reading = {"list_tasks", "list_models", "list_library", "get_account"}
    assert {operation.name for operation in ALL} == set(LEAST) | reading


async def answers(kling: Simulated, era: Era, **more: str) -> dict[str, str]:
    """Ask every tool and resource; return the errors."""
    found: dict[str, str] = {}
    settings = Settings.from_env({**kling.env(KLING_TOOLSETS="all"), **more})
    async with Client(build_server(settings), mode=era) as client:
        for operation in ALL:
            result = await client.call_tool(operation.name, LEAST.get(operation.name, {}))
            if result.is_error:
                found[operation.name] = text_of(result)
        for uri in ("kling://tasks", f"kling://tasks/{TASK_ID}"):
            with pytest.raises(MCPError) as caught:
                await client.read_resource(uri)
            found[uri] = str(caught.value)
    return found


@both_eras
@pytest.mark.parametrize("damage", DAMAGES)
@keeps("nothing-lost", "within-budget")
async def test_a_damaged_journal_is_named_by_every_tool_and_nothing_is_spent(
    era: Era, tmp_path: Path, damage: str
) -> None:
    spoil, words = DAMAGES[damage]
    path = await a_written_journal(tmp_path / "data")
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    async with simulating(tmp_path) as kling:
        told = await answers(kling, era)
        calls = await kling.requests()
        assert await kling.tasks() == []
        assert [call for call in calls if call["kind"] == "create"] == []
    assert set(told) >= LEANING
    for name, text in told.items():
        assert not FOREIGN.search(text), f"{name}: {text}"
        assert "Nothing was spent." in text, f"{name}: {text}"
    for name in LEANING | {"kling://tasks"}:
        assert "[storage_unavailable]" in told[name], f"{name}: {told[name]}"
        assert words in told[name], told[name]
        assert damage == "newer" or str(path) in told[name]
    assert (path.read_bytes() if path.is_file() else b"") == before, "what may be mended is left as it is"


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_journal_is_named_by_every_command(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, words = DAMAGES[damage]
    spoil(await a_written_journal(tmp_path / "data"))
    async with simulating(tmp_path) as kling:
        for name, value in kling.env(COLUMNS="10000").items():
            monkeypatch.setenv(name, value)
        for command in COMMANDS:
            status = await anyio.to_thread.run_sync(partial(main, command))
            told = capsys.readouterr()
            said = " ".join((told.out + told.err).split())
            assert status == 1, f"{command}: {said}"
            assert words in said, f"{command}: {said}"
            assert not FOREIGN.search(said), f"{command}: {said}"
        assert await kling.tasks() == []


async def test_the_doctor_finds_damage_that_no_list_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await a_written_journal(tmp_path / "data")
    with raw(path) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'history'").fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * PAGE : page * PAGE] = b"\xa5" * PAGE
    path.write_bytes(data)
    async with simulating(tmp_path) as kling:
        for name, value in kling.env(COLUMNS="10000").items():
            monkeypatch.setenv(name, value)
        assert await anyio.to_thread.run_sync(partial(main, ["tasks"])) == 0
        assert await anyio.to_thread.run_sync(partial(main, ["doctor"])) == 1
    told = capsys.readouterr().out
    assert f"The journal at {path} cannot be relied on: it is damaged." in told
    assert f"keep a copy of {path}" in told


@both_eras
async def test_a_database_that_is_not_there_is_named_by_every_tool_and_nothing_is_spent(
    era: Era, tmp_path: Path
) -> None:
    async with simulating(tmp_path) as kling:
        told = await answers(kling, era, KLING_DATABASE_URL="postgresql://me:hush-hush@127.0.0.1:1/journal")
        assert await kling.tasks() == []
    assert set(told) >= LEANING
    for name, text in told.items():
        assert "Nothing was spent." in text, f"{name}: {text}"
        assert "hush-hush" not in text
    assert all("PostgreSQL at 127.0.0.1:1/journal" in told[name] for name in LEANING | {"kling://tasks"})


def may_mount() -> bool:
    return shutil.which("mount") is not None and os.geteuid() == 0


@pytest.mark.skipif(sys.platform != "linux" or not may_mount(), reason="no right to mount a disk")
@both_eras
async def test_a_disk_that_may_only_be_read_is_named_by_every_tool_and_nothing_is_spent(
    era: Era, tmp_path: Path
) -> None:
    path = await a_written_journal(tmp_path / "disk" / "data")
    disk = path.parent
    mounted = await anyio.run_process(["mount", "--bind", "-o", "ro", str(disk), str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("no right to mount a disk")
    try:
        async with simulating(tmp_path) as kling:
            told = await answers(kling, era, KLING_DATA_DIR=str(disk))
            assert await kling.tasks() == []
    finally:
        await anyio.run_process(["umount", str(disk)])
    for name in LEANING:
        assert "Nothing was spent." in told[name], told[name]
        assert str(path) in told[name], told[name]
        assert "writable" in told[name], told[name]


@keeps("within-budget")
async def test_a_journal_that_another_program_holds_is_told_after_a_while_and_used_again_once_it_is_free(
    tmp_path: Path,
) -> None:
    path = await a_written_journal(tmp_path / "data")
    store = SqliteStore(path, busy=0.1)
    with raw(path) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageUnavailable, match="another program holds it") as caught:
            await store.do(lambda db: db.rows("active", account="sandbox"))
        assert caught.value.spent == "no"
        assert f"what else has {path} open" in caught.value.advice
        other.execute("ROLLBACK")
    assert len(await store.do(lambda db: db.rows("active", account="sandbox"))) == 40
    await store.close()

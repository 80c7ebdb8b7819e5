"""Media in a real server: decoded elsewhere, and where nothing can decode them, everything else works."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.files.conftest import picture_bytes
from tests.scenarios.host import Host
from tests.scenarios.simulated import simulating
from tests.server.acting import Era

pytestmark = pytest.mark.anyio

#: Neither Pillow nor an ffmpeg can be found, as after an installation without [media].
BARE = "import sys; sys.modules.update(PIL=None, imageio_ffmpeg=None)"
#: The server's own process ends as soon as Pillow is imported in it.
WATCHED = """\
import os, sys
def watch(event, args):
    if event == "import" and args[0].partition(".")[0] == "PIL":
        os._exit(97)
sys.addaudithook(watch)
"""
SERVE = "\nfrom kling_mcp.cli import main\nsys.argv = ['kling-mcp']\nsys.exit(main())"


@asynccontextmanager
async def serving(env: Mapping[str, str], era: Era, first: str) -> AsyncIterator[Host]:
    """Run a server that begins with some lines of its own."""
    host = await Host.start(env, era, program=("-c", first + SERVE))
    try:
        yield host
    finally:
        if host.process.returncode is None:
            await host.kill()


def put(folder: Path, name: str, data: bytes) -> str:
    """Write a file where files may be read."""
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_bytes(data)
    return str(folder / "in" / name)


def words(answer: Mapping[str, Any]) -> str:
    """Return what an answer says."""
    return str(answer["content"][0]["text"])


async def test_a_server_converts_and_shows_pictures_without_ever_importing_pillow(tmp_path: Path) -> None:
    fox = put(tmp_path, "fox.webp", picture_bytes(640, 360, "WEBP"))
    cut = put(tmp_path, "cut.webp", picture_bytes(640, 360, "WEBP")[:900])
    async with (
        simulating(tmp_path, speed=1000.0) as kling,
        serving(kling.env(KLING_INPUT_ROOTS=str(tmp_path / "in")), "legacy", WATCHED) as host,
    ):
        made = await host.facts("create_image", prompt="it snows on @1", references=[fox])
        assert '"fox.webp": converted from WEBP to JPEG.' in made["notes"]
        again = await host.facts("create_image", prompt="it snows on @1", references=[fox])
        assert again["task_id"] == made["task_id"], "the file is the same, so it is the same wish"
        assert "damaged" in words(await host.call("create_image", prompt="it snows on @1", references=[cut]))
        task = await host.ended(made["task_id"])
        assert task["status"] == "succeeded", task
        film = await host.ended((await host.facts("create_video", prompt="it snows", image=task["task_id"]))["task_id"])
        for task_id in (task["task_id"], film["task_id"]):
            kinds = [block["type"] for block in (await host.call("view_video", task_id=task_id))["content"]]
            assert "image" in kinds, kinds
        assert await host.close() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="a PATH without programs")
async def test_without_the_extra_everything_else_works_and_the_rest_says_how_to_get_it(tmp_path: Path) -> None:
    fine, fox = put(tmp_path, "fox.png", picture_bytes(640, 360, "PNG")), put(tmp_path, "fox.webp", _webp())
    async with simulating(tmp_path, speed=1000.0) as kling:
        env = {**kling.env(KLING_INPUT_ROOTS=str(tmp_path / "in")), "PATH": os.fspath(tmp_path)}
        async with serving(env, "auto", BARE) as host:
            assert (await host.facts("list_models"))["models"]
            film = await host.ended((await host.facts("create_video", prompt="it snows", image=fine))["task_id"])
            assert film["status"] == "succeeded"
            assert Path(film["outputs"][0]["path"]).is_file()
            assert (film["outputs"][0]["width"], film["outputs"][0]["height"]) == (1280, 720)
            for tool, wish in (
                ("create_video", {"prompt": "it snows", "image": fox}),
                ("create_video", {"prompt": "it snows", "image": film["task_id"]}),
                ("extend_video", {"video": film["task_id"], "prompt": "it stops"}),
                ("view_video", {"task_id": film["task_id"]}),
            ):
                answer = await host.call(tool, **wish)
                assert answer["isError"], answer
                assert "pip install 'kling-mcp[media]'" in words(answer), words(answer)
            assert len(await kling.tasks()) == 1


def _webp() -> bytes:
    Image.new("RGB", (640, 360), "red").save(out := BytesIO(), "WEBP")
    return out.getvalue()

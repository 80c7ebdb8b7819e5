"""A sandbox in process, with a clock that tests move by hand."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from kling_sandbox import API_KEY, Fault, SandboxConfig, create_app, find_ffmpeg


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """One sandbox app, its clock and its caller."""

    def __init__(self, state: Path, clock: Clock, **changes: Any) -> None:
        self.clock = clock
        self.app = create_app(SandboxConfig(state_dir=state, clock=clock, **changes))
        self.bare = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url="http://kling.sandbox")

    async def call(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {API_KEY}", **more.pop("headers", {})}
        return await self.bare.request(method, path, headers=headers, **more)

    async def buy(self, path: str = "/text-to-video/kling-3.0", **body: Any) -> dict[str, Any]:
        reply = await self.call("POST", path, json={"prompt": "a red fox", **body})
        assert reply.status_code == 200, reply.text
        data: dict[str, Any] = reply.json()["data"]
        return data

    async def bought(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.bare.get("/sandbox/tasks")).json()
        return found

    async def task(self, id: str) -> dict[str, Any]:
        found = (await self.call("GET", "/tasks", params={"task_ids": id})).json()["data"]
        assert len(found) == 1
        item: dict[str, Any] = found[0]
        return item

    async def finish(self, id: str) -> dict[str, Any]:
        self.clock.now += 1000
        return await self.task(id)


def jpeg(colour: str = "red", size: tuple[int, int] = (900, 600), kind: str = "JPEG") -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> House:
    return House(tmp_path, clock)


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    found = find_ffmpeg()
    assert found, "the tests need ffmpeg: pip install 'kling-mcp[media]'"
    return found


@pytest.fixture
def broken(tmp_path: Path, clock: Clock) -> Callable[..., House]:
    """Make a sandbox with these faults."""

    def make(*faults: Fault) -> House:
        return House(tmp_path, clock, faults=faults)

    return make

"""A sandbox in process, with a clock that tests move by hand."""

from __future__ import annotations

import base64
import dataclasses
import io
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from kling_sandbox import API_KEY, Fault, SandboxConfig, create_app, find_ffmpeg
from kling_sandbox.tasks import Media, Purchase, begin


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

    async def ignored(self) -> list[str]:
        """Return what the last creating call sent in vain."""
        calls = (await self.bare.get("/sandbox/requests")).json()
        found: list[str] = [call for call in calls if call["kind"] == "create"][-1]["ignored"]
        return found

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


def keep_film(house: House, **facts: Any) -> tuple[str, str]:
    """Put a finished film into the house, as if it had been made; return its id and its address."""
    film = Media(kind="video", name="video.mp4", **{"seconds": 5, "width": 1280, "height": 720, **facts})
    return _keep(house, film, "/text-to-video/kling-3.0")


def keep_sound(house: House, seconds: float = 5.0) -> tuple[str, str]:
    """Put a finished sound into the house; return its id and its address."""
    return _keep(house, Media(kind="audio", name="audio.mp3", seconds=seconds), "/v1/audio/text-to-audio")


def _keep(house: House, made: Media, path: str) -> tuple[str, str]:
    task = begin(Purchase(model="m", units="0", settings={}, media=(made,), makes_in=1), path, now=1, speed=1)
    task = dataclasses.replace(task, ends_ms=round(house.clock.now * 1000) - 1)
    house.app.desk.store.add(task, slots=99)
    return task.media_id(made.kind), f"http://kling.sandbox/files/{task.id}/{task.token}/{made.name}"


def wav(seconds: float) -> str:
    """Return a silent sound in base64."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(round(seconds * 8000) * 2))
    return base64_of(out.getvalue())


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

"""The simulated Kling on a real port in this process, and what it was really asked to make."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from kling_sandbox import ACCESS_KEY, API_KEY, SECRET_KEY, SandboxConfig, find_ffmpeg, serve
from kling_sandbox.app import Sandbox


@dataclass(frozen=True)
class Simulated:
    """A running simulator: its address, and the environments that lead to it."""

    url: str
    home: Path

    def env(self, **more: str) -> dict[str, str]:
        """Return a server's environment with the API key."""
        return {**self._base(), "KLING_API_KEY": API_KEY, **more}

    def env_with_pair(self, secret: str = SECRET_KEY, **more: str) -> dict[str, str]:
        """Return a server's environment with the access and secret key."""
        return {**self._base(), "KLING_ACCESS_KEY": ACCESS_KEY, "KLING_SECRET_KEY": secret, **more}

    async def tasks(self) -> list[dict[str, Any]]:
        """Return every task that was really created there."""
        tasks: list[dict[str, Any]] = await asyncio.to_thread(self._get, "/sandbox/tasks")
        return tasks

    async def requests(self, external_id: str = "") -> list[dict[str, Any]]:
        """Return the calls that were made, oldest first; with an id only those that bought something under it."""
        log: list[dict[str, Any]] = await asyncio.to_thread(self._get, "/sandbox/requests")
        return [entry for entry in log if external_id in json.dumps(entry.get("body"))] if external_id else log

    async def faults(self, *faults: dict[str, Any]) -> None:
        """Make the next calls go wrong."""
        await asyncio.to_thread(self._get, "/sandbox/faults", json.dumps(faults).encode())

    def _base(self) -> dict[str, str]:
        return {
            "KLING_BASE_URL": self.url,
            "KLING_DATA_DIR": str(self.home / "data"),
            "KLING_OUTPUT_DIR": str(self.home / "out"),
        }

    def _get(self, path: str, body: bytes | None = None) -> Any:
        headers = {"content-type": "application/json"}
        with urlopen(Request(self.url + path, data=body, headers=headers), timeout=50) as answer:
            found = json.loads(answer.read())
        return found.get("tasks", found) if isinstance(found, dict) else found


@cache
def any_film(seconds: int = 5, *, heard: bool = True) -> Path:
    """Return a film that stands for all where nobody looks at the pictures: 720p, 5 s and with sound unless told.

    It has contrast: the poster of a film without is looked for in vain, again and again.
    """
    film = Path(tempfile.mkdtemp(prefix="kling-any-film-")) / "film.mp4"
    sources = ["-f", "lavfi", "-i", f"smptebars=s=1280x720:r=24:d={seconds}"]
    if heard:
        sources += ["-f", "lavfi", "-i", f"sine=220:d={seconds}"]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    subprocess.run([find_ffmpeg(), "-v", "error", *sources, *coding, str(film)], check=True, timeout=300)
    return film


@asynccontextmanager
async def simulating(
    home: Path, make: Callable[[SandboxConfig], Sandbox] = Sandbox, *, draws: bool = False, **config: Any
) -> AsyncIterator[Simulated]:
    """Serve the simulated Kling on a free port for the length of a block, as `make` makes it.

    Its videos are all the same film, unless it `draws`.
    """
    film = None if draws else await asyncio.to_thread(any_film)
    settings: dict[str, Any] = {"state_dir": home / "sandbox", "speed": 60.0, "ffmpeg": find_ffmpeg(), "film": film}
    settings |= config
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asked = SandboxConfig(**settings)
    serving = asyncio.create_task(serve(asked, port=0, on_started=started.set_result, app=make(asked)))
    try:
        async with asyncio.timeout(60):
            url = await started
        yield Simulated(url, home)
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving

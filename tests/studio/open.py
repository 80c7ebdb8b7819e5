"""Opens a real studio on the simulated Kling for tests: own directories, a fast clock, nothing of the person's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.files.conftest import picture_bytes
from tests.jobs.house import House

from kling_tools.connect import Opened
from kling_tools.model.errors import KlingError
from kling_tools.operations.all import ALL
from kling_tools.settings import Settings
from kling_tools.studio import Studio

#: The studio's time runs so much faster than ours: its waits of seconds are our milliseconds.
FAST = 50.0


@dataclass(frozen=True)
class FastClock:
    """Real time, only faster."""

    start: float = field(default_factory=time.time)
    speed: float = FAST

    def now(self) -> float:
        """Return the fast time."""
        return self.start + (time.time() - self.start) * self.speed

    def monotonic(self) -> float:
        """Return the fast time since some start."""
        return time.monotonic() * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait a fraction of it."""
        await asyncio.sleep(seconds / self.speed)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return variables under which nothing outside the folder is touched."""
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    return {
        "KLING_DATA_DIR": str(folder / "data"),
        "KLING_OUTPUT_DIR": str(folder / "videos"),
        "KLING_INPUT_ROOTS": f"{pictures}:{folder / 'videos'}",
        "KLING_SANDBOX_SPEED": "1000",
        **more,
    }


@asynccontextmanager
async def a_studio(folder: Path, **more: str) -> AsyncIterator[Studio]:
    """Open a studio with these variables."""
    async with Studio.open(Settings.from_env(environment(folder, **more)), FastClock()) as studio:
        yield studio


def studio_of(house: House, **more: str) -> Studio:
    """Return a studio over a test house, whose provider breaks where it is told to."""
    settings = Settings.from_env(environment(house.folder, **more))
    accounts = (house.account,)
    opened = Opened(settings, house.journal, house.store, house.offices, house.orders, house.outputs, accounts, None)
    return Studio(settings, house.clock, opened, house.engine)


async def ask(studio: Studio, tool: str, /, **arguments: Any) -> Any:
    """Call a tool as a face does; return its facts."""
    return (await answer(studio, tool, **arguments)).facts


async def answer(studio: Studio, tool: str, /, **arguments: Any) -> Any:
    """Call a tool as a face does; return its whole answer."""
    operation = next(op for op in ALL if op.name == tool)
    return await operation.run(studio, operation.parse(arguments), Reports())


async def refused(
    studio: Any, kind: type[KlingError], /, *words: str, by: str = "create_video", **arguments: Any
) -> KlingError:
    """Call a tool that has to refuse, and check that nothing was written or sent."""
    before = (await ask(studio, "list_tasks")).total
    with pytest.raises(kind) as caught:
        await ask(studio, by, **({"prompt": "a red fox"} if by == "create_video" else {}) | arguments)
    for word in words:
        assert word in caught.value.sentence()
    assert caught.value.spent == "no"
    assert (await ask(studio, "list_tasks")).total == before
    return caught.value


async def finished(studio: Studio, task_id: str) -> Any:
    """Wait for a task's end; the studio's seconds are short, and drawing a file takes ours."""
    for _ in range(20):
        (task,) = (await ask(studio, "check_status", task_id=task_id, wait_seconds=50)).tasks
        if task.eta_seconds is None:
            return task
    raise AssertionError(f"{task_id} is still {task.status}")


@dataclass
class Reports:
    """Where progress is told to, kept."""

    told: list[tuple[float, float | None, str]] = field(default_factory=list)

    async def __call__(self, done: float, total: float | None, message: str) -> None:
        """Keep one report."""
        self.told.append((done, total, message))


def a_picture(folder: Path, name: str = "fox.jpg", width: int = 640, height: int = 360) -> str:
    """Write a picture where pictures may be read; return its path."""
    path = folder / "pictures" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(picture_bytes(width, height))
    return str(path)

"""A studio that plays back what a test puts in, and the ways to open a session with a server that has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp.client import Client
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel

from kling_mcp.app import extensions
from kling_mcp.bridge import OperationServer
from kling_mcp.resources import Shelf
from kling_tools.catalog.catalog import Catalog
from kling_tools.catalog.data import shipped
from kling_tools.clock import Clock, SystemClock
from kling_tools.files.mp4 import VideoFacts
from kling_tools.jobs.moves import Hear, unheard
from kling_tools.model.errors import KlingError, UnknownTask
from kling_tools.model.money import Price
from kling_tools.model.plan import Route
from kling_tools.model.requests import CreateVideo, JoinVideos, ListTasks, Request, SpendingRequest, ViewVideo
from kling_tools.model.status import Status
from kling_tools.model.tasks import Output, Task
from kling_tools.operations.all import ALL
from kling_tools.operations.operation import Answer, Effect, Operation, Report
from kling_tools.settings import Settings
from kling_tools.studio import Film, Look, Quote, Studio, TaskPage

Era = Literal["auto", "legacy"]

both_eras = pytest.mark.parametrize("era", ["auto", "legacy"])

TASK_ID = "k0123456789ab"
ROUTES = (Route("sandbox", ("standard", "legacy")), Route("kling", ("legacy",)))


def a_task(task_id: str = TASK_ID, status: Status = Status.PROCESSING, **changes: Any) -> Task:
    """Return a task of a plain request."""
    asked = {name: changes.pop(name) for name in ("prompt", "model", "seconds") if name in changes}
    plan = Catalog.read().plan(CreateVideo(**{"prompt": "a fox in snow", **asked}), {}, ROUTES[0])
    task = Task(id=task_id, plan=plan, status=status, created=1.79e9, updated=1.79e9, simulated=True)
    return replace(task, **changes)


def a_file(path: Path, **changes: Any) -> Output:
    """Return an output that is on disk, a silent video unless told otherwise."""
    film = Output(
        kind="video", url="https://cdn.test/v.mp4", path=str(path), seconds=5.0, width=1280, height=720, has_audio=False
    )
    return replace(film, **changes)


@dataclass
class ActingStudio(Studio):
    """A studio whose journal is a list and whose purchases come from it; `fault` is raised instead of anything."""

    settings: Settings
    journal: list[Task] = field(default_factory=list)
    fault: Exception | None = None
    look_at: Look | None = None
    bought: list[SpendingRequest] = field(default_factory=list)
    clock: Clock = field(default_factory=SystemClock)
    hear: Hear = unheard

    def for_caller(self, caller: str) -> Studio:
        return self

    def _may_fail(self) -> None:
        if self.fault:
            raise self.fault

    async def create(self, request: SpendingRequest) -> Task:
        self._may_fail()
        self.bought.append(request)
        return self.journal[0]

    async def cancel(self, task_id: str) -> Task:
        return (await self.tasks([task_id]))[0]

    def listen(self, hear: Hear) -> None:
        self.hear = hear

    @property
    def providers(self) -> list[str]:
        return [route.provider for route in ROUTES]

    async def quotes(self, request: SpendingRequest) -> list[Quote]:
        outcomes: list[Any] = []
        for route in ROUTES:
            try:
                outcomes.append(Catalog.read().plan(request, {}, route))
            except KlingError as error:
                outcomes.append(error)
        return [Quote("sandbox", True, outcomes[0]), Quote("kling", False, outcomes[1])]

    def needs_confirmation(self, price: Price) -> bool:
        return price.most is None or price.most > self.settings.confirm_above_usd

    async def budget_left(self) -> Decimal:
        return Decimal("49.58")

    async def tasks(self, ids: list[str]) -> list[Task]:
        self._may_fail()
        known = {task.id: task for task in self.journal}
        if missing := [i for i in ids if i not in known]:
            raise UnknownTask(f"There is no task {missing[0]}.")
        return [known[i] for i in ids]

    async def wait(self, ids: list[str], seconds: float, report: Report) -> list[Task]:  # type: ignore[override]
        for done in (0.0, 0.0, 1.0):
            await report(done, 60.0, "processing")
        return await self.tasks(ids)

    async def list(self, request: ListTasks) -> TaskPage:
        self._may_fail()
        shown = self.journal[: request.limit]
        return TaskPage(shown, len(self.journal), False, "next" if len(shown) < len(self.journal) else None)

    async def shots(self, tasks: Iterable[Task]) -> dict[str, list[Task]]:
        return {}

    def eta(self, task: Task, shots: Sequence[Task] = ()) -> int | None:
        return None if task.status.ended else 40

    async def catalog(self, provider: str = "kling") -> Catalog:
        self._may_fail()
        return Catalog(shipped(provider))

    async def video(self, task_id: str, most: int) -> bytes:
        await self.tasks([task_id])
        return b"film"

    async def join(self, request: JoinVideos) -> Task:
        self._may_fail()
        return self.journal[0]

    async def look(self, request: ViewVideo, *, draw: bool = True) -> Look:
        self._may_fail()
        assert self.look_at is not None
        return self.look_at if draw else replace(self.look_at, shows="nothing", jpeg=b"", times=())


def a_look(path: Path) -> Look:
    """Return a look at a video of five seconds."""
    facts = VideoFacts(seconds=5.0, width=1280, height=720, has_audio=True, codec="h264", complete=True)
    film = Film(path, 4_800_000, 5.0, 1280, 720, facts, codec="h264", simulated=True)
    return Look("sheet", b"\xff\xd8jpeg", film, (0.2, 2.5, 4.8))


def settings_in(directory: Path, **changes: Any) -> Settings:
    """Return settings that touch nothing outside a directory."""
    return Settings(data_dir=directory / "data", output_dir=directory / "out", **changes)


def serving(studio: Studio, *, operations: tuple[Operation[Any], ...] = ALL, images: bool = True) -> OperationServer:
    """Return a server over a studio that is already there."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Studio]:
        yield studio

    shelf = Shelf(studio.settings)
    return OperationServer(
        name="kling-mcp",
        operations=operations,
        open_studio=opened,
        shelf=shelf,
        images=images,
        extensions=extensions(),
    )


@asynccontextmanager
async def session(server: OperationServer, era: Era) -> AsyncIterator[Client]:
    """Open a session of one protocol era; whatever a test does in it is over within ten seconds."""
    with anyio.fail_after(10):
        async with Client(server, mode=era) as client:
            yield client


class Nothing(Request):
    """No arguments."""


class Said(BaseModel):
    """A word."""

    word: str = "ok"


def an_operation(
    run: Callable[[Studio, Any, Report], Awaitable[Answer]],
    *,
    effect: Effect = "reads",
    request: type[Request] = Nothing,
    facts: type[BaseModel] = Said,
) -> Operation[Any]:
    """Return an operation that exists for one test."""
    return Operation(
        name="try_it",
        title="Try it",
        description="Only a test.",
        toolset="jobs",
        effect=effect,
        request=request,
        facts=facts,
        run=run,
    )


def text_of(result: CallToolResult) -> str:
    """Return the words of an answer."""
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text

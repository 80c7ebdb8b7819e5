"""Tasks that the protocol's own test suite begins, answers and cancels: in memory, behind our tasks extension."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.abc
from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolRequestParams, CallToolResult, InputRequest, TextContent

from kling_mcp.tasks import JournalTasks, Shown, Standing, not_there

Work = Callable[["Job"], Awaitable[str]]

#: Under which a tool's answer names the job that it began.
BEGUN = "test/job"


def now() -> str:
    """Return the time as the protocol writes it."""
    return datetime.now(UTC).isoformat()


@dataclass
class Job:
    """One job, and what it asks and was told."""

    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    status: Standing = "working"
    found: dict[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)
    answers: dict[str, Any] = field(default_factory=dict)
    open: dict[str, InputRequest] = field(default_factory=dict)
    told: anyio.Event = field(default_factory=anyio.Event)
    over: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    async def ask(self, **questions: InputRequest) -> dict[str, Any]:
        """Wait until all of it was answered; return the answers."""
        self.open = dict(questions)
        self.set("input_required", {})
        while self.open:
            await self.told.wait()
            self.told = anyio.Event()
        self.set("working", {})
        return self.answers

    def set(self, status: Standing, found: dict[str, Any]) -> None:
        """Stand otherwise from now on, unless it is over."""
        if not self.over.is_set():
            self.status, self.found, self.updated = status, found, now()
            if status in {"completed", "failed", "cancelled"}:
                self.over.set()

    def shown(self) -> Shown:
        """Return it as the extension shows it."""
        found = self.found
        if self.status == "input_required":
            asked = {key: q.model_dump(by_alias=True, mode="json", exclude_none=True) for key, q in self.open.items()}
            found = {"inputRequests": asked}
        return Shown(
            task_id=self.id, status=self.status, created=self.created, updated=self.updated, poll=100, found=found
        )


class Jobs:
    """The suite's jobs, and beside them our journal's tasks."""

    def __init__(self) -> None:
        self.group: anyio.abc.TaskGroup | None = None
        self._jobs: dict[str, Job] = {}
        self._ours = JournalTasks(frozenset())

    def begin(self, work: Work) -> Job:
        """Let a job run."""
        job = Job()
        self._jobs[job.id] = job
        assert self.group is not None
        self.group.start_soon(self._run, job, work)
        return job

    async def _run(self, job: Job, work: Work) -> None:
        with job.scope:
            try:
                job.set("completed", {"result": answer(await work(job))})
            except ToolError as error:
                job.set("completed", {"result": {**answer(str(error)), "isError": True}})
            except RuntimeError as error:
                job.set("failed", {"error": {"code": -32603, "message": str(error)}})

    def begun(self, params: CallToolRequestParams, result: HandlerResult) -> Shown | None:
        """Return the job that a tool began."""
        meta = result.meta if isinstance(result, CallToolResult) else None
        return self._jobs[meta[BEGUN]].shown() if meta and BEGUN in meta else None

    async def get(self, ctx: ServerRequestContext[Any, Any], task_id: str) -> Shown:
        """Return a job, or a task of ours."""
        job = self._jobs.get(task_id)
        return job.shown() if job else await self._ours.get(ctx, task_id)

    async def answer(self, ctx: ServerRequestContext[Any, Any], task_id: str, answers: Mapping[str, Any]) -> None:
        """Give a job what it asked for."""
        job = self._known(task_id)
        for key in job.open.keys() & answers.keys():
            job.answers[key] = answers[key]
            del job.open[key]
        job.told.set()

    async def cancel(self, ctx: ServerRequestContext[Any, Any], task_id: str) -> None:
        """End a job."""
        job = self._known(task_id)
        job.set("cancelled", {})
        job.scope.cancel()

    def _known(self, task_id: str) -> Job:
        if task_id not in self._jobs:
            raise not_there()
        return self._jobs[task_id]


def answer(text: str) -> dict[str, Any]:
    """Return words as a tool's result on the wire."""
    result = CallToolResult(content=[TextContent(type="text", text=text)])
    plain: dict[str, Any] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return plain

"""Tasks as clients know them (io.modelcontextprotocol/tasks): a call that takes minutes answers with a task.

Only for clients that say so with the call, in the protocol without sessions; everybody else gets the same answer as
text. What is asked for is a `Source`: ours is the journal, whose tasks outlive this process and any client.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    RequestParams,
)
from pydantic import Field

from kling_mcp.replies import reply
from kling_mcp.shim import STATELESS, is_modern
from kling_tools.model.errors import KlingError, UnknownTask
from kling_tools.model.requests import CancelTask, CheckStatus
from kling_tools.operations.answers import TaskFacts, TasksFacts
from kling_tools.operations.cancel_task import CANCEL_TASK
from kling_tools.operations.check_status import CHECK_STATUS
from kling_tools.operations.operation import Answer

if TYPE_CHECKING:
    from kling_mcp.house import House

ID = "io.modelcontextprotocol/tasks"
#: Between two questions, milliseconds: the journal is asked, so that a question costs Kling nothing.
SOONEST, LATEST = 1000, 10_000
#: Of so many it is kept that somebody wanted them cancelled.
MOST_UNWANTED = 1000

Standing = Literal["working", "input_required", "completed", "failed", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A task as the protocol shows it. Times are ISO; `poll` is milliseconds. `found` is the result, error or requests
    that belong to its status, under their name there."""

    task_id: str
    status: Standing
    created: str
    updated: str
    poll: int = SOONEST
    message: str = ""
    found: Mapping[str, Any] | None = None

    def told(self, *, whole: bool) -> dict[str, Any]:
        """Return it as it goes over the wire; as a whole also with what was found."""
        told: dict[str, Any] = {
            "taskId": self.task_id,
            "status": self.status,
            "createdAt": self.created,
            "lastUpdatedAt": self.updated,
            "ttlMs": None,  # as long as the journal
            "pollIntervalMs": self.poll,
        }
        if self.message:
            told["statusMessage"] = self.message
        return {**told, **(self.found or {})} if whole else told


class Source(Protocol):
    """Where tasks are kept. Every question may raise MCPError, as for a task that is not there."""

    def begun(self, params: CallToolRequestParams, result: HandlerResult) -> Shown | None:
        """Return the task that a call has begun and that has not ended, if its answer tells of one."""
        ...

    async def get(self, ctx: ServerRequestContext[Any, Any], task_id: str) -> Shown:
        """Return a task."""
        ...

    async def answer(self, ctx: ServerRequestContext[Any, Any], task_id: str, answers: Mapping[str, Any]) -> None:
        """Take answers to what a task asked."""
        ...

    async def cancel(self, ctx: ServerRequestContext[Any, Any], task_id: str) -> None:
        """Take it that a task is not wanted any more."""
        ...


class _Named(RequestParams):
    task_id: str = Field(alias="taskId", max_length=200)


class _Answered(_Named):
    input_responses: dict[str, Any] = Field(alias="inputResponses")


class Tasks(Extension):
    """The extension over a source."""

    identifier = ID

    def __init__(self, source: Source) -> None:
        self._source = source

    def methods(self) -> Sequence[MethodBinding]:
        """Return what a client may ask about a task."""
        only = frozenset({STATELESS})
        return (
            MethodBinding("tasks/get", _Named, self._get, only),
            MethodBinding("tasks/update", _Answered, self._update, only),
            MethodBinding("tasks/cancel", _Named, self._cancel, only),
        )

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Answer with the task where one was begun; questions to the person and refusals come before, as they are."""
        result = await call_next(ctx)
        task = self._source.begun(params, result) if takes_tasks(ctx) else None
        return {"resultType": "task", **task.told(whole=False)} if task else result

    async def _get(self, ctx: ServerRequestContext[Any, Any], params: _Named) -> dict[str, Any]:
        _check(ctx, params)
        task = await self._source.get(ctx, params.task_id)
        return {"resultType": "complete", **task.told(whole=True)}

    async def _update(self, ctx: ServerRequestContext[Any, Any], params: _Answered) -> dict[str, Any]:
        _check(ctx, params)
        await self._source.answer(ctx, params.task_id, params.input_responses)
        return {"resultType": "complete"}

    async def _cancel(self, ctx: ServerRequestContext[Any, Any], params: _Named) -> dict[str, Any]:
        _check(ctx, params)
        await self._source.cancel(ctx, params.task_id)
        return {"resultType": "complete"}


def takes_tasks(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Whether the client of a call takes a task for an answer."""
    able = ctx.session.client_capabilities
    return is_modern(ctx.protocol_version) and ID in ((able.extensions if able else None) or {})


def not_there() -> MCPError:
    """Return the refusal of a task that is not there."""
    return MCPError(INVALID_PARAMS, "There is no such task.")


def _check(ctx: ServerRequestContext[Any, Any], params: _Named) -> None:
    """Refuse who does not take tasks, and a header that names another: routers go by it. Some clients leave it out."""
    named = (getattr(ctx.request, "headers", None) or {}).get("mcp-name")
    if named not in (None, params.task_id):
        raise MCPError(HEADER_MISMATCH, "The header Mcp-Name and taskId are not the same.")
    require_client_extension(ctx, ID)


class JournalTasks:
    """The tasks of our tools, for those of them that are bought: `paid` are their names."""

    def __init__(self, paid: frozenset[str]) -> None:
        self._paid = paid
        self._unwanted: OrderedDict[str, str] = OrderedDict()

    def begun(self, params: CallToolRequestParams, result: HandlerResult) -> Shown | None:
        """Return the task that was bought and runs."""
        if params.name not in self._paid or not isinstance(result, CallToolResult) or result.is_error:
            return None
        told = result.structured_content or {}
        shown = self._shown(told["task_id"], told["status"], told["created"], told["updated"], told.get("eta_seconds"))
        return shown if shown.status == "working" else None

    async def get(self, ctx: ServerRequestContext[House, Any], task_id: str) -> Shown:
        """Return a task; one that has ended with what check_status says of it, as the tool that made it says things."""
        try:
            studio = await ctx.lifespan_context.studio()
            answer = await CHECK_STATUS.run(studio, CheckStatus.model_validate({"task_id": task_id}), _nobody)
        except UnknownTask:
            raise not_there() from None
        except KlingError as error:
            raise MCPError(INTERNAL_ERROR, f"[{error.code}] {error.sentence()}") from None
        assert isinstance(answer.facts, TasksFacts)
        (facts,) = answer.facts.tasks
        shown = self._shown(facts.task_id, facts.status, facts.created, facts.updated, facts.eta_seconds)
        return replace(shown, found={"result": _result(facts)}) if shown.status == "completed" else shown

    async def answer(self, ctx: ServerRequestContext[House, Any], task_id: str, answers: Mapping[str, Any]) -> None:
        """Take nothing: what the person has to say is asked before a task begins."""
        await self.get(ctx, task_id)

    async def cancel(self, ctx: ServerRequestContext[House, Any], task_id: str) -> None:
        """Take a task back where that is possible; where not, it goes on, and says so from then on."""
        try:
            studio = await ctx.lifespan_context.studio()
            answer = await CANCEL_TASK.run(studio, CancelTask.model_validate({"task_id": task_id}), _nobody)
        except UnknownTask:
            raise not_there() from None
        except KlingError as error:
            raise MCPError(INTERNAL_ERROR, f"[{error.code}] {error.sentence()}") from None
        assert isinstance(answer.facts, TaskFacts)
        self._unwanted[task_id] = answer.facts.notes[0]
        if len(self._unwanted) > MOST_UNWANTED:
            self._unwanted.popitem(last=False)

    def _shown(self, task_id: str, status: str, created: str, updated: str, eta: int | None) -> Shown:
        about = f", about {eta} s left" if eta is not None else ""
        return Shown(
            task_id=task_id,
            status=_STANDING.get(status, "working"),
            created=created,
            updated=updated,
            poll=min(max((eta or 0) * 100, SOONEST), LATEST),
            message=self._unwanted.get(task_id) or f"{status}{about}",
        )


#: `failed` is for calls that broke: a task that failed has an answer, which says why and what was spent.
_STANDING: Mapping[str, Standing] = {"succeeded": "completed", "failed": "completed", "cancelled": "cancelled"}


def _result(facts: TaskFacts) -> dict[str, Any]:
    answer = reply(Answer(facts), images=False).model_copy(update={"is_error": facts.status == "failed"})
    result: dict[str, Any] = answer.model_dump(by_alias=True, mode="json", exclude_none=True)
    return result


async def _nobody(done: float, total: float | None, message: str) -> None:
    """Take progress that nobody asked for."""

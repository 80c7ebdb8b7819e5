"""Fixtures that take several rounds: calls that end with a question, and jobs that outlast their call."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import require_client_extension
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    CreateMessageResult,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
)
from tests.conformance.content import NAME, Answer, Ctx, form, said, sampled
from tests.conformance.jobs import BEGUN, Job, Jobs, Work

from kling_mcp.tasks import ID, takes_tasks


def asked(ctx: Ctx, state: str | None = None, **questions: InputRequest) -> InputRequiredResult | None:
    """Return the questions that are still open; nothing once all are answered."""
    given = ctx.input_responses or {}
    kinds = {"elicitation/create": ElicitResult, "sampling/createMessage": CreateMessageResult}
    still = {
        key: question
        for key, question in questions.items()
        if key not in given or not isinstance(given[key], kinds.get(question.method, object))
    }
    return InputRequiredResult(input_requests=questions, request_state=state) if still else None


def told(ctx: Ctx) -> str:
    """Return the client's answers as text."""
    given = {key: one.model_dump(mode="json") for key, one in (ctx.input_responses or {}).items()}
    return json.dumps(given)


def add_returned(server: MCPServer[Any]) -> None:
    """Add what ends the call with a question: the protocol without sessions."""

    def add(name: str, questions: Callable[[Ctx], dict[str, InputRequest]], state: str | None = None) -> None:
        async def run(ctx: Ctx) -> Answer:
            answer = asked(ctx, state, **questions(ctx))
            seal = "state-ok " if state and ctx.request_state == state else ""
            return answer or said(f"{seal}{told(ctx)}")

        server.add_tool(run, name=name, description=f"Test: {name}", structured_output=False)

    def able(ctx: Ctx) -> dict[str, InputRequest]:
        caps = ctx.client_capabilities
        both: dict[str, InputRequest] = {}
        if caps and caps.elicitation is not None:
            both["user_name"] = NAME
        if caps and caps.sampling is not None:
            both["greeting"] = sampled("Generate a greeting", 50)
        return both

    capital, greeting = sampled("What is the capital of France?", 100), sampled("Generate a greeting", 50)
    confirm = form("Please confirm", ok={"type": "boolean"})
    roots = ListRootsRequest()
    prefix = "test_input_required_result"
    add(f"{prefix}_elicitation", lambda ctx: {"user_name": NAME})
    add("test_streaming_elicitation", lambda ctx: {"user_name": NAME})
    add(f"{prefix}_sampling", lambda ctx: {"capital_question": capital})
    add(f"{prefix}_list_roots", lambda ctx: {"client_roots": roots})
    add(f"{prefix}_request_state", lambda ctx: {"confirm": confirm}, "sealed")
    add(f"{prefix}_tampered_state", lambda ctx: {"confirm": confirm}, "sealed")
    add(
        f"{prefix}_multiple_inputs",
        lambda ctx: {"user_name": NAME, "greeting": greeting, "client_roots": roots},
        "sealed",
    )
    add(f"{prefix}_capabilities", able)

    @server.tool(description="Test: two rounds", structured_output=False)
    async def test_input_required_result_multi_round(ctx: Ctx) -> Answer:
        first = form("Step 1: What is your name?", name={"type": "string"})
        second = form("Step 2: What is your favorite color?", color={"type": "string"})
        if ctx.request_state == "second":
            return asked(ctx, "second", step2=second) or said(told(ctx))
        if ctx.request_state == "first" and not asked(ctx, step1=first):
            return InputRequiredResult(input_requests={"step2": second}, request_state="second")
        return InputRequiredResult(input_requests={"step1": first}, request_state="first")

    @server.tool(description="Test: needs what the client does not declare", structured_output=False)
    async def test_missing_capability(ctx: Ctx) -> CallToolResult:
        if not ctx.client_capabilities or ctx.client_capabilities.sampling is None:
            wanted = {"requiredCapabilities": {"sampling": {}}}
            raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "It needs sampling.", wanted)
        return said("fine")


async def begun(jobs: Jobs, ctx: Ctx, work: Work, *, required: bool = False) -> CallToolResult:
    """Begin a job, and wait for its end where the client takes no tasks; refuse it then where that is `required`."""
    if required:
        require_client_extension(ctx.request_context, ID)
    job = jobs.begin(work)
    if takes_tasks(ctx.request_context):
        return CallToolResult(content=[], _meta={BEGUN: job.id})
    await job.over.wait()
    return CallToolResult.model_validate(job.found["result"])


def add_jobs(server: MCPServer[Any], jobs: Jobs) -> None:
    """Add what takes a while."""

    @server.tool(description="Test: at once", structured_output=False)
    def greet(name: str) -> CallToolResult:
        return said(f"Hello, {name}!")

    @server.tool(description="Test: takes its time", structured_output=False)
    async def slow_compute(ctx: Ctx, seconds: float = 1, label: str = "") -> CallToolResult:
        async def work(job: Job) -> str:
            await anyio.sleep(seconds)
            return f"computed {label}"

        return await begun(jobs, ctx, work) if seconds else said(f"computed {label}")

    @server.tool(description="Test: fails", structured_output=False)
    async def failing_job(ctx: Ctx) -> CallToolResult:
        async def work(job: Job) -> str:
            await anyio.sleep(0.5)
            raise ToolError("It failed, as it should.")

        return await begun(jobs, ctx, work, required=True)

    @server.tool(description="Test: breaks", structured_output=False)
    async def protocol_error_job(ctx: Ctx) -> CallToolResult:
        async def work(job: Job) -> str:
            raise RuntimeError("It broke, as it should.")

        return await begun(jobs, ctx, work)


def add_asking_jobs(server: MCPServer[Any], jobs: Jobs) -> None:
    """Add what asks for something on the way or before."""

    @server.tool(description="Test: asks on the way", structured_output=False)
    async def confirm_delete(ctx: Ctx, filename: str = "") -> CallToolResult:
        async def work(job: Job) -> str:
            return json.dumps(await job.ask(confirm=form(f"Delete {filename}?", confirm={"type": "boolean"})))

        return await begun(jobs, ctx, work)

    @server.tool(description="Test: asks two things on the way", structured_output=False)
    async def multi_input(ctx: Ctx) -> CallToolResult:
        async def work(job: Job) -> str:
            return json.dumps(await job.ask(first=NAME, second=form("And yours?", name={"type": "string"})))

        return await begun(jobs, ctx, work)

    @server.tool(description="Test: asks first, then takes its time", structured_output=False)
    async def test_tool_with_task(ctx: Ctx) -> Answer:
        if question := asked(ctx, "sealed", user_name=NAME):
            return question
        name = told(ctx)

        async def work(job: Job) -> str:
            return f"made for {name}"

        return await begun(jobs, ctx, work, required=True)

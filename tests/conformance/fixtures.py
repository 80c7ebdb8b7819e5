"""The tools, resources and prompts that the protocol's own test suite calls by name, beside ours on one server."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Callable
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, require_client_extension
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    ContentBlock,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    SetLevelRequestParams,
    TextContent,
    TextResourceContents,
)
from PIL import Image
from tests.conformance.jobs import BEGUN, Job, Jobs, Work

from kling_mcp.shim import answer_also
from kling_mcp.tasks import ID, takes_tasks

Ctx = Context[Any, Any]
Answer = CallToolResult | InputRequiredResult

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
DEFAULTS = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
ENUMS = {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {"type": "string", "oneOf": [{"const": f"value{n}", "title": f"Option {n}"} for n in (1, 2, 3)]},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
    "titledMulti": {
        "type": "array",
        "items": {"anyOf": [{"const": f"value{n}", "title": f"Choice {n}"} for n in (1, 2, 3)]},
    },
}


def png() -> str:
    """Return a picture of one pixel."""
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def wav() -> str:
    """Return a sound of no length to speak of."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\0")
    return base64.b64encode(buffer.getvalue()).decode()


def picture() -> ImageContent:
    """Return a picture as content."""
    return ImageContent(type="image", data=png(), mime_type="image/png")


def words(text: str) -> TextContent:
    """Return words as content."""
    return TextContent(type="text", text=text)


def embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    """Return a resource as content."""
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


def said(*content: ContentBlock | str) -> CallToolResult:
    """Return an answer."""
    return CallToolResult(content=[words(one) if isinstance(one, str) else one for one in content])


def form(message: str, **properties: Any) -> ElicitRequest:
    """Return a question with these fields, all of them required."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampled(text: str, most: int) -> CreateMessageRequest:
    """Return a question to the client's model."""
    message = SamplingMessage(role="user", content=words(text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=most))


NAME = form("What is your name?", name={"type": "string"})


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


def add_content(server: MCPServer[Any]) -> None:
    """Add what returns content, reports or fails."""

    def add(name: str, answer: Callable[[], CallToolResult]) -> None:
        server.add_tool(lambda: answer(), name=name, description=f"Test: {name}", structured_output=False)

    mixed = embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
    add("test_simple_text", lambda: said("This is a simple text response for testing."))
    add("test_image_content", lambda: said(picture()))
    add("test_audio_content", lambda: said(AudioContent(type="audio", data=wav(), mime_type="audio/wav")))
    add(
        "test_embedded_resource",
        lambda: said(embedded("test://embedded-resource", "This is an embedded resource content.")),
    )
    add("test_multiple_content_types", lambda: said("Multiple content types test:", picture(), mixed))

    @server.tool(description="Test: an error", structured_output=False)
    def test_error_handling() -> CallToolResult:
        raise ToolError("This tool intentionally returns an error for testing")

    @server.tool(description="Test: log lines", structured_output=False)
    async def test_tool_with_logging(ctx: Ctx) -> CallToolResult:
        return await logged(ctx)

    @server.tool(description="Test: log lines nobody asked for", structured_output=False)
    async def test_logging_tool(ctx: Ctx) -> CallToolResult:
        return await logged(ctx)

    async def logged(ctx: Ctx) -> CallToolResult:
        for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await ctx.info(line)
            await anyio.sleep(0.05)
        return said("logged")

    @server.tool(description="Test: progress", structured_output=False)
    async def test_tool_with_progress(ctx: Ctx) -> CallToolResult:
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100)
            await anyio.sleep(0.05)
        return said("done")

    @server.tool(description="Test: a schema with everything", structured_output=False)
    def json_schema_2020_12_tool() -> CallToolResult:
        return said("fine")

    tool = server._tool_manager.get_tool("json_schema_2020_12_tool")
    assert tool is not None
    tool.parameters = SCHEMA

    @server.tool(description="Test: the stream is closed under the call", structured_output=False)
    async def test_reconnection(ctx: Ctx) -> CallToolResult:
        await ctx.close_sse_stream()
        await anyio.sleep(0.2)
        return said("Reconnection test completed")

    @server.tool(description="Test: other tools", structured_output=False)
    async def test_trigger_tool_change(ctx: Ctx) -> CallToolResult:
        await ctx.notify_tools_changed()
        return said("told")

    @server.tool(description="Test: other prompts", structured_output=False)
    async def test_trigger_prompt_change(ctx: Ctx) -> CallToolResult:
        await ctx.notify_prompts_changed()
        return said("told")


def add_pushed(server: MCPServer[Any]) -> None:
    """Add what asks the client while the call waits: the protocol with sessions."""

    async def push(ctx: Ctx, message: str, properties: dict[str, Any]) -> CallToolResult:
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        answer = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_context.request_id)
        return said(f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content)}")

    @server.tool(description="Test: ask the client's model", structured_output=False)
    async def test_sampling(prompt: str, ctx: Ctx) -> CallToolResult:
        message = SamplingMessage(role="user", content=words(prompt))
        answer = await ctx.session.create_message(
            [message], max_tokens=100, related_request_id=ctx.request_context.request_id
        )
        return said(f"LLM response: {answer.content}")

    @server.tool(description="Test: ask the person", structured_output=False)
    async def test_elicitation(message: str, ctx: Ctx) -> CallToolResult:
        return await push(ctx, message, {"username": {"type": "string"}, "email": {"type": "string"}})

    @server.tool(description="Test: ask with defaults", structured_output=False)
    async def test_elicitation_sep1034_defaults(ctx: Ctx) -> CallToolResult:
        return await push(ctx, "About you", DEFAULTS)

    @server.tool(description="Test: ask with choices", structured_output=False)
    async def test_elicitation_sep1330_enums(ctx: Ctx) -> CallToolResult:
        return await push(ctx, "Choose", ENUMS)


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


def add_jobs(server: MCPServer[Any], jobs: Jobs) -> None:
    """Add what takes a while."""

    async def begin(ctx: Ctx, work: Work, *, required: bool = False) -> CallToolResult:
        if required:
            require_client_extension(ctx.request_context, ID)
        job = jobs.begin(work)
        if takes_tasks(ctx.request_context):
            return CallToolResult(content=[], _meta={BEGUN: job.id})
        await job.over.wait()
        return CallToolResult.model_validate(job.found["result"])

    @server.tool(description="Test: at once", structured_output=False)
    def greet(name: str) -> CallToolResult:
        return said(f"Hello, {name}!")

    @server.tool(description="Test: takes its time", structured_output=False)
    async def slow_compute(ctx: Ctx, seconds: float = 1, label: str = "") -> CallToolResult:
        async def work(job: Job) -> str:
            await anyio.sleep(seconds)
            return f"computed {label}"

        return await begin(ctx, work) if seconds else said(f"computed {label}")

    @server.tool(description="Test: fails", structured_output=False)
    async def failing_job(ctx: Ctx) -> CallToolResult:
        async def work(job: Job) -> str:
            await anyio.sleep(0.5)
            raise ToolError("It failed, as it should.")

        return await begin(ctx, work, required=True)

    @server.tool(description="Test: breaks", structured_output=False)
    async def protocol_error_job(ctx: Ctx) -> CallToolResult:
        async def work(job: Job) -> str:
            raise RuntimeError("It broke, as it should.")

        return await begin(ctx, work)

    @server.tool(description="Test: asks on the way", structured_output=False)
    async def confirm_delete(ctx: Ctx, filename: str = "") -> CallToolResult:
        async def work(job: Job) -> str:
            return json.dumps(await job.ask(confirm=form(f"Delete {filename}?", confirm={"type": "boolean"})))

        return await begin(ctx, work)

    @server.tool(description="Test: asks two things on the way", structured_output=False)
    async def multi_input(ctx: Ctx) -> CallToolResult:
        async def work(job: Job) -> str:
            return json.dumps(await job.ask(first=NAME, second=form("And yours?", name={"type": "string"})))

        return await begin(ctx, work)

    @server.tool(description="Test: asks first, then takes its time", structured_output=False)
    async def test_tool_with_task(ctx: Ctx) -> Answer:
        if question := asked(ctx, "sealed", user_name=NAME):
            return question
        name = told(ctx)

        async def work(job: Job) -> str:
            return f"made for {name}"

        return await begin(ctx, work, required=True)


def add_resources(server: MCPServer[Any]) -> None:
    """Add what can be read."""

    @server.resource("test://static-text", description="Test: words", mime_type="text/plain")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", description="Test: bytes", mime_type="image/png")
    def static_binary() -> bytes:
        return base64.b64decode(png())

    @server.resource("test://watched-resource", description="Test: watched", mime_type="text/plain")
    def watched() -> str:
        return "Watched."

    @server.resource("test://template/{id}/data", description="Test: by name", mime_type="application/json")
    def template(id: str) -> str:
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def add_prompts(server: MCPServer[Any]) -> None:
    """Add what a person picks."""

    @server.prompt(description="Test: plain")
    def test_simple_prompt() -> list[UserMessage]:
        return [UserMessage("This is a simple prompt for testing.")]

    @server.prompt(description="Test: with arguments")
    def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
        return [UserMessage(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")]

    @server.prompt(description="Test: with a resource")
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
        resource = embedded(resourceUri, "Embedded resource content for testing.")
        return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]

    @server.prompt(description="Test: with a picture")
    def test_prompt_with_image() -> list[UserMessage]:
        return [UserMessage(picture()), UserMessage("Please analyze the image above.")]

    @server.prompt(description="Test: asks first")
    def test_input_required_result_prompt(ctx: Ctx) -> list[UserMessage] | InputRequiredResult:
        question = form("What context should the prompt use?", context={"type": "string"})
        return asked(ctx, user_context=question) or [UserMessage(told(ctx))]


def add_levels(server: MCPServer[Any]) -> None:
    """Let the older protocol set how much is logged."""

    async def set_level(ctx: Any, params: SetLevelRequestParams) -> EmptyResult:
        return EmptyResult()

    answer_also(server, "logging/setLevel", SetLevelRequestParams, set_level)


def add_fixtures(server: MCPServer[Any], jobs: Jobs) -> None:
    """Add all of it."""
    for add in (add_content, add_pushed, add_returned, add_resources, add_prompts, add_levels):
        add(server)
    add_jobs(server, jobs)

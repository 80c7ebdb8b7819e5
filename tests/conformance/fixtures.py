"""The tools, resources and prompts that the protocol's own test suite calls by name, beside ours on one server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Annotated, Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.types import (
    AudioContent,
    CallToolResult,
    EmptyResult,
    InputRequiredResult,
    SamplingMessage,
    SetLevelRequestParams,
)
from pydantic import Field
from tests.conformance.content import Ctx, embedded, form, picture, png, said, wav, words
from tests.conformance.jobs import Jobs
from tests.conformance.rounds import add_asking_jobs, add_jobs, add_returned, asked, told

from kling_mcp.shim import answer_also

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

    @server.tool(description="Test: a schema with everything", structured_output=False)
    def json_schema_2020_12_tool() -> CallToolResult:
        return said("fine")

    tool = server._tool_manager.get_tool("json_schema_2020_12_tool")
    assert tool is not None
    tool.parameters = SCHEMA

    @server.tool(description="Test: an argument that goes into a header too", structured_output=False)
    def test_mirrored(label: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Label"})]) -> CallToolResult:
        return said(label)

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


def add_reports(server: MCPServer[Any]) -> None:
    """Add what tells something on the way."""

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
    for add in (add_content, add_reports, add_pushed, add_returned, add_resources, add_prompts, add_levels):
        add(server)
    for add_some in (add_jobs, add_asking_jobs):
        add_some(server, jobs)

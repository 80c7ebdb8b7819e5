"""Operations as MCP tools: the list, the call, and the one boundary where errors are turned into words for agents.

A tool here is exactly an `Operation`: no function signature is invented for the SDK to guess a schema from, and
arguments nobody defined are refused instead of dropped. The lowest room of the face; it needs a way to open a studio,
never the settings' meaning.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server import MCPServer
from mcp.server.caching import CacheHint
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.types import (
    CallToolResult,
    GetPromptResult,
    InputRequiredResult,
    Prompt,
    Resource,
    ResourceTemplate,
    Tool,
    ToolAnnotations,
)
from pydantic import AnyUrl

from kling_mcp.asking import asked
from kling_mcp.gallery.offer import opens
from kling_mcp.house import House, OpenStudio
from kling_mcp.lists import Lists
from kling_mcp.logs import incident
from kling_mcp.notices import Notices
from kling_mcp.replies import failure, refusal, reply
from kling_mcp.resources import SCHEME, Shelf
from kling_mcp.schemas import Schema, input_schema, output_schemas
from kling_mcp.shim import ResourceContents, tells_of_changes
from kling_tools.model.errors import KlingError, UnknownTask, quoted
from kling_tools.model.spelling import alike
from kling_tools.operations.operation import Operation

if TYPE_CHECKING:
    from kling_tools.studio import Studio

log = logging.getLogger(__name__)

#: After this long without a call the studio opens by itself. Hosts have the list of tools by then.
IDLE_SECONDS = 0.5

#: What a client may keep for itself, and share: these change with the version and the settings of a process only.
_LASTING = CacheHint(ttl_ms=300_000, scope="public")


def tools_of(operations: Iterable[Operation[Any]]) -> Mapping[str, Tool]:
    """Return operations as hosts list them, with every hint set, by name."""
    return _tools_of(tuple(operations))


@lru_cache  # nothing of it changes, and a process may have several servers
def _tools_of(listed: tuple[Operation[Any], ...]) -> Mapping[str, Tool]:
    answers = output_schemas(operation.facts for operation in listed)
    return MappingProxyType({operation.name: _tool(operation, answers[operation.facts]) for operation in listed})


def _tool(operation: Operation[Any], answer: Schema) -> Tool:
    reads = operation.effect == "reads"
    # A read that can wait looks at Kling; every other one looks at this machine.
    waits = "wait_seconds" in operation.request.model_fields
    asks_kling = not reads or waits or operation.asks_provider
    return Tool(
        name=operation.name,
        title=operation.title,
        description=operation.description,
        input_schema=input_schema(operation.request),
        output_schema=answer,
        annotations=ToolAnnotations(
            title=operation.title,
            read_only_hint=reads,
            destructive_hint=operation.destroys,
            idempotent_hint=reads,
            open_world_hint=asks_kling,
        ),
        _meta=opens(operation.facts),
    )


class OperationServer(MCPServer[House]):
    """An MCP server of operations and a shelf of resources. `images` says whether answers may carry pictures.

    `withheld` names the tools that the person's settings keep back; `closed` is set when the last studio was closed.
    """

    def __init__(
        self,
        *args: Any,
        operations: Sequence[Operation[Any]],
        open_studio: OpenStudio,
        shelf: Shelf | None = None,
        images: bool = True,
        withheld: Sequence[str] = (),
        idle: float = IDLE_SECONDS,
        **kwargs: Any,
    ) -> None:
        self.notices = Notices()
        super().__init__(
            *args,
            lifespan=self._open,
            subscriptions=self.notices.bus,
            middleware=[tells_of_changes],
            cache_hints=dict.fromkeys(("tools/list", "prompts/list", "resources/templates/list"), _LASTING),
            **kwargs,
        )
        self.closed: anyio.Event | None = None
        self._operations = {operation.name: operation for operation in operations}
        self._withheld = frozenset(withheld) - set(self._operations)
        self._open_studio = open_studio
        self._idle = idle
        self._shelf = shelf
        self._images = images
        Lists(self, shelf, self.notices).attach()

    @cached_property
    def _tools(self) -> Mapping[str, Tool]:
        return tools_of(self._operations.values())

    async def list_tools(self) -> list[Tool]:
        """List the operations, whose schemas are computed once, and what extensions bring."""
        return [*self._tools.values(), *await super().list_tools()]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[House, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Run an operation. Whatever happens, the agent gets words of ours; cancelling only ends our waiting."""
        operation = self._operations.get(name)
        if operation is None and any(tool.name == name for tool in await super().list_tools()):
            return await super().call_tool(name, arguments, context)
        if operation is None:
            return failure("unknown_tool", self._unknown(name))
        try:
            if context is None:
                raise RuntimeError("a tool can only be called within a session")
            log.debug("request %s: %s %s", context.request_id, name, arguments)
            request = operation.parse(given(arguments, self._tools[name].input_schema["properties"]))
            studio = await context.request_context.lifespan_context.studio()
            progress = Progress(context.report_progress)
            answer = await asked(context, request, lambda agreed: operation.run(studio, agreed, progress))
            if isinstance(answer, InputRequiredResult):
                return answer
            named = getattr(answer.facts, "task_id", "")
            log.info("request %s: %s %s", context.request_id, name, f"task {named}" if named else "answered")
            return reply(answer, images=self._images)
        except KlingError as error:
            log.info("request %s: %s %s", context.request_id if context else "", name, error.code)
            return refusal(error)
        except Exception as error:
            return failure("internal_error", fault_sentence(incident(log, f"tool {name}", error), operation))

    async def list_resources(self) -> list[Resource]:
        """List what stands on the shelf, and what extensions offer; the tasks join where a session asks."""
        return [*(self._shelf.resources if self._shelf else []), *await super().list_resources()]

    async def list_prompts(self) -> list[Prompt]:
        """List what a person may pick."""
        from kling_mcp.prompts import FORMS  # asked for by few hosts, and not before the tools

        return [*await super().list_prompts(), *(form.listed() for form in FORMS)]

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[House, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Return a prompt with what the person filled in."""
        if any(other.name == name for other in await super().list_prompts()):
            return await super().get_prompt(name, arguments, context)
        from kling_mcp.prompts import prompt

        return prompt(name, {key: str(value) for key, value in (arguments or {}).items()})

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """List the addresses that take a name."""
        return [*(self._shelf.templates if self._shelf else []), *await super().list_resource_templates()]

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[House, Any] | None = None
    ) -> Iterable[ResourceContents] | InputRequiredResult:
        """Read one resource; the same boundary as for tools, in the protocol's errors."""
        address = str(uri)
        if not address.startswith(SCHEME):
            return await super().read_resource(uri, context)
        try:
            if context is None or self._shelf is None:
                raise ResourceNotFoundError(f"There is no resource {quoted(address, 120)}.")
            mime_type, content = await self._shelf.read(address, context.request_context.lifespan_context.studio)
            return [ResourceContents(content=content, mime_type=mime_type)]
        except ResourceError:
            raise
        except UnknownTask as error:
            raise ResourceNotFoundError(error.message) from None
        except KlingError as error:
            raise ResourceError(f"[{error.code}] {error.sentence()}") from None
        except Exception as error:
            name = incident(log, f"resource {quoted(address, 120)}", error)
            raise ResourceError(f"This is a fault of the server; its log has more under incident {name}.") from None

    def _unknown(self, name: str) -> str:
        if name in self._withheld:
            return f"{name} is turned off by KLING_TOOLSETS or KLING_READ_ONLY. Nothing was spent."
        meant = alike(name, self._operations, cutoff=0.7)
        offered = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(self._operations)}."
        return f"There is no tool {quoted(name, 64)}; {offered} Nothing was spent."

    @asynccontextmanager
    async def _open(self, _: MCPServer[House]) -> AsyncIterator[House]:
        self.closed = closed = anyio.Event()
        house = House(self._listen)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(house.keep, self._open_studio, self._idle)
                self.notices.enter()
                tasks.start_soon(self.notices.keep_telling)
                try:
                    yield house
                finally:
                    house.leave()
                    self.notices.leave()
        finally:
            closed.set()

    def _listen(self, studio: Studio) -> None:
        self.notices.begin(studio.clock.now())
        studio.listen(self.notices.hear)


def fault_sentence(incident_id: str, operation: Operation[Any]) -> str:
    """Return what an agent is told about a fault of ours, which is nothing of its inside."""
    if operation.effect == "reads":
        spending = "Nothing was spent."
    else:
        spending = "Whether anything was spent is not known; list_tasks shows it. Look there before trying again."
    return f"This is a fault of the server; its log has more under incident {incident_id}. {spending}"


def given(arguments: dict[str, Any], known: Schema) -> dict[str, Any]:
    """Return the arguments as meant: hosts send null for what is left out, and objects as strings of JSON."""
    return {
        name: _unpacked(value, known.get(name, {}))
        for name, value in arguments.items()
        if value is not None or name not in known
    }


def _unpacked(value: Any, schema: Schema) -> Any:
    if not isinstance(value, str) or schema.get("type") not in {"object", "array"}:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


class Progress:
    """Passes progress on to the client: only rising, at most once in `every` seconds, and never at a call's expense."""

    def __init__(
        self,
        send: Callable[[float, float | None, str | None], Any],
        *,
        every: float = 1.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send, self._every, self._now = send, every, now
        self._done, self._at = -1.0, float("-inf")

    async def __call__(self, done: float, total: float | None, message: str) -> None:
        """Tell how far it is, unless that is no news."""
        if done <= self._done or self._now() - self._at < self._every:
            return
        self._done, self._at = done, self._now()
        try:
            await self._send(done, total, message)
        except Exception:  # the client is gone; the work is not
            log.debug("progress could not be sent", exc_info=True)

"""Every touch on names of the SDK that its version promise does not cover, and on what its stdio server leaves open.

One file, so that an upgrade of the SDK has one place to look at.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import anyio
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

# The public `read_resource` is annotated with this class, but it is not exported.
from mcp.server.lowlevel.helper_types import ReadResourceContents as ResourceContents
from mcp.types.version import is_version_at_least
from pydantic import BaseModel

if TYPE_CHECKING:
    from mcp.server.connection import Connection

log = logging.getLogger(__name__)

__all__ = ["Line", "ResourceContents", "answer_also", "is_modern", "line_of", "serve_stdio", "tells_of_changes"]

P = TypeVar("P", bound=BaseModel)

#: The revision that ended sessions: no handshake, and no requests from the server.
STATELESS = "2026-07-28"

#: How long a studio may take to close after a signal. The journal does not need it; a download in flight likes it.
GRACE = 1.5


def is_modern(version: str | None) -> bool:
    """Whether a request came in a protocol without sessions."""
    return version is not None and is_version_at_least(version, STATELESS)


def answer_also(
    server: MCPServer[Any],
    method: str,
    params: type[P],
    handler: Callable[[ServerRequestContext[Any, Any], P], Awaitable[HandlerResult]],
) -> None:
    """Have a server answer one of the protocol's methods by this, which its own class cannot or does not."""
    server._lowlevel_server.add_request_handler(method, params, handler)


async def tells_of_changes(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Have the handshake say that changes are told: the SDK says so by itself only where there is no handshake."""
    result = await call_next(ctx)
    if ctx.method != "initialize":
        return result
    told = dict(result) if isinstance(result, Mapping) else _plain(result)
    capabilities = dict(told["capabilities"])
    capabilities["resources"] = {**capabilities.get("resources", {}), "subscribe": True, "listChanged": True}
    return {**told, "capabilities": capabilities}


def _plain(result: Any) -> dict[str, Any]:
    plain: dict[str, Any] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return plain


@dataclass(frozen=True)
class Line:
    """A client's own connection, as long as it lives; two are equal where they are the same."""

    connection: Connection

    def at_end(self, forget: Callable[[], None]) -> None:
        """Call this when the connection is over."""
        self.connection.exit_stack.callback(forget)

    async def updated(self, uri: str) -> None:
        """Tell that a resource reads otherwise; nothing where nobody takes it."""
        await self.connection.send_resource_updated(uri)

    async def list_changed(self) -> None:
        """Tell that there are other resources; nothing where nobody takes it."""
        await self.connection.send_resource_list_changed()


def line_of(ctx: ServerRequestContext[Any, Any]) -> Line:
    """Return the connection that a request came by."""
    return Line(ctx.session._connection)


class Served(Protocol):
    """A server that can be run and tells when its studio has closed."""

    closed: anyio.Event | None

    async def run_stdio_async(self) -> None:
        """Serve until stdin closes."""
        ...


async def serve_stdio(server: Served) -> None:
    """Serve on stdin and stdout until the host closes stdin or a signal says stop.

    The SDK reads stdin in a thread that nothing can interrupt: SIGINT would wait for the host, and SIGTERM would end
    the process between two statements. So the server is cancelled, its studio closes, and the process leaves without
    the thread.
    """
    async with anyio.create_task_group() as watch:
        serving = anyio.CancelScope()
        watch.start_soon(_leave_on_signal, server, serving)
        with serving:
            try:
                await server.run_stdio_async()
            except* OSError:  # the host closed its end; there is nobody left to tell
                log.info("the host does not read any more")
        watch.cancel_scope.cancel()


async def _leave_on_signal(server: Served, serving: anyio.CancelScope) -> None:
    try:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                serving.cancel()
                if server.closed is not None:
                    with anyio.move_on_after(GRACE):
                        await server.closed.wait()
                _leave()
    except NotImplementedError:  # Windows: its event loop takes no signal handlers
        signal.signal(signal.SIGINT, lambda *_: _leave())


def _leave() -> None:
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)

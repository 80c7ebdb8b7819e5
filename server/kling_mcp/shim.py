"""Every touch on names of the SDK that its version promise does not cover, and on what its stdio server leaves open.

One file, so that an upgrade of the SDK has one place to look at.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Protocol

import anyio

# The public `read_resource` is annotated with this class, but it is not exported.
from mcp.server.lowlevel.helper_types import ReadResourceContents as ResourceContents
from mcp.types.version import is_version_at_least

log = logging.getLogger(__name__)

__all__ = ["ResourceContents", "is_modern", "serve_stdio"]

#: The revision that ended sessions: no handshake, and no requests from the server.
STATELESS = "2026-07-28"

#: How long a studio may take to close after a signal. The journal does not need it; a download in flight likes it.
GRACE = 1.5


def is_modern(version: str | None) -> bool:
    """Whether a request came in a protocol without sessions."""
    return version is not None and is_version_at_least(version, STATELESS)


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

"""The ways a host reaches a server: a process over pipes, or an address; each in both protocol eras."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import pytest
import uvicorn
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.server import MCPServer
from tests.server.acting import Era, settings_in
from tests.server.messages import Raw

from kling_mcp.app import build_server

ROOT = Path(__file__).resolve().parents[2]
#: Bounds what a test waits for; a machine that is shared is slow.
PATIENCE = 60.0

#: How much faster the simulated Kling is: fast, and slow enough to be watched.
SPEED = 300.0

Wire = Literal["stdio", "http"]
every_wire = pytest.mark.parametrize("wire", ["stdio", "http"])


class _Quiet(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the tests."""
        yield


@asynccontextmanager
async def served(server: MCPServer[Any]) -> AsyncIterator[str]:
    """Serve over HTTP on a free port; yield the address."""
    config = uvicorn.Config(
        server.streamable_http_app(), port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    web = _Quiet(config)
    serving = asyncio.create_task(web.serve())
    try:
        async with asyncio.timeout(PATIENCE):
            while not web.started:
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{web.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        web.should_exit = True
        with anyio.CancelScope(shield=True):
            await asyncio.wait({serving}, timeout=PATIENCE)


@asynccontextmanager
async def reached(
    wire: Wire, era: Era, folder: Path, heard: Callable[[Any], Awaitable[None]] | None = None
) -> AsyncIterator[Client]:
    """Open a session with a server on the sandbox, whose data are in a folder; `heard` takes what it says unasked."""
    if wire == "http":
        server = build_server(settings_in(folder, sandbox_speed=SPEED))
        async with served(server) as address, Client(address, mode=era, message_handler=heard) as client:
            yield client
        return
    own = {
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("server", "tools")),
        "KLING_DATA_DIR": str(folder / "data"),
        "KLING_OUTPUT_DIR": str(folder / "out"),
        "KLING_SANDBOX_SPEED": str(SPEED),
    }
    process = StdioServerParameters(command=sys.executable, args=["-m", "kling_mcp"], env={**os.environ, **own})
    async with Client(process, mode=era, message_handler=heard) as client:
        yield client


@asynccontextmanager
async def talking(server: MCPServer[Any], era: Era, able: dict[str, Any]) -> AsyncIterator[Raw]:
    """Serve over HTTP and greet, as a client that writes its own messages; `able` is what it says that it can do."""
    with anyio.fail_after(PATIENCE):
        async with served(server) as address, httpx2.AsyncClient(timeout=PATIENCE) as http:
            client = Raw(http, address, era, able)
            await client.greet()
            yield client

"""The sandbox on a port: uvicorn with connections that can really be cut.

`serve` belongs to whoever awaits it: it takes no signals, and it ends when it is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from kling_sandbox.app import create_app
from kling_sandbox.config import SandboxConfig
from kling_sandbox.gate import ConnectionCut

# Connections by the caller's address, so that the app can reach the transport below it.
Transports = dict[tuple[str, int], asyncio.Transport]


async def serve(
    config: SandboxConfig,
    host: str = "127.0.0.1",
    port: int = 9009,
    *,
    on_started: Callable[[str], None] | None = None,
    app: ASGIApp | None = None,
) -> None:
    """Serve until cancelled. Port 0 takes a free one; `on_started` hears the address, such as http://127.0.0.1:9009.

    `app` is one that was made from the configuration already.
    """
    transports: Transports = {}
    settings = uvicorn.Config(
        _Cutting(app or create_app(config), transports),
        http=_protocol(transports),
        ws="none",
        lifespan="off",
        log_config=None,  # the embedding program's logging stays as it is
        access_log=False,
        server_header=False,
        date_header=False,  # the gate writes it, from the sandbox's clock
        timeout_graceful_shutdown=2,
    )
    with _listening(host, port) as listener:
        server = _Server(settings, lambda: on_started(_address(listener)) if on_started else None)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(running)
        finally:
            server.should_exit = True
            with anyio.CancelScope(shield=True):
                await asyncio.wait([running])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            self._tell()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the program around us."""
        yield


class _Cutting:
    """Turn the app's ConnectionCut into a cut TCP connection."""

    def __init__(self, app: ASGIApp, transports: Transports) -> None:
        self._app = app
        self._transports = transports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except ConnectionCut as cut:
            if transport := self._transports.get(tuple(scope["client"])):
                _cut(transport, hard=cut.hard)
            # Wait until uvicorn has noticed, or it would answer 500 for a call that ended without an answer.
            while (await receive())["type"] != "http.disconnect":
                pass


def _cut(transport: asyncio.Transport, *, hard: bool) -> None:
    if not hard:
        transport.close()  # what is buffered still goes out, then the line ends
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # Linger of zero: the kernel sends RST instead of a polite end. Windows has shorts in this struct.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
    transport.abort()


def _protocol(transports: Transports) -> type[H11Protocol]:
    class Protocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if self.client is not None:
                transports[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client is not None:
                transports.pop(self.client, None)
            super().connection_lost(exc)

    return Protocol


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # On Windows this option would let two servers share a port.
        if hasattr(socket, "AF_UNIX"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

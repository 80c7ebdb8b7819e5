"""`kling-mcp serve --http`: the same server on a port, for several callers at once, from the start to a clean end.

Nothing listens beyond this machine before it is settled who may come in: what a stranger buys, the owner pays.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import uvicorn

from kling_mcp.app import build_server
from kling_mcp.logs import log_to_stderr
from kling_mcp.web.app import web_app
from kling_mcp.web.callers import Callers
from kling_mcp.web.limits import MOST_CONNECTIONS, Gate, PatientProtocol
from kling_mcp.web.oauth import OAuth
from kling_tools.client.tokens import AccessTokens
from kling_tools.client.wire import is_loopback
from kling_tools.clock import SystemClock
from kling_tools.settings import Settings

if TYPE_CHECKING:
    from argparse import Namespace

    from kling_tools.studio import Studio

log = logging.getLogger(__name__)

#: How long what is being answered may take once the server stops, and how long all of the end may. Seconds.
GRACE, LAST = 5.0, 20.0
KEEP_ALIVE_SECONDS = 30
#: Files at a time: a connection is one, and so is a result that is fetched.
FILES = 4096


def run(args: Namespace) -> int:
    """Serve until a signal says stop; return the exit status."""
    settings = Settings.from_env()
    log_to_stderr(settings.log_level, settings.secrets)
    if why := refusal(settings, args.host):
        sys.stderr.write(f"kling-mcp: {why}\n")
        return 2
    _have_files()
    try:
        listener = _listening(args.host, args.port)
    except OSError as error:
        where = f"{args.host}:{args.port}: {error.strerror or error}"
        sys.stderr.write(f"kling-mcp: nothing can listen on {where}. Choose another --port.\n")
        return 1
    with listener:
        anyio.run(serve, for_callers(settings), listener)
    return 0


def refusal(settings: Settings, host: str) -> str:
    """Return why nothing is served with these settings; empty where all is well."""
    # What was meant to keep people out and cannot be read must not let everybody in.
    wrong = [p for p in settings.problems if p.startswith(("KLING_HTTP_", "KLING_OAUTH_"))]
    if wrong:
        return " ".join(wrong)
    if settings.http_tokens or settings.oauth_issuer:
        return ""
    # Whoever gave the server a public name has a proxy in front, and what that passes on comes from this machine.
    named = [host, *map(_name_of, (settings.callback_url, *(f"//{name}" for name in settings.http_hosts)))]
    reached = next((name for name in named if name and not is_loopback(name)), "")
    if not reached:
        return ""
    return (
        f"{reached} can be reached from other machines, and everybody there could spend your money. Say who may come "
        "in: set KLING_HTTP_TOKEN, or KLING_OAUTH_ISSUER and KLING_OAUTH_RESOURCE. Or serve on 127.0.0.1 and under no "
        "other name."
    )


def _name_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # no name at all, and so none of this machine's
        return address


def for_callers(settings: Settings) -> Settings:
    """Return the settings for callers elsewhere: nobody's own folders are theirs to read.

    Without names all that come are the owner, who may read the results; with names each has their own, by task id.
    """
    if settings.input_roots is not None:
        return settings
    alone = not settings.oauth_issuer and all(not name for name, _ in settings.http_tokens)
    return replace(settings, input_roots=(settings.output_dir,) if alone else ())


class Opened:
    """The studio of the running server, for what is no call of a tool."""

    def __init__(self) -> None:
        self._studio: Studio | None = None
        self._there = anyio.Event()

    async def studio(self) -> Studio:
        """Return it, once it is open."""
        await self._there.wait()
        assert self._studio is not None
        return self._studio

    @asynccontextmanager
    async def open(self, settings: Settings) -> AsyncIterator[Studio]:
        """Open it, and let everybody know."""
        from kling_tools.studio import Studio

        async with Studio.open(settings) as self._studio:
            self._there.set()
            yield self._studio

    def hurry(self) -> None:
        """End every waiting: each who waits is answered with how things stand."""
        if self._studio is not None:
            self._studio.hurry()


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT; then answer what was asked, and close the studio."""
    opened = Opened()
    server = build_server(settings, open_studio=lambda: opened.open(settings))
    gate = Gate(web_app(server, opened, settings, _verifier(settings)))
    config = uvicorn.Config(
        gate,
        http=PatientProtocol,
        ws="none",
        log_config=None,  # our own cleans what it writes
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here depends on an address that somebody else tells
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(GRACE) + 2,
    )
    running = _Server(config, lambda: _tell(settings, listener))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_leave_on_signal, running, gate, opened)
        await running.serve(sockets=[listener])
        tasks.cancel_scope.cancel()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            self._started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to us: uvicorn would send itself the same one again, and end by it."""
        yield


async def _leave_on_signal(server: uvicorn.Server, gate: Gate, opened: Opened) -> None:
    try:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                break
    except NotImplementedError:  # Windows: its event loop takes no signal handlers
        return
    # A thread that hangs must not keep the process: the journal needs no farewell.
    signal.signal(signal.SIGALRM, lambda *_: _leave())
    signal.setitimer(signal.ITIMER_REAL, LAST)
    opened.hurry()
    await gate.close(GRACE)
    server.should_exit = True


def _leave() -> None:
    log.error("the end took too long")
    logging.shutdown()
    os._exit(0)


def _verifier(settings: Settings) -> Callers | None:
    oauth = None
    if settings.oauth_issuer:
        oauth = OAuth(AccessTokens(settings.oauth_issuer, settings.oauth_resource, SystemClock()))
    return Callers(settings.http_tokens, oauth) if settings.http_tokens or oauth else None


def _tell(settings: Settings, listener: socket.socket) -> None:
    """Say on stderr where it is, for a person and for whoever waits for it."""
    host, port = listener.getsockname()[:2]
    place = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    who = "whoever is on this machine"
    if settings.oauth_issuer or settings.http_tokens:
        names = [name or "the owner" for name, _ in settings.http_tokens]
        who = ", ".join([*names, *([f"those that {settings.oauth_issuer} knows"] if settings.oauth_issuer else [])])
    sys.stderr.write(f"kling-mcp listens on {place}/mcp, for {who}.\n")
    sys.stderr.flush()


def _listening(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        OSError: the port is taken, or the address is not ours.
    """
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind)
    try:
        if os.name == "posix":  # on Windows this option would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _have_files() -> None:
    """Allow as many open files as there may be connections, where the system lets us."""
    try:
        import resource
    except ImportError:  # Windows has no such bound
        return
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))

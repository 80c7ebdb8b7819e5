"""A server on a real loopback port for tests of HTTP, as a person starts it, and ways to talk to it in both eras."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import anyio
import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from tests.forks import CAN_FORK, PATHS, Forked, fork
from tests.server.acting import Era

PATIENCE = 60.0
ANN, BOB = "ann-opens-this-door", "bob-opens-this-door"


@dataclass(frozen=True)
class Served:
    """A running server: where it is, its process, and what it wrote to stderr."""

    url: str
    process: subprocess.Popen[bytes] | Forked
    home: Path

    @property
    def errors(self) -> str:
        """What stands on stderr."""
        return (self.home / "stderr").read_text()

    @asynccontextmanager
    async def session(
        self, token: str, era: Era, heard: Callable[[Any], Awaitable[None]] | None = None
    ) -> AsyncIterator[Client]:
        """Open a session as the caller who has this token; `heard` takes what the server says unasked."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
            with anyio.fail_after(PATIENCE):
                wire = streamable_http_client(f"{self.url}/mcp", http_client=http)
                async with Client(wire, mode=era, message_handler=heard) as client:
                    yield client


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def a_server(home: Path, *, command: bool = False, **env: str) -> Iterator[Served]:
    """Run a server on a free port; whatever a test does with it, it is dead after a while.

    It is forked from a warm parent, unless the `command` itself is to be started.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    places = {"KLING_DATA_DIR": str(home / "data"), "KLING_OUTPUT_DIR": str(home / "out")}
    base = {k: v for k, v in os.environ.items() if not k.startswith("KLING_")}
    base |= {"PYTHONPATH": PATHS}
    whole = {**base, **places, **{name: value.format(url=url) for name, value in env.items()}}
    with (home / "stderr").open("wb") as errors:
        process = (_forked if CAN_FORK and not command else _started)(port, whole, errors)
    served = Served(url, process, home)
    watchdog = threading.Timer(3 * PATIENCE, process.kill)
    watchdog.start()
    try:
        until = time.monotonic() + PATIENCE
        while "listens" not in served.errors:
            assert process.poll() is None, served.errors
            assert time.monotonic() < until, served.errors
            time.sleep(0.05)
        yield served
    finally:
        watchdog.cancel()
        process.kill()
        process.wait(PATIENCE)


def _started(port: int, env: dict[str, str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    nowhere = subprocess.DEVNULL
    words = [sys.executable, "-m", "kling_mcp", *_words(port)]
    return subprocess.Popen(words, stdin=nowhere, stdout=nowhere, stderr=errors, env=env)


def _forked(port: int, env: dict[str, str], errors: IO[bytes]) -> Forked:
    with open(os.devnull, "r+b") as nowhere:
        return fork(_words(port), env, (nowhere.fileno(), nowhere.fileno(), errors.fileno()))


def _words(port: int) -> list[str]:
    return ["serve", "--http", "--port", str(port)]

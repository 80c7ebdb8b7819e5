"""Stand-ins for time and for the network: a clock that is told the time, handlers, and real loopback servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from tests.providers.values import HOST, sample

from kling_tools.providers.kling.legacy import Legacy
from kling_tools.providers.kling.official import Official
from kling_tools.providers.registry import Connection

START = 1_795_000_000.0
KEY = "api-key-kling-secret"
Handler = Callable[[httpx2.Request], httpx2.Response]
Talk = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ToldClock:
    """A clock that stands still until it is told otherwise."""

    time: float = START

    def now(self) -> float:
        """Return the told time."""
        return self.time

    def monotonic(self) -> float:
        """Return the told time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.time += seconds


@dataclass
class Recorded:
    """A network that gives one answer after another and keeps the requests."""

    answers: list[httpx2.Response | Exception]
    requests: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        as_sent = dict(request.headers)  # a renewed token is written into the same request
        self.requests.append(httpx2.Request(request.method, request.url, headers=as_sent, content=request.content))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def transport(self) -> httpx2.MockTransport:
        """The same, for a client."""
        return httpx2.MockTransport(self)


def by_key(base_url: str = HOST) -> Connection:
    """Return a connection with an API key, which opens all of the API."""
    return Connection("kling", Official(), base_url, api_key=KEY)


def by_pair(base_url: str = HOST) -> Connection:
    """Return a connection with a key pair."""
    return Connection("kling", Legacy(pair=True), base_url, access_key="the-access-key", secret_key="short-secret")


def replied(standard: str, name: str, **headers: str) -> httpx2.Response:
    """Return a recorded answer as the network gives it."""
    status, body = sample(standard, name)
    return httpx2.Response(status, json=body, headers=headers)


def enveloped(data: Any, code: int = 0, status: int = 200, **headers: str) -> httpx2.Response:
    """Return an answer with this in its envelope."""
    return httpx2.Response(status, json={"code": code, "message": "", "data": data}, headers=headers)


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[str]:
    """Run a server on a loopback socket that reads one request and then does as it is told; yield its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await talk(head, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def reset(writer: asyncio.StreamWriter) -> None:
    """Cut a connection so that the other side gets a reset."""
    writer.transport.abort()

"""A wire without a network: an ASGI application in this process, answering at its own address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx2

Message = MutableMapping[str, Any]
#: What stands between a client and its provider: a network by default.
Transport = httpx2.AsyncBaseTransport
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


def in_process(make: Callable[[], App]) -> httpx2.AsyncBaseTransport:
    """Return a transport to the application that `make` builds at the first request: start-up pays nothing for it."""
    built: list[App] = []

    async def app(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if not built:
            built.append(make())
        await built[0](scope, receive, send)

    return httpx2.ASGITransport(app=app)

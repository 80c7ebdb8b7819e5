"""What one client may take of a server that others share: time, connections and turns; and how all of it ends.

uvicorn and the SDK bound the size of what comes in. What they leave open stands here: a client that sends or reads a
byte now and then, one that asks without pause, and streams that would never end by themselves.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

#: How long a client may take for the head of a request, and for its body; and how long it may read nothing. Seconds.
HEAD_SECONDS, BODY_SECONDS, READING_SECONDS = 10.0, 30.0, 30.0
#: Connections at a time: a client has up to three.
MOST_CONNECTIONS = 1000
#: What one caller may have open of them: the others have the rest.
MOST_OPEN = MOST_CONNECTIONS // 2
#: A caller may make so many seconds' requests at once.
BURST_SECONDS = 4.0
#: Callers whose turns are counted; one that has asked for nothing for a while has all of them.
MOST_COUNTED = 1000


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with an end to patience: a head that does not come, and an answer that is not read."""

    head_seconds = HEAD_SECONDS
    _late: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head."""
        super().connection_made(transport)
        if len(self.connections) > 2 * MOST_CONNECTIONS:
            transport.abort()
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Take what comes, and wait on for what is still missing of a head."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget both."""
        for timer in (self._late, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give a client that reads nothing a while."""
        super().pause_writing()
        self._unread = self.loop.call_later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _watch_head(self) -> None:
        missing = self.cycle is None or self.cycle.response_complete
        if missing and self._late is None:
            self._late = self.loop.call_later(self.head_seconds, self.transport.abort)
        elif not missing and self._late is not None:
            self._late.cancel()
            self._late = None


class Gate:
    """Stands before everything: bounds how long a body may take, and ends what is open when the server stops."""

    def __init__(self, app: ASGIApp, *, body_seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._body_seconds = body_seconds
        self._open: dict[asyncio.Task[Any], bool] = {}
        self._closing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; one that is cut off when the server stops still gets a proper end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._closing:
            await PlainTextResponse("The server stops.", 503, {"Retry-After": "5"})(scope, receive, send)
            return
        answer = _Answer(send)
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = _is_stream(scope)
        try:
            await self._app(scope, _in_time(receive, answer, self._body_seconds), answer)
        except asyncio.CancelledError:
            if not self._closing:
                raise
            task.uncancel()
        finally:
            del self._open[task]
        await answer.end(scope, receive)

    async def close(self, grace: float) -> None:
        """Let nobody in any more; end streams at once, and what is being answered after `grace` seconds."""
        self._closing = True
        for task, streams in list(self._open.items()):
            if streams:
                task.cancel()
        if self._open:
            await asyncio.wait(list(self._open), timeout=grace)
        for task in list(self._open):
            task.cancel()


class _Answer:
    """Passes an answer on, and knows how far it has come."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = self.ended = self.late = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
        elif message["type"] == "http.response.body":
            self.ended = not message.get("more_body", False)
        await self._send(message)

    async def end(self, scope: Scope, receive: Receive) -> None:
        """Say what is missing of an answer."""
        if self.ended:
            return
        if self.begun:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        status, words = (408, "The request took too long.") if self.late else (503, "The server stops.")
        await PlainTextResponse(words, status, {"Connection": "close"})(scope, receive, self._send)


def _in_time(receive: Receive, answer: _Answer, seconds: float) -> Receive:
    """Return `receive` with an end to how long a body may take; after it the client counts as gone."""
    until = time.monotonic() + seconds
    whole = False

    async def timely() -> Message:
        nonlocal whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout(until - time.monotonic()):
                message = await receive()
        except TimeoutError:
            answer.late = True
            return {"type": "http.disconnect"}
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return timely


def _is_stream(scope: Scope) -> bool:
    """Whether a request asks for what comes later, in either era, and not for an answer."""
    return scope["method"] == "GET" or Headers(scope=scope).get("mcp-method") == "subscriptions/listen"


class Turns:
    """Lets each caller ask `rate` times a second, and a few seconds' worth at once, and keep half of the house open.

    `who` tells whose request it is.
    """

    def __init__(
        self,
        app: ASGIApp,
        rate: float,
        who: Callable[[], str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._rate, self._who, self._now = app, rate, who, now
        self._most = rate * BURST_SECONDS
        self._left: dict[str, tuple[float, float]] = {}
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or say when to come again."""
        caller = self._who()
        wait = self.take(caller)
        if wait or self._open[caller] >= MOST_OPEN:
            words = "Too many requests." if wait else f"More than {MOST_OPEN} requests are open; end some."
            refusal = PlainTextResponse(words, 429, {"Retry-After": str(math.ceil(wait) or 1)})
            await refusal(scope, receive, send)
            return
        self._open[caller] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]

    def take(self, caller: str) -> float:
        """Take a turn; return 0, or in how many seconds there is one."""
        now = self._now()
        left, at = self._left.pop(caller, (self._most, now))
        left = min(self._most, left + max(0.0, now - at) * self._rate)
        wait = 0.0 if left >= 1 else (1 - left) / self._rate
        self._left[caller] = (left if wait else left - 1, now)  # the latest stand last
        if len(self._left) > MOST_COUNTED:
            del self._left[next(iter(self._left))]
        return wait

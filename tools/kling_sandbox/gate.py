"""The outermost layer: it reads the call, lets a fault strike, writes the log and stamps every answer.

It stands outside Starlette's own error handling, because a cut connection must leave the app as an exception and not as
a 500. In process the caller sees ConnectionResetError; `serving` turns the same exception into a cut TCP connection.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kling_sandbox import auth
from kling_sandbox.config import SandboxConfig
from kling_sandbox.envelope import STATUS, failure
from kling_sandbox.faults import Fault, FaultBook, call_kind
from kling_sandbox.fields import Tracked
from kling_sandbox.spoiling import spoiled

LOG_LENGTH = 1000
TEXT_SHOWN = 200
BODY_MOST = 160 * 1024 * 1024  # two pictures of 50 MB in base64, and some


class ConnectionCut(ConnectionResetError):
    """The connection is cut on purpose. `hard` means at once, without sending what is buffered."""

    def __init__(self, *, hard: bool) -> None:
        super().__init__("the sandbox cut the connection on purpose")
        self.hard = hard


@dataclass
class Call:
    """One call on its way through; routes find it in the scope under `call`."""

    kind: str
    body: Any = None
    readable: bool = True
    fail_task: str = ""
    status: int | None = None
    tracked: Tracked | None = None
    refused: bool = False
    entry: dict[str, Any] = field(default_factory=dict)


class Gate:
    """Wrap an app with faults, log and stamp."""

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self.faults = FaultBook(config.faults)
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one HTTP call."""
        try:
            raw, receive = await _whole_body(receive)
        except ClientDisconnect:  # who asked died over it: nothing was asked, and nobody hears an answer
            return
        call = await self._open(scope, raw)
        scope["call"] = call
        fault = self.faults.strike(call.kind, scope["path"])
        try:
            await self._carry(app, scope, receive, self._stamped(call, send), fault)
        except ConnectionCut:
            call.entry["outcome"] = "cut"
            raise
        finally:
            call.entry["status"] = call.status
            if call.tracked is not None and not call.refused:
                call.entry["ignored"] = call.tracked.unread()

    async def _open(self, scope: Scope, raw: bytes) -> Call:
        call = Call(call_kind(scope["method"], scope["path"]))
        if raw:
            # Parsing megabytes of base64 would hold the loop.
            parse = run_in_threadpool(json.loads, raw) if len(raw) > 500_000 else _parsed(raw)
            try:
                call.body = await parse
            except (ValueError, RecursionError):
                call.readable = False
        headers = {name: value for name, value in scope["headers"] if name == b"authorization"}
        header = headers.get(b"authorization")
        call.entry = {
            "at": self._config.clock(),
            "kind": call.kind,
            "method": scope["method"],
            "path": scope["path"],
            "query": dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            "auth": auth.kind(header.decode("latin-1") if header is not None else None, self._config),
            "body": shortened(call.body),
            "ignored": [],  # filled once the call was understood: a refusal stops the reading
            "status": None,
            "outcome": "answered",
        }
        if call.kind != "control":
            self.log.append(call.entry)
        return call

    async def _carry(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, fault: Fault | None) -> None:
        if fault is None:
            await app(scope, receive, send)
            return
        scope["call"].entry["fault"] = True
        if fault.delay or fault.spread:
            await asyncio.sleep(fault.delay + fault.spread * random.random())
        if fault.reset == "before":
            raise ConnectionCut(hard=True)
        scope["call"].fail_task = fault.fail_task or ""
        if fault.reset == "after" or (fault.answers and fault.applied):
            await app(scope, receive, _nowhere)
        if fault.reset == "after":
            raise ConnectionCut(hard=True)
        if fault.truncate is not None:
            send = _truncated(send, fault.truncate)
        if fault.answers:
            app = _answer_of(fault)
        if fault.spoil:
            app = spoiled(app, fault.spoil)
        await app(scope, receive, send)

    def _stamped(self, call: Call, send: Send) -> Send:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-kling-sandbox"] = "simulated"
                headers["date"] = formatdate(self._config.clock(), usegmt=True)
            await send(message)

        return stamped


def shortened(value: Any) -> Any:
    """Copy a JSON value with long strings cut, so that a log of pictures stays small."""
    if isinstance(value, str):
        value = value if value.isascii() else value.encode("utf-8", "replace").decode()
        return value if len(value) <= TEXT_SHOWN else f"{value[:60]}…({len(value)} characters)"
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if isinstance(value, dict):
        return {shortened(key): shortened(item) for key, item in value.items()}
    return value


async def _parsed(raw: bytes) -> Any:
    return json.loads(raw)


async def _whole_body(receive: Receive) -> tuple[bytes, Receive]:
    """Read the body and return it with a receive that gives it out again."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        more = message.get("more_body", False)
        if size <= BODY_MOST:  # beyond it the rest is read and dropped; the JSON is then not readable: 1200
            parts.append(part)
    raw = b"".join(parts)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return raw, again


async def _nowhere(message: Message) -> None:
    """Take an answer that nobody will see."""


def _answer_of(fault: Fault) -> Response:
    if fault.body is not None:
        status = fault.status or STATUS.get(fault.code or 5000, 502)
        return Response(fault.body, status_code=status, media_type="text/html")
    code = fault.code if fault.code is not None else _code_for(fault.status or 500)
    return failure(code, fault.message, fault.status)


def _code_for(status: int) -> int:
    known = {400: 1201, 401: 1000, 403: 1103, 404: 1203, 429: 1302, 503: 5001, 504: 5002}
    return known.get(status, 5000)


def _truncated(send: Send, most: int) -> Send:
    left = most

    async def some(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            await send(message)
            return
        part: bytes = message.get("body", b"")
        if len(part) <= left and message.get("more_body", False):
            left -= len(part)
            await send(message)
            return
        if len(part) > left:
            await send({"type": "http.response.body", "body": part[:left], "more_body": True})
            raise ConnectionCut(hard=False)
        await send(message)  # the answer is no longer than what may be sent

    return some

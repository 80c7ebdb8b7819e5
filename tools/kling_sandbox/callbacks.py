"""Callbacks: a POST to the caller's address on every change of a task's status (kling-official 8).

A task's state is a function of time, so one small asyncio task per bought task waits for the next change and tells it.
Only addresses on this very machine are called; any other is recorded as not sent. They end with the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from kling_sandbox import tasks
from kling_sandbox.config import SandboxConfig
from kling_sandbox.pictures import is_loopback
from kling_sandbox.product import JSON, Address
from kling_sandbox.tasks import Task

TRIES: Final = 3
ANSWER_SECONDS: Final = 5.0
# The clock may be one that a test moves by hand, so the wait for a change is cut into looks.
LOOK_SECONDS: Final = 0.05
LOG_LENGTH: Final = 1000


class Callbacks:
    """Follow tasks that asked for callbacks. `body` builds what is posted."""

    def __init__(self, config: SandboxConfig, body: Callable[[Task, Address], JSON]) -> None:
        self._config = config
        self._body = body
        self._running: set[asyncio.Task[None]] = set()
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)

    def follow(self, task: Task, address: Address) -> None:
        """Tell the task's changes to its callback address, if it has one. Needs a running loop."""
        url = task.bought.callback_url
        if not url:
            return
        if (parts := _called(url)) is None:
            self._record(task, "", "not sent: not an address of this machine")
            return
        running = asyncio.create_task(self._tell(task, parts, address))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _tell(self, task: Task, url: SplitResult, address: Address) -> None:
        told = ""
        while told not in ("succeeded", "failed"):
            status = tasks.at(task, self._config.clock()).status
            if status == told:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            told = status
            raw = json.dumps(self._body(task, address), ensure_ascii=False, separators=(",", ":")).encode()
            self._record(task, status, await self._deliver(url, raw))

    async def _deliver(self, url: SplitResult, raw: bytes) -> str:
        outcome = ""
        for attempt in range(TRIES):
            await asyncio.sleep(attempt * LOOK_SECONDS)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    answered = await _post(url, raw, self._headers(raw))
            except (OSError, TimeoutError, ValueError) as error:
                outcome = f"failed: {type(error).__name__}"
                continue
            outcome = f"answered {answered}"
            if 200 <= answered < 300:
                break
        return outcome

    def _headers(self, raw: bytes) -> dict[str, str]:
        """Sign the body with every secret in force: two of them during a rotation (kling-official 8.2)."""
        secrets_in_force = self._config.webhook_secrets
        if not secrets_in_force:
            return {}
        id, at = secrets.token_hex(10), str(int(self._config.clock()))
        signatures = [signature(secret, id, at, raw) for secret in secrets_in_force]
        return {"webhook-id": id, "webhook-timestamp": at, "webhook-signature": " ".join(signatures)}

    def _record(self, task: Task, status: str, outcome: str) -> None:
        url = task.bought.callback_url[:300]
        self.log.append({"task_id": task.id, "url": url, "status": status, "outcome": outcome})


def signature(secret: str, id: str, timestamp: str, raw: bytes) -> str:
    """Return `v1,<base64>` for a body, with a secret of the form whsec_<base64>."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{id}.{timestamp}.".encode() + raw, hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"


def _called(url: str) -> SplitResult | None:
    """Return the parts of an address that may be called: http or https on loopback, without odd characters."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    odd = any(char <= " " or char > "~" for char in url)
    return parts if host and parts.scheme in ("http", "https") and is_loopback(host) and not odd else None


async def _post(url: SplitResult, raw: bytes, headers: dict[str, str]) -> int:
    """Send one POST over a connection of its own and return the status of the answer."""
    secure: ssl.SSLContext | None = None
    if url.scheme == "https":
        secure = ssl.create_default_context()
        # Whoever listens on loopback has a certificate of its own making.
        secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
    port = url.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(url.hostname, port, ssl=secure)
    try:
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [f"POST {target} HTTP/1.1", f"host: {url.netloc.rpartition('@')[2]}"]
        lines += ["content-type: application/json", f"content-length: {len(raw)}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + raw)
        await writer.drain()
        first = (await reader.readline()).split()
        return int(first[1]) if len(first) > 1 else 0
    finally:
        writer.close()

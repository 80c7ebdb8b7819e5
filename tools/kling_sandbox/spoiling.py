"""An answer whose JSON has a value of the wrong type, as APIs send it after a release that nobody announced.

The request is applied and the answer is otherwise the real one: a client that gives up on it has bought all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def spoiled(app: ASGIApp, what: str) -> ASGIApp:
    """Return the app with one value of its JSON answers spoiled; what is no JSON object stays as it is.

    data: a list for an object, an object for a list. id: a number. status: null. code: a string.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = b""

        async def take(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                whole = _spoiled_body(body, what)
                MutableHeaders(scope=start)["content-length"] = str(len(whole))
                await send(start)
                await send({"type": "http.response.body", "body": whole})

        await app(scope, receive, take)

    return answer


def _spoiled_body(body: bytes, what: str) -> bytes:
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return json.dumps(_SPOILERS[what](value)).encode() if isinstance(value, dict) else body


def _code(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "code": str(value.get("code"))}


def _data(value: dict[str, Any]) -> dict[str, Any]:
    data = value.get("data")
    return {**value, "data": {"list": data} if isinstance(data, list) else [data]}


def _ids(value: Any) -> Any:
    return _each_task(value, lambda key, old: int(old) if key in ("id", "task_id") and str(old).isdigit() else old)


def _statuses(value: Any) -> Any:
    return _each_task(value, lambda key, old: None if key in ("status", "task_status") else old)


def _each_task(value: Any, change: Callable[[str, Any], Any]) -> Any:
    """Return a copy in which the fields of every object that has a status are changed."""
    if isinstance(value, list):
        return [_each_task(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _each_task(item, change) for key, item in value.items()}
    is_task = "status" in value or "task_status" in value
    return {key: change(key, item) for key, item in changed.items()} if is_task else changed


_SPOILERS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "code": _code,
    "data": _data,
    "id": _ids,
    "status": _statuses,
}

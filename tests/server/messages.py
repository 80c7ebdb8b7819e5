"""Messages as hosts of both eras write them by hand, and a client over HTTP that sends them and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import httpx2

if TYPE_CHECKING:
    from tests.server.acting import Era

LEGACY, MODERN = "2025-11-25", "2026-07-28"
#: Codes of refusals: a method that is not there, and one that this client may not use.
NO_METHOD, NO_CAPABILITY = -32601, -32021
_ABOUT = "io.modelcontextprotocol"
_ME = {"name": "host", "version": "1"}

Message = dict[str, Any]


def request(era: Era, method: str, number: int = 1, able: Message | None = None, **params: Any) -> Message:
    """Return a request; `able` is what a client of the newer era says with each that it can do."""
    if era != "legacy":
        me = {"protocolVersion": MODERN, "clientCapabilities": able or {}, "clientInfo": _ME}
        params["_meta"] = {**params.get("_meta", {}), **{f"{_ABOUT}/{name}": told for name, told in me.items()}}
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def hello(era: Era, number: int = 1, able: Message | None = None) -> Message:
    """Return what a host says first: it shakes hands as in 2025, or asks who is there as since."""
    if era != "legacy":
        return request(era, "server/discover", number, able)
    return request(era, "initialize", number, protocolVersion=LEGACY, capabilities=able or {}, clientInfo=_ME)


def headers(era: Era, message: Message, session: str = "", named: str = "") -> dict[str, str]:
    """Return what goes over HTTP with a message: a session, or what and whom it is about, which routers go by."""
    told = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    if era == "legacy":
        return told | ({"mcp-protocol-version": LEGACY, "mcp-session-id": session} if session else {})
    name = named or message["params"].get("name") or message["params"].get("taskId")
    about = {"mcp-protocol-version": MODERN, "mcp-method": str(message["method"])}
    return told | about | ({"mcp-name": str(name)} if name else {})


@dataclass
class Raw:
    """A client that writes its own messages; `able` is what it says that it can do."""

    http: httpx2.AsyncClient
    address: str
    era: Era
    able: Message = field(default_factory=dict)
    session: str = ""
    number: int = 1

    async def greet(self) -> None:
        """Say what a host says first."""
        if self.era == "legacy":
            first = hello(self.era, able=self.able)
            opened = await self.http.post(self.address, json=first, headers=headers(self.era, first))
            self.session = opened.headers["mcp-session-id"]
            await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def post(self, message: Message) -> httpx2.Response:
        """Send a message as it is."""
        return await self.http.post(self.address, json=message, headers=headers(self.era, message, self.session))

    async def ask(self, method: str, *, named: str = "", replies: Sequence[Message] = (), **params: Any) -> Message:
        """Send a request; return the first that comes back: the answer, or what the server asks before it.

        With `replies` it waits for the answer: whatever the server asks is answered with each of them in turn.
        """
        self.number += 1
        message = request(self.era, method, self.number, self.able, **params)
        told = headers(self.era, message, self.session, named)
        async with self.http.stream("POST", self.address, json=message, headers=told) as reply:
            async for line in reply.aiter_lines():
                found = line.removeprefix("data:").strip()
                if not found.startswith("{") or "id" not in (came := json.loads(found)):
                    continue
                if "method" not in came or not replies:
                    return dict(came)
                for said in replies:
                    await self.reply(came["id"], said)
        raise AssertionError(f"{method} was not answered")

    async def reply(self, number: Any, result: Message) -> None:
        """Answer what a server asked."""
        await self.post({"jsonrpc": "2.0", "id": number, "result": result})

    async def call(self, tool: str, **arguments: Any) -> Message:
        """Call a tool; return its result."""
        result: Message = (await self.ask("tools/call", name=tool, arguments=arguments))["result"]
        return result

    async def ended(self, task_id: str) -> Message:
        """Follow a task to its end, as this era does; return what its tool answers then."""
        while True:
            if self.era == "legacy":
                told = await self.call("check_status", task_id=task_id)
                if told["structuredContent"]["tasks"][0]["status"] not in {"submitted", "processing"}:
                    return told
            else:
                task = (await self.ask("tasks/get", taskId=task_id))["result"]
                if task["status"] != "working":
                    assert (task["resultType"], task["status"]) == ("complete", "completed")
                    return dict(task["result"])
            await anyio.sleep(0.05)

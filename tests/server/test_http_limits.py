"""What one client may take: turns a second, time for what it sends; and how a stream of either era is ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from tests.server.acting import ActingStudio, Era, both_eras, serving, settings_in
from tests.server.messages import Raw, hello, request

from kling_mcp.web.limits import BURST_SECONDS, MOST_COUNTED, MOST_OPEN, Gate, PatientProtocol, Turns

pytestmark = pytest.mark.anyio

HERE = "http://127.0.0.1:8000"
SCOPE: Scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": [], "http_version": "1.1"}


class Client:
    """What an application is called with: the body comes in pieces, and then nothing more."""

    def __init__(self, *pieces: bytes, silent: bool = False) -> None:
        self._pieces = list(pieces)
        self._silent = silent
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        """Give the next piece."""
        if not self._pieces:
            await asyncio.Event().wait()
        body = self._pieces.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(self._pieces) or self._silent}

    async def send(self, message: Message) -> None:
        """Keep what comes back."""
        self.sent.append(message)

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.sent[0]["status"])


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, and answer."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def test_a_caller_has_turns_of_their_own_and_they_come_back_with_time() -> None:
    time = [0.0]
    turns = Turns(ok, 2.0, lambda: "ann", lambda: time[0])
    most = int(2 * BURST_SECONDS)
    assert [turns.take("ann") for _ in range(most)] == [0.0] * most
    assert turns.take("ann") == 0.5
    assert turns.take("bob") == 0.0
    time[0] = 0.5
    assert (turns.take("ann"), turns.take("ann")) == (0.0, 0.5)


def test_callers_that_are_counted_are_bounded() -> None:
    turns = Turns(ok, 1.0, lambda: "", lambda: 0.0)
    for n in range(2 * MOST_COUNTED):
        turns.take(f"caller {n}")
    assert len(turns._left) == MOST_COUNTED


async def test_one_turn_too_many_is_told_when_to_come_again() -> None:
    turns = Turns(ok, 1.0, lambda: "ann", lambda: 0.0)
    clients = [Client(b"{}") for _ in range(int(BURST_SECONDS) + 1)]
    for client in clients:
        await turns(SCOPE, client.receive, client.send)
    assert [client.status for client in clients] == [200] * int(BURST_SECONDS) + [429]
    assert (b"retry-after", b"1") in clients[-1].sent[0]["headers"]


async def test_a_caller_may_keep_half_of_the_house_open_and_nobody_else_waits_for_that() -> None:
    who, over = ["ann"], asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await over.wait()
        await ok(scope, receive, send)

    turns = Turns(stream, MOST_OPEN, lambda: who[0], lambda: 0.0)
    clients = [Client(b"{}") for _ in range(MOST_OPEN)]
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(turns(SCOPE, client.receive, client.send))
        await asyncio.sleep(0)
        await turns(SCOPE, (late := Client(b"{}")).receive, late.send)
        assert late.status == 429
        who[0] = "bob"
        other = Client(b"{}")
        tasks.create_task(turns(SCOPE, other.receive, other.send))
        await asyncio.sleep(0)
        over.set()
    assert {client.status for client in [*clients, other]} == {200}
    who[0] = "ann"
    await turns(SCOPE, (again := Client(b"{}")).receive, again.send)
    assert again.status == 200


@both_eras
async def test_a_host_that_asks_without_pause_is_told_so_and_served_again_in_time(era: Era, tmp_path: Path) -> None:
    time = [0.0]
    web = serving(ActingStudio(settings_in(tmp_path))).streamable_http_app()
    transport = httpx2.ASGITransport(Turns(web, 3 / BURST_SECONDS, lambda: "", lambda: time[0]))
    async with web.router.lifespan_context(web), httpx2.AsyncClient(transport=transport, base_url=HERE) as http:
        client = Raw(http, "/mcp", era)
        await client.greet()
        for _ in range(0 if era == "legacy" else 2):  # as many turns as a handshake takes
            await client.post(hello(era))
        assert (await client.call("list_tasks"))["structuredContent"]["total"] == 0
        refused = await client.post(request(era, "tools/list"))
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        time[0] += 2
        assert (await client.ask("tools/list"))["result"]["tools"]


async def test_a_body_that_does_not_come_to_its_end_is_not_waited_for() -> None:
    client = Client(b"{", silent=True)
    async with asyncio.timeout(5):
        await Gate(ok, body_seconds=0.05)(SCOPE, client.receive, client.send)
    assert client.status == 408


#: What asks for whatever comes later, and not for an answer.
STREAMS: dict[Era, Scope] = {
    "legacy": {**SCOPE, "path": "/stream", "method": "GET"},
    "auto": {**SCOPE, "path": "/stream", "headers": [(b"mcp-method", b"subscriptions/listen")]},
}


@both_eras
async def test_the_end_cuts_streams_at_once_and_lets_answers_be_given(era: Era) -> None:
    asked = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await (asked if scope["path"] == "/mcp" else asyncio.Event()).wait()
        await send({"type": "http.response.body", "body": b"told"})

    gate = Gate(app)
    stream, call = Client(), Client()
    open_ones = [
        asyncio.create_task(gate(STREAMS[era], stream.receive, stream.send)),
        asyncio.create_task(gate(SCOPE, call.receive, call.send)),
    ]
    while not call.sent:
        await asyncio.sleep(0)
    closing = asyncio.create_task(gate.close(5.0))
    await asyncio.wait([open_ones[0]], timeout=5)
    assert stream.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert not open_ones[1].done()
    asked.set()
    await asyncio.wait_for(asyncio.gather(closing, *open_ones), 5)
    assert call.sent[-1]["body"] == b"told"
    late = Client()
    await gate(SCOPE, late.receive, late.send)
    assert late.status == 503


async def test_a_head_that_does_not_come_is_not_waited_for() -> None:
    class Impatient(PatientProtocol):
        head_seconds = 0.1

    config = uvicorn.Config(ok, "127.0.0.1", 0, http=Impatient, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HT")
            assert await reader.read() == b""
            writer.close()
    finally:
        server.should_exit = True
        await running

"""The border: what was sent, and for everything that breaks whether it may have arrived."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest
from tests.client.wires import KEY, Recorded, ToldClock, by_key, by_pair, enveloped, listening, reset
from tests.providers.values import HOST

from kling_tools.client.wire import MAX_ANSWER, NOTHING_LEFT, Wire, is_loopback
from kling_tools.model.errors import BadSettings, KlingError, ProviderBroken, Unreachable, Unsure
from kling_tools.providers.dialect import WireCall
from kling_tools.providers.registry import Connection

CREATE = WireCall(method="POST", path="/text-to-video/kling-3.0", body={"prompt": "héron \ud83d"}, product="p")
QUERY = WireCall(method="GET", path="/tasks", query=(("task_ids", "a,b"),))


def wired(network: Recorded, connection: Connection | None = None) -> Wire:
    """Return a wire into a recorded network."""
    return Wire(connection or by_key(), ToldClock(), network.transport)


@pytest.mark.anyio
async def test_a_call_arrives_with_its_body_its_key_and_our_name() -> None:
    network = Recorded([enveloped({"id": "1"}, 0, 200, **{"X-Kling-Sandbox": "1"})])
    answer = await wired(network).send(CREATE)
    [request] = network.requests
    assert str(request.url) == f"{HOST}/text-to-video/kling-3.0"
    assert json.loads(request.content) == {"prompt": "héron \ud83d"}
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("kling-mcp/")
    assert (answer.status, answer.host, answer.simulated) == (200, HOST, True)
    assert json.loads(answer.body)["data"] == {"id": "1"}


@pytest.mark.anyio
async def test_a_query_has_its_parameters_and_no_body() -> None:
    network = Recorded([enveloped([])])
    await wired(network, by_key(HOST + "/proxied/")).send(QUERY)
    [request] = network.requests
    assert request.url.path == "/proxied/tasks"
    assert dict(request.url.params) == {"task_ids": "a,b"}
    assert request.content == b""
    assert "content-type" not in request.headers


@pytest.mark.anyio
async def test_a_pair_is_signed_and_its_renewal_is_one_send() -> None:
    network = Recorded([enveloped(None, 1004, 401), enveloped({"task_id": "1"})])
    answer = await wired(network, by_pair()).send(CREATE)
    assert json.loads(answer.body)["code"] == 0
    assert len(network.requests) == 2


@pytest.mark.anyio
async def test_a_redirect_is_an_answer_and_the_key_does_not_follow_it() -> None:
    network = Recorded([httpx2.Response(307, headers={"Location": "https://elsewhere.example/"})])
    assert (await wired(network).send(CREATE)).status == 307
    assert len(network.requests) == 1


@pytest.mark.anyio
async def test_an_answer_without_end_is_cut_off() -> None:
    network = Recorded([httpx2.Response(200, content=b" " * (MAX_ANSWER + 1))])
    with pytest.raises(ProviderBroken, match="64 MB"):
        await wired(network).send(QUERY)


BEFORE = [
    httpx2.ConnectError("name or service not known"),
    httpx2.ConnectTimeout(""),
    httpx2.PoolTimeout(""),
    httpx2.ProxyError("407"),
    httpx2.UnsupportedProtocol(""),
    httpx2.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"),
    httpx2.InvalidURL("bad"),
]
AFTER = [
    httpx2.ReadTimeout(""),
    httpx2.WriteTimeout(""),
    httpx2.ReadError(""),
    httpx2.WriteError(""),
    httpx2.CloseError(""),
    httpx2.RemoteProtocolError("Server disconnected"),
    httpx2.DecodingError("bad gzip"),
    ConnectionResetError("by the application"),
    TimeoutError(),
    OSError(5, "I/O"),
    RuntimeError("an application's own"),
]


@pytest.mark.anyio
@pytest.mark.parametrize("error", BEFORE, ids=lambda error: type(error).__name__)
async def test_what_fails_before_a_byte_left_is_unreachable(error: Exception) -> None:
    with pytest.raises(Unreachable) as caught:
        await wired(Recorded([error])).send(CREATE)
    assert caught.value.spent == "no"
    assert KEY not in caught.value.sentence()
    assert caught.value.__suppress_context__, "the cause may hold the key, and tracebacks are logged"


def test_every_row_of_the_border_table_is_tried() -> None:
    assert {type(error) for error in BEFORE} == set(NOTHING_LEFT)


@pytest.mark.anyio
@pytest.mark.parametrize("error", AFTER, ids=lambda error: type(error).__name__)
async def test_what_fails_later_leaves_open_whether_it_arrived(error: Exception) -> None:
    with pytest.raises(Unsure) as caught:
        await wired(Recorded([error])).send(CREATE)
    assert caught.value.spent == "unknown"


@pytest.mark.anyio
async def test_an_application_that_breaks_in_process_is_a_broken_wire() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ConnectionResetError

    wire = Wire(by_key("http://kling.sandbox"), ToldClock(), httpx2.ASGITransport(app))
    with pytest.raises(Unsure):
        await wire.send(CREATE)


@pytest.mark.anyio
async def test_being_cancelled_is_passed_on() -> None:
    async def never(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    wire = Wire(by_key(), ToldClock(), httpx2.MockTransport(never))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await wire.send(CREATE)


async def over_a_socket(talk: Any) -> KlingError:
    """Return what a create raises against a real server that behaves like this."""
    async with listening(talk) as address:
        wire = Wire(by_key(address), ToldClock(), read_seconds=5)
        try:
            with pytest.raises(KlingError) as caught:
                await wire.send(CREATE)
        finally:
            await wire.aclose()
    return caught.value


@pytest.mark.anyio
async def test_a_server_that_hangs_up_after_reading_leaves_it_open() -> None:
    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        assert head.startswith(b"POST")

    assert isinstance(await over_a_socket(talk), Unsure)


@pytest.mark.anyio
async def test_a_reset_after_reading_leaves_it_open() -> None:
    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    assert isinstance(await over_a_socket(talk), Unsure)


@pytest.mark.anyio
async def test_half_an_answer_leaves_it_open() -> None:
    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"code": 0')
        await writer.drain()

    assert isinstance(await over_a_socket(talk), Unsure)


@pytest.mark.anyio
async def test_an_answer_that_is_not_http_leaves_it_open() -> None:
    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        await writer.drain()

    assert isinstance(await over_a_socket(talk), Unsure)


@pytest.mark.anyio
async def test_a_server_that_is_silent_leaves_it_open() -> None:
    asked = asyncio.Event()

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        await asked.wait()

    error = await over_a_socket_with(talk, asked)
    assert isinstance(error, Unsure)
    assert "ReadTimeout" in error.message


async def over_a_socket_with(talk: Any, release: asyncio.Event) -> KlingError:
    """Return what a create raises against a silent server, which is let go afterwards."""
    async with listening(talk) as address:
        wire = Wire(by_key(address), ToldClock(), read_seconds=0.05)
        try:
            with pytest.raises(KlingError) as caught:
                await wire.send(CREATE)
        finally:
            release.set()
            await wire.aclose()
    return caught.value


@pytest.mark.anyio
async def test_a_closed_port_is_unreachable() -> None:
    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    async with listening(talk) as address:
        pass
    wire = Wire(by_key(address), ToldClock())
    with pytest.raises(Unreachable):
        await wire.send(CREATE)
    await wire.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "http://api-singapore.klingai.com",
        "http://127.0.0.1.evil.example",
        "http://10.0.0.1:8080",
        "ftp://example.com",
        "https://user:pass@example.com",
        "https://",
        "api-singapore.klingai.com",
        "https://example.com:port",
        "https://example.com/?a=1",
        "",
    ],
)
def test_a_base_url_that_would_leak_or_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadSettings) as caught:
        Wire(by_key(url), ToldClock())
    assert "pass" not in caught.value.message


@pytest.mark.parametrize(
    "url", ["https://example.com/kling", "http://localhost:1", "http://127.8.9.1", "http://[::1]:80"]
)
def test_https_and_this_machine_are_taken(url: str) -> None:
    assert Wire(by_key(url), ToldClock()).base_url == url


def test_only_this_machine_is_loopback() -> None:
    assert [
        host for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "localhost.evil", "") if is_loopback(host)
    ] == [
        "localhost",
        "127.0.0.1",
        "::1",
    ]


def test_no_secret_is_in_a_wires_repr() -> None:
    assert KEY not in repr(Wire(by_key(), ToldClock()))

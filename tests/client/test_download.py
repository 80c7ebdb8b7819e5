"""Files from outside: no key goes along, every hop is looked at, and a broken wire may be taken up again."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from tests.client.wires import Recorded, ToldClock, by_key, listening
from tests.providers.values import HOST

from kling_tools.client.client import Client
from kling_tools.model.errors import LinkExpired, Unreachable

FILE = f"{HOST}/files/clip.mp4"


def fetching(*answers: httpx2.Response | Exception) -> tuple[Client, Recorded]:
    """Return a client whose own server gives these answers."""
    network = Recorded(list(answers))
    return Client(by_key(), ToldClock(), network.transport), network


async def whole(client: Client, url: str = FILE, **asked: Any) -> bytes:
    """Return a whole download."""
    async with client.download(url, **asked) as file:
        return b"".join([chunk async for chunk in file.chunks()])


def led(to: str, status: int = 302) -> httpx2.Response:
    """Return a redirect."""
    return httpx2.Response(status, headers={"Location": to})


@pytest.mark.anyio
async def test_a_file_comes_whole_with_its_size_and_mark_and_without_the_key() -> None:
    client, network = fetching(httpx2.Response(200, content=b"abcdef", headers={"ETag": '"v1"'}))
    async with client.download(FILE) as file:
        assert (file.status, file.total, file.etag) == (200, 6, '"v1"')
        assert b"".join([chunk async for chunk in file.chunks()]) == b"abcdef"
    [request] = network.requests
    assert "authorization" not in request.headers
    assert request.headers["accept-encoding"] == "identity"
    assert "range" not in request.headers


@pytest.mark.anyio
async def test_a_file_is_taken_up_where_it_broke_off_if_it_is_still_the_same() -> None:
    part = httpx2.Response(206, content=b"def", headers={"Content-Range": "bytes 3-5/6", "ETag": '"v1"'})
    client, network = fetching(part)
    async with client.download(FILE, offset=3, etag='"v1"') as file:
        assert (file.status, file.total) == (206, 6)
    assert network.requests[0].headers["range"] == "bytes=3-"
    assert network.requests[0].headers["if-range"] == '"v1"'


@pytest.mark.anyio
async def test_a_weak_mark_is_not_relied_upon() -> None:
    client, network = fetching(httpx2.Response(200, content=b"abc"))
    await whole(client, offset=3, etag='W/"v1"')
    assert "if-range" not in network.requests[0].headers


@pytest.mark.anyio
async def test_nothing_left_to_fetch_is_a_status() -> None:
    client, _ = fetching(httpx2.Response(416, headers={"Content-Range": "bytes */6"}))
    async with client.download(FILE, offset=9) as file:
        assert (file.status, file.total) == (416, 6)


@pytest.mark.anyio
@pytest.mark.parametrize("length", ["", "many", "-1"])
async def test_a_size_that_is_not_told_is_unknown(length: str) -> None:
    headers = {"Content-Length": length}
    client, _ = fetching(httpx2.Response(200, stream=httpx2.ByteStream(b"abc"), headers=headers))
    async with client.download(FILE) as file:
        assert file.total is None


@pytest.mark.anyio
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_an_address_that_does_not_serve_any_more_has_to_be_renewed(status: int) -> None:
    client, _ = fetching(httpx2.Response(status))
    with pytest.raises(LinkExpired):
        await whole(client)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [httpx2.Response(500), httpx2.Response(503), httpx2.Response(429), httpx2.Response(204), httpx2.ReadError("")],
    ids=repr,
)
async def test_a_file_server_in_trouble_may_be_asked_again(answer: httpx2.Response | Exception) -> None:
    client, _ = fetching(answer)
    with pytest.raises(Unreachable):
        await whole(client)


@pytest.mark.anyio
async def test_redirects_are_followed_with_the_range_and_without_the_key() -> None:
    client, network = fetching(led("/a", 301), led("b?x=1", 307), httpx2.Response(206, content=b"c"))
    assert await whole(client, offset=2) == b"c"
    assert [str(request.url) for request in network.requests] == [FILE, f"{HOST}/a", f"{HOST}/b?x=1"]
    assert all(request.headers["range"] == "bytes=2-" for request in network.requests)
    assert all("authorization" not in request.headers for request in network.requests)


@pytest.mark.anyio
async def test_a_sixth_redirect_is_not_followed() -> None:
    client, network = fetching(*(led(f"/{n}") for n in range(9)))
    with pytest.raises(LinkExpired):
        await whole(client)
    assert len(network.requests) == 6


@pytest.mark.anyio
@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example/clip.mp4",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "ftp://cdn.example/clip.mp4",
        "https://user:pass@cdn.example/clip.mp4",
        "https://[bad/clip",
    ],
)
async def test_an_address_leads_nowhere_but_https(url: str) -> None:
    client, network = fetching()
    with pytest.raises(LinkExpired):
        await whole(client, url)
    client, network = fetching(led(url))
    with pytest.raises(LinkExpired):
        await whole(client)
    assert len(network.requests) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["", "https://", "/files/clip.mp4"])
async def test_what_is_no_address_is_not_fetched(url: str) -> None:
    with pytest.raises(LinkExpired):
        await whole(fetching()[0], url)


@pytest.mark.anyio
async def test_a_file_of_the_server_in_process_comes_through_the_same_process() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    client = Client(by_key("http://kling.sandbox"), ToldClock(), httpx2.ASGITransport(app))
    assert await whole(client, "http://kling.sandbox/files/1.mp4") == b"/files/1.mp4"
    with pytest.raises(LinkExpired):
        await whole(client, "http://kling.sandbox.evil/files/1.mp4")


@pytest.mark.anyio
async def test_a_file_from_elsewhere_goes_over_the_real_network_and_keeps_what_came_before_a_cut() -> None:
    heads: list[bytes] = []

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await writer.drain()

    client, network = fetching()
    got: list[bytes] = []

    async def fetch(url: str) -> None:
        async with client.download(url) as file:
            assert file.total == 9
            async for chunk in file.chunks():
                got.append(chunk)

    async with listening(talk) as address:
        with pytest.raises(Unreachable):
            await fetch(f"{address}/clip.mp4")
        await client.aclose()
    assert b"".join(got) == b"abc"
    assert network.requests == []
    assert b"authorization" not in heads[0].lower()


@pytest.mark.anyio
async def test_the_readers_own_trouble_is_not_taken_for_the_wires() -> None:
    client, _ = fetching(httpx2.Response(200, content=b"abc"))

    async def fetch() -> None:
        async with client.download(FILE) as file:
            async for _ in file.chunks():
                raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await fetch()

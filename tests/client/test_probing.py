"""A look at an address tells what it can, costs little, never fails, and never leads into the person's own network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from tests.client.wires import Recorded, listening, reset

from kling_tools.client.addresses import is_inward, is_public
from kling_tools.client.probing import HEAD, Probed, Prober
from kling_tools.model.errors import BadMedia, StorageUnavailable, Unreachable

URL = "https://cdn.example/clip.mp4"
PUBLIC = "93.184.216.34"
NOTHING = Probed()


@dataclass
class Names:
    """A name server that knows what it is told, and remembers what it was asked."""

    known: dict[str, list[str]] = field(default_factory=lambda: {"cdn.example": [PUBLIC]})
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Answer like getaddrinfo, which reads numbers itself."""
        self.asked.append(host)
        if host not in self.known:
            raise OSError("unknown")
        return self.known[host]


def looking(*answers: httpx2.Response | Exception, **known: list[str]) -> tuple[Prober, Recorded, Names]:
    """Return a prober whose world gives these answers."""
    network, names = Recorded(list(answers)), Names()
    names.known |= {name.replace("_", "."): found for name, found in known.items()}
    return Prober(network=network.transport, resolve=names), network, names


def led(to: str) -> httpx2.Response:
    """Return a redirect."""
    return httpx2.Response(302, headers={"Location": to})


def served(body: bytes, status: int = 200, **headers: str) -> httpx2.Response:
    """Return a file as the network gives it."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, stream=httpx2.ByteStream(body), headers=names)


@pytest.mark.anyio
async def test_a_look_takes_the_beginning_size_and_type_and_shows_nothing_of_us() -> None:
    part = served(b"abc", 206, Content_Range="bytes 0-2/9000", Content_Type="Video/MP4; x=1", Set_Cookie="id=1")
    prober, network, _ = looking(part, served(b"", 404))
    assert await prober.look(URL + "?sign=1#t=2") == Probed(9000, "video/mp4", b"abc")
    await prober.look(URL)
    request, again = network.requests
    assert request.headers["range"] == f"bytes=0-{HEAD - 1}"
    assert request.headers["user-agent"].startswith("kling-mcp/")
    assert "authorization" not in request.headers
    assert "cookie" not in again.headers


@pytest.mark.anyio
async def test_the_connection_goes_to_the_address_that_was_checked_under_the_name_that_was_asked() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return served(b"abc")

    names = Names({"cdn.example": [PUBLIC, "1.1.1.1"]})
    await Prober(network=httpx2.MockTransport(answer), resolve=names).look("https://cdn.example:8443/a")
    assert (seen[0].url.host, seen[0].url.port, seen[0].headers["host"]) == (PUBLIC, 8443, "cdn.example:8443")
    assert seen[0].extensions["sni_hostname"] == "cdn.example"
    assert names.asked == ["cdn.example"]  # once: a second answer could be another one


@pytest.mark.anyio
async def test_another_address_of_the_name_is_tried_when_one_does_not_answer() -> None:
    prober, network, _ = looking(httpx2.ConnectError(""), served(b"abc"), two_example=[PUBLIC, "2606:4700::1111"])
    assert (await prober.look("https://two.example/a")).head == b"abc"
    assert [request.url.host for request in network.requests] == [PUBLIC, "2606:4700::1111"]


INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "not an address",
    "",
]


@pytest.mark.anyio
@pytest.mark.parametrize("address", INSIDE)
async def test_no_address_inside_is_asked_not_even_beside_a_public_one(address: str, tmp_path: Path) -> None:
    assert not is_public(address)
    for found in ([address], [PUBLIC, address]):
        prober, network, _ = looking(inside_example=found)
        assert await prober.look("https://inside.example/a") == NOTHING
        with pytest.raises(BadMedia, match="public internet"):
            await prober.fetch_to("https://inside.example/a", tmp_path / "a", 99)
        assert network.requests == []
    assert list(tmp_path.iterdir()) == []


def test_public_addresses_are_public() -> None:
    for address in (PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"):
        assert is_public(address)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://2130706433/a",
        "https://0x7f.1/a",
        "https://localhost/a",
        "http://127.0.0.1:1/a",
    ],
)
async def test_the_machines_own_resolver_does_not_hide_a_loopback_address(url: str) -> None:
    network = Recorded([])
    assert await Prober(network=network.transport).look(url) == NOTHING
    assert network.requests == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example/a",
        "ftp://cdn.example/a",
        "file:///etc/passwd",
        "https://user:pass@cdn.example/a",
        "https://",
        "https://[bad/a",
        "",
        "x" * 9999,
        "https://cdn.example/" + "x" * 9999,
        "https://cdn.example:99999/a",
        "https://\ud800.example/a",
    ],
)
async def test_what_is_no_open_https_address_is_not_asked(url: str, tmp_path: Path) -> None:
    prober, network, names = looking()
    assert await prober.look(url) == NOTHING
    with pytest.raises((BadMedia, Unreachable)):
        await prober.fetch_to(url, tmp_path / "a", 99)
    assert network.requests == []
    assert names.asked == []


@pytest.mark.anyio
async def test_redirects_are_judged_like_the_first_address() -> None:
    prober, network, _ = looking(led("/b"), led("https://other.example/c"), served(b"abc"), other_example=["1.1.1.1"])
    assert (await prober.look(URL)).head == b"abc"
    assert [request.headers["host"] for request in network.requests] == ["cdn.example", "cdn.example", "other.example"]
    for to in ("http://cdn.example/", "https://inside.example/", "https://169.254.169.254/", "https://[", ""):
        prober, network, _ = looking(*[led(to)] * 9, inside_example=["10.0.0.1"])
        assert await prober.look(URL) == NOTHING
        assert len(network.requests) == (4 if to == "" else 1)


@pytest.mark.anyio
async def test_what_a_server_says_is_believed_only_as_far_as_it_makes_sense() -> None:
    for answer, told in (
        (served(b"abc", 206, Content_Range="bytes 5-7/9"), NOTHING),
        (served(b"abc", 206, Content_Range="bytes 0-2/*"), Probed(None, "", b"abc")),
        (served(b"abc", Content_Length="-3", Content_Type="a/b/c<script>"), Probed(None, "", b"abc")),
        (served(b"\x1f\x8b", Content_Encoding="gzip", Content_Length="2", Content_Type="a/b"), Probed(None, "a/b")),
        (served(b"no", 403), NOTHING),
        (httpx2.ReadError(""), NOTHING),
    ):
        prober, _, _ = looking(answer)
        assert await prober.look(URL) == told


@pytest.mark.anyio
async def test_a_server_that_ignores_the_range_is_left_after_the_beginning() -> None:
    sent = 0

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\nContent-Type: video/mp4\r\n\r\n")
        while sent < 50_000_000:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    async with listening(talk) as origin:
        prober = Prober(own_origin=f"{origin}/v1")
        seen = await prober.look(f"{origin}/clip.mp4")
        await prober.aclose()
    assert (seen.size, seen.mime, len(seen.head)) == (999_999_999, "video/mp4", HEAD)
    assert sent < 20_000_000


@pytest.mark.anyio
async def test_a_slow_server_costs_the_time_that_was_given_and_keeps_what_came() -> None:
    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await writer.drain()
        await asyncio.Event().wait()

    async with listening(talk) as origin:
        prober = Prober(own_origin=origin, total_seconds=1.5)
        begun = time.monotonic()
        assert await prober.look(f"{origin}/a") == Probed(9, "", b"abc")
        assert time.monotonic() - begun < 30
        await prober.aclose()


@pytest.mark.anyio
async def test_the_own_origin_is_open_to_its_own_addresses_only() -> None:
    heads: list[bytes] = []

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        where = b"/b" if len(heads) == 1 else b"http://127.0.0.1:9/"
        writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + where + b"\r\n\r\n")
        await writer.drain()

    async with listening(talk) as origin:
        network, names = Recorded([led(f"{origin}/secret")]), Names()
        prober = Prober(
            own_origin=origin, network=network.transport, resolve=names, connect_seconds=60, total_seconds=60
        )
        assert await prober.look(f"{origin}/a") == NOTHING
        assert len(heads) == 2  # its own redirect was followed, the one to another port was not
        assert await prober.look(URL) == NOTHING
        assert len(heads) == 2  # a stranger does not lead us there
        await prober.aclose()
    assert names.asked == ["cdn.example"]


@pytest.mark.anyio
async def test_the_server_in_process_is_asked_in_process() -> None:
    network = Recorded([served(b"abc")])
    prober = Prober("http://kling.sandbox", network.transport)
    assert (await prober.look("http://kling.sandbox/files/1.mp4")).head == b"abc"
    assert await prober.look("http://kling.sandbox.evil/files/1.mp4") == NOTHING


@pytest.mark.anyio
async def test_the_proxy_of_this_machine_is_used_for_what_is_public_only(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with listening(talk) as proxy:
        monkeypatch.setenv("https_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        prober = Prober(resolve=Names({"cdn.example": [PUBLIC], "inside.example": ["10.0.0.1"]}))
        for url in (
            "https://inside.example/",
            "https://host/",
            "https://db.internal/",
            "https://10.0.0.1/",
            "https://0x7f.1/",
        ):
            assert await prober.look(url) == NOTHING
        assert heads == []
        await prober.look(URL)
        await prober.look("https://only-the-proxy-knows.example/")
        await prober.aclose()
    assert [head.split(b"\r\n")[0] for head in heads] == [
        b"CONNECT cdn.example:443 HTTP/1.1",
        b"CONNECT only-the-proxy-knows.example:443 HTTP/1.1",
    ]


def test_names_that_only_one_network_knows_are_inward() -> None:
    for host in ("host", "db.internal", "nas.LOCAL", "router.lan.", "x.home.arpa", "a.localhost"):
        assert is_inward(host)
    assert not is_inward("cdn.example.com")


@pytest.mark.anyio
async def test_a_whole_file_comes_to_disk_under_its_name_or_not_at_all(tmp_path: Path) -> None:
    target, body = tmp_path / "new" / "a.mp4", bytes(range(256)) * 9000
    prober, network, _ = looking(led("/b"), served(body, Content_Length=str(len(body))))
    await prober.fetch_to(URL, target, 3_000_000)
    assert target.read_bytes() == body
    assert "range" not in network.requests[0].headers
    for answer, kind, words in (
        (served(b"", Content_Length="3000001"), BadMedia, "3.0 MB or more; at most 3.0 MB"),
        (served(bytes(3_000_001)), BadMedia, "at most 3.0 MB"),
        (served(b"", 404), BadMedia, "HTTP 404"),
        (httpx2.ConnectError(""), Unreachable, "did not answer"),
    ):
        prober, _, _ = looking(answer)
        with pytest.raises(kind, match=words):
            await prober.fetch_to(URL, tmp_path / "new" / "b.mp4", 3_000_000)
    assert [path.name for path in target.parent.iterdir()] == ["a.mp4"]


@pytest.mark.anyio
async def test_a_file_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc")
        await writer.drain()
        if b"/reset" in head:
            reset(writer)

    async with listening(talk) as origin:
        prober = Prober(own_origin=origin)
        for path in ("/cut", "/reset"):
            with pytest.raises(Unreachable, match="broke off"):
                await prober.fetch_to(origin + path, tmp_path / "a.mp4", 1000)
        await prober.aclose()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    prober, _, _ = looking(served(b"abc"))
    with pytest.raises(StorageUnavailable, match="cannot be written"):
        await prober.fetch_to(URL, tmp_path / "file" / "a.mp4", 1000)

"""Looking at an address that an agent wrote: what a few bytes tell of it, without being led into the person's network.

An address is data from outside. It is followed by https to public addresses only; the name is resolved here and the
connection goes to the very address that was checked, so that a second answer of the name server changes nothing. No
credentials and no cookies go along. Only the provider's own origin is exempt: the simulated Kling is on this machine.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import urljoin
from urllib.request import getproxies, proxy_bypass

import httpx2

from kling_tools.client.addresses import Resolve, is_address, is_inward, is_public, resolved
from kling_tools.client.wire import AGAIN, is_loopback, version
from kling_tools.model.errors import BadMedia, StorageUnavailable, Unreachable

HEAD = 262_144
MAX_REDIRECTS = 3
FETCH_SECONDS = 600.0
_STALLED = 30.0
_MAX_URL = 4096
_TRIED = 3  # addresses of one name
_BLOCK = 1 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOST = re.compile(rb"[a-z0-9._:-]{1,253}")
_RANGE = re.compile(r"bytes\s+0-\d+/(\d+|\*)")
_MIME = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")
_ADVICE = "Pass an https address that anyone can open, or a file."

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Probed:
    """What a look told: bytes of the whole file, its type as the server names it, and up to 256 KiB from its start."""

    size: int | None = None
    mime: str = ""
    head: bytes = field(default=b"", repr=False)


@dataclass
class _Heard:
    """What has been told so far: a look that runs out of time keeps it."""

    size: int | None = None
    mime: str = ""
    head: bytearray = field(default_factory=bytearray)

    async def listen(self, answer: httpx2.Response) -> None:
        """Take in an answer's headers and the beginning of its body."""
        if answer.status_code not in (200, 206):
            return
        self.size = _size(answer)
        mime = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.mime = mime if _MIME.fullmatch(mime) else ""
        elsewhere = answer.status_code == 206 and not _RANGE.fullmatch(answer.headers.get("content-range", "").strip())
        if elsewhere or answer.headers.get("content-encoding", "identity") != "identity":
            return
        async with aclosing(_raw(answer)) as body:
            async for chunk in body:
                self.head += chunk[: HEAD - len(self.head)]
                if len(self.head) >= HEAD:
                    return


class Prober:
    """Looks at public addresses. `own_origin` is the provider's base URL, which may also be on this machine.

    `transport` stands in for the network at that origin, `network` for all the rest of it, `resolve` for name servers.
    """

    def __init__(
        self,
        own_origin: str = "",
        transport: httpx2.AsyncBaseTransport | None = None,
        *,
        network: httpx2.AsyncBaseTransport | None = None,
        resolve: Resolve = resolved,
        connect_seconds: float = 3.0,
        total_seconds: float = 6.0,
    ) -> None:
        self._own = _origin(httpx2.URL(own_origin)) if own_origin else None
        self._transport = transport
        self._network = network
        self._resolve = resolve
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._ways: dict[str, httpx2.AsyncBaseTransport] = {}
        self._tls: ssl.SSLContext | None = None

    async def look(self, url: str) -> Probed:
        """Return what an address tells within 6 seconds. Never fails: what could not be learnt is None or empty."""
        heard = _Heard()
        wanted = {"Range": f"bytes=0-{HEAD - 1}"}
        with suppress(Exception):  # an address from outside may break anything on the way, and nothing depends on it
            async with (
                asyncio.timeout(self._total_seconds),
                self._opened(url, self._connect_seconds, wanted) as answer,
            ):
                await heard.listen(answer)
        return Probed(heard.size, heard.mime, bytes(heard.head))

    async def fetch_to(self, url: str, target: Path, max_bytes: int) -> None:
        """Bring a public file to disk whole; nothing is left of it where that fails. `target` must not exist yet.

        Raises:
            BadMedia: the address is not public https, serves no file, or one of more than `max_bytes`.
            Unreachable: the wire broke. StorageUnavailable: the file cannot be written.
        """
        try:
            async with asyncio.timeout(FETCH_SECONDS), self._opened(url, 10.0, {}) as answer:
                if answer.status_code != 200:
                    raise BadMedia(f"The address answered HTTP {answer.status_code}.", advice=_ADVICE)
                await _kept(answer, target, max_bytes)
        except TimeoutError:
            raise Unreachable(f"The file did not arrive within {FETCH_SECONDS:g} s.", advice=AGAIN) from None

    async def aclose(self) -> None:
        """Close every connection."""
        ways, self._ways = list(self._ways.values()), {}
        for way in ways:
            await way.aclose()

    @asynccontextmanager
    async def _opened(self, url: str, connect: float, headers: dict[str, str]) -> AsyncIterator[httpx2.Response]:
        """Yield the answer at the end of at most three redirects, each of them judged like the first address."""
        may_be_own = True
        for _ in range(MAX_REDIRECTS + 1):
            here = _parsed(url)
            own = may_be_own and _origin(here) == self._own
            may_be_own = own  # a stranger does not lead us to this machine
            answer = await (self._ask_own(here, connect, headers) if own else self._ask(here, connect, headers))
            try:
                if answer.status_code not in _REDIRECTS:
                    yield answer
                    return
            finally:
                await answer.aclose()
            url = _next(url, answer.headers.get("location", ""))
        raise BadMedia(f"The address leads on more than {MAX_REDIRECTS} times.", advice=_ADVICE)

    async def _ask_own(self, url: httpx2.URL, connect: float, headers: dict[str, str]) -> httpx2.Response:
        way = self._transport or self._way("" if is_loopback(url.host) else _proxy(url))
        return await _sent(way, _request(url, connect, headers))

    async def _ask(self, url: httpx2.URL, connect: float, headers: dict[str, str]) -> httpx2.Response:
        """Ask a public server, at the address that was checked."""
        if url.scheme != "https" or url.userinfo or not url.host:
            raise BadMedia("Only https addresses without credentials are opened.", advice=_ADVICE)
        proxy = "" if self._network else _proxy(url)
        addresses = await self._checked(url, behind_proxy=bool(proxy))
        if proxy:
            return await _sent(self._way(proxy), _request(url, connect, headers))
        for number, address in enumerate(addresses[:_TRIED], 1):
            try:
                return await _sent(self._network or self._way(""), _request(url, connect, headers, address))
            except Unreachable:
                if number == min(len(addresses), _TRIED):
                    raise
        raise Unreachable("The address has no server.", advice=AGAIN)

    async def _checked(self, url: httpx2.URL, *, behind_proxy: bool) -> Sequence[str]:
        """Return the addresses of a public server; all of them have to be public."""
        try:
            async with asyncio.timeout(self._connect_seconds):
                found = [url.host] if is_address(url.host) else await self._resolve(url.host, url.port or 443)
        except (OSError, UnicodeError, TimeoutError):
            if behind_proxy and not is_inward(url.host):
                return ()  # where only the proxy knows the names, it decides
            raise Unreachable("The address's server is not known.", advice=AGAIN) from None
        if not found or not all(is_public(address) for address in found):
            raise BadMedia("The address is not one of the public internet.", advice=_ADVICE)
        return found

    def _way(self, proxy: str) -> httpx2.AsyncBaseTransport:
        """Return the transport through a proxy, or directly; no connection is kept: an address may have two names."""
        if proxy not in self._ways:
            self._tls = self._tls or httpx2.create_ssl_context()
            limits = httpx2.Limits(max_connections=10, max_keepalive_connections=0)
            try:
                self._ways[proxy] = httpx2.AsyncHTTPTransport(verify=self._tls, limits=limits, proxy=proxy or None)
            except (ValueError, ImportError, httpx2.InvalidURL):
                raise Unreachable("The proxy of this machine cannot be used.", advice="Check HTTPS_PROXY.") from None
        return self._ways[proxy]


def _parsed(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url) if len(url) <= _MAX_URL else httpx2.URL()
        if _HOST.fullmatch(parsed.raw_host) and (parsed.port or 0) < 65_536:
            return parsed
    except (httpx2.InvalidURL, ValueError, TypeError):
        pass
    raise BadMedia("That is not an address.", advice=_ADVICE)


def _next(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise BadMedia("The address leads on to what is not an address.", advice=_ADVICE) from None


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _proxy(url: httpx2.URL) -> str:
    """Return the proxy that the environment names for an address."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all") or ""
    if not proxy or proxy_bypass(url.host):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _request(url: httpx2.URL, connect: float, headers: dict[str, str], address: str = "") -> httpx2.Request:
    """Return a GET, to an address of the server where one is given; name and certificate stay the URL's."""
    timeout = {"connect": connect, "read": _STALLED, "write": connect, "pool": connect}
    extensions = {"timeout": timeout, **({"sni_hostname": url.raw_host.decode("ascii")} if address else {})}
    own = {"Host": url.netloc.decode("ascii"), "User-Agent": f"kling-mcp/{version()}", "Accept-Encoding": "identity"}
    where = url.copy_with(host=address) if address else url
    return httpx2.Request("GET", where.copy_with(fragment=None), headers={**own, **headers}, extensions=extensions)


async def _sent(way: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    try:
        return await way.handle_async_request(request)
    except Exception as error:  # whatever the transport throws: here it is the wire
        raise Unreachable(f"The address did not answer ({type(error).__name__}).", advice=AGAIN) from None


def _size(answer: httpx2.Response) -> int | None:
    if answer.status_code == 206:
        found = _RANGE.fullmatch(answer.headers.get("content-range", "").strip())
        return int(found[1]) if found and found[1] != "*" else None
    length = answer.headers.get("content-length", "")
    encoded = answer.headers.get("content-encoding", "identity") != "identity"
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 and not encoded else None


async def _kept(answer: httpx2.Response, target: Path, max_bytes: int) -> None:
    """Write a body beside the target and give it its name once it is whole."""
    size = _size(answer)
    if size is not None and size > max_bytes:
        raise _too_large(size, max_bytes)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    fd = await _on_disk(target.parent, _created, part)
    try:
        try:
            await _poured(answer, fd, target.parent, max_bytes)
            await _on_disk(target.parent, os.fsync, fd)
        finally:
            os.close(fd)
        await _on_disk(target.parent, os.replace, part, target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


async def _poured(answer: httpx2.Response, fd: int, folder: Path, max_bytes: int) -> None:
    at, block = 0, bytearray()
    async with aclosing(_raw(answer)) as body:
        async for chunk in body:
            block += chunk
            if at + len(block) > max_bytes:
                raise _too_large(at + len(block), max_bytes)
            if len(block) >= _BLOCK:
                await _on_disk(folder, _written, fd, bytes(block))
                at, block = at + len(block), bytearray()
    await _on_disk(folder, _written, fd, bytes(block))


async def _raw(answer: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes over the wire, never unpacked: what is packed may be a bomb."""
    async with aclosing(answer.aiter_raw()) as body:
        while True:
            try:
                chunk = await anext(body)
            except StopAsyncIteration:
                return
            except Exception as error:  # whatever the transport throws: here it is the wire
                raise Unreachable(f"The file broke off ({type(error).__name__}).", advice=AGAIN) from None
            yield chunk


def _too_large(size: int, most: int) -> BadMedia:
    return BadMedia(f"The file has {size / 1e6:.1f} MB or more; at most {most / 1e6:.1f} MB are fetched.")


def _created(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)


def _written(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


async def _on_disk(folder: Path, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Do disk work in a thread; when cancelled, wait for it first: its descriptor may soon be another file's."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StorageUnavailable(f"{folder} cannot be written: {reason}.", advice="Free some space there.") from error

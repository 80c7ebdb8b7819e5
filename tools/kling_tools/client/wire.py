"""The one place where bytes leave: builds the HTTP client and turns what breaks into the house's own errors.

The border's question is whether the request may have arrived. `Unreachable` means that it did not; everything that goes
wrong from the first byte on is `Unsure`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from ipaddress import ip_address

import httpx2

from kling_tools.client.signing import KlingJWT, StaticKey
from kling_tools.clock import Clock
from kling_tools.model.errors import BadSettings, KlingError, ProviderBroken, Unreachable, Unsure, quoted
from kling_tools.providers.dialect import WireAnswer, WireCall
from kling_tools.providers.registry import Connection
from kling_tools.providers.vendor import Vendor
from kling_tools.telemetry import span

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
MAX_ANSWER = 64 * 1024 * 1024
AGAIN = "It may be asked again."

#: What happens before the first byte of a request. Upstream's own text is shown only where it cannot hold a secret.
NOTHING_LEFT: Mapping[type[Exception], str] = {
    httpx2.ConnectTimeout: "no connection in time",
    httpx2.PoolTimeout: "too many requests at once",
    httpx2.ConnectError: "",
    httpx2.ProxyError: "the proxy refused",
    httpx2.UnsupportedProtocol: "not an http address",
    httpx2.InvalidURL: "not an address",
    httpx2.LocalProtocolError: "the request is not valid HTTP",
}


@dataclass(frozen=True)
class Stream:
    """A download that has begun. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    _response: httpx2.Response = field(repr=False)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            Unreachable: the wire broke.
        """
        # As it comes, in no fixed size: what waits for a chunk to fill is lost when the wire breaks.
        async with aclosing(self._response.aiter_bytes()) as body:
            while True:
                try:
                    chunk = await anext(body)
                except StopAsyncIteration:
                    return
                except Exception as error:  # whatever the transport throws: here it is the wire
                    raise Unreachable(f"The download broke off: {_cause(error)}.", advice=AGAIN) from None
                yield chunk


class Wire:
    """One provider's connection. `transport` stands in for the network at the provider's own address.

    `read_seconds` is how long nothing may come before the wire counts as broken.

    Raises:
        BadSettings: a base URL that would carry the credentials in the clear, or is none.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        transport: httpx2.AsyncBaseTransport | None = None,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.base_url = connection.base_url.rstrip("/")
        self._connection = connection
        self._origin = _checked(self.base_url, connection.vendor, in_process=transport is not None)
        self._auth = _auth(connection, clock)
        self._transport = transport
        self._timeout = httpx2.Timeout(read_seconds, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        self._clients: dict[bool, httpx2.AsyncClient] = {}
        self._told = {"gen_ai.provider.name": connection.provider, "server.address": self._origin[1]}

    def __repr__(self) -> str:
        """Show where it leads, and no secret."""
        return f"Wire({self.base_url!r})"

    async def send(self, call: WireCall) -> WireAnswer:
        """Send one request, signed, and return the whole answer; a span tells of it, without its path.

        Raises:
            Unreachable, Unsure, ProviderBroken: as in `_sent`.
        """
        with span(call.method, {**self._told, "http.request.method": call.method}, client=True) as told:
            answer = await self._sent(call)
            told.set_attribute("http.response.status_code", answer.status)
            if answer.status >= 400:
                told.set_attribute("error.type", str(answer.status))
            return answer

    async def _sent(self, call: WireCall) -> WireAnswer:
        """Send one request, signed, and return the whole answer; redirects are not followed.

        Raises:
            Unreachable: nothing left. Unsure: the wire broke after that. ProviderBroken: the answer is far too large.
        """
        headers = {"Accept": "application/json"}
        content: bytes | None = None
        if call.body is not None:
            content = json.dumps(call.body, separators=(",", ":"), allow_nan=False).encode("ascii")
            headers["Content-Type"] = "application/json"
        elif call.content is not None:
            content = call.content
            headers["Content-Type"] = call.mime
        base = self._address(call.host)
        client = self._client(own=self.owns(base))
        # An address that only an answer named gets a file, and never the key.
        auth = None if "://" in call.host else self._auth
        try:
            request = client.build_request(
                call.method,
                base + call.path,
                params=list(call.query) or None,
                content=content,
                headers={**headers, **dict(call.headers)},
                timeout=self._timeout,
            )
            response = await client.send(request, auth=auth, stream=True, follow_redirects=False)
            try:
                body = await _whole(response, base)
            finally:
                await response.aclose()
        except KlingError:
            raise
        except Exception as error:  # an in-process transport throws whatever its application throws
            raise _translated(error, base) from None
        return WireAnswer(status=response.status_code, body=body, headers=_lower(response.headers), host=self.base_url)

    def _address(self, host: str) -> str:
        """Return the address that a call goes to.

        Raises:
            ProviderBroken: a provider named one that is not its own https.
        """
        if not host:
            return self.base_url
        if "://" not in host:
            return self._connection.host(host)
        if not (host.startswith("https://") or self.owns(host)):
            raise ProviderBroken(f"{self._connection.vendor.title} named an address that is not https.")
        return host.rstrip("/")

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        """Open a download without credentials and without following redirects.

        Raises:
            Unreachable: no answer; a download may be repeated, so it does not matter how far it came.
        """
        client = self._client(own=self.owns(url))
        try:
            request = client.build_request("GET", url, headers=dict(headers), timeout=self._timeout)
            response = await client.send(request, auth=None, stream=True, follow_redirects=False)
        except Exception as error:
            raise Unreachable(f"The file server did not answer: {_cause(error)}.", advice=AGAIN) from None
        try:
            yield Stream(response.status_code, _lower(response.headers), response)
        finally:
            await response.aclose()

    def owns(self, url: str) -> bool:
        """Whether an address lies on the provider's own server."""
        try:
            return _origin(httpx2.URL(url)) == self._origin
        except (httpx2.InvalidURL, ValueError, TypeError):
            return False

    async def aclose(self) -> None:
        """Close every connection."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    def _client(self, *, own: bool) -> httpx2.AsyncClient:
        """Return the client for the provider's own server or for the rest of the world, built when first needed."""
        if own not in self._clients:
            self._clients[own] = httpx2.AsyncClient(
                transport=self._transport if own else None,
                headers={"User-Agent": f"kling-mcp/{version()}"},
                follow_redirects=False,
                trust_env=not (own and is_loopback(self._origin[1])),  # a proxy does not know this machine's servers
            )
        return self._clients[own]


@cache
def version() -> str:
    """Return the installed version."""
    try:
        return metadata.version("kling-mcp")
    except metadata.PackageNotFoundError:
        return "0"


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _checked(base_url: str, vendor: Vendor, *, in_process: bool) -> tuple[str, str, int | None]:
    """Return the origin of a base URL that may carry credentials."""
    try:
        url = httpx2.URL(base_url)
    except (httpx2.InvalidURL, ValueError, TypeError):
        raise BadSettings(f"{vendor.base} is not an address.", advice="Use https://host.") from None
    if url.userinfo:
        raise BadSettings(f"{vendor.base} has credentials in it.", advice=f"Put keys into {vendor.key}, not the URL.")
    if not url.host or url.scheme not in ("http", "https") or url.query or url.fragment:
        raise BadSettings(f"{vendor.base} {quoted(base_url, 80)} is not an address.", advice="Use https://host.")
    if url.scheme == "http" and not (in_process or is_loopback(url.host)):
        raise BadSettings(
            f"{vendor.base} {quoted(base_url, 80)} would send the key in the clear.",
            advice="Use https; plain http is for this machine only.",
        )
    return _origin(url)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _auth(connection: Connection, clock: Clock) -> httpx2.Auth | None:
    if connection.api_key:
        return StaticKey(connection.api_key, connection.vendor)
    if connection.access_key:
        return KlingJWT(connection.access_key, connection.secret_key, clock)
    return None


async def _whole(response: httpx2.Response, host: str) -> bytes:
    body = bytearray()
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > MAX_ANSWER:
                raise ProviderBroken(f"The answer of {host} is larger than {MAX_ANSWER // 2**20} MB.")
    return bytes(body)


def _translated(error: Exception, host: str) -> KlingError:
    if isinstance(error, tuple(NOTHING_LEFT)):
        return Unreachable(f"No connection to {host}: {_cause(error)}.")
    if isinstance(error, httpx2.TimeoutException):
        return Unsure(f"{host} did not answer in time ({type(error).__name__}).")
    return Unsure(f"The connection to {host} broke after the request was sent ({type(error).__name__}).")


def _cause(error: Exception) -> str:
    for kind, words in NOTHING_LEFT.items():
        if isinstance(error, kind):
            return words or quoted(error, 160)
    return type(error).__name__


def _lower(headers: httpx2.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}

"""Fetching a result's file: an address from outside is followed with care and without credentials.

Stands in client/ because it is on the wire; where the bytes go is the business of files/ (kling-official 2.6, 12.15).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from kling_tools.client.wire import AGAIN, Stream, Wire, is_loopback
from kling_tools.model.errors import LinkExpired, Unreachable

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: These may pass; every other 4xx says that the address itself has no file for us any more.
_PASSING = frozenset({408, 425, 429})
_RANGE = re.compile(r"bytes\s+(?:\d+-\d+|\*)/(\d+)")


@dataclass(frozen=True)
class Download:
    """A file that begins to arrive: `status` 200 is the whole, 206 the asked part, 416 nothing left (start over).

    `total` is the size of the whole file where the server tells it.
    """

    status: int
    total: int | None
    etag: str
    _stream: Stream = field(repr=False)

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes as they come.

        Raises:
            Unreachable: the wire broke; ask again from where it stopped.
        """
        return self._stream.chunks()


@asynccontextmanager
async def open_download(wire: Wire, url: str, *, offset: int = 0, etag: str = "") -> AsyncIterator[Download]:
    """Open a file from `offset` on; with `etag` only if it is still the same file, else from the start.

    Raises:
        LinkExpired: the address does not serve the file any more, or leads where we do not go.
        Unreachable: the wire broke, or the server is in trouble.
    """
    headers = {"Accept-Encoding": "identity"}  # a compressed body has neither our offsets nor our length
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if etag and not etag.startswith("W/"):  # a weak one must not be used here (RFC 9110, 13.1.5)
            headers["If-Range"] = etag
    async with AsyncExitStack() as stack:
        for _ in range(MAX_REDIRECTS + 1):
            _check(wire, url)
            stream = await stack.enter_async_context(wire.stream(url, headers))
            if stream.status not in _REDIRECTS:
                _judge(stream.status)
                yield Download(stream.status, _total(stream), stream.headers.get("etag", ""), stream)
                return
            await stack.aclose()
            url = _next(url, stream.headers.get("location", ""))
        raise LinkExpired(f"The file's address leads on more than {MAX_REDIRECTS} times.")


def _next(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise LinkExpired("The file's address leads on to what is not an address.") from None


def _check(wire: Wire, url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise LinkExpired("The file's address is not an address.") from None
    plain = parts.scheme == "http" and (is_loopback(host) or wire.owns(url))
    if not host or not (plain or parts.scheme == "https") or parts.username is not None:
        raise LinkExpired("The file's address leads where kling-mcp does not go (https only).")


def _judge(status: int) -> None:
    if status in (200, 206, 416):
        return
    if 400 <= status < 500 and status not in _PASSING:
        raise LinkExpired(f"The address of the result does not serve the file any more (HTTP {status}).")
    raise Unreachable(f"The file server answered HTTP {status}.", advice=AGAIN)


def _total(stream: Stream) -> int | None:
    headers: Mapping[str, str] = stream.headers
    if stream.status in (206, 416):
        found = _RANGE.fullmatch(headers.get("content-range", "").strip())
        return int(found[1]) if found else None
    length = headers.get("content-length", "")
    encoded = headers.get("content-encoding", "identity") != "identity"
    return int(length) if length.isascii() and length.isdigit() and not encoded else None

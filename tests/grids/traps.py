"""The moments of a server's life at which it can be ended: around every write to its journal and on its wire.

Both are seen at the seams that the house has for them (`Between`); nothing of it is replaced. A trap counts the moments
by name, and at the chosen one tells its watcher and ends or stops its own process, in the thread that came there.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2

from kling_tools.connect import Between
from kling_tools.jobs.database import Connection, Store
from kling_tools.jobs.presence import Presence

T = TypeVar("T")

#: A create that has no answer after that long is on its way: the simulated Kling takes its time to accept.
ON_ITS_WAY = 0.1
HIT = "!"
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass
class Trap:
    """Where and how this process ends; with no point it only tells every moment it comes to."""

    report: int
    point: str = ""
    how: str = "kill"
    seen: Counter[str] = field(default_factory=Counter)

    def at(self, moment: str) -> None:
        """Come to a moment."""
        self.seen[moment] += 1
        name = moment if self.seen[moment] == 1 else f"{moment} #{self.seen[moment]}"
        if not self.point:
            os.write(self.report, f"{name}\n".encode())
        elif name == self.point:
            os.write(self.report, f"{HIT}\n".encode())
            # To this very thread: it does not get one step further, whatever the others do.
            signal.pthread_kill(threading.get_ident(), SIGNALS[self.how])


class Traced:
    """A connection whose transaction gets the name of what it writes into the history."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self.written: list[str] = []
        self.row, self.rows, self.alone = db.row, db.rows, db.alone

    def run(self, name: str, **values: Any) -> None:
        """Execute a named statement."""
        if name == "insert_history":
            self.written.append(f"{values['event']} ({values['status']})")
        self._db.run(name, **values)


class TrappedStore:
    """A journal with a trap before and after every commit."""

    def __init__(self, store: Store, trap: Trap) -> None:
        self._store = store
        self._trap = trap
        self.place, self.read, self.close = store.place, store.read, store.close
        self.examine, self.keep_words = store.examine, store.keep_words

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Write."""
        name = ""

        def traced(db: Connection) -> T:
            nonlocal name
            told = Traced(db)
            result = work(told)
            if name := " and ".join(told.written):
                self._trap.at(f"{name}, before its commit")
            return result

        result = await self._store.do(traced)
        if name:
            self._trap.at(f"{name}, after its commit")
        return result


class TrappedWire(httpx2.AsyncBaseTransport):
    """A network with a trap before every request, while it is out, after its answer, and in the middle of a file."""

    def __init__(self, trap: Trap) -> None:
        self._trap = trap
        self._wire = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry one request."""
        kind = kind_of(request)
        self._trap.at(f"{kind}, before it leaves")
        sending = asyncio.create_task(self._wire.handle_async_request(request))
        try:
            if kind == "create" and not (await asyncio.wait({sending}, timeout=ON_ITS_WAY))[0]:
                self._trap.at(f"{kind}, on its way")
            response = await sending
        finally:
            sending.cancel()
        self._trap.at(f"{kind}, answered")
        if kind == "file":
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = TrappedFile(response.stream, self._trap)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()


class TrappedFile(httpx2.AsyncByteStream):
    """A file on its way."""

    def __init__(self, stream: httpx2.AsyncByteStream, trap: Trap) -> None:
        self._stream = stream
        self._trap = trap

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield its parts."""
        begun = False
        async for part in self._stream:
            if begun:
                self._trap.at("file, in the middle")
            begun = True
            yield part
        self._trap.at("file, all of it")

    async def aclose(self) -> None:
        """Let go of it."""
        await self._stream.aclose()


def kind_of(request: httpx2.Request) -> str:
    """Return what a request is for."""
    path = request.url.path
    if path.startswith("/files/"):
        return "file"
    if request.method == "POST" and path != "/tasks":
        return "create"
    return "look-up" if "external_task_ids" in request.url.params else "look"


class Unseen:
    """For the control: a house to which no other process seems alive."""

    def __init__(self, presence: Presence) -> None:
        self.name, self.stands = presence.name, presence.stands

    async def lives_elsewhere(self, name: str) -> bool:
        """See nobody."""
        return False


def between(trap: Trap | None, *, unseen: bool) -> Between:
    """Return what stands between a server on trial and its disk and wire."""
    presence: Callable[[Presence], Presence] = Unseen if unseen else lambda presence: presence
    if trap is None:
        return Between(presence=presence)
    return Between(lambda store: TrappedStore(store, trap), presence, TrappedWire(trap))

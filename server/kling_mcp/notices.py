"""Telling clients that something moved: whoever subscribed to a task, and whoever has the list of them.

Moves come from the studio, its own and those of other processes. They are gathered for a moment, so that a burst is one
notice for each address; nobody is told of another caller's. Since 2026-07-28 a client listens on a stream of its own,
which the SDK serves from a bus; before, it subscribed on its connection, and those are kept here for as long as the
connection lives.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.lowlevel
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from kling_mcp.callers import calling

if TYPE_CHECKING:
    from kling_tools.jobs.moves import Move

log = logging.getLogger(__name__)

#: What happens within this is told at once, together.
GATHER_SECONDS = 0.1
#: A client that takes nothing for so long is not told any more.
SEND_SECONDS = 5.0
#: Addresses that one connection, or one stream, may subscribe to, and letters of one.
MOST_SUBSCRIBED, LONGEST_ADDRESS = 1000, 500
#: Tasks whose last status is kept, so that what is no news is not told.
MOST_KNOWN = 20_000

TASKS = "kling://tasks"
ACCOUNT = "kling://account"
ENDED = frozenset({"succeeded", "failed", "cancelled", "ended"})


class Line(Protocol):
    """A client's connection: `at_end` says when it is over; telling it something may wait until it takes it."""

    def at_end(self, forget: Callable[[], None]) -> None:
        """Call this then."""
        ...

    async def updated(self, uri: str) -> None:
        """Tell that an address reads otherwise."""
        ...

    async def list_changed(self) -> None:
        """Tell that there are other addresses."""
        ...


class Bus:
    """Where streams of the newer protocol listen: each hears what is its caller's, or nobody knows whose."""

    def __init__(self) -> None:
        self._listeners: dict[object, tuple[str, Callable[[ServerEvent], None]]] = {}

    @property
    def streams(self) -> int:
        """How many listen."""
        return len(self._listeners)

    async def publish(self, event: ServerEvent, caller: str | None = None) -> None:
        """Tell who listens; a checkpoint lets streams take it before there is more."""
        for whose, listener in list(self._listeners.values()):
            if caller is None or caller == whose:
                listener(event)
        await anyio.lowlevel.checkpoint()

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Tell a listener from now on, as the caller whose request this is; return what ends it."""
        key = object()
        self._listeners[key] = (calling(), listener)

        def leave() -> None:
            self._listeners.pop(key, None)

        return leave


class Notices:
    """Who wants to be told what, and what is still to be told."""

    def __init__(self, *, patience: float = SEND_SECONDS) -> None:
        self._patience = patience
        self.bus = Bus()
        self._since = 0.0
        self._known: OrderedDict[str, tuple[str, str | None]] = OrderedDict()
        self._updated: dict[tuple[str | None, str], None] = {}
        self._listed: set[str | None] = set()
        self._news = anyio.Event()
        self._over = False
        self._callers: dict[Line, str] = {}
        self._subscribed: dict[Line, set[str]] = {}
        self._listing: set[Line] = set()

    @property
    def listeners(self) -> int:
        """How many are told something: connections of the older protocol, and streams of the newer."""
        return len({*self._subscribed, *self._listing}) + self.bus.streams

    def begin(self, now: float) -> None:
        """Take tasks that were made before this moment for known to everybody."""
        self._since = now

    def hear(self, move: Move) -> None:
        """Take a move, unless it is no news."""
        status = move.status.shown if move.status else "ended"
        before, whose = self._known.get(move.task_id, (None, None))
        caller = whose if move.caller is None else move.caller
        if before == status or (status == "ended" and before in ENDED):
            return
        self._known[move.task_id] = (status, caller)
        self._known.move_to_end(move.task_id)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        self._updated |= dict.fromkeys((caller, uri) for uri in _addresses(move, status))
        if before is None and (move.created is None or move.created >= self._since):
            self._listed.add(caller)
        self._news.set()

    # --- clients of the older protocol --------------------------------------------------------------------------------

    def subscribe(self, line: Line, uri: str) -> None:
        """Tell a connection from now on when this address changes.

        Raises:
            MCPError: it has too many, or this is none of ours.
        """
        check_addresses({*self._subscribed.get(line, ()), uri})
        if line not in self._subscribed:
            self._subscribed[line] = set()
            self._keep(line)
        self._subscribed[line].add(uri)

    def unsubscribe(self, line: Line, uri: str) -> None:
        """Tell it no more."""
        self._subscribed.get(line, set()).discard(uri)

    def shown_the_list(self, line: Line) -> None:
        """Tell a connection from now on when the list of resources changes: it has seen one."""
        if line not in self._listing:
            self._listing.add(line)
            self._keep(line)

    def _keep(self, line: Line) -> None:
        self._callers[line] = calling()
        line.at_end(lambda: self._forget(line))

    def _forget(self, line: Line) -> None:
        self._callers.pop(line, None)
        self._subscribed.pop(line, None)
        self._listing.discard(line)

    # --- telling ------------------------------------------------------------------------------------------------------

    def enter(self) -> None:
        """Let telling begin, until `leave`."""
        self._over = False

    def leave(self) -> None:
        """Tell no more."""
        self._over = True
        self._news.set()

    async def keep_telling(self) -> None:
        """Tell what there is to tell, until `leave`."""
        while not self._over:
            await self._news.wait()
            if self._over:
                return
            await anyio.sleep(GATHER_SECONDS)
            updated, listed = list(self._updated), self._listed
            self._updated, self._listed, self._news = {}, set(), anyio.Event()
            try:
                await self._tell(updated, listed)
            except Exception:  # telling is a service; nothing that was paid for hangs on it
                log.exception("clients could not be told")

    async def _tell(self, updated: list[tuple[str | None, str]], listed: set[str | None]) -> None:
        for caller in listed:
            await self.bus.publish(ResourcesListChanged(), caller)
        for caller, uri in updated:
            await self.bus.publish(ResourceUpdated(uri=uri), caller)
        async with anyio.create_task_group() as tasks:
            for line, whose in self._callers.items():
                told, asked = {None, whose}, self._subscribed.get(line, ())
                wanted = [uri for caller, uri in updated if caller in told and uri in asked]
                changed = line in self._listing and not told.isdisjoint(listed)
                if wanted or changed:
                    tasks.start_soon(self._tell_one, line, wanted, changed)

    async def _tell_one(self, line: Line, updated: list[str], listed: bool) -> None:
        with anyio.move_on_after(self._patience) as patience:
            if listed:
                await line.list_changed()
            for uri in updated:
                await line.updated(uri)
        if patience.cancelled_caught:
            log.info("a client takes no notices; it is told no more")
            self._forget(line)


def check_addresses(uris: Collection[str]) -> None:
    """Refuse more than one client may subscribe to at a time.

    Raises:
        MCPError: these are too many, or one is none of ours.
    """
    if any(len(uri) > LONGEST_ADDRESS for uri in uris):
        raise MCPError(INVALID_PARAMS, f"No address has more than {LONGEST_ADDRESS} letters.")
    if len(uris) > MOST_SUBSCRIBED:
        raise MCPError(INVALID_PARAMS, f"No more than {MOST_SUBSCRIBED} subscriptions; end some.")


def _addresses(move: Move, status: str) -> Iterator[str]:
    """Yield what reads otherwise after a move."""
    own = f"{TASKS}/{move.task_id}"
    yield own
    yield TASKS
    yield ACCOUNT
    if move.film:
        yield f"{TASKS}/{move.film}"
    if status in ENDED:
        yield f"{own}/video"
        yield f"{own}/sheet"

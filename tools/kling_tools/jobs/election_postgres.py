"""Which replica is alive, and which looks at which account: locks of one session per replica, freed when it ends.

Every replica holds a lock that says that it is there, and wants the accounts that fall to it among those who are: so
the work is spread, moves on when one comes or goes, and nobody keeps a list. Who watches is decided by the lock on the
account alone; two that see different replicas for a moment do not both get it. It costs one or two queries a second,
however many accounts there are.

The same lock says under which name the replica is alive. A session that ends takes the name with it, and the next one
has another: what was claimed under the first is no longer this replica's to send.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from kling_tools.clock import Clock
from kling_tools.jobs.postgres import connect, described, lock_key
from kling_tools.model.errors import KlingError, StorageUnavailable

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

#: How old the last look at the locks may be.
REFRESH_SECONDS = 1.0
#: The first half of every lock that says "a replica is there"; the second is the replica's own number.
_PRESENT = lock_key("present") & 0x7FFF_FFFF
_TAKE = "SELECT key FROM unnest(CAST(%s AS bigint[])) AS key WHERE pg_try_advisory_lock(key)"
_LEAVE = "SELECT pg_advisory_unlock(key) FROM unnest(CAST(%s AS bigint[])) AS key"
_WHO = """
SELECT CAST(objid AS bigint) FROM pg_locks
WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class SessionOffices:
    """This replica's offices of watcher. One session of its own holds them all."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._me = 0
        self._asked: dict[str, int] = {}
        self._held: frozenset[int] = frozenset()
        self._present: frozenset[int] = frozenset()
        self._wanted: frozenset[int] = frozenset()
        self._looked = float("-inf")
        self._raw: psycopg.Connection[tuple[Any, ...]] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="offices")
        self._one_look = asyncio.Lock()

    async def holds(self, account: str) -> bool:
        """Whether this replica is, or now becomes, the account's watcher. Waits for the server, not for others.

        Raises:
            StorageUnavailable: the database is gone, and every office with it.
        """
        key = self._asked.get(account)
        if key is None:
            key = self._asked[account] = lock_key(f"watch {account}")
            self._present = frozenset()  # who wants what is reckoned anew
        async with self._one_look:
            now = self._clock.monotonic()
            if not 0 <= now - self._looked < REFRESH_SECONDS:
                await self._in_session(self._look)
                self._looked = now
        return key in self._held

    async def name(self) -> str:
        """Return the name under which this replica's session is known.

        Raises:
            StorageUnavailable
        """
        return await self._in_session(lambda raw: str(self._me))

    async def stands(self, name: str) -> bool:
        """Whether the session of that name is this replica's, and answers now."""

        def asked() -> bool:
            if self._raw is None or name != str(self._me):
                return False
            self._ask(lambda raw: raw.execute(b"SELECT 1"))
            return True

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, asked)
        except StorageUnavailable:
            return False

    async def lives_elsewhere(self, name: str) -> bool:
        """Whether another replica's session of that name is there.

        Raises:
            StorageUnavailable
        """
        if not name:
            return False

        def present(raw: psycopg.Connection[tuple[Any, ...]]) -> bool:
            return name != str(self._me) and name in {str(row[0]) for row in raw.execute(_WHO, [_PRESENT]).fetchall()}

        return await self._in_session(present)

    async def close(self) -> None:
        """Leave every office to whoever asks next, and give up the name."""
        await asyncio.to_thread(self._thread.shutdown, wait=True)
        self._drop()

    def _look(self, raw: psycopg.Connection[tuple[Any, ...]]) -> None:
        present = frozenset(row[0] for row in raw.execute(_WHO, [_PRESENT]).fetchall())
        if present != self._present:
            self._present = present
            self._wanted = frozenset(k for k in self._asked.values() if falls_to(k, present) == self._me)
        if surplus := self._held - self._wanted:
            raw.execute(_LEAVE, [list(surplus)])
            self._held -= surplus
        if missing := self._wanted - self._held:
            self._held |= {row[0] for row in raw.execute(_TAKE, [list(missing)]).fetchall()}

    async def _in_session(self, work: Callable[[psycopg.Connection[tuple[Any, ...]]], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, work)

    def _ask(self, work: Callable[[psycopg.Connection[tuple[Any, ...]]], T]) -> T:
        """Do something in the session, in its thread; whatever goes wrong there ends it."""
        try:
            return work(self._session())
        except KlingError:
            self._drop()
            raise
        except Exception as error:
            self._drop()
            raise StorageUnavailable(
                f"The journal's {described(self._url)} cannot be reached ({type(error).__name__}).",
                advice="Start it again or mend KLING_DATABASE_URL.",
            ) from None

    def _session(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._raw is None:
            raw = connect(self._url)
            try:
                self._me = secrets.randbits(31)
                raw.execute("SELECT pg_advisory_lock(%s, %s)", [_PRESENT, self._me])
            except BaseException:
                raw.close()
                raise
            self._raw = raw
        return self._raw

    def _drop(self) -> None:
        raw, self._raw = self._raw, None
        self._held = self._present = self._wanted = frozenset()
        if raw is not None:
            raw.close()


def falls_to(key: int, present: Collection[int]) -> int | None:
    """Return to which of the replicas an account falls: when one comes or goes, only its share moves."""
    return max(present, key=lambda one: hashlib.sha256(f"{one} {key}".encode()).digest(), default=None)

"""The journal on a PostgreSQL that several machines share: a few connections in threads, and the same named statements.

Transactions are READ COMMITTED and hold what they judge by: the row of a task, or an advisory lock on what no row
stands for (`alone`). SERIALIZABLE was not taken: everybody who spends reads the same day's sum, so under load nearly
every transaction would be run again, and a bounded number of times is not enough for all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from kling_tools.jobs.database import Connection, migrations, statements
from kling_tools.jobs.postgres import connect, described, lock_key
from kling_tools.model.errors import StorageUnavailable

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

#: Transactions at a time in this process that only read. One writes: what is claimed first is also sent first.
READERS = 3
#: How often a transaction is begun that lost its connection, or its turn, before it was committed.
ATTEMPTS = 4
#: How long it is asked whether a commit that was not answered has come through.
VERDICT_SECONDS = 10.0
VERDICT_PAUSE = 0.2


class PostgresConnection:
    """The statements by name, inside one transaction."""

    def __init__(self, raw: psycopg.Connection[tuple[Any, ...]], *, writing: bool) -> None:
        self.raw = raw
        self._writing = writing

    def run(self, name: str, **values: Any) -> None:
        """Execute a named statement."""
        self._execute(name, values)

    def row(self, name: str, **values: Any) -> tuple[Any, ...] | None:
        """Return the first row of a named query."""
        return self._execute(name, values).fetchone()

    def rows(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a named query."""
        return self._execute(name, values).fetchall()

    def expression(self, words: str) -> str:
        """Return nothing: whether its index of words helps is the server's to judge."""
        return ""

    def alone(self, about: str) -> None:
        """Wait until no other transaction anywhere is about this; the lock goes with the transaction."""
        self.raw.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(about)])

    def _execute(self, name: str, values: dict[str, Any]) -> psycopg.Cursor[tuple[Any, ...]]:
        known = postgres_statements()
        text = (known.get(f"{name}_for_change") if self._writing else None) or known[name]
        # No text here can hold a zero byte, and foreign words may have one.
        told = {k: v.replace("\0", "\ufffd") if isinstance(v, str) else v for k, v in values.items()}
        return self.raw.execute(text, told)


class PostgresStore:
    """An open journal in a database. Opens no connection before it is needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: list[psycopg.Connection[tuple[Any, ...]]] = []
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="journal-reader")
        self._migrated = False

    @property
    def place(self) -> str:
        """Return where it is, without user and password."""
        return described(self._url)

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; all of it is durable, or none. Run again where the connection broke before.

        Raises:
            StorageUnavailable: the database is not there, or refuses.
        """
        return await _in(self._writer, lambda: self._transact(work, writing=True))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot."""
        return await _in(self._readers, lambda: self._transact(work, writing=False))

    async def examine(self) -> None:
        """See that it answers: its pages are the server's to check."""
        await self.read(lambda db: db.row("position"))

    async def keep_words(self) -> None:
        """Hold: the server keeps its index by itself."""

    async def close(self) -> None:
        """Finish what is under way and hang up."""
        for threads in (self._writer, self._readers):
            await asyncio.to_thread(threads.shutdown, wait=True)
        self._hang_up()

    def _transact(self, work: Callable[[Connection], T], *, writing: bool) -> T:
        attempt = 0
        while True:
            attempt += 1
            with self._translated():
                raw = self._take()
                try:
                    return self._once(raw, work, writing=writing)
                except _any_error() as error:
                    gone = raw.closed or error.sqlstate in _GONE
                    if gone:
                        self._hang_up()  # what ended this connection ended those that lie idle
                    if attempt >= ATTEMPTS or not (gone or error.sqlstate in _TURNS):
                        raise
                finally:
                    self._give_back(raw)

    def _once(self, raw: psycopg.Connection[tuple[Any, ...]], work: Callable[[Connection], T], *, writing: bool) -> T:
        raw.execute(b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE" if writing else _READING)
        try:
            result = work(PostgresConnection(raw, writing=writing))
            name = _name_of(raw) if writing else None
        except BaseException:
            with suppress(_any_error()):
                raw.execute(b"ROLLBACK")
            raise
        try:
            raw.execute(b"COMMIT")
        except _any_error():
            # It may have come through all the same. Then it must neither be told as failed nor be done again.
            if name is not None and not self._came_through(name):
                raise
        return result

    def _came_through(self, name: str) -> bool:
        """Ask on other connections what became of a transaction.

        Raises:
            StorageUnavailable: it cannot be found out.
        """
        until = time.monotonic() + VERDICT_SECONDS
        while True:
            with suppress(_any_error(), StorageUnavailable), connect(self._url) as raw:
                found = raw.execute("SELECT pg_xact_status(CAST(%s AS xid8))", [name]).fetchone()
                if found is not None and found[0] in {"committed", "aborted"}:
                    return bool(found[0] == "committed")
            if time.monotonic() > until:
                raise StorageUnavailable(
                    f"The journal's {self.place} went away while it was written to; whether it was is not known.",
                    advice="list_tasks shows it once the database is back. The same call again is safe.",
                    spent="unknown",
                )
            time.sleep(VERDICT_PAUSE)

    def _take(self) -> psycopg.Connection[tuple[Any, ...]]:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        raw = connect(self._url)
        try:
            if not self._migrated:
                migrate(raw)
                self._migrated = True
            raw.execute(b"SET search_path = kling_mcp")
        except BaseException:
            raw.close()
            raise
        return raw

    def _give_back(self, raw: psycopg.Connection[tuple[Any, ...]]) -> None:
        from psycopg.pq import TransactionStatus

        if raw.info.transaction_status == TransactionStatus.IDLE:
            self._idle.append(raw)
        else:
            raw.close()

    def _hang_up(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except StorageUnavailable:
            raise  # also where there is no driver to name errors by
        except _any_error() as error:
            if isinstance(error, _faults_of_ours()):
                raise
            self._refuse(error)

    def _refuse(self, error: psycopg.Error) -> NoReturn:
        password = urlsplit(self._url).password or ""
        # Only the kind and the server's first line: what it says of a connection may quote all of its address.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        if (password and password in reason) or self._url in reason:
            reason = type(error).__name__
        raise StorageUnavailable(
            f"The journal's {self.place} cannot be used: {reason}.",
            advice="Start it again or mend KLING_DATABASE_URL. Nothing that is written down is lost.",
        ) from None


async def _in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)


def migrate(raw: psycopg.Connection[tuple[Any, ...]], steps: Sequence[str] = ()) -> None:
    """Bring the schema up to date by our steps or these, in one transaction that only one process at a time is in.

    Raises:
        StorageUnavailable: it was written by a newer version.
    """
    steps = steps or migrations("migrations", "postgres")
    if _version(raw) == len(steps):
        return
    # The session's lock and not the transaction's: only one that begins after it sees for sure what others have made.
    raw.execute("SELECT pg_advisory_lock(%s)", [lock_key("schema")])
    try:
        with raw.transaction():
            _step_up(raw, steps)
    finally:
        with suppress(_any_error()):
            raw.execute("SELECT pg_advisory_unlock(%s)", [lock_key("schema")])


def _step_up(raw: psycopg.Connection[tuple[Any, ...]], steps: Sequence[str]) -> None:
    version = _version(raw)
    if version > len(steps):
        raise StorageUnavailable(
            f"The journal was written by a newer kling-mcp (schema {version}, this one knows {len(steps)}).",
            advice="Update kling-mcp, or set KLING_DATABASE_URL to another database.",
        )
    raw.execute(b"CREATE SCHEMA IF NOT EXISTS kling_mcp")
    raw.execute(b"SET LOCAL search_path = kling_mcp")
    raw.execute(b"SET LOCAL statement_timeout = 0")  # with a large journal an index takes as long as it takes
    raw.execute(b"CREATE TABLE IF NOT EXISTS journal_schema (version INTEGER NOT NULL)")
    for script in steps[version:]:
        raw.execute(script.encode())
    raw.execute(b"DELETE FROM journal_schema")
    raw.execute("INSERT INTO journal_schema VALUES (%s)", [len(steps)])


def _version(raw: psycopg.Connection[tuple[Any, ...]]) -> int:
    found = raw.execute(b"SELECT to_regclass('kling_mcp.journal_schema')").fetchone()
    if found is None or found[0] is None:
        return 0
    row = raw.execute(b"SELECT version FROM kling_mcp.journal_schema").fetchone()
    return int(row[0]) if row else 0


@cache
def postgres_statements() -> dict[str, bytes]:
    """Return every named statement as the driver takes it."""
    known = statements("journal.sql", "postgres.sql")
    return {name: _as_driven(text).encode() for name, text in known.items()}


def _as_driven(text: str) -> str:
    import re

    return re.sub(r"(?<![:\w]):(\w+)", r"%(\1)s", text.replace("%", "%%"))


def _name_of(raw: psycopg.Connection[tuple[Any, ...]]) -> str | None:
    """Return by what the server knows the transaction; None where it has written nothing."""
    row = raw.execute(b"SELECT CAST(pg_current_xact_id_if_assigned() AS text)").fetchone()
    return None if row is None or row[0] is None else str(row[0])


_READING = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#: Two met in each other's way, and one was sent back: serialization_failure, deadlock_detected.
_TURNS = {"40001", "40P01"}
#: The server ended the connection: it stops, or a transaction lay open for too long while this process was suspended.
_GONE = {"57P01", "57P02", "25P03"}


def _any_error() -> type[psycopg.Error]:
    import psycopg

    return psycopg.Error


def _faults_of_ours() -> tuple[type[psycopg.Error], ...]:
    import psycopg

    return (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.SyntaxError, psycopg.errors.UndefinedFunction)

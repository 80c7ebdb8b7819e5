"""One SQLite file, one thread, named statements, numbered migrations: where the journal's bytes live.

WAL with `synchronous=FULL`: a commit that returned is on the disk, which is what "written before a byte leaves" means.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from kling_tools.jobs.database import Connection, migrations, statements
from kling_tools.model.errors import StorageUnavailable

T = TypeVar("T")

#: SQLite's wait for a lock is unfair; several processes at work have been seen to need seconds.
BUSY_SECONDS = 30.0


class SqliteConnection:
    """The statements by name, over one open database; used in the store's thread only."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw

    def run(self, name: str, **values: Any) -> None:
        """Execute a named statement."""
        self.raw.execute(statements("journal.sql")[name], values)

    def row(self, name: str, **values: Any) -> tuple[Any, ...] | None:
        """Return the first row of a named query."""
        row: tuple[Any, ...] | None = self.raw.execute(statements("journal.sql")[name], values).fetchone()
        return row

    def rows(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a named query."""
        return self.raw.execute(statements("journal.sql")[name], values).fetchall()

    def alone(self, about: str) -> None:
        """Hold: a transaction that may write is alone in this file from its beginning."""


class SqliteStore:
    """An open journal file. `do` runs a function in one durable transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._connection: SqliteConnection | None = None

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that holds the write lock; all of it is durable, or none.

        Raises:
            StorageUnavailable: the disk is full, read-only, or not ours.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work, "IMMEDIATE")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot, taking no lock."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work, "DEFERRED")

    @property
    def place(self) -> str:
        """Return the file."""
        return str(self.path)

    async def close(self) -> None:
        """Finish what is under way and close the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=True)

    def _transact(self, work: Callable[[Connection], T], mode: str) -> T:
        with _translated(self.path):
            connection = self._open()
            connection.raw.execute(f"BEGIN {mode}")
            try:
                result = work(connection)
                connection.raw.execute("COMMIT")
            except BaseException:
                if connection.raw.in_transaction:
                    connection.raw.execute("ROLLBACK")
                raise
            return result

    def _open(self) -> SqliteConnection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            raw = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                _write_ahead(raw)
                raw.execute("PRAGMA synchronous = FULL")
                raw.execute("PRAGMA foreign_keys = ON")
                migrate(raw)
            except BaseException:
                raw.close()
                raise
            self._connection = SqliteConnection(raw)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.raw.close()
            self._connection = None


def _write_ahead(raw: sqlite3.Connection) -> None:
    """Turn a new file to WAL; SQLite waits for no lock here, so two processes that open it at once would clash."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            raw.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def migrate(raw: sqlite3.Connection) -> None:
    """Bring the schema up to date; every step is a transaction of its own, taken by one process only.

    Raises:
        StorageUnavailable: the file was written by a newer version.
    """
    steps = migrations("migrations")
    if raw.execute("PRAGMA user_version").fetchone()[0] == len(steps):
        return
    raw.execute("BEGIN IMMEDIATE")
    try:
        version = int(raw.execute("PRAGMA user_version").fetchone()[0])
        if version > len(steps):
            raise StorageUnavailable(
                f"The journal was written by a newer kling-mcp (schema {version}, this one knows {len(steps)}).",
                advice="Update kling-mcp, or set KLING_DATA_DIR to another directory.",
            )
        for number, script in enumerate(steps[version:], version + 1):
            for statement in _split(script):
                raw.execute(statement)
            raw.execute(f"PRAGMA user_version = {number}")
        raw.execute("COMMIT")
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn what the disk says into one of our errors."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as error:
        if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            raise
        reason = getattr(error, "strerror", None) or error
        raise StorageUnavailable(
            f"The journal at {path} cannot be used: {reason}.",
            advice="Free some space or set KLING_DATA_DIR to a directory that can be written.",
        ) from error


def _split(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

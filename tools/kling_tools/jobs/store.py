"""One SQLite file, one thread, named statements, numbered migrations: where the journal's bytes live.

WAL with `synchronous=FULL`: a commit that returned is on the disk, which is what "written before a byte leaves" means.
Those who come while the disk is at work are written together, and none returns before all of it is durable. Where one
fails that has written already, all of it is taken back and each is written alone: it takes nobody along.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from kling_tools.jobs import words as word_index
from kling_tools.jobs.database import Connection, migrations, statements
from kling_tools.model.errors import StorageUnavailable

T = TypeVar("T")

#: SQLite's wait for a lock is unfair; several processes at work have been seen to need seconds.
BUSY_SECONDS = 30.0
_FILES = ("journal.sql", "sqlite.sql")
#: Written together at most, so that no other process waits long.
TOGETHER = 32
#: How long the file of what is written ahead gets before its pages go to their places: 16 MB. The same few pages of the
#: indexes are changed by every task, and are put in place once for as many of them.
PAGES_AHEAD = 4000
#: What a mistake of ours raises, and not the disk.
_OURS = (sqlite3.IntegrityError, sqlite3.ProgrammingError)

_SPACE = "Free some space or set KLING_DATA_DIR to a directory that can be written."
_RIGHTS = "Make {path} and its directory writable, or set KLING_DATA_DIR to a directory that can be written."
_DAMAGED = (
    "Stop every kling-mcp, keep a copy of {path} and of the files beside it, and bring back a backup or let sqlite3 "
    ".recover it. With a new journal kling-mcp would know of no earlier task and of none of today's spending."
)


class SqliteConnection:
    """The statements by name, over one open database; used in the store's thread only."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw

    def run(self, name: str, **values: Any) -> None:
        """Execute a named statement."""
        self.raw.execute(statements(*_FILES)[name], values)

    def row(self, name: str, **values: Any) -> tuple[Any, ...] | None:
        """Return the first row of a named query."""
        row: tuple[Any, ...] | None = self.raw.execute(statements(*_FILES)[name], values).fetchone()
        return row

    def rows(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a named query."""
        return self.raw.execute(statements(*_FILES)[name], values).fetchall()

    def expression(self, words: str) -> str:
        """Return how the index of words is asked; "" where it cannot tell, or there is none."""
        asked = word_index.expression(words)
        return asked if asked and word_index.is_there(self.raw) else ""

    def alone(self, about: str) -> None:
        """Hold: a transaction that may write is alone in this file from its beginning."""


class _Asked:
    """One who waits for its work to be durable, in an event loop."""

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def tell(self) -> None:
        """Tell the one who waits, in its loop, if it still does."""
        if self.answer.done():
            return
        if isinstance(self.error, StopIteration):  # which no future takes
            self.answer.set_exception(RuntimeError(f"the work raised {self.error!r}"))
        elif self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)


class _Spoiled(Exception):
    """One of several works failed and left something behind."""


class SqliteStore:
    """An open journal file. `do` runs a function in one durable transaction.

    `busy` is how long it waits while another program holds the file, seconds.
    """

    def __init__(self, path: Path, busy: float = BUSY_SECONDS) -> None:
        self.path = path
        self._busy = busy
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._connection: SqliteConnection | None = None
        self._waiting: deque[_Asked] = deque()
        self._turn: Future[None] | None = None
        self._closed = False

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that holds the write lock; all of it is durable, or none.

        Raises:
            StorageUnavailable: the disk is full, read-only, or not ours. RuntimeError: it was closed.
        """
        if self._closed:
            raise RuntimeError("the journal is closed")
        asked = _Asked(work)
        self._waiting.append(asked)
        # Not at once: who asks in the same turn of the loop is written together with this one.
        asked.loop.call_soon(self._call)
        result: T = await asked.answer
        return result

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot, taking no lock."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work, "DEFERRED")

    async def keep_words(self) -> None:
        """Put tasks into the index of words where many are left out, a bounded number."""
        for _ in range(word_index.AT_MOST // word_index.TOGETHER):
            if not await self.read(_is_behind) or not await self.do(_put_in):
                return

    async def examine(self) -> None:
        """Check every page of the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._examine)

    @property
    def place(self) -> str:
        """Return the file."""
        return str(self.path)

    async def close(self) -> None:
        """Finish what is under way and close the file."""
        self._closed = True
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

    def _call(self) -> None:
        """See that those who wait get a turn of the thread; one that has begun may have looked already."""
        if not self._closed and self._waiting and (self._turn is None or self._turn.running() or self._turn.done()):
            self._turn = self._thread.submit(self._write)

    def _write(self) -> None:
        """Write for those who wait now; who comes later has a turn of their own, after others who want the thread."""
        for _ in range(math.ceil(len(self._waiting) / TOGETHER)):
            group = self._next_group()
            if len(group) > 1:
                self._write_together(group)
            else:
                self._write_one_by_one(group)
            _tell(group)

    def _write_together(self, group: Sequence[_Asked]) -> None:
        try:
            self._transact(lambda db: _together(db, group), "IMMEDIATE")
        except _Spoiled:
            self._write_one_by_one(group)
        except BaseException as error:
            # Nothing of it was written, whosever work it was that the disk had no room for.
            for asked in group:
                asked.error = error

    def _write_one_by_one(self, group: Sequence[_Asked]) -> None:
        for number, asked in enumerate(group):
            asked.error = None
            try:
                asked.result = self._transact(asked.work, "IMMEDIATE")
            except StorageUnavailable as error:
                # The rest would only wait as long for the same: nothing of theirs is written.
                for later in group[number:]:
                    later.error = error
                return
            except BaseException as error:
                asked.error = error

    def _next_group(self) -> list[_Asked]:
        group: list[_Asked] = []
        while self._waiting and len(group) < TOGETHER:
            asked = self._waiting.popleft()
            if not asked.answer.done():  # who was cancelled before the turn came is not written
                group.append(asked)
        return group

    def _examine(self) -> None:
        with _translated(self.path):
            (found,) = self._open().raw.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            meaning, advice = _MEANINGS[sqlite3.SQLITE_CORRUPT]
            words = f"The journal at {self.path} cannot be relied on: {meaning}."
            raise StorageUnavailable(words, advice=advice.format(path=self.path))

    def _open(self) -> SqliteConnection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            raw = sqlite3.connect(self.path, timeout=self._busy, isolation_level=None)
            raw.text_factory = _text
            try:
                _write_ahead(raw, self._busy)
                raw.execute("PRAGMA synchronous = FULL")
                raw.execute(f"PRAGMA wal_autocheckpoint = {PAGES_AHEAD}")
                raw.execute("PRAGMA foreign_keys = ON")
                raw.create_function("first_place", 1, word_index.first_place, deterministic=True)
                raw.create_function("last_place", 1, word_index.last_place, deterministic=True)
                migrate(raw)
            except BaseException:
                raw.close()
                raise
            self._connection = SqliteConnection(raw)
        return self._connection

    def _close(self) -> None:
        self._write()
        if self._connection is not None:
            self._connection.raw.close()
            self._connection = None


def _together(db: Connection, group: Sequence[_Asked]) -> None:
    """Run several works in one transaction; one that fails has no part in it.

    Raises:
        _Spoiled: what one has left of itself can only be taken back with all of it.
    """
    assert isinstance(db, SqliteConnection)
    for asked in group:
        before = db.raw.total_changes
        try:
            asked.result = asked.work(db)
        except BaseException as error:
            if isinstance(error, sqlite3.Error) and not isinstance(error, _OURS):
                raise  # the disk's, and so everybody's
            # Without memory SQLite itself takes all back: who comes next would be written outside of any transaction.
            if db.raw.total_changes != before or not db.raw.in_transaction:
                raise _Spoiled from error
            asked.error = error


def _tell(group: Sequence[_Asked]) -> None:
    """Wake those who wait, each loop once."""
    for loop in {asked.loop for asked in group}:
        with suppress(RuntimeError):  # closed meanwhile: nobody waits there
            loop.call_soon_threadsafe(_tell_all, [asked for asked in group if asked.loop is loop])


def _tell_all(group: Sequence[_Asked]) -> None:
    for asked in group:
        asked.tell()


def _is_behind(db: Connection) -> bool:
    assert isinstance(db, SqliteConnection)
    return word_index.can_be(db.raw) and word_index.is_behind(db.raw)


def _put_in(db: Connection) -> int:
    assert isinstance(db, SqliteConnection)
    return word_index.put_in(db.raw)


def _text(raw: bytes) -> str:
    """Return text also where a damaged page has spoiled it: whoever reads it finds that out for the one record."""
    return raw.decode("utf-8", "surrogateescape")


def _write_ahead(raw: sqlite3.Connection, busy: float) -> None:
    """Turn a new file to WAL; SQLite waits for no lock here, so two processes that open it at once would clash."""
    until = time.monotonic() + busy
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


#: What SQLite's result codes mean to a person, and what to do with which file; any other is a matter of the disk.
_MEANINGS: Mapping[int, tuple[str, str]] = {
    sqlite3.SQLITE_BUSY: (
        "another program holds it",
        "Close what else has {path} open, for example a database browser or a backup, then try again.",
    ),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", _DAMAGED),
    sqlite3.SQLITE_NOTADB: ("it is no journal, or damaged", _DAMAGED),
    sqlite3.SQLITE_READONLY: ("it may only be read", _RIGHTS),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", _RIGHTS),
    sqlite3.SQLITE_PERM: ("it may not be opened", _RIGHTS),
}


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn what the disk says into one of our errors."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as error:
        if isinstance(error, _OURS):
            raise
        # The lowest byte is the kind; what stands above it says more than a person can use.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        meaning: object
        meaning, advice = _MEANINGS.get(code, (getattr(error, "strerror", None) or error, _SPACE))
        if path.is_dir():
            meaning, advice = "it is a directory", "Move {path} away, or set KLING_DATA_DIR to another directory."
        raise StorageUnavailable(
            f"The journal at {path} cannot be used: {meaning}.", advice=advice.format(path=path)
        ) from error


def _split(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

"""Where tasks are kept: one SQLite file that several processes may share.

That an external id is used once, and that a model version has no more running tasks than it has slots, is decided
inside one write transaction: two processes asking at the same moment cannot both be told yes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kling_sandbox.envelope import Refusal, invalid
from kling_sandbox.tasks import Task

# The number changes with the schema: an older file is left alone and a new one begun.
FILE = "sandbox-3.sqlite3"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
  id TEXT PRIMARY KEY,
  external_id TEXT,
  path TEXT NOT NULL,
  pool TEXT NOT NULL,
  slots INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  ends_ms INTEGER NOT NULL,
  record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS tasks_by_external_id ON tasks (external_id);
CREATE INDEX IF NOT EXISTS tasks_by_time ON tasks (created_ms, id);
CREATE INDEX IF NOT EXISTS tasks_by_path ON tasks (path, created_ms, id);
CREATE INDEX IF NOT EXISTS tasks_running ON tasks (pool, ends_ms);
CREATE TABLE IF NOT EXISTS marks (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Store:
    """Keep tasks, and marks on them. Every method blocks briefly and belongs in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / FILE
        self._ready = False

    def add(self, task: Task, *, slots: int, once: bool = True) -> None:
        """Insert the task, or raise 1201 for a used external id and 1303 when too few of the slots are free.

        Unless `once`, an external id may be used again.
        """
        bought = task.bought
        # Slots are counted per model version and type of pack (kling-official 9.2).
        pool = f"{bought.pack}:{bought.model}"
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            # The id comes first: whoever resends wants to hear that the task exists, however busy it is.
            if (
                once
                and bought.external_id
                and db.execute("SELECT 1 FROM tasks WHERE external_id = ?", (bought.external_id,)).fetchone()
            ):
                raise invalid(f"external_task_id already exists: {bought.external_id}")
            (running,) = db.execute(
                "SELECT coalesce(sum(slots), 0) FROM tasks WHERE pool = ? AND ends_ms > ?", (pool, task.created_ms)
            ).fetchone()
            if not task.instant and running + bought.slots > slots:
                raise Refusal(1303, "parallel task over resource pack limit")
            db.execute(
                "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    task.id,
                    bought.external_id or None,
                    task.path,
                    pool,
                    bought.slots,
                    task.created_ms,
                    task.ends_ms,
                    task.to_json(),
                ),
            )
            db.execute("COMMIT")

    def get(self, id: str) -> Task | None:
        """Return the task with this id."""
        found = self._tasks("SELECT record FROM tasks WHERE id = ?", (id,))
        return found[0] if found else None

    def by_external_id(self, external_id: str) -> Task | None:
        """Return the task with this external id."""
        found = self._tasks(
            "SELECT record FROM tasks WHERE external_id = ? ORDER BY created_ms, rowid LIMIT 1", (external_id,)
        )
        return found[0] if found else None

    def of_path(self, path: str, *, offset: int = 0, limit: int = -1) -> list[Task]:
        """Return a page of the tasks made on one path, newest first; all of them without a limit."""
        return self._tasks(
            "SELECT record FROM tasks WHERE path = ? ORDER BY created_ms DESC, rowid DESC LIMIT ? OFFSET ?",
            (path, limit, offset),
        )

    def between(self, start_ms: int, end_ms: int) -> list[Task]:
        """Return all tasks made in a span of time, newest first."""
        return self._tasks(
            "SELECT record FROM tasks WHERE created_ms BETWEEN ? AND ? ORDER BY created_ms DESC, id DESC",
            (start_ms, end_ms),
        )

    def everything(self) -> list[Task]:
        """Return all tasks, oldest first."""
        return self._tasks("SELECT record FROM tasks ORDER BY created_ms, rowid", ())

    def mark(self, key: str, value: str) -> None:
        """Write a mark, such as that an element was deleted; the last one stays."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (key, value))

    def marked(self, key: str) -> str:
        """Read a mark; '' when there is none."""
        with self._open() as db:
            found = db.execute("SELECT value FROM marks WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else ""

    def _tasks(self, query: str, values: Sequence[object]) -> list[Task]:
        with self._open() as db:
            return [Task.from_json(record) for (record,) in db.execute(query, values)]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._directory.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=15, isolation_level=None)
        try:
            if not self._ready:
                # Another process may be switching right now, and this does not wait. The mode stays in the file.
                with suppress(sqlite3.OperationalError):
                    db.execute("PRAGMA journal_mode=WAL")
                db.executescript(_SCHEMA)
                self._ready = True
            db.execute("PRAGMA synchronous=NORMAL")
            yield db
        finally:
            db.close()  # an open transaction is rolled back

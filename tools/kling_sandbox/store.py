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

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
  id TEXT PRIMARY KEY,
  external_id TEXT UNIQUE,
  product TEXT NOT NULL,
  legacy INTEGER NOT NULL,
  model TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  ends_ms INTEGER NOT NULL,
  record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS tasks_by_time ON tasks (created_ms, id);
CREATE INDEX IF NOT EXISTS tasks_running ON tasks (model, ends_ms);
"""


class Store:
    """Keep tasks. Every method blocks briefly and belongs in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "sandbox.sqlite3"
        self._ready = False

    def add(self, task: Task, *, slots: int) -> None:
        """Insert the task, or raise 1201 for a used external id and 1303 when all slots are taken."""
        order = task.order
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            # The id comes first: whoever resends wants to hear that the task exists, however busy it is.
            if (
                order.external_id
                and db.execute("SELECT 1 FROM tasks WHERE external_id = ?", (order.external_id,)).fetchone()
            ):
                raise invalid(f"external_task_id already exists: {order.external_id}")
            (running,) = db.execute(
                "SELECT count(*) FROM tasks WHERE model = ? AND ends_ms > ?", (order.model, task.created_ms)
            ).fetchone()
            if running >= slots:
                raise Refusal(1303, "parallel task over resource pack limit")
            db.execute(
                "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    task.id,
                    order.external_id or None,
                    order.product,
                    order.legacy,
                    order.model,
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
        found = self._tasks("SELECT record FROM tasks WHERE external_id = ?", (external_id,))
        return found[0] if found else None

    def legacy_page(self, product: str, *, offset: int, limit: int) -> list[Task]:
        """Return one page of a legacy product's tasks, newest first."""
        return self._tasks(
            "SELECT record FROM tasks WHERE legacy = 1 AND product = ?"
            " ORDER BY created_ms DESC, id DESC LIMIT ? OFFSET ?",
            (product, limit, offset),
        )

    def between(self, start_ms: int, end_ms: int) -> list[Task]:
        """Return all tasks made in a span of time, newest first."""
        return self._tasks(
            "SELECT record FROM tasks WHERE created_ms BETWEEN ? AND ? ORDER BY created_ms DESC, id DESC",
            (start_ms, end_ms),
        )

    def everything(self) -> list[Task]:
        """Return all tasks, oldest first."""
        return self._tasks("SELECT record FROM tasks ORDER BY created_ms, id", ())

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

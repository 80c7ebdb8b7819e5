"""A journal on a real file, and stories told to it: what happens to tasks, one event after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.jobs.house import RICH, HandClock, open_store

from kling_tools.jobs.database import Connection
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.store import SqliteConnection
from kling_tools.jobs.store_postgres import PostgresConnection
from kling_tools.model.tasks import (
    Charge,
    Event,
    Failure,
    Observation,
    Rejected,
    Remote,
    RemoteOutput,
    Seen,
    Task,
)

FREE_FAILURE = Rejected(Failure(code="moderated", message="Blocked.", spent="no"))


@asynccontextmanager
async def a_journal(folder: Path, clock: HandClock | None = None) -> AsyncIterator[Journal]:
    store = open_store(folder)
    try:
        yield Journal(store, clock or HandClock())
    finally:
        await store.close()


def seen(task: Task, status: str, charge: Charge | None = None) -> Seen:
    outputs = (RemoteOutput(kind="video", url="https://cdn.test/1.mp4"),) if status == "succeeded" else ()
    remote = Remote(f"r-{task.id}", "/text-to-video/kling-3.0", "https://kling.test")
    return Seen(
        Observation(remote=remote, external_id=task.id, status=status, outputs=outputs, charge=charge)  # type: ignore[arg-type]
    )


async def after(journal: Journal, task: Task, *events: Event) -> Task:
    """Write a task and let things happen to it."""
    await journal.enqueue(task, RICH, again=True)
    for event in events:
        task = await journal.apply(task.id, event)
    return task


async def rows(folder: Path, table: str) -> int:
    """Count a table's rows as another program sees them."""
    store = open_store(folder)

    def work(db: Connection) -> int:
        assert isinstance(db, SqliteConnection | PostgresConnection)
        row = db.raw.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0

    try:
        return await store.read(work)
    finally:
        await store.close()


async def after_more(journal: Journal, task: Task, *events: Event) -> Task:
    """Let more happen to a task."""
    for event in events:
        task = await journal.apply(task.id, event)
    return task

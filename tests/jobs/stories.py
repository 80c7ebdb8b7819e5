"""A journal on a real file, and stories told to it: what happens to tasks, one event after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.jobs.house import RICH, HandClock

from kling_tools.jobs.journal import Journal
from kling_tools.jobs.store import Store
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
    store = Store(folder / "journal.sqlite3")
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


def rows(folder: Path, table: str) -> int:
    """Count a table's rows as another program sees them."""
    raw = sqlite3.connect(folder / "journal.sqlite3")
    try:
        return int(raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        raw.close()


async def after_more(journal: Journal, task: Task, *events: Event) -> Task:
    """Let more happen to a task."""
    for event in events:
        task = await journal.apply(task.id, event)
    return task

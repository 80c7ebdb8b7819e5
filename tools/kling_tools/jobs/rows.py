"""A task as the journal's tables keep it: the whole as one document, and beside it the columns that are searched by."""

from __future__ import annotations

from dataclasses import replace

from kling_tools.jobs.database import Connection
from kling_tools.jobs.documents import dump, load
from kling_tools.jobs.ledger import Entry
from kling_tools.jobs.watched import line_of
from kling_tools.model.errors import AnswerLost, TaskUnreadable
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task

#: Letters of an id by which a file is named, where they tell it from every other task.
SHORTEST_NAME = 4


def columns_of(task: Task) -> dict[str, object]:
    """Return a task as the columns of its row."""
    return {
        "id": task.id,
        "status": task.status.value,
        "account": task.account,
        "model": task.plan.model,
        "created": task.created,
        "updated": task.updated,
        "fingerprint": task.fingerprint,
        "label": line_of(task),
        "words": f"{task.label}\n{task.plan.words}".casefold(),
        "slots": task.plan.slots,
        "part_of": task.part_of,
        "caller": task.caller,
        "took": None,
        "sent": task.sent_at,
        "document": dump(task),
    }


def get_task(db: Connection, task_id: str) -> Task | None:
    """Return a task, where there is one.

    Raises:
        TaskUnreadable
    """
    row = db.row("get_task", id=task_id)
    return None if row is None else load(task_id, row[0])


def insert(db: Connection, task: Task, now: float) -> Task:
    """Write a new task down; returns it with the name that is settled here, nearly always the one that it came with."""
    short = _short(db, task.id)
    named = task if task.short == short else replace(task, short=short)
    db.run("insert_task", **columns_of(named))
    note(db, named, now, "Enqueued", "")
    return named


def _short(db: Connection, task_id: str) -> str:
    """Return the beginning of an id that no task has yet; settled here, once, since files are named by it."""
    db.alone(f"name {task_id[:SHORTEST_NAME]}")
    for length in range(SHORTEST_NAME, len(task_id)):
        # The tilde comes after every letter.
        if db.row("named_so", first=task_id[:length], last=f"{task_id[:length]}~") is None:
            return task_id[:length]
    return task_id


def entry_of(db: Connection, task_id: str) -> Entry | None:
    """Return a task's line in the ledger."""
    row = db.row("get_entry", task_id=task_id)
    if row is None:
        return None
    day, simulated, state, held, charged = row
    return Entry(day=day, simulated=bool(simulated), state=state, held=held, charged=charged)


def note(db: Connection, task: Task, now: float, event: str, detail: str) -> None:
    """Write a line of a task's history."""
    db.run("insert_history", task_id=task.id, at=now, event=event, status=task.status.value, detail=detail)


def same_request(db: Connection, task: Task, after: float) -> Task | None:
    """Return the newest task for the same request that was not refused.

    What was given up because its answer was lost may have been bought: a call that is merely repeated does not buy it
    once more. The same holds for what cannot be read. `after`: what was made before has to be open still.

    Raises:
        TaskUnreadable
    """
    for task_id, status, document in db.rows(
        "same_request", fingerprint=task.fingerprint, caller=task.caller, after=after
    ):
        try:
            known = load(task_id, document)
        except TaskUnreadable as error:
            raise TaskUnreadable(
                f"This was asked for before. {error.message} Whether that was bought is not known.",
                advice="again=true buys another.",
            ) from None
        if status != Status.FAILED or (known.failure and known.failure.code == AnswerLost.code):
            return known
    return None


def sent_since(db: Connection, task: Task, since: float) -> list[tuple[str, str]]:
    """Return ids and documents of the other tasks of the same account that were sent since a time."""
    return [(row[0], row[1]) for row in db.rows("sent_since", account=task.account, since=since, id=task.id)]

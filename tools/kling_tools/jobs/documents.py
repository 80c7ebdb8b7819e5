"""A task as the journal keeps it: one JSON document, and beside it the columns that are searched by.

A document that cannot be read is an error of that task alone: whoever reads many passes over it and names it.
"""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter, ValidationError

from kling_tools.jobs.watched import one_label
from kling_tools.model.errors import TaskUnreadable, one_line, quoted
from kling_tools.model.tasks import Task


@cache
def _adapter() -> TypeAdapter[Task]:
    # Built on first use: start-up is measured, and a server may live without touching a task.
    return TypeAdapter(Task)


def load(task_id: str, document: str) -> Task:
    """Return the task.

    Raises:
        TaskUnreadable: with what is wrong with its document.
    """
    try:
        return _adapter().validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = one_line(".".join(map(str, first["loc"])), 80)
        why = f"its field {place} is missing or wrong" if place else "it is not valid JSON"
        raise TaskUnreadable(f"The journal's record of task {quoted(task_id, 40)} cannot be read: {why}.") from None


def dump(task: Task) -> str:
    """Return a task as the journal keeps it, JSON."""
    return _adapter().dump_json(task).decode()


def columns(task: Task) -> dict[str, object]:
    """Return a task's row."""
    return {
        "id": task.id,
        "status": task.status.value,
        "account": task.account,
        "model": task.plan.model,
        "created": task.created,
        "updated": task.updated,
        "fingerprint": task.fingerprint,
        "label": one_label(task.label),
        "words": f"{task.label}\n{task.plan.words}".casefold(),
        "slots": task.plan.slots,
        "took": None,
        "sent": task.sent_at,
        "document": dump(task),
    }

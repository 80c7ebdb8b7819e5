"""A task as the journal keeps it: one JSON document.

A document that cannot be read is an error of that task alone: whoever reads many passes over it and names it.
"""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter, ValidationError

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

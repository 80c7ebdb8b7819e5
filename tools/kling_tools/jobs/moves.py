"""What is said of a task that moved, to whoever shows tasks: enough to know whether it is news, and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kling_tools.jobs.watched import Watched
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task


@dataclass(frozen=True, slots=True)
class Move:
    """A task that was written: how it stands, when it was made (epoch seconds), the film of a shot, and whose it is.

    Without a status another process brought it to its end; without a caller it was never heard of before that. It may
    be told more than once, and without a change.
    """

    task_id: str
    status: Status | None
    created: float | None
    film: str
    caller: str | None

    @classmethod
    def of(cls, task: Task | Watched) -> Move:
        """Return the move of a task that is known."""
        return cls(task.id, task.status, task.created, task.part_of, task.caller)


Hear = Callable[[Move], None]


def unheard(move: Move) -> None:
    """Take a move that nobody wants to hear of."""

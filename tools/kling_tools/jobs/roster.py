"""Which of an account's tasks have not ended, in memory; `news` keeps it up to date."""

from __future__ import annotations

from collections.abc import Iterator

from kling_tools.jobs.watched import Watched


class Roster:
    """The tasks of one account that have not ended. `running` are those at the provider, by id."""

    def __init__(self) -> None:
        self.running: dict[str, Watched] = {}
        self._waiting: dict[str, Watched] = {}

    def __len__(self) -> int:
        """Count the tasks that have not ended."""
        return len(self.running) + len(self._waiting)

    def __getitem__(self, task_id: str) -> Watched | None:
        """Return a task, or nothing when it has ended."""
        return self.running.get(task_id) or self._waiting.get(task_id)

    def __iter__(self) -> Iterator[Watched]:
        """Yield all tasks, in no order."""
        yield from self._waiting.values()
        yield from self.running.values()

    def waiting(self) -> list[Watched]:
        """Return the tasks for which something has to be done here, oldest first."""
        return sorted(self._waiting.values(), key=lambda t: (t.created, t.id))

    def put(self, task: Watched) -> None:
        """Take a task as it now is."""
        place, other = (self.running, self._waiting) if task.runs else (self._waiting, self.running)
        other.pop(task.id, None)
        place[task.id] = task

    def drop(self, task_id: str) -> None:
        """Take it that a task has ended."""
        self.running.pop(task_id, None)
        self._waiting.pop(task_id, None)

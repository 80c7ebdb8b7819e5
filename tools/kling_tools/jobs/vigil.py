"""How long this process has itself watched a submit in doubt: the measure of the quarantine.

Not the wall clock, which steps and runs on while a laptop sleeps: an hour's jump must not turn "not found yet" into
"never accepted". Kept in memory only: a new process counts anew, which is late and never early.
"""

from __future__ import annotations

from dataclasses import dataclass

from kling_tools.client.client import SUBMIT_SECONDS
from kling_tools.clock import Clock
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task

#: Longer than the provider's worst time to accept a request plus its look-up lag: only then does "not found" mean
#: "never accepted". Shorter values were shown to buy twice.
QUARANTINE_SECONDS = 120.0
#: More than this between two looks was not watching: the machine slept, or this process was stopped.
LONGEST_GAP = 15.0


@dataclass(frozen=True)
class _Watch:
    """One doubt: a task, in this state of this attempt; seconds on the monotonic clock."""

    doubt: tuple[Status, int]
    watched: float
    last: float


class Vigil:
    """Counts the seconds of every doubt. `quarantine` is shorter in trials only."""

    def __init__(self, clock: Clock, quarantine: float = QUARANTINE_SECONDS) -> None:
        self._clock = clock
        self._quarantine = quarantine
        self._watches: dict[str, _Watch] = {}

    def over(self, task: Task) -> bool:
        """Count up to now; whether "not found" from now on means that it was never accepted."""
        now, doubt = self._clock.monotonic(), (task.status, task.attempts)
        watch = self._watches.get(task.id)
        if watch is None or watch.doubt != doubt:
            watch = _Watch(doubt, 0.0, now)
        watched = watch.watched + min(max(0.0, now - watch.last), LONGEST_GAP)
        self._watches[task.id] = _Watch(doubt, watched, now)
        # `submitting` may be another process at work that the database has lost sight of, or one that left no name: its
        # last byte leaves as late as that.
        sending = SUBMIT_SECONDS if task.status is Status.SUBMITTING else 0.0
        return watched > self._quarantine + min(sending, self._quarantine)

    def forget(self, task_id: str) -> None:
        """End the count of a task that is no longer in doubt."""
        self._watches.pop(task_id, None)

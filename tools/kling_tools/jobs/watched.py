"""What watching has to know of a task, kept in memory: a whole task is read only where something happens to it.

Ten thousand tasks in flight are a few megabytes this way, and nothing is parsed while nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern

from kling_tools.model.status import LOOKED_AT, Status
from kling_tools.model.tasks import Remote, Task


@dataclass(frozen=True, slots=True)
class Watched:
    """One task that has not ended. Times are seconds since the epoch; `length` is how long a video it makes, seconds.

    `trouble` is what hinders it at present, and `typical` the seconds that such a task was said to take. `hinted` and
    `awaited` are another one whenever some process was told that it moved, or that somebody waits for it.
    """

    id: str
    status: Status
    created: float
    updated: float
    model: str
    length: float
    slots: int
    typical: float
    remote: Remote | None
    accepted_at: float | None
    not_before: float
    trouble: str
    label: str
    part_of: str
    caller: str
    hinted: float = 0.0
    awaited: float = 0.0

    @classmethod
    def of(cls, task: Task, hinted: float = 0.0, awaited: float = 0.0) -> Watched:
        """Return what is watched of a task."""
        plan, remote = task.plan, task.remote
        return cls(
            task.id,
            task.status,
            task.created,
            task.updated,
            intern(plan.model),
            plan.video_seconds,
            plan.slots,
            plan.typical_seconds,
            None if remote is None else _shared(remote.id, remote.product, remote.host),
            task.accepted_at,
            task.not_before,
            task.trouble,
            intern(line_of(task)),
            intern(task.part_of),
            intern(task.caller),
            hinted,
            awaited,
        )

    @property
    def runs(self) -> bool:
        """Whether the provider is at work on it, as far as is known."""
        return self.status in LOOKED_AT and self.remote is not None


def line_of(task: Task) -> str:
    """Return the line that a task waits in, as every database can keep it: lines take turns, also among callers."""
    line = f"{task.caller}\x1f{task.label}" if task.caller else task.label
    return line.replace("\0", "\ufffd")


def _shared(remote_id: str, product: str, host: str) -> Remote:
    return Remote(remote_id, intern(product), intern(host))

"""When to look at a task and how long it may still take. Pure; learned from what tasks of this kind took before."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from kling_tools.model.status import Status
from kling_tools.model.tasks import Task

SHORTEST_LOOK = 2.0
LONGEST_LOOK = 30.0
#: With fewer known times a guess about the first look would only be late.
ENOUGH_TIMES = 5


def next_look(task: Task, times: Sequence[float], looked: float | None, speed: float, now: float) -> float:
    """Return when to look at a running task next.

    First when the fastest fifth of such tasks was done, then ever slower with age: a straggler costs few requests,
    and a task that just became due is found within a tenth of its age. `speed` is a simulator's.
    """
    start = task.accepted_at or now
    if start > now:  # the clock was set back: how old the task is cannot be told
        return now if looked is None or looked > now else looked + LONGEST_LOOK
    shortest = SHORTEST_LOOK / max(1.0, speed)
    first = start + shortest
    if len(times) >= ENOUGH_TIMES:
        first = start + max(shortest, sorted(times)[len(times) // 5])
    if looked is None or looked > now:
        return first
    return max(first, looked + min(LONGEST_LOOK, max(shortest, (looked - start) / 10)))


def seconds_left(task: Task, times: Sequence[float], speed: float, now: float) -> int | None:
    """Return about how long until the file is here; None when the task has ended. `speed` is a simulator's."""
    if task.status.ended:
        return None
    typical = median(times) if times else task.plan.typical_seconds / speed
    if task.status is Status.FETCHING:
        return 3
    passed = now - (task.accepted_at or now)
    return max(3, round(typical - passed))

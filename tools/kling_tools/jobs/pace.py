"""When to look at a task and how long it may still take. Pure; learned from what tasks of this kind took before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from kling_tools.model.status import Status
from kling_tools.model.tasks import Task

SHORTEST_LOOK = 2.0
LONGEST_LOOK = 30.0
#: While somebody waits for a straggler.
LONGEST_AWAITED = 5.0
#: With fewer known times a guess about the first look would only be late.
ENOUGH_TIMES = 5
#: How many times of a kind are remembered.
MOST_TIMES = 20
#: Where nothing is known, a first look that early shows what was refused at once; until the likely time each next one
#: comes at so many times the age, since what was said of the time may be wrong.
EARLY_LOOK, EARLY_GROWTH = 2.0, 3.0
#: Where nothing is known: how much of the time that such tasks are said to take passes before the looks draw closer,
#: how much after which it is a straggler, and by which part of its age the looks are apart in between.
GUESSED_FIRST, GUESSED_LAST, GUESSED_STRIDE = 0.6, 1.4, 0.15
#: Where times are known: looks between the fastest fifth and the slowest.
LOOKS_IN_BETWEEN = 6

#: Account, model and length of the video in seconds.
Kind = tuple[str, str, float]


@dataclass(frozen=True)
class Expected:
    """When a task may end, in seconds of its age: hardly before `first`, seldom after `last`.

    `early` is an age for a look before that, followed by ever rarer ones; 0 for none. `stride` is between looks from
    `first` on, seconds; `share` the same as a part of the age. `shortest` is never fallen short of.
    """

    first: float
    last: float
    early: float = 0.0
    stride: float = 0.0
    share: float = 0.0
    shortest: float = SHORTEST_LOOK

    def next_look(self, looked: float | None, *, awaited: bool = False, together: float = 1.0) -> float:
        """Return the age at which to look next, when the last look was at the age `looked`.

        `together` is how many tasks a request of a look shows. They end at different moments and pay for each look
        together: for as many requests a task they are looked at so many times as often.
        """
        if looked is None or looked < 0:
            return self.early or self.first
        if looked < self.first:
            later = min(self.first, EARLY_GROWTH * looked) if self.early else self.first
            return max(later, looked + self.shortest)
        # Ever slower from `last` on: a straggler costs few requests.
        step = max(self.shortest, max(self.stride, self.share * looked) / together, (looked - self.last) / 2)
        return looked + min(step, max(self.shortest, LONGEST_AWAITED) if awaited else LONGEST_LOOK)


def expected(times: Sequence[float], typical: float, speed: float) -> Expected:
    """Return when such a task may end: from what others took, or from what they are said to. `speed`: a simulator's."""
    shortest = SHORTEST_LOOK / max(1.0, speed)
    if len(times) < ENOUGH_TIMES:
        said = typical / max(1.0, speed)
        early = min(EARLY_LOOK / max(1.0, speed), GUESSED_FIRST * said)
        first = max(early, GUESSED_FIRST * said)
        return Expected(first, max(first, GUESSED_LAST * said), max(shortest, early), 0.0, GUESSED_STRIDE, shortest)
    known = sorted(times)
    first = max(shortest, known[len(known) // 5])
    last = max(first, known[len(known) * 4 // 5])
    return Expected(first, last, 0.0, (last - first) / LOOKS_IN_BETWEEN, 0.0, shortest)


def took(age: float, gap: float) -> float:
    """Return how long a task took that was found done at an age, `gap` seconds after it was last looked at.

    It ended somewhere in between: to take the moment of the look for the end would have every look wait for the last
    one's delay. Where nobody had looked for long, a tenth less than its age, so that the next look is earlier.
    """
    return age - min(gap, age / 5) / 2


@dataclass
class Times:
    """How long tasks took, newest first, by kind; seconds from accepted to done."""

    known: dict[Kind, list[float]] = field(default_factory=dict)

    def learn(self, times: Mapping[Kind, Iterable[float]]) -> None:
        """Take what the journal knows, in place of everything."""
        self.known = {kind: list(took)[:MOST_TIMES] for kind, took in times.items()}

    def add(self, kind: Kind, took: float) -> None:
        """Take one more."""
        self.known[kind] = [took, *self.known.get(kind, ())][:MOST_TIMES]

    def of(self, account: str, model: str, length: float) -> Sequence[float]:
        """Return what such tasks took; where too few of this length are known, those of any length."""
        exact = self.known.get((account, model, length), [])
        if len(exact) >= ENOUGH_TIMES:
            return exact
        return [took for (a, m, _), many in self.known.items() if (a, m) == (account, model) for took in many]

    def of_task(self, task: Task) -> Sequence[float]:
        """Return what tasks like this one took."""
        return self.of(task.account, task.plan.model, task.plan.video_seconds)


def seconds_left(task: Task, times: Sequence[float], speed: float, now: float) -> int | None:
    """Return about how long until the file is here; None when the task has ended. `speed` is a simulator's."""
    if task.status.ended:
        return None
    typical = median(times) if times else task.plan.typical_seconds / speed
    if task.status is Status.FETCHING:
        return 3
    passed = now - (task.accepted_at or now)
    return max(3, round(typical - passed))

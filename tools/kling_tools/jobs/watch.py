"""Looking at one account: when the next look is due, one look for all who wait, and what is made of what it shows.

One look asks about everything that runs, so that a request serves hundreds of tasks; only a callback about one of very
many is answered by a look at that one. When is reckoned on the clock that never steps; how old a task is, on the
other: where the two come apart, the machine slept or was set to another time, and one look brings all up to date.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kling_tools.client.survey import Sight
from kling_tools.clock import Clock
from kling_tools.jobs import pace
from kling_tools.jobs.account import Account
from kling_tools.jobs.pace import Expected, Times
from kling_tools.jobs.rests import Rests
from kling_tools.jobs.roster import Roster
from kling_tools.jobs.telling import detected
from kling_tools.jobs.watched import Watched
from kling_tools.model.errors import KlingError
from kling_tools.model.status import Status
from kling_tools.model.tasks import Event, Hindered, Seen, Task
from kling_tools.telemetry import span

#: Between two questions that the provider does not answer: a key it refuses must not knock every five seconds.
FIRST_SILENCE, LONGEST_SILENCE = 5.0, 60.0
#: A task that was just accepted may be missing from a list, and from every answer for longer.
FRESH_SECONDS, UNSEEN_SECONDS = 10.0, 60.0
#: Up to so many are asked about in one request, so that a look at one of them shows all.
FEW = 20
#: Each request of the last look puts the next one off, or a look at very many would follow on itself.
SECONDS_A_REQUEST = 0.05
#: More than this between the two clocks' steps is no drift.
LEAP_SECONDS = 5.0
#: How long somebody who asked is taken to wait, unless asking again.
AWAITED_SECONDS = 3.0
#: The same where somebody waits in another process, which says it once in half that time: each saying is a write.
AWAITED_ELSEWHERE = 30.0
#: Changes written in one transaction, so that nobody else waits long for the journal.
TOGETHER = 50
GONE = "Kling does not show this task at present; it was accepted, and is asked about further."
#: Of so many it is told that the provider does not answer; a person reads few of them.
MOST_TOLD = 500


class Watch:
    """One account under watch. `begin` and `finish` are the engine's; a look happens between them, one at a time."""

    def __init__(self, account: Account, clock: Clock, times: Times, rests: Rests) -> None:
        self.account = account
        self.roster = Roster()
        self.key = f"look {account.name}"
        self.looks = 0
        self._clock = clock
        self._times = times
        self._rests = rests
        self._soon: set[str] = set()
        self._awaited: dict[str, float] = {}
        self._looked: float | None = None
        self._requests = 0
        self._gap = float("inf")
        self._next = float("inf")
        self._apart = clock.now() - clock.monotonic()

    # --- when -------------------------------------------------------------------------------------------------------

    def tell(self, task: Task) -> None:
        """Take a change that was made by this process."""
        before = self.roster[task.id]
        if task.status.ended:
            self._drop(task.id)
            return
        now = Watched.of(task)
        if before is not None:
            now = replace(now, hinted=before.hinted, awaited=before.awaited)
        self.roster.put(now)
        if now.runs and (before is None or not before.runs):
            self._next = min(self._next, self._due(now))
        elif now.status is Status.FETCHING and before and before.runs and (took := self._took(now)):
            self._times.add((task.account, now.model, now.length), took)
            detected(task, min(self._gap, task.updated - (task.accepted_at or task.updated)))

    def hear(self, task_id: str, now: Watched | None) -> bool:
        """Take how a task stands in the journal, whoever wrote it; return whether somebody was told that it moved."""
        if now is None:
            self._drop(task_id)
            return False
        before = self.roster[task_id]
        self.roster.put(now)
        if now.awaited != (before.awaited if before else 0.0):
            self._await(task_id, AWAITED_ELSEWHERE)
        if now.runs:
            self._next = min(self._next, self._due(now))
        if hinted := now.hinted != (before.hinted if before else 0.0):
            self._soon.add(task_id)
        return hinted

    def _drop(self, task_id: str) -> None:
        self.roster.drop(task_id)
        self._soon.discard(task_id)
        self._awaited.pop(task_id, None)

    def _took(self, task: Watched) -> float | None:
        age = task.updated - (task.accepted_at or task.updated)
        return pace.took(age, self._gap) if age > 0 else None

    def soon(self, task_id: str, hinted: float | None = None) -> None:
        """Let the next look come at once: somebody said that the task moved. `hinted` is the journal's mark of it."""
        task = self.roster[task_id]
        if hinted is not None and task is not None:
            if task.hinted == hinted:  # it was heard already, and perhaps looked at
                return
            self.roster.put(replace(task, hinted=hinted))
        self._soon.add(task_id)

    def done_soon(self, task_id: str) -> None:
        """Take it that the wish for an early look was granted."""
        self._soon.discard(task_id)

    def awaited(self, ids: Iterable[str]) -> bool:
        """Take it that somebody waits for these tasks; return whether that is news."""
        news = [self._await(i, AWAITED_SECONDS) for i in ids if self.roster[i] is not None]
        return any(news)

    def to_be_told(self, ids: Iterable[str]) -> list[str]:
        """Return those of the tasks of which the watcher elsewhere has to be told that they are waited for here."""
        running = [t for i in ids if (t := self.roster.running.get(i)) is not None]
        now = self._clock.now()
        return [t.id for t in running if not 0 <= now - t.awaited < AWAITED_ELSEWHERE / 2]

    def told_elsewhere(self, ids: Iterable[str], awaited: float) -> None:
        """Take it that the watcher was told of these by the journal's mark."""
        for task in [t for i in ids if (t := self.roster[i]) is not None]:
            self.roster.put(replace(task, awaited=awaited))

    def _await(self, task_id: str, seconds: float) -> bool:
        until = self._clock.monotonic() + seconds
        new = not self._is_awaited(task_id)
        self._awaited[task_id] = until if new else max(until, self._awaited[task_id])
        if new and (task := self.roster.running.get(task_id)):
            self._next = min(self._next, self._due(task))
        return new

    def seconds_left(self) -> float:
        """Return how long until the next look, 0 when it is due."""
        rest = self._rests.left(self.key)
        if not self.roster.running:
            return float("inf")
        if rest or not self._soon.isdisjoint(self.roster.running):
            return rest
        return max(0.0, self._next - self._clock.monotonic())

    def notice_leaps(self) -> None:
        """Have a look brought forward when the machine slept or its clock was set."""
        apart = self._clock.now() - self._clock.monotonic()
        if abs(apart - self._apart) > LEAP_SECONDS:
            self._apart = apart
            self._next = self._clock.monotonic()
            self._rests.hasten(self.key)  # a machine that wakes has its network back

    def _is_awaited(self, task_id: str) -> bool:
        return self._awaited.get(task_id, float("-inf")) > self._clock.monotonic()

    def _due(self, task: Watched, known: Expected | None = None) -> float:
        """Return when to look at a task next, by the monotonic clock."""
        at = self._clock.monotonic()
        since = None if self._looked is None else at - self._looked
        if task.accepted_at is None:
            return at
        age = self._clock.now() - task.accepted_at
        if age < 0:  # the clock was set back: how old the task is cannot be told
            return at if since is None else at - since + pace.LONGEST_LOOK
        expected = known or self._expected(task)
        looked = None if since is None else age - since
        together = max(1.0, len(self.roster.running) / max(1, self._requests))
        due = at + expected.next_look(looked, awaited=self._is_awaited(task.id), together=together) - age
        return max(due, self._earliest(expected))

    def _earliest(self, expected: Expected) -> float:
        """Return when the next look may come at all."""
        if self._looked is None:
            return float("-inf")
        return self._looked + expected.shortest + SECONDS_A_REQUEST * max(0, self._requests - 1)

    def _expected(self, task: Watched) -> Expected:
        times = self._times.of(self.account.name, task.model, task.length)
        return pace.expected(times, task.typical, self.account.speed)

    def _reckon(self) -> None:
        """Find out anew when the next look is due."""
        kinds: dict[tuple[str, float, float], Expected] = {}
        self._next = float("inf")
        for task in self.roster.running.values():
            kind = (task.model, task.length, task.typical)
            if (expected := kinds.get(kind)) is None:
                expected = kinds[kind] = self._expected(task)
            self._next = min(self._next, self._due(task, expected))
            if self._next <= self._earliest(expected):  # sooner than that nothing is due; with very many, soon found
                return

    # --- looking ----------------------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Look at what runs, in as few requests as the provider allows, and write down what is new."""
        whole = self._next <= self._clock.monotonic() or len(self.roster.running) <= FEW
        running = {i: t for i, t in self.roster.running.items() if whole or i in self._soon}
        self._soon.difference_update(running)
        if not running:
            return
        at = self._clock.monotonic()
        now = self._clock.now()
        fresh = {t.remote.id for t in running.values() if t.remote and 0 <= now - (t.accepted_at or 0) < FRESH_SECONDS}
        remotes = [t.remote for t in running.values() if t.remote]
        try:
            with span("kling.look", {"kling.account": self.account.name, "kling.tasks": len(remotes)}) as looking:
                sight = await self.account.client.survey(remotes, fresh)
                looking.set_attribute("kling.requests", sight.requests)
        except KlingError as error:
            # What runs there goes on without us: a look that fails delays, and never ends, a task.
            self._rests.rest(self.key, FIRST_SILENCE, LONGEST_SILENCE)
            self._next = at  # the look is still owed, once the rest is over
            await self._trouble(running.values(), f"{error.message} {error.advice}".strip())
            return
        self._rests.forget(self.key)
        self._gap = float("inf") if self._looked is None else at - self._looked
        if whole:
            self._looked, self._requests = at, sight.requests
            self.looks += 1
        now = self._clock.now()
        told = ((task.id, _told(task, sight, now)) for task in running.values())
        await self._write([(task_id, event) for task_id, event in told if event is not None])
        self._reckon()

    async def _trouble(self, running: Iterable[Watched], words: str) -> None:
        untold = [t.id for t in running if t.trouble != words]
        untold.sort(key=lambda i: not self._is_awaited(i))
        await self._write([(i, Hindered(words)) for i in untold[:MOST_TOLD]])

    async def _write(self, events: list[tuple[str, Event]]) -> None:
        for start in range(0, len(events), TOGETHER):
            await self.account.journal.apply_all(events[start : start + TOGETHER], self._gap)


def _told(task: Watched, sight: Sight, now: float) -> Event | None:
    """Return what a look tells about a task, nothing where that is not new."""
    if task.remote is None:
        return None
    if found := sight.seen.get(task.remote.id):
        runs_on = found.status == task.status and found.external_id in {"", task.id}
        return None if runs_on and not task.trouble else Seen(replace(found, remote=task.remote))
    unseen = task.remote.id in sight.absent and now - (task.accepted_at or 0) > UNSEEN_SECONDS
    # Absence is no end: what was accepted may run on. But nobody should wait for it unawares.
    return Hindered(GONE) if unseen and task.trouble != GONE else None

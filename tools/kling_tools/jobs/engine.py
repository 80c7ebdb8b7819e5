"""Brings every task to its end, whoever started it: submits what waits, looks at what runs, fetches what is done.

Two triggers per account, both idempotent: `pump` and `beat`. Losing or doubling one costs nothing, because the
journal decides. One process of all that share the journal does the looking: who holds the account's office.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

from kling_tools.clock import Clock
from kling_tools.files.outputs import Outputs
from kling_tools.jobs import pace
from kling_tools.jobs.account import Account
from kling_tools.jobs.bell import Bell
from kling_tools.jobs.election import Offices
from kling_tools.jobs.fetch import fetch
from kling_tools.jobs.journal import Enqueued, Journal
from kling_tools.jobs.ledger import Budget
from kling_tools.jobs.submit import resolve, submit
from kling_tools.jobs.vigil import QUARANTINE_SECONDS, Vigil
from kling_tools.model.errors import KlingError
from kling_tools.model.plan import Order
from kling_tools.model.status import Status
from kling_tools.model.tasks import Hindered, Observation, Seen, Task

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
#: However fast a simulator runs.
SHORTEST_TICK = 0.2
#: Between two attempts to fetch a result: ever longer, since it may never be fetched whole.
FIRST_REST, LONGEST_REST = 10.0, 600.0
#: Between two questions that the provider does not answer: a key it refuses must not knock every five seconds.
FIRST_SILENCE, LONGEST_SILENCE = 5.0, 60.0
#: Downloads at a time: more would only share one wire.
DOWNLOADS = 4
#: How long the end of this process waits for a request that is on the wire: its answer saves a look-up later.
FAREWELL_SECONDS = 5.0

#: A queued task of another process is that process's to send; after this it is taken for orphaned. The claim in the
#: journal lets one of them through in any case.
FOREIGN_SECONDS = 5.0
#: A task that was just accepted may be missing from the provider's answers for a while.
UNSEEN_SECONDS = 60.0

Submission = asyncio.Task[tuple[Task, KlingError | None]]

_RUNNING = frozenset({Status.SUBMITTED, Status.PROCESSING})
_DOUBTFUL = frozenset({Status.UNSURE, Status.SUBMITTING})
_IN_SLOT = _RUNNING | _DOUBTFUL


class Engine:
    """The work that goes on behind the tools."""

    def __init__(
        self,
        journal: Journal,
        outputs: Outputs,
        accounts: Sequence[Account],
        clock: Clock,
        offices: Offices,
        *,
        quarantine: float = QUARANTINE_SECONDS,
    ) -> None:
        self.accounts = {a.name: a for a in accounts}
        self.bell = Bell()
        self.times: dict[tuple[str, str], list[float]] = {}
        self._journal = journal
        self._outputs = outputs
        self._clock = clock
        self._offices = offices
        self._vigil = Vigil(clock, quarantine)
        self._looked: dict[str, float] = {}
        self._retry_at: dict[str, float] = {}
        self._rests: dict[str, float] = {}
        self._soon: set[str] = set()
        self._mine: set[str] = set()
        self._starting: set[str] = set()
        self._at_work: dict[str, asyncio.Task[Any]] = {}
        self._learned = False
        self._downloads = asyncio.Semaphore(DOWNLOADS)
        self._loops: list[asyncio.Task[None]] = []
        journal.on_change = self._changed

    def start(self) -> None:
        """Begin to watch every account, in the background."""
        self._loops = [asyncio.create_task(self._watch(a), name=f"watch {a.name}") for a in self.accounts.values()]
        self._loops.append(asyncio.create_task(self._listen(), name="listen"))

    async def stop(self) -> None:
        """Stop watching; give what is on the wire a moment, then leave it to the journal."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._offices.close()
        if self._at_work:
            await asyncio.wait(self._at_work.values(), timeout=FAREWELL_SECONDS)
        for work in list(self._at_work.values()):
            work.cancel()
        await asyncio.gather(*self._at_work.values(), return_exceptions=True)

    async def buy(self, task: Task, order: Order, budget: Budget, *, again: bool) -> tuple[Enqueued, Submission | None]:
        """Write the intent, then send it in the background, so that a caller who goes away takes nothing along.

        Raises:
            OverBudget, StorageUnavailable: nothing was written and nothing was sent.
        """
        self._mine.add(task.id)
        self._starting.add(task.id)
        try:
            enqueued = await self._journal.enqueue(task, budget, again=again)
            if enqueued.repeated:
                return enqueued, None
            return enqueued, self._begin(task.id, submit(self.accounts[task.account], task, order))
        finally:
            # A caller who left in between may have left a written intent: from here on `pump` sees it.
            self._starting.discard(task.id)

    def pump(self, account: Account, tasks: Sequence[Task]) -> None:
        """Send what waits, oldest first, as far as slots are free."""
        if account.frozen:
            return
        now = self._clock.now()
        taken: Counter[str] = Counter()
        for task in tasks:
            if task.status in _IN_SLOT or task.id in self._at_work:
                taken[task.plan.model] += task.plan.slots
        for task in tasks:
            if task.status is not Status.QUEUED or not self._journal.is_due(task) or self._is_busy_with(task):
                continue
            if task.id not in self._mine and 0 <= now - task.updated < FOREIGN_SECONDS:
                continue
            before = taken[task.plan.model]
            taken[task.plan.model] += task.plan.slots  # also where it has to wait: nobody younger overtakes it
            if not before or before + task.plan.slots <= account.slots:
                self._mine.add(task.id)  # whoever takes an orphan keeps it
                self._begin(task.id, submit(account, task))

    def _is_busy_with(self, task: Task) -> bool:
        return task.id in self._at_work or task.id in self._starting

    async def look_soon(self, *, external_id: str, remote_id: str) -> None:
        """Look at a task at the next beat, since somebody said that it moved; nothing else of that is believed."""
        for account in self.accounts:
            for task in await self._journal.active(account):
                if task.id == external_id or (task.remote is not None and task.remote.id == remote_id):
                    self._soon.add(task.id)
                    if task.status in _DOUBTFUL:
                        self._retry_at.pop(task.id, None)

    async def beat(self, account: Account) -> None:
        """Do everything that is due for an account, once."""
        tasks = await self._journal.active(account.name)
        self.pump(account, tasks)
        for task in tasks:
            if self._is_busy_with(task) or self._rests_still(task.id):
                continue
            if task.status is Status.QUEUED and account.frozen:
                await self._journal.apply(task.id, Hindered(account.frozen), standing=task)
            elif task.status in _DOUBTFUL:
                self._soon.discard(task.id)
                self._again_in(task.id, FIRST_SILENCE)
                self._begin(task.id, self._resolve(account, task))
            elif task.status is Status.FETCHING:
                if task.trouble:
                    self._rest(task.id, FIRST_REST, LONGEST_REST)
                else:
                    self._again_in(task.id, 1.0)
                self._begin(task.id, self._fetch(account, task))
        await self._look(account, [t for t in tasks if t.status in _RUNNING and t.remote is not None])

    async def _look(self, account: Account, running: Sequence[Task]) -> None:
        """Look at every running task in as few requests as the provider allows, once one of them is due."""
        now = self._clock.now()
        due = any(t.id in self._soon or self._due(t, account.speed) <= now for t in running)
        if self._rests_still(account.name) or not due:
            return
        for task in running:
            self._looked[task.id] = now
            self._soon.discard(task.id)
        try:
            seen = await account.client.look([t.remote for t in running if t.remote])
        except KlingError as error:
            # What runs there goes on without us: a look that fails delays, and never ends, a task.
            self._rest(account.name, FIRST_SILENCE, LONGEST_SILENCE)
            for task in running:
                await self._journal.apply(task.id, Hindered(f"{error.message} {error.advice}".strip()))
            return
        self._rests.pop(account.name, None)
        await self._note(running, {s.remote.id: s for s in seen})

    async def _note(self, running: Sequence[Task], seen: dict[str, Observation]) -> None:
        for task in running:
            observation = seen.get(task.remote.id) if task.remote else None
            if observation is not None:
                await self._journal.apply(task.id, Seen(observation))
            elif self._clock.now() - (task.accepted_at or 0) > UNSEEN_SECONDS:
                # Absence is no end: what was accepted may run on. But nobody should wait for it unawares.
                gone = "Kling does not show this task at present; it was accepted, and is asked about further."
                await self._journal.apply(task.id, Hindered(gone))

    async def _resolve(self, account: Account, task: Task) -> None:
        self._mine.add(task.id)
        if await resolve(account, task, self._vigil):
            self._rests.pop(task.id, None)
        else:
            self._rest(task.id, FIRST_SILENCE, LONGEST_SILENCE)

    async def _fetch(self, account: Account, task: Task) -> None:
        async with self._downloads:
            await fetch(account, self._outputs, task)

    def _rest(self, key: str, first: float, longest: float) -> None:
        """Leave a key alone, for twice as long each time."""
        self._rests[key] = min(longest, 2 * self._rests.get(key, first / 2))
        self._again_in(key, self._rests[key])

    def _rests_still(self, key: str) -> bool:
        return self._retry_at.get(key, float("-inf")) > self._clock.monotonic()

    def _due(self, task: Task, speed: float) -> float:
        times = self.times.get((task.account, task.plan.model), ())
        return pace.next_look(task, times, self._looked.get(task.id), speed, self._clock.now())

    def _again_in(self, key: str, seconds: float) -> None:
        self._retry_at[key] = self._clock.monotonic() + seconds

    def _begin(self, key: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        running = asyncio.create_task(work, name=key)
        self._at_work[key] = running
        running.add_done_callback(lambda done: self._finished(key, done))
        return running

    def _finished(self, key: str, done: asyncio.Task[Any]) -> None:
        self._at_work.pop(key, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("task %s: %s", key, error, exc_info=error)
            self._again_in(key, 10.0)

    def _changed(self, task: Task) -> None:
        if task.status not in _DOUBTFUL:
            self._vigil.forget(task.id)
        if task.status.ended:
            for times in (self._looked, self._retry_at, self._rests):
                times.pop(task.id, None)
            self._mine.discard(task.id)
            self._soon.discard(task.id)
        if task.status is Status.SUCCEEDED and task.accepted_at and task.ended_at:
            known = self.times.setdefault((task.account, task.plan.model), [])
            known.insert(0, task.ended_at - task.accepted_at)
            del known[20:]
        self.bell.ring()

    async def _watch(self, account: Account) -> None:
        while True:
            try:
                if await self._offices.holds(account.name):
                    await self._learn()
                    await self.beat(account)
                elif self._mine:
                    # Who watches may be forbidden to send, or busy; what was agreed on here is sent from here.
                    self.pump(account, await self._journal.active(account.name))
            except Exception as error:
                # The loop outlives whatever one round meets: a full disk today, a fault of ours tomorrow.
                log.error("watching %s: %s", account.name, error, exc_info=not isinstance(error, KlingError))
                await self._clock.sleep(5 * TICK_SECONDS)
            await self.bell.wait(self._clock, max(SHORTEST_TICK, TICK_SECONDS / account.speed))

    async def _listen(self) -> None:
        """Ring when anybody else has written, here or on another machine: nobody has to notify at every commit."""
        known = ""
        while True:
            try:
                mark = await self._journal.mark()
                if mark != known:
                    known = mark
                    self.bell.ring()
            except KlingError as error:
                log.debug("listening: %s", error)  # `_watch` says it to people
            await self._clock.sleep(TICK_SECONDS)

    async def _learn(self) -> None:
        if not self._learned:
            self.times = {k: v[:20] for k, v in (await self._journal.times_taken()).items()}
            self._learned = True

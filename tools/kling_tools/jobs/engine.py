"""Brings every task to its end, whoever started it: submits what waits, looks at what runs, fetches what is done.

Two triggers per account, both idempotent: `pump` and `beat`. Losing or doubling one costs nothing, because the
journal decides. One process of all that share the journal does the looking: who holds the account's office.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from kling_tools.clock import Clock
from kling_tools.files.outputs import Outputs
from kling_tools.jobs.account import Account
from kling_tools.jobs.assemble import assemble
from kling_tools.jobs.bell import Bell
from kling_tools.jobs.election import Offices
from kling_tools.jobs.fetch import fetch
from kling_tools.jobs.following import follow
from kling_tools.jobs.journal import Enqueued, Journal
from kling_tools.jobs.ledger import Budget
from kling_tools.jobs.pace import Times
from kling_tools.jobs.rests import Rests
from kling_tools.jobs.submit import resolve, submit
from kling_tools.jobs.vigil import QUARANTINE_SECONDS, Vigil
from kling_tools.jobs.watch import FIRST_SILENCE, LONGEST_SILENCE, Watch
from kling_tools.jobs.watched import Watched
from kling_tools.model.errors import KlingError
from kling_tools.model.plan import Order
from kling_tools.model.status import Status
from kling_tools.model.tasks import Hindered, Task

log = logging.getLogger(__name__)

#: While something is under way or somebody waits: how soon what another process did is seen.
TICK_SECONDS = 1.0
#: While nothing is: how soon it is seen that another process left something behind.
IDLE_SECONDS = 10.0
#: However fast a simulator runs.
SHORTEST_TICK = 0.2
#: Between two attempts to fetch a result: ever longer, since it may never be fetched whole.
FIRST_REST, LONGEST_REST = 10.0, 600.0
#: Downloads at a time: more would only share one wire.
DOWNLOADS = 4
#: How long the end of this process waits for a request that is on the wire: its answer saves a look-up later.
FAREWELL_SECONDS = 5.0

#: How long what waits for other tasks is left alone where none of them was seen to move.
FOLLOW_SECONDS = 10.0

#: A queued task of another process is that process's to send; after this it is taken for orphaned. The claim in the
#: journal lets one of them through in any case.
FOREIGN_SECONDS = 5.0

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
        self.times = Times()
        self._journal = journal
        self._outputs = outputs
        self._clock = clock
        self._offices = offices
        self._vigil = Vigil(clock, quarantine)
        self._rests = Rests(clock)
        self._watches = {a.name: Watch(a, clock, self.times, self._rests) for a in accounts}
        self._mine: set[str] = set()
        self._starting: set[str] = set()
        self._at_work: dict[str, asyncio.Task[Any]] = {}
        self._learned = False
        self._downloads: set[str] = set()
        self._ended: set[str] = set()
        self._loops: list[asyncio.Task[None]] = []
        journal.on_change = self._changed

    def start(self) -> None:
        """Begin to watch every account, in the background."""
        self._loops = [asyncio.create_task(self._watch(a), name=f"watch {a.name}") for a in self.accounts.values()]

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

    async def buy(
        self,
        task: Task,
        order: Order | None,
        budget: Budget,
        *,
        again: bool,
        parts: Sequence[tuple[Task, Order | None]] = (),
    ) -> tuple[Enqueued, Submission | None]:
        """Write the intent, then send it in the background, so that a caller who goes away takes nothing along.

        Of a film its parts are sent, those that wait for no other; one without an order is read from the journal.

        Raises:
            OverBudget, StorageUnavailable: nothing was written and nothing was sent.
        """
        tasks = [part for part, _ in parts]
        ids = {task.id, *(part.id for part in tasks)}
        self._mine |= ids
        self._starting |= ids
        try:
            enqueued = await self._journal.enqueue(task, budget, again=again, parts=tasks)
            if enqueued.repeated:
                return enqueued, None
            account = self.accounts[task.account]
            if task.status is Status.QUEUED:
                return enqueued, self._begin(task.id, submit(account, task, order))
            sent = [self._begin(p.id, submit(account, p, o)) for p, o in parts if p.status is Status.QUEUED]
            return enqueued, self._begin(task.id, self._sent(task, sent))
        finally:
            # A caller who left in between may have left a written intent: from here on `pump` sees it.
            self._starting -= ids

    async def _sent(self, film: Task, sent: Sequence[asyncio.Task[Any]]) -> tuple[Task, None]:
        """Return a film once each of its parts was answered; what was refused is told by the part itself."""
        if sent:
            await asyncio.wait(sent)
        return (await self._journal.get([film.id])).get(film.id, film), None

    def pump(self, account: Account) -> None:
        """Send what waits, oldest first, as far as slots are free; of what is known of the account's tasks."""
        roster = self._watches[account.name].roster
        queued = [t for t in roster.waiting() if t.status is Status.QUEUED]
        if account.frozen or not queued:
            return
        now = self._clock.now()
        taken: Counter[str] = Counter()
        for task in roster:
            if task.status in _IN_SLOT or task.id in self._at_work:
                taken[task.model] += task.slots
        for task in queued:
            if not self._journal.is_due(task) or self._is_busy_with(task):
                continue
            if task.id not in self._mine and 0 <= now - task.updated < FOREIGN_SECONDS:
                continue
            before = taken[task.model]
            taken[task.model] += task.slots  # also where it has to wait: nobody younger overtakes it
            if not before or before + task.slots <= account.slots:
                self._mine.add(task.id)  # whoever takes an orphan keeps it
                self._begin(task.id, self._submit(account, task.id))

    def _is_busy_with(self, task: Watched) -> bool:
        return task.id in self._at_work or task.id in self._starting

    async def look_soon(self, *, external_id: str, remote_id: str) -> None:
        """Look at a task at once, since somebody said that it moved; nothing else of that is believed."""
        for watch in self._watches.values():
            await watch.refresh()
            for task in watch.roster:
                if task.id == external_id or (task.remote is not None and task.remote.id == remote_id):
                    watch.soon(task.id)
                    if task.status in _DOUBTFUL:
                        self._rests.hasten(task.id)
                    self.bell.ring()

    async def wait(self, ids: Iterable[str], seconds: float) -> None:
        """Return at the next change of anything, or after `seconds`; the looks at these tasks are closer meanwhile."""
        wanted = list(ids)
        news = [watch.awaited(wanted) for watch in self._watches.values()]
        unknown = any(all(watch.roster[i] is None for watch in self._watches.values()) for i in wanted)
        if unknown or any(news):  # what another process made a moment ago is not known here yet
            self.bell.ring()
        await self.bell.wait(self._clock, seconds)

    def looks(self, account: str) -> int:
        """Return how often everything that runs at an account was looked at since the start."""
        return self._watches[account].looks

    async def beat(self, account: Account) -> None:
        """Do everything that is due for an account, once."""
        watch = self._watches[account.name]
        watch.notice_leaps()
        moved = await watch.refresh()
        if moved:
            self.bell.ring()
        self.pump(account)
        moved = moved or account.name in self._ended
        self._ended.discard(account.name)
        for task in watch.roster.waiting():
            if moved and task.status is Status.WAITING:
                self._rests.hasten(task.id)
            if self._is_busy_with(task) or self._rests.left(task.id):
                continue
            if task.status is Status.QUEUED and account.frozen:
                if task.trouble != account.frozen:
                    await self._hinder(task, account.frozen)
            elif task.status is Status.WAITING:
                self._rests.until(task.id, FOLLOW_SECONDS)
                self._begin(task.id, self._follow(account, task.id))
            elif task.status in _DOUBTFUL:
                watch.done_soon(task.id)
                self._rests.until(task.id, FIRST_SILENCE)
                self._begin(task.id, self._resolve(account, task.id))
            elif task.status is Status.FETCHING and len(self._downloads) < DOWNLOADS:
                if task.trouble:
                    self._rests.rest(task.id, FIRST_REST, LONGEST_REST)
                else:
                    self._rests.until(task.id, 1.0)
                self._downloads.add(task.id)
                self._begin(task.id, self._fetch(account, task.id))
        if watch.key not in self._at_work and not watch.seconds_left():
            self._begin(watch.key, watch.look())

    async def _hinder(self, task: Watched, words: str) -> None:
        for standing in (await self._journal.get([task.id])).values():
            if standing.status is task.status:
                await self._journal.apply(task.id, Hindered(words), standing=standing)

    async def _submit(self, account: Account, task_id: str) -> None:
        for task in (await self._journal.get([task_id])).values():
            await submit(account, task)

    async def _resolve(self, account: Account, task_id: str) -> None:
        self._mine.add(task_id)
        for task in (await self._journal.get([task_id])).values():
            if task.status in _DOUBTFUL and not await resolve(account, task, self._vigil):
                self._rests.rest(task_id, FIRST_SILENCE, LONGEST_SILENCE)
                return
        self._rests.calm(task_id)

    async def _follow(self, account: Account, task_id: str) -> None:
        self._mine.add(task_id)
        for task in (await self._journal.get([task_id])).values():
            if task.status is Status.WAITING and (await follow(account, task)).status is not Status.WAITING:
                self._rests.forget(task_id)

    async def _fetch(self, account: Account, task_id: str) -> None:
        for task in (await self._journal.get([task_id])).values():
            if task.status is Status.FETCHING:
                film = task.plan.spec.product == "film"
                await (assemble if film else fetch)(account, self._outputs, task)

    def _begin(self, key: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        running = asyncio.create_task(work, name=key)
        self._at_work[key] = running
        running.add_done_callback(lambda done: self._finished(key, done))
        return running

    def _finished(self, key: str, done: asyncio.Task[Any]) -> None:
        self._at_work.pop(key, None)
        self._downloads.discard(key)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("task %s: %s", key, error, exc_info=error)
            self._rests.until(key, 10.0)
        self.bell.ring()

    def _changed(self, task: Task) -> None:
        if task.status not in _DOUBTFUL:
            self._vigil.forget(task.id)
        if task.status.ended:
            self._ended.add(task.account)
            self._rests.forget(task.id)
            self._mine.discard(task.id)
        if watch := self._watches.get(task.account):
            watch.tell(task)
        self.bell.ring()

    async def _watch(self, account: Account) -> None:
        watch = self._watches[account.name]
        while True:
            try:
                won = await self._offices.holds(account.name)
                if won:
                    await self._learn()
                    await self.beat(account)
                else:
                    # Who watches may be forbidden to send, or busy; what was agreed on here is sent from here.
                    if await watch.refresh():
                        self.bell.ring()
                    if self._mine:
                        self.pump(account)
                pause = self._pause(watch, watches=won)
            except Exception as error:
                # The loop outlives whatever one round meets: a full disk today, a fault of ours tomorrow.
                log.error("watching %s: %s", account.name, error, exc_info=not isinstance(error, KlingError))
                await self._clock.sleep(5 * TICK_SECONDS)
                pause = SHORTEST_TICK
            await self.bell.wait(self._clock, pause)

    def _pause(self, watch: Watch, *, watches: bool) -> float:
        """Return how long nothing is due: short while something is under way, since others may move it too."""
        if not len(watch.roster):
            return IDLE_SECONDS
        tick = TICK_SECONDS / watch.account.speed
        if watches and watch.key not in self._at_work:
            tick = min(tick, watch.seconds_left())
        return max(SHORTEST_TICK, tick)

    async def _learn(self) -> None:
        if not self._learned:
            self.times.learn(await self._journal.times_taken())
            self._learned = True

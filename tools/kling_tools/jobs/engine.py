"""Brings every task to its end, whoever started it: submits what waits, looks at what runs, fetches what is done.

Two triggers per account, both idempotent: `pump` and `beat`. Losing or doubling one costs nothing, because the
journal decides. One process of all that share the journal does the looking: who holds the account's office. One loop
serves all accounts, so that a thousand that rest cost no more than one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any

from kling_tools.clock import Clock
from kling_tools.files.outputs import Outputs
from kling_tools.jobs import telling
from kling_tools.jobs.account import Account
from kling_tools.jobs.assemble import assemble
from kling_tools.jobs.bell import Bell
from kling_tools.jobs.doubts import resolve
from kling_tools.jobs.election import Offices
from kling_tools.jobs.fetch import fetch
from kling_tools.jobs.following import follow, sent_together
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.ledger import Budget
from kling_tools.jobs.moves import Hear, Move, unheard
from kling_tools.jobs.news import News
from kling_tools.jobs.pace import Times
from kling_tools.jobs.questions import Enqueued
from kling_tools.jobs.rests import Rests
from kling_tools.jobs.rounds import SHORTEST_TICK, Rounds
from kling_tools.jobs.submit import submit
from kling_tools.jobs.vigil import QUARANTINE_SECONDS, Vigil
from kling_tools.jobs.watch import FIRST_SILENCE, LONGEST_SILENCE, Watch
from kling_tools.jobs.watched import Watched
from kling_tools.model.errors import KlingError, StorageUnavailable
from kling_tools.model.plan import Order
from kling_tools.model.status import Status
from kling_tools.model.tasks import Hindered, Task
from kling_tools.telemetry import span

log = logging.getLogger(__name__)

#: While something is under way or somebody waits: how soon what another process did is seen.
TICK_SECONDS = 1.0
#: While nothing is: the same. One small question to the journal each time, whatever the number of accounts.
IDLE_SECONDS = 1.5
#: How often the offices of accounts that rest are asked for: nobody waits for those.
REST_SECONDS = 3 * IDLE_SECONDS
#: A callback comes once for each turn of a task; who sends more of them has them written down no more often.
BETWEEN_HINTS = 1.0
#: Between two attempts at the same task: where the disk takes no claim, the next one is due at once.
BETWEEN_CLAIMS = 1.0
#: Between two attempts to fetch a result: ever longer, since it may never be fetched whole.
FIRST_REST, LONGEST_REST = 10.0, 600.0
#: Downloads at a time: more would only share one wire.
DOWNLOADS = 4
#: How long the end of this process waits for a request that is on the wire: its answer saves a look-up later.
FAREWELL_SECONDS = 5.0
#: How long what waits for other tasks is left alone where none of them was seen to move.
FOLLOW_SECONDS = 10.0
#: A queued task of another process is that one's to send; then it is an orphan. The claim lets one through in any case.
FOREIGN_SECONDS = 5.0

Submission = asyncio.Task[tuple[Task, KlingError | None]]

_DOUBTFUL = frozenset({Status.UNSURE, Status.SUBMITTING})
_IN_SLOT = _DOUBTFUL | {Status.SUBMITTED, Status.PROCESSING}


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
        self._news = News(journal, self._watches.keys(), self._hear_of)
        self._rounds = Rounds(clock, self.bell, self._watches.keys(), self._hear, self._serve)
        self._held: set[str] = set()
        self._mine: set[str] = set()
        self._starting: set[str] = set()
        self._at_work: dict[str, asyncio.Task[Any]] = {}
        self._learned = False
        self._downloads: set[str] = set()
        self._moved: set[str] = set()
        self._loop: asyncio.Task[None] | None = None
        self.on_move: Hear = unheard
        journal.on_change = self._changed

    def start(self) -> None:
        """Begin to watch every account, in the background."""
        self._loop = asyncio.create_task(self._rounds.go_on(), name="watch")

    async def stop(self) -> None:
        """Stop watching; give what is on the wire a moment, then leave it to the journal."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        if self._at_work:
            await asyncio.wait(self._at_work.values(), timeout=FAREWELL_SECONDS)
        for work in list(self._at_work.values()):
            work.cancel()
        await asyncio.gather(*self._at_work.values(), return_exceptions=True)
        await self._offices.close()  # with the name: not before the last byte has left

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
            with span("kling.hold", telling.of(task)):
                enqueued = await self._journal.enqueue(task, budget, again=again, parts=tasks)
            if enqueued.repeated:
                return enqueued, None
            telling.created((enqueued.task, *enqueued.parts))
            account = self.accounts[task.account]
            if task.status is Status.QUEUED:
                return enqueued, self._begin(task.id, task.account, submit(account, task, order))
            # The others are read when it is their turn.
            queued = [(part, order) for part, order in parts if part.status is Status.QUEUED][: account.slots]
            sent = [self._begin(part.id, part.account, submit(account, part, order)) for part, order in queued]
            return enqueued, self._begin(task.id, task.account, sent_together(account, task, sent))
        finally:
            # A caller who left in between may have left a written intent: from here on `pump` sees it.
            self._starting -= ids

    async def pump(self, account: Account) -> None:
        """Send whose turn it is, as far as places are free. The journal is asked only where one may be."""
        roster = self._watches[account.name].roster
        if account.frozen or not (room := account.throttle.room(self._clock.monotonic())):
            return
        sendable = {task.model for task in roster.waiting() if self._is_sendable(task)}
        for model in sendable:
            if sum(t.slots for t in roster if t.model == model and t.status in _IN_SLOT) >= account.slots:
                continue
            up = [roster[task_id] for task_id in await self._journal.next_up(account.name, model, account.slots)]
            # Who cannot be sent just now leaves a slowed account's only turn to the next.
            for task in [task for task in up if task is not None and self._is_sendable(task)][:room]:
                self._mine.add(task.id)  # whoever takes an orphan keeps it
                self._rests.until(f"send {task.id}", BETWEEN_CLAIMS)
                self._begin(task.id, account.name, self._submit(account, task.id))

    def _is_sendable(self, task: Watched) -> bool:
        if task.status is not Status.QUEUED or not self._journal.is_due(task) or self._is_busy_with(task):
            return False
        if self._rests.left(f"send {task.id}"):
            return False
        return task.id in self._mine or not 0 <= self._clock.now() - task.updated < FOREIGN_SECONDS

    def _is_busy_with(self, task: Watched) -> bool:
        # What can no longer be read is nobody's to go on with.
        return task.id in self._at_work or task.id in self._starting or task.id in self._journal.unreadable

    async def look_soon(self, *, external_id: str, remote_id: str) -> None:
        """Look at a task at once, since somebody said that it moved; nothing else of that is believed.

        Where another process looks at it, it is told by the journal.

        Raises:
            StorageUnavailable: who looks cannot be told.
        """
        await self._news.hear()
        for name, watch in self._watches.items():
            meant = [t for t in watch.roster if t.id == external_id or (t.remote and t.remote.id == remote_id)]
            for task in meant:
                hinted = None
                if name not in self._held and not self._rests.left(key := f"hint {task.id}"):
                    self._rests.until(key, BETWEEN_HINTS)
                    hinted = await self._journal.wish([task.id], hinted=True)
                watch.soon(task.id, hinted)
                if task.status in _DOUBTFUL:
                    self._rests.hasten(task.id)
                self._rounds.stir(name)

    async def wait(self, ids: Iterable[str], seconds: float) -> None:
        """Return at the next change of one of these tasks, or after `seconds`; looks at them are closer meanwhile."""
        wanted = list(ids)
        for name, watch in self._watches.items():
            if watch.awaited(wanted):
                self._rounds.stir(name)
        if any(all(watch.roster[i] is None for watch in self._watches.values()) for i in wanted):
            # What another process made a moment ago is not known here yet.
            self._rounds.hear_soon()
        ringing = asyncio.ensure_future(self.bell.wait(self._clock, seconds, wanted))
        try:
            await self._tell_watchers(wanted)
            await ringing
        finally:
            ringing.cancel()

    async def _tell_watchers(self, wanted: list[str]) -> None:
        """Have those who watch these tasks elsewhere look at them as for a caller of their own."""
        told: list[str] = []
        for name, watch in self._watches.items():
            if name not in self._held and (ids := watch.to_be_told(wanted)):
                watch.told_elsewhere(ids, self._clock.now())
                told += ids
        if told:
            with suppress(StorageUnavailable):  # waiting goes on without
                await self._journal.wish(told)

    def looks(self, account: str) -> int:
        """Return how often everything that runs at an account was looked at since the start."""
        return self._watches[account].looks

    async def beat(self, account: Account) -> None:
        """Hear what others wrote, and do everything that is due for an account, once."""
        await self._news.hear()
        await self._do_what_is_due(account)

    async def _do_what_is_due(self, account: Account) -> None:
        watch = self._watches[account.name]
        watch.notice_leaps()
        await self.pump(account)
        moved = account.name in self._moved
        self._moved.discard(account.name)
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
                self._begin(task.id, account.name, self._follow(account, task.id))
            elif task.status in _DOUBTFUL:
                self._ask_about(account, task)
            elif task.status is Status.FETCHING and len(self._downloads) < DOWNLOADS:
                if task.trouble:
                    self._rests.rest(task.id, FIRST_REST, LONGEST_REST)
                else:
                    self._rests.until(task.id, 1.0)
                self._downloads.add(task.id)
                self._begin(task.id, account.name, self._fetch(account, task.id))
        if watch.key not in self._at_work and not watch.seconds_left():
            self._begin(watch.key, account.name, watch.look())

    async def _judge_own(self, account: Account) -> None:
        """Ask about what was claimed here and is not being sent, as where the database took a claim and its answer was
        lost: while this process lives, nobody else concludes anything from it."""
        for task in self._watches[account.name].roster.waiting():
            if task.status is not Status.SUBMITTING or task.id not in self._mine:
                continue
            if self._is_busy_with(task) or self._rests.left(task.id):
                continue
            claim = await self._journal.claimed_by(task.id)
            if await self._offices.stands(claim.owner):
                self._ask_about(account, task)

    def _ask_about(self, account: Account, task: Watched) -> None:
        self._watches[account.name].done_soon(task.id)
        self._rests.until(task.id, FIRST_SILENCE)
        self._begin(task.id, account.name, self._resolve(account, task.id))

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
        if await follow(account, task_id):
            self._rests.forget(task_id)

    async def _fetch(self, account: Account, task_id: str) -> None:
        for task in (await self._journal.get([task_id])).values():
            if task.status is Status.FETCHING:
                await (assemble if task.plan.spec.product == "film" else fetch)(account, self._outputs, task)

    def _begin(self, key: str, account: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        running = asyncio.create_task(work, name=key)
        self._at_work[key] = running
        running.add_done_callback(lambda done: self._finished(key, account, done))
        return running

    def _finished(self, key: str, account: str, done: asyncio.Task[Any]) -> None:
        self._at_work.pop(key, None)
        self._downloads.discard(key)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("task %s: %s", key, error, exc_info=error)
            self._rests.until(key, 10.0)
        self._rounds.stir(account)

    def _changed(self, task: Task) -> None:
        if task.status not in _DOUBTFUL:
            self._vigil.forget(task.id)
        if task.status.ended:
            self._ended(task.id, task.account)
        self._news.told(task.account, task.id)
        self.on_move(Move.of(task))
        if watch := self._watches.get(task.account):
            telling.changed(known.status if (known := watch.roster[task.id]) else None, task)
            watch.tell(task)
        self._rounds.stir(task.account)
        self.bell.ring(task.id)

    def _hear_of(self, account: str, task_id: str, task: Watched | None) -> None:
        watch = self._watches.get(account)
        before = watch.roster[task_id] if watch else None
        film, caller = (before.part_of, before.caller) if before else ("", None)
        self.on_move(Move.of(task) if task else Move(task_id, None, None, film, caller))
        if watch is None or task == before:
            return
        if task is None:
            self._ended(task_id, account)
        if watch.hear(task_id, task) and task is not None and task.status in _DOUBTFUL:
            self._rests.hasten(task_id)
        self._rounds.stir(account)
        self.bell.ring(task_id)

    def _ended(self, task_id: str, account: str) -> None:
        self._moved.add(account)
        for key in (task_id, f"hint {task_id}", f"send {task_id}"):
            self._rests.forget(key)
        self._mine.discard(task_id)

    async def _hear(self) -> float:
        await self._news.hear()
        if not any(len(watch.roster) for watch in self._watches.values()):
            return IDLE_SECONDS
        return max(SHORTEST_TICK, TICK_SECONDS / max(account.speed for account in self.accounts.values()))

    async def _serve(self, name: str) -> float:
        """Do what an account needs of this process; return for how long that is enough, seconds."""
        account = self.accounts[name]
        self._held.discard(name)
        won = await self._offices.holds(name)
        if won:
            self._held.add(name)
            await self._learn()
            await self._do_what_is_due(account)
            telling.standing(name, (task.status for task in self._watches[name].roster.waiting()))
        elif self._mine:
            # Who watches may be forbidden to send, or busy; what was agreed on here is sent from here.
            await self.pump(account)
            await self._judge_own(account)
        return self._pause(self._watches[name], watches=won)

    def _pause(self, watch: Watch, *, watches: bool) -> float:
        """Return how long nothing is due: short while something is under way, since others may move it too."""
        if not len(watch.roster):
            return REST_SECONDS
        tick = TICK_SECONDS / watch.account.speed
        if watches and watch.key not in self._at_work:
            tick = min(tick, watch.seconds_left())
        return max(SHORTEST_TICK, tick)

    async def _learn(self) -> None:
        if not self._learned:
            self.times.learn(await self._journal.times_taken())
            self._learned = True

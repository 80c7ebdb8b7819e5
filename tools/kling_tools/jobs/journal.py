"""The truth about every task: one way to write an intent, one way to change a task, and the questions asked of both.

A task changes only through `apply`, which reads, steps and writes in one transaction, together with its money.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from kling_tools.clock import Clock, local_day
from kling_tools.jobs import ledger
from kling_tools.jobs.database import Connection, Store
from kling_tools.jobs.documents import load
from kling_tools.jobs.finding import find
from kling_tools.jobs.ledger import Budget, Entry, Spent
from kling_tools.jobs.pace import took
from kling_tools.jobs.questions import NOBODY, Claim, Enqueued, Happening, Page, Search, Spending
from kling_tools.jobs.rows import columns_of, entry_of, get_task, insert, note, same_request, sent_since
from kling_tools.jobs.turns import Place, may_go
from kling_tools.jobs.watched import Watched
from kling_tools.model.errors import Refused, StorageUnavailable, TaskUnreadable, UnknownTask, quoted
from kling_tools.model.money import from_micros
from kling_tools.model.status import Status
from kling_tools.model.step import contradiction, step
from kling_tools.model.tasks import Claimed, Event, Seen, Task

log = logging.getLogger(__name__)

#: The same request within this time is taken for a repeated call, not for a second wish.
SAME_REQUEST_SECONDS = 600.0
#: No delay is longer. A task that seems to wait for more was put back before the clock was.
LONGEST_DELAY = 30.0

PLAIN = Claimed()
#: Something that is true of a task, found out in the transaction that would change it.
Guard = Callable[[Connection, Task], bool]


class Journal:
    """Tasks and money on disk. `on_change` is called in the event loop after every change.

    `unreadable` are the tasks, by id, that were met and could not be read: they are passed over, and hold their money.
    `caller` is whose tasks can be had by it; None is everybody's.
    """

    def __init__(self, store: Store, clock: Clock, caller: str | None = None) -> None:
        self.clock = clock
        self.caller = caller
        self._store = store
        self.unreadable: dict[str, TaskUnreadable] = {}
        self.on_change: Callable[[Task], None] = lambda task: None

    def of(self, caller: str) -> Journal:
        """Return the journal as one caller has it: what is asked of it is told of their tasks and money only."""
        own = Journal(self._store, self.clock, caller)
        own.on_change = lambda task: self.on_change(task)
        return own

    def now(self) -> float:
        """Return the journal's time, seconds since the epoch."""
        return self.clock.now()

    def is_due(self, task: Task | Watched) -> bool:
        """Whether a queued task has waited out its delay."""
        return not 0 < task.not_before - self.now() <= LONGEST_DELAY

    async def enqueue(self, task: Task, budget: Budget | None, *, again: bool, parts: Sequence[Task] = ()) -> Enqueued:
        """Write the intent and hold the money in one transaction, before a byte leaves.

        A film costs what its `parts` cost: it is judged by the sum, and the money is held for each of them. Without a
        budget for what is done on this machine: it costs nothing, and has no line in the ledger.

        Raises:
            OverBudget, StorageUnavailable: nothing was written. TaskUnreadable: nor can it be told if it was before.
        """
        now = self.clock.now()

        def work(db: Connection) -> Enqueued:
            db.alone(f"request {task.fingerprint}")
            # By its id: the person agreed to this very task, and their answer came twice.
            known = get_task(db, task.id) or (None if again else same_request(db, task, now - SAME_REQUEST_SECONDS))
            if known and known.caller != task.caller:
                raise self.missing(task.id)
            if known:
                return Enqueued(known, repeated=True)
            holds: dict[str, Entry] = {}
            if budget is not None:
                day = local_day(now).isoformat()
                db.alone(f"money {day} {task.simulated}")
                holds = ledger.holds(task, parts, day, _spent(db, day, task.simulated, task.caller), budget)
            named, *others = [insert(db, one, now) for one in (task, *parts)]
            for task_id, held in holds.items():
                db.run("insert_hold", task_id=task_id, caller=task.caller, **vars(held))
            return Enqueued(named, repeated=False, parts=tuple(others))

        result = await self._store.do(work)
        for one in () if result.repeated else (result.task, *result.parts):
            self.on_change(one)
        return result

    async def same_request(self, task: Task) -> Task | None:
        """Return the task that would stand for this one, if it were bought now.

        Raises:
            TaskUnreadable: it cannot be told whether there is one.
        """
        return await self._store.read(lambda db: same_request(db, task, self.now() - SAME_REQUEST_SECONDS))

    async def earlier_film(self, fingerprint: str) -> Task | None:
        """Return the film of the same request that lately ended without a result."""
        asked = {"fingerprint": fingerprint, "after": self.now() - SAME_REQUEST_SECONDS, "caller": self.caller}
        return await self._store.read(lambda db: next(self._readable(db.rows("earlier_film", **asked)), None))

    async def claim(self, task_id: str, slots: int, by: Claim = NOBODY, event: Claimed = PLAIN) -> Task | None:
        """Take a queued task for sending, durable before it returns; None where another has it or no slot is free."""
        now = self.clock.now()

        def work(db: Connection) -> Task | None:
            task = get_task(db, task_id)
            if task is None or task.status is not Status.QUEUED or not self.is_due(task):
                return None
            db.alone(f"slots {task.account} {task.plan.model}")
            if task.id not in self._next_up(db, task.account, task.plan.model, slots):
                return None
            db.run("note_claim", id=task.id, sender=by.sender, owner=by.owner)
            return _write(db, task, event, now)

        task = await self._store.do(work)
        if task is not None:
            self.on_change(task)
        return task

    async def next_up(self, account: str, model: str, slots: int) -> list[str]:
        """Return the queued tasks that a claim would let through now, in their order; some may have to wait still."""
        return await self._store.read(lambda db: self._next_up(db, account, model, slots))

    def _next_up(self, db: Connection, account: str, model: str, places: int) -> list[str]:
        line = {"account": account, "model": model, "unreadable": json.dumps(list(self.unreadable)), "now": self.now()}
        row = db.row("under_way", **line)
        taken = int(row[0]) if row else 0
        if taken >= places:  # found without a look at the line
            return []
        return may_go((Place(*row) for row in db.rows("contenders", places=places, **line)), places, taken)

    async def apply(
        self, task_id: str, event: Event, *, standing: Task | None = None, unless: Guard | None = None
    ) -> Task:
        """Change a task by one event and its money with it; returns it as it now is.

        With `standing` only while it stands as it did there, in the same attempt: what one process concludes from a
        task must not hit what another has begun with it since. What the provider shows is true in any case. Nothing
        happens where `unless` is true of it, which may look at other tasks.

        Raises:
            KeyError: there is no such task. TaskUnreadable: it cannot be read, and was not changed.
        """
        now = self.clock.now()

        def work(db: Connection) -> tuple[Task, bool]:
            task = get_task(db, task_id)
            if task is None:
                raise KeyError(task_id)
            if standing is not None and not isinstance(event, Seen) and _moved_on(task, standing):
                return task, False
            changed = None if unless is not None and unless(db, task) else _write(db, task, event, now)
            return (changed or task), changed is not None

        task, changed = await self._store.do(work)
        if changed:
            self.on_change(task)
        return task

    async def apply_all(self, events: Sequence[tuple[str, Event]], gap: float = 0.0) -> None:
        """Change several tasks, each by one event and its money with it, in one transaction; unknown ones are left out.

        For a look that shows what became of many: a transaction each would keep the disk busy. `gap` is how long nobody
        had looked before, seconds.
        """
        now = self.clock.now()
        # Everybody takes several tasks in the same order, and so nobody waits in a circle.
        ordered = sorted(events, key=lambda pair: pair[0])

        def work(db: Connection) -> list[Task]:
            told = dict(ordered)
            rows = ((i, row[0]) for i in told if (row := db.row("get_task", id=i)) is not None)
            changed = [_write(db, task, told[task.id], now, gap) for task in self._readable(rows)]
            return [task for task in changed if task is not None]

        for task in await self._store.do(work) if events else ():
            self.on_change(task)

    async def claimed_by(self, task_id: str) -> Claim:
        """Return who last claimed a task."""
        row = await self._store.read(lambda db: db.row("get_claim", id=task_id))
        return Claim(*row) if row else NOBODY

    async def get(self, ids: Sequence[str]) -> dict[str, Task]:
        """Return those of the tasks that exist and can be read."""

        def work(db: Connection) -> dict[str, Task]:
            rows = ((i, row[0]) for i in ids if (row := db.row("get_own", id=i, caller=self.caller)) is not None)
            return {task.id: task for task in self._readable(rows)}

        return await self._store.read(work)

    def missing(self, task_id: str) -> Refused:
        """Return why `get` has left out a task: it cannot be read, or there is none."""
        return self.unreadable.get(task_id, UnknownTask(f"There is no task {quoted(task_id, 40)}."))

    def _readable(self, rows: Iterable[tuple[str, str]]) -> Iterator[Task]:
        """Yield the tasks of these ids and documents, and keep in mind which cannot be read."""
        for task_id, document in rows:
            try:
                task = load(task_id, document)
            except TaskUnreadable as error:
                if task_id not in self.unreadable:
                    log.error("%s", error.sentence())
                self.unreadable[task_id] = error
                continue
            self.unreadable.pop(task_id, None)
            yield task

    async def active(self, account: str) -> list[Task]:
        """Return an account's tasks that have not ended, oldest first."""
        return await self._store.read(lambda db: [*self._readable(db.rows("active", account=account))])

    async def sent_since(self, task: Task, since: float) -> list[Task]:
        """Return the other tasks of the same account that were sent since a time, whatever became of them."""
        return await self._store.read(lambda db: [*self._readable(sent_since(db, task, since))])

    async def news(self, position: str) -> tuple[str, dict[str, str]]:
        """Return how far the journal is written now, and the accounts of the tasks written since `position`, by id.

        Without a position all that have not ended. Some may be told twice, and own changes are told too; where nobody
        has written, it costs next to nothing.
        """

        def work(db: Connection) -> tuple[str, dict[str, str]]:
            row = db.row("position")
            rows = db.rows("written_since", position=position) if position else db.rows("unfinished")
            return (row[0] if row else ""), dict(rows)

        return await self._store.read(work)

    async def wish(self, ids: Sequence[str], *, hinted: bool = False) -> float:
        """Tell who watches these tasks that one has moved (`hinted`), or that somebody waits; return the mark of it."""
        now = self.clock.now()

        def work(db: Connection) -> None:
            for task_id in sorted(ids):
                db.run("wish", id=task_id, hinted=now if hinted else None, awaited=None if hinted else now)

        await self._store.do(work)
        return now

    async def watched(self, ids: Sequence[str]) -> list[Watched]:
        """Return those of the tasks that have not ended, as far as watching has to know them."""
        asked = json.dumps(list(ids))

        def work(db: Connection) -> list[Watched]:
            rows = db.rows("watched", ids=asked)
            wishes = {task_id: marks for task_id, _, *marks in rows}
            return [Watched.of(task, *wishes[task.id]) for task in self._readable(row[:2] for row in rows)]

        return await self._store.read(work)

    async def search(self, search: Search) -> Page:
        """Return one page, newest first."""
        if self.caller is not None:
            search = replace(search, caller=self.caller)
        if search.words:
            with suppress(StorageUnavailable):  # what is not in the index is gone through: slower, and found as well
                await self._store.keep_words()

        def work(db: Connection) -> Page:
            page, total, more = find(db, search)
            rows = ((i, row[0]) for _, i in page if (row := db.row("get_task", id=i)) is not None)
            tasks = [*self._readable(rows)]
            unreadable = tuple(task_id for _, task_id in page if task_id in self.unreadable)
            end = page[-1] if len(page) == search.limit else None
            return Page(tasks, total, more, unreadable, end)

        return await self._store.read(work)

    async def made(self, remote_id: str) -> Task | None:
        """Return the newest task whose result the provider calls by this id."""

        def work(db: Connection) -> Task | None:
            tasks = self._readable(db.rows("made", caller=self.caller))
            return next((t for t in tasks if any(o.remote_id == remote_id for o in t.outputs)), None)

        return await self._store.read(work)

    async def spending(self, since: float, *, simulated: bool) -> list[Spending]:
        """Return what was held or settled by local day, model and provider, newest day first."""
        first = local_day(since).isoformat()

        def work(db: Connection) -> list[Spending]:
            rows = db.rows("spending", since=first, simulated=simulated, caller=self.caller)
            return [Spending(day, model, account, n, from_micros(usd)) for day, model, account, n, usd in rows]

        return await self._store.read(work)

    async def spent_today(self, *, simulated: bool) -> Decimal:
        """Return what is held or settled on this local day, in US dollars."""
        day = local_day(self.clock.now()).isoformat()
        spent = await self._store.read(lambda db: _spent(db, day, simulated, self.caller or ""))
        return from_micros(spent.all if self.caller is None else spent.own)

    async def entry(self, task_id: str) -> Entry | None:
        """Return a task's line in the ledger."""
        return await self._store.read(lambda db: entry_of(db, task_id))

    async def history(self, task_id: str) -> list[Happening]:
        """Return what happened to a task, oldest first."""
        return await self._store.read(lambda db: [Happening(*r) for r in db.rows("history_of", task_id=task_id)])

    async def times_taken(self) -> dict[tuple[str, str, float], list[float]]:
        """Return seconds from accepted to done by account, model and seconds of video, newest first."""

        def work(db: Connection) -> dict[tuple[str, str, float], list[float]]:
            times: dict[tuple[str, str, float], list[float]] = {}
            rows = db.rows("times_taken")
            seconds = {task_id: took for task_id, took, _ in rows}
            for task in self._readable((task_id, document) for task_id, _, document in rows):
                key = (task.account, task.plan.model, task.plan.video_seconds)
                times.setdefault(key, []).append(seconds[task.id])
            return times

        return await self._store.read(work)


def _moved_on(task: Task, standing: Task) -> bool:
    return (task.status, task.attempts) != (standing.status, standing.attempts)


def _write(db: Connection, task: Task, event: Event, now: float, gap: float = 0.0) -> Task | None:
    changed = step(task, event, now)
    if changed is task:
        if task.status.ended and isinstance(event, Seen) and (odd := contradiction(task, event.observation)):
            note(db, task, now, "Seen", odd)
        return None
    columns = {**columns_of(changed), "took": _took(task, changed, gap)}
    db.run("update_task", **{k: columns[k] for k in ("id", "status", "updated", "took", "sent", "document")})
    _settle(db, changed)
    news = " ".join(changed.notes[len(task.notes) :])
    detail = changed.trouble or (changed.failure.message if changed.failure else "") or news
    if changed.status is not task.status or detail:
        note(db, changed, now, type(event).__name__, detail)
    return changed


def _took(before: Task, task: Task, gap: float) -> float | None:
    """Return how long the provider took, once it is done; the journal keeps what it was told first."""
    if task.status is not Status.FETCHING or before.accepted_at is None:
        return None
    if before.status in {Status.FETCHING, Status.SUCCEEDED}:  # removed here, and wanted again: that tells nothing new
        return None
    age = task.updated - before.accepted_at
    return took(age, gap) if age > 0 else None


def _settle(db: Connection, task: Task) -> None:
    entry = entry_of(db, task.id)
    if entry is None:
        return
    settled = ledger.after(entry, task)
    if settled != entry:
        db.run(
            "update_entry",
            task_id=task.id,
            simulated=settled.simulated,
            state=settled.state,
            charged=settled.charged,
        )


def _spent(db: Connection, day: str, simulated: bool, caller: str) -> Spent:
    row = db.row("spent_on", day=day, simulated=simulated, caller=caller)
    return Spent(*map(int, row)) if row else Spent()

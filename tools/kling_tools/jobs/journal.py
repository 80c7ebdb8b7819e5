"""The truth about every task: one way to write an intent, one way to change a task, and the questions asked of both.

A task changes only through `apply`, which reads, steps and writes in one transaction, together with its money.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from kling_tools.clock import Clock, local_day
from kling_tools.jobs import ledger
from kling_tools.jobs.database import Connection, Store
from kling_tools.jobs.ledger import Budget, Entry
from kling_tools.jobs.pace import took
from kling_tools.jobs.rows import columns_of, entry_of, get_task, insert, load, note
from kling_tools.jobs.turns import Place, may_go
from kling_tools.jobs.watched import Watched
from kling_tools.model.money import from_micros
from kling_tools.model.status import TERMINAL, Status
from kling_tools.model.tasks import Claimed, Event, Seen, Task, step

#: The same request within this time is taken for a repeated call, not for a second wish.
SAME_REQUEST_SECONDS = 600.0
#: No delay is longer. A task that seems to wait for more was put back before the clock was.
LONGEST_DELAY = 30.0


@dataclass(frozen=True)
class Enqueued:
    """The task that stands for a request; `repeated` when it was there already, else with the `parts` of a film."""

    task: Task
    repeated: bool
    parts: tuple[Task, ...] = ()


@dataclass(frozen=True)
class Happening:
    """One line of a task's history."""

    at: float
    event: str
    status: str
    detail: str


@dataclass(frozen=True)
class Spending:
    """What one model took at one account on one local day, in US dollars; what is held counts."""

    day: str
    model: str
    account: str
    tasks: int
    usd: Decimal


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which tasks of the journal; `before` is a position from an earlier page, `parts` also the shots of films."""

    statuses: tuple[str, ...] = ()
    words: str = ""
    since: float = 0.0
    limit: int = 20
    parts: bool = True
    before: tuple[float, str] | None = None


class Journal:
    """Tasks and money on disk. `on_change` is called in the event loop after every change."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.clock = clock
        self._store = store
        self.on_change: Callable[[Task], None] = lambda task: None

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
            OverBudget, StorageUnavailable: nothing was written.
        """
        now = self.clock.now()

        def work(db: Connection) -> Enqueued:
            db.alone(f"request {task.fingerprint}")
            if not again and (known := _same_request(db, task, now)):
                return Enqueued(known, repeated=True)
            holds: dict[str, Entry] = {}
            if budget is not None:
                day = local_day(now).isoformat()
                db.alone(f"money {day} {task.simulated}")
                spent = _spent(db, day, task.simulated)
                entry = ledger.hold(task, day, spent, budget)
                bought = {part.id: ledger.hold(part, day, spent, budget) for part in parts}
                holds = bought if task.plan.spec.kind == "film" else {task.id: entry}
            named, *others = [insert(db, one, now) for one in (task, *parts)]
            for task_id, held in holds.items():
                db.run("insert_hold", task_id=task_id, **vars(held))
            return Enqueued(named, repeated=False, parts=tuple(others))

        result = await self._store.do(work)
        for one in () if result.repeated else (result.task, *result.parts):
            self.on_change(one)
        return result

    async def earlier_film(self, fingerprint: str) -> Task | None:
        """Return the film of the same request that lately ended without a result."""
        asked = {"fingerprint": fingerprint, "after": self.clock.now() - SAME_REQUEST_SECONDS}
        row = await self._store.read(lambda db: db.row("earlier_film", **asked))
        return None if row is None else load(row[0])

    async def claim(self, task_id: str, slots: int, sender: str = "") -> Task | None:
        """Take a queued task for sending, durable before it returns; None where another has it or no slot is free.

        `sender` marks the credentials it will be sent with.
        """
        now = self.clock.now()

        def work(db: Connection) -> Task | None:
            task = get_task(db, task_id)
            if task is None or task.status is not Status.QUEUED or not self.is_due(task):
                return None
            db.alone(f"slots {task.account} {task.plan.model}")
            if task.id not in _next_up(db, task.account, task.plan.model, slots):
                return None
            db.run("note_sender", id=task.id, sender=sender)
            return _write(db, task, Claimed(), now)

        task = await self._store.do(work)
        if task is not None:
            self.on_change(task)
        return task

    async def next_up(self, account: str, model: str, slots: int) -> list[str]:
        """Return the queued tasks that a claim would let through now, in their order; some may have to wait still."""
        return await self._store.read(lambda db: _next_up(db, account, model, slots))

    async def apply(self, task_id: str, event: Event, *, standing: Task | None = None) -> Task:
        """Change a task by one event and its money with it; returns it as it now is.

        With `standing` only while it stands as it did there, in the same attempt: what one process concludes from a
        task must not hit what another has begun with it since. What the provider shows is true in any case.

        Raises:
            KeyError: there is no such task.
        """
        now = self.clock.now()

        def work(db: Connection) -> tuple[Task, bool]:
            task = get_task(db, task_id)
            if task is None:
                raise KeyError(task_id)
            if standing is not None and not isinstance(event, Seen) and _moved_on(task, standing):
                return task, False
            changed = _write(db, task, event, now)
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
            found = ((get_task(db, task_id), event) for task_id, event in ordered)
            changed = [_write(db, task, event, now, gap) for task, event in found if task is not None]
            return [task for task in changed if task is not None]

        for task in await self._store.do(work) if events else ():
            self.on_change(task)

    async def sender(self, task_id: str) -> str:
        """Return the mark of the credentials a task was last sent with."""
        row = await self._store.read(lambda db: db.row("get_sender", id=task_id))
        return str(row[0]) if row else ""

    async def get(self, ids: Sequence[str]) -> dict[str, Task]:
        """Return those of the tasks that exist."""

        def work(db: Connection) -> dict[str, Task]:
            found = ((i, get_task(db, i)) for i in ids)
            return {i: task for i, task in found if task is not None}

        return await self._store.read(work)

    async def active(self, account: str) -> list[Task]:
        """Return an account's tasks that have not ended, oldest first."""
        return await self._store.read(lambda db: [load(r[0]) for r in db.rows("active", account=account)])

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
        return await self._store.read(lambda db: [Watched.from_row(r) for r in db.rows("watched", ids=asked)])

    async def search(self, search: Search) -> tuple[list[Task], int]:
        """Return one page, newest first, and how many match in all."""
        status = json.dumps(search.statuses) if search.statuses else ""
        before, before_id = search.before or (float("inf"), "")
        words = search.words.casefold()
        match = {"status": status, "words": words, "since": search.since, "parts": search.parts}

        def work(db: Connection) -> tuple[list[Task], int]:
            rows = db.rows("page", before=before, before_id=before_id, limit=search.limit, **match)
            total = db.row("count_matching", **match)
            return [load(r[0]) for r in rows], total[0] if total else 0

        return await self._store.read(work)

    async def made(self, remote_id: str) -> list[Task]:
        """Return the tasks whose result the provider calls by this id, newest first."""
        return await self._store.read(lambda db: [load(r[0]) for r in db.rows("made", remote_id=remote_id)])

    async def spending(self, since: float, *, simulated: bool) -> list[Spending]:
        """Return what was held or settled by local day, model and provider, newest day first."""
        first = local_day(since).isoformat()

        def work(db: Connection) -> list[Spending]:
            rows = db.rows("spending", since=first, simulated=simulated)
            return [Spending(day, model, account, n, from_micros(usd)) for day, model, account, n, usd in rows]

        return await self._store.read(work)

    async def spent_today(self, *, simulated: bool) -> Decimal:
        """Return what is held or settled on this local day, in US dollars."""
        day = local_day(self.clock.now()).isoformat()
        return from_micros(await self._store.read(lambda db: _spent(db, day, simulated)))

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
            for account, model, length, seconds in db.rows("times_taken"):
                times.setdefault((account, model, float(length)), []).append(seconds)
            return times

        return await self._store.read(work)


def _next_up(db: Connection, account: str, model: str, places: int) -> list[str]:
    row = db.row("under_way", account=account, model=model)
    taken = int(row[0]) if row else 0
    if taken >= places:  # found without a look at the line
        return []
    rows = db.rows("contenders", account=account, model=model, places=places)
    return may_go((Place(*row) for row in rows), places, taken)


def _same_request(db: Connection, task: Task, now: float) -> Task | None:
    row = db.row("same_request", fingerprint=task.fingerprint, after=now - SAME_REQUEST_SECONDS)
    return None if row is None else load(row[0])


def _moved_on(task: Task, standing: Task) -> bool:
    return (task.status, task.attempts) != (standing.status, standing.attempts)


def _write(db: Connection, task: Task, event: Event, now: float, gap: float = 0.0) -> Task | None:
    changed = step(task, event, now)
    if changed is task:
        return None
    columns = {**columns_of(changed), "took": _took(task, changed, gap)}
    db.run("update_task", **{k: columns[k] for k in ("id", "status", "updated", "took", "sent", "document")})
    _settle(db, changed)
    detail = changed.trouble or (changed.failure.message if changed.failure else "")
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


def _spent(db: Connection, day: str, simulated: bool) -> int:
    row = db.row("spent_on", day=day, simulated=simulated)
    return int(row[0]) if row else 0


def running_statuses() -> tuple[str, ...]:
    """Return every status of a task that has not ended."""
    return tuple(s.value for s in Status if s not in TERMINAL)

"""What the journal and the account's own books say differently. Pure: nothing is asked, and nothing is changed.

A difference is named only where both sides are known: a list may be late, a bill up to half a day, and a task that
left a moment ago is on neither side yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from kling_tools.clock import iso
from kling_tools.jobs.ledger import Entry
from kling_tools.model.library import Deduction
from kling_tools.model.money import dollars, from_micros, plain
from kling_tools.model.plan import AT_ONCE, can_be_asked_about
from kling_tools.model.status import Status
from kling_tools.model.tasks import Observation, Task

#: unknown: there, and nobody here made it. lost: ours, believed not to have got in. missing: ours, and not shown there.
#: deduction: taken for a task that neither side lists.
Kind = Literal["unknown", "lost", "missing", "status", "charge", "deduction"]

#: What left or was accepted so recently may be missing in a list, or be on the wire.
SETTLING_SECONDS = 120.0
#: A bill's time and ours, at worst, for a call that was answered at once.
CLOCKS_APART = 120.0
#: A remainder of rounding a price to millionths of a dollar.
_TOLERANCE = Decimal("0.000001")

_RUNS = frozenset({"submitted", "processing"})
_AGREES: Mapping[Status, frozenset[str]] = {
    Status.SUBMITTED: _RUNS,
    Status.PROCESSING: _RUNS,
    Status.FETCHING: frozenset({"succeeded"}),
    Status.SUCCEEDED: frozenset({"succeeded"}),
    Status.FAILED: frozenset({"failed"}),
    Status.CANCELLED: frozenset({"failed"}),
}
_OPEN = frozenset({Status.SUBMITTING, Status.UNSURE})
_DONE = frozenset({Status.FETCHING, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


@dataclass(frozen=True, kw_only=True)
class Books:
    """What an account tells of itself: its tasks, and what was deducted for them.

    `absent`: our ids of the tasks that were asked for one by one, and are not there.
    """

    tasks: tuple[Observation, ...]
    deductions: tuple[Deduction, ...] = ()
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that the two sides tell differently; `here` and `there` are what each says, `words` what it means."""

    kind: Kind
    task_id: str = ""
    remote_id: str = ""
    here: str = ""
    there: str = ""
    words: str = ""
    observation: Observation | None = field(default=None, repr=False, compare=False)


def compare(
    tasks: Sequence[Task], entries: Mapping[str, Entry], books: Books, since: float, now: float
) -> list[Difference]:
    """Return what differs since a time. `tasks` may reach further back, so that nothing at the edge looks unknown."""
    by_id = {task.id: task for task in tasks}
    by_remote = {task.remote.id: task for task in tasks if task.remote is not None}
    taken = _sums(books.deductions)
    found: list[Difference] = []
    shown: set[str] = set()
    for seen in books.tasks:
        task = by_remote.get(seen.remote.id) or by_id.get(seen.external_id)
        if task is None:
            if seen.created is None or seen.created >= since:
                found.append(_unknown(seen, taken.get(seen.remote.id)))
            continue
        shown.add(task.id)
        found += _standing(task, seen, now)
        found += _charge(task, entries.get(task.id), seen, taken.get(seen.remote.id))
    gone = books.absent - shown
    found += (_missing(task) for task in tasks if task.id in gone and should_show(task, since, now))
    listed = {seen.remote.id for seen in books.tasks} | by_remote.keys()
    found += _deductions([d for d in books.deductions if d.task_id not in listed], tasks)
    return found


def _unknown(seen: Observation, taken: _Sum | None) -> Difference:
    made = f", made {iso(seen.created)}" if seen.created else ""
    charge = taken or _Sum.of(seen)
    cost = f", {charge.words()} was taken" if charge else ""
    return Difference(
        kind="unknown",
        remote_id=seen.remote.id,
        there=f"{seen.status}{made}{cost}",
        words="It was not made from this journal; who made it is not known.",
    )


def _standing(task: Task, seen: Observation, now: float) -> Iterator[Difference]:
    """Yield how the status differs; a task that was never seen there counts as lost, and can be adopted."""
    if seen.status in _AGREES.get(task.status, ()):
        return
    if task.remote is None:
        if task.status is Status.SUBMITTING and now - (task.sent_at or now) < SETTLING_SECONDS:
            return  # on the wire: its answer is being read
        yield _differs("lost", task, seen, "Kling has it under our id, and we believed that it never got in.")
    elif seen.status in _RUNS:
        yield _differs("status", task, seen, "It ended here and still runs there.")
    elif task.status in {Status.SUBMITTED, Status.PROCESSING}:
        yield _differs("status", task, seen, "It has ended there; a running kling-mcp sees that at its next look.")
    else:
        yield _differs("status", task, seen, "It ended otherwise there than here.")


def _differs(kind: Kind, task: Task, seen: Observation, words: str) -> Difference:
    return Difference(
        kind=kind,
        task_id=task.id,
        remote_id=seen.remote.id,
        here=task.status.value,
        there=seen.status,
        words=words,
        observation=seen,
    )


def should_show(task: Task, since: float, now: float) -> bool:
    """Whether a task that is not shown there is a difference."""
    if task.plan.spec.product in AT_ONCE or task.status is Status.CANCELLED:
        return False
    if task.remote is not None:
        accepted = task.accepted_at or task.created
        return accepted >= since and now - accepted > SETTLING_SECONDS
    left = task.sent_at or task.updated
    in_doubt = task.status in _OPEN and can_be_asked_about(task.plan, task.prepared)
    return in_doubt and left >= since and now - left > SETTLING_SECONDS


def _missing(task: Task) -> Difference:
    if task.remote is None:
        words = "Its answer was lost, and Kling does not show it: as far as can be seen it never got in."
    else:
        words = "Kling accepted it, and does not show it."
    remote = task.remote.id if task.remote else ""
    return Difference(
        kind="missing", task_id=task.id, remote_id=remote, here=task.status.value, there="not shown", words=words
    )


@dataclass(frozen=True)
class _Sum:
    """What was taken for one task: units of a pack, or dollars."""

    units: Decimal | None
    usd: Decimal | None

    @classmethod
    def of(cls, seen: Observation) -> _Sum | None:
        """Return what the task itself tells of its charge."""
        charge = seen.charge
        if charge is None or (charge.units is None and charge.usd is None):
            return None
        return cls(charge.units, charge.usd)

    def plus(self, units: Decimal | None, usd: Decimal | None) -> _Sum:
        """Return the sum with one more deduction."""
        return _Sum(_added(self.units, units), _added(self.usd, usd))

    def in_dollars(self, unit_usd: Decimal | None) -> Decimal | None:
        """Return it in dollars, where a unit's price is known."""
        if self.units is None:
            return self.usd
        return None if unit_usd is None else self.units * unit_usd + (self.usd or 0)

    def words(self) -> str:
        """Return it as people read it."""
        told = [f"{plain(self.units)} units"] if self.units is not None else []
        return " and ".join([*told, *([dollars(self.usd)] if self.usd is not None else [])])


def _added(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else one + other


def _sums(deductions: Sequence[Deduction]) -> dict[str, _Sum]:
    """Return what was taken, by the provider's task id; money in another currency than dollars is not compared."""
    sums: dict[str, _Sum] = {}
    for one in deductions:
        if one.task_id and (one.units is not None or one.usd is not None):
            sums[one.task_id] = sums.get(one.task_id, _Sum(None, None)).plus(one.units, one.usd)
    return sums


def _charge(task: Task, entry: Entry | None, seen: Observation, taken: _Sum | None) -> Iterator[Difference]:
    """Yield how the bill differs from what we settled; without a figure from both sides there is nothing to tell."""
    theirs = taken or _Sum.of(seen)
    if entry is None or theirs is None or task.status not in _DONE:
        return
    unit_usd = task.plan.price.unit_usd
    amount = theirs.in_dollars(unit_usd)
    if amount is None:
        return
    # The bill names the last call only: those before it have bills of their own.
    earlier = sum((p.units for p in task.prepared if p.units is not None), Decimal(0)) * (unit_usd or Decimal(0))
    ours = from_micros(entry.charged) - (earlier if entry.state == "settled" else Decimal(0))
    if entry.state != "held" and abs(ours - amount) <= _TOLERANCE:
        return
    here = f"{dollars(from_micros(entry.held))} held, not known" if entry.state == "held" else dollars(ours)
    yield Difference(
        kind="charge",
        task_id=task.id,
        remote_id=seen.remote.id,
        here=here,
        there=f"{dollars(amount)} ({theirs.words()})" if theirs.units is not None else dollars(amount),
        words="Kling took another amount than was settled here.",
    )


def _deductions(unlisted: Sequence[Deduction], tasks: Sequence[Task]) -> Iterator[Difference]:
    """Yield what was taken for tasks that nobody lists, and that no call of ours explains."""
    calls = [(units, task) for task in tasks for units in _at_once(task)]
    for one in unlisted:
        call = next((c for c in calls if c[0] == one.units and _during(one.at, c[1])), None)
        if call is not None:
            calls.remove(call)
            continue
        money = f"{plain(one.amount or Decimal(0))} {one.currency}"
        took = money if one.units is None else f"{plain(one.units)} units"
        when = f", {iso(one.at)}" if one.at else ""
        yield Difference(
            kind="deduction",
            remote_id=one.task_id,
            there=f"{took} for {one.product or 'a task'}{when}",
            words="No list shows that task. Calls that are answered at once are in none; who made it is not known.",
        )


def _at_once(task: Task) -> Iterator[Decimal]:
    """Yield the units of a task's calls whose id nobody told us."""
    yield from (p.units for p in task.prepared if p.units is not None)
    charge = task.charge
    if task.plan.spec.product in AT_ONCE and charge is not None and charge.units is not None:
        yield charge.units


def _during(at: float, task: Task) -> bool:
    return not at or task.created - CLOCKS_APART <= at <= (task.accepted_at or task.updated) + CLOCKS_APART

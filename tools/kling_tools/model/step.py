"""The one pure `step` through which a task changes; `status` draws the ways."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from kling_tools.model.errors import Spent, TaskFailed, quoted
from kling_tools.model.plan import AT_ONCE
from kling_tools.model.status import LEGAL, LOOKED_AT, Status
from kling_tools.model.tasks import (
    Adopted,
    Advanced,
    CalledOff,
    Charge,
    Claimed,
    Doubted,
    Event,
    Failure,
    Hindered,
    Observation,
    Output,
    PutBack,
    Readied,
    Recalled,
    Rejected,
    Removed,
    Seen,
    Stored,
    Task,
    Withdrawn,
)  # fmt: skip


def step(task: Task, event: Event, now: float) -> Task:
    """Return the task after the event; the same object when the event says nothing new or comes too late."""
    match event:
        case Readied(simulated):
            return _readied(task, now, simulated=simulated)
        case Claimed(mark, purse):
            known = {"attempts": task.attempts + 1, "mark": mark, "purse": purse}
            return _to(task, Status.SUBMITTING, now, sent_at=now, trouble="", **known)
        case PutBack(trouble, delay):
            return _to(task, Status.QUEUED, now, sent_at=None, not_before=now + delay, trouble=trouble)
        case Doubted(trouble):
            return _to(task, Status.UNSURE, now, trouble=trouble)
        case Advanced(prepared):
            return _to(task, Status.QUEUED, now, prepared=(*task.prepared, prepared), sent_at=None, trouble="")
        case Rejected(failure):
            return _rejected(task, failure, now)
        case Seen() | Adopted():
            return _seen(task, event.observation, now) if isinstance(event, Seen) else _adopted(task, event, now)
        case Hindered(trouble):
            return task if task.status.ended or task.trouble == trouble else replace(task, trouble=trouble, updated=now)
        case Stored(outputs, note):
            notes = (*task.notes, note) if note else task.notes
            return _to(task, Status.SUCCEEDED, now, outputs=outputs, notes=notes, trouble="")
        case Removed() | Recalled():
            return _removed(task, event.why, now) if isinstance(event, Removed) else _recalled(task, now)
        case Withdrawn() | CalledOff():
            return _cancelled(task, event, now)


def _readied(task: Task, now: float, *, simulated: bool) -> Task:
    if task.status is not Status.WAITING:  # it is on its way: nothing puts it back into the queue but an answer
        return task
    goes_on = Status.FETCHING if task.plan.spec.product == "film" else Status.QUEUED
    return _to(task, goes_on, now, trouble="", simulated=task.simulated or simulated)


def _cancelled(task: Task, event: Withdrawn | CalledOff, now: float) -> Task:
    if isinstance(event, CalledOff) != (task.status in LOOKED_AT):  # what was sent only its provider gives back
        return task
    return _to(task, Status.CANCELLED, now, charge=_charged(task, None), trouble="")


REMOVED = "Its file was removed from this disk"


def _removed(task: Task, why: str, now: float) -> Task:
    if task.status is not Status.SUCCEEDED or not any(o.path for o in task.outputs):
        return task
    outputs = tuple(replace(o, path="", removed=o.path or o.removed) for o in task.outputs)
    return replace(task, outputs=outputs, notes=(*task.notes, f"{REMOVED}: {why}"), updated=now)


def can_be_recalled(task: Task, now: float) -> bool:
    """Whether a task's files were removed and the provider still keeps them."""
    alive = (o.url and (o.url_expires is None or o.url_expires > now) for o in task.outputs if o.removed)
    return task.status is Status.SUCCEEDED and any(alive)


def _recalled(task: Task, now: float) -> Task:
    if not can_be_recalled(task, now):
        return task
    # What was made here is made again of what is fetched.
    outputs = tuple(replace(o, removed="") for o in task.outputs if o.url)
    notes = tuple(note for note in task.notes if not note.startswith(REMOVED))
    return replace(task, status=Status.FETCHING, outputs=outputs, notes=notes, ended_at=None, updated=now)


def _adopted(task: Task, event: Adopted, now: float) -> Task:
    if task.remote is not None or task.status is Status.SUCCEEDED:
        return task
    # As if it had never ended: its outcome is the provider's to tell, and its charge with it.
    begun = replace(task, status=Status.QUEUED, failure=None, ended_at=None, charge=None) if task.status.ended else task
    taken = _seen(begun, event.observation, now)
    return task if taken is begun else replace(taken, notes=(*taken.notes, event.note))


def _to(task: Task, status: Status, now: float, **changes: Any) -> Task:
    if status not in LEGAL[task.status]:
        return task
    if status.ended:
        changes["ended_at"] = now
    return replace(task, status=status, updated=now, **changes)


def _rejected(task: Task, failure: Failure, now: float) -> Task:
    charge = task.charge or _charged(task, None)
    if failure.spent == "no":
        failure = replace(failure, spent="yes" if charge is not None else _untold(task))
    return _to(task, Status.FAILED, now, failure=failure, charge=charge, trouble="")


def _charged(task: Task, seen: Charge | None) -> Charge | None:
    """Return everything the task took, in dollars too: what the provider told, and the calls that came before."""
    unit_usd = task.plan.price.unit_usd
    told = None if seen == Charge() else _in_dollars(seen, unit_usd)
    units = sum((p.units for p in task.prepared if p.units is not None), Decimal(0))
    if not units:
        return told
    earlier = _in_dollars(Charge(units=units), unit_usd) or Charge()
    if told is None:
        return earlier
    both = told.usd is not None and earlier.usd is not None
    return Charge(
        units=None if told.units is None else told.units + units,
        usd=(told.usd or Decimal(0)) + (earlier.usd or Decimal(0)) if both else told.usd,
    )


def _untold(task: Task) -> Spent:
    """Return what a failure without a figure leaves: earlier calls were made, and not each says what it took."""
    return "unknown" if any(p.units is None for p in task.prepared) else "no"


def _in_dollars(charge: Charge | None, unit_usd: Decimal | None) -> Charge | None:
    # Packs are billed in units, and a unit has a price (kling-official 10.1). What is told beside them as money comes
    # on top: an account with a pack may be told that no cash was taken.
    if charge is None or charge.units is None or unit_usd is None:
        return charge
    return replace(charge, usd=(charge.usd or Decimal(0)) + charge.units * unit_usd)


#: What was told of a task that stands here, and what would take that back.
_TAKEN_BACK: dict[Status, tuple[str, frozenset[str]]] = {
    Status.PROCESSING: ("processing", frozenset({"submitted"})),
    Status.FETCHING: ("succeeded", frozenset({"submitted", "processing"})),
    Status.SUCCEEDED: ("succeeded", frozenset({"submitted", "processing", "failed"})),
    Status.FAILED: ("failed", frozenset({"submitted", "processing", "succeeded"})),
}


def contradiction(task: Task, seen: Observation) -> str:
    """Return why a look is not believed: it shows another task, or takes back what was told; empty where it is.

    That what succeeded has failed after all is believed while its files are not here: nothing else explains why.
    """
    if seen.external_id not in {"", task.id}:
        return f"Kling shows another task ({quoted(seen.external_id, 40)}) under this one's id; that is not believed."
    said, back = _TAKEN_BACK.get(task.status, ("", frozenset()))
    if task.remote is None or seen.status not in back:  # without an id it ended before Kling said a word about it
        return ""
    return f"Kling said {said} and then {seen.status}; the step back is not believed."


def _seen(task: Task, seen: Observation, now: float) -> Task:
    if odd := contradiction(task, seen):
        told = task.status.ended or odd in task.notes
        return task if told else replace(task, notes=(*task.notes, odd), updated=now)
    # While it runs only the last call's own figure counts: the earlier ones alone would look like the whole charge.
    tells = seen.charge is not None and seen.charge != Charge()
    known: dict[str, Any] = {
        "remote": seen.remote,
        "simulated": task.simulated or seen.simulated,
        "charge": _charged(task, seen.charge) if tells or seen.status == "failed" else task.charge,
        "accepted_at": task.accepted_at or now,
        "sent_at": task.sent_at or now,  # one that was put back was sent after all
        "trouble": "",
    }
    match seen.status:
        case "submitted" | "processing":
            moved = _to(task, Status(seen.status), now, **known)
            if moved is task and task.trouble and task.status in LOOKED_AT:
                return replace(task, trouble="", updated=now)  # the look that did not work was the trouble
            return moved
        case "failed":
            charge: Charge | None = known["charge"]
            if seen.called_off and (ended := _to(task, Status.CANCELLED, now, **known)) is not task:
                return ended
            # What is answered at once was done, whatever came of it.
            doubtful = charge is None and (seen.doubtful or task.plan.spec.product in AT_ONCE)
            took = charge and (charge.units or charge.usd)
            spent: Spent = "yes" if took else "unknown" if doubtful else _untold(task)
            reason = seen.reason or "Kling gave no reason."
            failed = TaskFailed(f"Kling could not finish the task: {reason}", spent=spent, advice=seen.advice)
            failure = replace(Failure.of(failed), code=seen.cause or failed.code)
            return _to(task, Status.FAILED, now, failure=failure, **known)
        case "succeeded":
            outputs = tuple(
                Output(
                    kind=o.kind,
                    url=o.url,
                    remote_id=o.remote_id,
                    name=o.name,
                    seconds=o.seconds,
                    url_expires=now + o.lives,
                )
                for o in seen.outputs
            )
            if task.status is Status.FETCHING:  # renewed addresses of a result that is still to be fetched
                renewed = bool(outputs) and [o.url for o in outputs] != [o.url for o in task.outputs]
                return replace(task, outputs=outputs, updated=now) if renewed else task
            return _to(task, Status.FETCHING, now, outputs=outputs, **known)

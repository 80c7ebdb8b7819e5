"""A task, what can happen to it, and the one pure `step` through which it changes (`status` draws the ways)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from kling_tools.model.errors import KlingError, Spent, TaskFailed
from kling_tools.model.plan import Plan
from kling_tools.model.status import LEGAL, LOOKED_AT, Status


@dataclass(frozen=True)
class Remote:
    """Where the provider keeps the task: id, the creating product's path and host (kling-official 12.1, 12.14)."""

    id: str
    product: str
    host: str


@dataclass(frozen=True, kw_only=True)
class RemoteOutput:
    """One result as the provider names it; `url` lives 30 days at most (kling-official 2.6)."""

    kind: Literal["video", "image", "audio"]
    url: str
    seconds: float | None = None
    remote_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What the provider says it took: units of a pack, or money."""

    units: Decimal | None = None
    usd: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One look at a task on the provider's side, in our words."""

    remote: Remote
    external_id: str
    status: Literal["submitted", "processing", "succeeded", "failed"]
    reason: str = ""
    outputs: tuple[RemoteOutput, ...] = ()
    charge: Charge | None = None
    simulated: bool = False


@dataclass(frozen=True, kw_only=True)
class Output:
    """One result, kept: `path` is set once the file is whole on our disk. Sides in pixels."""

    kind: Literal["video", "image", "audio"]
    url: str
    path: str = ""
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    has_audio: bool | None = None
    size: int | None = None
    sha256: str = ""
    url_expires: float | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a task ended badly, in the words of `errors`."""

    code: str
    message: str
    spent: Spent
    retryable: bool = False
    advice: str = ""

    @classmethod
    def of(cls, error: KlingError) -> Failure:
        """Return an error as a lasting value."""
        return cls(
            code=error.code,
            message=error.message,
            spent=error.spent,
            retryable=error.retryable,
            advice=error.advice,
        )


@dataclass(frozen=True, kw_only=True)
class Task:
    """One paid piece of work from intent to file. Times are seconds since the epoch.

    `account` is the provider and host that it is bought from. `sent_at` is when a byte may first have left in the
    current attempt; `not_before` delays the next attempt.
    `trouble` is a passing hindrance (a full disk, no network) that is being retried.
    """

    id: str
    plan: Plan
    status: Status
    created: float
    updated: float
    label: str = ""
    simulated: bool = False
    account: str = ""
    fingerprint: str = ""
    remote: Remote | None = None
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    charge: Charge | None = None
    attempts: int = 0
    sent_at: float | None = None
    not_before: float = 0.0
    accepted_at: float | None = None
    ended_at: float | None = None
    trouble: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claimed:
    """We are about to send: written, and durable, before a byte leaves."""


@dataclass(frozen=True)
class PutBack:
    """It provably did not get in (no connection, no slot): try again after `delay` seconds."""

    trouble: str
    delay: float


@dataclass(frozen=True)
class Doubted:
    """It was sent and the answer was lost."""

    trouble: str


@dataclass(frozen=True)
class Rejected:
    """The provider, or our own last check, said no."""

    failure: Failure


@dataclass(frozen=True)
class Seen:
    """The provider told where it stands."""

    observation: Observation


@dataclass(frozen=True)
class Hindered:
    """Something passing is in the way; the status does not change."""

    trouble: str


@dataclass(frozen=True)
class Stored:
    """Every output is whole on our disk."""

    outputs: tuple[Output, ...]


@dataclass(frozen=True)
class Withdrawn:
    """The person took it back before anything was sent."""


Event = Claimed | PutBack | Doubted | Rejected | Seen | Hindered | Stored | Withdrawn

URL_LIFETIME = 30 * 86400.0


def step(task: Task, event: Event, now: float) -> Task:
    """Return the task after the event; the same object when the event says nothing new or comes too late."""
    match event:
        case Claimed():
            return _to(task, Status.SUBMITTING, now, attempts=task.attempts + 1, sent_at=now, trouble="")
        case PutBack(trouble, delay):
            return _to(task, Status.QUEUED, now, sent_at=None, not_before=now + delay, trouble=trouble)
        case Doubted(trouble):
            return _to(task, Status.UNSURE, now, trouble=trouble)
        case Rejected(failure):
            return _to(task, Status.FAILED, now, failure=failure, trouble="")
        case Seen(observation):
            return _seen(task, observation, now)
        case Hindered(trouble):
            return task if task.status.ended or task.trouble == trouble else replace(task, trouble=trouble, updated=now)
        case Stored(outputs):
            return _to(task, Status.SUCCEEDED, now, outputs=outputs, trouble="")
        case Withdrawn():
            return _to(task, Status.CANCELLED, now)


def _to(task: Task, status: Status, now: float, **changes: Any) -> Task:
    if status not in LEGAL[task.status]:
        return task
    if status.ended:
        changes["ended_at"] = now
    return replace(task, status=status, updated=now, **changes)


def _seen(task: Task, seen: Observation, now: float) -> Task:
    known: dict[str, Any] = {
        "remote": seen.remote,
        "simulated": task.simulated or seen.simulated,
        "charge": seen.charge or task.charge,
        "accepted_at": task.accepted_at or now,
        "trouble": "",
    }
    match seen.status:
        case "submitted" | "processing":
            moved = _to(task, Status(seen.status), now, **known)
            if moved is task and task.trouble and task.status in LOOKED_AT:
                return replace(task, trouble="", updated=now)  # the look that did not work was the trouble
            return moved
        case "failed":
            spent: Spent = "yes" if seen.charge and (seen.charge.units or seen.charge.usd) else "no"
            reason = seen.reason or "Kling gave no reason."
            failed = TaskFailed(f"Kling could not finish the task: {reason}", spent=spent)
            return _to(task, Status.FAILED, now, failure=Failure.of(failed), **known)
        case "succeeded":
            outputs = tuple(
                Output(kind=o.kind, url=o.url, seconds=o.seconds, url_expires=now + URL_LIFETIME) for o in seen.outputs
            )
            if task.status is Status.FETCHING:  # renewed addresses of a result that is still to be fetched
                renewed = [o.url for o in outputs] != [o.url for o in task.outputs]
                return replace(task, outputs=outputs, updated=now) if renewed else task
            return _to(task, Status.FETCHING, now, outputs=outputs, **known)

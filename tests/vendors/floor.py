"""What the fakes of all vendors share: time that a test drives, tasks, money, faults and files that die.

A fake is an ASGI app that was written from the fact sheet, never from our codecs, and imports nothing of ours: where
the two disagree, one of them has misread the sheet. No vendor knows idempotency, so a repeated create buys again, and
`creates`, `bills` and `spent` show it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any, Literal

import httpx2
from tests.vendors.fields import Problem

MEDIA = Path(__file__).parent / "media"
On = Literal["create", "poll", "result", "cancel", "balance", "list", "upload", "file", "keys", "any"]
State = Literal["queued", "running", "done", "failed", "cancelled"]
How = Literal["genuine", "forged", "tampered", "replayed", "stale"]
#: What a vendor charges here where its sheet tells no price; in the vendor's own unit.
UNTOLD = 1.0


class Time:
    """A clock that tests drive. Without a start it goes with the machine's; with one it stands until it is moved."""

    def __init__(self, start: float | None = None) -> None:
        self._start = start
        self._moved = 0.0

    def now(self) -> float:
        """Return seconds since the epoch."""
        return (time.time() if self._start is None else self._start) + self._moved

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._moved += seconds


@dataclass(frozen=True)
class Pace:
    """Seconds after its create at which a task leaves the queue, and at which it is done."""

    queued: float = 1.0
    running: float = 2.0


@dataclass(frozen=True)
class Hook:
    """A webhook as the vendor sends it: signed, and therefore bytes."""

    url: str
    headers: dict[str, str]
    body: bytes

    async def send(self) -> int:
        """Deliver it once; return the status of the answer."""
        async with httpx2.AsyncClient(timeout=10, trust_env=False, verify=False) as client:
            sent = await client.post(
                self.url, content=self.body, headers={"content-type": "application/json", **self.headers}
            )
            return sent.status_code


@dataclass
class Task:
    """One task that was accepted: what was asked (`body` as it came), what it costs, and what becomes of it."""

    id: str
    serial: int
    model: str
    body: dict[str, Any]
    created: float
    amount: float
    hook_url: str = ""
    hook_secret: str = ""
    medium: str = "clip.mp4"
    doom: str = ""
    ended: float | None = None
    cancelled: bool = False
    removed: bool = False
    billed_anyway: bool = False
    hooks: list[Hook] = field(default_factory=list)


@dataclass(frozen=True)
class Bill:
    """What one task cost, in the vendor's own unit."""

    task_id: str
    amount: float


@dataclass(frozen=True)
class Order:
    """What a vendor made of a create that it accepts."""

    model: str
    amount: float
    id: str = ""
    medium: str = "clip.mp4"
    hook_url: str = ""
    hook_secret: str = ""


class Refusal(Exception):
    """The vendor says no: an HTTP status, words, the vendor's own code word, and what is wrong with which field."""

    def __init__(self, status: int, words: str, *, code: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.code = code
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Fault:
    """Break calls of one kind: from the `nth` of them, `times` in a row.

    `kind` is an HTTP status in digits, answered in the vendor's own error shape, or: `reset` (cut before the call was
    applied), `cut` (cut after it was), `garbage` (applied, answered with a page), `hang` (applied, never answered),
    `hidden` or `hidden-402` (an error inside HTTP 200, nothing applied), `fail` (accepted, fails upstream with
    `words`). `applied` says otherwise for a status: a gateway that gives up on a call which went through.
    """

    kind: str
    on: On
    nth: int
    times: int
    applied: bool
    words: str


class Faults:
    """Count the calls that each fault matches, and name the one that strikes."""

    def __init__(self) -> None:
        self._lines: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        """Plan one more."""
        self._lines.append((fault, [0]))

    def clear(self) -> None:
        """Forget all."""
        self._lines.clear()

    def strike(self, on: On) -> Fault | None:
        """Count one call; return the first fault that it triggers."""
        hit: Fault | None = None
        for fault, seen in self._lines:
            if fault.on not in ("any", on):
                continue
            seen[0] += 1
            if hit is None and fault.nth <= seen[0] < fault.nth + fault.times:
                hit = fault
        return hit


class Book:
    """The tasks of one account, and its money."""

    def __init__(self, clock: Time, pace: Pace, balance: float) -> None:
        self.clock = clock
        self.pace = pace
        self.opening = balance
        self.tasks: dict[str, Task] = {}

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks.values())

    def add(self, order: Order, body: dict[str, Any]) -> Task:
        """Accept a task."""
        task = Task(
            order.id or str(uuid.uuid4()),
            len(self.tasks) + 1,
            order.model,
            body,
            self.clock.now(),
            order.amount,
            order.hook_url,
            order.hook_secret,
            order.medium,
        )
        self.tasks[task.id] = task
        return task

    def state(self, task: Task) -> State:
        """Say how far a task is now."""
        if task.cancelled:
            return "cancelled"
        age = self.clock.now() - task.created
        if task.ended is None and age < self.pace.running:
            return "queued" if age < self.pace.queued else "running"
        return "failed" if task.doom else "done"

    def ended(self, task: Task) -> float:
        """Return when a finished task was finished."""
        return task.ended if task.ended is not None else task.created + self.pace.running

    @property
    def unfinished(self) -> list[Task]:
        """The tasks that are still under way."""
        return [task for task in self if self.state(task) in ("queued", "running")]

    @property
    def bills(self) -> list[Bill]:
        """What was charged: everything accepted but what failed, or was cancelled before it cost."""
        free = ("failed", "cancelled")
        return [Bill(task.id, task.amount) for task in self if task.billed_anyway or self.state(task) not in free]

    @property
    def balance(self) -> float:
        """What is left."""
        return round(self.opening - sum(bill.amount for bill in self.bills), 6)


def http_date(now: float) -> str:
    """Return a moment as the Date header has it."""
    return formatdate(now, usegmt=True)


def iso(now: float) -> str:
    """Return a moment as vendors write it, in UTC with milliseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"


def moment(told: str | None, default: float) -> float:
    """Return a moment that a question names as ISO 8601, in seconds since the epoch."""
    return default if told is None else datetime.fromisoformat(told).timestamp()


def per_second(rate: float, asked: dict[str, Any], default: float = 5) -> float:
    """Return a price of so much for each second that was asked for."""
    return round(rate * float(asked.get("duration") or default), 6)

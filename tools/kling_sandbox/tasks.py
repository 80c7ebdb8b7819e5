"""A task and its life: which state it is in is a pure function of when it was made, of what, and of the time now.

Nothing runs in the background, so a restart loses nothing and a test drives it all with a clock.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from dataclasses import dataclass
from typing import Any, Literal, Self

from kling_sandbox import rules
from kling_sandbox.order import Order, Shot

Status = Literal["submitted", "processing", "succeeded", "failed"]

QUEUED_SECONDS = 3.0
LIFETIME_MS = 30 * 24 * 3600 * 1000  # results and their URLs live 30 days (kling-official 2.6)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One bought task. `token` makes its file's address unguessable; `failure` is the reason it will end with."""

    id: str
    token: str
    order: Order
    created_ms: int
    queued_until_ms: int
    ends_ms: int
    failure: str = ""
    units: str = "0"

    def to_json(self) -> str:
        """Write the task for the store."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a task from the store."""
        value: dict[str, Any] = json.loads(text)
        order = dict(value["order"])
        for name in ("refer_images", "elements", "voices"):
            order[name] = tuple(order[name])
        order["shots"] = tuple(Shot(**shot) for shot in order["shots"])
        return cls(**{**value, "order": Order(**order)})


@dataclass(frozen=True)
class Moment:
    """A task as it is now: its status and when it came into it."""

    status: Status
    updated_ms: int
    gone: bool = False


def total_seconds(model: str, seconds: int) -> float:
    """Return how long a task takes from creation to its end, at speed 1."""
    base, each = rules.BY_NAME[model].pace
    return base + each * seconds


def begin(order: Order, *, now: float, speed: float, units: str, failure: str = "") -> Task:
    """Make the task. Its times are fixed here, so a later change of speed does not move what has already happened."""
    created = round(now * 1000)
    total = total_seconds(order.model, order.seconds) / speed
    queued = min(QUEUED_SECONDS / speed, total / 2)
    return Task(
        id=str(10**17 * 8 + secrets.randbelow(10**17)),  # 18 digits in a string, as the real ones
        token=secrets.token_urlsafe(18),
        order=order,
        created_ms=created,
        queued_until_ms=created + max(1, round(queued * 1000)),
        ends_ms=created + max(2, round(total * 1000)),
        failure=failure,
        units=units,
    )


def at(task: Task, now: float) -> Moment:
    """Say in which state the task is at a moment."""
    now_ms = now * 1000
    if now_ms < task.queued_until_ms:
        return Moment("submitted", task.created_ms)
    if now_ms < task.ends_ms:
        return Moment("processing", task.queued_until_ms)
    return Moment("failed" if task.failure else "succeeded", task.ends_ms, now_ms > task.ends_ms + LIFETIME_MS)

"""A task and its life: which state it is in is a pure function of when it was made, of what, and of the time now.

Nothing runs in the background, so a restart loses nothing and a test drives it all with a clock. What was bought is
kept as JSON under the path that sold it; only that product's module knows what is in it.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

Status = Literal["submitted", "processing", "succeeded", "failed"]
Kind = Literal["video", "image", "audio"]
Pack = Literal["video", "image", "try_on"]

QUEUED_SECONDS = 3.0
LIFETIME_MS = 30 * 24 * 3600 * 1000  # results and their URLs live 30 days (kling-official 2.6)


@dataclass(frozen=True, kw_only=True)
class Media:
    """One file a task results in. `name` is its last path segment; lengths in seconds, sides in pixels."""

    kind: Kind
    name: str
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    sound: bool = False


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What a create call amounts to: what is bought, what it costs and what it will result in.

    `model` names the model version whose slots it takes, `slots` how many. `makes_in` is the time it takes at speed 1;
    0 means that the call is synchronous: the task is done at once, takes no slot and is not listed by `/tasks`.
    `settings` must be JSON; `info` is shown as `task_info` by the legacy standard.
    """

    model: str
    units: str
    settings: Mapping[str, Any]
    media: tuple[Media, ...] = ()
    makes_in: float = 60.0
    pack: Pack = "video"
    slots: int = 1
    watermark: bool = False
    external_id: str = ""
    callback_url: str = ""
    failure: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One bought task. `path` sold it; `token` makes its files unguessable; `failure` is what it will end with."""

    id: str
    token: str
    path: str
    bought: Purchase
    created_ms: int
    queued_until_ms: int
    ends_ms: int
    failure: str = ""

    @property
    def legacy(self) -> bool:
        """Tell whether it was made on a path of the legacy standard."""
        return self.path.startswith("/v1/")

    @property
    def instant(self) -> bool:
        """Tell whether a synchronous call made it."""
        return self.ends_ms == self.created_ms

    @property
    def settings(self) -> Mapping[str, Any]:
        """What was bought, as its product wrote it down."""
        return self.bought.settings

    def media_id(self, kind: Kind, index: int = 0) -> str:
        """Return the id under which a result of this kind is known, such as v8…; later calls may name it."""
        return f"{kind[0]}{self.id}" + (f"-{index}" if index else "")

    def media(self, kind: Kind) -> tuple[Media, ...]:
        """Return the results of one kind, in order."""
        return tuple(one for one in self.bought.media if one.kind == kind)

    def named(self, name: str) -> Media | None:
        """Return the result with this file name."""
        return next((one for one in self.bought.media if one.name == name), None)

    def to_json(self) -> str:
        """Write the task for the store."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a task from the store."""
        value: dict[str, Any] = json.loads(text)
        bought = dict(value["bought"])
        bought["media"] = tuple(Media(**one) for one in bought["media"])
        return cls(**{**value, "bought": Purchase(**bought)})


@dataclass(frozen=True)
class Moment:
    """A task as it is now: its status and when it came into it. `gone` means that its results were purged."""

    status: Status
    updated_ms: int
    gone: bool = False


def begin(bought: Purchase, path: str, *, now: float, speed: float, failure: str = "") -> Task:
    """Make the task. Its times are fixed here, so a later change of speed does not move what has already happened."""
    created = round(now * 1000)
    total = bought.makes_in / speed
    queued = min(QUEUED_SECONDS / speed, total / 2)
    return Task(
        id=str(10**17 * 8 + secrets.randbelow(10**17)),  # 18 digits in a string, as the real ones
        token=secrets.token_urlsafe(18),
        path=path,
        bought=bought,
        created_ms=created,
        queued_until_ms=created + (max(1, round(queued * 1000)) if total else 0),
        ends_ms=created + (max(2, round(total * 1000)) if total else 0),
        failure=failure or bought.failure,
    )


def at(task: Task, now: float) -> Moment:
    """Say in which state the task is at a moment."""
    now_ms = now * 1000
    if task.instant:
        return Moment("succeeded", task.ends_ms, now_ms > task.ends_ms + LIFETIME_MS)
    if now_ms < task.queued_until_ms:
        return Moment("submitted", task.created_ms)
    if now_ms < task.ends_ms:
        return Moment("processing", task.queued_until_ms)
    return Moment("failed" if task.failure else "succeeded", task.ends_ms, now_ms > task.ends_ms + LIFETIME_MS)

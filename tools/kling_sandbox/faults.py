"""Things that go wrong on purpose: which call is hit, and what happens to it.

A fault is a value; the book counts calls and says which fault fires. The counts live in the process, as a broken
network would, and not in the state directory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

On = Literal["create", "query", "list", "file", "any"]
Reset = Literal["before", "after"]
Spoil = Literal["data", "id", "status", "code"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Break some calls: from the `nth` matching one, `times` in a row.

    `status`, `code`, `message` and `body` replace the answer without applying the request, unless `applied` says that
    it is applied first (a gateway that gives up too early). `reset` cuts the connection before or after the request was
    applied. `delay` waits first, and a random time of up to `spread` more. `truncate` sends so many bytes of the body
    and hangs up. `spoil` applies the request and answers as usual, but with a value of the wrong type (see `spoiling`).
    `fail_task` lets the call pass and fails the task it creates.
    """

    on: On = "any"
    nth: int = 1
    times: int = 1
    path: str = ""
    status: int | None = None
    code: int | None = None
    message: str = "simulated fault"
    body: str | None = None
    reset: Reset | None = None
    delay: float = 0.0
    spread: float = 0.0
    truncate: int | None = None
    spoil: Spoil | None = None
    fail_task: str | None = None
    applied: bool = False

    @property
    def answers(self) -> bool:
        """Tell whether the fault puts its own answer in place of the real one."""
        return self.status is not None or self.code is not None or self.body is not None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read a fault from its JSON object; ValueError names what is wrong."""
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(value) - known):
            raise ValueError(f"unknown fault field: {', '.join(unknown)} (known: {', '.join(sorted(known))})")
        fault = cls(**value)
        if fault.on not in get_args(On):
            raise ValueError(f"on must be one of {', '.join(get_args(On))}")
        if fault.reset not in (None, *get_args(Reset)):
            raise ValueError("reset must be before or after")
        if fault.spoil not in (None, *get_args(Spoil)):
            raise ValueError(f"spoil must be one of {', '.join(get_args(Spoil))}")
        for name in ("status", "code", "truncate"):
            if not isinstance(value.get(name), int | None):
                raise ValueError(f"{name} must be an integer")
        for name in ("path", "message", "body", "fail_task"):
            if not isinstance(value.get(name, ""), str | None):
                raise ValueError(f"{name} must be a string")
        _need_number("nth", fault.nth, 1)
        _need_number("times", fault.times, 1)
        _need_number("delay", fault.delay, 0)
        _need_number("spread", fault.spread, 0)
        return fault

    @classmethod
    def list_from_json(cls, value: object) -> tuple[Self, ...]:
        """Read a JSON list of faults."""
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ValueError("faults are a JSON list of objects")
        return tuple(cls.from_json(item) for item in value)

    def to_json(self) -> dict[str, Any]:
        """Write the fault as a JSON object."""
        return dataclasses.asdict(self)


def _need_number(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
        raise ValueError(f"{name} must be a number of at least {least}")


def call_kind(method: str, path: str) -> str:
    """Sort a call: create, query, list, file, control or other."""
    parts = [part for part in path.split("/") if part]
    first = parts[0] if parts else ""
    if first in ("files", "sandbox"):
        return "file" if first == "files" else "control"
    if first == "tasks":
        return "list" if method == "POST" else "query"
    if first == "account":
        return "other"
    if first == "v1":
        if method == "POST":
            return "other" if parts[-1].startswith("delete-") else "create"
        # These two product names have a part more than all others.
        return "list" if len(parts) < (5 if parts[2:3] in (["avatar"], ["editing"]) else 4) else "query"
    if method == "POST" and len(parts) == 2:
        return "create"
    return "other"


class FaultBook:
    """Count the calls each fault matches and name the fault that fires."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lines: list[tuple[Fault, int]] = []
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Forget all faults and counts and start with these."""
        self._lines = [(fault, 0) for fault in faults]

    def strike(self, kind: str, path: str) -> Fault | None:
        """Count one call; return the first fault it triggers, if any."""
        if kind == "control":
            return None
        hit: Fault | None = None
        for index, (fault, seen) in enumerate(self._lines):
            if fault.on not in ("any", kind) or fault.path not in path:
                continue
            self._lines[index] = (fault, seen + 1)
            if hit is None and fault.nth <= seen + 1 < fault.nth + fault.times:
                hit = fault
        return hit

    def to_json(self) -> list[dict[str, Any]]:
        """List the faults, each with the number of calls it matched so far."""
        return [{**fault.to_json(), "seen": seen} for fault, seen in self._lines]

"""The journal's facts as JSON, for scripts: one document for each command, amounts of money as strings.

Field names are those of the tools' structured content, so that a script reads a task the same way everywhere.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from kling_mcp.terminal import say
from kling_tools.clock import iso
from kling_tools.model.money import from_micros, plain
from kling_tools.operations.showing import described

if TYPE_CHECKING:
    from decimal import Decimal

    from kling_tools.jobs.ledger import Entry
    from kling_tools.jobs.questions import Happening
    from kling_tools.model.errors import KlingError
    from kling_tools.model.tasks import Task

#: Advice for agents.
_LEFT_OUT = {"next", "resource_uri", "eta_seconds", "shots"}


def say_document(document: dict[str, Any]) -> None:
    """Write one JSON document: indented for a person's eyes, in one line for a pipe."""
    say(json.dumps(document, ensure_ascii=False, indent=2 if sys.stdout is not None and sys.stdout.isatty() else None))


def told(error: KlingError, *, as_json: bool) -> int:
    """Say why a command could not answer; return its exit status."""
    if as_json:
        say_document({"error": {"code": error.code, "message": error.sentence()}})
    else:
        say(error.sentence())
    return 1


def task_record(task: Task, entry: Entry | None) -> dict[str, Any]:
    """Return every fact about a task."""
    remote = task.remote
    return {
        **described(task, None).model_dump(mode="json", exclude=_LEFT_OUT),
        "account": task.account,
        "standard": task.plan.standard,
        "remote": None if remote is None else {"id": remote.id, "product": remote.product, "host": remote.host},
        "attempts": task.attempts,
        "sent": _moment(task.sent_at),
        "accepted": _moment(task.accepted_at),
        "ended": _moment(task.ended_at),
        "trouble": task.trouble,
        "ledger": None if entry is None else entry_record(entry),
    }


def entry_record(entry: Entry) -> dict[str, Any]:
    """Return a line of the ledger: what is held, and what was taken once that is known."""
    return {
        "day": entry.day,
        "state": entry.state,
        "held_usd": dollars_text(from_micros(entry.held)),
        "charged_usd": dollars_text(from_micros(entry.charged)) if entry.state != "held" else None,
    }


def happening_record(happening: Happening) -> dict[str, Any]:
    """Return one line of a task's history."""
    return {
        "at": iso(happening.at),
        "event": happening.event,
        "status": happening.status,
        "detail": happening.detail,
    }


def dollars_text(amount: Decimal) -> str:
    """Return an amount of money as scripts get it."""
    return plain(amount)


def _moment(at: float | None) -> str | None:
    return None if at is None else iso(at)

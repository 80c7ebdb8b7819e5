"""`kling-mcp tasks show TASK_ID`: what happened to one task, when, and what became of its money. Only reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kling_mcp.records import happening_record, say_document, task_record, told
from kling_mcp.terminal import say, say_prose
from kling_tools.clock import SystemClock, iso
from kling_tools.connect import open_accounts
from kling_tools.jobs.ledger import Entry
from kling_tools.jobs.questions import Happening
from kling_tools.model.errors import SPENT_SENTENCES, KlingError, UnknownTask, quoted
from kling_tools.model.money import dollars, from_micros
from kling_tools.model.tasks import Task
from kling_tools.settings import Settings

if TYPE_CHECKING:
    from argparse import Namespace

#: What an event of the journal is to people.
WORDS = {
    "Enqueued": "written down, and its price held",
    "Readied": "what it waited for is here",
    "Claimed": "being sent",
    "PutBack": "it did not get in, and waits again",
    "Doubted": "the answer was lost; it is being looked up",
    "Advanced": "a call before the task's own was answered",
    "Rejected": "refused",
    "Seen": "Kling told where it stands",
    "Hindered": "something is in the way",
    "Stored": "its files are on this disk",
    "Removed": "its files were removed from this disk",
    "Recalled": "its files are wanted again",
    "Withdrawn": "taken back before it was sent",
    "CalledOff": "taken back by the provider, which takes nothing for it",
    "Adopted": "found at Kling, and taken over",
}


def run(args: Namespace) -> int:
    """Print one task's history."""
    try:
        asyncio.run(_show(args.task_id, as_json=args.json))
    except KlingError as error:
        return told(error, as_json=args.json)
    return 0


async def _show(task_id: str, *, as_json: bool) -> None:
    opened = open_accounts(Settings.from_env(), SystemClock())
    try:
        journal = opened.journal
        task = (await journal.get([task_id])).get(task_id)
        if task is None and task_id in journal.unreadable:
            raise journal.missing(task_id)
        if task is None:
            raise UnknownTask(f"There is no task {quoted(task_id, 40)}.", advice="kling-mcp tasks lists them.")
        entry, history = await journal.entry(task_id), await journal.history(task_id)
    finally:
        await opened.close()
    if as_json:
        say_document({"task": task_record(task, entry), "history": [happening_record(h) for h in history]})
        return
    for line in story(task, entry, history):
        say_prose(line, rest="    ") if line else say()


def story(task: Task, entry: Entry | None, history: Sequence[Happening]) -> list[str]:
    """Return a task as lines: what it is, what happened, its money, and where its files are."""
    mark = ", SIMULATED" if task.simulated else ""
    label = f", label {quoted(task.label, 80)}" if task.label else ""
    lines = [
        f"{task.id}: {task.status.shown}{mark}, {task.plan.tool}, {task.plan.model} at {task.account}{label}",
        f"  {quoted(task.plan.words, 400)}" if task.plan.words else "",
        f"  at Kling: {quoted(task.remote.id, 80)} ({task.remote.product})" if task.remote else "",
        "",
        *(_line(happening) for happening in history),
        "",
        money(task, entry),
    ]
    if task.failure:
        told = f"{task.failure.message} {task.failure.advice}".strip()
        lines.append(f"Error: [{task.failure.code}] {told} {SPENT_SENTENCES[task.failure.spent]}")
    lines += [f"Being retried: {task.trouble}"] if task.trouble and not task.status.ended else []
    lines += [f"Note: {note}" for note in task.notes]
    lines += [f"File: {output.path}" for output in task.outputs if output.path]
    return [line for n, line in enumerate(lines) if line or lines[n - 1]]


def money(task: Task, entry: Entry | None) -> str:
    """Return what became of a task's money, as one line."""
    price = f"Money{', simulated' if task.simulated else ''}: priced at {task.plan.price.words()}"
    if entry is None:
        return f"{price}; not in the ledger."
    match entry.state:
        case "held":
            return f"{price}; {dollars(from_micros(entry.held))} is held, on the budget of {entry.day}."
        case "settled":
            taken = dollars(from_micros(entry.charged))
            told = "as Kling told it" if task.charge is not None and task.charge.usd is not None else "as it was priced"
            return f"{price}; {taken} was taken, {told}, on the budget of {entry.day}."
        case "released":
            return f"{price}; nothing was taken, and what was held is free again."


def _line(happening: Happening) -> str:
    at = iso(happening.at)[:19].replace("T", " ")
    detail = f": {happening.detail}" if happening.detail else ""
    words = WORDS.get(happening.event, happening.event)
    return f"{at}  {happening.status:<10}  {words}{detail}"

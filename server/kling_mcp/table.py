"""`kling-mcp tasks`: the journal as a table for people, or as JSON. Only reads: a look must not start any work."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from kling_mcp.records import dollars_text, say_document, task_record, told
from kling_mcp.terminal import columns, cut, on_terminal, say, table
from kling_tools.clock import SystemClock, iso
from kling_tools.connect import Opened, open_accounts
from kling_tools.jobs.questions import Page, Search
from kling_tools.model.errors import KlingError, quoted
from kling_tools.model.tasks import Task
from kling_tools.operations.list_tasks import LIST_TASKS
from kling_tools.settings import Settings
from kling_tools.studio.paging import search

if TYPE_CHECKING:
    from argparse import Namespace

HEAD = ("TASK", "CREATED", "STATUS", "MODEL", "PRICE", "WHAT", "FILE")
#: How much of a prompt a row shows.
WORDS = 36
EVERY_SECONDS = 2.0


def run(args: Namespace) -> int:
    """Print the newest tasks; with --watch until interrupted."""
    if args.watch and args.json:
        say("--watch and --json do not go together.")
        return 2
    try:
        wanted = replace(search(LIST_TASKS.parse(_given(args))), limit=args.limit)
        asyncio.run(_document(wanted) if args.json else _show(wanted, watch=args.watch))
    except KlingError as error:
        return told(error, as_json=args.json)
    return 0


def _given(args: Namespace) -> dict[str, str]:
    return {name: value for name, value in (("status", args.status), ("since", args.since)) if value is not None}


async def _document(wanted: Search) -> None:
    opened = open_accounts(Settings.from_env(), SystemClock())
    journal = opened.journal
    try:
        page = await journal.search(wanted)
        records = [task_record(task, await journal.entry(task.id)) for task in page.tasks]
        spent = await journal.spent_today(simulated=False)
    finally:
        await opened.close()
    budget = opened.settings.max_usd_per_day
    say_document(
        {
            "tasks": records,
            "total": page.total,
            "total_at_least": page.more,
            "unreadable": list(page.unreadable),
            "spent_today_usd": dollars_text(spent),
            "budget_day_usd": dollars_text(budget),
        }
    )


async def _show(wanted: Search, *, watch: bool) -> None:
    opened = open_accounts(Settings.from_env(), SystemClock())
    try:
        while True:
            page = await opened.journal.search(wanted)
            lines = listing(page, columns() if on_terminal() else None)
            below = await _below(opened, page, everything=wanted == Search(limit=wanted.limit))
            if watch and on_terminal():
                # Over the old lines, from the top: the newest stay in sight in a low window.
                room = max(3, get_terminal_size().lines - len(below) - 1)
                lines = [cut(line, columns()) for line in lines[:room]]
                below = [cut(line, columns()) for line in below]
                sys.stdout.write("\033[H\033[J")
            say("\n".join([*lines, *below]))
            if not watch:
                return
            await asyncio.sleep(EVERY_SECONDS)
    finally:
        await opened.close()


async def _below(opened: Opened, page: Page, *, everything: bool) -> list[str]:
    if not page.total and not everything:
        return ["There are no such tasks."]
    if not page.total:
        return [f"There are no tasks yet in {opened.settings.data_dir}."]
    spent = await opened.journal.spent_today(simulated=False)
    limit = opened.settings.max_usd_per_day
    return ["", f"Spent or held today: {_cents(spent)} of {_cents(limit)}. Simulated tasks cost nothing."]


def listing(page: Page, width: int | None) -> list[str]:
    """Return tasks as lines: a table where it fits in `width`, else its last columns below each row."""
    tasks = page.tasks
    unreadable = [f"{i}: its record cannot be read; kling-mcp tasks show {i} tells why." for i in page.unreadable]
    if not tasks:
        return unreadable
    lines = table([HEAD, *(_row(task, WORDS) for task in tasks)])
    if width is not None and max(map(len, lines)) > width:
        lines = _narrow([HEAD, *(_row(task, width - 4) for task in tasks)], width)
    lines += [f"({len(tasks)} of {page.counted})"] if page.total > len(tasks) else []
    lines += [f"{t.id}: {t.failure.message if t.failure else t.trouble}" for t in tasks if t.failure or t.trouble]
    return lines + unreadable


def _narrow(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    heads = [cut(line, width) for line in table([row[:-2] for row in rows])]
    lines = [heads[0]]
    for head, (*_, what, path) in zip(heads[1:], rows[1:], strict=True):
        lines += [head, f"  {what}", *([f"  {path}"] if path else [])]
    return lines


def _row(task: Task, words: int) -> tuple[str, ...]:
    path = next((o.path for o in task.outputs if o.path), "")
    price = task.plan.price.words().partition(" (")[0]
    return (
        task.id,
        iso(task.created)[:16].replace("T", " "),
        task.status.shown,
        task.plan.model,
        f"{price} simulated" if task.simulated else price,
        quoted(task.label or task.plan.words, words),
        path,
    )


def _cents(amount: Decimal) -> str:
    return f"${amount:.2f}"

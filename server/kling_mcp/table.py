"""`kling-mcp tasks`: the journal as a table for people. Only reads: looking at a list must not start any work."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from decimal import Decimal
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from kling_mcp.terminal import columns, cut, on_terminal, say, table
from kling_tools.clock import SystemClock, iso
from kling_tools.connect import Opened, open_accounts
from kling_tools.jobs.journal import Search
from kling_tools.model.errors import KlingError, quoted
from kling_tools.model.tasks import Task
from kling_tools.settings import Settings

if TYPE_CHECKING:
    from argparse import Namespace

HEAD = ("TASK", "CREATED", "STATUS", "MODEL", "PRICE", "WHAT", "FILE")
SHOWN = 30
#: How much of a prompt a row shows.
WORDS = 36
EVERY_SECONDS = 2.0


def run(args: Namespace) -> int:
    """Print the newest tasks; with --watch until interrupted."""
    try:
        asyncio.run(_show(watch=args.watch))
    except KlingError as error:
        say(error.sentence())
        return 1
    return 0


async def _show(*, watch: bool) -> None:
    opened = open_accounts(Settings.from_env(), SystemClock())
    try:
        while True:
            tasks, total = await opened.journal.search(Search(limit=SHOWN))
            lines = listing(tasks, total, columns() if on_terminal() else None)
            below = await _below(opened, tasks)
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


async def _below(opened: Opened, tasks: Sequence[Task]) -> list[str]:
    if not tasks:
        return [f"There are no tasks yet in {opened.settings.data_dir}."]
    spent = await opened.journal.spent_today(simulated=False)
    limit = opened.settings.max_usd_per_day
    return ["", f"Spent or held today: {_cents(spent)} of {_cents(limit)}. Simulated tasks cost nothing."]


def listing(tasks: Sequence[Task], total: int, width: int | None) -> list[str]:
    """Return tasks as lines: a table where it fits in `width`, else its last columns below each row."""
    if not tasks:
        return []
    lines = table([HEAD, *(_row(task, WORDS) for task in tasks)])
    if width is not None and max(map(len, lines)) > width:
        lines = _narrow([HEAD, *(_row(task, width - 4) for task in tasks)], width)
    lines += [f"({len(tasks)} of {total})"] if total > len(tasks) else []
    return lines + [f"{t.id}: {t.failure.message if t.failure else t.trouble}" for t in tasks if t.failure or t.trouble]


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

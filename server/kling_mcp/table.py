"""`kling-mcp tasks`: the journal as a table for people. Only reads: looking at a list must not start any work."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from kling_mcp.terminal import say, table
from kling_tools.clock import SystemClock, iso
from kling_tools.connect import Opened, open_accounts
from kling_tools.jobs.journal import Search
from kling_tools.model.errors import KlingError, quoted
from kling_tools.model.tasks import Task
from kling_tools.settings import Settings

if TYPE_CHECKING:
    from argparse import Namespace

SHOWN = 30
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
            lines = await _lines(opened)
            if watch and sys.stdout.isatty():
                sys.stdout.write("\033[2J\033[H")
            say("\n".join(lines))
            if not watch:
                return
            await asyncio.sleep(EVERY_SECONDS)
    finally:
        await opened.close()


async def _lines(opened: Opened) -> list[str]:
    tasks, total = await opened.journal.search(Search(limit=SHOWN))
    if not tasks:
        return [f"There are no tasks yet in {opened.settings.data_dir}."]
    lines = table([("TASK", "CREATED", "STATUS", "MODEL", "PRICE", "WHAT", "FILE"), *(_row(t) for t in tasks)])
    if total > len(tasks):
        lines.append(f"({len(tasks)} of {total})")
    lines += [f"{t.id}: {t.failure.message}" for t in tasks if t.failure]
    lines += [f"{t.id}: {t.trouble}" for t in tasks if t.trouble]
    spent = await opened.journal.spent_today(simulated=False)
    limit = opened.settings.max_usd_per_day
    return [*lines, "", f"Spent or held today: ${spent:.2f} of ${limit:.2f}. Simulated tasks cost nothing."]


def _row(task: Task) -> tuple[str, ...]:
    path = next((o.path for o in task.outputs if o.path), "")
    price = task.plan.price.words().partition(" (")[0]
    return (
        task.id,
        iso(task.created)[:16].replace("T", " "),
        task.status.shown,
        task.plan.model,
        f"{price} simulated" if task.simulated else price,
        quoted(task.label or task.plan.prompt, 36),
        path,
    )

"""`kling-mcp tasks spend`: what was held or taken, by local day, model and provider. Only reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from kling_mcp.records import dollars_text, say_document, told
from kling_mcp.terminal import say, table
from kling_tools.clock import SystemClock
from kling_tools.connect import open_accounts
from kling_tools.jobs.questions import Spending
from kling_tools.model.errors import KlingError
from kling_tools.model.money import dollars
from kling_tools.settings import Settings

if TYPE_CHECKING:
    from argparse import Namespace

HEAD = ("DAY", "MODEL", "PROVIDER", "TASKS", "US DOLLARS")
_DAY = 86_400.0


def run(args: Namespace) -> int:
    """Print the spending of some days."""
    try:
        asyncio.run(_show(args.days, as_json=args.json))
    except KlingError as error:
        return told(error, as_json=args.json)
    return 0


async def _show(days: int, *, as_json: bool) -> None:
    clock = SystemClock()
    opened = open_accounts(Settings.from_env(), clock)
    try:
        since = max(0.0, clock.now() - (days - 1) * _DAY)
        real = await opened.journal.spending(since, simulated=False)
        simulated = await opened.journal.spending(since, simulated=True)
    finally:
        await opened.close()
    if as_json:
        rows = [_record(s, simulated=False) for s in real] + [_record(s, simulated=True) for s in simulated]
        say_document({"days": days, "spending": rows, "total_usd": dollars_text(_sum(real))})
        return
    say("\n".join(lines(real, simulated, days)))


def lines(real: Sequence[Spending], simulated: Sequence[Spending], days: int) -> list[str]:
    """Return spending as a table with its sum; what was simulated stands apart, because it cost nothing."""
    span = "today" if days == 1 else f"in the last {days} days"
    said = table([HEAD, *map(_row, real)]) if real else []
    said.append(f"{dollars(_sum(real))} was spent or is held {span}.")
    if simulated:
        said += ["", "On the simulated Kling, which costs nothing:", *table([HEAD, *map(_row, simulated)])]
    return said


def _sum(spending: Sequence[Spending]) -> Decimal:
    return sum((s.usd for s in spending), Decimal(0))


def _row(spent: Spending) -> tuple[str, ...]:
    return (spent.day, spent.model, spent.account, str(spent.tasks), dollars(spent.usd))


def _record(spent: Spending, *, simulated: bool) -> dict[str, object]:
    return {
        "day": spent.day,
        "model": spent.model,
        "account": spent.account,
        "tasks": spent.tasks,
        "usd": dollars_text(spent.usd),
        "simulated": simulated,
    }

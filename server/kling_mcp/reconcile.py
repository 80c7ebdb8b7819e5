"""`kling-mcp tasks reconcile`: the journal beside Kling's own list and bill. Free calls only, and nothing is changed
unless --adopt asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kling_mcp.records import say_document, told
from kling_mcp.terminal import say, say_prose
from kling_tools.clock import SystemClock, iso
from kling_tools.connect import open_accounts
from kling_tools.jobs.reconcile import Difference
from kling_tools.model.errors import BadSettings, KlingError, quoted
from kling_tools.settings import Settings
from kling_tools.studio.reconciling import Reconciled, reconcile

if TYPE_CHECKING:
    from argparse import Namespace

#: The exit status where the two sides differ, so that a script can tell it from a failure.
DIFFERS = 3

#: How each kind of difference is headed.
HEADS = {
    "unknown": "At Kling and not here",
    "lost": "Ours, believed lost",
    "missing": "Here and not at Kling",
    "status": "Another status",
    "charge": "Another charge",
    "deduction": "Deducted, and in no list",
}


def run(args: Namespace) -> int:
    """Print what differs."""
    try:
        compared = asyncio.run(_compare(args.days, adopt=args.adopt))
    except KlingError as error:
        return told(error, as_json=args.json)
    if args.json:
        say_document({"days": args.days, "accounts": [record(one) for one in compared]})
    else:
        for line in (line for one in compared for line in lines(one)):
            say_prose(line, rest="    ") if line else say()
    if any(one.left for one in compared):
        return DIFFERS
    return 1 if any(one.trouble for one in compared) else 0


async def _compare(days: int, *, adopt: bool) -> list[Reconciled]:
    settings = Settings.from_env()
    opened = open_accounts(settings, SystemClock())
    try:
        settings.check()
        if not opened.accounts:
            raise opened.complaint or BadSettings("No provider is configured.", advice="Set KLING_API_KEY.")
        return [await reconcile(account, days, adopt=adopt) for account in opened.accounts]
    finally:
        await opened.close()


def lines(compared: Reconciled) -> list[str]:
    """Return a comparison as lines: the counts, each difference under its head, and what could not be asked."""
    mark = " (SIMULATED)" if compared.simulated else ""
    since = iso(compared.since)[:16].replace("T", " ")
    said = [f"{compared.account}{mark}, since {since}: {compared.there} tasks there, {compared.here} here."]
    for kind, head in HEADS.items():
        found = [one for one in compared.differences if one.kind == kind]
        said += [f"{head}: {len(found)}", *(f"  {_line(one, compared.adopted)}" for one in found)] if found else []
    if not compared.differences:
        said.append("Nothing differs." if not compared.trouble else "Nothing differs in what could be asked.")
    elif compared.adopted:
        said.append(f"Adopted: {', '.join(compared.adopted)}. They are fetched while kling-mcp runs.")
    else:
        lost = any(one.kind == "lost" for one in compared.differences)
        said.append(f"Nothing was changed.{' --adopt takes over what is ours and was believed lost.' if lost else ''}")
    return [*said, *(f"Not compared: {trouble}" for trouble in compared.trouble)]


def _line(one: Difference, adopted: Sequence[str]) -> str:
    which = " ".join(part for part in (one.task_id, quoted(one.remote_id, 80) if one.remote_id else "") if part)
    sides = "; ".join(f"{side}: {what}" for side, what in (("here", one.here), ("there", one.there)) if what)
    done = " Adopted." if one.kind == "lost" and one.task_id in adopted else ""
    return f"{which}: {sides}. {one.words}{done}"


def record(compared: Reconciled) -> dict[str, Any]:
    """Return a comparison as a script reads it."""
    return {
        "account": compared.account,
        "simulated": compared.simulated,
        "since": iso(compared.since),
        "tasks_there": compared.there,
        "tasks_here": compared.here,
        "differences": [
            {
                "kind": one.kind,
                "task_id": one.task_id or None,
                "remote_id": one.remote_id or None,
                "here": one.here or None,
                "there": one.there or None,
                "words": one.words,
                "adopted": one.kind == "lost" and one.task_id in compared.adopted,
            }
            for one in compared.differences
        ],
        "adopted": list(compared.adopted),
        "not_compared": list(compared.trouble),
    }

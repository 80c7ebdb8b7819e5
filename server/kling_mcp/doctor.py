"""`kling-mcp doctor`: everything that keeps a video from being made, one line each, found with free calls only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kling_mcp.terminal import say, say_prose
from kling_tools.clock import SystemClock
from kling_tools.connect import Opened, open_accounts
from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.storage import check_free, check_writable
from kling_tools.jobs.account import Account
from kling_tools.jobs.questions import Search
from kling_tools.model.errors import KlingError
from kling_tools.model.money import dollars
from kling_tools.settings import Settings

if TYPE_CHECKING:
    from argparse import Namespace

#: A signed token is valid from 5 s before it is made (kling-official 1.3): a clock faster than that is refused.
SKEW_SECONDS = 5.0
ROOM_BYTES = 500_000_000
#: Records read in one go, and how many damaged ones are named.
TOGETHER, MOST_NAMED = 500, 10


@dataclass(frozen=True)
class Finding:
    """One line: what was checked, whether it is well, and what to do if not."""

    what: str
    well: bool
    words: str
    advice: str = ""


def run(args: Namespace) -> int:
    """Print the findings; 1 when anything fails."""
    return asyncio.run(_examine())


async def _examine() -> int:
    settings = Settings.from_env()
    opened = open_accounts(settings, SystemClock())
    ill = 0
    try:
        async for finding in findings(settings, opened):
            ill += not finding.well
            advice = f"\n{finding.advice}" if finding.advice and not finding.well else ""
            mark = "ok    " if finding.well else "FAIL  "
            say_prose(f"{finding.what}: {finding.words}{advice}", first=mark, rest="      ")
    finally:
        await opened.close()
    say(f"{ill} of the checks failed." if ill > 1 else "One check failed." if ill else "Everything is in order.")
    return 1 if ill else 0


async def findings(settings: Settings, opened: Opened) -> AsyncIterator[Finding]:
    """Yield what was found, in the order in which it would stand in the way."""
    for problem in settings.problems:
        yield Finding("settings", False, problem, "Mend it where the server is configured.")
    if opened.complaint and not settings.problems:
        yield Finding("credentials", False, opened.complaint.message, opened.complaint.advice)
    for account in opened.accounts:
        yield Finding("credentials", True, _keys(settings, account))
        for finding in await _provider(account):
            yield finding
    for finding in await _journal(opened):
        yield finding
    yield await asyncio.to_thread(_outputs, settings)
    yield _encoder(settings)
    roots = ", ".join(str(root) for root in opened.orders.inputs.roots)
    yield Finding("pictures", True, f"read from {roots}")
    yield Finding(
        "budget",
        True,
        f"{dollars(settings.max_usd_per_call)} a call, {dollars(settings.max_usd_per_day)} a day; "
        f"above {dollars(settings.confirm_above_usd)} the person is asked",
    )


def _keys(settings: Settings, account: Account) -> str:
    if account.connection.simulated:
        return "none are set, so the simulated Kling is used"
    used = account.connection.vendor.key if account.connection.api_key else "KLING_ACCESS_KEY and KLING_SECRET_KEY"
    return f"{used} for {account.connection.base_url}"


async def _provider(account: Account) -> list[Finding]:
    """Ask once, for free: it shows the network, the credentials and the clock together."""
    try:
        probe = await account.client.probe()
    except KlingError as error:
        return [Finding("provider", False, f"{account.name}: {error.message}", error.advice)]
    kind = "a simulated Kling" if probe.simulated else account.connection.vendor.title
    found = [Finding("provider", True, f"{account.name} is {kind}, answered in {probe.latency * 1000:.0f} ms")]
    if probe.server_time is not None:
        skew = SystemClock().now() - probe.server_time
        # The provider tells whole seconds only.
        apart = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the provider"
        words = apart if abs(skew) >= 2 else "in step with the provider"
        advice = "Set this machine's time; signed tokens are refused otherwise."
        found.append(Finding("clock", abs(skew) < SKEW_SECONDS, words, advice))
    return found


async def _journal(opened: Opened) -> list[Finding]:
    """Read the whole journal: a damaged file shows, and each record that cannot be read is named."""
    here = "journal" if opened.settings.database_url else "data directory"
    place = opened.store.place if opened.settings.database_url else str(opened.settings.data_dir)
    try:
        await opened.store.examine()
        total, unreadable = await _records(opened)
    except KlingError as error:
        return [Finding(here, False, error.message, error.advice)]
    found = [Finding(here, True, f"{place}, {total} tasks")]
    if unreadable:
        named = [opened.journal.unreadable[task_id] for task_id in unreadable[:MOST_NAMED]]
        more = f" {len(unreadable) - MOST_NAMED} more cannot be read." if len(unreadable) > MOST_NAMED else ""
        words = " ".join(error.message for error in named) + more
        found.append(Finding("records", False, words, named[0].advice))
    return found


async def _records(opened: Opened) -> tuple[str, list[str]]:
    """Return how many records there are, and the ids of those that cannot be read."""
    wanted = Search(limit=TOGETHER)
    unreadable: list[str] = []
    counted = ""
    while True:
        page = await opened.journal.search(wanted)
        unreadable += page.unreadable
        counted = counted or page.counted
        if page.end is None:
            return counted, unreadable
        wanted = replace(wanted, before=page.end)


def _outputs(settings: Settings) -> Finding:
    try:
        check_writable(settings.output_dir)
        check_free(settings.output_dir, ROOM_BYTES)
    except KlingError as error:
        return Finding("output directory", False, error.message, error.advice)
    return Finding("output directory", True, str(settings.output_dir))


def _encoder(settings: Settings) -> Finding:
    try:
        return Finding("encoder", True, Encoder.find(settings.ffmpeg).path)
    except KlingError as error:
        return Finding("encoder", False, error.message, error.advice)

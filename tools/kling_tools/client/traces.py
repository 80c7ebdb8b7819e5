"""What a provider's own list shows of a create whose answer was lost: tasks that ask for the very same, made just then.

Others use the same account, and a list may be late. What is found here proves nothing by itself: who asks decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime

from kling_tools.clock import Clock
from kling_tools.providers.dialect import Dialect, WireAnswer, WireCall

#: How far a list is followed: 20 pages of 100 are the account's tasks of a quarter of an hour.
MAX_PAGES = 20
#: By how much the question is wider than the time in which the task can have been made: clocks differ.
WIDER_SECONDS = 300.0
#: What is left of that difference where the provider told its own time.
SLACK_SECONDS = 30.0


async def traces(
    dialect: Dialect,
    ask: Callable[[WireCall], Awaitable[WireAnswer]],
    clock: Clock,
    mark: str,
    start: float,
    end: float,
) -> tuple[str, ...] | None:
    """Return the provider's ids of the tasks with this mark that were made between two moments of our clock.

    None where there is no such list, or it is longer than anybody follows: nothing follows from a part of it.

    Raises:
        Unreachable, ProviderRefused, ProviderBroken
    """
    following = dialect.traces(mark, start - WIDER_SECONDS, end + WIDER_SECONDS) if mark else None
    if following is None:
        return None
    found: dict[str, None] = {}
    for _ in range(MAX_PAGES):
        answer = await ask(following)
        ahead = _ahead(answer, clock)
        page = dialect.traced(following, answer)
        earliest, latest = start + ahead - SLACK_SECONDS, end + ahead + SLACK_SECONDS
        same = (one for one in page.found if one.mark == mark and one.created is not None)
        found |= dict.fromkeys(one.remote_id for one in same if earliest <= (one.created or 0) <= latest)
        if page.next is None:
            return tuple(found)
        following = page.next
    return None


def _ahead(answer: WireAnswer, clock: Clock) -> float:
    """Return how far the provider's clock is ahead of ours."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - clock.now()
    except (ValueError, OverflowError, TypeError):
        return 0.0

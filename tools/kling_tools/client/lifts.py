"""Files carried up to a provider that takes media by address only: before the create, free, and never to anyone else.

Nothing of it is written down: an upload that is lost or repeated costs nothing, so it comes before the claim, and a
crash on the way leaves the task waiting.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from kling_tools.clock import Clock
from kling_tools.model.errors import KlingError, ProviderBroken, TooManyRequests, Unreachable
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order
from kling_tools.providers.dialect import Dialect, WireAnswer, WireCall

#: How long an address stands for the same bytes: much shorter than any provider keeps what was sent up.
KEPT_SECONDS = 3600.0
#: How long nothing is tried again where something did not get up.
REST_SECONDS = 15.0
#: The most calls that one file may take.
MOST_CALLS = 4


class Lifts:
    """One account's way up. It remembers what it carried lately, so that a task that waits carries nothing twice."""

    def __init__(self, dialect: Dialect, ask: Callable[[WireCall], Awaitable[WireAnswer]], clock: Clock) -> None:
        self._dialect = dialect
        self._ask = ask
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[str, float]] = {}
        self._trouble: tuple[KlingError, float] | None = None

    async def take(self, order: Order) -> Order:
        """Return the order with addresses in place of bytes, wherever its provider wants them.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken
        """
        media = [medium if medium.data is None else await self._lifted(medium) for medium in order.media]
        return order if media == list(order.media) else replace(order, media=tuple(media))

    async def _lifted(self, medium: Medium) -> Medium:
        now = self._clock.monotonic()
        self._known = {key: kept for key, kept in self._known.items() if kept[1] > now}
        key = (medium.sha256, medium.mime)
        if medium.sha256 and key in self._known:
            return replace(medium, data=None, url=self._known[key][0])
        if self._trouble is not None and self._trouble[1] > now:
            raise self._trouble[0]
        self._trouble = None
        try:
            return await self._carried(medium, key, now)
        except (Unreachable, ProviderBroken, TooManyRequests) as error:  # what passes: not asked again at once
            self._trouble = (error, now + REST_SECONDS)
            raise

    async def _carried(self, medium: Medium, key: tuple[str, str], now: float) -> Medium:
        answers: list[WireAnswer] = []
        for _ in range(MOST_CALLS):
            step = self._dialect.upload(medium, answers)
            if isinstance(step, WireCall):
                answers.append(await self._ask(step))
                continue
            if not step:
                return medium
            if answers:  # an address that holds the file itself is made anew in no time
                self._known[key] = (step, now + KEPT_SECONDS)
            return replace(medium, data=None, url=step)
        raise ProviderBroken("Sending a file up did not come to an end.")

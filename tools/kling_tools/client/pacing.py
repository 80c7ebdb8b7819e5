"""Questions to one account, no faster than its provider documents: one after the other, evenly apart."""

from __future__ import annotations

from kling_tools.clock import Clock
from kling_tools.providers.dialect import Rate


class Pacing:
    """One account's questions; without a rate nobody waits."""

    def __init__(self, rate: Rate | None, clock: Clock) -> None:
        self._gap = rate.seconds / rate.most if rate else 0.0
        self._clock = clock
        self._next = float("-inf")

    async def turn(self) -> None:
        """Wait until it is one's turn."""
        if not self._gap:
            return
        now = self._clock.monotonic()
        at = max(now, self._next)
        self._next = at + self._gap
        if at > now:
            await self._clock.sleep(at - now)

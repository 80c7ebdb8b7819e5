"""Waking those who wait in this process the moment something changes; nothing is lost when nobody waits."""

from __future__ import annotations

import asyncio

from kling_tools.clock import Clock


class Bell:
    """Rung on every change. Waiters look at the journal themselves: a ring carries no news."""

    def __init__(self) -> None:
        self.last = False
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who waits now."""
        self._rung.set()
        self._rung = asyncio.Event()

    def ring_out(self) -> None:
        """Wake everyone for the last time: whoever looks at `last` waits no longer."""
        self.last = True
        self.ring()

    async def wait(self, clock: Clock, seconds: float) -> None:
        """Return at the next ring, or after `seconds`."""
        ring = asyncio.ensure_future(self._rung.wait())
        sleep = asyncio.ensure_future(clock.sleep(seconds))
        try:
            await asyncio.wait({ring, sleep}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ring.cancel()
            sleep.cancel()

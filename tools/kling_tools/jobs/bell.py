"""Waking those who wait in this process the moment something changes; nothing is lost when nobody waits.

Who waits for certain tasks is woken for those: were all who wait woken by every change, hundreds would read the journal
for the news of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from kling_tools.clock import Clock


class Bell:
    """Rung on every change. Waiters look at the journal themselves: a ring carries no news."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._waiting: dict[asyncio.Event, frozenset[str]] = {}

    @property
    def last(self) -> bool:
        """Whether it has rung for the last time."""
        return self.over.is_set()

    def ring(self, task_id: str = "") -> None:
        """Wake everyone who waits for anything, and those who wait for this task."""
        for event, wanted in self._waiting.items():
            if not wanted or task_id in wanted:
                event.set()

    def ring_out(self) -> None:
        """Wake everyone for the last time: whoever looks at `last` waits no longer."""
        self.over.set()
        for event in self._waiting:
            event.set()

    async def wait(self, clock: Clock, seconds: float, tasks: Collection[str] = ()) -> None:
        """Return at the next ring, or after `seconds`; with `tasks` only at one for these."""
        rung = asyncio.Event()
        self._waiting[rung] = frozenset(tasks)
        ring = asyncio.ensure_future(rung.wait())
        sleep = asyncio.ensure_future(clock.sleep(seconds))
        try:
            await asyncio.wait({ring, sleep}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._waiting[rung]
            ring.cancel()
            sleep.cancel()

"""Time as a value that is passed in, so that no test sleeps and no module reads the wall clock by itself.

The ground floor: everything that waits or dates a thing takes a `Clock`.
"""

from __future__ import annotations

import asyncio
import time
from datetime import date, datetime
from typing import Protocol


class Clock(Protocol):
    """What the house needs of time."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some start; never steps, unlike `now`, and means nothing in another process."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`; cancellable."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since some start."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`; cancellable."""
        await asyncio.sleep(seconds)


def local_day(now: float) -> date:
    """Return the person's own calendar day: a daily budget means their day, not UTC's."""
    return date.fromtimestamp(now)


def iso(now: float) -> str:
    """Return `now` as ISO 8601 with the local offset, to the second."""
    return datetime.fromtimestamp(now).astimezone().isoformat(timespec="seconds")

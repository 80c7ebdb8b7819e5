"""How fast one account may be asked to make tasks: what its provider documents, and slower where it asks for less.

One account's own, so that another's is none of its business. Kept in memory: another process at the same account finds
out by itself, and what is refused is put back and costs nothing.
"""

from __future__ import annotations

from collections import deque

from kling_tools.providers.dialect import Rate

#: Between two creates after a provider has asked for fewer: doubled each time it says so again, halved each time it
#: takes one, and forgotten below the least.
FIRST_GAP, LONGEST_GAP, LEAST_GAP = 2.0, 60.0, 0.5
#: Without a rate: more than any account has slots.
MOST_AT_ONCE = 10_000
#: No provider is left alone for longer at its own word.
LONGEST_REST = 300.0


class Throttle:
    """The creates of one account; moments are of a clock that never steps, seconds."""

    def __init__(self, rate: Rate | None = None) -> None:
        self._rate = rate
        self._sent: deque[float] = deque()
        self._gap = 0.0
        self._rest = float("-inf")

    def left(self, now: float) -> float:
        """Return how long nothing may be sent."""
        due = self._rest
        if self._sent:
            due = max(due, self._sent[-1] + self._gap)
        if self._rate is not None and len(self._sent) >= self._rate.most:
            due = max(due, self._sent[-self._rate.most] + self._rate.seconds)
        return max(0.0, due - now)

    def room(self, now: float) -> int:
        """Return how many may be sent at once."""
        if self.left(now):
            return 0
        if self._gap:
            return 1
        lately = 0 if self._rate is None else sum(at > now - self._rate.seconds for at in self._sent)
        return self._rate.most - lately if self._rate else MOST_AT_ONCE

    def take(self, now: float) -> bool:
        """Take a turn, if it is one."""
        if self.left(now):
            return False
        self._sent.append(now)
        while len(self._sent) > (self._rate.most if self._rate else 1):
            self._sent.popleft()
        return True

    def slower(self, now: float, asked: float = 0.0) -> None:
        """Take it that the provider asks for fewer requests, perhaps for none in so many seconds.

        Who was on the way when it said so says nothing new.
        """
        if now >= self._rest:
            self._gap = min(LONGEST_GAP, max(FIRST_GAP, 2 * self._gap))
        self._rest = max(self._rest, now + max(self._gap, min(asked, LONGEST_REST)))

    def faster(self) -> None:
        """Take it that the provider has taken one."""
        self._gap = self._gap / 2 if self._gap / 2 >= LEAST_GAP else 0.0

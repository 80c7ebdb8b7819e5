"""Leaving a thing alone for a while after it went wrong: ever longer, on a clock that never steps."""

from __future__ import annotations

from kling_tools.clock import Clock


class Rests:
    """When what may be tried again, by key; seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lengths: dict[str, float] = {}

    def rest(self, key: str, first: float, longest: float) -> None:
        """Leave a key alone, for twice as long each time."""
        self._lengths[key] = min(longest, 2 * self._lengths.get(key, first / 2))
        self.until(key, self._lengths[key])

    def until(self, key: str, seconds: float) -> None:
        """Leave a key alone for so long."""
        self._until[key] = self._clock.monotonic() + seconds

    def left(self, key: str) -> float:
        """Return how long a key is still left alone; 0 when it may be tried."""
        return max(0.0, self._until.get(key, float("-inf")) - self._clock.monotonic())

    def hasten(self, key: str) -> None:
        """Let it be tried at once; if that goes wrong too, the next rest is longer all the same."""
        self._until.pop(key, None)

    def calm(self, key: str) -> None:
        """Let the next rest begin short again; this one goes on."""
        self._lengths.pop(key, None)

    def forget(self, key: str) -> None:
        """Begin anew: it went well, or is over."""
        self._until.pop(key, None)
        self._lengths.pop(key, None)

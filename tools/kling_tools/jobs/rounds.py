"""Whose turn it is: one loop serves all accounts, each when something is due for it, and hears in between what others
wrote.

A thousand accounts that rest cost no more than one. The loop outlives whatever one round meets: a full disk today, a
fault of ours tomorrow.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection

from kling_tools.clock import Clock
from kling_tools.jobs.bell import Bell
from kling_tools.model.errors import KlingError

log = logging.getLogger(__name__)

#: However fast a simulator runs.
SHORTEST_TICK = 0.2
#: After a round that went wrong.
AFTER_TROUBLE = 5.0

_AT_ONCE, _NEVER = float("-inf"), float("inf")


class Rounds:
    """Goes from account to account. `hear` and `serve` return after how many seconds they are due again."""

    def __init__(
        self,
        clock: Clock,
        bell: Bell,
        accounts: Collection[str],
        hear: Callable[[], Awaitable[float]],
        serve: Callable[[str], Awaitable[float]],
    ) -> None:
        self._clock = clock
        self._bell = bell
        self._accounts = accounts
        self._hear = hear
        self._serve = serve
        self._hear_at = _AT_ONCE
        self._turns: dict[str, float] = {}

    def stir(self, account: str) -> None:
        """Have an account served in the next round, and that at once."""
        self._turns.pop(account, None)
        self._bell.ring()

    def hear_soon(self) -> None:
        """Hear in a moment what others wrote."""
        self._hear_at = min(self._hear_at, self._clock.monotonic() + SHORTEST_TICK)
        self._bell.ring()

    async def go_on(self) -> None:
        """Go round and round."""
        while True:
            await self._bell.wait(self._clock, await self._round())

    async def _round(self) -> float:
        """Serve every account whose turn it is; return how long nothing is due."""
        at = self._clock.monotonic
        if self._hear_at <= at():
            try:
                self._hear_at = at() + await self._hear()
            except Exception as error:  # whatever it is: nobody else would go on with what is paid for
                log.error("the journal: %s", error, exc_info=not isinstance(error, KlingError))
                self._hear_at = at() + AFTER_TROUBLE
                self._turns = dict.fromkeys(self._accounts, self._hear_at)
        for name in self._accounts:
            if self._turns.get(name, _AT_ONCE) <= at():
                self._turns[name] = _NEVER  # whatever happens meanwhile calls for another
                pause = await self._served(name)
                self._turns[name] = min(at() + pause, self._turns.get(name, _AT_ONCE))
        return max(0.0, min([self._hear_at, *self._turns.values()]) - at())

    async def _served(self, name: str) -> float:
        try:
            return await self._serve(name)
        except Exception as error:
            log.error("watching %s: %s", name, error, exc_info=not isinstance(error, KlingError))
            return AFTER_TROUBLE

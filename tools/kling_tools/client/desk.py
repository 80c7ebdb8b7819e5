"""The account's desk: voices, elements, packs and deductions, asked for when a person wants to see them.

Beside `client`, which buys and watches: nothing here costs anything. It takes a function that asks the wire, so that it
neither opens a connection of its own nor knows how a broken one is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from kling_tools.clock import Clock
from kling_tools.model.library import AssetKind, AssetPage, DeductionPage, Pack
from kling_tools.providers.dialect import WireAnswer, WireCall
from kling_tools.providers.kling import account, library

#: Sends a question that may be repeated, and says `Unreachable` when there was no answer.
Ask = Callable[[WireCall], Awaitable[WireAnswer]]

#: Packs may be asked for once a second; a little more, because requests do not travel equally fast (kling-official 7).
PACKS_SECONDS = 1.1


class Desk:
    """One account's desk. Keep one per account and process: it is what keeps the pace.

    `pair`: the questions are signed with an access/secret key pair. Times are seconds since the epoch.
    """

    def __init__(self, ask: Ask, clock: Clock, *, pair: bool = False) -> None:
        self._ask = ask
        self._clock = clock
        self._pair = pair
        self._turn = asyncio.Lock()
        self._next = float("-inf")

    async def assets(self, kind: AssetKind, own: bool, page: int = 1) -> AssetPage:
        """Return a page of one's own voices or elements, or of the official ones.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken
        """
        call = library.listing(kind, own, page)
        return library.listed(call, await self._ask(call), kind, own, pair=self._pair)

    async def delete(self, kind: AssetKind, asset_id: str) -> None:
        """Delete an own voice or element; once more does no harm.

        Raises:
            InvalidArguments: that is no id. NotFound: it is not there. Unreachable, ProviderRefused, ProviderBroken.
        """
        library.deleted(await self._ask(library.deletion(kind, asset_id)), pair=self._pair)

    async def packs(self, start: float, end: float) -> tuple[Pack, ...]:
        """Return the packs of a time, waiting for our turn; what is left may be up to 12 hours old.

        Raises:
            InvalidArguments: it ends before it starts. Unreachable, ProviderRefused, ProviderBroken.
        """
        call = account.costs(start, end)
        async with self._turn:
            if (wait := self._next - self._clock.monotonic()) > 0:
                await self._clock.sleep(wait)
            self._next = self._clock.monotonic() + PACKS_SECONDS
        return account.packs(await self._ask(call), pair=self._pair)

    async def deductions(self, cash: bool, start: float, end: float, cursor: str = "") -> DeductionPage:
        """Return a page of what was taken: of money if `cash`, else of packs; `cursor` from the page before.

        Raises:
            InvalidArguments: it ends before it starts. Unreachable, ProviderRefused, ProviderBroken.
        """
        call = account.bill(cash, start, end, cursor)
        return account.deductions(call, await self._ask(call), pair=self._pair)

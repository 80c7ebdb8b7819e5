"""A gateway's callbacks: where it is asked to ring, and whether it was the one that rang.

On this floor because some keys come over the wire. Kling's own callbacks are read in `callbacks`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping

from kling_tools.clock import Clock
from kling_tools.model.errors import CallbackRefused, CallbackRepeated, ProviderBroken
from kling_tools.model.plan import Order
from kling_tools.providers.dialect import WireAnswer, WireCall
from kling_tools.providers.gateway import ring_secret
from kling_tools.providers.kling.callbacks import MAX_BODY, ReplayGuard
from kling_tools.providers.registry import Connection

#: How long a fetched key is believed, and how soon it is fetched again when something does not fit.
KEPT_SECONDS, AGAIN_SECONDS = 3600.0, 60.0


class Rings:
    """One account's bell. It keeps fetched keys, and what rang lately."""

    def __init__(self, connection: Connection, ask: Callable[[WireCall], Awaitable[WireAnswer]], clock: Clock) -> None:
        self._connection = connection
        self._ask = ask
        self._clock = clock
        self._seen = ReplayGuard()
        self._key = b""
        self._fetched = float("-inf")

    def address(self, order: Order) -> str:
        """Return where an order's task may ring; where nobody can ask for it by our id, the address names it."""
        url = self._connection.callback_url
        if not url or self._connection.dialect.traits.finds:
            return url
        return f"{url}?task={order.external_id}"

    async def heard(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Return the ids of the tasks that a callback is about.

        Raises:
            CallbackRefused, CallbackRepeated; and what fetching a key raises.
        """
        if len(body) > MAX_BODY:
            raise CallbackRefused(f"The callback is larger than {MAX_BODY // 1024} KB.")
        given = {name.lower(): value for name, value in headers.items()}
        dialect, now = self._connection.dialect, self._clock.now()
        try:
            found = dialect.heard(given, body, now, await self._proof(KEPT_SECONDS))
        except CallbackRefused:
            if dialect.keys() is None or self._clock.monotonic() - self._fetched < AGAIN_SECONDS:
                raise
            found = dialect.heard(given, body, now, await self._proof(AGAIN_SECONDS))  # the key may be a new one
        if not self._seen.first(hashlib.sha256(body).hexdigest(), now):
            raise CallbackRepeated("The callback came before.")
        return found

    def again(self, body: bytes) -> None:
        """Let a callback come once more: what it asked for could not be done."""
        self._seen.forget(hashlib.sha256(body).hexdigest())

    async def _proof(self, kept: float) -> bytes:
        """Return what proves a callback: a key that is fetched, the person's own, or what follows from the address."""
        call = self._connection.dialect.keys()
        if call is None:
            return (self._connection.ringer or ring_secret(self._connection.callback_url)).encode()
        if self._clock.monotonic() - self._fetched > kept:
            answer = await self._ask(call)
            if not 200 <= answer.status < 300:
                title = self._connection.vendor.title
                raise ProviderBroken(f"{title} does not tell by what its callbacks are proven ({answer.status}).")
            self._key = answer.body
            self._fetched = self._clock.monotonic()
        return self._key

"""One provider, asked and answered: orders go out, observations come back, and every failure says if money moved.

The room between the dialect, which knows words, and the wire, which knows bytes. It knows what may be repeated: a query
and a download always, a create never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from email.utils import parsedate_to_datetime

import httpx2

from kling_tools.client.desk import Desk
from kling_tools.client.download import Download, open_download
from kling_tools.client.lifts import Lifts
from kling_tools.client.pacing import Pacing
from kling_tools.client.rings import Rings
from kling_tools.client.survey import MAX_PAGES, Sight, Survey
from kling_tools.client.traces import traces
from kling_tools.client.wire import AGAIN, READ_SECONDS, Wire
from kling_tools.clock import Clock
from kling_tools.model.errors import (
    AlreadyExists,
    Impossible,
    KlingError,
    ProviderBroken,
    TooManyRequests,
    Unauthorised,
    Unreachable,
    Unsure,
)
from kling_tools.model.library import Balance
from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.tasks import Observation, Remote
from kling_tools.providers.dialect import WireAnswer, WireCall
from kling_tools.providers.reading import seconds
from kling_tools.providers.registry import Connection

#: A whole create, look-up included. Shorter than the time after which an unknown task may be sent again.
SUBMIT_SECONDS = 100.0
QUERY_SECONDS = 100.0
#: How long a purchase waits to know what the account had before it.
PURSE_SECONDS = 5.0
#: A clock that is further off than this explains a refused token.
SKEW_SECONDS = 4.0


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """What a free call told: the server's time (seconds since the epoch), and how long it took."""

    server_time: float | None
    simulated: bool
    latency: float


@dataclass(frozen=True)
class Listed:
    """What an account's own list shows; not `whole` where it has more pages than anybody follows."""

    observations: tuple[Observation, ...]
    whole: bool


class Client:
    """A configured provider, ready to be used; nothing is opened before the first call."""

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        transport: httpx2.AsyncBaseTransport | None = None,
        *,
        submit_seconds: float = SUBMIT_SECONDS,
        query_seconds: float = QUERY_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.connection = connection
        self._dialect = connection.dialect
        self._clock = clock
        self._wire = Wire(connection, clock, transport, read_seconds)
        self._desk = Desk(self._ask, clock, pair=bool(connection.access_key))
        self._survey = Survey(connection.dialect, self._ask)
        self._rings = Rings(connection, self._ask, clock)
        self._lifts = Lifts(connection.dialect, self._ask, clock)
        self._pacing = Pacing(connection.dialect.traits.asks, clock)
        self._submit_seconds = submit_seconds
        self._query_seconds = query_seconds

    def __repr__(self) -> str:
        """Show the provider, and no secret."""
        return f"Client({self.connection!r})"

    @property
    def desk(self) -> Desk:
        """The account's desk: voices, elements, packs.

        Raises:
            Impossible: it is a gateway, which has none.
        """
        if not self.connection.official:
            title = self.connection.vendor.title
            raise Impossible(f"{title} keeps no voices, elements or packs.", advice="Only Kling itself does.")
        return self._desk

    def product(self, plan: Plan) -> str:
        """Return the product's path that a plan goes to: what `find` needs when no answer came."""
        return self._dialect.product(plan)

    async def lifted(self, order: Order) -> Order:
        """Return the order with every file that cannot go along carried up to the provider: free, and once an hour.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken: nothing was bought.
        """
        return await self._lifts.take(order)

    async def submit(self, order: Order) -> Observation | Prepared:
        """Make the order's next call, once; a task that is there already under this external id is returned.

        Raises:
            Refused: it cannot be encoded. Unreachable: nothing left. ProviderRefused: nothing was bought.
            Unsure: everything else; `find` tells later, and only then may the same order be sent again.
        """
        order = replace(order, callback_url=self._rings.address(order))
        call = self._dialect.create(order)
        try:
            async with asyncio.timeout(self._submit_seconds):
                answer = await self._wire.send(call)
                try:
                    return _ours(self._dialect.accepted(order, call, answer), order)
                except AlreadyExists as refusal:
                    return await self._existing(order.external_id, call.product, refusal)
                except TooManyRequests as refusal:
                    refusal.wait = seconds(answer.headers.get("retry-after")) or 0.0
                    raise
        except TimeoutError:
            title = self.connection.vendor.title
            raise Unsure(f"{title} did not answer in {self._submit_seconds:g} seconds.") from None
        except ProviderBroken as error:
            raise Unsure(f"{error.message} It may have accepted the task.") from error

    async def look(self, remotes: Sequence[Remote]) -> list[Observation]:
        """Return where tasks stand; one that the provider does not show is left out. Part of the answer is an answer.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken: not one task could be seen.
        """
        seen = (await self.survey(remotes)).seen
        # Ours knows the product; a question that all products share does not.
        return [replace(seen[remote.id], remote=remote) for remote in remotes if remote.id in seen]

    async def survey(self, remotes: Sequence[Remote], fresh: Collection[str] = ()) -> Sight:
        """Return where very many tasks may stand, and which the provider does not show; never two looks at once.

        `fresh` are the ids of tasks too young to be listed.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken: not one task could be seen.
        """
        return await self._survey.take(remotes, fresh)

    async def listed(self, product: str = "", *, since: float) -> Listed:
        """Return what the account's own list shows of a product, or of everything where there is such a list.

        Raises:
            Impossible: there is no list of everything. Unreachable, ProviderRefused, ProviderBroken.
        """
        following: WireCall | None = self._dialect.listing(product, start=since)
        seen: dict[str, Observation] = {}
        for _ in range(MAX_PAGES):
            if following is None:
                break
            page = self._dialect.page(following, await self._ask(following))
            seen |= {o.remote.id: o for o in page.observations}
            following = page.next
        return Listed(tuple(seen.values()), whole=following is None)

    async def find(self, external_id: str, product: str) -> Observation | None:
        """Return the task that has our own id, or nothing when the provider says that there is none.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken
        """
        following: WireCall | None = self._dialect.find(external_id, product)
        for _ in range(MAX_PAGES):
            if following is None:
                return None
            page = self._dialect.page(following, await self._ask(following))
            found = page.observations
            if ours := next((o for o in found if o.external_id == external_id), None):
                return ours
            if found and not following.listing:
                if len(found) == 1 and not found[0].external_id:  # the id is not echoed, but it was the question
                    return replace(found[0], external_id=external_id)
                raise ProviderBroken("Kling answered a question for one task with others.")
            following = page.next
        raise ProviderBroken(f"Kling's list of tasks did not end after {MAX_PAGES} pages.")

    def mark(self, order: Order) -> str:
        """Return by what the order's create is known again in the provider's own list; empty where none shows it.

        Raises:
            Refused: it cannot be encoded.
        """
        if self._dialect.traits.finds:
            return ""
        return self._dialect.mark(self._dialect.create(replace(order, callback_url=self._rings.address(order))))

    async def traces(self, mark: str, sent: float) -> tuple[str, ...] | None:
        """Return the provider's ids of tasks with this mark that a create may have made that left at `sent`.

        None where nothing can be told: there is no such list, or it is too long.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken
        """
        return await traces(self._dialect, self._ask, self._clock, mark, sent, sent + self._submit_seconds)

    async def probe(self) -> ProbeResult:
        """Make one free call with the credentials.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken: the cause; a clock that is off is named.
        """
        call = self._dialect.probe()
        started = self._clock.now()
        answer = await self._ask(call)
        latency = max(0.0, self._clock.now() - started)
        server_time = _date(answer)
        try:
            self._dialect.seen(call, answer)
        except Unauthorised as error:
            skew = 0.0 if server_time is None else self._clock.now() - server_time
            if self.connection.access_key and abs(skew) > SKEW_SECONDS:  # a static key does not depend on the clock
                error.advice = f"This machine's clock is {_skew(skew)}. {error.advice}"
            raise
        return ProbeResult(server_time=server_time, simulated=answer.simulated, latency=latency)

    async def cancel(self, remote: Remote) -> bool:
        """Ask the provider to take a task back; returns whether it did, and takes nothing for it.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken
        """
        call = self._dialect.cancel(remote)
        return call is not None and self._dialect.cancelled(call, await self._ask(call))

    async def heard(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Return the provider's ids of the tasks that a callback is about; nothing else of it is believed.

        Raises:
            CallbackRefused, CallbackRepeated. Unreachable, ProviderRefused, ProviderBroken: the key that proves it
            cannot be had.
        """
        return await self._rings.heard(headers, body)

    async def purse(self) -> Decimal | None:
        """Return what is left in the provider's own unit, where it tells that at once; nothing else is said of it."""
        with suppress(KlingError, TimeoutError):
            async with asyncio.timeout(PURSE_SECONDS):
                return None if (balance := await self.balance()) is None else balance.amount
        return None

    @contextmanager
    def hearing(self, body: bytes) -> Iterator[None]:
        """Do what a callback asks for; where that fails, its repetition is heard."""
        try:
            yield
        except KlingError:
            self._rings.again(body)
            raise

    async def balance(self) -> Balance | None:
        """Return what is left at the provider, where it tells that.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken
        """
        call = self._dialect.balance()
        return None if call is None else self._dialect.told_balance(await self._ask(call))

    def download(self, url: str, *, offset: int = 0, etag: str = "") -> AbstractAsyncContextManager[Download]:
        """Open a result's file without credentials, from `offset` on.

        Raises:
            LinkExpired: ask the task for a new address. Unreachable: try again.
        """
        return open_download(self._wire, url, offset=offset, etag=etag)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._wire.aclose()

    async def _existing(self, external_id: str, product: str, refusal: AlreadyExists) -> Observation:
        """Return the task that is in the way of a create: it is the one we wanted.

        No trouble on this way may look like a refusal of the create: the task exists.
        """
        try:
            found = await self.find(external_id, product)
        except KlingError as error:
            raise Unsure(f"{refusal.message} It could not be looked up: {error.message}") from error
        if found is None:
            raise Unsure(f"{refusal.message} It does not show yet.")
        return found

    async def _ask(self, call: WireCall) -> WireAnswer:
        """Send a query when it is its turn: whatever broke on the way, it may be asked again."""
        await self._pacing.turn()
        return await _repeatable(self._wire.send(call), self._query_seconds)


def _ours(accepted: Observation | Prepared, order: Order) -> Observation | Prepared:
    if isinstance(accepted, Prepared) or accepted.external_id == order.external_id:
        return accepted
    raise ProviderBroken("Kling answered a create with another task.")


async def _repeatable(sending: Awaitable[WireAnswer], deadline: float) -> WireAnswer:
    try:
        async with asyncio.timeout(deadline):
            return await sending
    except TimeoutError:
        raise Unreachable(f"Kling did not answer in {deadline:g} seconds.", advice=AGAIN) from None
    except Unsure as error:
        raise Unreachable(error.message, advice=AGAIN) from error


def _date(answer: WireAnswer) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None


def _skew(seconds: float) -> str:
    return f"{abs(seconds):.0f} seconds {'fast' if seconds > 0 else 'slow'}"

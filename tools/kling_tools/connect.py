"""From settings to open accounts: which providers there are, over which wire, with which files and journal.

The one place that knows that without keys the simulated Kling takes the provider's seat. Opens nothing that may fail:
a wrong setting becomes a complaint, spoken when somebody wants to spend.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from kling_tools.catalog.catalog import Catalog
from kling_tools.catalog.data import KLING
from kling_tools.client import callbacks
from kling_tools.client.client import Client
from kling_tools.client.local import App, Transport, in_process
from kling_tools.client.probing import Prober
from kling_tools.client.wire import is_loopback
from kling_tools.clock import Clock
from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.inputs import Inputs, default_roots
from kling_tools.files.opening import read_small
from kling_tools.files.outputs import Outputs
from kling_tools.jobs.account import Account
from kling_tools.jobs.database import Store
from kling_tools.jobs.election import FileOffices, Offices
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.orders import Orders
from kling_tools.jobs.presence import Presence
from kling_tools.jobs.retention import Keeping, Retention
from kling_tools.jobs.sources import Sources
from kling_tools.jobs.store import SqliteStore
from kling_tools.jobs.throttle import Throttle
from kling_tools.model.errors import BadSettings, EncoderMissing, InvalidArguments, quoted
from kling_tools.providers.registry import (
    GATEWAYS,
    Connection,
    Gateway,
    gateway_connection,
    kling_connection,
    sandbox_connection,
)
from kling_tools.settings import Settings

#: Not a host: the address at which the in-process simulator is mounted on the wire.
SANDBOX_ADDRESS = "http://kling.sandbox"
SANDBOX_KEY = "in-process"


@dataclass(frozen=True)
class Between:
    """What stands between the house and its disk and wire: nothing, but in trials that end it at a chosen moment."""

    store: Callable[[Store], Store] = lambda store: store
    presence: Callable[[Presence], Presence] = lambda presence: presence
    transport: Transport | None = None


@dataclass(frozen=True)
class Opened:
    """Everything the studio works with. `accounts` are those one can buy from, Kling's own first.

    `whole` is what this is one caller's share of.
    """

    settings: Settings
    journal: Journal
    store: Store
    offices: Offices
    orders: Orders
    outputs: Outputs
    accounts: tuple[Account, ...]
    complaint: BadSettings | None
    gateways: Sequence[Gateway] = GATEWAYS
    whole: Opened | None = None

    def of(self, caller: str) -> Opened:
        """Return the same with the journal as one caller has it: whatever they name is looked for there."""
        journal = self.journal.of(caller)
        orders = replace(self.orders, journal=journal)
        accounts = tuple(account.of(journal, orders) for account in self.accounts)
        return replace(self, journal=journal, orders=orders, accounts=accounts, whole=self)

    @property
    def retention(self) -> Retention:
        """What removes results that the person does not want to keep for ever."""
        settings = self.settings
        keeping = Keeping(settings.keep_days, int(settings.keep_gb * 1e9))
        return Retention(self.journal, settings.data_dir, brought_dir(settings), keeping)

    @property
    def catalog(self) -> Catalog:
        """Kling's own catalogue.

        Raises:
            BadSettings: the person's own file cannot be read, or is not valid.
        """
        return self.catalog_of(KLING)

    def catalog_of(self, provider: str) -> Catalog:
        """Return what a provider sells, with the person's own file laid over it; read when it is first asked for.

        Raises:
            BadSettings: that file cannot be read, or is not valid.
        """
        if self.whole is not None:
            return self.whole.catalog_of(provider)
        known = self._catalogs.get(provider)
        if known is None:
            known = self._catalogs[provider] = self._read(provider)
        return known

    @cached_property
    def _catalogs(self) -> dict[str, Catalog]:
        return {}

    def _read(self, provider: str) -> Catalog:
        place, names = self.settings.catalog, [gateway.vendor.name for gateway in self.gateways]
        if place is None:
            return Catalog.read(provider=provider)
        try:
            own = read_small(place)
        except OSError as error:
            raise BadSettings(
                f"The catalogue {quoted(place, 120)} (KLING_CATALOG) cannot be read: {error.strerror or error}.",
                advice="Mend or unset it.",
            ) from None
        return Catalog.read(own, str(place), provider, names)

    def account(self, provider: str = "auto") -> Account:
        """Return the account to buy from; of several the first.

        Raises:
            BadSettings: there is none. InvalidArguments: not this one.
        """
        return self.accounts_for(provider)[0]

    def accounts_for(self, provider: str = "auto") -> tuple[Account, ...]:
        """Return the accounts that may serve a request: the named one, with `auto` the person's choice or all.

        Raises:
            BadSettings: there is none. InvalidArguments: not this one; it names the variable that is missing.
        """
        if not self.accounts:
            raise self.complaint or BadSettings("No provider is configured.", advice="Set KLING_API_KEY.")
        wanted = self.settings.provider if provider == "auto" else provider
        if wanted == "auto":
            return self.accounts
        if found := tuple(a for a in self.accounts if a.route.provider == wanted):
            return found
        known = ", ".join(account.route.provider for account in self.accounts)
        vendors = [gateway.vendor for gateway in self.gateways]
        missing = next((f" Set {v.key} to use {v.title}." for v in vendors if v.name == wanted), "")
        raise InvalidArguments(f"Provider {quoted(wanted, 40)} is not configured; there is {known}.{missing}")

    def named(self, name: str) -> Account | None:
        """Return the account that the journal files tasks under by this name, if it is open."""
        return next((a for a in self.accounts if a.name == name), None)

    async def close(self) -> None:
        """Close the wires, then the journal."""
        for account in self.accounts:
            await account.client.aclose()
            if account.sources.prober is not None:
                await account.sources.prober.aclose()
        await self.store.close()


def open_accounts(
    settings: Settings, clock: Clock, between: Between | None = None, gateways: Sequence[Gateway] = GATEWAYS
) -> Opened:
    """Return the house's accounts; opens no file and no connection yet."""
    store, offices = _shared(settings, clock)
    between = between or Between()
    store = between.store(store)
    journal = Journal(store, clock)
    roots = settings.input_roots
    if roots is None:
        roots = default_roots(settings.output_dir, _here(), _home())
    orders = Orders(journal, Inputs((*roots, brought_dir(settings)), settings.ffmpeg), settings.ffmpeg)
    accounts: list[Account] = []
    complaint: BadSettings | None = None
    presence = between.presence(offices)
    for connect in _connections(settings, gateways):
        try:
            connection = connect()
            connection = replace(connection, callback_url=callbacks.address(settings.callback_url, connection))
            transport = in_process(_sandbox(settings)) if connection.simulated else between.transport
            client = Client(connection, clock, transport)
            accounts.append(_account(client, settings, journal, orders, presence))
        except BadSettings as error:
            complaint = complaint or error
    outputs = Outputs(settings.output_dir)
    return Opened(settings, journal, store, offices, orders, outputs, tuple(accounts), complaint, gateways)


def _shared(settings: Settings, clock: Clock) -> tuple[Store, Offices]:
    """Return the journal's database and who watches: among the processes of a machine, or among replicas."""
    if settings.database_url:
        # Imported here: most servers have a file, and start-up is measured.
        from kling_tools.jobs.election_postgres import SessionOffices
        from kling_tools.jobs.store_postgres import PostgresStore

        return PostgresStore(settings.database_url), SessionOffices(settings.database_url, clock)
    return SqliteStore(settings.data_dir / "journal.sqlite3"), FileOffices(settings.data_dir)


def brought_dir(settings: Settings) -> Path:
    """Return where public videos are brought that are continued on this machine."""
    return settings.data_dir / "brought"


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # a host may start us in a directory that is removed afterwards
        return Path(_home().anchor)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home directory, as in some containers
        return Path("/")


def _connections(settings: Settings, gateways: Sequence[Gateway]) -> Iterator[Callable[[], Connection]]:
    """Yield a way to open every provider that there is a key for, Kling first; without any, the simulated Kling.

    Also those that nothing is bought from at present: what runs there is fetched.
    """
    if settings.provider == "sandbox" or not settings.has_any_key:
        yield lambda: _sandboxed(settings)
        return
    if settings.has_keys:
        yield lambda: kling_connection(
            api_key=settings.api_key,
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            base_url=settings.base_url,
            region=settings.region,
        )
    for gateway in gateways:
        if gateway.vendor.name in settings.gateway_keys:
            yield partial(_through, gateway, settings)


def _through(gateway: Gateway, settings: Settings) -> Connection:
    name = gateway.vendor.name
    return gateway_connection(
        gateway,
        api_key=settings.gateway_keys[name],
        base_url=settings.gateway_urls.get(name, ""),
        ringer=settings.gateway_ringers.get(name, ""),
    )


def _sandboxed(settings: Settings) -> Connection:
    if settings.provider != "sandbox":
        # A key that was meant and is not there must never turn into a rehearsal that looks like the real thing.
        settings.check()
    return sandbox_connection(SANDBOX_KEY, SANDBOX_ADDRESS)


def _account(client: Client, settings: Settings, journal: Journal, orders: Orders, presence: Presence) -> Account:
    connection = client.connection
    name = "sandbox" if connection.simulated else f"{connection.provider}@{urlsplit(connection.base_url).netloc}"
    speed = settings.sandbox_speed if connection.simulated else 1.0
    return Account(
        name,
        connection,
        client,
        settings.max_concurrency,
        speed,
        journal,
        orders,
        Sources(journal, orders, orders.inputs, _prober(connection), connection.route),
        presence,
        sender=_mark(connection),
        frozen=_forbidden(settings),
        throttle=Throttle(connection.dialect.traits.creates),
    )


def _prober(connection: Connection) -> Prober | None:
    """Return who looks at foreign addresses: nobody where the provider is on this machine and fetches none either."""
    if connection.simulated or is_loopback(urlsplit(connection.base_url).hostname or ""):
        return None
    return Prober(own_origin=connection.base_url)


def _mark(connection: Connection) -> str:
    """Return what tells two credentials apart and gives neither away."""
    told = f"{connection.dialect.standards[0]} {connection.api_key or connection.access_key}"
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def _forbidden(settings: Settings) -> str:
    """Return why nothing may be sent, also nothing that was agreed on earlier; empty where it may."""
    if settings.problems:
        return f"Nothing is sent while a setting is wrong. {' '.join(settings.problems)}"
    if settings.read_only:
        return "Nothing is sent while KLING_READ_ONLY is set."
    if 0 in (settings.max_usd_per_call, settings.max_usd_per_day):
        return "Nothing is sent while a budget is 0 (KLING_MAX_USD_PER_CALL, KLING_MAX_USD_PER_DAY)."
    return ""


def _sandbox(settings: Settings) -> Callable[[], App]:
    def make() -> App:
        # Imported at the first request: most servers talk to the real Kling and should not carry the simulated one.
        from kling_sandbox import SandboxConfig, create_app

        if find_spec("PIL") is None:
            raise EncoderMissing("The simulated Kling draws its videos with Pillow, which is not installed.")
        return create_app(
            SandboxConfig(
                state_dir=settings.data_dir / "sandbox",
                speed=settings.sandbox_speed,
                api_keys=frozenset({SANDBOX_KEY}),
                concurrency=settings.max_concurrency,
                ffmpeg=Encoder.find(settings.ffmpeg).path,
            )
        )

    return make

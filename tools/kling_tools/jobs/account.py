"""One account at one provider, as the engine sees it: whom to ask and how many tasks may run at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kling_tools.client.client import Client
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.orders import Orders
from kling_tools.jobs.presence import Presence
from kling_tools.jobs.sources import Sources
from kling_tools.jobs.throttle import Throttle
from kling_tools.model.plan import Route
from kling_tools.providers.registry import Connection


@dataclass(frozen=True)
class Account:
    """An open way to a provider. `name` (provider and host) is what the journal files its tasks under.

    `speed` is how much faster than life a simulator works: looks at it are closer together by that much. `presence` is
    who this process is to the others at the journal. `sender` marks the credentials, without telling them: under others
    "not found" says nothing about what these sent. `frozen` is why nothing may be sent at present, empty where it may.
    `throttle` is how fast it may be.
    """

    name: str
    connection: Connection
    client: Client
    slots: int
    speed: float
    journal: Journal
    orders: Orders
    sources: Sources
    presence: Presence
    sender: str = ""
    frozen: str = ""
    throttle: Throttle = field(default_factory=Throttle, compare=False)

    def of(self, journal: Journal, orders: Orders) -> Account:
        """Return the account with another sight of the journal: what is named is found among one caller's tasks."""
        return replace(
            self, journal=journal, orders=orders, sources=replace(self.sources, journal=journal, orders=orders)
        )

    @property
    def route(self) -> Route:
        """The way to the provider."""
        return self.connection.route

    @property
    def simulated(self) -> bool:
        """Whether it is known to cost nothing."""
        return self.connection.simulated

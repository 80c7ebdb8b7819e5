"""The seam between the client and every provider: what a dialect encodes and what it reads.

A dialect never waits, never sends and keeps nothing; each answer it reads becomes one of our values or errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kling_tools.model.plan import Order, Plan, Prepared, Standard
from kling_tools.model.tasks import Observation, Remote

SANDBOX_HEADER = "x-kling-sandbox"


@dataclass(frozen=True, kw_only=True)
class WireCall:
    """One HTTP request: `path` starts with `/`, `body` becomes JSON, `product` is the path that created the task.

    `listing`: the answer holds tasks that were not asked for, and one that is asked for may be on a later page.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    product: str = ""
    listing: bool = False


@dataclass(frozen=True, kw_only=True)
class WireAnswer:
    """One HTTP answer, whole. Header names are lower case. `host` is the base URL that was asked."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    host: str = ""

    @property
    def simulated(self) -> bool:
        """Whether the simulated Kling answered: it marks every answer, so no caller has to remember whom it asked."""
        return SANDBOX_HEADER in self.headers


@dataclass(frozen=True)
class Page:
    """One page of an account's own list; `next` None at the end."""

    observations: tuple[Observation, ...]
    next: WireCall | None = None


class Dialect(Protocol):
    """How one API is spoken."""

    @property
    def standards(self) -> tuple[Standard, ...]:
        """The API standards that this dialect can buy through, the preferred first."""
        ...

    def product(self, plan: Plan) -> str:
        """Return the path that creates such a task: what `find` needs when no answer told it."""
        ...

    def create(self, order: Order) -> WireCall:
        """Encode the order's next call, `order.step`; every field with a surprising default is sent explicitly.

        Raises:
            Refused: it cannot be said in this API, or what earlier calls brought does not allow it.
        """
        ...

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to that call: a task, perhaps already at its end, or what the next call needs.

        Raises:
            ProviderRefused: it said no. AlreadyExists: our external id is taken, so the task is there.
            ProviderBroken: a 5xx or an answer that cannot be read; it may have been accepted.
        """
        ...

    def looks(self, remotes: Sequence[Remote]) -> list[WireCall]:
        """Encode as few queries as possible that show all of these tasks."""
        ...

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read the answer to a query; tasks that are not there are left out.

        Raises:
            ProviderRefused, ProviderBroken
        """
        ...

    def find(self, external_id: str, product: str) -> WireCall:
        """Encode the question whether a task with our external id exists; read by `page`.

        Where an API cannot be asked for one, the call is a `listing`, to be followed until the task shows.
        """
        ...

    def page(self, call: WireCall, answer: WireAnswer) -> Page:
        """Read one page of the list."""
        ...

    @property
    def lists(self) -> tuple[str, ...]:
        """What `listing` takes so that its lists together show all that an account has: "" where one list does."""
        ...

    def listing(
        self, product: str = "", *, active: bool = False, start: float | None = None, end: float | None = None
    ) -> WireCall:
        """Encode the first page of a list of tasks, as long as pages may be; read and followed by `page`.

        `product`: a path that creates tasks; "" for every product where an API has such a list. `active`: only what is
        not at its end, and `start`, `end` (seconds since the epoch) only what was made then, where the API can tell:
        a list may show more than was asked for.
        """
        ...

    def probe(self) -> WireCall:
        """Encode a free call that needs valid credentials."""
        ...

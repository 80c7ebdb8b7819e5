"""The seam between the client and every provider: what a dialect encodes and what it reads.

A dialect never waits, never sends and keeps nothing; each answer it reads becomes one of our values or errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kling_tools.model.errors import CallbackRefused
from kling_tools.model.library import Balance
from kling_tools.model.media import MediaKind, Medium
from kling_tools.model.plan import Order, Plan, Prepared, Standard
from kling_tools.model.tasks import Observation, Remote

SANDBOX_HEADER = "x-kling-sandbox"


@dataclass(frozen=True, kw_only=True)
class WireCall:
    """One HTTP request: `path` starts with `/`, `body` becomes JSON, `product` is the path that created the task.

    `listing`: the answer holds tasks that were not asked for, and one that is asked for may be on a later page. `host`
    is the short name of another address of the provider's, or an https origin that the provider named, which is asked
    without the key. `content` of the type `mime` stands in place of `body`.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    product: str = ""
    listing: bool = False
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes | None = field(default=None, repr=False)
    mime: str = ""


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


@dataclass(frozen=True)
class Trace:
    """A task in a provider's own list: `mark` is what was asked for, `created` when, seconds since the epoch."""

    remote_id: str
    mark: str
    created: float | None


@dataclass(frozen=True)
class Traces:
    """One page of what a provider lists, anybody's; `next` None at the end."""

    found: tuple[Trace, ...] = ()
    next: WireCall | None = None


@dataclass(frozen=True)
class Rate:
    """At most so many requests within so many seconds."""

    most: int
    seconds: float


@dataclass(frozen=True)
class Traits:
    """What an API can do beside making tasks and showing them.

    `finds`: it can be asked for a task by an id of ours (`find`); without that, a create whose answer was lost is never
    sent again. `files` and `file_bytes` as in `Route`. `together`: so many single questions may be on the wire at once.
    `creates` and `asks`: how many creates, and how many questions, an account may send; None where nobody tells.
    """

    finds: bool = True
    files: tuple[MediaKind, ...] = ("image", "audio")
    file_bytes: int = 0
    together: int = 1
    creates: Rate | None = None
    asks: Rate | None = None


class Bare:
    """What an API answers that has none of the extras; dialects stand on it and say what they have."""

    traits = Traits()

    def upload(self, medium: Medium, answers: Sequence[WireAnswer]) -> WireCall | str:
        """Take a file as it is: it goes along in the body of the create."""
        return ""

    def cancel(self, remote: Remote) -> WireCall | None:
        """Have no call that takes a task back."""
        return None

    def cancelled(self, call: WireCall, answer: WireAnswer) -> bool:
        """Have nothing to read."""
        return False

    def mark(self, call: WireCall) -> str:
        """Have no list that shows what was asked for."""
        return ""

    def traces(self, mark: str, start: float, end: float) -> WireCall | None:
        """Have no such list."""
        return None

    def traced(self, call: WireCall, answer: WireAnswer) -> Traces:
        """Have nothing to read."""
        return Traces()

    def balance(self) -> WireCall | None:
        """Have no call that tells a balance."""
        return None

    def told_balance(self, answer: WireAnswer) -> Balance | None:
        """Have nothing to read."""
        return None

    def keys(self) -> WireCall | None:
        """Need no key that is fetched."""
        return None

    def heard(self, headers: Mapping[str, str], body: bytes, now: float, key: bytes) -> tuple[str, ...]:
        """Refuse: no callback is expected."""
        raise CallbackRefused("This provider sends no callbacks.")


class Dialect(Protocol):
    """How one API is spoken."""

    @property
    def traits(self) -> Traits:
        """What it can do beside making tasks and showing them."""
        ...

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

    def upload(self, medium: Medium, answers: Sequence[WireAnswer]) -> WireCall | str:
        """Return the next free call that carries a file up, or once `answers` tell it, the address of what is there.

        "": it goes along as it is. A `data:` address needs no call at all. Such calls may be repeated.

        Raises:
            ProviderRefused, ProviderBroken: in an answer.
        """
        ...

    def cancel(self, remote: Remote) -> WireCall | None:
        """Encode the wish to take a task back; None where there is no such call."""
        ...

    def cancelled(self, call: WireCall, answer: WireAnswer) -> bool:
        """Read whether it was granted; a no is False.

        Raises:
            ProviderRefused, ProviderBroken
        """
        ...

    def mark(self, call: WireCall) -> str:
        """Return by what a create is known again in the provider's own list of tasks; "" where none shows it.

        Two creates have the same mark only where they ask for the very same, or where one is the other sent again.
        """
        ...

    def traces(self, mark: str, start: float, end: float) -> WireCall | None:
        """Encode the first page of the list in which a create with this mark would be, if it was made then."""
        ...

    def traced(self, call: WireCall, answer: WireAnswer) -> Traces:
        """Read one page of that list; what does not tell what it is, is left out.

        Raises:
            ProviderRefused, ProviderBroken
        """
        ...

    def balance(self) -> WireCall | None:
        """Encode the question for the balance; None where there is none."""
        ...

    def told_balance(self, answer: WireAnswer) -> Balance | None:
        """Read what is left.

        Raises:
            ProviderRefused, ProviderBroken
        """
        ...

    def keys(self) -> WireCall | None:
        """Encode the question for the key that callbacks are proven with; None where it is not fetched."""
        ...

    def heard(self, headers: Mapping[str, str], body: bytes, now: float, key: bytes) -> tuple[str, ...]:
        """Return the ids of the tasks that a callback is about, its results unread; `key` is what proves it.

        `headers` by lower-case names; `body` as it came. `key` is the body of the answer to `keys`, what the person has
        set, or what follows from the callback's address (`gateway.ring_secret`). `now` in seconds since the epoch.

        Raises:
            CallbackRefused: forged, too old, or no callback.
        """
        ...

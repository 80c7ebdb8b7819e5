"""Asking where tasks stand in as few requests as the provider allows: by id while they are few, by its list beyond.

The list of what is active shows 500 tasks a page where a question by id shows 20; what is missing from it has ended,
or is too young to be listed, and is asked for by id. What a list has cost lately decides if the next look uses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field

from kling_tools.model.errors import Busy, KlingError, ProviderBroken, ProviderRefused, Unauthorised, Unreachable
from kling_tools.model.tasks import Observation, Remote
from kling_tools.providers.dialect import Dialect, WireAnswer, WireCall

#: How far a list is followed for one look: 20 pages of 500 are 10,000 tasks.
MAX_PAGES = 20
#: With so many questions by id a list may be cheaper.
LIST_FROM = 4
#: What a list cost is forgotten by this much with every look that went by id, so that it is tried again some day.
FORGETTING = 0.98

Ask = Callable[[WireCall], Awaitable[WireAnswer]]


@dataclass(frozen=True)
class Sight:
    """What a look showed, by the provider's id. The product of an observation is not always known to be right.

    `absent` were asked for, and the provider does not show them. `requests` is what it took.
    """

    seen: dict[str, Observation]
    absent: frozenset[str]
    requests: int


@dataclass
class _Round:
    """One look under way; `trouble` is the first thing that went wrong, `over` whether it makes no sense to go on."""

    seen: dict[str, Observation] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    requests: int = 0
    trouble: KlingError | None = None
    over: bool = False

    def note(self, error: KlingError) -> None:
        """Take it that a question was not answered."""
        self.trouble = self.trouble or error
        self.over = self.over or isinstance(error, Unreachable | Busy | Unauthorised)


class Survey:
    """One account's looks: never two at once, and the next one knows what the last has cost."""

    def __init__(self, dialect: Dialect, ask: Ask) -> None:
        self._dialect = dialect
        self._ask = ask
        self._turn = asyncio.Lock()
        self._list_cost: dict[str, float] = {}

    async def take(self, remotes: Sequence[Remote], fresh: Collection[str] = ()) -> Sight:
        """Return where tasks stand. Part of the answer is an answer.

        `fresh` are too young to be listed: they are not asked about again where a list does not show them.

        Raises:
            Unreachable, ProviderRefused, ProviderBroken: not one task could be seen.
        """
        async with self._turn:
            look = _Round()
            for path, group in self._groups(remotes).items():
                if not look.over:
                    await self._look(look, path, group, fresh)
            if look.trouble is not None and not look.seen:
                raise look.trouble
            return Sight(look.seen, frozenset(look.absent), look.requests)

    def _groups(self, remotes: Sequence[Remote]) -> dict[str, list[Remote]]:
        """Return tasks by the path of the list that shows them, all together where there is no list."""
        if not self._dialect.lists:
            return {"": list(remotes)} if remotes else {}
        paths: dict[str, str] = {}
        groups: dict[str, list[Remote]] = {}
        for remote in remotes:
            if (path := paths.get(remote.product)) is None:
                path = paths[remote.product] = self._dialect.listing(remote.product, active=True).path
            groups.setdefault(path, []).append(remote)
        return groups

    async def _look(self, look: _Round, path: str, group: list[Remote], fresh: Collection[str]) -> None:
        calls = self._dialect.looks(group)
        each = len(group) / len(calls)
        # A question that names a product is the product's own, and already the cheapest there is.
        shared = "" in self._dialect.lists and not any(call.product for call in calls)
        by_list = shared and len(calls) >= LIST_FROM and self._list_cost.get(path, 1.0) < len(calls)
        pages = 0.0
        if by_list:
            before = look.requests
            whole = await self._follow(look, self._dialect.listing(active=True), group, len(calls))
            if look.over:
                return
            pages = look.requests - before if whole else 2.0 * len(calls)
            group = [r for r in group if r.id not in look.seen and r.id not in fresh]
            calls = self._dialect.looks(group)
        await self._ask_all(look, calls, group)
        if by_list:
            # What ended had to be asked for in any case; what runs on should have been in the list.
            missed = sum(r.id not in look.seen or look.seen[r.id].status in ("submitted", "processing") for r in group)
            self._list_cost[path] = pages + missed / each
        elif path in self._list_cost:
            self._list_cost[path] *= FORGETTING

    async def _ask_all(self, look: _Round, calls: Sequence[WireCall], group: Sequence[Remote]) -> None:
        """Send questions, each followed until its own tasks were seen; absent is what all answers together lack."""
        whole, together = True, self._dialect.traits.together
        for start in range(0, len(calls), together):
            some = [self._follow(look, call, _of(group, call), MAX_PAGES) for call in calls[start : start + together]]
            whole = all(await asyncio.gather(*some)) and whole
            if look.over:
                return
        if whole:
            look.absent.update(r.id for r in group if r.id not in look.seen)

    async def _follow(self, look: _Round, call: WireCall, wanted: Sequence[Remote], most: int) -> bool:
        """Take up what a question shows, page after page, until every wanted task was seen; return whether it could
        be asked."""
        missing = {remote.id for remote in wanted}
        following: WireCall | None = call
        for _ in range(most):
            if following is None or not missing:
                break
            look.requests += 1
            try:
                page = self._dialect.page(following, await self._ask(following))
            except (Unreachable, ProviderRefused, ProviderBroken) as error:
                look.note(error)
                return False
            for found in page.observations:
                if found.remote.id in missing:
                    look.seen[found.remote.id] = found
                    missing.discard(found.remote.id)
            following = page.next
        return True


def _of(group: Sequence[Remote], call: WireCall) -> list[Remote]:
    return [remote for remote in group if not call.product or remote.product == call.product]

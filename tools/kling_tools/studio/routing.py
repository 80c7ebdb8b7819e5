"""Whom to buy from, where several providers are configured: the cheapest that can do all of a request, and why.

Pure but for the accounts that it passes on. Who was asked and took nothing may be passed over; once anything was
accepted, nobody is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from kling_tools.jobs.account import Account
from kling_tools.model.errors import (
    AccountBlocked,
    Closed,
    KlingError,
    NoBalance,
    NoPermission,
    NotFound,
    NotSupported,
    Unreachable,
)
from kling_tools.model.money import Price
from kling_tools.model.plan import Plan

#: Answers that say: not from here, and nothing was taken. What is wrong with the request itself is so everywhere.
PASSES_OVER = (AccountBlocked, Closed, NoBalance, NoPermission, NotFound, NotSupported, Unreachable)


@dataclass(frozen=True)
class Quote:
    """What one provider would do for a request: its plan, or why not."""

    provider: str
    simulated: bool
    outcome: Plan | KlingError


@dataclass(frozen=True)
class Passed:
    """Providers that took nothing, with why; `agreed` is the most that the person knows it may cost."""

    over: Mapping[str, str] = field(default_factory=dict)
    agreed: Decimal | None = None

    def covers(self, price: Price) -> bool:
        """Whether what the person agreed to covers this price: never a dearer one than was told."""
        return not self.over or (price.most is not None and self.agreed is not None and price.most <= self.agreed)

    def and_over(self, provider: str, why: KlingError, price: Price) -> Passed:
        """Return it with one more."""
        return Passed({**self.over, provider: why.message}, self.agreed if self.over else price.most)


NOBODY_PASSED = Passed()


@dataclass(frozen=True)
class Way:
    """The account to buy from. `passable`: another could do it too; `others` are those that were not asked."""

    account: Account
    notes: tuple[str, ...] = ()
    passable: bool = False
    others: Sequence[Account] = ()


def cheapest(quoted: Sequence[tuple[Quote, Account]], passed: Passed) -> Way:
    """Return the way of the cheapest; an unknown price comes last, and of equal ones the first.

    Raises:
        KlingError: nobody can do it, in the words of the first.
    """
    able = [(quote.outcome, account) for quote, account in quoted if isinstance(quote.outcome, Plan)]
    if not able:
        raise next(quote.outcome for quote, _ in quoted if isinstance(quote.outcome, KlingError))
    able.sort(key=lambda one: (one[0].price.most is None, one[0].price.most or 0))
    plan, account = able[0]
    notes = [f"{name} was passed over: {why}" for name, why in passed.over.items()]
    if len(able) > 1:
        others = ", ".join(f"{other.route.provider} {other.price.words()}" for other, _ in able[1:])
        notes.append(f"auto bought it from {plan.route.provider}, for {plan.price.words()} (else {others}).")
    elif len(quoted) > 1:
        notes.append(f"auto bought it from {plan.route.provider}: of those configured only it can do this.")
    return Way(account, tuple(notes), passable=len(able) > 1)


def who_else(quoted: Sequence[tuple[Quote, Account]]) -> str:
    """Return which other providers can do it, and for how much; empty where none can."""
    able = [quote.outcome for quote, _ in quoted if isinstance(quote.outcome, Plan)]
    told = [f"provider={plan.route.provider} can, for {plan.price.words()}" for plan in able]
    return f"{'; '.join(told)}." if told else ""


def refused_by_all(refused: KlingError, last: KlingError) -> KlingError:
    """Return the no of the first provider, with why there was no other."""
    refused.advice = f"{refused.advice} Elsewhere: {last.message} {last.advice}".strip()
    return refused

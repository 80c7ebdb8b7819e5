"""Money over a task's life as arithmetic: hold, then settle or release. Pure; the journal runs it in its transactions.

Amounts are millionths of a US dollar. What is held counts as spent until something better is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from kling_tools.model.errors import OverBudget
from kling_tools.model.money import Price, dollars, from_micros, to_micros
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task


@dataclass(frozen=True)
class Budget:
    """The person's hard limits in US dollars; 0 forbids spending. `per_day` is each caller's, `per_day_all` of all."""

    per_call: Decimal
    per_day: Decimal
    allow_unpriced: bool = False
    per_day_all: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One task's line in the ledger."""

    day: str
    simulated: bool
    state: Literal["held", "settled", "released"]
    held: int
    charged: int = 0


@dataclass(frozen=True)
class Spent:
    """What a day's money comes to so far: the caller's, and everybody's."""

    own: int = 0
    all: int = 0


def hold(task: Task, day: str, spent: Spent, budget: Budget) -> Entry:
    """Return the entry that reserves the task's worst case.

    Raises:
        OverBudget: with the limit, what is left and the variable that sets it.
    """
    price = task.plan.price
    if budget.per_call == 0 or budget.per_day == 0:
        name = "KLING_MAX_USD_PER_CALL" if budget.per_call == 0 else "KLING_MAX_USD_PER_DAY"
        raise OverBudget(f"{name} is 0, which forbids spending.", advice="Only the person can raise it.")
    if price.most is None:
        if not budget.allow_unpriced:
            raise OverBudget(
                "Nobody knows the price of this, so it counts as over budget.",
                advice="The person can allow it with KLING_ALLOW_UNPRICED=1.",
            )
        return Entry(day=day, simulated=task.simulated, state="held", held=0)
    amount = to_micros(price.most)
    _within(price, amount, spent, budget)
    return Entry(day=day, simulated=task.simulated, state="held", held=amount)


def holds(task: Task, parts: Sequence[Task], day: str, spent: Spent, budget: Budget) -> dict[str, Entry]:
    """Return the entries by task: of a film each of its parts has one, and they are judged by their sum.

    Raises:
        OverBudget
    """
    entry = hold(task, day, spent, budget)
    if task.plan.spec.kind != "film":
        return {task.id: entry}
    held = {part.id: hold(part, day, spent, budget) for part in parts}
    # A shot of unknown price makes the sum unknown, and is no way past the limits for the others.
    known = Price.total([part.plan.price for part in parts if part.plan.price.most is not None])
    _within(known, sum(one.held for one in held.values()), spent, budget)
    return held


def _within(price: Price, amount: int, spent: Spent, budget: Budget) -> None:
    if amount > to_micros(budget.per_call):
        raise OverBudget(
            f"This costs {price.words()}; KLING_MAX_USD_PER_CALL allows {dollars(budget.per_call)}.",
            advice="Choose a shorter or cheaper video (estimate_cost), or ask the person to raise the limit.",
        )
    left = max(0, to_micros(budget.per_day) - spent.own)
    if amount > left:
        raise OverBudget(
            f"This costs {price.words()}; of today's {dollars(budget.per_day)} (KLING_MAX_USD_PER_DAY) "
            f"{dollars(from_micros(left))} is left.",
            advice="Wait until tomorrow, choose a cheaper video, or ask the person to raise the limit.",
        )
    if budget.per_day_all is not None and amount > to_micros(budget.per_day_all) - spent.all:
        # Not how much is left: that is what others have spent.
        raise OverBudget(
            "Too little is left today of what all callers together may spend (KLING_MAX_USD_PER_DAY_ALL).",
            advice="Wait until tomorrow, or ask whoever runs this server to raise the limit.",
        )


def after(entry: Entry, task: Task) -> Entry:
    """Return the entry as the task's state demands it; the same one where nothing changes."""
    entry = replace(entry, simulated=entry.simulated or task.simulated)
    if task.status in {Status.FAILED, Status.CANCELLED}:
        return _without_result(entry, task)
    if entry.state == "released":  # it was believed lost, and was found and adopted
        entry = replace(entry, state="held")
    charged, done = _charged(task), task.status in {Status.FETCHING, Status.SUCCEEDED}
    # A figure that is told on the way may still grow, and less than the hold would set money free too early.
    if charged is not None and (done or charged > entry.held):
        return replace(entry, state="settled", charged=charged)
    if done and entry.state == "held":
        # It is done and no figure came with it: the price was the promise.
        return replace(entry, state="settled", charged=entry.held)
    return entry


def _without_result(entry: Entry, task: Task) -> Entry:
    charged = _charged(task) or 0
    spent = task.failure.spent if task.failure else "no"
    if spent == "unknown" and charged <= entry.held:
        return entry  # what is known of earlier calls is not all that may have been taken
    if charged:
        return replace(entry, state="settled", charged=charged)
    return _release(entry) if spent == "no" else replace(entry, state="settled", charged=entry.held)


def _charged(task: Task) -> int | None:
    return None if task.charge is None or task.charge.usd is None else to_micros(task.charge.usd)


def _release(entry: Entry) -> Entry:
    return entry if entry.state == "released" else replace(entry, state="released", charged=0)

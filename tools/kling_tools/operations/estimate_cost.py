"""estimate_cost: the price of what a spending tool would be given, on every configured provider; sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_tools.model.errors import KlingError
from kling_tools.model.money import plain
from kling_tools.model.requests import EstimateCost
from kling_tools.operations.answers import CostFacts, EstimateFacts, QuoteFacts
from kling_tools.operations.create_video import CREATE_VIDEO
from kling_tools.operations.operation import Answer, Operation, Report

if TYPE_CHECKING:
    from kling_tools.studio import Quote, Studio


async def run(studio: Studio, request: EstimateCost, report: Report) -> Answer:
    """Price the arguments; where every provider refuses, refuse in the same words as the tool would."""
    spending = CREATE_VIDEO.parse(request.arguments)
    quotes = await studio.quotes(spending)
    refusals = [q.outcome for q in quotes if isinstance(q.outcome, KlingError)]
    if len(refusals) == len(quotes) and refusals:
        raise refusals[0]
    confirm = any(studio.needs_confirmation(q.outcome.price) for q in quotes if not isinstance(q.outcome, KlingError))
    call = f"call {request.tool} with the same arguments"
    asks = confirm and not spending.confirm_cost
    then = f"ask the person; if they agree, {call} and confirm_cost=true" if asks else call
    return Answer(
        EstimateFacts(
            tool=request.tool,
            quotes=[_quote(q) for q in quotes],
            budget_left_usd=plain(await studio.budget_left()),
            needs_confirmation=asks,
            next=then,
        )
    )


def _quote(quote: Quote) -> QuoteFacts:
    outcome = quote.outcome
    if isinstance(outcome, KlingError):
        refused = f"{outcome.message} {outcome.advice}".strip()
        return QuoteFacts(
            provider=quote.provider, model=None, simulated=quote.simulated, cost=None, refused=refused, notes=[]
        )
    price = outcome.price
    cost = CostFacts(
        usd=None if price.usd is None else plain(price.usd),
        units=None if price.units is None else plain(price.units),
        basis=price.basis,
    )
    return QuoteFacts(
        provider=quote.provider,
        model=outcome.model,
        simulated=quote.simulated,
        cost=cost,
        refused=None,
        notes=list(outcome.notes),
    )


ESTIMATE_COST = Operation(
    name="estimate_cost",
    title="Estimate the cost",
    description="What a spending tool's arguments would cost, and whether they are possible. Free; sends nothing.",
    toolset="jobs",
    effect="reads",
    request=EstimateCost,
    facts=EstimateFacts,
    run=run,
)

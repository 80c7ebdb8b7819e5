"""estimate_cost: the price of what a spending tool would be given, on every configured provider; sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kling_tools.model.errors import InvalidArguments, KlingError, quoted
from kling_tools.model.money import plain
from kling_tools.model.requests import EstimateCost, SpendingRequest
from kling_tools.model.spelling import alike
from kling_tools.operations.answers import EstimateFacts, QuoteFacts
from kling_tools.operations.operation import Answer, Operation, Report
from kling_tools.operations.showing import cost

if TYPE_CHECKING:
    from kling_tools.studio import Quote, Studio


async def run(tools: Sequence[Operation[Any]], studio: Studio, request: EstimateCost, report: Report) -> Answer:
    """Price the arguments; where every provider refuses, refuse in the same words as the tool would."""
    spending: SpendingRequest = _tool(tools, request.tool).parse(request.arguments)
    quotes = await studio.quotes(spending)
    refusals = [q.outcome for q in quotes if isinstance(q.outcome, KlingError)]
    if len(refusals) == len(quotes) and refusals:
        raise refusals[0]
    confirm = any(studio.needs_confirmation(q.outcome.price) for q in quotes if not isinstance(q.outcome, KlingError))
    call = f"call {request.tool} with the same arguments"
    asks = confirm and not spending.confirm_cost
    then = f"ask the person; if they agree, {call} and confirm_cost=true" if asks else call
    if not studio.settings.allow_unpriced and all(_unpriced(q) for q in quotes):
        then = f"nobody knows the price, and only the person can allow that, by KLING_ALLOW_UNPRICED=1; then {call}"
    return Answer(
        EstimateFacts(
            tool=request.tool,
            quotes=[_quote(q) for q in quotes],
            budget_left_usd=plain(await studio.budget_left()),
            needs_confirmation=asks,
            next=then,
        )
    )


def _unpriced(quote: Quote) -> bool:
    return not isinstance(quote.outcome, KlingError) and quote.outcome.price.most is None


def _quote(quote: Quote) -> QuoteFacts:
    outcome = quote.outcome
    if isinstance(outcome, KlingError):
        refused = f"{outcome.message} {outcome.advice}".strip()
        return QuoteFacts(
            provider=quote.provider, model=None, simulated=quote.simulated, cost=None, refused=refused, notes=[]
        )
    return QuoteFacts(
        provider=quote.provider,
        model=outcome.model,
        simulated=quote.simulated,
        cost=cost(outcome.price),
        refused=None,
        notes=list(outcome.notes),
    )


def _tool(tools: Sequence[Operation[Any]], name: str) -> Operation[Any]:
    for tool in tools:
        if tool.name == name:
            return tool
    names = [tool.name for tool in tools]
    near = alike(name, names)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
    raise InvalidArguments(f"{quoted(name, 60)} is no tool that spends; {meant}")


def estimating(tools: Sequence[Operation[Any]]) -> Operation[EstimateCost]:
    """Return the tool that prices these."""
    return Operation(
        name="estimate_cost",
        title="Estimate the cost",
        description="What a spending tool's arguments would cost, and if they are possible. Free; sends nothing.",
        toolset="jobs",
        effect="reads",
        request=EstimateCost,
        facts=EstimateFacts,
        run=partial(run, tools),
    )

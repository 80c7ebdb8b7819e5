"""get_account: packs at the provider, the budget left here, and what was spent by day and model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_tools.clock import iso
from kling_tools.model.errors import KlingError, Refused
from kling_tools.model.library import Balance, Deduction, Pack
from kling_tools.model.money import dollars, plain
from kling_tools.model.requests import GetAccount
from kling_tools.operations.answers import AccountFacts, DeductionFacts, PackFacts, SpendingFacts
from kling_tools.operations.operation import Answer, Operation, Report

if TYPE_CHECKING:
    from kling_tools.jobs.account import Account
    from kling_tools.studio import Studio

_DAY = 86_400.0
#: Packs live half a year (kling-official 10.5); older ones tell nothing any more.
_PACK_DAYS = 200.0
_SHOWN = 50


async def run(studio: Studio, request: GetAccount, report: Report) -> Answer:
    """Look here and ask there; what the provider does not tell takes nothing from what is known here."""
    account, now = studio.account(request.provider), studio.clock.now()
    since = now - (request.days - 1) * _DAY
    trouble = ""
    packs: list[PackFacts] = []
    deductions: list[DeductionFacts] | None = None
    balance = ""
    try:
        if studio.caller:
            raise Refused("What Kling keeps of the whole account is shown to its owner only.")
        if account.connection.official:
            packs = [_pack(p) for p in await account.client.desk.packs(now - _PACK_DAYS * _DAY, now)]
        else:
            balance = _left(await account.client.balance())
        if request.deductions:
            deductions = await _deductions(account, since, now)
    except KlingError as error:
        trouble = f"{error.message} {error.advice}".strip()
    spent = await studio.spending(since, simulated=account.simulated)
    return Answer(
        AccountFacts(
            provider=account.route.provider,
            simulated=account.simulated,
            budget_left_usd=plain(await studio.budget_left()),
            budget_day_usd=plain(studio.settings.max_usd_per_day),
            balance=balance,
            packs=packs,
            packs_lag="Kling updates what is left of a pack up to 12 hours late."
            if account.connection.official
            else "",
            spending=[SpendingFacts(day=s.day, model=s.model, tasks=s.tasks, usd=plain(s.usd)) for s in spent],
            deductions=deductions,
            trouble=trouble,
        )
    )


async def _deductions(account: Account, since: float, now: float) -> list[DeductionFacts]:
    units = await account.client.desk.deductions(False, since, now)
    cash = await account.client.desk.deductions(True, since, now)
    found = sorted((*units.deductions, *cash.deductions), key=lambda d: -d.at)
    return [_deduction(d) for d in found[:_SHOWN]]


def _left(balance: Balance | None) -> str:
    if balance is None:
        return "not told by this provider"
    return dollars(balance.usd) if balance.usd is not None else f"{plain(balance.amount)} {balance.unit}"


def _pack(pack: Pack) -> PackFacts:
    return PackFacts(
        name=pack.name,
        kind=pack.kind,
        units_left=plain(pack.left),
        units_total=plain(pack.total),
        valid_until=None if pack.valid_until is None else iso(pack.valid_until),
        status=pack.status,
    )


def _deduction(deduction: Deduction) -> DeductionFacts:
    return DeductionFacts(
        at=iso(deduction.at) if deduction.at else "",
        product=deduction.product,
        model=deduction.model,
        provider_task=deduction.task_id,
        units=None if deduction.units is None else plain(deduction.units),
        amount=None if deduction.amount is None else plain(deduction.amount),
        currency=deduction.currency,
    )


GET_ACCOUNT = Operation(
    name="get_account",
    title="Get the account",
    description="Packs left at Kling, today's budget, and spending by day and model. Free.",
    toolset="account",
    effect="reads",
    request=GetAccount,
    facts=AccountFacts,
    run=run,
    asks_provider=True,
)

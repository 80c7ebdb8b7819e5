"""From a request to a task that is ready to be written down, or to a refusal: nothing is sent and no money is held."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from kling_tools.catalog.kinds import tool_of
from kling_tools.catalog.storyboard import in_one_go, shot_plans
from kling_tools.clock import Clock
from kling_tools.connect import Opened, brought_dir
from kling_tools.files.storage import check_free, check_writable
from kling_tools.jobs.account import Account
from kling_tools.jobs.journal import SAME_REQUEST_SECONDS
from kling_tools.jobs.ledger import Budget, Spent, holds
from kling_tools.jobs.orders import fingerprint
from kling_tools.jobs.questions import Search
from kling_tools.jobs.rows import SHORTEST_NAME
from kling_tools.model.errors import BadMedia, Impossible, InvalidArguments, KlingError, NeedsConfirmation
from kling_tools.model.media import FileRef, UrlRef, parse_media
from kling_tools.model.money import Price, dollars
from kling_tools.model.plan import Order, Plan
from kling_tools.model.requests import CreateVideo, SpendingRequest
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task
from kling_tools.studio.filming import Film, film
from kling_tools.studio.routing import NOBODY_PASSED, Passed, Quote, Way, cheapest, who_else
from kling_tools.studio.starting import started

#: A generous bound for a second of video at any resolution, and for everything else.
BYTES_PER_SECOND = 6_000_000
LEAST_BYTES = 50_000_000
#: So many tasks of the last minutes are gone through for one of the same request.
MOST_RECENT = 200
#: So many callers' daily budgets may be spent in a day by all together, unless the settings say otherwise.
DAYS_OF_ALL = 10


@dataclass(frozen=True)
class Purchase:
    """What one call buys: a task and its order, or a film, which is never sent itself, and its shots."""

    task: Task
    order: Order | None
    shots: tuple[tuple[Task, Order | None], ...] = ()


@dataclass(frozen=True)
class Decisions:
    """Decides requests for a house."""

    opened: Opened
    clock: Clock

    @property
    def budget(self) -> Budget:
        """The person's hard limits."""
        settings = self.opened.settings
        of_all = settings.max_usd_per_day_all
        if of_all is None:
            of_all = DAYS_OF_ALL * settings.max_usd_per_day
        return Budget(settings.max_usd_per_call, settings.max_usd_per_day, settings.allow_unpriced, of_all)

    async def quotes(self, request: SpendingRequest) -> list[Quote]:
        """Price a request on every configured provider.

        Raises:
            BadMedia, UnknownTask: a medium is not there, whoever would be asked.
        """
        request = _located(await self._whole(request))
        accounts = self.opened.accounts_for(request.provider)
        if request.provider == "auto":  # what is bought with `auto` may be limited to one; to compare costs nothing
            accounts = self.opened.accounts
        return [quote for quote, _ in await self._quoted(request, accounts)]

    async def _quoted(self, request: SpendingRequest, accounts: Sequence[Account]) -> list[tuple[Quote, Account]]:
        outcomes = await asyncio.gather(*(self._outcome(request, account) for account in accounts))
        return [
            (Quote(account.route.provider, account.simulated, outcome), account)
            for account, outcome in zip(accounts, outcomes, strict=True)
        ]

    async def _outcome(self, request: SpendingRequest, account: Account) -> Plan | KlingError:
        try:
            return await self._priced(request, account)
        except KlingError as error:
            return error

    async def _way(self, request: SpendingRequest, passed: Passed) -> Way:
        """Return whom to buy from: the cheapest that can do all of it, Kling itself where it costs the same.

        Raises:
            KlingError: nobody can, by the reasons of the preferred one, with who else could.
        """
        accounts = self.opened.accounts_for(request.provider)
        if len(accounts) == 1:
            return Way(accounts[0], others=[a for a in self.opened.accounts if a not in accounts])
        if chosen := await self._chosen_before(request, accounts):
            return Way(chosen)
        left = [account for account in accounts if account.route.provider not in passed.over]
        return cheapest(await self._quoted(request, left), passed)

    async def _chosen_before(self, request: SpendingRequest, accounts: Sequence[Account]) -> Account | None:
        """Return who took the same request a moment ago: prices and balances may have changed since, the wish not."""
        if request.again:
            return None
        asked, now = request.asked(), self.clock.now()
        page = await self.opened.journal.search(Search(since=now - SAME_REQUEST_SECONDS, limit=MOST_RECENT))
        for task in page.tasks:
            if task.plan.tool == tool_of(request) and task.arguments == asked and _stands(task):
                return next((account for account in accounts if account.name == task.account), None)
        return None

    async def purchase(self, request: SpendingRequest, passed: Passed = NOBODY_PASSED) -> Purchase:
        """Decide a request: provider, model, price, media, room on the disk. Whether the person agrees comes after.

        `passed` are the providers that were asked for it and took nothing.
        """
        # What the person agreed to is one task; at the next provider it is another, under the same agreement.
        first_id = request.consent.task_id if request.consent and not passed.over else new_task_id()
        request = await self._whole(request)
        asked = _located(request)
        way = await self._way(asked, passed)
        account = way.account
        try:
            request = await self._brought(asked, account)
            plan = await self._plan(request, account, first_id)
        except (Impossible, InvalidArguments, BadMedia) as refusal:
            refusal.advice = f"{refusal.advice} {who_else(await self._quoted(asked, way.others))}".strip()
            raise
        if isinstance(plan, Plan):
            plan = replace(plan, notes=(*way.notes, *plan.notes), passable=way.passable)
        if isinstance(plan, Film):
            purchase = Purchase(plan.task, None, plan.bought)
        else:
            order = await account.orders.prepare(plan, first_id, account.name)
            task = self._task(account, first_id, asked, plan, fingerprint(account.name, order))
            purchase = Purchase(replace(task, notes=order.notes), order)
        await asyncio.to_thread(_check_room, self.opened.settings.output_dir, purchase.task.plan.video_seconds)
        return purchase

    def _task(self, account: Account, task_id: str, request: SpendingRequest, plan: Plan, mark: str) -> Task:
        now = self.clock.now()
        return Task(
            id=task_id,
            short=task_id[:SHORTEST_NAME],
            plan=plan,
            status=Status.QUEUED,
            created=now,
            updated=now,
            label=request.label,
            simulated=account.simulated,
            account=account.name,
            fingerprint=mark,
            arguments=request.asked(),
            caller=self.opened.journal.caller or "",
        )

    def needs_confirmation(self, price: Price) -> bool:
        """Whether the person has to agree to this price first."""
        return price.most is None or price.most > self.opened.settings.confirm_above_usd

    def is_agreed(self, request: SpendingRequest, task: Task, passed: Passed = NOBODY_PASSED) -> bool:
        """Whether the person need not be asked about this purchase, or was, and agreed to no less."""
        consent = request.consent
        if not self.needs_confirmation(task.plan.price):
            return True
        if passed.over:  # agreed to at a provider that took nothing: it holds for the next one at no more
            return (request.confirm_cost or consent is not None) and passed.covers(task.plan.price)
        if request.confirm_cost:
            return True
        return consent is not None and consent.covers(task.account, task.plan.model, task.plan.price.most)

    def ask_the_person(self, purchase: Purchase) -> NoReturn:
        """Refuse a purchase until the person agrees.

        Raises:
            NeedsConfirmation, OverBudget: the limits forbid it, whatever the person says.
        """
        task, shots = purchase.task, [shot for shot, _ in purchase.shots]
        holds(task, shots, "", Spent(), self.budget)  # nobody is asked to agree to what the limits forbid
        notes = "".join(f" {note}" for note in (*task.notes, *task.plan.notes))
        raise NeedsConfirmation(
            f"This costs {task.plan.price.words()} with {task.plan.model}; above "
            f"{dollars(self.opened.settings.confirm_above_usd)} the person has to agree.{notes}",
            advice="Tell the person the price; if they agree, call again with confirm_cost=true.",
            task=task,
        )

    async def _priced(self, request: SpendingRequest, account: Account) -> Plan:
        plan = await self._plan(request, account, new_task_id())
        return plan.task.plan if isinstance(plan, Film) else plan

    async def _plan(self, request: SpendingRequest, account: Account, first_id: str) -> Plan | Film:
        """Decide a request as one task, or as a film of several, of which `first_id` is the whole."""
        sources = await account.sources.of(request)
        # Read in a thread when it is first used: that takes longer than a loop should stand still.
        catalog = await asyncio.to_thread(self.opened.catalog_of, account.route.provider)
        plan = in_one_go(catalog, request, sources, account.route)
        if isinstance(plan, Plan):
            return plan
        assert isinstance(request, CreateVideo)  # only shots have to be tasks of their own
        ids = [first_id, *(new_task_id() for _ in request.shots)]
        drafts = shot_plans(catalog, request, sources, account.route, ids[1:], plan)
        return await film(account, request, drafts, ids, plan, partial(self._task, account))

    async def _whole(self, request: SpendingRequest) -> SpendingRequest:
        """Return the request with what it leaves to the task that it starts from."""
        if not isinstance(request, CreateVideo) or not request.from_task:
            return request
        task = (await self.opened.journal.get([request.from_task])).get(request.from_task)
        if task is None:
            raise self.opened.journal.missing(request.from_task)
        return started(request, task)

    async def _brought(self, request: SpendingRequest, account: Account) -> SpendingRequest:
        """Return the request with public videos that are continued here as files."""
        written: dict[str, str] = {}
        for name in request.brought:
            ref = parse_media(getattr(request, name))
            if isinstance(ref, UrlRef):
                path = await account.sources.bring(ref.url, brought_dir(self.opened.settings))
                written[getattr(request, name)] = str(path)
        return request.with_media(written) if written else request


def _stands(task: Task) -> bool:
    return task.status not in {Status.FAILED, Status.CANCELLED}


def _located(request: SpendingRequest) -> SpendingRequest:
    """Return the request with absolute paths: another process may send it, from another directory."""
    refs = {text: parse_media(text) for _, text, _ in request.named_media()}
    return request.with_media({t: str(ref.path.absolute()) for t, ref in refs.items() if isinstance(ref, FileRef)})


def _check_room(directory: Path, seconds: float) -> None:
    """Refuse to buy what could not be kept."""
    check_writable(directory)
    check_free(directory, max(LEAST_BYTES, int(seconds * BYTES_PER_SECOND)))


def new_task_id() -> str:
    """Return a fresh id: 60 random bits, short enough for an agent to repeat; the provider keeps it as external id."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    return "k" + "".join(secrets.choice(alphabet) for _ in range(12))

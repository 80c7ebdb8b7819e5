"""From a request to a task that is ready to be written down, or to a refusal: nothing is sent and no money is held."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from kling_tools.catalog.storyboard import in_one_go, shot_plans
from kling_tools.clock import Clock
from kling_tools.connect import Opened, brought_dir
from kling_tools.files.storage import check_free, check_writable
from kling_tools.jobs.account import Account
from kling_tools.jobs.ledger import Budget, Spent, holds
from kling_tools.jobs.orders import fingerprint
from kling_tools.model.errors import KlingError, NeedsConfirmation
from kling_tools.model.media import FileRef, UrlRef, parse_media
from kling_tools.model.money import Price, dollars
from kling_tools.model.plan import Order, Plan
from kling_tools.model.requests import CreateVideo, SpendingRequest
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task
from kling_tools.studio.filming import Film, film
from kling_tools.studio.starting import started

#: A generous bound for a second of video at any resolution, and for everything else.
BYTES_PER_SECOND = 6_000_000
LEAST_BYTES = 50_000_000
#: So many callers' daily budgets may be spent in a day by all together, unless the settings say otherwise.
DAYS_OF_ALL = 10


@dataclass(frozen=True)
class Quote:
    """What one provider would do for a request: its plan, or why not."""

    provider: str
    simulated: bool
    outcome: Plan | KlingError


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
        request = await self._whole(request)
        self.opened.account(request.provider)
        quotes = []
        for account in self.opened.accounts:
            if request.provider not in {"auto", account.route.provider}:
                continue
            try:
                outcome: Plan | KlingError = await self._priced(_located(request), account)
            except KlingError as error:
                outcome = error
            quotes.append(Quote(account.route.provider, account.simulated, outcome))
        return quotes

    async def purchase(self, request: SpendingRequest) -> Purchase:
        """Decide a request: model, price, media, room on the disk. Whether the person agrees comes after."""
        first_id = request.consent.task_id if request.consent else new_task_id()
        request = await self._whole(request)
        account = self.opened.account(request.provider)
        asked = _located(request)
        request = await self._brought(asked, account)
        plan = await self._plan(request, account, first_id)
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

    def is_agreed(self, request: SpendingRequest, task: Task) -> bool:
        """Whether the person need not be asked about this purchase, or was, and agreed to no less."""
        if request.confirm_cost or not self.needs_confirmation(task.plan.price):
            return True
        consent = request.consent
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
        catalog = await asyncio.to_thread(lambda: self.opened.catalog)
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

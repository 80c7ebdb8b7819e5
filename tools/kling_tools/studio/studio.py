"""The only room that knows the order of things: decide, read the media, hold the money, send, watch, keep.

Operations call it, it calls the floors below; nobody else calls across.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, replace
from decimal import Decimal
from hmac import compare_digest

from kling_tools.catalog.catalog import Catalog
from kling_tools.catalog.data import KLING
from kling_tools.client import callbacks
from kling_tools.clock import Clock, SystemClock
from kling_tools.connect import Between, Opened, open_accounts
from kling_tools.jobs import pace, telling
from kling_tools.jobs.account import Account
from kling_tools.jobs.doubts import told
from kling_tools.jobs.engine import Engine
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.moves import Hear
from kling_tools.jobs.questions import Spending
from kling_tools.jobs.vigil import QUARANTINE_SECONDS
from kling_tools.jobs.workshop import Workshop
from kling_tools.model.errors import KlingError, StorageUnavailable, UnknownTask, quoted
from kling_tools.model.money import Price
from kling_tools.model.requests import JoinVideos, ListTasks, SpendingRequest, ViewVideo
from kling_tools.model.specs import FilmSpec
from kling_tools.model.status import LOCAL, Status
from kling_tools.model.step import can_be_recalled
from kling_tools.model.tasks import Recalled, Task
from kling_tools.providers.registry import GATEWAYS, Gateway
from kling_tools.settings import Settings
from kling_tools.studio import joining
from kling_tools.studio.deciding import Decisions, Purchase
from kling_tools.studio.looking import Look, look, video_bytes
from kling_tools.studio.paging import cursor_at, search
from kling_tools.studio.remarks import missing, repeated
from kling_tools.studio.routing import NOBODY_PASSED, PASSES_OVER, Passed, Quote, refused_by_all
from kling_tools.studio.withdrawing import UNDECIDED, withdraw
from kling_tools.telemetry import span

Report = Callable[[float, float | None, str], Awaitable[None]]

#: How long a create waits for the provider's answer before it reports the task as it stands.
ANSWER_SECONDS = 25.0
#: A slice of waiting: also how soon a change made by another process is seen.
SLICE_SECONDS = 1.0
#: How long a cancel waits for the outcome of a request that is on the wire: often it turns out that it did not get in.
OUTCOME_SECONDS = 5.0
#: About how long shots that are here are joined.
JOINING_SECONDS = 3


@dataclass(frozen=True)
class TaskPage:
    """One page of the journal, newest first; `total` match in all, and more than that where `more` is set.

    `unreadable` are the ids of what stands there and cannot be read.
    """

    tasks: list[Task]
    total: int
    more: bool
    next_cursor: str | None
    unreadable: tuple[str, ...] = ()


class Studio:
    """One open house: journal, engine, providers, files. `caller` is whose it is at present, empty for the owner."""

    def __init__(self, settings: Settings, clock: Clock, opened: Opened, engine: Engine) -> None:
        self.settings = settings
        self.clock = clock
        self._whole = opened
        self._engine = engine
        self._readers = callbacks.readers(settings.webhook_secrets)
        self._workshop = Workshop(opened.journal, opened.orders, opened.outputs)
        self._look_as("")

    def for_caller(self, caller: str) -> Studio:
        """Return the same house as one caller has it: what they ask and buy is about their tasks and their money."""
        if caller == self.caller:
            return self
        own = copy(self)
        own._look_as(caller)
        return own

    def _look_as(self, caller: str) -> None:
        self.caller = caller
        self._opened = self._whole.of(caller)
        self._journal: Journal = self._opened.journal
        self._decisions = Decisions(self._opened, self.clock)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings,
        clock: Clock | None = None,
        *,
        quarantine: float = QUARANTINE_SECONDS,
        between: Between | None = None,
        gateways: Sequence[Gateway] = GATEWAYS,
    ) -> AsyncIterator[Studio]:
        """Open the house and resume what is unfinished, in the background; close it on exit.

        `quarantine` and `between` are for trials: nothing that may cost money may shorten the one or set the other.
        Nothing that may fail or take long happens here: a server has to answer its host first, and a wrong setting
        is told by the tool that needs it.
        """
        clock = clock or SystemClock()
        opened = open_accounts(settings, clock, between, gateways)
        engine = Engine(opened.journal, opened.outputs, opened.accounts, clock, opened.offices, quarantine=quarantine)
        studio = cls(settings, clock, opened, engine)
        tidying = asyncio.create_task(opened.retention.keep_tidy(), name="retention")
        engine.start()
        studio._workshop.start()
        try:
            yield studio
        finally:
            tidying.cancel()
            await asyncio.gather(tidying, studio._workshop.stop(), return_exceptions=True)
            await engine.stop()
            await opened.close()

    # --- spending ---------------------------------------------------------------------------------------------------

    async def create(self, request: SpendingRequest) -> Task:
        """Buy one task; return as soon as the provider has answered, or the first task for a repeated request.

        Raises:
            KlingError: refused here or by the provider; the error says whether anything was spent.
        """
        self.settings.check()
        passed, refused = NOBODY_PASSED, None
        while True:
            try:
                with span("kling.plan", {}) as planned:
                    bought = await self._decisions.purchase(request, passed)
                    planned.set_attributes(telling.of(bought.task))
                known = await self._unless_agreed(request, bought, passed)
            except KlingError as error:
                raise error if refused is None else refused_by_all(refused, error) from None
            if known is not None:
                return known
            task = bought.task
            try:
                return await self._sent(request, bought)
            except PASSES_OVER as error:
                # Nothing was taken there. What was accepted, or may have been, is never bought elsewhere.
                if not task.plan.passable or error.spent != "no":
                    raise
                refused, passed = error, passed.and_over(task.plan.route.provider, error, task.plan.price)

    async def _unless_agreed(self, request: SpendingRequest, bought: Purchase, passed: Passed) -> Task | None:
        """Ask the person who has not agreed; what would not be bought again is returned, and nobody asked."""
        if self._decisions.is_agreed(request, bought.task, passed):
            return None
        known = None if request.again else await self._journal.same_request(bought.task)
        if known is None:
            self._decisions.ask_the_person(bought)
        return repeated(known, bought.task)

    async def _sent(self, request: SpendingRequest, bought: Purchase) -> Task:
        task = bought.task
        enqueued, submission = await self._engine.buy(
            task, bought.order, self._decisions.budget, again=request.again, parts=bought.shots
        )
        if submission is None:
            return repeated(enqueued.task, task)
        over = asyncio.ensure_future(self._engine.bell.over.wait())
        try:
            await asyncio.wait({submission, over}, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
        if not submission.done():
            try:
                return (await self._journal.get([task.id])).get(task.id, task)
            except StorageUnavailable as error:  # "nothing was spent" would not be true any more
                return replace(task, trouble=error.message)
        current, refusal = submission.result()
        if refusal is not None:
            raise refusal
        return current

    async def join(self, request: JoinVideos) -> Task:
        """Begin to join videos on this machine; return the first task for a repeated request.

        Raises:
            KlingError: they cannot be joined, and why.
        """
        task = await joining.decide(request, self._opened.orders, self._opened.outputs, self.clock.now())
        return (await self._workshop.add(replace(task, caller=self.caller))).task

    async def cancel(self, task_id: str) -> Task:
        """Take a task back that waits to be sent, and return it as it then is: cancelled only where that was possible.

        Raises:
            UnknownTask: it is not in the journal.
        """
        started = self.clock.monotonic()
        while True:
            (task,) = await self.tasks([task_id])
            shots = (await self.shots([task])).get(task.id)
            undecided = await withdraw(self._journal, self._opened.named(task.account), task, shots)
            (task,) = await self.tasks([task_id])
            undecided = undecided or (shots is None and task.status in UNDECIDED)
            passed = self.clock.monotonic() - started
            if not undecided or passed >= OUTCOME_SECONDS:
                return task
            await self._engine.bell.wait(self.clock, min(SLICE_SECONDS, OUTCOME_SECONDS - passed))

    async def quotes(self, request: SpendingRequest) -> list[Quote]:
        """Price a request on every configured provider; sends nothing."""
        self.settings.check()
        return await self._decisions.quotes(request)

    def needs_confirmation(self, price: Price) -> bool:
        """Whether the person has to agree to this price first."""
        return self._decisions.needs_confirmation(price)

    async def budget_left(self) -> Decimal:
        """Return today's remaining dollars, of the first provider's kind of money."""
        accounts = self._opened.accounts
        spent = await self._journal.spent_today(simulated=bool(accounts) and accounts[0].simulated)
        return max(Decimal(0), self.settings.max_usd_per_day - spent)

    def listen(self, hear: Hear) -> None:
        """Have every task's moves told from now on, also those that other processes make: in the loop, at once."""
        self._engine.on_move = hear

    @property
    def providers(self) -> list[str]:
        """The configured providers, the first choice first."""
        return list(dict.fromkeys(account.route.provider for account in self._opened.accounts))

    # --- looking ----------------------------------------------------------------------------------------------------

    async def tasks(self, ids: list[str]) -> list[Task]:
        """Return tasks by id.

        Raises:
            UnknownTask: one of them is not in the journal. TaskUnreadable: one of them is there, and damaged.
        """
        found = await self._journal.get(ids)
        if missing := [i for i in ids if i not in found]:
            for task_id in self._journal.unreadable.keys() & set(missing):
                raise self._journal.missing(task_id)
            raise UnknownTask(f"There is no task {', '.join(quoted(i, 40) for i in missing[:5])}.")
        return [self._shown(found[i]) for i in ids]

    async def shots(self, tasks: Iterable[Task]) -> dict[str, list[Task]]:
        """Return the shots of those tasks that are films, by the film's id."""
        films = {task.id: task.plan.spec.parts for task in tasks if isinstance(task.plan.spec, FilmSpec)}
        found = await self._journal.get([part for parts in films.values() for part in parts]) if films else {}
        return {film: [found[part] for part in parts if part in found] for film, parts in films.items()}

    def _shown(self, task: Task) -> Task:
        """Return the task with a word about what keeps this house from going on with it."""
        if task.status.ended or self._watched(task):
            return task
        return replace(
            task, notes=(*task.notes, f"Nobody here goes on with it: {missing(task, self._opened.gateways)}")
        )

    def _watched(self, task: Task) -> bool:
        return task.account == LOCAL or self._opened.named(task.account) is not None

    async def wait(self, ids: list[str], seconds: float, report: Report) -> list[Task]:
        """Return the tasks once all have ended, or after `seconds`, telling progress on the way.

        Who waits for a task whose files were removed here wants them again.

        Raises:
            UnknownTask
        """
        started = self.clock.monotonic()
        tasks = await self.tasks(ids)
        if seconds and (gone := [t for t in tasks if self._watched(t) and can_be_recalled(t, self.clock.now())]):
            await self._journal.apply_all([(task.id, Recalled()) for task in gone])
            tasks = await self.tasks(ids)
        for task in tasks:
            self._workshop.go_on(task)
        while True:
            passed = self.clock.monotonic() - started
            running = [t for t in tasks if not t.status.ended and self._watched(t)]
            if not running or passed >= seconds or self._engine.bell.last:
                return tasks
            shots = await self.shots(running)
            left = max(self.eta(t, shots.get(t.id, ())) or 0 for t in running)
            words = f"{len(tasks) - len(running)} of {len(tasks)} done" if len(tasks) > 1 else running[0].status.shown
            if len(tasks) == len(shots) == 1:
                (parts,) = shots.values()
                words = f"{sum(p.status is Status.SUCCEEDED for p in parts)} of {len(parts)} shots done"
            trouble = next((t.trouble for t in running if t.trouble), "")
            await report(passed, passed + left, f"{words}, {trouble or f'about {left} s left'}")
            bought = [t.id for t in running if t.account != LOCAL]
            bought += [p.id for parts in shots.values() for p in parts if not p.status.ended]
            await self._engine.wait(bought, min(SLICE_SECONDS, seconds - passed))
            try:
                tasks = await self.tasks(ids)
            except StorageUnavailable as error:  # what is waited for goes on without the journal, and so does waiting
                tasks = [t if t.status.ended else replace(t, trouble=error.message) for t in tasks]

    def hurry(self) -> None:
        """Let nobody wait any longer: the house is about to close, and whoever waits is told how things stand."""
        self._engine.bell.ring_out()

    async def list(self, request: ListTasks) -> TaskPage:
        """Return one page of the journal."""
        page = await self._journal.search(search(request))
        cursor = cursor_at(page.end) if page.end else None
        return TaskPage([self._shown(t) for t in page.tasks], page.total, page.more, cursor, page.unreadable)

    def eta(self, task: Task, shots: Sequence[Task] = ()) -> int | None:
        """Return about how many seconds are left, None where the task has ended; a film takes as long as its shots."""
        if task.account == LOCAL:
            return None if task.status.ended else self._workshop.seconds_left(task)
        if shots and not task.status.ended:
            left: dict[str, int] = {}
            for shot in shots:
                left[shot.id] = (self.eta(shot) or 0) + left.get(shot.plan.after, 0)
            return max(left.values()) + JOINING_SECONDS
        times = self._engine.times.of_task(task)
        account = self._opened.named(task.account)
        return pace.seconds_left(task, times, account.speed if account else 1.0, self.clock.now())

    async def look(self, request: ViewVideo, *, draw: bool = True) -> Look:
        """Draw a contact sheet, one frame, or the pictures of a finished task; without `draw`, only find out about it.

        Raises:
            UnknownTask, BadMedia: there is no such file. EncoderMissing, MediaFailed: it cannot be drawn.
        """
        return await look(request, self._opened.orders, self.settings.ffmpeg, draw=draw)

    async def video(self, task_id: str, most: int) -> bytes:
        """Return a finished task's video, if it has at most so many bytes.

        Raises:
            UnknownTask, BadMedia: there is none, or it is larger.
        """
        return await video_bytes(self._opened.orders, task_id, most)

    async def catalog(self, provider: str = KLING) -> Catalog:
        """Return what a provider offers and costs.

        Raises:
            BadSettings: the person's own catalogue is not valid.
        """
        return await asyncio.to_thread(self._opened.catalog_of, provider)

    # --- the account ------------------------------------------------------------------------------------------------

    def account(self, provider: str) -> Account:
        """Return the account at a provider.

        Raises:
            BadSettings, InvalidArguments: there is none.
        """
        self.settings.check()
        return self._opened.account(provider)

    async def spending(self, since: float, *, simulated: bool) -> Sequence[Spending]:
        """Return what was held or settled by day and model."""
        return await self._journal.spending(since, simulated=simulated)

    def expects(self, provider: str, token: str) -> bool:
        """Whether this is where a provider that is configured here was told to call."""
        own = (a.connection for a in self._opened.accounts if a.route.provider == provider)
        return any(compare_digest(callbacks.token(connection).encode(), token.encode()) for connection in own)

    async def callback(self, provider: str, headers: Mapping[str, str], body: bytes, task_id: str = "") -> bool:
        """Take a provider's callback: it is believed in nothing, and leads to a look. Returns whether it was signed.

        `task_id` is our own, where the address that was called names it.

        Raises:
            CallbackRefused: forged, too old, no callback, or taken before; nothing was changed. Unreachable,
            ProviderRefused, ProviderBroken: what proves it, or is meant, cannot be had now; it may come again.
        """
        if provider not in self._readers:
            await self._rung(self._opened.account(provider), headers, body, task_id)
            return True
        hint = self._readers[provider](headers, body, self.clock.now())
        await self._engine.look_soon(external_id=hint.external_id, remote_id=hint.task_id)
        return hint.signed

    async def _rung(self, account: Account, headers: Mapping[str, str], body: bytes, task_id: str) -> None:
        for remote_id in await account.client.heard(headers, body):
            with account.client.hearing(body):
                await told(account, task_id, remote_id)
            await self._engine.look_soon(external_id="", remote_id=remote_id)

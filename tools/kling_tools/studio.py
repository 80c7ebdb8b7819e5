"""The only room that knows the order of things: decide, read the pictures, hold the money, send, watch, keep.

Operations call it, it calls the floors below; nobody else calls across.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from kling_tools.catalog import catalog
from kling_tools.catalog.rules import ratio_problem
from kling_tools.clock import Clock, SystemClock
from kling_tools.connect import Opened, open_accounts
from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.mp4 import VideoFacts, read_facts
from kling_tools.files.preview import contact_sheet, frame_at
from kling_tools.files.storage import check_free, check_writable
from kling_tools.jobs import pace
from kling_tools.jobs.engine import Engine
from kling_tools.jobs.journal import Journal, Search, running_statuses
from kling_tools.jobs.ledger import Budget, hold
from kling_tools.jobs.orders import fingerprint
from kling_tools.jobs.vigil import QUARANTINE_SECONDS
from kling_tools.model.errors import (
    BadMedia,
    Impossible,
    InvalidArguments,
    KlingError,
    NeedsConfirmation,
    StorageUnavailable,
    UnknownTask,
    quoted,
)
from kling_tools.model.media import TASK_ID, FileRef, TaskRef, parse_media
from kling_tools.model.money import Price, dollars
from kling_tools.model.plan import Order, Plan, Route
from kling_tools.model.requests import CreateVideo, ListTasks, ViewVideo
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task
from kling_tools.settings import Settings

Report = Callable[[float, float | None, str], Awaitable[None]]

#: How long a create waits for the provider's answer before it reports the task as it stands.
ANSWER_SECONDS = 25.0
#: A generous bound for a second of video at any resolution.
BYTES_PER_SECOND = 6_000_000
#: A slice of waiting: also how soon a change made by another process is seen.
SLICE_SECONDS = 1.0


@dataclass(frozen=True)
class Quote:
    """What one provider would do for a request: its plan, or why not."""

    provider: str
    simulated: bool
    outcome: Plan | KlingError


@dataclass(frozen=True)
class TaskPage:
    """One page of the journal, newest first."""

    tasks: list[Task]
    total: int
    next_cursor: str | None


@dataclass(frozen=True)
class Look:
    """A picture of a video and what is known of it."""

    path: Path
    jpeg: bytes
    times: tuple[float, ...]
    facts: VideoFacts
    simulated: bool


class Studio:
    """One open house: journal, engine, providers, files."""

    def __init__(self, settings: Settings, clock: Clock, opened: Opened, engine: Engine) -> None:
        self.settings = settings
        self.clock = clock
        self._opened = opened
        self._engine = engine
        self._journal: Journal = opened.journal

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, clock: Clock | None = None, *, quarantine: float = QUARANTINE_SECONDS
    ) -> AsyncIterator[Studio]:
        """Open the house and resume what is unfinished, in the background; close it on exit.

        `quarantine` is for trials: nothing that may cost money may shorten it.
        Nothing that may fail or take long happens here: a server has to answer its host first, and a wrong setting
        is told by the tool that needs it.
        """
        clock = clock or SystemClock()
        opened = open_accounts(settings, clock)
        engine = Engine(
            opened.journal, opened.outputs, opened.accounts, clock, settings.data_dir, quarantine=quarantine
        )
        engine.start()
        try:
            yield cls(settings, clock, opened, engine)
        finally:
            await engine.stop()
            await opened.close()

    # --- spending ---------------------------------------------------------------------------------------------------

    async def create(self, request: CreateVideo) -> Task:
        """Buy one video; return as soon as the provider has answered, or the first task for a repeated request.

        Raises:
            KlingError: refused here or by the provider; the error says whether anything was spent.
        """
        self.settings.check()
        task, order = await self._decide(request)
        enqueued, submission = await self._engine.buy(task, order, self._budget, again=request.again)
        if submission is None:
            note = "This is the task that the same request created before; nothing new was bought."
            return replace(enqueued.task, notes=(*enqueued.task.notes, f"{note} again=true buys another."))
        done, _ = await asyncio.wait({submission}, timeout=ANSWER_SECONDS)
        if not done:
            try:
                return (await self._journal.get([task.id])).get(task.id, task)
            except StorageUnavailable as error:  # "nothing was spent" would not be true any more
                return replace(task, trouble=error.message)
        current, refusal = submission.result()
        if refusal is not None:
            raise refusal
        return current

    async def _decide(self, request: CreateVideo) -> tuple[Task, Order]:
        """Turn a request into a task that is ready to be written down, or refuse it; nothing is sent or held."""
        name, route = self._route(request.provider)
        plan = catalog.plan(self._located(request), route)
        task_id = new_task_id()
        account = next(a for a in self._opened.accounts if a.name == name)
        order = await account.orders.prepare(plan, task_id)
        if problem := ratio_problem(plan, request, order.image):
            raise Impossible(f"{problem}.", advice="Leave aspect_ratio out, or crop the picture first.")
        await asyncio.to_thread(_check_room, self.settings.output_dir, plan.seconds)
        now = self.clock.now()
        task = Task(
            id=task_id,
            plan=plan,
            status=Status.QUEUED,
            created=now,
            updated=now,
            label=request.label,
            simulated=self._opened.simulated(name),
            account=name,
            fingerprint=fingerprint(name, order),
        )
        if self.needs_confirmation(plan.price) and not request.confirm_cost:
            hold(task, "", 0, self._budget)  # nobody is asked to agree to what the limits forbid
            raise NeedsConfirmation(
                f"This costs {plan.price.words()} with {plan.model}; above "
                f"{dollars(self.settings.confirm_above_usd)} the person has to agree.",
                advice="Tell the person the price; if they agree, call again with confirm_cost=true.",
            )
        return task, order

    @property
    def _budget(self) -> Budget:
        return Budget(self.settings.max_usd_per_call, self.settings.max_usd_per_day, self.settings.allow_unpriced)

    def _located(self, request: CreateVideo) -> CreateVideo:
        """Return the request with absolute paths: another process may send it, from another directory."""
        named = {"image": request.image, "last_image": request.last_image}
        refs = {key: parse_media(text) for key, text in named.items() if text}
        paths = {key: str(ref.path.absolute()) for key, ref in refs.items() if isinstance(ref, FileRef)}
        return request.model_copy(update=paths) if paths else request

    def _route(self, provider: str) -> tuple[str, Route]:
        """Return the account and route to buy from; `auto` is the first configured."""
        routes = self._opened.routes
        if not routes:
            self._opened.complain()
        for account, route in routes.items():
            if provider in {"auto", route.provider}:
                return account, route
        known = ", ".join(route.provider for route in routes.values())
        raise InvalidArguments(f"Provider {quoted(provider, 40)} is not configured; there is {known}.")

    async def quotes(self, request: CreateVideo) -> list[Quote]:
        """Price a request on every configured provider; sends nothing."""
        self.settings.check()
        self._route(request.provider)
        quotes = []
        for account, route in self._opened.routes.items():
            if request.provider not in {"auto", route.provider}:
                continue
            try:
                outcome: Plan | KlingError = catalog.plan(request, route)
            except KlingError as error:
                outcome = error
            quotes.append(Quote(route.provider, self._opened.simulated(account), outcome))
        return quotes

    def needs_confirmation(self, price: Price) -> bool:
        """Whether the person has to agree to this price first."""
        return price.most is None or price.most > self.settings.confirm_above_usd

    async def budget_left(self) -> Decimal:
        """Return today's remaining dollars, of the first provider's kind of money."""
        account = next(iter(self._opened.routes), "")
        spent = await self._journal.spent_today(simulated=self._opened.simulated(account))
        return max(Decimal(0), self.settings.max_usd_per_day - spent)

    # --- looking ----------------------------------------------------------------------------------------------------

    async def tasks(self, ids: list[str]) -> list[Task]:
        """Return tasks by id.

        Raises:
            UnknownTask: one of them is not in the journal.
        """
        found = await self._journal.get(ids)
        if missing := [i for i in ids if i not in found]:
            raise UnknownTask(f"There is no task {', '.join(quoted(i, 40) for i in missing[:5])}.")
        return [self._shown(found[i]) for i in ids]

    def _shown(self, task: Task) -> Task:
        """Return the task with a word about what keeps this house from going on with it."""
        if task.status.ended or self._watched(task):
            return task
        return replace(task, notes=(*task.notes, f"Nobody here goes on with it: {_missing(task)}"))

    def _watched(self, task: Task) -> bool:
        return any(a.name == task.account for a in self._opened.accounts)

    async def wait(self, ids: list[str], seconds: float, report: Report) -> list[Task]:
        """Return the tasks once all have ended, or after `seconds`, telling progress on the way.

        Raises:
            UnknownTask
        """
        started = self.clock.monotonic()
        while True:
            tasks = await self.tasks(ids)
            passed = self.clock.monotonic() - started
            running = [t for t in tasks if not t.status.ended and self._watched(t)]
            if not running or passed >= seconds:
                return tasks
            left = max(self.eta(t) or 0 for t in running)
            words = f"{len(tasks) - len(running)} of {len(tasks)} done" if len(tasks) > 1 else running[0].status.shown
            trouble = next((t.trouble for t in running if t.trouble), "")
            await report(passed, passed + left, f"{words}, {trouble or f'about {left} s left'}")
            await self._engine.bell.wait(self.clock, min(SLICE_SECONDS, seconds - passed))

    async def list(self, request: ListTasks) -> TaskPage:
        """Return one page of the journal."""
        statuses = _INNER.get(request.status or "", (request.status,) if request.status else ())
        search = Search(
            statuses=tuple(s for s in statuses if s),
            words=request.query or "",
            since=_day_start(request.since),
            limit=request.limit,
            before=_position(request.cursor),
        )
        tasks, total = await self._journal.search(search)
        last = tasks[-1] if len(tasks) == request.limit else None
        return TaskPage([self._shown(t) for t in tasks], total, f"{last.created!r}_{last.id}" if last else None)

    def eta(self, task: Task) -> int | None:
        """Return about how many seconds are left, None where the task has ended."""
        times = self._engine.times.get((task.account, task.plan.model), ())
        return pace.seconds_left(task, times, self._opened.speed(task.account), self.clock.now())

    async def look(self, request: ViewVideo) -> Look:
        """Draw a contact sheet or one frame of a finished video.

        Raises:
            UnknownTask, BadMedia: there is no such file. EncoderMissing, MediaFailed: it cannot be drawn.
        """
        path, simulated = await self._video(request)
        encoder = Encoder.find(self.settings.ffmpeg)
        facts = await asyncio.to_thread(read_facts, path)
        if request.at_seconds is not None:
            if request.at_seconds > facts.seconds:
                raise BadMedia(
                    f"The video is {facts.seconds:.1f} s long; there is no frame at {request.at_seconds:g} s."
                )
            frame = await frame_at(encoder, path, request.at_seconds)
            return Look(path, frame.jpeg, (frame.at,), facts, simulated)
        sheet = await contact_sheet(encoder, path, facts, frames=request.frames)
        return Look(path, sheet.jpeg, sheet.times, facts, simulated)

    async def _video(self, request: ViewVideo) -> tuple[Path, bool]:
        ref = TaskRef(request.task_id) if request.task_id else parse_media(request.video or "")
        if isinstance(ref, TaskRef):
            path = await self._opened.orders.output_path(ref)
            return path, (await self.tasks([ref.task_id]))[0].simulated
        if not isinstance(ref, FileRef):
            raise BadMedia("Only a video on this machine can be looked at.", advice="Pass a task id or a path.")
        return await self._opened.orders.inputs.video(ref.path), False


def _missing(task: Task) -> str:
    if task.account == "sandbox":
        return "it was made on the simulated Kling (KLING_PROVIDER=sandbox, or no key), which is not configured now."
    provider, _, host = task.account.partition("@")
    key = "KLING_API_KEY" if task.plan.route.standard == "standard" else "KLING_ACCESS_KEY and KLING_SECRET_KEY"
    return f"it runs at {provider} on {host}. Set {key} and KLING_BASE_URL=https://{host} again to fetch it."


def _check_room(directory: Path, seconds: int) -> None:
    """Refuse to buy what could not be kept."""
    check_writable(directory)
    check_free(directory, seconds * BYTES_PER_SECOND)


_INNER: dict[str, tuple[str, ...]] = {
    "running": running_statuses(),
    "queued": (Status.QUEUED.value, Status.SUBMITTING.value),
    "processing": (Status.PROCESSING.value, Status.FETCHING.value),
}


def new_task_id() -> str:
    """Return a fresh id: 60 random bits, short enough for an agent to repeat; the provider keeps it as external id."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    return "k" + "".join(secrets.choice(alphabet) for _ in range(12))


def _day_start(day: str | None) -> float:
    if not day:
        return 0.0
    try:
        return datetime.strptime(day, "%Y-%m-%d").astimezone().timestamp()
    except (ValueError, OverflowError):
        raise InvalidArguments(f"since: {quoted(day, 20)} is no day; write YYYY-MM-DD.") from None


def _position(cursor: str | None) -> tuple[float, str] | None:
    if not cursor:
        return None
    created, _, task_id = cursor.partition("_")
    try:
        position = float(created)
    except ValueError:
        position = math.nan
    if not math.isfinite(position) or not TASK_ID.fullmatch(task_id):
        raise InvalidArguments("cursor: take it from next_cursor of the page before.")
    return position, task_id

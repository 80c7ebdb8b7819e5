"""One house for the tests of jobs/: the real journal, engine, client and simulated Kling, and one clock moved by hand.

Nothing here sleeps: a test lets time pass, pulls the engine's triggers and waits for the work they began. `crash`
throws the process's memory away as a SIGKILL would; `open_again` is the next process on the same disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from tests.providers.values import PLAN
from tests.scenarios.simulated import any_film

from kling_sandbox import API_KEY, Fault, SandboxConfig, create_app
from kling_tools.catalog.catalog import Catalog
from kling_tools.client.client import Client
from kling_tools.client.local import in_process
from kling_tools.clock import Clock
from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.inputs import Inputs
from kling_tools.files.outputs import Outputs
from kling_tools.jobs.account import Account
from kling_tools.jobs.database import Connection, Store
from kling_tools.jobs.election import FileOffices, Offices
from kling_tools.jobs.election_postgres import SessionOffices
from kling_tools.jobs.engine import Engine
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.ledger import Budget
from kling_tools.jobs.orders import Orders, fingerprint
from kling_tools.jobs.sources import Sources
from kling_tools.jobs.store import SqliteStore
from kling_tools.jobs.store_postgres import PostgresStore
from kling_tools.model.errors import StorageUnavailable
from kling_tools.model.media import TASK_ID
from kling_tools.model.money import Price
from kling_tools.model.plan import Order, Plan, Route
from kling_tools.model.requests import CreateVideo, SpendingRequest
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task
from kling_tools.providers.registry import sandbox_connection
from kling_tools.studio.deciding import new_task_id

START = 1_795_000_000.0
ADDRESS = "http://kling.sandbox"
ROUTE = Route("sandbox", ("standard", "legacy"))
RICH = Budget(Decimal(10), Decimal(50))
#: What `a_task` costs: 3 units. What `buy` costs: 3 s of Kling 3.0, the shortest clip there is, 1.8 units.
PRICE = Decimal("0.42")
PAID = Decimal("0.252")
BOUND = 240.0
#: No file is drawn: for tests that are over when the provider is done.
NO_FILES = Fault(on="file", status=503, times=1000)

Message = MutableMapping[str, Any]
T = TypeVar("T")


@dataclass
class HandClock:
    """Time that stands still until it is moved; a sleep moves it. `step` moves what it shows, and no time passes."""

    time: float = START
    stepped: float = 0.0

    def now(self) -> float:
        """Return the time it was set to."""
        return self.time

    def monotonic(self) -> float:
        """Return what has really passed."""
        return self.time - self.stepped

    def step(self, seconds: float) -> None:
        """Be set to another time, by a person or by NTP, or wake from a sleep."""
        self.time += seconds
        self.stepped += seconds

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.time += seconds
        await asyncio.sleep(0)


@dataclass
class Plug:
    """The cable between client and provider: pulled, no connection is made and nothing leaves."""

    app: Callable[[Message, Any, Any], Awaitable[None]]
    pulled: bool = False

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Carry one call, or none."""
        if self.pulled:
            raise httpx2.ConnectError("no route to host")
        await self.app(scope, receive, send)


@dataclass
class Life:
    """One process's life. It ends when it is told to, or around its `at`-th write: before it, or once it is durable."""

    at: int = 0
    written: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def end(self) -> None:
        """Die: nothing after this happens."""
        self.over.set()
        await asyncio.Event().wait()


#: Names the database of a test that is not to use a file; written by the fixture `database`.
ADDRESS_FILE = "journal.url"


def open_store(folder: Path) -> Store:
    """Return this test's journal: a file, or a database of the tests' own PostgreSQL."""
    address = folder / ADDRESS_FILE
    return PostgresStore(address.read_text()) if address.exists() else SqliteStore(folder / "journal.sqlite3")


def open_offices(folder: Path, clock: Clock) -> Offices:
    """Return who this process is among those at this test's journal."""
    address = folder / ADDRESS_FILE
    return SessionOffices(address.read_text(), clock) if address.exists() else FileOffices(folder)


class Disk:
    """The journal's disk. `full` names the writes it refuses, counted from the next one on."""

    def __init__(self, store: Store, life: Life) -> None:
        self.life = life
        self.full: frozenset[int] = frozenset()
        self.writes = 0
        self.alive = 0
        self._store = store
        self.place, self.read, self.close = store.place, store.read, store.close
        self.keep_words = store.keep_words

    def refuse(self, *writes: int) -> None:
        """Refuse these of the writes to come, counted from 1."""
        self.full, self.writes = frozenset(writes), 0

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Write, or not."""
        self.writes += 1
        if self.writes in self.full:
            raise StorageUnavailable("The disk is full.")
        self.alive += 1
        if self.alive == self.life.at and not self.life.written:
            await self.life.end()
        result = await self._store.do(work)
        if self.alive == self.life.at:
            await self.life.end()
        return result


@cache
def shipped() -> Catalog:
    """Return the catalogue, read once."""
    return Catalog.read()


def a_task(task_id: str | None = None, *, now: float = START, price: Price | None = None, **changes: Any) -> Task:
    """Return a queued task that costs 0.42 dollars."""
    plan: Plan = changes.pop("plan", PLAN)
    if prompt := changes.pop("prompt", ""):
        plan = replace(plan, spec=replace(plan.spec, prompt=prompt))
    if price or plan.price.most is None:
        plan = replace(plan, price=price or Price.exact(PRICE, Decimal(3)))
    task_id = task_id or new_task_id()
    task = Task(id=task_id, plan=plan, status=Status.QUEUED, created=now, updated=now, account="sandbox")
    return replace(task, **{"fingerprint": task_id, **changes})


class House:
    """One process's house on one disk, and the provider outside it: the simulated Kling, or a stand-in.

    All videos are the same film, of the length that `buy` buys, unless it `draws`.
    """

    def __init__(
        self,
        folder: Path,
        *faults: Fault,
        slots: int = 5,
        kling_slots: int = 100,
        kling_speed: float = 1.0,
        provider: httpx2.AsyncBaseTransport | None = None,
        clock: HandClock | None = None,
        draws: bool = False,
    ) -> None:
        self.folder = folder
        self.slots = slots
        self.provider = provider
        self.clock = clock or HandClock()
        self.lives: list[Life] = []
        self.config = SandboxConfig(
            state_dir=folder / "kling",
            clock=self.clock.now,
            concurrency=kling_slots,
            speed=kling_speed,
            faults=faults,
            ffmpeg=Encoder.find().path,
            hasty=True,
            film=None if draws else any_film(3, heard=False),
        )
        if provider is None:
            self.kling = Plug(create_app(self.config))
        self.enter(ADDRESS)

    def enter(self, address: str) -> None:
        """Be a new process on this disk; another address is a real socket."""
        self.life = self.lives.pop(0) if self.lives else Life()
        self.store = Disk(open_store(self.folder), self.life)
        self.journal = Journal(self.store, self.clock)
        self.offices = open_offices(self.folder, self.clock)
        connection = sandbox_connection(API_KEY, address)
        transport = self.provider or (in_process(lambda: self.kling) if address == ADDRESS else None)
        self.client = Client(connection, self.clock, transport)
        self.orders = Orders(self.journal, Inputs((self.folder,)))
        self.sources = Sources(self.journal, self.orders, self.orders.inputs)
        self.account = Account(
            "sandbox",
            connection,
            self.client,
            self.slots,
            1.0,
            self.journal,
            self.orders,
            self.sources,
            self.offices,
            sender="one key",
        )
        self.outputs = Outputs(self.folder / "videos")
        self.engine = Engine(self.journal, self.outputs, [self.account], self.clock, self.offices)

    async def open_again(self, address: str = ADDRESS) -> None:
        """Die without a word and live again: only what is on the disk is left."""
        await self.crash()
        self.enter(address)

    async def crash(self) -> None:
        """Drop everything under way."""
        for work in self.under_way():
            work.cancel()
        await asyncio.gather(*self.under_way(), return_exceptions=True)
        await self.offices.close()
        await self.client.aclose()
        await self.store.close()

    # --- doing ------------------------------------------------------------------------------------------------------

    async def decide(self, prompt: str = "a red fox", **asked: Any) -> tuple[Task, Order]:
        """Turn a request into a task and its order, as the studio does."""
        if "model" not in asked:
            asked = {"model": "kling-3.0", "seconds": 3, **asked}
        return await self.decide_on(CreateVideo(prompt=prompt, **asked))

    async def decide_on(self, request: SpendingRequest) -> tuple[Task, Order]:
        """Turn any request into a task and its order."""
        return await self.ready(shipped().plan(request, await self.sources.of(request), ROUTE))

    async def ready(self, plan: Plan) -> tuple[Task, Order]:
        """Turn a plan into a task and its order."""
        self.clock.time += 0.01
        task_id, now = new_task_id(), self.clock.now()
        order = await self.orders.prepare(plan, task_id, "sandbox")
        mark = fingerprint("sandbox", order)
        task = Task(id=task_id, plan=plan, status=Status.QUEUED, created=now, updated=now, account="sandbox")
        return replace(task, fingerprint=mark, simulated=True), order

    async def buy(self, prompt: str = "a red fox", *, budget: Budget = RICH, again: bool = False, **asked: Any) -> Task:
        """Buy one video and wait for the provider's answer."""
        return await self.pay(*await self.decide(prompt, **asked), budget=budget, again=again)

    async def pay(self, task: Task, order: Order, *, budget: Budget = RICH, again: bool = False) -> Task:
        """Buy what was decided and wait for the provider's answer."""
        enqueued, submission = await self.engine.buy(task, order, budget, again=again)
        if submission is not None:
            await asyncio.wait_for(asyncio.shield(submission), BOUND)
        return await self.task(enqueued.task.id)

    async def beat(self, after: float = 0.0) -> None:
        """Let time pass, pull the trigger, and wait for what it began."""
        self.clock.time += after
        await self.engine.beat(self.account)
        await self.rest()

    async def quarantine(self) -> None:
        """Watch a doubt for as long as it takes."""
        for _ in range(14):
            await self.beat(10)

    async def rest(self) -> None:
        """Wait for the work under way."""
        while work := self.under_way():
            done, _ = await asyncio.wait(work, timeout=BOUND)
            assert done, "the engine's work does not end"
            await asyncio.sleep(0)

    async def until(self, task_id: str, status: Status, *, stride: float = 10.0, beats: int = 40) -> Task:
        """Beat until the task is there."""
        for _ in range(beats):
            if (task := await self.task(task_id)).status is status:
                return task
            await self.beat(stride)
        raise AssertionError(f"still {task.status} after {beats} beats: {await self.journal.history(task_id)}")

    async def survive(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something; where the process dies over it, be the next one."""
        doing, dying = asyncio.create_task(work), asyncio.create_task(self.life.over.wait())
        await asyncio.wait({doing, dying}, timeout=BOUND, return_when=asyncio.FIRST_COMPLETED)
        dead = self.life.over.is_set()
        for one in (doing, dying):
            one.cancel()
        with suppress(asyncio.CancelledError):
            await doing
        if dead:
            await self.open_again()

    def under_way(self) -> list[asyncio.Task[Any]]:
        """Return the engine's work."""
        return [t for t in asyncio.all_tasks() if TASK_ID.fullmatch(t.get_name()) or t.get_name().startswith("look ")]

    # --- looking ----------------------------------------------------------------------------------------------------

    async def task(self, task_id: str) -> Task:
        """Return the task as the journal has it."""
        return (await self.journal.get([task_id]))[task_id]

    async def break_(self, *faults: Fault) -> None:
        """Replace what goes wrong at the provider."""
        await self._control("POST", "/sandbox/faults", [f.to_json() for f in faults])

    async def bought(self) -> list[str]:
        """Return our ids of what exists at the provider."""
        return [t["external_id"] for t in await self._control("GET", "/sandbox/tasks")]

    async def sent(self) -> list[str]:
        """Return our ids of the creates that reached the provider, in their order, whatever became of them."""
        bodies = [c["body"] for c in await self.calls("create")]
        return [b.get("options", b)["external_task_id"] for b in bodies]

    async def calls(self, kind: str) -> list[dict[str, Any]]:
        """Return the calls of a kind that reached the provider."""
        return [c for c in await self._control("GET", "/sandbox/requests") if c["kind"] == kind]

    async def _control(self, method: str, path: str, body: Any = None) -> Any:
        transport = httpx2.ASGITransport(app=self.kling.app)
        async with httpx2.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            answer = await client.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def a_house(folder: Path, *faults: Fault, **asked: Any) -> AsyncIterator[House]:
    """Open a house and leave nothing running."""
    house = House(folder, *faults, **asked)
    try:
        yield house
    finally:
        await house.crash()

"""A vendor as an ASGI app: doors with a lock, a plan of faults, results that vanish. Each adds its own words."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send
from tests.vendors.fields import Form
from tests.vendors.floor import (
    MEDIA,
    Bill,
    Book,
    Fault,
    Faults,
    Hook,
    How,
    On,
    Order,
    Pace,
    Refusal,
    Task,
    Time,
    http_date,
)

from kling_sandbox.gate import ConnectionCut

WORDS = {
    402: "insufficient balance",
    404: "no such model",
    429: "too many requests",
    500: "internal error",
    503: "service unavailable",
}


@dataclass(frozen=True)
class Door:
    """One call that a vendor answers. `on` names its kind for faults; an open door asks for no key."""

    method: str
    path: str
    answer: Callable[[Request], Awaitable[Response]]
    on: On
    open: bool = False


@dataclass(frozen=True)
class Call:
    """One call that came in, and when."""

    on: On
    method: str
    path: str
    at: float


class Vendor(ABC):
    """One reseller. Every call moves the clock by `tick` seconds, so that polling brings a task on without waiting.

    `base_url` is set by whoever serves it: one address stands for all hosts of the vendor. `balance` is in the unit of
    its prices. `room` refuses creates beyond so many unfinished tasks; `peak` is the most there were at once.
    """

    #: Creates within so many seconds, beyond which the vendor refuses; and how long results live, in seconds.
    rate: ClassVar[tuple[int, float] | None] = None
    lifetime: ClassVar[float] = 7 * 86400.0
    upload_lifetime: ClassVar[float] = 7 * 86400.0
    #: What one unit of the prices is in US$, where the sheet knows.
    dollars: ClassVar[float | None] = 1.0
    #: Whether creates beyond `room` wait in the queue instead of being refused.
    surplus_waits: ClassVar[bool] = False
    #: How many tasks a page of its list has, and how late they show in it, seconds.
    page_size: int = 100
    lag: float = 0.0
    #: The key of its webhooks, where a person copies one from its pages.
    webhook_key: str = ""

    def __init__(
        self,
        *,
        key: str = "the-vendors-key",
        clock: Time | None = None,
        pace: Pace | None = None,
        tick: float = 1.0,
        balance: float = 10_000.0,
        room: int | None = None,
    ) -> None:
        self.key = key
        self.clock = clock or Time()
        self.book = Book(self.clock, pace or Pace(), balance)
        self.tick = tick
        self.room = room
        self.base_url = ""
        self.calls: list[Call] = []
        self.peak = 0
        self.uploads: dict[str, tuple[float, bytes, str]] = {}
        self._faults = Faults()
        doors = [*self.doors(), Door("GET", "/files/{name}", self._file, "file", open=True)]
        doors.append(Door("GET", "/uploads/{name:path}", self._uploaded, "file", open=True))
        # A bare router: an application would answer 500 where a fault cuts the line.
        self._app = Router(routes=[Route(door.path, self._guard(door), methods=[door.method]) for door in doors])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        await self._app(scope, receive, send)

    # What a vendor says in its own words

    @abstractmethod
    def doors(self) -> Sequence[Door]:
        """List the calls that the vendor answers."""

    @abstractmethod
    def authorize(self, request: Request) -> None:
        """Raise a Refusal unless the key is the right one."""

    @abstractmethod
    def refusal(self, refusal: Refusal) -> Response:
        """Write a refusal in the vendor's error shape."""

    def hidden(self, status: int, words: str) -> Response:
        """Write an error inside HTTP 200; only some vendors do."""
        raise NotImplementedError(f"{type(self).__name__} hides no error inside HTTP 200")

    def hook(self, task: Task, how: How, at: float) -> Hook:
        """Write and sign the webhook of a task at a moment; `forged` is signed wrongly, `tampered` is changed after."""
        raise NotImplementedError(f"{type(self).__name__} sends no webhooks")

    # What a test asks and does

    @property
    def creates(self) -> list[dict[str, Any]]:
        """The bodies of all creates that were accepted, oldest first."""
        return [task.body for task in self.book]

    @property
    def tasks(self) -> list[Task]:
        """All tasks that were accepted, oldest first."""
        return list(self.book)

    @property
    def bills(self) -> list[Bill]:
        """What was charged for what."""
        return self.book.bills

    @property
    def spent_usd(self) -> float | None:
        """What all bills come to in US$, where the sheet knows what a unit is worth."""
        return None if self.dollars is None else round(sum(bill.amount for bill in self.bills) * self.dollars, 6)

    def count(self, on: On) -> int:
        """Return how many calls of a kind came in, also those that a fault hit."""
        return sum(call.on == on for call in self.calls)

    def fault(
        self,
        kind: str,
        on: On = "create",
        *,
        nth: int = 1,
        times: int = 1,
        applied: bool | None = None,
        words: str = "",
    ) -> None:
        """Plan a fault (see `Fault`); raise NotImplementedError for one that this vendor never shows."""
        if kind.startswith("hidden"):
            self.hidden(500, words)
        applies = kind in ("cut", "garbage", "hang", "fail") if applied is None else applied
        self._faults.add(Fault(kind, on, nth, times, applies, words or "the model gave up"))

    def heal(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def finish(self, task_id: str) -> None:
        """Let a task be done now."""
        self.book.tasks[task_id].ended = self.clock.now()

    def fail(self, task_id: str, words: str = "the model gave up") -> None:
        """Let a task have failed now."""
        self.book.tasks[task_id].doom = words
        self.finish(task_id)

    def webhook(self, task_id: str, how: How = "genuine", url: str = "") -> Hook:
        """Return the webhook of a task, to the address that its create named or to `url`.

        A replayed one is the first that was made for the task, byte for byte; a stale one was signed an hour ago.
        """
        task = self.book.tasks[task_id]
        task.hook_url = url or task.hook_url
        if how == "replayed" and task.hooks:
            return task.hooks[0]
        hook = self.hook(task, how, self.clock.now() - (3600 if how == "stale" else 0))
        if how in ("genuine", "replayed"):
            task.hooks.append(hook)
        return hook

    # What vendors share

    def accept(self, order: Order, body: dict[str, Any]) -> Task:
        """Enter a task that is in order, unless the account is out of money or has too much under way."""
        now = self.clock.now()
        if self.rate and sum(task.created > now - self.rate[1] for task in self.book) >= self.rate[0]:
            raise Refusal(429, WORDS[429])
        if self.room is not None and not self.surplus_waits and len(self.book.unfinished) >= self.room:
            raise Refusal(429, WORDS[429])
        if self.book.balance < order.amount:
            raise Refusal(402, WORDS[402])
        task = self.book.add(order, body)
        self.peak = max(self.peak, len(self.book.unfinished))
        return task

    def listed(self, *, ended: bool = False) -> list[Task]:
        """Return the tasks that the vendor's own list shows by now, the newest first; perhaps only `ended` ones."""
        due = [task for task in self.tasks[::-1] if task.created + self.lag <= self.clock.now()]
        return [task for task in due if not (ended and task in self.book.unfinished)]

    def bought_elsewhere(self, body: dict[str, Any], model: str = "", ago: float = 0.0) -> Task:
        """Enter a task that somebody else made with the same account, some seconds ago."""
        task = self.book.add(Order(model or self.tasks[-1].model, 0.0), body)
        task.created -= ago
        return task

    def task(self, task_id: str) -> Task:
        """Return a task that is there, or refuse."""
        found = self.book.tasks.get(task_id)
        if found is None or found.removed:
            raise Refusal(404, "task not found")
        return found

    def result_url(self, task: Task) -> str:
        """Return where the result of a task lies."""
        return f"{self.base_url}/files/{task.serial}.{task.medium.rpartition('.')[2]}"

    def expired(self, task: Task) -> bool:
        """Tell whether the files of a finished task are gone."""
        return self.clock.now() > self.book.ended(task) + self.lifetime

    def slow_down(self, on: On, most: int) -> None:
        """Refuse more than so many calls of a kind within a second."""
        if sum(call.on == on and call.at > self.clock.now() - 1 for call in self.calls) > most:
            raise Refusal(429, WORDS[429])

    def keep(self, name: str, content: bytes, kind: str = "application/octet-stream") -> str:
        """Keep an uploaded file; return where it lies."""
        stored = f"{len(self.uploads) + 1}-{name}"
        self.uploads[stored] = (self.clock.now(), content, kind)
        return f"{self.base_url}/uploads/{stored}"

    def _guard(self, door: Door) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            self.clock.advance(self.tick)
            self.calls.append(Call(door.on, door.method, request.url.path, self.clock.now()))
            fault = self._faults.strike(door.on)
            if fault and not fault.applied:
                return await self._broken(fault, request)
            try:
                if not door.open:
                    self.authorize(request)
                response = await door.answer(request)
            except Refusal as refusal:
                response = self.refusal(refusal)
            else:
                if fault and fault.kind == "fail":
                    self.tasks[-1].doom = fault.words
                elif fault:
                    return await self._broken(fault, request)
            response.headers["date"] = http_date(self.clock.now())
            return response

        return answer

    async def _broken(self, fault: Fault, request: Request) -> Response:
        if fault.kind.isdigit():
            return self.refusal(Refusal(int(fault.kind), WORDS.get(int(fault.kind), fault.words)))
        if fault.kind.startswith("hidden"):
            status = int(fault.kind.partition("-")[2] or 500)
            return self.hidden(status, WORDS.get(status, fault.words))
        if fault.kind == "garbage":
            return Response("<html><body>bad gateway</body></html>", 200, media_type="text/html")
        if fault.kind == "hang":
            while (await request.receive())["type"] != "http.disconnect":
                pass
        raise ConnectionCut(hard=True)

    async def _file(self, request: Request) -> Response:
        serial, _, _ = request.path_params["name"].partition(".")
        task = next((task for task in self.book if str(task.serial) == serial), None)
        if task is None or self.book.state(task) != "done" or self.expired(task):
            return Response("no such file", 404)
        return FileResponse(MEDIA / task.medium)

    async def _uploaded(self, request: Request) -> Response:
        kept, content, kind = self.uploads.get(request.path_params["name"], (0.0, b"", ""))
        there = kind and self.clock.now() <= kept + self.upload_lifetime
        return Response(content, media_type=kind) if there else Response("no such file", 404)


async def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request, or refuse."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Refusal(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refusal(400, "the body is not an object")
    return body


def check(form: Form, body: Any, *, status: int, words: str, code: str = "", place: tuple[str | int, ...] = ()) -> None:
    """Refuse a body that does not follow its form."""
    if problems := form.problems(body, place):
        raise Refusal(status, words, code=code, problems=problems)


def bearer(request: Request, key: str, words: str, *, scheme: str = "Bearer", code: str = "") -> None:
    """Refuse a call whose Authorization header is not `scheme key`."""
    if request.headers.get("authorization") != f"{scheme} {key}":
        raise Refusal(401, words, code=code)


async def until(request: Request, done: Callable[[], bool], most: Callable[[], bool] = lambda: False) -> None:
    """Keep a connection open until something is so, until `most` is, or until the caller has gone."""
    while not (done() or most() or await request.is_disconnected()):
        await anyio.sleep(0.01)


def answered(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return JSON."""
    return JSONResponse(content, status, headers=headers)

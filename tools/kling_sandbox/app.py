"""The routes: which path asks for what. Dialects translate, the desk decides, the gate stands around."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kling_sandbox import auth, control, fields, legacy, listing, standard
from kling_sandbox.config import SandboxConfig
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import Refusal, failure, invalid, success
from kling_sandbox.files import FileRoom
from kling_sandbox.gate import Gate
from kling_sandbox.tasks import Task

PACK_UNITS = 10_000


class Sandbox(Starlette):
    """The simulated API as an ASGI app. It needs no lifespan, so it also runs in process."""

    def __init__(self, config: SandboxConfig) -> None:
        self.desk = Desk(config)
        self.gate = Gate(config)
        self.files = FileRoom(self.desk)
        super().__init__(routes=self._routes(), exception_handlers={Refusal: _refused, 404: _unknown, 405: _unknown})
        self.router.redirect_slashes = False  # a redirect would answer what the real API calls unknown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one call through the gate."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        await self.gate(super().__call__, scope, receive, send)

    def _routes(self) -> list[Route]:
        return [
            Route("/tasks", self.tasks_by_id, methods=["GET"]),
            Route("/tasks", self.task_list, methods=["POST"]),
            Route("/account/costs", self.costs, methods=["GET"]),
            Route("/v1/videos/{segment}", self.legacy_create, methods=["POST"]),
            Route("/v1/videos/{segment}", self.legacy_list, methods=["GET"]),
            Route("/v1/videos/{segment}/{id}", self.legacy_query, methods=["GET"]),
            Route("/files/{id}/{name}", self.files.answer, methods=["GET"]),
            *control.routes(self.gate, self.desk),
            Route("/{product}/{model}", self.standard_create, methods=["POST"]),
        ]

    async def standard_create(self, request: Request) -> Response:
        """POST /{product}/{model}: buy a task in the new standard."""
        product, model = request.path_params["product"], request.path_params["model"]
        if product not in standard.PRODUCTS:
            return await _unknown(request, Refusal(1202, ""))
        self._admit(request, new_standard=True)
        body, failing = _body(request), request.scope["call"].fail_task
        task = await run_in_threadpool(
            lambda: self.desk.place(standard.read_order(product, model, body), failure=failing)
        )
        return success(standard.created(task))

    async def tasks_by_id(self, request: Request) -> Response:
        """GET /tasks: up to 20 tasks of either standard; unknown ids are left out."""
        self._admit(request, new_standard=True)
        by, ids = standard.wanted_ids(request.query_params)
        find = self.desk.store.get if by == "id" else self.desk.store.by_external_id
        found = await run_in_threadpool(lambda: [task for id in ids if (task := find(id))])
        return success([self._standard_item(request, task) for task in found])

    async def task_list(self, request: Request) -> Response:
        """POST /tasks: the list with filters and a cursor."""
        self._admit(request, new_standard=True)
        wanted = listing.read_listing(_body(request), round(self.desk.config.clock() * 1000))
        made = await run_in_threadpool(self.desk.store.between, wanted.start_ms, wanted.end_ms)
        shown, cursor = listing.page(wanted, made, lambda task: self.desk.now(task).status)
        items = [self._standard_item(request, task) for task in shown]
        return success({"result": items, "count": len(items), "next_cursor": cursor, "has_more": bool(cursor)})

    async def legacy_create(self, request: Request) -> Response:
        """POST /v1/videos/{segment}: buy a task in the legacy standard."""
        product = self._legacy_product(request)
        body, failing = _body(request), request.scope["call"].fail_task
        task = await run_in_threadpool(lambda: self.desk.place(legacy.read_order(product, body), failure=failing))
        return success(legacy.created(task))

    async def legacy_query(self, request: Request) -> Response:
        """GET /v1/videos/{segment}/{id}: one task, by its id or external id, under the product that made it only."""
        product, id = self._legacy_product(request), request.path_params["id"]
        store = self.desk.store
        task = await run_in_threadpool(lambda: store.get(id) or store.by_external_id(id))
        if task is None or not task.order.legacy or task.order.product != product:
            raise invalid("Task not found by id/external id")
        return success(self._legacy_item(request, task))

    async def legacy_list(self, request: Request) -> Response:
        """GET /v1/videos/{segment}: one page of the product's tasks, newest first."""
        product = self._legacy_product(request)
        number = fields.page(request.query_params, "pageNum", 1, 1000)
        size = fields.page(request.query_params, "pageSize", 30, 500)
        page = self.desk.store.legacy_page
        found = await run_in_threadpool(lambda: page(product, offset=(number - 1) * size, limit=size))
        return success([self._legacy_item(request, task) for task in found])

    async def costs(self, request: Request) -> Response:
        """GET /account/costs: one pack, less what succeeded tasks took, in the double envelope (kling-official 7)."""
        self._admit(request, new_standard=False)
        query = request.query_params
        start = fields.moment(query.get("start_time"), "start_time", -1)
        end = fields.moment(query.get("end_time"), "end_time", -1)
        if start < 0 or end < 0 or start > end:
            raise invalid("start_time and end_time are required, in milliseconds and in order")
        every = await run_in_threadpool(self.desk.store.everything)
        used = sum((Decimal(t.units) for t in every if self.desk.now(t).status == "succeeded"), Decimal(0))
        pack = _pack(every[0].created_ms if every else end, used)
        wanted = query.get("resource_pack_name")
        packs = [pack] if wanted in (None, "", pack["resource_pack_name"]) else []
        return success({"code": 0, "msg": "SUCCEED", "resource_pack_subscribe_infos": packs})

    def _admit(self, request: Request, *, new_standard: bool) -> None:
        auth.admit(request.headers.get("authorization"), self.desk.config, new_standard=new_standard)

    def _legacy_product(self, request: Request) -> str:
        self._admit(request, new_standard=False)
        product = legacy.PRODUCTS.get(request.path_params["segment"])
        if product is None:
            raise Refusal(1202, "the requested method does not exist")
        return product

    def _standard_item(self, request: Request, task: Task) -> dict[str, Any]:
        return standard.item(task, self.desk.now(task), self.files.url(request, task))

    def _legacy_item(self, request: Request, task: Task) -> dict[str, Any]:
        return legacy.item(task, self.desk.now(task), self.files.url(request, task))


def create_app(config: SandboxConfig) -> Starlette:
    """Build the simulated API."""
    return Sandbox(config)


def _body(request: Request) -> fields.Body:
    call = request.scope["call"]
    if not call.readable or not isinstance(call.body, dict | None):
        raise Refusal(1200, "the request body is not a JSON object")
    return call.body or {}


def _pack(since_ms: int, used: Decimal) -> dict[str, Any]:
    left = max(Decimal(0), PACK_UNITS - used)
    return {
        "resource_pack_name": "Sandbox Video Pack",
        "resource_pack_id": "sandbox-video",
        "resource_pack_type": "decreasing_total",
        "total_quantity": float(PACK_UNITS),
        "remaining_quantity": float(left),
        "purchase_time": since_ms,
        "effective_time": since_ms,
        "invalid_time": since_ms + 180 * 24 * 3600 * 1000,
        "status": "online" if left else "runOut",
    }


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return failure(error.code, error.message)


async def _unknown(request: Request, error: Exception) -> Response:
    return failure(1202, f"the requested method does not exist: {request.method} {request.url.path[:100]}")

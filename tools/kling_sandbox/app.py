"""The routes: which path asks for what. Products read and show, the desk decides, the gate stands around."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kling_sandbox import auth, control, fields, listing, registry, shapes
from kling_sandbox.callbacks import Callbacks
from kling_sandbox.config import SandboxConfig
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import Refusal, failure, invalid, success
from kling_sandbox.files import FileRoom, address_on
from kling_sandbox.gate import Gate
from kling_sandbox.product import JSON, Address, Asked, Endpoint, Product, Workshop
from kling_sandbox.tasks import Task

Handler = Callable[[Request], Awaitable[Response]]


class Sandbox(Starlette):
    """The simulated API as an ASGI app. It needs no lifespan, so it also runs in process.

    `workshop` draws the files.
    """

    def __init__(self, config: SandboxConfig, workshop: type[Workshop] = Workshop) -> None:
        self.desk = Desk(config)
        self.gate = Gate(config)
        self.products = {product.path: product for product in registry.products(config)}
        self.files = FileRoom(self.desk, workshop(self.desk, self.products))
        self.callbacks = Callbacks(config, self._callback_body)
        super().__init__(routes=self._routes(), exception_handlers={Refusal: _refused, 404: _unknown, 405: _unknown})
        self.router.redirect_slashes = False  # a redirect would answer what the real API calls unknown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one call through the gate."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        await self.gate(super().__call__, scope, receive, send)

    def _routes(self) -> list[Route]:
        routes = [
            Route("/tasks", self.tasks_by_id, methods=["GET"]),
            Route("/tasks", self.task_list, methods=["POST"]),
            Route("/files/{id}/{token}/{name}", self.files.answer, methods=["GET"]),
            *control.routes(self.gate, self.desk, self.callbacks),
        ]
        for endpoint in registry.ENDPOINTS:
            routes.append(Route(endpoint.path, self._endpoint(endpoint), methods=[endpoint.method]))
        for product in self.products.values():
            routes.append(Route(product.path, self._create(product), methods=["POST"]))
            if product.legacy and product.answer is None:
                routes.append(Route(product.path, self._legacy_list(product), methods=["GET"]))
                routes.append(Route(f"{product.path}/{{id}}", self._legacy_query(product), methods=["GET"]))
        return [*routes, Route("/{product}/{model}", self.unknown_model, methods=["POST"])]

    def _create(self, product: Product) -> Handler:
        """POST the creating path: buy a task, or use a synchronous product."""

        async def create(request: Request) -> Response:
            self._admit(request, new_standard=not product.legacy)
            body, failing = _body(request), request.scope["call"].fail_task
            address = address_on(request)
            task = await run_in_threadpool(
                lambda: self.desk.place(product.path, product.read(body, self.desk), failure=failing)
            )
            if product.answer is not None:
                return success(product.answer(task, address))
            self.callbacks.follow(task, address)
            return success(shapes.created(task, address))

        return create

    def _legacy_query(self, product: Product) -> Handler:
        """GET the creating path with an id: one task, by its id or external id, under the product that made it only."""

        async def query(request: Request) -> Response:
            self._admit(request, new_standard=False)
            id, store = request.path_params["id"], self.desk.store
            task = await run_in_threadpool(
                lambda: store.get(id) or (store.by_external_id(id) if product.by_external_id else None)
            )
            if task is None or task.path != product.path:
                raise invalid("Task not found by id/external id")
            return success(self._legacy_item(task, address_on(request)))

        return query

    def _legacy_list(self, product: Product) -> Handler:
        """GET the creating path: one page of the product's tasks, newest first."""

        async def page(request: Request) -> Response:
            self._admit(request, new_standard=False)
            number = fields.page(request.query_params, "pageNum", 1, 1000)
            size = fields.page(request.query_params, "pageSize", 30, product.most_per_page)
            of_path = self.desk.store.of_path
            found = await run_in_threadpool(lambda: of_path(product.path, offset=(number - 1) * size, limit=size))
            return success([self._legacy_item(task, address_on(request)) for task in found])

        return page

    def _endpoint(self, endpoint: Endpoint) -> Handler:
        async def answer(request: Request) -> Response:
            self._admit(request, new_standard=False)
            asked = Asked(desk=self.desk, query=request.query_params, body=_body(request), address=address_on(request))
            return success(await run_in_threadpool(endpoint.answer, asked))

        return answer

    async def tasks_by_id(self, request: Request) -> Response:
        """GET /tasks: up to 20 tasks of either standard; unknown ids are left out."""
        self._admit(request, new_standard=True)
        by, ids = listing.wanted_ids(request.query_params)
        find = self.desk.store.get if by == "id" else self.desk.store.by_external_id
        found = await run_in_threadpool(lambda: [task for id in ids if (task := find(id)) and not task.instant])
        return success([self._item(task, address_on(request)) for task in found])

    async def task_list(self, request: Request) -> Response:
        """POST /tasks: the list with filters and a cursor."""
        self._admit(request, new_standard=True)
        wanted = listing.read_listing(_body(request), round(self.desk.config.clock() * 1000))
        made = await run_in_threadpool(self.desk.store.between, wanted.start_ms, wanted.end_ms)
        shown, cursor = listing.page(wanted, made, lambda task: self.desk.now(task).status)
        items = [self._item(task, address_on(request)) for task in shown]
        return success({"result": items, "count": len(items), "next_cursor": cursor, "has_more": bool(cursor)})

    async def unknown_model(self, request: Request) -> Response:
        """POST /{product}/{model} that nobody sells: 1203 when the product exists with other models, else 1202."""
        product, model = request.path_params["product"], request.path_params["model"]
        if not any(path.startswith(f"/{product}/") for path in self.products):
            return await _unknown(request, Refusal(1202, ""))
        self._admit(request, new_standard=True)
        raise Refusal(1203, f"model {model[:60]} does not exist for {product}")

    def _admit(self, request: Request, *, new_standard: bool) -> None:
        auth.admit(request.headers.get("authorization"), self.desk.config, new_standard=new_standard)

    def _item(self, task: Task, address: Address) -> JSON:
        return shapes.item(task, self.desk.now(task), self.products[task.path], address)

    def _legacy_item(self, task: Task, address: Address) -> JSON:
        return shapes.legacy_item(task, self.desk.now(task), self.products[task.path], address)

    def _callback_body(self, task: Task, address: Address) -> JSON:
        if not task.legacy:
            return self._item(task, address)
        # The one field of a query that callbacks are not documented with (kling-official 8.1).
        return {name: value for name, value in self._legacy_item(task, address).items() if name != "watermark_info"}


def create_app(config: SandboxConfig) -> Starlette:
    """Build the simulated API."""
    return Sandbox(config)


def _body(request: Request) -> fields.Body:
    call = request.scope["call"]
    if not call.readable or not isinstance(call.body, dict | None):
        raise Refusal(1200, "the request body is not a JSON object")
    call.tracked = fields.Tracked(call.body or {})
    tracked: fields.Tracked = call.tracked
    return tracked


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    request.scope["call"].refused = True
    return failure(error.code, error.message)


async def _unknown(request: Request, error: Exception) -> Response:
    return failure(1202, f"the requested method does not exist: {request.method} {request.url.path[:100]}")

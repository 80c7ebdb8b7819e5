"""The sandbox's own routes, without credentials: faults, the log of calls, callbacks, and what was bought.

They are no part of the Kling API. Tests read them to count purchases.
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kling_sandbox.callbacks import Callbacks
from kling_sandbox.desk import Desk
from kling_sandbox.faults import Fault
from kling_sandbox.gate import Gate
from kling_sandbox.tasks import Task


def routes(gate: Gate, desk: Desk, callbacks: Callbacks) -> list[Route]:
    """Build the control routes."""

    async def replace_faults(request: Request) -> Response:
        try:
            faults = Fault.list_from_json(request.scope["call"].body)
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        gate.faults.replace(faults)
        return JSONResponse(gate.faults.to_json())

    async def show_faults(request: Request) -> Response:
        return JSONResponse(gate.faults.to_json())

    async def show_requests(request: Request) -> Response:
        return JSONResponse(list(gate.log))

    async def show_callbacks(request: Request) -> Response:
        return JSONResponse(list(callbacks.log))

    async def show_tasks(request: Request) -> Response:
        every = await run_in_threadpool(desk.store.everything)
        return JSONResponse([_shown(desk, task) for task in every])

    return [
        Route("/sandbox/faults", replace_faults, methods=["POST"]),
        Route("/sandbox/faults", show_faults, methods=["GET"]),
        Route("/sandbox/requests", show_requests, methods=["GET"]),
        Route("/sandbox/callbacks", show_callbacks, methods=["GET"]),
        Route("/sandbox/tasks", show_tasks, methods=["GET"]),
    ]


def _shown(desk: Desk, task: Task) -> dict[str, Any]:
    bought = task.bought
    return {
        **task.settings,
        "id": task.id,
        "path": task.path,
        "legacy": task.legacy,
        "instant": task.instant,
        "status": desk.now(task).status,
        "model": bought.model,
        "pack": bought.pack,
        "units": bought.units,
        "slots": bought.slots,
        "watermark": bought.watermark,
        "external_id": bought.external_id,
        "callback_url": bought.callback_url,
        "failure": task.failure,
        "created_ms": task.created_ms,
        "ends_ms": task.ends_ms,
    }

"""The sandbox's own routes, without credentials: faults, the log of calls, and what was really bought.

They are no part of the Kling API. Tests read them to count purchases.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kling_sandbox.desk import Desk
from kling_sandbox.faults import Fault
from kling_sandbox.gate import Gate
from kling_sandbox.tasks import Task


def routes(gate: Gate, desk: Desk) -> list[Route]:
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

    async def show_tasks(request: Request) -> Response:
        every = await run_in_threadpool(desk.store.everything)
        return JSONResponse([_shown(desk, task) for task in every])

    return [
        Route("/sandbox/faults", replace_faults, methods=["POST"]),
        Route("/sandbox/faults", show_faults, methods=["GET"]),
        Route("/sandbox/requests", show_requests, methods=["GET"]),
        Route("/sandbox/tasks", show_tasks, methods=["GET"]),
    ]


def _shown(desk: Desk, task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "status": desk.now(task).status,
        "units": task.units,
        "failure": task.failure,
        "created_ms": task.created_ms,
        "ends_ms": task.ends_ms,
        **dataclasses.asdict(task.order),
    }

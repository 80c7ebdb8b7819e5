"""What tools answer with, as facts: the contract of `structuredContent`, and how a task is shown.

Amounts of money are decimal strings, times ISO 8601 with offset, durations seconds, sides pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from kling_tools.clock import iso
from kling_tools.model.money import plain
from kling_tools.model.status import Shown

if TYPE_CHECKING:
    from kling_tools.model.tasks import Output, Task
    from kling_tools.studio import Studio


class Facts(BaseModel):
    """A frozen answer."""

    model_config = ConfigDict(frozen=True)


class CostFacts(Facts):
    """What a task costs; `charged_usd` once the provider has said it."""

    usd: str | None
    units: str | None
    basis: Literal["exact", "estimate", "unknown"]
    charged_usd: str | None = None


class OutputFacts(Facts):
    """One result; `path` once it is on this disk."""

    kind: str
    path: str | None
    uri: str | None
    url: str
    url_expires: str | None
    seconds: float | None
    width: int | None
    height: int | None
    has_audio: bool | None


class ErrorFacts(Facts):
    """Why a task failed and whether it was charged."""

    code: str
    message: str
    spent: Literal["no", "yes", "unknown"]
    retryable: bool


class TaskFacts(Facts):
    """A task."""

    task_id: str
    status: Shown
    tool: str
    prompt: str
    provider: str
    model: str
    simulated: bool
    label: str
    cost: CostFacts
    eta_seconds: int | None
    outputs: list[OutputFacts]
    error: ErrorFacts | None
    notes: list[str]
    next: str
    resource_uri: str
    created: str
    updated: str


class TasksFacts(Facts):
    """Several tasks; `next_cursor` where there are more, `total` how many match."""

    tasks: list[TaskFacts]
    total: int
    next_cursor: str | None = None


class QuoteFacts(Facts):
    """One provider's price, or why it cannot do it."""

    provider: str
    model: str | None
    simulated: bool
    cost: CostFacts | None
    refused: str | None
    notes: list[str]


class EstimateFacts(Facts):
    """What a call would cost; nothing was sent."""

    tool: str
    quotes: list[QuoteFacts]
    budget_left_usd: str
    needs_confirmation: bool
    next: str


class ModelFacts(Facts):
    """What one model offers."""

    model: str
    name: str
    good_for: str
    text_to_video: bool
    image_to_video: bool
    last_image: list[str]
    seconds: str
    resolutions: list[str]
    aspect_ratios: list[str]
    audio: str
    usd_per_second: dict[str, str]
    needs: str
    prompt_max: int


class ModelsFacts(Facts):
    """The capability map; `auto` is what model=auto takes first."""

    models: list[ModelFacts]
    auto: str
    checked: str
    source: str


class LookFacts(Facts):
    """What is on the picture that came with it."""

    task_id: str | None
    path: str
    shows: Literal["sheet", "frame"]
    times: list[float]
    seconds: float
    width: int
    height: int
    has_audio: bool
    codec: str
    simulated: bool


def show(task: Task, studio: Studio, *, decided: bool = False) -> TaskFacts:
    """Return a task as agents see it, with the next step; `decided` adds how the request was understood."""
    return TaskFacts(
        task_id=task.id,
        status=task.status.shown,
        tool=task.plan.tool,
        prompt=task.plan.prompt,
        provider=task.plan.route.provider,
        model=task.plan.model,
        simulated=task.simulated,
        label=task.label,
        cost=_cost(task),
        eta_seconds=studio.eta(task),
        outputs=[_output(task, i, o) for i, o in enumerate(task.outputs, 1)],
        error=_error(task),
        notes=[*task.notes, *(task.plan.notes if decided else ()), *_trouble(task)],
        next=_next(task, studio.eta(task)),
        resource_uri=task_uri(task.id),
        created=iso(task.created),
        updated=iso(task.updated),
    )


def task_uri(task_id: str) -> str:
    """Return the resource address of a task."""
    return f"kling://tasks/{task_id}"


def _cost(task: Task) -> CostFacts:
    price, charge = task.plan.price, task.charge
    return CostFacts(
        usd=None if price.usd is None else plain(price.usd),
        units=None if price.units is None else plain(price.units),
        basis=price.basis,
        charged_usd=None if charge is None or charge.usd is None else plain(charge.usd),
    )


def _output(task: Task, number: int, output: Output) -> OutputFacts:
    return OutputFacts(
        kind=output.kind,
        path=output.path or None,
        uri=Path(output.path).as_uri() if output.path else None,
        url=output.url,
        url_expires=None if output.url_expires is None else iso(output.url_expires),
        seconds=output.seconds,
        width=output.width,
        height=output.height,
        has_audio=output.has_audio,
    )


def _trouble(task: Task) -> list[str]:
    return [f"Being retried: {task.trouble}"] if task.trouble else []


def _error(task: Task) -> ErrorFacts | None:
    failure = task.failure
    if failure is None:
        return None
    return ErrorFacts(
        code=failure.code,
        message=f"{failure.message} {failure.advice}".strip(),
        spent=failure.spent,
        retryable=failure.retryable,
    )


def _next(task: Task, eta: int | None) -> str:
    wait = f"check_status task_id={task.id} wait_seconds=45"
    match task.status.shown:
        case "succeeded":
            return f"view_video task_id={task.id} to look at it; give the person the path"
        case "failed":
            if task.failure is not None and task.failure.retryable:
                return "create it again with the same arguments"
            return "change what the error names, then create it again"
        case "cancelled":
            return "nothing: it was taken back before it was sent"
        case "unsure":
            return f"{wait}; do not create it again"
        case _:
            return f"{wait}; about {eta} s left" if eta else wait

"""Tasks, their files and their money as the facts that answers are made of."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from kling_tools.clock import iso
from kling_tools.model.money import plain
from kling_tools.model.status import Shown, Status
from kling_tools.operations.answers import CostFacts, ErrorFacts, OutputFacts, ShotFacts, TaskFacts
from kling_tools.operations.next_steps import next_step

if TYPE_CHECKING:
    from kling_tools.model.money import Price
    from kling_tools.model.tasks import Output, Task
    from kling_tools.studio import Studio


async def shown(tasks: Sequence[Task], studio: Studio, *, decided: bool = False) -> list[TaskFacts]:
    """Return tasks as agents see them, with the next step; `decided` adds how the request was understood."""
    films = await studio.shots(tasks)
    every = ((task, films.get(task.id, ())) for task in tasks)
    return [described(task, studio.eta(task, shots), shots, decided=decided) for task, shots in every]


def described(task: Task, eta: int | None, shots: Sequence[Task] = (), *, decided: bool = False) -> TaskFacts:
    """Return a task as agents see it; `eta` is about how many seconds are left, `shots` what it is a film of."""
    return TaskFacts(
        task_id=task.id,
        status=_standing(task, shots),
        tool=task.plan.tool,
        prompt=task.plan.words,
        provider=task.plan.route.provider,
        model=task.plan.model,
        simulated=task.simulated or any(shot.simulated for shot in shots),
        label=task.label,
        cost=cost(task.plan.price, _charged([s for s in shots if s.part_of == task.id] or [task])),
        eta_seconds=eta,
        outputs=[_output(task, i, o) for i, o in enumerate(task.outputs, 1)],
        error=_error(task),
        notes=[*task.notes, *(task.plan.notes if decided else ()), *_trouble(task)],
        next=next_step(task, eta),
        resource_uri=task_uri(task.id),
        created=iso(task.created),
        updated=iso(task.updated),
        shots=[_shot(shot, shots) for shot in shots] or None,
        part_of=task.part_of or None,
    )


def _standing(task: Task, shots: Sequence[Task]) -> Shown:
    """Return how a task stands; a film is being made as soon as one of its shots is."""
    waits = {Status.WAITING, Status.QUEUED}
    begun = task.status is Status.WAITING and any(shot.status not in waits for shot in shots)
    return "processing" if begun else task.status.shown


def _charged(tasks: Sequence[Task]) -> Decimal | None:
    """Return what was charged for a task, or for the shots that were bought for a film, as far as it is known."""
    known = [task.charge.usd for task in tasks if task.charge and task.charge.usd is not None]
    return sum(known, Decimal(0)) if known else None


def _shot(shot: Task, shots: Sequence[Task]) -> ShotFacts:
    price = cost(shot.plan.price, _charged([shot]))
    here = {s.id for s in shots if s.status is Status.SUCCEEDED}
    waits = shot.plan.after if shot.status is Status.WAITING and shot.plan.after not in here else ""
    return ShotFacts(
        task_id=shot.id,
        status=shot.status.shown,
        model=shot.plan.model,
        usd=price.most_usd or price.usd,
        charged_usd=price.charged_usd,
        path=next((output.path for output in shot.outputs if output.path), None),
        waits_for=waits or None,
        error=shot.failure.message if shot.failure else None,
    )


def task_uri(task_id: str) -> str:
    """Return the resource address of a task."""
    return f"kling://tasks/{task_id}"


def cost(price: Price, charged: Decimal | None = None) -> CostFacts:
    """Return a price, and the dollars that were charged where the provider has said it."""
    return CostFacts(
        usd=None if price.usd is None else plain(price.usd),
        most_usd=None if price.most is None or price.most == price.usd else plain(price.most),
        units=None if price.units is None else plain(price.units),
        basis=price.basis,
        charged_usd=None if charged is None else plain(charged),
    )


def _output(task: Task, number: int, output: Output) -> OutputFacts:
    return OutputFacts(
        kind=output.kind,
        id=output.remote_id or None,
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

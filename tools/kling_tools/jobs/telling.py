"""What OpenTelemetry is told about tasks, from the intent to the settled bill: names and figures in one place.

docs/observability.md lists them. Every span of a task has its id, since a task outlives the call that bought it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from kling_tools import telemetry
from kling_tools.jobs import ledger
from kling_tools.jobs.ledger import Entry
from kling_tools.model.money import from_micros, to_micros
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: Those of which somebody wants to know how many there are now.
_COUNTED = (Status.QUEUED, Status.UNSURE)


def of(task: Task) -> dict[str, str | bool]:
    """Return what every span of a task has."""
    return {"kling.task.id": task.id, **_kind(task)}


def _kind(task: Task) -> dict[str, str | bool]:
    return {
        "gen_ai.provider.name": task.plan.route.provider,
        "gen_ai.request.model": task.plan.model,
        "kling.tool": task.plan.tool,
        "kling.simulated": task.simulated,
    }


def spanned(name: str) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Let every run of a piece of work on a task be a span, and its duration a figure, both of this name."""

    def wrap(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(work)
        async def told(*args: P.args, **kwargs: P.kwargs) -> T:
            task = next(given for given in (*args, *kwargs.values()) if isinstance(given, Task))
            started = time.perf_counter()
            with telemetry.span(name, of(task)):
                try:
                    return await work(*args, **kwargs)
                finally:
                    telemetry.measure(f"{name}.duration", time.perf_counter() - started, "s", _kind(task))

        return told

    return wrap


def _harmless(tell: Callable[P, None]) -> Callable[P, None]:
    """Keep a fault in the telling away from what is told: it is called between a payment and its record."""

    @wraps(tell)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            tell(*args, **kwargs)
        except Exception:
            log.exception("a figure could not be told")

    return guarded


@_harmless
def created(tasks: Iterable[Task]) -> None:
    """Tell of tasks whose intent was written, and of the money that is held for them."""
    for task in tasks:
        telemetry.count("kling.tasks.created", 1, "{task}", _kind(task))
        if task.plan.price.most is not None and task.plan.spec.kind != "film":  # its shots hold the money
            telemetry.count("kling.cost.held", float(task.plan.price.most), "{USD}", _kind(task))


@_harmless
def changed(before: Status | None, task: Task) -> None:
    """Tell of a change that this process has written; `before` is None where the task was not under way."""
    if task.status is Status.UNSURE and before is not Status.UNSURE:
        telemetry.count("kling.tasks.unsure", 1, "{task}", _kind(task))
    if task.status.ended and before is not None:
        _ended(task)


def _ended(task: Task) -> None:
    how: dict[str, str | bool] = {"kling.task.status": task.status.value}
    if task.failure is not None:
        how["error.type"] = task.failure.code
    usd = _settled(task)
    with telemetry.span("kling.settle", {**of(task), **how, "kling.cost.usd": usd}):
        pass  # the journal has settled it in the same transaction
    telemetry.count("kling.tasks.ended", 1, "{task}", {**_kind(task), **how})
    telemetry.count("kling.cost.settled", usd, "{USD}", _kind(task))
    fetched = sum(output.size or 0 for output in task.outputs if output.path and output.url)
    telemetry.count("kling.fetch.size", fetched, "By", _kind(task))


def _settled(task: Task) -> float:
    """Return what the ledger books for a task that has ended, US dollars."""
    most = task.plan.price.most
    if task.plan.spec.kind == "film" or most is None:
        return 0.0
    entry = ledger.after(Entry(day="", simulated=task.simulated, state="held", held=to_micros(most)), task)
    return float(from_micros(entry.charged))


@_harmless
def detected(task: Task, lag: float) -> None:
    """Tell that a look found a task done, at most `lag` seconds after it was."""
    telemetry.measure("kling.detection.lag", lag, "s", _kind(task))


@_harmless
def standing(account: str, statuses: Iterable[Status]) -> None:
    """Tell how many of an account's tasks wait in its queue, or are in doubt."""
    if telemetry.measures():
        there = Counter(statuses)
        for status in _COUNTED:
            named: dict[str, str] = {"kling.account": account, "kling.task.status": status.value}
            telemetry.gauge("kling.tasks.standing", there[status], "{task}", named)

"""cancel_task: takes back what waits, and what was sent where the provider has a call for it; else it is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kling_tools.model.money import dollars
from kling_tools.model.requests import CancelTask
from kling_tools.model.status import LOCAL, Status
from kling_tools.operations.answers import TaskFacts
from kling_tools.operations.operation import Answer, Operation, Report
from kling_tools.operations.showing import shown

if TYPE_CHECKING:
    from kling_tools.model.tasks import Task
    from kling_tools.studio import Studio


async def run(studio: Studio, request: CancelTask, report: Report) -> Answer:
    """Withdraw it if it waits, and say what became of it in any case."""
    task = await studio.cancel(request.task_id)
    (facts,) = await shown([task], studio)
    own = [shot for shot in (await studio.shots([task])).get(task.id, ()) if shot.part_of == task.id]
    words = _of_film(task, own) if own else outcome(task)
    return Answer(facts.model_copy(update={"notes": [words, *facts.notes]}))


def _of_film(film: Task, own: Sequence[Task]) -> str:
    """Return what cancelling did to a film, of whose shots these were bought for it."""
    back = sum(shot.status is Status.CANCELLED for shot in own)
    if film.status is not Status.CANCELLED:
        if film.status.ended:
            return outcome(film)
        return "NOT cancelled: every shot was sent, and Kling has no way to take one back. The film goes on."
    others = (
        f" {len(own) - back} had been sent: they go on, cost what they cost, and are kept." if back < len(own) else ""
    )
    return f"Cancelled: there will be no film. {back} of {len(own)} shots were not sent and cost nothing.{others}"


def outcome(task: Task) -> str:
    """Return what cancelling did to the task, and what it costs all the same."""
    match task.status:
        case Status.CANCELLED:
            if task.remote is not None:
                return f"Cancelled: {task.plan.route.provider} took it back. {_taken(task)}"
            return f"Cancelled: it waits no more and is never sent. {_taken(task)}"
        case Status.QUEUED | Status.WAITING:
            return "NOT cancelled: it goes back and forth between waiting and being sent. Cancel it again."
        case Status.SUBMITTING:
            return (
                "NOT cancelled: a request for it may be on its way, and nobody knows yet whether Kling takes it. "
                "That is being looked up; if it turns out to wait again, cancel it then."
            )
        case Status.UNSURE:
            finds = task.plan.route.finds
            looked_up = "Whether Kling took it is being looked up" if finds else "It is never sent again by itself"
            return (
                f"NOT cancelled: it was sent and the answer was lost. {looked_up}; "
                f"if it was taken, it goes on there and costs {task.plan.price.words()}."
            )
        case Status.SUBMITTED | Status.PROCESSING:
            return (
                f"NOT cancelled: it was sent, and {_kept_there(task)}. It goes on and costs "
                f"{task.plan.price.words()}, whether or not anybody waits for it; its file is fetched when it is done."
            )
        case Status.FETCHING if task.account == LOCAL:
            return "NOT cancelled: it is being made on this machine, and costs nothing."
        case Status.SUCCEEDED if task.account == LOCAL:
            return "NOT cancelled: it had finished; it cost nothing."
        case Status.FETCHING:
            return "NOT cancelled: Kling has finished it. It is paid for, and its file is being fetched."
        case Status.SUCCEEDED:
            return "NOT cancelled: it had finished. It is paid for, and its file is kept."
        case _:
            return "NOT cancelled: it had failed already."


def _kept_there(task: Task) -> str:
    provider = task.plan.route.provider
    if provider in {"kling", "sandbox"}:
        return "Kling has no way to take a task back"
    return f"{provider} does not take it back at this point"


def _taken(task: Task) -> str:
    charge = task.charge
    if not task.prepared:
        return "Nothing was spent."
    if charge is None or charge.usd is None:
        return "Calls that came before had been made; what they took is not known."
    return f"The calls that came before took {dollars(charge.usd)}; nothing more is spent."


CANCEL_TASK = Operation(
    name="cancel_task",
    title="Cancel a task",
    description="Take back a task that still waits. One that was sent cannot be cancelled at Kling. Free.",
    toolset="jobs",
    effect="changes",
    request=CancelTask,
    facts=TaskFacts,
    run=run,
)

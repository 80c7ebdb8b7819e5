"""What every tool that spends does: buy, wait a little if asked, and show the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kling_tools.model.requests import SpendingRequest
from kling_tools.operations.answers import TaskFacts
from kling_tools.operations.operation import Answer, Effect, Operation, Report
from kling_tools.operations.showing import shown

if TYPE_CHECKING:
    from kling_tools.studio import Studio

R = TypeVar("R", bound=SpendingRequest)


async def buy(studio: Studio, request: SpendingRequest, report: Report) -> Answer:
    """Buy one task, or return the one already bought."""
    task = await studio.create(request)
    if request.wait_seconds and not task.status.ended:
        task = (await studio.wait([task.id], request.wait_seconds, report))[0]
    return Answer((await shown([task], studio, decided=True))[0])


def spending(
    name: str, title: str, description: str, toolset: str, request: type[R], *, effect: Effect = "spends"
) -> Operation[R]:
    """Return a tool that buys what its request says."""
    return Operation(
        name=name,
        title=title,
        description=description,
        toolset=toolset,
        effect=effect,
        request=request,
        facts=TaskFacts,
        run=buy,
    )

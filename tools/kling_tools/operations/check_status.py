"""check_status: where tasks stand, with an optional wait that stays below every host's time limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_tools.model.requests import CheckStatus
from kling_tools.operations.answers import TasksFacts
from kling_tools.operations.operation import Answer, Operation, Report
from kling_tools.operations.showing import shown


async def run(studio: Studio, request: CheckStatus, report: Report) -> Answer:
    """Look at the journal, waiting for the end if asked; never an error because a task takes long."""
    tasks = await studio.wait(request.ids, request.wait_seconds, report)
    return Answer(TasksFacts(tasks=await shown(tasks, studio), total=len(tasks)))


CHECK_STATUS = Operation(
    name="check_status",
    title="Check tasks",
    description="Where one or several tasks stand: progress, cost, the file's path once done. Free. Can wait.",
    toolset="jobs",
    effect="reads",
    request=CheckStatus,
    facts=TasksFacts,
    run=run,
)

if TYPE_CHECKING:
    from kling_tools.studio import Studio

"""list_tasks: the journal, newest first; it survives restarts and is shared by every host on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_tools.model.requests import ListTasks
from kling_tools.operations.answers import TasksFacts
from kling_tools.operations.operation import Answer, Operation, Report
from kling_tools.operations.showing import shown


async def run(studio: Studio, request: ListTasks, report: Report) -> Answer:
    """Return one page."""
    page = await studio.list(request)
    return Answer(
        TasksFacts(
            tasks=await shown(page.tasks, studio),
            total=page.total,
            total_at_least=page.more,
            next_cursor=page.next_cursor,
            unreadable=list(page.unreadable) or None,
        )
    )


LIST_TASKS = Operation(
    name="list_tasks",
    title="List tasks",
    description="Earlier and running tasks, newest first, also from other chats. Free.",
    toolset="jobs",
    effect="reads",
    request=ListTasks,
    facts=TasksFacts,
    run=run,
)

if TYPE_CHECKING:
    from kling_tools.studio import Studio

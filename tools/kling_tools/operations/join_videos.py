"""join_videos: several results as one film, made on this machine; it is a task like any other, and free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_tools.model.requests import JoinVideos
from kling_tools.operations.answers import TaskFacts
from kling_tools.operations.operation import Answer, Operation, Report
from kling_tools.operations.showing import shown

#: As long as hosts wait for an answer; a longer film goes on behind it.
WAIT_SECONDS = 45


async def run(studio: Studio, request: JoinVideos, report: Report) -> Answer:
    """Begin it, and show it once it is done or has taken long."""
    task = await studio.join(request)
    if not task.status.ended:
        (task,) = await studio.wait([task.id], WAIT_SECONDS, report)
    return Answer((await shown([task], studio))[0])


JOIN_VIDEOS = Operation(
    name="join_videos",
    title="Join videos",
    description="Join videos to one file on this machine, in the size of the first. Free.",
    toolset="results",
    effect="changes",
    request=JoinVideos,
    facts=TaskFacts,
    run=run,
)

if TYPE_CHECKING:
    from kling_tools.studio import Studio

"""create_video: the main job. Answers with a task id at once; the price is checked before a byte leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_tools.model.requests import CreateVideo
from kling_tools.operations.answers import TaskFacts, show
from kling_tools.operations.operation import Answer, Operation, Report


async def run(studio: Studio, request: CreateVideo, report: Report) -> Answer:
    """Buy one video, or return the one already bought."""
    task = await studio.create(request)
    if request.wait_seconds and not task.status.ended:
        task = (await studio.wait([task.id], request.wait_seconds, report))[0]
    return Answer(show(task, studio, decided=True))


CREATE_VIDEO = Operation(
    name="create_video",
    title="Create a video",
    description=(
        "Make a video with Kling from words or from a first frame. Costs money: the answer says how much, and "
        "estimate_cost says it before. Answers at once with a task id; the video takes minutes."
    ),
    toolset="video",
    effect="spends",
    request=CreateVideo,
    facts=TaskFacts,
    run=run,
)

if TYPE_CHECKING:
    from kling_tools.studio import Studio

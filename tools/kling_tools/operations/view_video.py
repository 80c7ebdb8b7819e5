"""view_video: lets the agent see a result, as a small contact sheet or one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_tools.model.requests import ViewVideo
from kling_tools.operations.answers import LookFacts
from kling_tools.operations.operation import Answer, Operation, Report


async def run(studio: Studio, request: ViewVideo, report: Report) -> Answer:
    """Draw the picture in a child process and answer with it."""
    look = await studio.look(request)
    facts = LookFacts(
        task_id=request.task_id,
        path=str(look.path),
        shows="sheet" if request.at_seconds is None else "frame",
        times=[round(t, 2) for t in look.times],
        seconds=round(look.facts.seconds, 2),
        width=look.facts.width,
        height=look.facts.height,
        has_audio=look.facts.has_audio,
        codec=look.facts.codec,
        simulated=look.simulated,
    )
    return Answer(facts, images=(look.jpeg,))


VIEW_VIDEO = Operation(
    name="view_video",
    title="Look at a video",
    description="See a finished video: a contact sheet of its length, or one frame. Free.",
    toolset="results",
    effect="reads",
    request=ViewVideo,
    facts=LookFacts,
    run=run,
)

if TYPE_CHECKING:
    from kling_tools.studio import Studio

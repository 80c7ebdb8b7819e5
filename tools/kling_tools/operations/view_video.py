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
        shows="pictures" if look.facts is None else "sheet" if request.at_seconds is None else "frame",
        times=[round(t, 2) for t in look.times],
        pictures=look.pictures,
        seconds=None if look.facts is None else round(look.facts.seconds, 2),
        width=look.width,
        height=look.height,
        has_audio=look.facts is not None and look.facts.has_audio,
        codec="" if look.facts is None else look.facts.codec,
        simulated=look.simulated,
    )
    return Answer(facts, images=(look.jpeg,))


VIEW_VIDEO = Operation(
    name="view_video",
    title="Look at a result",
    description="See a finished video (contact sheet, or one frame) or finished pictures. Free.",
    toolset="results",
    effect="reads",
    request=ViewVideo,
    facts=LookFacts,
    run=run,
)

if TYPE_CHECKING:
    from kling_tools.studio import Studio

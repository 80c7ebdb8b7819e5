"""view_video: lets the agent see a result, as a small contact sheet, one frame, or two results side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kling_tools.model.requests import ViewVideo
from kling_tools.operations.answers import FilmFacts, LookFacts
from kling_tools.operations.operation import Answer, Operation, Report


async def run(studio: Studio, request: ViewVideo, report: Report) -> Answer:
    """Draw the picture in a child process and answer with it; only with what was found where images are turned off."""
    look = await studio.look(request, draw=studio.settings.images)
    facts = LookFacts(
        **_film(look.film),
        task_id=request.task_id,
        shows=look.shows,
        times=[round(t, 2) for t in look.times],
        pictures=look.pictures,
        compared=None if look.compared is None else FilmFacts(**_film(look.compared)),
    )
    return Answer(facts, images=(look.jpeg,) if look.jpeg else ())


def _film(film: Film) -> dict[str, Any]:
    facts, seen, heard = film.facts, film.seen, film.heard
    whole = seen is not None and not seen.partial
    return {
        "path": str(film.path),
        "size": film.size,
        "seconds": None if film.seconds is None else round(film.seconds, 2),
        "width": film.width,
        "height": film.height,
        "fps": round(facts.fps, 2) if facts and facts.fps else None,
        "codec": film.codec,
        "has_audio": heard is not None or (facts is not None and facts.has_audio),
        "simulated": film.simulated,
        "cuts": None if seen is None else [round(at, 2) for at in seen.cuts],
        "black": _spans(seen.black) if seen and whole else None,
        "frozen": _spans(seen.frozen) if seen and whole else None,
        "silent": None if heard is None else _spans(heard.silent),
        "loudness_lufs": None if heard is None else heard.lufs,
        "peak_dbfs": None if heard is None else heard.peak,
        "partial": seen is not None and seen.partial,
    }


def _spans(spans: Iterable[tuple[float, float]]) -> list[list[float]]:
    return [list(span) for span in spans]


VIEW_VIDEO = Operation(
    name="view_video",
    title="Look at a result",
    description="See a result: contact sheet and facts, the frame at_seconds, or two compared. Free.",
    toolset="results",
    effect="reads",
    request=ViewVideo,
    facts=LookFacts,
    run=run,
)

if TYPE_CHECKING:
    from kling_tools.studio import Studio
    from kling_tools.studio.looking import Film

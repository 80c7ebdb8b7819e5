"""What an agent writes to page through tasks, as the journal searches."""

from __future__ import annotations

import math
from datetime import datetime

from kling_tools.jobs.questions import Search, running_statuses
from kling_tools.model.errors import InvalidArguments, quoted
from kling_tools.model.media import TASK_ID
from kling_tools.model.requests import ListTasks
from kling_tools.model.status import Status

_INNER: dict[str, tuple[str, ...]] = {
    "running": running_statuses(),
    "queued": (Status.WAITING.value, Status.QUEUED.value, Status.SUBMITTING.value),
    "processing": (Status.PROCESSING.value, Status.FETCHING.value),
}


def search(request: ListTasks) -> Search:
    """Return the request as a search.

    Raises:
        InvalidArguments: no such day, or a cursor that was not given out.
    """
    statuses = _INNER.get(request.status or "", (request.status,) if request.status else ())
    return Search(
        statuses=tuple(s for s in statuses if s),
        words=request.query or "",
        since=_day_start(request.since),
        limit=request.limit,
        parts=False,
        before=_position(request.cursor),
    )


def cursor_at(position: tuple[float, str]) -> str:
    """Return a place in the journal as an agent passes it on."""
    created, task_id = position
    return f"{created!r}_{task_id}"


def _day_start(day: str | None) -> float:
    if not day:
        return 0.0
    try:
        return datetime.strptime(day, "%Y-%m-%d").astimezone().timestamp()
    except (ValueError, OverflowError):
        raise InvalidArguments(f"since: {quoted(day, 20)} is no day; write YYYY-MM-DD.") from None


def _position(cursor: str | None) -> tuple[float, str] | None:
    if not cursor:
        return None
    created, _, task_id = cursor.partition("_")
    try:
        position = float(created)
    except ValueError:
        position = math.nan
    if not math.isfinite(position) or not TASK_ID.fullmatch(task_id):
        raise InvalidArguments("cursor: take it from next_cursor of the page before.")
    return position, task_id

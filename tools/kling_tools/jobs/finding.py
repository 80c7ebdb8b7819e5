"""Finding tasks in a journal of any length: a page of them, newest first, and how many there are, counted to a bound.

Only places in time are searched for, and then a page of tasks is read by them: no search grows with the journal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kling_tools.jobs.database import Connection
from kling_tools.jobs.questions import Position, Search

#: So many are counted, and so many whose words have to be read for it; that there are more is all a person needs.
MOST_COUNTED, MOST_READ = 1000, 50
#: Words that so many tasks have are frequent. Where so few tasks have a status, these are gone through for such words.
FREQUENT, FEW = 2000, 20_000
#: A position later than all.
END = (float("inf"), "")

#: No id comes after it.
_AFTER_ALL = "\U0010ffff"


def find(db: Connection, search: Search) -> tuple[list[Position], int, bool]:
    """Return where the page's tasks stand, newest first, how many match, and whether there are more than that."""
    most = MOST_READ if search.words else MOST_COUNTED
    match = _match(db, search)
    # The first page is the beginning of what is counted in any case.
    found = _newest(db, search, match, END, max(search.limit if search.before is None else 0, most + 1))
    page = found if search.before is None else _newest(db, search, match, search.before, search.limit)
    return page[: search.limit], min(len(found), most), len(found) > most


def _match(db: Connection, search: Search) -> str:
    """Return how the index of words is asked; "" where there is no need of it."""
    match = db.expression(search.words.casefold())
    return "" if match and _is_rest_rarer(db, match, search) else match


def _newest(db: Connection, search: Search, match: str, before: Position, limit: int) -> list[Position]:
    words = search.words.casefold()
    told: dict[str, Any] = {"before": before[0], "before_id": before[1], "since": search.since, "parts": search.parts}
    told |= {"words": words, "like": _like(words)}
    if match:
        asked = {"match": match, "statuses": _listed(search.statuses), "caller": search.caller}
        return _by_words(db, {**told, **asked}, limit)
    # Each status of each caller is its own run through time: one question for all would have to sort everything.
    found = [row for run in _runs(db, search) for row in db.rows(**run, **told, limit=limit)]
    return sorted(found, reverse=True)[:limit]


def _runs(db: Connection, search: Search) -> list[dict[str, str]]:
    callers = [row[0] for row in db.rows("callers")] if search.caller is None else [search.caller]
    if not search.statuses:
        return [{"name": "page", "caller": caller} for caller in callers]
    return [{"name": "page_of_status", "caller": c, "status": s} for c in callers for s in search.statuses]


def _by_words(db: Connection, told: dict[str, Any], limit: int) -> list[Position]:
    """Ask the index of words, and go through those that are not in it yet."""
    found = db.rows("page_by_words", **told, limit=limit)
    if len(found) == limit:  # of the last moment there may be more, and the index does not know them by their ids
        moment = found[-1][0]
        before = min((moment, _AFTER_ALL), (told["before"], told["before_id"]))
        ties = {**told, "since": moment, "before": before[0], "before_id": before[1]}
        found += db.rows("page_by_words", **ties, limit=-1)
    found += db.rows("page_without_place", **told, limit=limit)
    return sorted(set(found), reverse=True)[:limit]


def _is_rest_rarer(db: Connection, match: str, search: Search) -> bool:
    """Whether few tasks are of the caller and the statuses that are asked for, and many have the words."""
    if search.caller is None and not search.statuses:
        return False
    (having,) = db.row("count_of_words", match=match, limit=FREQUENT) or (0,)
    if having < FREQUENT:
        return False
    standing = 0
    for run in _runs(db, search):
        asked = {**run, "name": "count_of_status" if search.statuses else "count_of_caller"}
        (counted,) = db.row(**asked, limit=FEW) or (0,)
        standing += counted
    return standing < FEW


def _listed(statuses: Sequence[str]) -> str:
    return json.dumps(statuses) if statuses else ""


def _like(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"

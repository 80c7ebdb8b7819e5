"""GET and POST /tasks: which tasks are asked for, by ids or by filters, a span and a cursor (kling-official 2.3)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from kling_sandbox import fields
from kling_sandbox.envelope import invalid
from kling_sandbox.fields import Body
from kling_sandbox.tasks import LIFETIME_MS, Task

STATUSES = frozenset({"submitted", "processing", "succeeded", "failed"})
PRODUCT_TYPES = frozenset({"video", "image", "try_on"})
MOST_IDS = 20


def wanted_ids(query: Mapping[str, str]) -> tuple[str, list[str]]:
    """Read which tasks GET /tasks asks for: ("id" or "external", the ids without repeats)."""
    by_id, by_external = query.get("task_ids"), query.get("external_task_ids")
    if (by_id is None) == (by_external is None):
        raise invalid("give either task_ids or external_task_ids")
    ids = [part.strip() for part in (by_id if by_id is not None else by_external or "").split(",") if part.strip()]
    if not ids:
        raise invalid("task_ids and external_task_ids cannot be empty")
    if len(ids) > MOST_IDS:
        raise invalid(f"at most {MOST_IDS} task ids can be queried at once")
    return ("id" if by_id is not None else "external"), list(dict.fromkeys(ids))


@dataclass(frozen=True)
class Listing:
    """What is listed: a span, filters, a page size, and the last task of the page before."""

    start_ms: int
    end_ms: int
    limit: int
    statuses: frozenset[str] | None
    product_types: frozenset[str] | None
    after: tuple[int, str] | None = None


def read_listing(body: Body, now_ms: int) -> Listing:
    """Read the body. A cursor brings its own span and filters; the other fields are then ignored."""
    if cursor := fields.text(body, "cursor"):
        return _from_cursor(cursor)
    limit = fields.integer(body, "limit", 100)
    if not 1 <= limit <= 500:
        raise invalid("limit must be between 1 and 500")
    start = fields.moment(body.get("start_time"), "start_time", now_ms - LIFETIME_MS)
    end = fields.moment(body.get("end_time"), "end_time", now_ms)
    if start > end:
        raise invalid("start_time must not be after end_time")
    filters = fields.objects(body, "filters")
    return Listing(
        start, end, limit, _filter(filters, "status", STATUSES), _filter(filters, "product_type", PRODUCT_TYPES)
    )


def page(listing: Listing, newest_first: list[Task], status_of: Callable[[Task], str]) -> tuple[list[Task], str]:
    """Return one page and the cursor of the next, '' when there is none."""
    left = (
        task
        for task in newest_first
        if (listing.after is None or (task.created_ms, task.id) < listing.after)
        and not task.instant
        and (listing.product_types is None or task.bought.pack in listing.product_types)
        and (listing.statuses is None or status_of(task) in listing.statuses)
    )
    # No further than the page: with thousands of tasks every page would cost as much as the whole list.
    shown = list(islice(left, listing.limit))
    return shown, _to_cursor(listing, shown[-1]) if next(left, None) is not None else ""


def _filter(filters: list[Body], key: str, allowed: frozenset[str]) -> frozenset[str] | None:
    for part in filters:
        if part.get("key") not in ("status", "product_type"):
            raise invalid("filters: key must be status or product_type")
    # Values of one key are alternatives, keys are conditions.
    lists = [part.get("values") for part in filters if part.get("key") == key]
    if not lists:
        return None
    values = [value for values in lists if isinstance(values, list) for value in values]
    if not values or not all(isinstance(value, str) and value in allowed for value in values):
        raise invalid(f"filters: values of {key} must be among {', '.join(sorted(allowed))}")
    return frozenset(values)


def _to_cursor(listing: Listing, last: Task) -> str:
    value = {
        "span": [listing.start_ms, listing.end_ms],
        "limit": listing.limit,
        "status": None if listing.statuses is None else sorted(listing.statuses),
        "product_type": None if listing.product_types is None else sorted(listing.product_types),
        "after": [last.created_ms, last.id],
    }
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _from_cursor(cursor: str) -> Listing:
    try:
        value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(cursor))
        statuses, kinds = (None if value[key] is None else frozenset(value[key]) for key in ("status", "product_type"))
        start, end = (int(part) for part in value["span"])
        made, id = value["after"]
        return Listing(start, end, int(value["limit"]), statuses, kinds, (int(made), str(id)))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise invalid("cursor is invalid") from error

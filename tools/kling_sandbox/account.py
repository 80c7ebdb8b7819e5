"""The account: what is left of the packs, and every deduction from them (kling-official 7).

The sandbox's account is prepaid: it has a pack of each type, and no cash was ever deducted.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from kling_sandbox import fields
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import Refusal, invalid
from kling_sandbox.fields import Body
from kling_sandbox.product import JSON, Asked, Endpoint
from kling_sandbox.tasks import Task

LIMIT_MAX: Final = 500
LIFETIME_MS: Final = 180 * 24 * 3600 * 1000
API_KEY_NAME: Final = "sandbox"
PACKAGE_KEYS: Final = ("api_key_name", "product_type", "package_name", "package_id")
BALANCE_KEYS: Final = ("api_key_name",)


@dataclass(frozen=True)
class Pack:
    """A prepaid pack. `product_type` is its word in billing: a hyphen here, an underscore in POST /tasks."""

    type: str
    id: str
    name: str
    product_type: str
    units: int


PACKS: Final = (
    Pack("video", "sandbox-video", "Sandbox Video Pack", "video", 10_000),
    Pack("image", "sandbox-image", "Sandbox Image Pack", "image", 100_000),
    Pack("try_on", "sandbox-try-on", "Sandbox Try-On Pack", "try-on", 10_000),
)
PACK_OF: Final = {pack.type: pack for pack in PACKS}


@dataclass(frozen=True)
class Deduction:
    """Units that a task took from a pack when it was done."""

    task: Task
    pack: Pack
    before: Decimal
    after: Decimal

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in time."""
        return self.task.ends_ms, self.task.id


@dataclass(frozen=True)
class Wanted:
    """Which deductions are asked for; `after` is the last one of the page before."""

    start_ms: int
    end_ms: int
    limit: int
    filters: dict[str, list[str]]
    after: tuple[int, str] | None = None


def costs(asked: Asked) -> JSON:
    """GET /account/costs: the packs in the double envelope. More than one call a second is 429/1302."""
    start = fields.moment(asked.query.get("start_time"), "start_time", -1)
    end = fields.moment(asked.query.get("end_time"), "end_time", -1)
    if start < 0 or end < 0 or start > end:
        raise invalid("start_time and end_time are required, in milliseconds and in order")
    _once_a_second(asked.desk)
    every = asked.desk.store.everything()
    since = every[0].created_ms if every else end
    done = _deductions(asked.desk)
    name = asked.query.get("resource_pack_name")
    packs = [_pack(pack, since, done) for pack in PACKS if name in (None, "", pack.name)]
    return {"code": 0, "msg": "SUCCEED", "resource_pack_subscribe_infos": packs}


def package(asked: Asked) -> JSON:
    """POST /account/billing/package: the deductions of units, newest first."""
    wanted = _read(asked.body, PACKAGE_KEYS)
    left = [one for one in reversed(_deductions(asked.desk)) if _matches(one, wanted)]
    shown = left[: wanted.limit]
    cursor = _cursor(wanted, shown[-1]) if len(left) > len(shown) else ""
    return _page([_detail(one) for one in shown], cursor)


def balance(asked: Asked) -> JSON:
    """POST /account/billing/balance: the deductions of cash, of which a prepaid account has none."""
    _read(asked.body, BALANCE_KEYS)
    return _page([], "")


ENDPOINTS: Final = (
    Endpoint(method="GET", path="/account/costs", answer=costs),
    Endpoint(method="POST", path="/account/billing/package", answer=package),
    Endpoint(method="POST", path="/account/billing/balance", answer=balance),
)


def _once_a_second(desk: Desk) -> None:
    now = desk.config.clock()
    last = float(desk.store.marked("costs asked") or "-inf")
    if 0 <= now - last < 1:
        raise Refusal(1302, "too many requests: at most one query of the costs a second")
    desk.store.mark("costs asked", repr(now))


def _deductions(desk: Desk) -> list[Deduction]:
    """List what was deducted, oldest first: synchronous calls too, failed and free tasks never."""
    return list(_running(task for task in desk.store.everything() if desk.now(task).status == "succeeded"))


def _running(done: Iterator[Task]) -> Iterator[Deduction]:
    left = {pack.type: Decimal(pack.units) for pack in PACKS}
    for task in sorted(done, key=lambda task: (task.ends_ms, task.id)):
        units = Decimal(task.bought.units)
        if not units:
            continue
        before = left[task.bought.pack]
        left[task.bought.pack] = max(Decimal(0), before - units)
        yield Deduction(task, PACK_OF[task.bought.pack], before, left[task.bought.pack])


def _pack(pack: Pack, since_ms: int, done: Sequence[Deduction]) -> JSON:
    left = next((one.after for one in reversed(done) if one.pack == pack), Decimal(pack.units))
    return {
        "resource_pack_name": pack.name,
        "resource_pack_id": pack.id,
        "resource_pack_type": "decreasing_total",
        "total_quantity": float(pack.units),
        "remaining_quantity": float(left),
        "purchase_time": since_ms,
        "effective_time": since_ms,
        "invalid_time": since_ms + LIFETIME_MS,
        "status": "online" if left else "runOut",
    }


def _read(body: Body, keys: tuple[str, ...]) -> Wanted:
    if cursor := fields.text(body, "cursor"):
        return _from_cursor(cursor)
    start = fields.moment(body.get("start_time"), "start_time", -1)
    end = fields.moment(body.get("end_time"), "end_time", -1)
    if start < 0 or end < 0 or start > end:
        raise invalid("start_time and end_time are required without cursor, in milliseconds and in order")
    limit = fields.integer(body, "limit", LIMIT_MAX)
    if not 1 <= limit <= LIMIT_MAX:
        raise invalid(f"limit must be between 1 and {LIMIT_MAX}")
    filters: dict[str, list[str]] = {}
    for part in fields.objects(body, "filters"):
        key, values = fields.needed(part, "key", keys), part.get("values")
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            raise invalid(f"filters: values of {key} must be a list of strings")
        filters.setdefault(key, []).extend(values)
    if "package_name" in filters and "package_id" in filters:
        raise invalid("filters: package_name and package_id cannot be used together")
    known = {pack.product_type for pack in PACKS}
    if unknown := set(filters.get("product_type", ())) - known:
        raise invalid(f"filters: product_type {sorted(unknown)[0][:40]} is none of {', '.join(sorted(known))}")
    return Wanted(start, end, limit, filters)


def _matches(one: Deduction, wanted: Wanted) -> bool:
    has = {
        "api_key_name": API_KEY_NAME,
        "product_type": one.pack.product_type,
        "package_name": one.pack.name,
        "package_id": one.pack.id,
    }
    in_time = wanted.start_ms <= one.task.ends_ms <= wanted.end_ms
    fits = all(has[key] in values for key, values in wanted.filters.items())
    return in_time and fits and (wanted.after is None or one.place < wanted.after)


def _detail(one: Deduction) -> JSON:
    task, settings = one.task, one.task.settings
    seconds = max((media.seconds for media in task.bought.media), default=0.0)
    return {
        "package_id": one.pack.id,
        "product_type": one.pack.product_type,
        "task_id": task.id,
        "api_key_name": API_KEY_NAME,
        "product_function": task.path.removeprefix("/v1").strip("/"),
        "model_name": task.bought.model,
        "resolution": str(settings.get("resolution") or ""),
        "duration": f"{seconds:.2f}" if seconds else "",
        "refer_video_input": bool(settings.get("refer_videos")),
        "video_sound": settings.get("sound") == "native",
        "voice_control": bool(settings.get("voices")),
        "deduction_time": str(task.ends_ms),
        "unit_before_deduction": str(one.before),
        "deduction_amount": task.bought.units,
        "unit_after_deduction": str(one.after),
    }


def _page(detail: list[JSON], cursor: str) -> JSON:
    return {"result": {"detail": detail, "count": len(detail)}, "next_cursor": cursor, "has_more": bool(cursor)}


def _cursor(wanted: Wanted, last: Deduction) -> str:
    value = [wanted.start_ms, wanted.end_ms, wanted.limit, wanted.filters, last.place]
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _from_cursor(cursor: str) -> Wanted:
    try:
        start, end, limit, filters, (ended, id) = json.loads(base64.urlsafe_b64decode(cursor))
        kept: dict[str, list[str]] = {key: [*map(str, filters[key])] for key in PACKAGE_KEYS if key in filters}
        size = min(max(1, int(limit)), LIMIT_MAX)
        return Wanted(int(start), int(end), size, kept, (int(ended), str(id)))
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise invalid("cursor is invalid") from error

"""What the account has and what was taken from it: packs and deductions (kling-official 7). Free questions.

Pure, like its neighbours; that the packs may be asked for once a second only is the desk's to keep.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from kling_tools.model.errors import InvalidArguments, one_line
from kling_tools.model.library import Deduction, DeductionPage, Pack, PackKind, PackStatus
from kling_tools.providers.dialect import WireAnswer, WireCall
from kling_tools.providers.kling import reading
from kling_tools.providers.kling.envelope import inside, misshapen, unwrapped

COSTS = "/account/costs"
PACK_BILL = "/account/billing/package"
CASH_BILL = "/account/billing/balance"
PAGE_SIZE = 100
LARGEST_PAGE = 500
_LONGEST_CURSOR = 4096

_STATUSES: Mapping[str, PackStatus] = {
    "tobeonline": "upcoming",
    "online": "active",
    "expired": "expired",
    "runout": "used up",
}
_IMAGE = re.compile(r"image|picture|photo|图", re.IGNORECASE)
_VIDEO = re.compile(r"video|视频", re.IGNORECASE)


def costs(start: float, end: float) -> WireCall:
    """Encode the question for the packs of a time.

    Raises:
        InvalidArguments: it ends before it starts.
    """
    first, last = _span(start, end)
    query = (("start_time", str(first)), ("end_time", str(last)))
    return WireCall(method="GET", path=COSTS, query=query, product=COSTS)


def packs(answer: WireAnswer, *, pair: bool = False) -> tuple[Pack, ...]:
    """Read the packs; one without a figure or with a status that is not documented is left out.

    Raises:
        ProviderRefused: either envelope says no. ProviderBroken: there are no packs in it.
    """
    envelope = unwrapped(answer, "legacy", pair=pair)
    infos = inside(envelope, "legacy", pair=pair).get("resource_pack_subscribe_infos") or []
    if not isinstance(infos, list) or (infos and not reading.records(infos)):
        raise misshapen(envelope, "has no list of packs")
    return tuple(pack for info in reading.records(infos) if (pack := _pack(info)) is not None)


def bill(cash: bool, start: float, end: float, cursor: str = "", limit: int = PAGE_SIZE) -> WireCall:
    """Encode one page of what was taken: of money if `cash`, else of packs; `cursor` from the page before.

    Raises:
        InvalidArguments: it ends before it starts.
    """
    first, last = _span(start, end)
    path = CASH_BILL if cash else PACK_BILL
    body: dict[str, Any] = {"start_time": first, "end_time": last, "limit": max(1, min(limit, LARGEST_PAGE))}
    if cursor:
        body["cursor"] = cursor
    return WireCall(method="POST", path=path, body=body, product=path)


def deductions(call: WireCall, answer: WireAnswer, *, pair: bool = False) -> DeductionPage:
    """Read one page; an entry that names neither a task nor an amount is left out.

    Raises:
        ProviderRefused. ProviderBroken: there is no list in it.
    """
    envelope = unwrapped(answer, "legacy", pair=pair)
    data = inside(envelope, "legacy", pair=pair)
    details = _details(data.get("result"))
    if details is None or (details and not reading.records(details)):
        raise misshapen(envelope, "has no list of deductions")
    cash = call.path == CASH_BILL
    found = (_deduction(detail, cash) for detail in reading.records(details))
    return DeductionPage(tuple(d for d in found if d.task_id or d.units or d.amount), _cursor(call, data))


def _pack(info: Mapping[str, Any]) -> Pack | None:
    left = reading.number(info.get("remaining_quantity"))
    status = _STATUSES.get(reading.text(info.get("status")).strip().lower())
    if left is None or status is None:
        return None
    total = reading.number(info.get("total_quantity"))
    name = _line(info.get("resource_pack_name"), 120)
    return Pack(
        name=name,
        id=_line(info.get("resource_pack_id"), 128),
        kind=_kind(name),
        total=left if total is None else total,
        left=left,
        valid_until=reading.moment(info.get("invalid_time")),
        status=status,
    )


def _kind(name: str) -> PackKind:
    """Return what a pack pays for. "Image to video" is video, and try-on has packs of its own."""
    if _VIDEO.search(name):
        return "video"
    return "image" if _IMAGE.search(name) else "other"


def _deduction(detail: Mapping[str, Any], cash: bool) -> Deduction:
    currency = _line(detail.get("currency"), 8).upper() if cash else ""
    money = _taken(detail) if cash else None
    return Deduction(
        task_id=_line(detail.get("task_id"), 128),
        at=reading.moment(detail.get("deduction_time")) or 0.0,
        product=_line(detail.get("product_function") or detail.get("product_type"), 80),
        model=_line(detail.get("model_name"), 80),
        units=None if cash else reading.number(detail.get("deduction_amount")),
        usd=money if currency == "USD" else None,
        currency=currency,
        amount=money,
    )


def _details(result: object) -> Sequence[object] | None:
    """Return the entries; null stands for none, a list may come without its wrapper."""
    if isinstance(result, dict):
        result = result.get("detail")
    if result is None:
        return []
    return result if isinstance(result, list) else None


def _cursor(call: WireCall, data: Mapping[str, Any]) -> str:
    cursor = reading.text(data.get("next_cursor"))
    asked = (call.body or {}).get("cursor")
    # A cursor that points at itself would keep us here for ever.
    return "" if data.get("has_more") is False or cursor == asked or len(cursor) > _LONGEST_CURSOR else cursor


def _span(start: float, end: float) -> tuple[int, int]:
    """Return both ends in milliseconds."""
    if not 0 <= start <= end <= reading.LAST_SECOND:
        raise InvalidArguments("The time asked about ends before it starts, or is no time.")
    return int(start * 1000), int(end * 1000)


def _taken(detail: Mapping[str, Any]) -> Decimal | None:
    """Return the money that was taken; where only the balance is told, the difference."""
    told = reading.number(detail.get("deduction_amount"))
    before, after = (reading.number(detail.get(f"balance_{when}_deduction")) for when in ("before", "after"))
    return before - after if told is None and before is not None and after is not None else told


def _line(value: object, limit: int) -> str:
    return one_line(reading.text(value), limit)

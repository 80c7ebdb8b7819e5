"""Kling's current API: the model is in the path, tasks are asked about at one address (kling-official 2, 3).

Opened by an API key only. It has no service yet but the twelve video endpoints; `official` sends the rest to the
legacy API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kling_tools.model.errors import Impossible
from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.plan import Standard as ApiStandard
from kling_tools.model.specs import MotionSpec, VideoSpec
from kling_tools.model.tasks import Observation, Remote
from kling_tools.providers.dialect import Bare, Page, WireAnswer, WireCall
from kling_tools.providers.kling import observing, reading, standard_video
from kling_tools.providers.kling.envelope import unwrapped

TASKS = "/tasks"
IDS_PER_QUERY = 20
#: The longest page of the list, and what is not at its end there (kling-official 2.3).
PAGE_SIZE = 500
ACTIVE = ("submitted", "processing")
_LONGEST_CURSOR = 4096


class Standard(Bare):
    """The current API as a dialect."""

    standards: tuple[ApiStandard, ...] = ("standard",)
    lists: tuple[str, ...] = ("",)

    def product(self, plan: Plan) -> str:
        """Return the product's path, which names the model (kling-official 3.2)."""
        return f"/{plan.spec.product}/{plan.wire_model}"

    def create(self, order: Order) -> WireCall:
        """Encode a paid task (kling-official 3.1, 3.2)."""
        path, spec = self.product(order.plan), order.plan.spec
        if isinstance(spec, VideoSpec):
            body = standard_video.video(order, spec)
        elif isinstance(spec, MotionSpec):
            body = standard_video.motion(order, spec)
        else:
            raise Impossible(f"Kling's current API has no {spec.product}; its legacy API has.")
        callback = {"callback_url": order.callback_url} if order.callback_url else {}
        body["options"] = {"external_task_id": order.external_id, "watermark_info": {"enabled": False}, **callback}
        return WireCall(method="POST", path=path, body=body, product=path)

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to a create (kling-official 2.2)."""
        created = reading.created(unwrapped(answer, "standard", product=call.product).data)
        task = observing.current(call.product, answer, {"status": "submitted", **created})
        return task if task.external_id else replace(task, external_id=order.external_id)

    def looks(self, remotes: Sequence[Remote]) -> list[WireCall]:
        """Encode queries of twenty ids each; the address serves every product (kling-official 2.3)."""
        ids = list(dict.fromkeys(remote.id for remote in remotes))
        starts = range(0, len(ids), IDS_PER_QUERY)
        return [_query("task_ids", ",".join(ids[start : start + IDS_PER_QUERY])) for start in starts]

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read the answer to a query. The task object does not name its product: that stays the call's."""
        return list(self.page(call, answer).observations)

    def find(self, external_id: str, product: str) -> WireCall:
        """Encode the question for a task by our own id (kling-official 2.3)."""
        return _query("external_task_ids", external_id, product)

    def listing(
        self, product: str = "", *, active: bool = False, start: float | None = None, end: float | None = None
    ) -> WireCall:
        """Encode the list of every product's tasks; without `start` it shows the last 30 days (kling-official 2.3).

        One list serves all products: its tasks do not say which made them, so they are the call's `product` only where
        one was named.
        """
        body: dict[str, Any] = {"limit": PAGE_SIZE}
        if start is not None:
            body["start_time"] = int(start * 1000)
        if end is not None:
            body["end_time"] = int(end * 1000)
        if active:
            body["filters"] = [{"key": "status", "values": list(ACTIVE)}]
        return _list(body, product)

    def page(self, call: WireCall, answer: WireAnswer) -> Page:
        """Read the answer to a query, which is whole, or one page of the list."""
        data = unwrapped(answer, "standard", product=call.product).data
        items = _listed(data) if call.listing else reading.listed(data)
        tasks = reading.every(items, partial(observing.current, call.product, answer))
        return Page(tuple(tasks), _next(call, data) if call.listing else None)

    def probe(self) -> WireCall:
        """Encode a query for a task nobody has: free, and only a valid API key gets an answer (kling-official 15)."""
        return _query("task_ids", "0")


def _query(key: str, ids: str, product: str = "") -> WireCall:
    return WireCall(method="GET", path=TASKS, query=((key, ids),), product=product)


def _list(body: Mapping[str, Any], product: str) -> WireCall:
    return WireCall(method="POST", path=TASKS, body=body, product=product, listing=True)


def _listed(data: object) -> Sequence[object]:
    """Return a page's tasks, with or without the wrapper; an empty page may be null inside it."""
    if not isinstance(data, dict):
        return reading.listed(data)
    return reading.listed([] if "result" in data and data["result"] is None else data.get("result"))


def _next(call: WireCall, data: object) -> WireCall | None:
    """Return the call for the page after; its cursor brings the rest of the question with it."""
    page = reading.record(data)
    cursor = reading.text(page.get("next_cursor"))
    asked = (call.body or {}).get("cursor")
    # A cursor that points at itself would keep us here for ever.
    if not cursor or page.get("has_more") is False or cursor == asked or len(cursor) > _LONGEST_CURSOR:
        return None
    return _list({"cursor": cursor}, call.product)

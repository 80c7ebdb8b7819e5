"""Kling's current API: the model is in the path, tasks are asked about at one address (kling-official 2, 3).

Opened by an API key only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from kling_tools.model.errors import quoted
from kling_tools.model.plan import Order, Plan
from kling_tools.model.plan import Standard as ApiStandard
from kling_tools.model.tasks import Charge, Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Page, WireAnswer, WireCall
from kling_tools.providers.kling import reading
from kling_tools.providers.kling.envelope import unwrapped

TASKS = "/tasks"
IDS_PER_QUERY = 20
MAX_LIST = 500


class Standard:
    """The current API as a dialect."""

    standard: ApiStandard = "standard"

    def product(self, plan: Plan) -> str:
        """Return the product's path, which names the model (kling-official 3.2)."""
        return f"/{plan.effect}/{plan.wire_model}"

    def create(self, order: Order) -> WireCall:
        """Encode a paid task (kling-official 3.1, 3.2)."""
        plan = order.plan
        path = self.product(plan)
        body = {
            **_content(order),
            "settings": _settings(plan),
            "options": {"external_task_id": order.external_id, "watermark_info": {"enabled": False}},
        }
        return WireCall(method="POST", path=path, body=body, product=path)

    def accepted(self, call: WireCall, answer: WireAnswer) -> Observation:
        """Read the answer to a create (kling-official 2.2)."""
        created = reading.created(unwrapped(answer, self.standard).data)
        task = _task(call.product, answer, {"status": "submitted", **created})
        own_id = reading.text(reading.record((call.body or {}).get("options")).get("external_task_id"))
        return task if task.external_id else replace(task, external_id=own_id)

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

    def listing(self, product: str, limit: int = 100) -> WireCall:
        """Encode the account's list; it holds every product, whatever `product` is (kling-official 2.3)."""
        return WireCall(method="POST", path=TASKS, body={"limit": max(1, min(limit, MAX_LIST))}, product=product)

    def page(self, call: WireCall, answer: WireAnswer) -> Page:
        """Read one page of the list, or the answer to a query as the only page."""
        data = unwrapped(answer, self.standard).data
        tasks = reading.every(reading.listed(data, "result"), partial(_task, call.product, answer))
        return Page(tuple(tasks), _next(call, reading.record(data)))

    def probe(self) -> WireCall:
        """Encode a query for a task nobody has: free, and only a valid API key gets an answer (kling-official 15)."""
        return _query("task_ids", "0")


def _content(order: Order) -> dict[str, Any]:
    plan = order.plan
    if plan.effect == "text-to-video":
        return {"prompt": plan.prompt}
    contents = [
        {"type": "prompt", "text": plan.prompt},
        {"type": "first_frame", "url": reading.on_wire(order.image)},
    ]
    if order.last_image is not None:
        contents.append({"type": "last_frame", "url": reading.on_wire(order.last_image)})
    return {"contents": contents}


def _settings(plan: Plan) -> dict[str, Any]:
    settings: dict[str, Any] = {"resolution": plan.resolution, "duration": plan.seconds}
    if plan.effect == "text-to-video" and plan.aspect_ratio:
        settings["aspect_ratio"] = plan.aspect_ratio
    if plan.audio in {"off", "native"}:
        settings["audio"] = plan.audio
    if plan.multi_shot is not None:
        settings["multi_shot"] = plan.multi_shot
    return settings


def _query(key: str, ids: str, product: str = "") -> WireCall:
    return WireCall(method="GET", path=TASKS, query=((key, ids),), product=product)


def _next(call: WireCall, data: Mapping[str, Any]) -> WireCall | None:
    cursor = reading.text(data.get("next_cursor"))
    asked = call.body or {}
    # A cursor that points at itself would keep us here for ever.
    if call.method != "POST" or not cursor or data.get("has_more") is False or cursor == asked.get("cursor"):
        return None
    return WireCall(method="POST", path=TASKS, body={**asked, "cursor": cursor}, product=call.product)


def _task(product: str, answer: WireAnswer, task: Mapping[str, Any]) -> Observation:
    status = reading.status(task.get("status"))
    message = reading.text(task.get("message"))
    return Observation(
        remote=Remote(id=reading.identity(task.get("id")), product=product, host=answer.host),
        external_id=reading.text(task.get("external_id")),
        status=status,
        reason=quoted(message) if status == "failed" and message else "",
        outputs=tuple(_outputs(task)),
        charge=_charge(task),
        simulated=answer.simulated,
    )


def _outputs(task: Mapping[str, Any]) -> Iterator[RemoteOutput]:
    for item in reading.records(task.get("outputs")):
        url = reading.text(item.get("url"))
        length = reading.seconds(item.get("duration"))
        remote_id = reading.text(item.get("id"))
        match item.get("type"):
            case "video" if url:
                yield RemoteOutput(kind="video", url=url, seconds=length, remote_id=remote_id)
            case "image" if url:
                yield RemoteOutput(kind="image", url=url, remote_id=remote_id)
            case "audio":
                form = "mp3" if item.get("mp3_url") else "wav"
                if sound := reading.text(item.get(f"{form}_url")) or url:
                    heard = reading.seconds(item.get(f"{form}_duration"))
                    yield RemoteOutput(kind="audio", url=sound, seconds=heard or length, remote_id=remote_id)


def _charge(task: Mapping[str, Any]) -> Charge | None:
    """Return the sum of the bill. Money in another currency than USD has no place in a `Charge` and is left out."""
    sums: dict[str, Decimal] = {}
    for line in reading.records(task.get("billing")):
        amount = reading.number(line.get("amount"))
        kind = line.get("charge_type")
        known = kind == "unit" or (kind == "cash" and line.get("currency") == "USD")
        if amount is not None and known:
            sums[str(kind)] = sums.get(str(kind), Decimal(0)) + amount
    return reading.charge(sums.get("unit"), sums.get("cash"))

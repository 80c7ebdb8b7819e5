"""Kling's legacy API: flat bodies with a `model_name`, each product with its own queries (kling-official 2.4, 2.5, 4).

Kept because a pair of access and secret key opens nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from kling_tools.model.errors import Impossible, quoted
from kling_tools.model.plan import Effect, Order, Plan, Standard
from kling_tools.model.tasks import Charge, Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Page, WireAnswer, WireCall
from kling_tools.providers.kling import reading
from kling_tools.providers.kling.envelope import absent, failure, opened, unwrapped

PRODUCTS: Mapping[Effect, str] = {
    "text-to-video": "/v1/videos/text2video",
    "image-to-video": "/v1/videos/image2video",
}
MODES: Mapping[str, str] = {"720p": "std", "1080p": "pro", "4k": "4k"}

#: Up to this many tasks of a product are asked about one by one; beyond, its list is cheaper.
SINGLE_QUERIES = 3
PAGE_SIZE = 500
LAST_PAGE = 1000


class Legacy:
    """The legacy API as a dialect."""

    standard: Standard = "legacy"

    def product(self, plan: Plan) -> str:
        """Return the product's path (kling-official 4.2, 4.3)."""
        return PRODUCTS[plan.effect]

    def create(self, order: Order) -> WireCall:
        """Encode a paid task (kling-official 4.2, 4.3)."""
        plan = order.plan
        product = self.product(plan)
        body = {
            "model_name": plan.wire_model,
            "prompt": plan.prompt,
            "mode": _mode(plan),
            "duration": str(plan.seconds),
            **_sound_and_shots(plan),
            **_frames(order),
            "external_task_id": order.external_id,
            "watermark_info": {"enabled": False},
        }
        return WireCall(method="POST", path=product, body=body, product=product)

    def accepted(self, call: WireCall, answer: WireAnswer) -> Observation:
        """Read the answer to a create (kling-official 2.4)."""
        created = reading.created(unwrapped(answer, self.standard).data)
        task = _task(call.product, answer, {"task_status": "submitted", **created})
        own_id = reading.text((call.body or {}).get("external_task_id"))
        return task if task.external_id else replace(task, external_id=own_id)

    def looks(self, remotes: Sequence[Remote]) -> list[WireCall]:
        """Encode single queries where a product has few tasks, else its list (kling-official 2.5, 12.1)."""
        products: dict[str, dict[str, None]] = {}
        for remote in remotes:
            products.setdefault(remote.product, {})[remote.id] = None
        calls: list[WireCall] = []
        for product, ids in products.items():
            few = len(ids) <= SINGLE_QUERIES
            calls += [_single(product, one) for one in ids] if few else [self.listing(product, PAGE_SIZE)]
        return calls

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read the answer to a query."""
        return list(self.page(call, answer).observations)

    def find(self, external_id: str, product: str) -> WireCall:
        """Encode the question for a task by our own id, which serves in place of Kling's (kling-official 2.5)."""
        return _single(product, external_id)

    def listing(self, product: str, limit: int = 100) -> WireCall:
        """Encode the first page of a product's list (kling-official 2.5)."""
        return _list(product, 1, max(1, min(limit, PAGE_SIZE)))

    def page(self, call: WireCall, answer: WireAnswer) -> Page:
        """Read one page of a list, or the answer to a single query as the only page."""
        envelope = opened(answer)
        if not call.query and absent(envelope):
            return Page(())
        if envelope.code != 0:
            raise failure(envelope, self.standard)
        items = reading.listed(envelope.data)
        tasks = reading.every(items, partial(_task, call.product, answer))
        return Page(tuple(tasks), _next(call, len(items)))

    def probe(self) -> WireCall:
        """Encode the shortest list: free, and only a valid token gets an answer."""
        return self.listing(PRODUCTS["text-to-video"], 1)


def _mode(plan: Plan) -> str:
    if mode := MODES.get(plan.resolution):
        return mode
    raise Impossible(f"Kling's legacy API has no resolution {quoted(plan.resolution, 20)}.", advice="Use an API key.")


def _sound_and_shots(plan: Plan) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if plan.audio in {"off", "native"}:
        fields["sound"] = "on" if plan.audio == "native" else "off"
    if plan.multi_shot is not None:
        fields["multi_shot"] = plan.multi_shot
    if plan.multi_shot:  # the prompt tells the whole story; single shots are not part of a plan
        fields["shot_type"] = "intelligence"
    return fields


def _frames(order: Order) -> dict[str, Any]:
    if order.plan.effect == "text-to-video":
        return {"aspect_ratio": order.plan.aspect_ratio} if order.plan.aspect_ratio else {}
    fields = {"image": reading.on_wire(order.image)}
    if order.last_image is not None:
        fields["image_tail"] = reading.on_wire(order.last_image)
    return fields


def _single(product: str, task: str) -> WireCall:
    return WireCall(method="GET", path=f"{product}/{quote(task, safe='')}", product=product)


def _list(product: str, number: int, size: int) -> WireCall:
    query = (("pageNum", str(number)), ("pageSize", str(size)))
    return WireCall(method="GET", path=product, query=query, product=product)


def _next(call: WireCall, found: int) -> WireCall | None:
    query = dict(call.query)
    number, size = int(query.get("pageNum", "0")), int(query.get("pageSize", "0"))
    if not size or found < size or number >= LAST_PAGE:
        return None
    return _list(call.product, number + 1, size)


def _task(product: str, answer: WireAnswer, task: Mapping[str, Any]) -> Observation:
    status = reading.status(task.get("task_status"))
    message = reading.text(task.get("task_status_msg"))
    return Observation(
        remote=Remote(id=reading.identity(task.get("task_id")), product=product, host=answer.host),
        external_id=reading.text(reading.record(task.get("task_info")).get("external_task_id")),
        status=status,
        reason=quoted(message) if status == "failed" and message else "",
        outputs=tuple(_outputs(reading.record(task.get("task_result")))),
        charge=_charge(task, answer.host),
        simulated=answer.simulated,
    )


def _outputs(result: Mapping[str, Any]) -> Iterator[RemoteOutput]:
    for item in reading.records(result.get("videos")):
        if url := reading.text(item.get("url")):
            length = reading.seconds(item.get("duration"))
            yield RemoteOutput(kind="video", url=url, seconds=length, remote_id=reading.text(item.get("id")))


def _charge(task: Mapping[str, Any], host: str) -> Charge | None:
    """Return what was taken. Cash has no currency here: it is the region's, and yuan have no place in a `Charge`."""
    cash = reading.number(reading.record(task.get("final_balance_deduction")).get("quota"))
    units = reading.number(task.get("final_unit_deduction"))
    return reading.charge(units, None if "beijing" in host else cash)

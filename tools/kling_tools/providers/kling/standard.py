"""Kling's current API: the model is in the path, tasks are asked about at one address (kling-official 2, 3).

Opened by an API key only. It has no service yet but the twelve video endpoints; `official` sends the rest to the
legacy API.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from kling_tools.model.errors import Impossible
from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.plan import Standard as ApiStandard
from kling_tools.model.specs import MotionSpec, VideoSpec
from kling_tools.model.tasks import Observation, Remote
from kling_tools.providers.dialect import Page, WireAnswer, WireCall
from kling_tools.providers.kling import observing, reading, standard_video
from kling_tools.providers.kling.envelope import unwrapped

TASKS = "/tasks"
IDS_PER_QUERY = 20


class Standard:
    """The current API as a dialect."""

    standards: tuple[ApiStandard, ...] = ("standard",)

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
        body["options"] = {"external_task_id": order.external_id, "watermark_info": {"enabled": False}}
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

    def page(self, call: WireCall, answer: WireAnswer) -> Page:
        """Read the answer to a query, which is whole."""
        data = unwrapped(answer, "standard", product=call.product).data
        tasks = reading.every(reading.listed(data), partial(observing.current, call.product, answer))
        return Page(tuple(tasks))

    def probe(self) -> WireCall:
        """Encode a query for a task nobody has: free, and only a valid API key gets an answer (kling-official 15)."""
        return _query("task_ids", "0")


def _query(key: str, ids: str, product: str = "") -> WireCall:
    return WireCall(method="GET", path=TASKS, query=((key, ids),), product=product)

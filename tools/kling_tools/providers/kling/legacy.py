"""Kling's legacy API: flat bodies, each product with its own path and queries (kling-official 2.4, 2.5, 4 - 6).

A key pair opens nothing else, and beside the twelve current video endpoints everything is sold here only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from kling_tools.model.errors import Impossible, ProviderBroken
from kling_tools.model.plan import AT_ONCE, Order, Plan, Prepared, Standard
from kling_tools.model.specs import AvatarSpec, LipSyncSpec, Product
from kling_tools.model.tasks import Observation, Remote
from kling_tools.providers.dialect import Bare, Page, WireAnswer, WireCall
from kling_tools.providers.kling import (
    legacy_image,
    legacy_library,
    legacy_sound,
    legacy_speech,
    legacy_video,
    observing,
    reading,
)
from kling_tools.providers.kling.envelope import Envelope, absent, failure, opened, unwrapped
from kling_tools.providers.kling.legacy_fields import Body

LIP_SYNC = "/v1/videos/advanced-lip-sync"

#: Every product's path and encoder, which takes the order and its spec (kling-official 16).
PRODUCTS: Mapping[Product, tuple[str, Callable[[Order, Any], Body]]] = {
    "text-to-video": ("/v1/videos/text2video", legacy_video.text_to_video),
    "image-to-video": ("/v1/videos/image2video", legacy_video.image_to_video),
    "omni-video": ("/v1/videos/omni-video", legacy_video.omni_video),
    "motion-control": ("/v1/videos/motion-control", legacy_video.motion_control),
    "effects": ("/v1/videos/effects", legacy_video.effects),
    "lip-sync": (LIP_SYNC, legacy_speech.lip_sync),
    "avatar": ("/v1/videos/avatar/image2video", legacy_speech.avatar),
    "speech": (legacy_speech.SPEECH, legacy_speech.speech),
    "sound-from-text": ("/v1/audio/text-to-audio", legacy_sound.from_text),
    "sound-from-video": ("/v1/audio/video-to-audio", legacy_sound.from_video),
    "image": ("/v1/images/generations", legacy_image.generations),
    "omni-image": ("/v1/images/omni-image", legacy_image.omni_image),
    "multi-image": ("/v1/images/multi-image2image", legacy_image.multi_image),
    "outpaint": ("/v1/images/editing/expand", legacy_image.outpaint),
    "try-on": ("/v1/images/kolors-virtual-try-on", legacy_image.try_on),
    "views": ("/v1/general/ai-multi-shot", legacy_image.views),
    "cutouts": ("/v1/videos/image-recognize", legacy_image.cutouts),
    "element": ("/v1/general/advanced-custom-elements", legacy_library.element),
    "voice": ("/v1/general/custom-voices", legacy_library.voice),
}
#: Whose page knows only Kling's own id, not ours (kling-official 2.5).
FOUND_IN_LIST = frozenset({LIP_SYNC})

#: Up to this many tasks of a product are asked about one by one; beyond, its list is cheaper.
SINGLE_QUERIES = 3
PAGE_SIZE = 500
LAST_PAGE = 1000
#: The products that have a list: answers that come at once are kept nowhere (kling-official 4.13, 5.1).
LISTED = tuple(path for product, (path, _) in PRODUCTS.items() if product not in AT_ONCE)


class Legacy(Bare):
    """The legacy API as a dialect. `pair`: it is spoken with a key pair, which some refusals have to know."""

    standards: tuple[Standard, ...] = ("legacy",)
    lists: tuple[str, ...] = LISTED

    def __init__(self, *, pair: bool = False) -> None:
        self._pair = pair

    def product(self, plan: Plan) -> str:
        """Return the product's path (kling-official 16)."""
        path, _ = PRODUCTS[plan.spec.product]
        return path

    def create(self, order: Order) -> WireCall:
        """Encode a paid task, or the call that has to come before it (kling-official 4 - 6)."""
        spec = order.plan.spec
        path, encode = PRODUCTS[spec.product]
        if order.step == "faces":
            return WireCall(method="POST", path=legacy_speech.FACES, body=legacy_speech.faces(order), product=path)
        if order.step == "speech" and isinstance(spec, LipSyncSpec | AvatarSpec) and spec.speech is not None:
            body = legacy_speech.spoken(spec.speech)
            return WireCall(method="POST", path=legacy_speech.SPEECH, body=body, product=path)
        return WireCall(method="POST", path=path, body=encode(order, spec), product=path)

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to a create, or to a call before it (kling-official 2.4, 4.9, 5.1)."""
        envelope = unwrapped(answer, "legacy", pair=self._pair, product=call.path)
        if order.step == "speech":
            return legacy_speech.read_speech(envelope.data)
        if order.step == "faces":
            return legacy_speech.read_faces(envelope.data)
        if order.plan.spec.product in AT_ONCE:
            return _at_once(order, call, answer, envelope)
        created = reading.created(envelope.data)
        task = observing.legacy(call.product, answer, {"task_status": "submitted", **created})
        return task if task.external_id else replace(task, external_id=order.external_id)

    def looks(self, remotes: Sequence[Remote]) -> list[WireCall]:
        """Encode single queries where a product has few tasks, else its list (kling-official 2.5, 12.1)."""
        products: dict[str, dict[str, None]] = {}
        for remote in remotes:
            products.setdefault(remote.product, {})[remote.id] = None
        calls: list[WireCall] = []
        for product, ids in products.items():
            few = len(ids) <= SINGLE_QUERIES
            calls += [_single(product, one) for one in ids] if few else [_list(product, 1, PAGE_SIZE)]
        return calls

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read the answer to a query."""
        return list(self.page(call, answer).observations)

    def find(self, external_id: str, product: str) -> WireCall:
        """Encode the question for a task by our own id, which serves in place of Kling's (kling-official 2.5)."""
        return _list(product, 1, PAGE_SIZE) if product in FOUND_IN_LIST else _single(product, external_id)

    def listing(
        self, product: str = "", *, active: bool = False, start: float | None = None, end: float | None = None
    ) -> WireCall:
        """Encode a product's list, which knows neither states nor times (kling-official 2.5).

        Raises:
            Impossible: no product is named; this API has no list of everything.
        """
        if not product:
            raise Impossible("Kling's legacy API lists the tasks of one product at a time.")
        return _list(product, 1, PAGE_SIZE)

    def page(self, call: WireCall, answer: WireAnswer) -> Page:
        """Read one page of a list, or the answer to a single query as the only page."""
        envelope = opened(answer)
        if not call.listing and absent(envelope):
            return Page(())
        if envelope.code != 0:
            raise failure(envelope, "legacy", pair=self._pair, product=call.path)
        items = reading.listed(envelope.data)
        tasks = reading.every(items, partial(observing.legacy, call.product, answer))
        return Page(tuple(tasks), _next(call, len(items)))

    def probe(self) -> WireCall:
        """Encode the shortest list: free, and only valid credentials get an answer."""
        return _list("/v1/videos/text2video", 1, 1)


def _at_once(order: Order, call: WireCall, answer: WireAnswer, envelope: Envelope) -> Observation:
    """Return a task that ended with its answer. It is named by whatever id there is: nobody can ask for it again.

    Raises:
        ProviderBroken: neither a result nor a failure is told.
    """
    task = reading.created(envelope.data)
    result = reading.record(task.get("task_result")) or task
    failed = reading.text(task.get("task_status")).strip().lower() == "failed"
    named = {
        **task,
        "task_id": reading.text(task.get("task_id")) or envelope.request_id or order.external_id,
        "task_status": "failed" if failed else "succeed",
        "task_result": result,
    }
    seen = replace(observing.legacy(call.product, answer, named), external_id=order.external_id)
    if failed or seen.outputs:
        return seen
    if reading.records(result.get("images")):  # an answer, and paid for, but nothing to keep
        return replace(seen, status="failed", reason="nothing of that kind was found in the picture")
    raise ProviderBroken("Kling answered without the result.")


def _single(product: str, task: str) -> WireCall:
    return WireCall(method="GET", path=f"{product}/{quote(task, safe='')}", product=product)


def _list(product: str, number: int, size: int) -> WireCall:
    query = (("pageNum", str(number)), ("pageSize", str(size)))
    return WireCall(method="GET", path=product, query=query, product=product, listing=True)


def _next(call: WireCall, found: int) -> WireCall | None:
    query = dict(call.query)
    number, size = int(query.get("pageNum", "0")), int(query.get("pageSize", "0"))
    if not size or found < size or number >= LAST_PAGE:
        return None
    return _list(call.product, number + 1, size)

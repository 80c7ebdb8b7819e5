"""PiAPI: one call for every kind of task, errors inside HTTP 200, and results in three shapes (gateways 1).

It resells pooled Kling accounts: slow queues and passing failures are normal there.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from kling_tools.model.errors import CallbackRefused, Impossible, NotFound
from kling_tools.model.library import Balance
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.specs import (
    AvatarSpec,
    EffectSpec,
    ExtendSpec,
    LipSyncSpec,
    MotionSpec,
    PresetMotionSpec,
    Product,
    VideoSpec,
)
from kling_tools.model.tasks import Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Traits, WireAnswer, WireCall
from kling_tools.providers.gateway import (
    GatewayDialect,
    camera_object,
    file_name,
    filled,
    ring_secret,
    said,
    status_of,
)
from kling_tools.providers.reading import RemoteStatus, charge, number, record, records, text

TASK = "/api/v1/task"
UPLOAD = "/api/ephemeral_resource"
MOST_UPLOADED = 10_000_000
#: Units of `usage.consume` to the dollar.
PER_DOLLAR = Decimal(10_000_000)
#: Not told for Kling; a sister product's videos live a day (gateways 1).
LIVES = 86400.0
WINDOW_SECONDS = 300.0

STATUSES: Mapping[str, RemoteStatus] = {
    "pending": "submitted",
    "staged": "submitted",
    "processing": "processing",
    "retry": "processing",
    "completed": "succeeded",
    "success": "succeeded",
    "failed": "failed",
}
_GRADES = {"720p": "std", "1080p": "pro"}
_FINE = (0, 200)
_WITH_ELEMENTS = "1.6"

Body = dict[str, Any]


class PiAPI(GatewayDialect):
    """PiAPI as a dialect. A model's name there is `model/version`."""

    name = "piapi"
    title = "PiAPI"
    traits = Traits(finds=False, files=("image", "audio", "video"), file_bytes=MOST_UPLOADED, together=4)

    def product(self, plan: Plan) -> str:
        """Return the one address of all tasks."""
        return TASK

    def create(self, order: Order) -> WireCall:
        """Encode a paid task."""
        model, _, version = order.plan.wire_model.partition("/")
        kind, told = _KINDS[order.plan.spec.product](self, order, version)
        config: Body = {"service_mode": "public"}
        if url := order.callback_url:
            config["webhook_config"] = {"endpoint": url, "secret": ring_secret(url)}
        body = {"model": model, "task_type": kind, "input": told, "config": config}
        return WireCall(method="POST", path=TASK, body=body)

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to a create."""
        return self._read(self._data(answer), answer, order.external_id)

    def look(self, remote: Remote) -> WireCall:
        """Encode the question for one task."""
        return WireCall(method="GET", path=f"{TASK}/{quote(remote.id, safe='')}")

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read a task; one that was deleted is not there, and the account shows none."""
        if call == self.balance():
            self.told_balance(answer)
            return []
        try:
            return [self._read(self._data(answer), answer)]
        except NotFound:
            return []

    def probe(self) -> WireCall:
        """Encode the question for the account."""
        return self.balance()

    def cancel(self, remote: Remote) -> WireCall:
        """Encode the deletion, which only a task that nobody has begun allows."""
        return WireCall(method="DELETE", path=f"{TASK}/{quote(remote.id, safe='')}")

    def cancelled(self, call: WireCall, answer: WireAnswer) -> bool:
        """Read whether it is gone."""
        body = self.opened(answer)
        return answer.status == 200 and body.get("code", 200) in _FINE

    def balance(self) -> WireCall:
        """Encode the question for the account."""
        return WireCall(method="GET", path="/account/info")

    def told_balance(self, answer: WireAnswer) -> Balance | None:
        """Read what is left: dollars where they are told, else credits."""
        data = self._data(answer)
        usd, credits = number(data.get("equivalent_in_usd")), number(data.get("credits"))
        if usd is not None:
            return Balance(usd, "USD", usd)
        return None if credits is None else Balance(credits, "credits")

    def upload(self, medium: Medium, answers: Sequence[WireAnswer]) -> WireCall | str:
        """Send a file up as base64; it is kept for a day, and the free plan may not."""
        if answers:
            return self.identity(self._data(answers[0]).get("url"))
        body = {"file_name": file_name(medium), "file_data": b64encode(medium.data or b"").decode("ascii")}
        return WireCall(method="POST", host="upload", path=UPLOAD, body=body)

    def heard(self, headers: Mapping[str, str], body: bytes, now: float, key: bytes) -> tuple[str, ...]:
        """Compare the secret that PiAPI repeats; nothing covers the body, so only the task's id is taken."""
        given = headers.get("x-webhook-secret", "")
        if not key or not hmac.compare_digest(given.encode(), key):
            raise CallbackRefused("The callback does not repeat our secret.")
        try:
            told = record(json.loads(body))
        except (ValueError, RecursionError):
            raise CallbackRefused("The callback is not JSON.") from None
        sent = number(told.get("timestamp"))
        if sent is None or abs(now - float(sent)) > WINDOW_SECONDS:
            raise CallbackRefused("The callback's time is more than five minutes from this machine's clock.")
        if found := text(record(told.get("data")).get("task_id")):
            return (found,)
        raise CallbackRefused("The callback names no task.")

    # --- reading ----------------------------------------------------------------------------------------------------

    def _data(self, answer: WireAnswer) -> Mapping[str, Any]:
        """Return what an envelope holds.

        Raises:
            ProviderRefused, ProviderBroken: its own code says no, whatever HTTP says.
        """
        body = self.opened(answer)
        code = body.get("code", 200 if answer.status < 300 else answer.status)
        if answer.status < 300 and code in _FINE:
            return record(body.get("data"))
        wrong = text(body.get("message")) or text(body.get("error")) or text(body.get("description"))
        status = answer.status if answer.status >= 300 else code if isinstance(code, int) else 0
        raise self.refused(status, wrong, "")

    def _read(self, task: Mapping[str, Any], answer: WireAnswer, external_id: str = "") -> Observation:
        remote = Remote(id=self.identity(task.get("task_id")), product=TASK, host=answer.host)
        status = status_of(task.get("status"), STATUSES)
        ended = status in {"succeeded", "failed"}
        wrong, usage = record(task.get("error")), record(record(task.get("meta")).get("usage"))
        consumed = number(usage.get("consume")) if ended else None
        return self.observed(
            remote,
            status,
            external_id=external_id,
            reason=text(wrong.get("message")) or text(wrong.get("raw_message")),
            outputs=list(_outputs(record(task.get("output")), remote.id)),
            charge=None if consumed is None else charge(None, consumed / PER_DOLLAR),
            simulated=answer.simulated,
        )

    # --- saying -----------------------------------------------------------------------------------------------------

    def video(self, order: Order, version: str) -> tuple[str, Body]:
        """Say a video from words or frames: the older versions and 3.0 name their fields alike, and have others."""
        spec = _video(order)
        first, last = self.address(order.first("first_frame")), self.address(order.first("last_frame"))
        told: Body = {"version": version, "mode": _GRADES[spec.resolution], "duration": spec.seconds, **_shots(spec)}
        told |= filled(image_url=first, image_tail_url=last, negative_prompt=spec.negative_prompt)
        told |= filled(aspect_ratio=spec.aspect_ratio, cfg_scale=spec.cfg_scale)
        if spec.audio in {"off", "native"}:
            told["enable_audio"] = spec.audio == "native"
        if spec.multi_shot is not None and not spec.shots:
            told["prefer_multi_shots"] = False
        if spec.camera:
            told["camera_control"] = camera_object(spec.camera)
        return "video_generation", told

    def omni(self, order: Order, version: str) -> tuple[str, Body]:
        """Say a video with pictures as references; an old version calls them elements, and has no names for them."""
        spec = _video(order)
        if version == _WITH_ELEMENTS:
            pictures = [{"image_url": self.address(medium)} for medium in order.every("reference")]
            worded = {"prompt": said(spec.prompt, spec.references, {"image": "image {}"}), "elements": pictures}
            old: Body = {"version": version, "mode": _GRADES[spec.resolution], "duration": spec.seconds, **worded}
            return "video_generation", {
                **old,
                **filled(aspect_ratio=spec.aspect_ratio, negative_prompt=spec.negative_prompt),
            }
        told: Body = {"version": version, "resolution": spec.resolution, "duration": spec.seconds, **_shots(spec)}
        told |= filled(
            aspect_ratio=spec.aspect_ratio, images=[self.address(medium) for medium in order.every("reference")]
        )
        if spec.audio in {"off", "native"}:
            told["enable_audio"] = spec.audio == "native"
        return "omni_video_generation", told

    def motion(self, order: Order, version: str) -> tuple[str, Body]:
        """Say a motion control, after a video or one of its own ready motions."""
        spec = order.plan.spec
        assert isinstance(spec, MotionSpec | PresetMotionSpec)
        if isinstance(spec, PresetMotionSpec):
            after: Body = {"preset_motion": spec.name}
        else:
            after = {"video_url": self.address(order.first("video"))}
        return "motion_control", {
            "version": version,
            "mode": _GRADES[spec.resolution],
            "image_url": self.address(order.first("image")),
            **after,
            "motion_direction": spec.follow,
            "keep_original_sound": spec.audio == "original",
        }

    def lip_sync(self, order: Order, version: str) -> tuple[str, Body]:
        """Say a lip-sync onto a task of its own."""
        spec = order.plan.spec
        assert isinstance(spec, LipSyncSpec)
        told: Body = {"origin_task_id": self.mine(order.first("video"))}
        if spec.speech is None:
            return "lip_sync", {**told, "local_dubbing_url": self.address(order.first("audio"))}
        speech = spec.speech
        return "lip_sync", {**told, "tts_text": speech.text, "tts_timbre": speech.voice, "tts_speed": speech.speed}

    def extend(self, order: Order, version: str) -> tuple[str, Body]:
        """Say that a task of its own goes on; the sheet has a prompt from others' samples only."""
        spec = order.plan.spec
        assert isinstance(spec, ExtendSpec)
        return "extend_video", {"origin_task_id": self.mine(order.first("video")), **filled(prompt=spec.prompt)}

    def effect(self, order: Order, version: str) -> tuple[str, Body]:
        """Say an effect over one picture."""
        spec = order.plan.spec
        assert isinstance(spec, EffectSpec)
        return "effects", {"image_url": self.address(order.first("image")), "effect": spec.scene}

    def avatar(self, order: Order, version: str) -> tuple[str, Body]:
        """Say a talking portrait."""
        spec = order.plan.spec
        assert isinstance(spec, AvatarSpec)
        told: Body = {
            "image_url": self.address(order.first("image")),
            "local_dubbing_url": self.address(order.first("audio")),
            "mode": _GRADES[spec.resolution],
            "batch_size": 1,
        }
        return "avatar", {**told, **filled(prompt=spec.prompt)}


_KINDS: Mapping[Product, Callable[[PiAPI, Order, str], tuple[str, Body]]] = {
    "text-to-video": PiAPI.video,
    "image-to-video": PiAPI.video,
    "omni-video": PiAPI.omni,
    "motion-control": PiAPI.motion,
    "lip-sync": PiAPI.lip_sync,
    "extend": PiAPI.extend,
    "effects": PiAPI.effect,
    "avatar": PiAPI.avatar,
}


def _video(order: Order) -> VideoSpec:
    spec = order.plan.spec
    assert isinstance(spec, VideoSpec)
    if any(reference.kind != "image" for reference in spec.references):
        raise Impossible("PiAPI takes pictures as references, and nothing else.")
    return spec


def _shots(spec: VideoSpec) -> Body:
    """Return the words, or the shots, beside which words and length are not read."""

    def named(words: str) -> str:
        return said(words, spec.references, {"image": "@image_{}"})

    if not spec.shots:
        return {"prompt": named(spec.prompt)}
    return {"multi_shots": [{"prompt": named(shot.prompt), "duration": shot.seconds} for shot in spec.shots]}


def _outputs(output: Mapping[str, Any], task_id: str) -> Iterator[RemoteOutput]:
    """Yield the videos, wherever they stand; the task's own id is what later tasks know them by."""
    works = [record(work.get("video")) for work in records(output.get("works"))]
    urls = [text(video.get("resource_without_watermark")) or text(video.get("resource")) for video in works]
    for url in urls or [text(output.get("video")) or text(output.get("video_url"))]:
        if url:
            yield RemoteOutput(kind="video", url=url, remote_id=task_id, lives=LIVES)

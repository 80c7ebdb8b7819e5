"""Kie.ai: one call for every model, refusals inside HTTP 200, and results as JSON inside a string (gateways 4).

A model's name is in Kie's own words, with `{way}` and `{grade}` for what differs by the kind of work and by size; where
it has neither, the way follows it after a slash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from kling_tools.model import errors
from kling_tools.model.errors import CallbackRefused, Impossible, KlingError, NotFound, ProviderBroken, quoted
from kling_tools.model.library import Balance
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.specs import AvatarSpec, MotionSpec, VideoSpec
from kling_tools.model.tasks import Charge, Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Rate, Traits, WireAnswer, WireCall
from kling_tools.providers.gateway import GatewayDialect, file_name, multipart, said, status_of
from kling_tools.providers.reading import RemoteStatus, charge, number, record, text

TASK = "/api/v1/jobs/createTask"
RECORD = "/api/v1/jobs/recordInfo"
UPLOAD = "/api/file-stream-upload"
#: US$ for one credit, in the price snapshot.
CREDIT = Decimal("0.005")
#: One page says 14 days, another about one.
LIVES = 86400.0
WINDOW_SECONDS = 300.0
LONGEST_SHOT = 12

STATUSES: Mapping[str, RemoteStatus] = {
    "waiting": "submitted",
    "queuing": "submitted",
    "generating": "processing",
    "success": "succeeded",
    "fail": "failed",
    "failed": "failed",
}
_MODES = {"720p": "std", "1080p": "pro", "4k": "4K"}
_GRADES = {"720p": "standard", "1080p": "pro"}
_RATIOS = {"16:9": 16 / 9, "1:1": 1.0, "9:16": 9 / 16}
#: Under maintenance, and a feature that is switched off.
_CLOSED = frozenset({455, 505})
_NO_MODEL = re.compile(r"model\b.{0,80}\bnot (supported|found|exist)", re.IGNORECASE | re.DOTALL)
#: An avatar's prompt has to be there.
_SPEAKS = "The person speaks naturally to the camera."

Body = dict[str, Any]


class Kie(GatewayDialect):
    """Kie.ai as a dialect."""

    name = "kie"
    title = "Kie.ai"
    # What is more is refused, not queued (gateways 4).
    traits = Traits(
        finds=False, files=("image", "audio", "video"), together=4, creates=Rate(20, 10.0), asks=Rate(10, 1.0)
    )

    def product(self, plan: Plan) -> str:
        """Return the one address of all tasks."""
        return TASK

    def create(self, order: Order) -> WireCall:
        """Encode a paid task."""
        spec = order.plan.spec
        if isinstance(spec, VideoSpec):
            way, told = _shape(order.plan.wire_model)(self, order, spec)
            grade = _GRADES.get(spec.resolution, "")
        elif isinstance(spec, MotionSpec):
            way, told, grade = "motion-control", self.motion(order, spec), ""
        elif isinstance(spec, AvatarSpec):
            way, told, grade = "", self.avatar(order, spec), _GRADES[spec.resolution]
        else:
            raise Impossible(f"{self.title} does not do {spec.product}.")
        body: Body = {"model": _named(order.plan.wire_model, way, grade), "input": told}
        if order.callback_url:
            body["callBackUrl"] = order.callback_url
        return WireCall(method="POST", path=TASK, body=body)

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to a create: an id and nothing else."""
        task = record(self._data(answer))
        remote = Remote(id=self.identity(task.get("taskId")), product=TASK, host=answer.host)
        return self.observed(remote, "submitted", external_id=order.external_id, simulated=answer.simulated)

    def look(self, remote: Remote) -> WireCall:
        """Encode the question for one task."""
        return WireCall(method="GET", path=RECORD, query=(("taskId", remote.id),))

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read a task; the account shows none. One that failed may come with its failure's code as the answer's own."""
        if call == self.balance():
            self.told_balance(answer)
            return []
        task = record(self.opened(answer).get("data"))
        if answer.status < 300 and text(task.get("taskId")):
            return [self._read(task, answer)]
        try:
            self._data(answer)
        except NotFound:
            return []
        raise ProviderBroken(f"{self.title}'s answer shows no task.")

    def probe(self) -> WireCall:
        """Encode the question for the credits."""
        return self.balance()

    def balance(self) -> WireCall:
        """Encode the question for the credits."""
        return WireCall(method="GET", path="/api/v1/chat/credit")

    def told_balance(self, answer: WireAnswer) -> Balance | None:
        """Read how many credits are left."""
        credits = number(self._data(answer))
        return None if credits is None else Balance(credits, "credits", credits * CREDIT)

    def upload(self, medium: Medium, answers: Sequence[WireAnswer]) -> WireCall | str:
        """Send a file up as a form; it is kept for a day at least."""
        if answers:
            return self.identity(record(self._data(answers[0])).get("downloadUrl"))
        fields = {"uploadPath": "kling-mcp", "fileName": file_name(medium)}
        content, mime = multipart(fields, "file", medium)
        return WireCall(method="POST", host="upload", path=UPLOAD, content=content, mime=mime)

    def heard(self, headers: Mapping[str, str], body: bytes, now: float, key: bytes) -> tuple[str, ...]:
        """Check a signature that covers the task's id and the time; so nothing else is taken from the body."""
        try:
            told = record(json.loads(body))
        except (ValueError, RecursionError):
            raise CallbackRefused("The callback is not JSON.") from None
        data = record(told.get("data"))
        found = text(data.get("taskId")) or text(data.get("task_id"))
        stamp = headers.get("x-webhook-timestamp", "")
        proof = b64encode(hmac.digest(key, f"{found}.{stamp}".encode(), hashlib.sha256))
        if not key or not found or not hmac.compare_digest(headers.get("x-webhook-signature", "").encode(), proof):
            raise CallbackRefused("The callback is not signed with the key of KIE_WEBHOOK_KEY.")
        sent = number(stamp)
        if sent is None or abs(now - float(sent)) > WINDOW_SECONDS:
            raise CallbackRefused("The callback's time is more than five minutes from this machine's clock.")
        return (found,)

    # --- reading ----------------------------------------------------------------------------------------------------

    def refused(self, status: int, message: str, code: str) -> KlingError:
        """Return the error for a no: Kie has codes of its own beside those of HTTP."""
        told = f": {quoted(message)}" if message else ""
        if status in _CLOSED:
            return errors.Closed(f"{self.title} takes nothing of this kind now ({status}){told}.", http_status=status)
        if status == 422 and _NO_MODEL.search(message[:200]):
            return errors.NotSupported(f"{self.title} does not sell this model ({status}){told}.", http_status=status)
        return super().refused(status, message, code)

    def _data(self, answer: WireAnswer) -> Any:
        """Return what an envelope holds.

        Raises:
            ProviderRefused: its own code says no, whatever HTTP says. ProviderBroken: it says two things at once.
        """
        body = self.opened(answer)
        code, data = number(body.get("code")), body.get("data")
        inside = int(code) if code is not None else 0
        if answer.status < 300 and inside == 200:
            return data
        words = text(body.get("msg")) or text(body.get("message"))
        unclear = answer.status >= 300 and inside not in {0, answer.status}
        if unclear or text(record(data).get("taskId")):
            raise ProviderBroken(f"{self.title} says yes and no ({answer.status}, {inside}): {quoted(words)}.")
        raise self.refused(answer.status if answer.status >= 300 else inside, words, "")

    def _read(self, task: Mapping[str, Any], answer: WireAnswer) -> Observation:
        remote = Remote(id=self.identity(task.get("taskId")), product=TASK, host=answer.host)
        status = status_of(task.get("state"), STATUSES)
        return self.observed(
            remote,
            status,
            reason=text(task.get("failMsg")) or text(task.get("failCode")),
            outputs=list(_outputs(task.get("resultJson"))),
            charge=_charge(status, task.get("creditsConsumed")),
            simulated=answer.simulated,
        )

    # --- saying -----------------------------------------------------------------------------------------------------

    def three(self, order: Order, spec: VideoSpec) -> tuple[str, Body]:
        """Say a video of 3.0: every field is sent, since the copies of its page differ in what has to be there."""
        frames, sound = self._frames(order), spec.audio == "native"
        if spec.shots and (len(frames) > 1 or not sound or any(s.seconds > LONGEST_SHOT for s in spec.shots)):
            raise Impossible(
                f"{self.title} makes shots with sound, of at most {LONGEST_SHOT} s each, and without a last frame."
            )
        told: Body = {
            "prompt": _words(spec),
            "sound": sound,
            "duration": str(spec.seconds),
            "aspect_ratio": spec.aspect_ratio or _ratio(order.first("first_frame")),
            "mode": _MODES[spec.resolution],
            "multi_shots": bool(spec.shots),
            "multi_prompt": _shots(spec),
        }
        return "video", {**told, **_filled(image_urls=frames)}

    def omni(self, order: Order, spec: VideoSpec) -> tuple[str, Body]:
        """Say a video of 3.0 Omni; single shots are said to be such, for without that a list of shots has to come."""
        pictures = [self.address(medium) for medium in order.every("reference")]
        if (film := order.first("base_video")) is not None:
            edit: Body = {"prompt": _words(spec), "video_urls": [self.address(film)], "resolution": spec.resolution}
            return "transformation", {**edit, "aspect_ratio": "auto", "audio": False, **_filled(image_urls=pictures)}
        frames = self._frames(order)
        way = "reference-to-video" if pictures else "image-to-video" if frames else "text-to-video"
        told: Body = {
            "prompt": _words(spec),
            "duration": spec.seconds,
            "resolution": spec.resolution,
            "audio": spec.audio == "native",
            "customize_multi_shots": bool(spec.shots),
        }
        more = _filled(aspect_ratio=spec.aspect_ratio, image_urls=pictures or frames, multi_prompt=_shots(spec))
        return way, {**told, **more}

    def turbo(self, order: Order, spec: VideoSpec) -> tuple[str, Body]:
        """Say a video of 3.0 Turbo, which has no field for sound."""
        told: Body = {"prompt": _words(spec), "duration": str(spec.seconds), "resolution": spec.resolution}
        more = _filled(aspect_ratio=spec.aspect_ratio, image_urls=self._frames(order))
        return spec.product, {**told, **more}

    def with_sound(self, order: Order, spec: VideoSpec) -> tuple[str, Body]:
        """Say a video of 2.6."""
        told: Body = {"prompt": _words(spec), "sound": spec.audio == "native", "duration": str(spec.seconds)}
        more = _filled(aspect_ratio=spec.aspect_ratio, image_urls=self._frames(order))
        return spec.product, {**told, **more}

    def older(self, order: Order, spec: VideoSpec) -> tuple[str, Body]:
        """Say a silent video of 2.1 or 2.5."""
        first, last = self.address(order.first("first_frame")), self.address(order.first("last_frame"))
        told: Body = {"prompt": _words(spec), "duration": str(spec.seconds)}
        told |= _filled(image_url=first, tail_image_url=last, aspect_ratio=spec.aspect_ratio)
        return spec.product, told | _filled(negative_prompt=spec.negative_prompt, cfg_scale=spec.cfg_scale)

    def motion(self, order: Order, spec: MotionSpec) -> Body:
        """Say a motion control; 2.6 knows sizes where 3.0 knows modes, and 3.0 asks for a callback's address."""
        sizes = order.plan.wire_model.startswith("kling-2.6")
        if not sizes and not order.callback_url:
            raise Impossible(
                f"{self.title} takes motion control of Kling 3.0 only with an address for callbacks.",
                advice="Set KLING_CALLBACK_URL, or use model=kling-2.6.",
            )
        return {
            "input_urls": [self.address(order.first("image"))],
            "video_urls": [self.address(order.first("video"))],
            "mode": spec.resolution if sizes else _MODES[spec.resolution],
            "character_orientation": spec.follow,
            **_filled(prompt=spec.prompt),
        }

    def avatar(self, order: Order, spec: AvatarSpec) -> Body:
        """Say a talking portrait."""
        return {
            "image_url": self.address(order.first("image")),
            "audio_url": self.address(order.first("audio")),
            "prompt": spec.prompt.strip() or _SPEAKS,
        }

    def _frames(self, order: Order) -> list[str]:
        media = (order.first("first_frame"), order.first("last_frame"))
        return [self.address(medium) for medium in media if medium is not None]


Shape = Callable[[Kie, Order, VideoSpec], tuple[str, Body]]

#: How a model's input looks, by the start of its name; the newest serves what is not known yet.
_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("kling-3.0-omni", Kie.omni),
    ("kling-2.6", Kie.with_sound),
    ("kling/v3-turbo", Kie.turbo),
    ("kling/v2", Kie.older),
    ("", Kie.three),
)


def _shape(wire_model: str) -> Shape:
    return next(shape for start, shape in _SHAPES if wire_model.startswith(start))


def _named(wire_model: str, way: str, grade: str) -> str:
    """Return the model's whole name."""
    if "{" not in wire_model:
        return f"{wire_model}/{way}"
    return wire_model.replace("{way}", way).replace("{grade}", grade)


def _words(spec: VideoSpec) -> str:
    """Return the words, never empty: of shots all of them, though they stand in a list of their own."""
    marks = {"image": "<<<image_{}>>>"}
    if not spec.shots:
        return said(spec.prompt, spec.references, marks)
    return " ".join(said(shot.prompt, spec.references, marks) for shot in spec.shots)[:2500]


def _shots(spec: VideoSpec) -> list[Body]:
    marks = {"image": "<<<image_{}>>>"}
    return [{"prompt": said(s.prompt, spec.references, marks), "duration": s.seconds} for s in spec.shots]


def _ratio(first: Medium | None) -> str:
    """Return the shape that has to be told where a picture gives it: the nearest to the picture's."""
    if first is None or not first.width or not first.height:
        return "16:9"
    shape = first.width / first.height
    return min(_RATIOS, key=lambda name: abs(_RATIOS[name] / shape - 1))


def _filled(**fields: object) -> Body:
    """Return the fields that are told."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def _charge(status: RemoteStatus, consumed: object) -> Charge | None:
    """Return what was taken; a success that cost nothing was not told yet."""
    credits = number(consumed)
    if credits is None or status not in {"succeeded", "failed"} or (status == "succeeded" and not credits):
        return None
    return charge(None, credits * CREDIT)


def _outputs(told: object) -> Iterator[RemoteOutput]:
    """Yield the videos in a result, which is JSON written into a string."""
    try:
        result = record(json.loads(told) if isinstance(told, str) else told)
    except (ValueError, RecursionError):
        return
    urls = result.get("resultUrls")
    for url in urls if isinstance(urls, list) else ():
        if found := text(url):
            yield RemoteOutput(kind="video", url=found, lives=LIVES)

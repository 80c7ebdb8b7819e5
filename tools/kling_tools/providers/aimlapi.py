"""AI/ML API: one flat body, ids with slashes, no funds as 403, and pictures that are answered at once (gateways 2).

It has no callbacks and no upload. Its log of requests repeats an id of ours: by that a lost answer is found. A model's
name is in its own words, with `{way}`, `{grade}`, `{size}` and `{turbo}` for what differs by kind of work and by size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from kling_tools.model import errors
from kling_tools.model.errors import Impossible, KlingError, NotFound, ProviderBroken, quoted
from kling_tools.model.library import Balance
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.specs import AvatarSpec, EffectSpec, ImageSpec, MotionSpec, Product, VideoSpec
from kling_tools.model.tasks import Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Trace, Traces, Traits, WireAnswer, WireCall
from kling_tools.providers.gateway import GatewayDialect, as_data, camera_fields, camera_object, said, status_of
from kling_tools.providers.reading import RemoteStatus, charge, date, number, record, records, text, when

VIDEOS = "/v2/video/generations"
PICTURES = "/v1/images/generations"
LOGS = "/v2/logs"
NAMED = "X-Client-Request-Id"
PER_DOLLAR = Decimal(2_000_000)
#: Nobody tells how long an address serves.
LIVES = 86400.0

STATUSES: Mapping[str, RemoteStatus] = {
    "queued": "submitted",
    "generating": "processing",
    "completed": "succeeded",
    "error": "failed",
    "failed": "failed",
}
_GRADES = {"720p": "standard", "1080p": "pro"}
_MODES = {"720p": "std", "1080p": "pro"}
#: The two names of 3.0 Turbo are built differently.
_TURBO = {"720p": "standard-turbo", "1080p": "turbo-pro"}
_MARKS = {"image": "@Image{}", "video": "@Video{}"}
#: Effects take a length, and nobody asks us for one.
_EFFECT_SECONDS = 5

Body = dict[str, Any]


class AimlApi(GatewayDialect):
    """AI/ML API as a dialect."""

    name = "aimlapi"
    title = "AI/ML API"
    traits = Traits(finds=False, files=("image",), together=4)

    def product(self, plan: Plan) -> str:
        """Return where videos are asked for, or where pictures are."""
        return PICTURES if isinstance(plan.spec, ImageSpec) else VIDEOS

    def create(self, order: Order) -> WireCall:
        """Encode a paid task; our id goes along, and its log shows it."""
        plan = order.plan
        way, told = _KINDS[plan.spec.product](self, order)
        size = getattr(plan.spec, "resolution", "")
        parts = {"way": way, "size": size, "grade": _GRADES.get(size, ""), "turbo": _TURBO.get(size, "")}
        model = _moving(plan.wire_model) if isinstance(plan.spec, MotionSpec) else plan.wire_model
        for part, word in parts.items():
            model = model.replace(f"{{{part}}}", word)
        named = ((NAMED, order.external_id),)
        return WireCall(method="POST", path=self.product(plan), body={"model": model, **told}, headers=named)

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to a create: an id, or for pictures the pictures."""
        body = self._body(answer)
        if call.path == PICTURES:
            return self._pictures(body, answer, order.external_id)
        return self._read(body, answer, order.external_id)

    def look(self, remote: Remote) -> WireCall:
        """Encode the question for one task."""
        return WireCall(method="GET", path=VIDEOS, query=(("generation_id", remote.id),))

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read a task; pictures are none, and nobody can ask for them again, and the account shows none."""
        if call == self.balance():
            self.told_balance(answer)
            return []
        try:
            return [self._read(self._body(answer), answer)]
        except NotFound:
            return []

    def probe(self) -> WireCall:
        """Encode the question for the balance."""
        return self.balance()

    def balance(self) -> WireCall:
        """Encode the question for the balance."""
        return WireCall(method="GET", path="/v2/billing")

    def told_balance(self, answer: WireAnswer) -> Balance | None:
        """Read what is left, in dollars."""
        left = number(self._body(answer).get("current_balance"))
        return None if left is None else Balance(left, "USD", left)

    def mark(self, call: WireCall) -> str:
        """Know a video again by our id; pictures are no task that could be asked for."""
        return "" if call.path == PICTURES else dict(call.headers).get(NAMED, "")

    def traces(self, mark: str, start: float, end: float) -> WireCall:
        """Encode the log of requests of a time, the newest first."""
        asked = {"start": when(start), "end": when(end), "limit": "100", "offset": "0"}
        return WireCall(method="GET", path=LOGS, query=tuple(asked.items()))

    def traced(self, call: WireCall, answer: WireAnswer) -> Traces:
        """Read a page; a request without a name of its sender's is nobody's."""
        body = self._body(answer)
        rows = records(body.get("data"))
        found = [one for one in rows if text(one.get("inference_id"))]
        asked = dict(call.query)
        following = {**asked, "offset": str(int(asked["offset"]) + len(rows))}
        more = bool(rows) and record(body.get("pagination")).get("has_more") is True
        return Traces(
            tuple(
                Trace(text(one["inference_id"]), mark, date(one.get("created")))
                for one in found
                if (mark := text(one.get("client_request_id")))
            ),
            WireCall(method="GET", path=LOGS, query=tuple(following.items())) if more else None,
        )

    def upload(self, medium: Medium, answers: Sequence[WireAnswer]) -> WireCall | str:
        """Write a picture into its address; only those may be sent so."""
        return as_data(medium)

    # --- reading ----------------------------------------------------------------------------------------------------

    def refused(self, status: int, message: str, code: str) -> KlingError:
        """Return the error for a no: here 403 is an account without money."""
        if status == 403:
            told = f": {quoted(message)}" if message else ""
            empty = f"The account at {self.title} is empty (403){told}."
            return errors.NoBalance(empty, advice=f"Top up at {self.title}.", http_status=403)
        return super().refused(status, message, code)

    def _body(self, answer: WireAnswer) -> Mapping[str, Any]:
        """Return a good answer's body.

        Raises:
            ProviderRefused, ProviderBroken
        """
        body = self.opened(answer)
        if answer.status < 300:
            return body
        if text(body.get("id")) and "statusCode" not in body:
            raise ProviderBroken(f"{self.title} says no ({answer.status}) and names a task.")
        raise self.refused(answer.status, text(body.get("message")), "")

    def _read(self, task: Mapping[str, Any], answer: WireAnswer, external_id: str = "") -> Observation:
        remote = Remote(id=self.identity(task.get("id")), product=VIDEOS, host=answer.host)
        status = status_of(task.get("status"), STATUSES)
        wrong = record(task.get("error"))
        url = text(record(task.get("video")).get("url"))
        ended = status in {"succeeded", "failed"}
        used = _used(task, least=status == "failed") if ended else None
        return self.observed(
            remote,
            status,
            external_id=external_id,
            reason=text(wrong.get("message")) or text(wrong.get("name")) or text(task.get("error")),
            outputs=[RemoteOutput(kind="video", url=url, lives=LIVES)] if url else [],
            charge=None if used is None else charge(None, used),
            simulated=answer.simulated,
        )

    def _pictures(self, body: Mapping[str, Any], answer: WireAnswer, external_id: str) -> Observation:
        """Return pictures as a task at its end: it has no id that could be asked for, so the call's own stands in."""
        urls = [url for picture in records(body.get("data")) if (url := text(picture.get("url")))]
        if not urls:
            raise ProviderBroken(f"{self.title}'s answer names no picture.")
        remote = Remote(id=answer.headers.get("x-inference-id", "") or external_id, product=PICTURES, host=answer.host)
        used = _used(body, least=False)
        return self.observed(
            remote,
            "succeeded",
            external_id=external_id,
            outputs=[RemoteOutput(kind="image", url=url, lives=LIVES) for url in urls],
            charge=None if used is None else charge(None, used),
            simulated=answer.simulated,
        )

    # --- saying -----------------------------------------------------------------------------------------------------

    def video(self, order: Order) -> tuple[str, Body]:
        """Say a video from words or a first frame; each family has its own name for the last one."""
        spec, model = order.plan.spec, order.plan.wire_model
        assert isinstance(spec, VideoSpec)
        first, last = self.address(order.first("first_frame")), self.address(order.first("last_frame"))
        told: Body = {"duration": spec.seconds, **_words(spec)}
        told |= _filled(image_url=first, negative_prompt=spec.negative_prompt, aspect_ratio=spec.aspect_ratio)
        told |= _filled(cfg_scale=spec.cfg_scale)
        if last:
            told["last_image_url" if "video-o1" in model else "tail_image_url"] = last
        if spec.audio in {"off", "native"}:
            told["generate_audio"] = spec.audio == "native"
        if spec.camera and first:
            told["camera_control"] = camera_object(spec.camera)
        elif spec.camera:
            told |= camera_fields(spec.camera)
        if (still := order.first("still_mask")) is not None:
            told["static_mask"] = self.address(still)
        if moving := [{"mask": self.address(mask), "trajectories": path} for mask, path in order.moving]:
            told["dynamic_masks"] = moving
        return spec.product, told

    def omni(self, order: Order) -> tuple[str, Body]:
        """Say a video from references, like another video, or an edit of one."""
        spec = order.plan.spec
        assert isinstance(spec, VideoSpec)
        media = list(order.every("reference"))
        pictures = [self.address(medium) for medium in media if medium.kind == "image"]
        film = next((medium for medium in media if medium.kind == "video"), None)
        told: Body = {**_words(spec), **_filled(image_list=pictures)}
        if (base := order.first("base_video")) is not None:
            keeps = spec.audio == "original"
            return "video-to-video-edit", {**told, "video_url": self.address(base), "keep_audio": keeps}
        told |= {"duration": spec.seconds, "aspect_ratio": spec.aspect_ratio}
        if film is not None:
            return "video-to-video-reference", {**told, "video_url": self.address(film), "keep_audio": False}
        if "video-o1" in order.plan.wire_model:
            return "reference-to-video", told
        return "multi-image-to-video", {**told, **_filled(negative_prompt=spec.negative_prompt)}

    def motion(self, order: Order) -> tuple[str, Body]:
        """Say a motion control."""
        spec = order.plan.spec
        assert isinstance(spec, MotionSpec)
        told: Body = {
            "image_url": self.address(order.first("image")),
            "video_url": self.address(order.first("video")),
            "character_orientation": spec.follow,
            "keep_audio": spec.audio == "original",
            "mode": _MODES[spec.resolution],
        }
        return "", {**told, **_filled(prompt=spec.prompt)}

    def effect(self, order: Order) -> tuple[str, Body]:
        """Say an effect: one picture is told as such, two as a list."""
        spec = order.plan.spec
        assert isinstance(spec, EffectSpec)
        pictures = [self.address(medium) for medium in order.every("image")]
        picture = pictures[0] if len(pictures) == 1 else pictures
        return "", {"image_url": picture, "effect_scene": spec.scene, "duration": _EFFECT_SECONDS}

    def avatar(self, order: Order) -> tuple[str, Body]:
        """Say a talking portrait."""
        spec = order.plan.spec
        assert isinstance(spec, AvatarSpec)
        told = {"image_url": self.address(order.first("image")), "audio_url": self.address(order.first("audio"))}
        return "", {**told, **_filled(prompt=spec.prompt)}

    def picture(self, order: Order) -> tuple[str, Body]:
        """Say pictures after others."""
        spec = order.plan.spec
        assert isinstance(spec, ImageSpec)
        return "", {
            "prompt": said(spec.prompt, spec.references, _MARKS),
            "image_urls": [self.address(medium) for medium in order.every("reference")],
            "num_images": spec.count,
            "resolution": spec.resolution.upper(),
            **_filled(aspect_ratio=spec.aspect_ratio),
        }


_KINDS: Mapping[Product, Callable[[AimlApi, Order], tuple[str, Body]]] = {
    "text-to-video": AimlApi.video,
    "image-to-video": AimlApi.video,
    "omni-video": AimlApi.omni,
    "motion-control": AimlApi.motion,
    "effects": AimlApi.effect,
    "avatar": AimlApi.avatar,
    "omni-image": AimlApi.picture,
}


def _moving(wire_model: str) -> str:
    """Return a family's name for motion control, which has no grade in it."""
    return wire_model.removesuffix("{way}").removesuffix("{grade}-").removesuffix("pro-") + "motion-control"


def _words(spec: VideoSpec) -> Body:
    """Return the words, or the shots in their place."""
    if not spec.shots:
        return {"prompt": said(spec.prompt, spec.references, _MARKS)}
    if any(shot.seconds > 15 for shot in spec.shots):
        raise Impossible("AI/ML API makes shots of at most 15 s.")
    return {"multi_prompt": [{"prompt": shot.prompt, "duration": shot.seconds} for shot in spec.shots]}


def _filled(**fields: object) -> Body:
    """Return the fields that are told."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def _used(body: Mapping[str, Any], *, least: bool) -> Decimal | None:
    """Return the dollars that were used; nothing at all is believed of a failure only (`least`)."""
    credits = number(record(record(body.get("meta")).get("usage")).get("credits_used"))
    return credits / PER_DOLLAR if credits or (credits is not None and least) else None

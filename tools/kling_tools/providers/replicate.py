"""Replicate: a prediction for every task, each model with input fields of its own (gateways 5).

Inputs, results and files are erased after an hour. Its callbacks follow Standard Webhooks, and what proves them is one
secret of the account, which the key can ask for.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote

from kling_tools.model.errors import CallbackRefused, Impossible, NotFound
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.specs import AvatarSpec, LipSyncSpec, MotionSpec, Product, VideoSpec
from kling_tools.model.tasks import Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Rate, Trace, Traces, Traits, WireAnswer, WireCall
from kling_tools.providers.gateway import GatewayDialect, filled, mark_of, multipart, said, status_of
from kling_tools.providers.reading import RemoteStatus, charge, date, number, record, records, text, when

PREDICTIONS = "/v1/predictions"
FILES = "/v1/files"
ACCOUNT = "/v1/account"
SECRET = "/v1/webhooks/default/secret"
MOST_UPLOADED = 100 * 1024 * 1024
LIVES = 3600.0
WINDOW_SECONDS = 300.0
PROMPT_MAX = 2500

STATUSES: Mapping[str, RemoteStatus] = {
    "starting": "submitted",
    "processing": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
    "aborted": "failed",
}
#: Ends without words of their own.
_ENDED = {"canceled": "the prediction was cancelled", "aborted": "its deadline passed before it began"}
_WORDS = {"720p": "standard", "1080p": "pro", "4k": "4k"}
_SHORT = {"720p": "std", "1080p": "pro"}
#: The one video model with the short words; services have them too.
_BRIEF = frozenset({"kwaivgi/kling-o1"})
#: Models without a field for quality: they have one, or it is part of their name.
_OLDER = frozenset(
    f"kwaivgi/kling-{name}" for name in ("v2.6", "v2.5-turbo-pro", "v2.1-master", "v2.0", "v1.6-{}", "v1.5-pro")
)

Body = dict[str, Any]


class Replicate(GatewayDialect):
    """Replicate as a dialect. A model's name is `owner/name`; `{}` in it is filled with the word for quality."""

    name = "replicate"
    title = "Replicate"
    traits = Traits(
        finds=False,
        files=("image", "audio", "video"),
        file_bytes=MOST_UPLOADED,
        together=8,
        creates=Rate(600, 60.0),
        asks=Rate(3000, 60.0),
    )

    def product(self, plan: Plan) -> str:
        """Return the one address of all predictions."""
        return PREDICTIONS

    def create(self, order: Order) -> WireCall:
        """Encode a paid prediction, whose answer is not waited for."""
        body: Body = {"input": _KINDS[order.plan.spec.product](self, order)}
        if order.callback_url:
            # The first ring makes a task known whose answer was lost.
            body |= {"webhook": order.callback_url, "webhook_events_filter": ["start", "completed"]}
        return WireCall(method="POST", path=f"/v1/models/{_model(order)}/predictions", body=body)

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to a create."""
        return self._read(self._granted(answer), answer, order.external_id)

    def look(self, remote: Remote) -> WireCall:
        """Encode the question for one prediction."""
        return WireCall(method="GET", path=f"{PREDICTIONS}/{quote(remote.id, safe='')}")

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read a prediction; the account shows none."""
        try:
            told = self._granted(answer)
        except NotFound:
            return []
        return [] if call.path == ACCOUNT else [self._read(told, answer)]

    def probe(self) -> WireCall:
        """Encode the question who this is."""
        return WireCall(method="GET", path=ACCOUNT)

    def cancel(self, remote: Remote) -> WireCall:
        """Encode the wish to stop a prediction."""
        return WireCall(method="POST", path=f"{PREDICTIONS}/{quote(remote.id, safe='')}/cancel")

    def cancelled(self, call: WireCall, answer: WireAnswer) -> bool:
        """Read whether it is gone for nothing; one that ran already is stopped too, and may be billed."""
        return _unbilled(self._granted(answer))

    def mark(self, call: WireCall) -> str:
        """Know a prediction again by its model and its whole input, which the list shows as they were sent."""
        model = call.path.removeprefix("/v1/models/").removesuffix("/predictions")
        return mark_of(model, record(call.body).get("input"))

    def traces(self, mark: str, start: float, end: float) -> WireCall:
        """Encode the list of the account's predictions of a time, anybody's, the newest first."""
        times = (("created_after", when(start)), ("created_before", when(end)))
        return WireCall(method="GET", path=PREDICTIONS, query=times)

    def traced(self, call: WireCall, answer: WireAnswer) -> Traces:
        """Read a page; what is erased tells nothing any more. The next page is an address of its own."""
        told = self._granted(answer)
        found = [one for one in records(told.get("results")) if text(one.get("id")) and record(one.get("input"))]
        rest = text(told.get("next")).partition("?")[2]
        following = WireCall(method="GET", path=PREDICTIONS, query=tuple(parse_qsl(rest))) if rest else None
        return Traces(
            tuple(
                Trace(text(one["id"]), mark_of(text(one.get("model")), one["input"]), date(one.get("created_at")))
                for one in found
            ),
            following,
        )

    def upload(self, medium: Medium, answers: Sequence[WireAnswer]) -> WireCall | str:
        """Send a file up as a form; it is kept for a day."""
        if answers:
            return self.identity(record(self._granted(answers[0]).get("urls")).get("get"))
        content, mime = multipart({}, "content", medium)
        return WireCall(method="POST", path=FILES, content=content, mime=mime)

    def keys(self) -> WireCall:
        """Encode the question for the secret of the account's webhooks."""
        return WireCall(method="GET", path=SECRET)

    def heard(self, headers: Mapping[str, str], body: bytes, now: float, key: bytes) -> tuple[str, ...]:
        """Check the signature over id, time and body, of which there may be several; then the time."""
        name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        signed = f"{name}.{stamp}.".encode() + body
        own = b"v1," + b64encode(hmac.digest(_secret(key), signed, "sha256"))
        given = headers.get("webhook-signature", "").split()
        if not name or not any(hmac.compare_digest(one.encode(), own) for one in given):
            raise CallbackRefused("The callback's signature is not that of the account's secret.")
        sent = number(stamp)
        if sent is None or abs(now - float(sent)) > WINDOW_SECONDS:
            raise CallbackRefused("The callback's time is more than five minutes from this machine's clock.")
        if found := text(_object(body).get("id")):
            return (found,)
        raise CallbackRefused("The callback names no prediction.")

    # --- reading ----------------------------------------------------------------------------------------------------

    def _granted(self, answer: WireAnswer) -> Mapping[str, Any]:
        """Return an answer's object.

        Raises:
            ProviderRefused, ProviderBroken: its status says no.
        """
        body = self.opened(answer)
        if 200 <= answer.status < 300:
            return body
        raise self.refused(answer.status, text(body.get("detail")) or text(body.get("title")), "")

    def _read(self, told: Mapping[str, Any], answer: WireAnswer, external_id: str = "") -> Observation:
        word, output = text(told.get("status")).strip().lower(), told.get("output")
        urls = [text(one) for one in (output if isinstance(output, list) else [output])]
        free = _unbilled(told)
        return self.observed(
            Remote(id=self.identity(told.get("id")), product=PREDICTIONS, host=answer.host),
            status_of(word, STATUSES),
            external_id=external_id,
            reason=text(told.get("error")) or _ENDED.get(word, ""),
            outputs=[RemoteOutput(kind="video", url=url, lives=LIVES) for url in urls if url],
            charge=charge(None, Decimal(0)) if free else None,
            doubtful=word == "canceled" and not free,
            called_off=word == "canceled" and free,
            gone=told.get("data_removed") is True,
            simulated=answer.simulated,
        )

    # --- saying -----------------------------------------------------------------------------------------------------

    def video(self, order: Order) -> Body:
        """Say a video from words, frames and references, or an edit of one: every model has a part of these fields."""
        spec, name = _video(order), order.plan.wire_model
        marks = {} if name in _OLDER else {"image": "<<<image_{}>>>", "video": "<<<video_{}>>>"}
        told = _words(spec, marks)
        told |= filled(duration=spec.seconds, aspect_ratio=spec.aspect_ratio, negative_prompt=spec.negative_prompt)
        told |= filled(
            cfg_scale=spec.cfg_scale,
            start_image=self.address(order.first("first_frame")),
            end_image=self.address(order.first("last_frame")),
            reference_images=[self.address(m) for m in order.every("reference") if m.kind == "image"],
        )
        if name not in _OLDER:
            told["mode"] = (_SHORT if name in _BRIEF else _WORDS)[spec.resolution]
        base = order.first("base_video")
        film = base or next((m for m in order.every("reference") if m.kind == "video"), None)
        if film is not None:
            told["reference_video"] = self.address(film)
            told["video_reference_type"] = "base" if base else "feature"
            told["keep_original_sound"] = spec.audio == "original"
        elif spec.audio in {"off", "native"}:
            told["generate_audio"] = spec.audio == "native"
        return told

    def motion(self, order: Order) -> Body:
        """Say a motion control."""
        spec = order.plan.spec
        assert isinstance(spec, MotionSpec)
        return {
            "image": self.address(order.first("image")),
            "video": self.address(order.first("video")),
            "mode": _SHORT[spec.resolution],
            "character_orientation": spec.follow,
            "keep_original_sound": spec.audio == "original",
            **filled(prompt=spec.prompt),
        }

    def lip_sync(self, order: Order) -> Body:
        """Say a lip-sync."""
        spec = order.plan.spec
        assert isinstance(spec, LipSyncSpec)
        told: Body = {"video_url": self.address(order.first("video"))}
        if spec.speech is None:
            return {**told, "audio_file": self.address(order.first("audio"))}
        speech = spec.speech
        return {**told, "text": speech.text, "voice_id": speech.voice, "voice_speed": speech.speed}

    def avatar(self, order: Order) -> Body:
        """Say a talking portrait."""
        spec = order.plan.spec
        assert isinstance(spec, AvatarSpec)
        return {
            "image": self.address(order.first("image")),
            "audio": self.address(order.first("audio")),
            "mode": _SHORT[spec.resolution],
            **filled(prompt=spec.prompt),
        }


_KINDS: Mapping[Product, Callable[[Replicate, Order], Body]] = {
    "text-to-video": Replicate.video,
    "image-to-video": Replicate.video,
    "omni-video": Replicate.video,
    "motion-control": Replicate.motion,
    "lip-sync": Replicate.lip_sync,
    "avatar": Replicate.avatar,
}


def _model(order: Order) -> str:
    """Return the name that is asked for, ready for a path: motion control is a sister of the video's."""
    spec, name = order.plan.spec, order.plan.wire_model
    if isinstance(spec, MotionSpec):
        name = f"{name.removesuffix('-video')}-motion-control"
    return quote(name.replace("{}", _WORDS.get(getattr(spec, "resolution", ""), "")), safe="/")


def _video(order: Order) -> VideoSpec:
    spec = order.plan.spec
    assert isinstance(spec, VideoSpec)
    if any(reference.kind == "element" for reference in spec.references):
        raise Impossible("Replicate takes no elements.")
    return spec


def _words(spec: VideoSpec, marks: Mapping[str, str]) -> Body:
    """Return the words, or the shots as the text of a list, beside which a prompt is asked for all the same."""
    if not spec.shots:
        return {"prompt": said(spec.prompt, spec.references, marks)}
    shots = [{"prompt": said(s.prompt, spec.references, marks), "duration": s.seconds} for s in spec.shots]
    whole = " ".join(str(shot["prompt"]) for shot in shots)
    return {"prompt": whole[:PROMPT_MAX], "multi_prompt": json.dumps(shots, ensure_ascii=False)}


def _unbilled(told: Mapping[str, Any]) -> bool:
    """Whether a prediction was stopped before it began."""
    word = text(told.get("status")).strip().lower()
    return word == "aborted" or (word == "canceled" and "started_at" in told and told["started_at"] is None)


def _secret(key: bytes) -> bytes:
    """Return the bytes that callbacks are signed with.

    Raises:
        CallbackRefused: the answer that should tell them does not.
    """
    told = text(_object(key).get("key")).removeprefix("whsec_")
    try:
        found = b64decode(told, validate=True)
    except ValueError:
        found = b""
    if not found:
        raise CallbackRefused("Replicate's answer tells no secret for callbacks.")
    return found


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        return record(json.loads(body))
    except (ValueError, RecursionError):
        return {}

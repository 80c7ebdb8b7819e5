"""kling3api.com: two calls, and little else that is written down (gateways 7).

An anonymous reseller: whatever its pages leave open is read as a doubt, and its credits have no known price.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kling_tools.model.errors import Impossible, NotAccepted, NotFound, ProviderBroken, ProviderRefused
from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.specs import VideoSpec
from kling_tools.model.tasks import Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Traits, WireAnswer, WireCall
from kling_tools.providers.gateway import GatewayDialect, said, status_of
from kling_tools.providers.reading import RemoteStatus, charge, number, record, text

GENERATE = "/api/generate"
STATUS = "/api/status"
#: Nothing is told of how long a result stays: it is fetched at once, and counted on for no longer than elsewhere.
LIVES = 86400.0
NOBODY = "none"

STATUSES: Mapping[str, RemoteStatus] = {
    "in_progress": "processing",
    "success": "succeeded",
    "completed": "succeeded",
    "failed": "failed",
    "expired": "failed",
}
_GRADES = {"720p": "std", "1080p": "pro"}
_FINE = frozenset({"", "0", "200"})
#: What its words mean where no number comes with them.
_WORDS: Mapping[str, int] = {"INVALID_API_KEY": 401, "INSUFFICIENT_CREDITS": 402, "RATE_LIMITED": 429}
_WRONG = re.compile(r"(INVALID|MISSING)_[A-Z]+")


class Kling3Api(GatewayDialect):
    """kling3api.com as a dialect. A model's name is the type's beginning, with `{}` for the grade."""

    name = "kling3api"
    title = "kling3api.com"
    traits = Traits(finds=False, files=(), together=2)

    def product(self, plan: Plan) -> str:
        """Return the one address of all creates."""
        return GENERATE

    def create(self, order: Order) -> WireCall:
        """Encode a paid task. Sound is always spoken of: its pages do not agree on what is meant without."""
        spec = order.plan.spec
        if not isinstance(spec, VideoSpec) or spec.shots or any(r.kind == "element" for r in spec.references):
            raise Impossible(f"{self.title} makes single videos, and keeps no elements.")
        way = _way(order, spec)
        told: dict[str, Any] = {
            "type": f"{order.plan.wire_model.replace('{}', _GRADES[spec.resolution])}-{way}",
            "prompt": said(spec.prompt, spec.references, {"image": "image {}", "video": "video {}"}),
            "sound": spec.audio == "native",
            **_filled(duration=spec.seconds, aspect_ratio=spec.aspect_ratio),
            **_filled(negative_prompt=spec.negative_prompt, cfg_scale=spec.cfg_scale),
            **_filled(
                image=self.address(order.first("first_frame")), end_image=self.address(order.first("last_frame"))
            ),
        }
        media = list(order.every("reference"))
        told |= _filled(images=[self.address(medium) for medium in media if medium.kind == "image"])
        film = order.first("base_video") or next((medium for medium in media if medium.kind == "video"), None)
        if film is not None:
            told |= {"video": self.address(film), "keep_original_sound": spec.audio == "original"}
        return WireCall(method="POST", path=GENERATE, body=told)

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to a create; a no that names a task is a doubt."""
        try:
            return self._read(self._data(answer), answer, external_id=order.external_id)
        except ProviderRefused as refusal:
            if text(record(self.opened(answer).get("data")).get("task_id")):
                raise ProviderBroken(refusal.message) from None
            raise

    def look(self, remote: Remote) -> WireCall:
        """Encode the question for one task."""
        return _question(remote.id)

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read a task. That there is none, or none of that name, is all that is asked with the name of nobody."""
        try:
            return [self._read(self._data(answer), answer)]
        except NotFound:
            return []
        except NotAccepted:
            if dict(call.query).get("task_id") == NOBODY:
                return []
            raise

    def probe(self) -> WireCall:
        """Encode the question for a task that nobody has: there is no other free call."""
        return _question(NOBODY)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _data(self, answer: WireAnswer) -> Mapping[str, Any]:
        """Return what an envelope holds.

        Raises:
            ProviderRefused, ProviderBroken: its own code says no, whatever HTTP says.
        """
        body = self.opened(answer)
        code, message = text(body.get("code")), text(body.get("message"))
        if 200 <= answer.status < 300 and code in _FINE:
            return record(body.get("data"))
        status = answer.status
        if status < 300:
            status = int(code) if re.fullmatch(r"[1-9]\d\d", code) else _status_of(code) or _status_of(message)
        raise self.refused(status, message, code if not code.isdigit() else "")

    def _read(self, task: Mapping[str, Any], answer: WireAnswer, *, external_id: str = "") -> Observation:
        remote = Remote(id=self.identity(task.get("task_id")), product=GENERATE, host=answer.host)
        status = status_of(task.get("status"), STATUSES)
        took = charge(number(task.get("consumed_credits")), None) if status in {"succeeded", "failed"} else None
        return self.observed(
            remote,
            status,
            external_id=external_id,
            reason=text(task.get("error_message")) or text(task.get("failed_reason")),
            outputs=list(_outputs(task.get("response"), remote.id)),
            charge=took,
            simulated=answer.simulated,
            doubtful=took is None,
        )


def _question(task_id: str) -> WireCall:
    return WireCall(method="GET", path=STATUS, query=(("task_id", task_id),))


def _status_of(word: str) -> int:
    """Return the status that one of its words stands for; 0 where that is not known."""
    head = re.match(r"[A-Z_]*", word)
    name = head.group() if head else ""
    return _WORDS.get(name) or (400 if _WRONG.fullmatch(name) else 0)


def _way(order: Order, spec: VideoSpec) -> str:
    if spec.product != "omni-video":
        return spec.product
    return "video-edit" if order.first("base_video") is not None else "reference-to-video"


def _outputs(response: object, task_id: str) -> Iterator[RemoteOutput]:
    """Yield the videos: addresses in a list, or one alone."""
    found: Sequence[object] = response if isinstance(response, list) else [response]
    for url in found:
        if isinstance(url, str) and url:
            yield RemoteOutput(kind="video", url=text(url), remote_id=task_id, lives=LIVES)


def _filled(**told: object) -> dict[str, Any]:
    """Return the fields that are told."""
    return {name: value for name, value in told.items() if value not in (None, "", [])}

"""AceDataCloud: a line that stays open unless told otherwise, and records that say their state by halves (gateways 6).

It takes media by address only; what it made itself it knows by a name of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kling_tools.model import errors
from kling_tools.model.errors import CallbackRefused, Impossible, KlingError, quoted
from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.specs import AvatarSpec, ExtendSpec, LipSyncSpec, MotionSpec, Product, VideoSpec
from kling_tools.model.tasks import Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Traits, WireAnswer, WireCall
from kling_tools.providers.gateway import GatewayDialect, camera_object, filled, said
from kling_tools.providers.reading import RemoteStatus, record, records, seconds, text

TASKS = "/kling/tasks"
#: So many tasks are asked about at once: how many may be is not told.
BATCH = 50
#: What nobody's task is called.
NOBODY = "00000000-0000-0000-0000-000000000000"

#: What its code words mean, as HTTP would say it.
STATUSES: Mapping[str, int] = {
    "used_up": 402,
    "api_not_implemented": 404,
    "no_token": 401,
    "token_mismatched": 401,
    "invalid_token": 401,
    "token_expired": 401,
    "authorization_missing": 401,
}
_GOOD, _BAD = frozenset({"succeed", "succeeded", "success"}), frozenset({"failed", "fail"})
_MODES = {"720p": "std", "1080p": "pro", "4k": "4k"}
#: Its figures for a camera go from -1 to 1, Kling's from -10 to 10.
_MOST_MOVED = 1
_PATHS: Mapping[Product, str] = {
    "motion-control": "/kling/motion",
    "lip-sync": "/kling/lip-sync",
    "avatar": "/kling/talking-photo",
}

Body = dict[str, Any]


class AceData(GatewayDialect):
    """AceDataCloud as a dialect. A model's name is its own."""

    name = "acedata"
    title = "AceDataCloud"
    traits = Traits(finds=False, files=(), together=2)

    def product(self, plan: Plan) -> str:
        """Return the one address of all questions."""
        return TASKS

    def create(self, order: Order) -> WireCall:
        """Encode a paid task; `async` closes the line at once, whatever else is told."""
        body = {**_KINDS[order.plan.spec.product](self, order), "async": True}
        body |= filled(callback_url=order.callback_url)
        path = _PATHS.get(order.plan.spec.product, "/kling/videos")
        return WireCall(method="POST", path=path, body=body)

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to a create: where it names a task there is one, whatever else it says."""
        body = self.opened(answer)
        found = text(body.get("task_id"))
        if not found:
            self._granted(body, answer)
        remote = Remote(id=self.identity(found), product=TASKS, host=answer.host)
        return self.observed(remote, "submitted", external_id=order.external_id, simulated=answer.simulated)

    def looks(self, remotes: Sequence[Remote]) -> list[WireCall]:
        """Encode questions for many tasks each; they are free."""
        ids = [remote.id for remote in remotes]
        return [_question(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH)]

    def look(self, remote: Remote) -> WireCall:
        """Encode the question for one task."""
        return _question([remote.id])

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read tasks; those that it does not know are left out."""
        body = self.opened(answer)
        self._granted(body, answer)
        if not isinstance(body.get("items"), list):
            raise errors.ProviderBroken("AceDataCloud's answer has no list of tasks.")
        return [self._read(item, answer) for item in records(body["items"]) if text(item.get("id"))]

    def probe(self) -> WireCall:
        """Encode the question for a task that is nobody's."""
        return _question([NOBODY])

    def heard(self, headers: Mapping[str, str], body: bytes, now: float, key: bytes) -> tuple[str, ...]:
        """Take a task's id, and nothing else: nothing is signed, and only the secret address proves it."""
        try:
            found = text(record(json.loads(body)).get("task_id"))
        except (ValueError, RecursionError):
            raise CallbackRefused("The callback is not JSON.") from None
        if not found:
            raise CallbackRefused("The callback names no task.")
        return (found,)

    def refused(self, status: int, message: str, code: str) -> KlingError:
        """Return the error for a no; a code word says more than the status."""
        if not 400 <= status < 500:
            return super().refused(status, message, code)
        told = f"({self.title}, {status}, {code}): {quoted(message)}."
        if code == "forbidden":
            return errors.Moderated(f"Its content rules blocked the request {told}", http_status=status)
        if code == "disabled":
            return errors.Closed(f"It has closed this {told}", http_status=status)
        return super().refused(STATUSES.get(code, status), message, code)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _granted(self, body: Mapping[str, Any], answer: WireAnswer) -> None:
        """Pass on what the status and its error say.

        Raises:
            ProviderRefused, ProviderBroken
        """
        if 200 <= answer.status < 300:
            return
        wrong = record(body.get("error"))
        words = text(wrong.get("message")) or text(wrong.get("detail")) or text(body.get("error"))
        raise self.refused(answer.status, words, text(wrong.get("code")) or text(body.get("code")))

    def _read(self, item: Mapping[str, Any], answer: WireAnswer) -> Observation:
        told = record(item.get("response"))
        remote = Remote(id=text(item.get("id")), product=TASKS, host=answer.host)
        wrong, url = told.get("error"), text(told.get("video_url"))
        video = RemoteOutput(
            kind="video", url=url, remote_id=text(told.get("video_id")), seconds=seconds(told.get("duration"))
        )
        return self.observed(
            remote,
            _stands(item, told),
            reason=text(record(wrong).get("message")) or text(record(wrong).get("detail")) or text(wrong),
            outputs=[video] if url else [],
            simulated=answer.simulated,
        )

    # --- saying -----------------------------------------------------------------------------------------------------

    def video(self, order: Order) -> Body:
        """Say a video from words or frames."""
        spec = _video(order)
        first, last = self.address(order.first("first_frame")), self.address(order.first("last_frame"))
        told: Body = {
            "action": "image2video" if first else "text2video",
            "model": order.plan.wire_model,
            "mode": _MODES[spec.resolution],
            "prompt": said(spec.prompt, spec.references, {}),
            **filled(duration=spec.seconds, aspect_ratio=spec.aspect_ratio, cfg_scale=spec.cfg_scale),
            **filled(negative_prompt=spec.negative_prompt, start_image_url=first, end_image_url=last),
        }
        if spec.audio in {"off", "native"}:
            told["generate_audio"] = spec.audio == "native"
        if spec.camera:
            told["camera_control"] = camera_object(spec.camera, _MOST_MOVED)
        return told

    def omni(self, order: Order) -> Body:
        """Say a video with references, or an edit of one: pictures stand in one list, frames behind the others."""
        spec = _video(order)
        marks = {"image": "<<<image_{}>>>", "video": "<<<video_{}>>>"}
        pictures: list[Body] = [{"image_url": self.address(m)} for m in order.every("reference") if m.kind == "image"]
        frames = ((order.first("first_frame"), "first_frame"), (order.first("last_frame"), "end_frame"))
        pictures += [{"image_url": self.address(frame), "type": kind} for frame, kind in frames if frame]
        told: Body = {
            "action": "text2video",
            "model": order.plan.wire_model,
            "mode": _MODES[spec.resolution],
            "prompt": said(spec.prompt, spec.references, marks),
            **filled(duration=spec.seconds, aspect_ratio=spec.aspect_ratio, image_list=pictures),
        }
        base = order.first("base_video")
        film = base or next((m for m in order.every("reference") if m.kind == "video"), None)
        if film is not None:
            kept = "yes" if spec.audio == "original" else "no"
            refers = "base" if base else "feature"
            told["video_list"] = [{"video_url": self.address(film), "refer_type": refers, "keep_original_sound": kept}]
        elif spec.audio in {"off", "native"}:
            told["generate_audio"] = spec.audio == "native"
        return told

    def extend(self, order: Order) -> Body:
        """Say that a video of its own goes on."""
        spec = order.plan.spec
        assert isinstance(spec, ExtendSpec)
        told: Body = {"action": "extend", "model": order.plan.wire_model, "video_id": self.mine(order.first("video"))}
        return {**told, **filled(prompt=spec.prompt)}

    def motion(self, order: Order) -> Body:
        """Say a motion control; there is no word for a model."""
        spec = order.plan.spec
        assert isinstance(spec, MotionSpec)
        return {
            "image_url": self.address(order.first("image")),
            "video_url": self.address(order.first("video")),
            "mode": _MODES[spec.resolution],
            "character_orientation": spec.follow,
            "keep_original_sound": "yes" if spec.audio == "original" else "no",
            **filled(prompt=spec.prompt),
        }

    def lip_sync(self, order: Order) -> Body:
        """Say a lip-sync; a video of its own by its own name."""
        spec, video = order.plan.spec, order.first("video")
        assert isinstance(spec, LipSyncSpec)
        assert video is not None
        told: Body = {"video_id": video.remote_id} if video.remote_id else {"video_url": self.address(video)}
        if spec.speech is None:
            return {**told, "mode": "audio2video", "audio_url": self.address(order.first("audio"))}
        speech = spec.speech
        told |= {"mode": "text2video", "text": speech.text, "voice_id": speech.voice}
        return {**told, "voice_language": speech.language, "voice_speed": speech.speed}

    def avatar(self, order: Order) -> Body:
        """Say a talking portrait of five seconds, or ten where the sound is longer or nobody knows."""
        spec = order.plan.spec
        assert isinstance(spec, AvatarSpec)
        known = next((given.seconds for given in order.plan.inputs if given.role == "audio"), 0.0)
        return {
            "image_url": self.address(order.first("image")),
            "audio_url": self.address(order.first("audio")),
            "model": order.plan.wire_model,
            "mode": _MODES[spec.resolution],
            "duration": 5 if 0 < known <= 5 else 10,
            **filled(prompt=spec.prompt),
        }


_KINDS: Mapping[Product, Callable[[AceData, Order], Body]] = {
    "text-to-video": AceData.video,
    "image-to-video": AceData.video,
    "omni-video": AceData.omni,
    "extend": AceData.extend,
    "motion-control": AceData.motion,
    "lip-sync": AceData.lip_sync,
    "avatar": AceData.avatar,
}


def _video(order: Order) -> VideoSpec:
    spec = order.plan.spec
    assert isinstance(spec, VideoSpec)
    if spec.shots or any(reference.kind == "element" for reference in spec.references):
        raise Impossible("AceDataCloud takes neither shots nor elements.")
    return spec


def _question(ids: Sequence[str]) -> WireCall:
    return WireCall(method="POST", path=TASKS, body={"ids": list(ids), "action": "retrieve_batch"})


def _stands(item: Mapping[str, Any], told: Mapping[str, Any]) -> RemoteStatus:
    """Return where a record stands, by the order that its maker's own program decides in (gateways 6)."""
    word = (text(told.get("state")) or text(told.get("status"))).strip().lower()
    success, over = told.get("success"), bool(item.get("finished_at"))
    if word:
        good = word in _GOOD and text(told.get("video_url"))
        return "succeeded" if good else "failed" if word in _BAD else "processing"
    if success is False and (over or text(record(told.get("error")).get("code"))):
        return "failed"
    if over and success is True:
        return "succeeded"
    return "processing" if item.get("started_at") or told else "submitted"

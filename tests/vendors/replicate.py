"""Replicate as its fact sheet (section 5) describes it: predictions whose inputs and outputs vanish after an hour.

Prices are in US$ and are not told by the vendor. The list of predictions is not in the sheet; it is part of the public
API that the sheet points to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from tests.vendors.fields import (
    Form,
    after,
    anything,
    apart,
    choice,
    flag,
    form,
    link,
    many,
    need,
    number,
    one_of,
    text,
    whole,
)
from tests.vendors.floor import UNTOLD, Hook, How, Order, Refusal, Task, iso, moment, per_second
from tests.vendors.vendor import Door, Vendor, answered, check, read_json, until

ANY = link(data=True)
RATIO = choice("16:9", "9:16", "1:1")
GRADE = choice("standard", "pro", "4k")
STD = choice("std", "pro")
FIVE_TEN = choice(5, 10)
MOST_UPLOADED = 100 * 1024 * 1024


def _shots(body: Any) -> str:
    if "multi_prompt" not in body:
        return ""
    try:
        shots = json.loads(body["multi_prompt"])
        lengths = [shot["duration"] for shot in shots if isinstance(shot["prompt"], str)]
    except (ValueError, TypeError, KeyError):
        return "multi_prompt must be a JSON array of {prompt, duration}"
    if not 1 <= len(lengths) <= 6 or sum(lengths) != body.get("duration", 5):
        return "multi_prompt takes up to 6 shots that add up to duration"
    return ""


def _references(body: Any) -> str:
    most = 4 if "reference_video" in body else 7
    return "" if len(body.get("reference_images", ())) <= most else f"at most {most} reference_images"


def _tail_is_pro(body: Any) -> str:
    return "" if "end_image" not in body or body.get("mode") == "pro" else "end_image needs mode pro"


O1 = form(
    after("end_image", "start_image"),
    _references,
    prompt=need(text(2500)),
    mode=STD,
    duration=whole(3, 10),
    aspect_ratio=RATIO,
    start_image=ANY,
    end_image=ANY,
    reference_images=many(ANY, 1, 7),
    reference_video=ANY,
    video_reference_type=choice("feature", "base"),
    keep_original_sound=flag(),
)
MOTION = form(
    image=need(ANY),
    video=need(ANY),
    prompt=text(2500),
    mode=STD,
    character_orientation=choice("image", "video"),
    keep_original_sound=flag(),
)
OLDER = form(
    prompt=need(text(2500)), start_image=ANY, aspect_ratio=RATIO, duration=FIVE_TEN, negative_prompt=text(2500)
)
SCALED = OLDER.with_(cfg_scale=number(0, 1))
MODELS: dict[str, Form] = {
    "kling-v3-video": form(
        after("end_image", "start_image"),
        _shots,
        prompt=need(text(2500)),
        negative_prompt=text(2500),
        start_image=ANY,
        end_image=ANY,
        mode=GRADE,
        aspect_ratio=RATIO,
        duration=whole(3, 15),
        generate_audio=flag(),
        multi_prompt=text(),
    ),
    "kling-v3-omni-video": O1.with_(
        _shots,
        apart("generate_audio", "reference_video"),
        mode=GRADE,
        duration=whole(3, 15),
        generate_audio=flag(),
        multi_prompt=text(),
    ),
    "kling-o1": O1,
    "kling-v3-motion-control": MOTION,
    "kling-v2.6-motion-control": MOTION,
    "kling-v2.6": OLDER.with_(generate_audio=flag()),
    "kling-v2.5-turbo-pro": OLDER.with_(image=ANY),
    "kling-v2.1": form(
        _tail_is_pro,
        prompt=need(text(2500)),
        start_image=need(ANY),
        end_image=ANY,
        mode=choice("standard", "pro"),
        duration=FIVE_TEN,
        negative_prompt=text(2500),
    ),
    "kling-v2.1-master": OLDER,
    "kling-v2.0": SCALED,
    "kling-v1.6-standard": SCALED,
    "kling-v1.6-pro": SCALED.with_(end_image=ANY, reference_images=many(ANY, 1, 4)),
    "kling-v1.5-pro": OLDER,
    "kling-lip-sync": form(
        one_of("video_url", "video_id"),
        one_of("audio_file", "text"),
        video_url=ANY,
        video_id=text(),
        audio_file=ANY,
        text=text(),
        voice_id=text(),
        voice_speed=number(0.8, 2),
    ),
    "kling-avatar-v2": form(image=need(ANY), audio=need(ANY), prompt=text(), mode=STD),
}
ENVELOPE = form(
    input=need(anything()),
    webhook=link(),
    webhook_events_filter=many(choice("start", "output", "logs", "completed"), 1, 4),
)
#: US$ a second by model and mode: plain, and with sound or a video beside it.
RATES: dict[str, dict[str, tuple[float, float]]] = {
    "kling-v3-video": {"standard": (0.084, 0.126), "pro": (0.112, 0.168), "4k": (0.42, 0.42)},
    "kling-v3-omni-video": {"standard": (0.168, 0.224), "pro": (0.224, 0.28), "4k": (0.42, 0.42)},
    "kling-o1": {"std": (0.084, 0.126), "pro": (0.112, 0.168)},
    "kling-v3-motion-control": {"std": (0.07, 0.07), "pro": (0.12, 0.12)},
    "kling-v2.6": {"pro": (0.07, 0.14)},
    "kling-v2.5-turbo-pro": {"pro": (0.07, 0.07)},
    "kling-v2.1": {"standard": (0.05, 0.05), "pro": (0.09, 0.09)},
    "kling-v1.6-standard": {"pro": (0.05, 0.05)},
    "kling-lip-sync": {"pro": (0.014, 0.014)},
}


def price(name: str, asked: dict[str, Any]) -> float:
    """Return what a prediction costs in US$."""
    rates = RATES.get(name, {}).get(asked.get("mode", "pro"))
    dear = asked.get("generate_audio") or (name == "kling-o1" and "reference_video" in asked)
    return per_second(rates[bool(dear)], asked) if rates else UNTOLD


class Replicate(Vendor):
    """Replicate. `secret` signs webhooks."""

    rate = (600, 60.0)
    lifetime = 3600.0
    upload_lifetime = 86400.0
    secret = "whsec_" + base64.b64encode(b"the-secret-of-this-account").decode()

    def doors(self) -> Sequence[Door]:
        """List the calls that the vendor answers."""
        return [
            Door("POST", "/v1/models/{owner}/{name}/predictions", self.create, "create"),
            Door("POST", "/v1/predictions", self.create, "create"),
            Door("GET", "/v1/predictions", self.list_all, "list"),
            Door("GET", "/v1/predictions/{id}", self.query, "poll"),
            Door("POST", "/v1/predictions/{id}/cancel", self.cancel, "cancel"),
            Door("GET", "/v1/account", self.account, "balance"),
            Door("GET", "/v1/webhooks/default/secret", self.signing, "keys"),
            Door("POST", "/v1/files", self.upload, "upload"),
        ]

    def authorize(self, request: Request) -> None:
        """Look for a bearer, or a token as of old."""
        if request.headers.get("authorization") not in (f"Bearer {self.key}", f"Token {self.key}"):
            raise Refusal(401, "You did not pass a valid authentication token")

    def refusal(self, refusal: Refusal) -> Response:
        """Write a problem as RFC 7807 has it; a throttled call has only a detail."""
        if refusal.status == 429:
            return answered({"detail": "Request was throttled. Your rate limit resets in ~30s."}, 429)
        titles = {401: "Unauthenticated", 402: "Insufficient credit", 404: "Not found", 422: "Input validation failed"}
        title = titles.get(refusal.status, "Internal server error")
        told: dict[str, Any] = {"title": title, "detail": refusal.words, "status": refusal.status}
        if refusal.problems:
            wrong = refusal.problems
            told["detail"] = "".join(f"- {found.path}: {found.words}\n" for found in wrong)
            told["type"] = "https://replicate.com/docs/reference/http#errors"
            told["invalid_fields"] = [{"field": found.path, "description": found.words} for found in wrong]
        return answered(told, refusal.status)

    async def create(self, request: Request) -> Response:
        """Start a prediction; `Prefer: wait` keeps the line open until it is over or the wait is."""
        body = await read_json(request)
        named = request.path_params.get("name") and "{owner}/{name}".format(**request.path_params)
        rules = ENVELOPE if named else ENVELOPE.with_(version=need(text()))
        check(rules, body, status=422, words="Input validation failed")
        model = named or body["version"].partition(":")[0]
        owner, _, name = model.partition("/")
        if owner != "kwaivgi" or name not in MODELS:
            raise Refusal(404, "The requested resource could not be found.")
        check(MODELS[name], body["input"], status=422, words="Input validation failed", place=("input",))
        shown = uuid.uuid4().hex[:26]
        task = self.accept(Order(model, price(name, body["input"]), id=shown, hook_url=body.get("webhook", "")), body)
        wanted = request.headers.get("prefer", "")
        if wanted.startswith("wait"):
            most = task.created + int(wanted.partition("=")[2] or 60)
            await until(request, lambda: task not in self.book.unfinished, lambda: self.clock.now() > most)
        return answered(self.view(task), 201)

    async def query(self, request: Request) -> Response:
        """Tell how far a prediction is."""
        return answered(self.view(self.task(request.path_params["id"])))

    async def list_all(self, request: Request) -> Response:
        """List predictions of a time, newest first; the address of the next page is whole."""
        asked = request.query_params
        first, last = moment(asked.get("created_after"), 0.0), moment(asked.get("created_before"), float("inf"))
        found = [task for task in self.listed() if first <= task.created <= last]
        start = int(asked.get("cursor", "0"))
        shown = [self.view(task) for task in found[start : start + self.page_size]]
        rest = {**asked, "cursor": start + self.page_size}
        more = f"{self.base_url}/v1/predictions?{urlencode(rest)}" if start + self.page_size < len(found) else None
        return answered({"previous": None, "next": more, "results": shown})

    async def cancel(self, request: Request) -> Response:
        """Stop a prediction; one that ran already is billed."""
        task = self.task(request.path_params["id"])
        state = self.book.state(task)
        if state in ("queued", "running"):
            task.billed_anyway, task.cancelled, task.ended = state == "running", True, self.clock.now()
        return answered(self.view(task))

    def abort(self, task_id: str) -> None:
        """Let a prediction meet its deadline before it began."""
        task = self.book.tasks[task_id]
        task.cancelled, task.doom = True, "deadline"

    async def account(self, request: Request) -> Response:
        """Tell who this is; there is no balance."""
        return answered({"type": "user", "username": "tests", "name": "Tests"})

    async def signing(self, request: Request) -> Response:
        """Tell the secret that signs webhooks."""
        return answered({"key": self.secret})

    async def upload(self, request: Request) -> Response:
        """Take a file as a form, for a day."""
        async with request.form() as sent:
            file = sent.get("content")
            if not isinstance(file, UploadFile):
                raise Refusal(422, "content is required")
            name, kind, content = file.filename or "file", file.content_type, await file.read()
        if len(content) > MOST_UPLOADED:
            raise Refusal(413, "The file is larger than 100 MiB")
        url = self.keep(name, content, kind or "application/octet-stream")
        now = self.clock.now()
        times = {"created_at": iso(now), "expires_at": iso(now + self.upload_lifetime)}
        told = {"id": url.rpartition("/")[2], "name": name, "content_type": kind, "size": len(content)}
        return answered({**told, **times, "urls": {"get": url}}, 201)

    def view(self, task: Task) -> dict[str, Any]:
        """Write a prediction as every answer and webhook shows it."""
        state = self.book.state(task)
        words = {"queued": "starting", "running": "processing", "done": "succeeded", "failed": "failed"}
        word = words.get(state, "aborted" if task.doom else "canceled")
        over = state not in ("queued", "running")
        removed = over and self.expired(task)
        at = f"{self.base_url}/v1/predictions/{task.id}"
        told = {"id": task.id, "model": task.model, "version": "hidden", "input": {} if removed else task.body["input"]}
        told["output"] = self.result_url(task) if state == "done" and not removed else None
        told |= {"error": task.doom if state == "failed" else None, "logs": "", "status": word}
        told |= {"created_at": iso(task.created), "data_removed": removed, "deadline": None}
        waited = state == "queued" or (task.cancelled and not task.billed_anyway)
        told["started_at"] = None if waited else iso(task.created + self.book.pace.queued)
        told["completed_at"] = iso(self.book.ended(task)) if over else None
        total = round(self.book.ended(task) - task.created, 3) if over else 0
        told["metrics"] = {"predict_time": total, "total_time": total}
        return told | {"urls": {"get": at, "cancel": f"{at}/cancel", "web": f"https://replicate.com/p/{task.id}"}}

    def hook(self, task: Task, how: How, at: float) -> Hook:
        """Write a webhook signed by the rules of Standard Webhooks."""
        body = json.dumps(self.view(task)).encode()
        name, stamp = f"msg_{uuid.uuid4().hex}", str(int(at))
        key = b"another" if how == "forged" else base64.b64decode(self.secret.removeprefix("whsec_"))
        mac = base64.b64encode(hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
        old = base64.b64encode(b"the signature of a key that was rotated away").decode()
        signed = {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": f"v1,{old} v1,{mac}"}
        return Hook(task.hook_url, signed, body.replace(b"starting", b"canceled") + b" " if how == "tampered" else body)

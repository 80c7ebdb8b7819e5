"""Kie.ai as its fact sheet (section 4) describes it: refusals inside HTTP 200, results as JSON inside a string.

Prices are in credits of US$ 0.005. The API and the upload host stand behind one address. A 429 and what is the vendor's
own fault come with their HTTP status, everything else inside a 200: the sheet names the codes and not the statuses.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import uuid
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from tests.vendors.fields import (
    Form,
    anything,
    choice,
    flag,
    form,
    link,
    many,
    need,
    number,
    record,
    seconds,
    text,
    whole,
)
from tests.vendors.floor import UNTOLD, Hook, How, Order, Refusal, Task, per_second
from tests.vendors.vendor import Door, Vendor, answered, bearer, check, read_json

CREDIT = 0.005
RATIO = choice("16:9", "9:16", "1:1")
RATIO_OR_AUTO = choice("16:9", "9:16", "1:1", "auto")
FIVE_TEN = choice("5", "10")
ONE = many(link(), 1, 1)
SHOTS = many(record(form(prompt=need(text(500)), duration=need(whole(1, 12)))), 0, 5)
ELEMENTS = many(
    record(
        form(
            name=need(text(37)),
            description=text(),
            element_input_urls=many(link(), 1, 4),
            element_input_audio_urls=many(link(), 1, 1),
            start_time=number(0, 999),
            end_time=number(0, 999),
        )
    ),
    1,
    3,
)


def _shots_and_frames(body: Any) -> str:
    if not body["multi_shots"]:
        return "multi_prompt needs multi_shots" if body["multi_prompt"] else ""
    if not body["multi_prompt"]:
        return "multi_prompt is required when multi_shots is true"
    return "multi_shots takes a first frame only" if len(body.get("image_urls", ())) > 1 else ""


def _customized(body: Any) -> str:
    if not body.get("customize_multi_shots", True):
        return ""
    if body.get("prefer_multi_shots"):
        return "customize_multi_shots and prefer_multi_shots exclude each other"
    return "" if "multi_prompt" in body else "multi_prompt is required when customize_multi_shots is true"


def _ratio_of_edit(body: Any) -> str:
    alone = "image_urls" not in body and "elements" not in body
    return "aspect_ratio must be auto" if alone and body.get("aspect_ratio", "auto") != "auto" else ""


OMNI = form(
    _customized,
    prompt=need(text(3072)),
    duration=whole(3, 15),
    resolution=choice("720p", "1080p", "4k"),
    aspect_ratio=RATIO,
    audio=flag(),
    customize_multi_shots=flag(),
    prefer_multi_shots=flag(),
    multi_prompt=many(record(form(prompt=need(text()), duration=need(whole(1, 15)))), 1, 6),
    elements=many(anything(), 1, 7),
)
MOTION = form(
    input_urls=need(ONE),
    video_urls=need(ONE),
    mode=need(choice("720p", "1080p")),
    character_orientation=need(choice("image", "video")),
    prompt=text(2500),
)
TURBO = form(prompt=need(text(2500)), duration=need(seconds(3, 15)), resolution=need(choice("720p", "1080p")))
OLDER = form(prompt=need(text(5000)), duration=FIVE_TEN, negative_prompt=text(500), cfg_scale=number(0, 1))
AVATAR = form(image_url=need(link()), audio_url=need(link()), prompt=need(text(5000)))
MODELS: dict[str, Form] = {
    "kling-2.6/text-to-video": form(
        prompt=need(text(1000)), sound=need(flag()), aspect_ratio=need(RATIO), duration=need(FIVE_TEN)
    ),
    "kling-2.6/image-to-video": form(
        prompt=need(text(1000)), image_urls=need(ONE), sound=need(flag()), duration=need(FIVE_TEN)
    ),
    "kling-2.6/motion-control": MOTION,
    "kling-3.0/motion-control": MOTION.with_(
        mode=choice("std", "pro"),
        character_orientation=choice("image", "video"),
        background_source=choice("input_video", "input_image"),
    ),
    "kling-3.0/video": form(
        _shots_and_frames,
        prompt=need(text(2500)),
        sound=need(flag()),
        duration=need(seconds(3, 15)),
        aspect_ratio=need(RATIO),
        mode=need(choice("std", "pro", "4K")),
        multi_shots=need(flag()),
        multi_prompt=need(SHOTS),
        image_urls=many(link(), 1, 2),
        kling_elements=ELEMENTS,
    ),
    "kling-3.0-omni/text-to-video": OMNI,
    "kling-3.0-omni/image-to-video": OMNI.with_(image_urls=many(link(), 1, 7)),
    "kling-3.0-omni/reference-to-video": OMNI.with_(image_urls=many(link(), 1, 7)),
    "kling-3.0-omni/transformation": form(
        _ratio_of_edit,
        prompt=text(3072),
        video_urls=need(ONE),
        image_urls=many(link(), 1, 7),
        elements=many(anything(), 1, 7),
        resolution=choice("720p", "1080p", "4k"),
        aspect_ratio=RATIO_OR_AUTO,
        duration=seconds(3, 15),
        audio=flag(),
    ),
    "kling/v3-turbo-text-to-video": TURBO.with_(aspect_ratio=need(RATIO)),
    "kling/v3-turbo-image-to-video": TURBO.with_(image_urls=need(ONE)),
    "kling/v2-5-turbo-text-to-video-pro": OLDER.with_(prompt=need(text(2500)), aspect_ratio=RATIO),
    "kling/v2-5-turbo-image-to-video-pro": OLDER.with_(
        prompt=need(text(2500)), image_url=need(link()), tail_image_url=link()
    ),
    "kling/v2-1-standard": OLDER.with_(image_url=need(link())),
    "kling/v2-1-pro": OLDER.with_(image_url=need(link()), tail_image_url=link()),
    "kling/v2-1-master-text-to-video": OLDER.with_(aspect_ratio=RATIO),
    "kling/v2-1-master-image-to-video": OLDER.with_(image_url=need(link())),
    "kling/ai-avatar-standard": AVATAR,
    "kling/ai-avatar-pro": AVATAR,
}
ENVELOPE = form(model=need(text()), callBackUrl=link(), input=need(anything()))
#: US$ a second, by model and by mode or resolution: without and with sound.
RATES: dict[str, dict[Any, tuple[float, float]]] = {
    "kling-3.0/video": {"std": (0.07, 0.10), "pro": (0.09, 0.135), "4K": (0.335, 0.335)},
    "kling-3.0/motion-control": {"std": (0.10, 0.10), "pro": (0.135, 0.135)},
    "kling-2.6/motion-control": {"720p": (0.055, 0.055), "1080p": (0.09, 0.09)},
    "kling-2.6/": {None: (0.055, 0.11)},
    "kling/v3-turbo": {"720p": (0.09, 0.09), "1080p": (0.1125, 0.1125)},
    "kling/v2-5-turbo": {None: (0.042, 0.042)},
    "kling/v2-1-standard": {None: (0.025, 0.025)},
    "kling/v2-1-pro": {None: (0.05, 0.05)},
    "kling/v2-1-master": {None: (0.16, 0.16)},
    "kling/ai-avatar-standard": {None: (0.04, 0.04)},
    "kling/ai-avatar-pro": {None: (0.08, 0.08)},
}


def price(model: str, asked: dict[str, Any]) -> float:
    """Return what a task costs in credits."""
    grades = next((grades for start, grades in RATES.items() if model.startswith(start)), None)
    rates = grades.get(asked.get("mode", asked.get("resolution"))) if grades else None
    if rates is None:
        return UNTOLD
    loud = asked.get("sound") or asked.get("multi_shots")
    return round(per_second(rates[bool(loud)], asked) / CREDIT, 6)


class Kie(Vendor):
    """Kie.ai. `webhook_key` is the one that the account's settings hold."""

    rate = (20, 10.0)
    lifetime = 86400.0
    upload_lifetime = 86400.0
    webhook_key = "the-webhook-key"
    polls_a_second = 10
    dollars = CREDIT

    def doors(self) -> Sequence[Door]:
        """List the calls that the vendor answers."""
        return [
            Door("POST", "/api/v1/jobs/createTask", self.create, "create"),
            Door("GET", "/api/v1/jobs/recordInfo", self.query, "poll"),
            Door("GET", "/api/v1/chat/credit", self.credit, "balance"),
            Door("POST", "/api/v1/common/download-url", self.download_url, "result"),
            Door("POST", "/api/file-base64-upload", self.upload_base64, "upload"),
            Door("POST", "/api/file-stream-upload", self.upload_stream, "upload"),
        ]

    def authorize(self, request: Request) -> None:
        """Look for a bearer."""
        bearer(request, self.key, "You do not have access permissions")

    def refusal(self, refusal: Refusal) -> Response:
        """Write an error whose code is in the body; mostly inside HTTP 200."""
        wrong = "; ".join(f"{problem.path}: {problem.words}" for problem in refusal.problems)
        status = refusal.status if refusal.status >= 500 or refusal.status == 429 else 200
        return answered({"code": refusal.status, "msg": wrong or refusal.words, "data": None}, status)

    def hidden(self, status: int, words: str) -> Response:
        """Write an error inside HTTP 200."""
        return answered({"code": status, "msg": words, "data": None})

    async def create(self, request: Request) -> Response:
        """Accept a task."""
        body = await read_json(request)
        check(ENVELOPE, body, status=422, words="invalid request")
        if body["model"] not in MODELS:
            raise Refusal(422, "The model name you specified is not supported")
        check(MODELS[body["model"]], body["input"], status=422, words="invalid request", place=("input",))
        if body["model"] == "kling-3.0/motion-control" and "callBackUrl" not in body:
            raise Refusal(422, "callBackUrl: field required")
        amount = price(body["model"], body["input"])
        order = Order(body["model"], amount, id=uuid.uuid4().hex, hook_url=body.get("callBackUrl", ""))
        return self.fine({"taskId": self.accept(order, body).id})

    async def query(self, request: Request) -> Response:
        """Tell how far a task is."""
        self.slow_down("poll", self.polls_a_second)
        return self.fine(self.view(self.task(request.query_params.get("taskId", ""))))

    async def credit(self, request: Request) -> Response:
        """Tell how many credits are left."""
        return self.fine(self.book.balance)

    async def download_url(self, request: Request) -> Response:
        """Return a link to a result, from its address."""
        body = await read_json(request)
        check(form(url=need(link())), body, status=422, words="invalid request")
        return self.fine(body["url"])

    async def upload_base64(self, request: Request) -> Response:
        """Take a file as base64, bare or as a data URI."""
        body = await read_json(request)
        rules = form(base64Data=need(text()), uploadPath=need(text()), fileName=text())
        check(rules, body, status=400, words="invalid request")
        try:
            content = base64.b64decode(body["base64Data"].rpartition(",")[2], validate=True)
        except binascii.Error:
            raise Refusal(400, "base64Data is not base64") from None
        return self.uploaded(body.get("fileName", "file"), content)

    async def upload_stream(self, request: Request) -> Response:
        """Take a file as a form."""
        async with request.form() as sent:
            file = sent.get("file")
            if not isinstance(file, UploadFile) or "uploadPath" not in sent:
                raise Refusal(400, "file and uploadPath are required")
            return self.uploaded(str(sent.get("fileName") or file.filename), await file.read())

    def uploaded(self, name: str, content: bytes) -> Response:
        """Keep a file and tell where."""
        url = self.keep(name, content)
        told = {"fileName": name, "filePath": f"images/{name}", "downloadUrl": url, "fileSize": len(content)}
        return answered({"success": True, "code": 200, "msg": "File uploaded successfully", "data": told})

    def fine(self, data: Any) -> Response:
        """Write a good answer."""
        return answered({"code": 200, "msg": "success", "data": data})

    def view(self, task: Task) -> dict[str, Any]:
        """Write a task as queries and webhooks show it."""
        state, now = self.book.state(task), self.clock.now()
        waiting = "waiting" if now - task.created < self.book.pace.queued / 2 else "queuing"
        words = {"queued": waiting, "running": "generating", "done": "success", "failed": "fail"}
        over = state in ("done", "failed")
        ended = round(self.book.ended(task) * 1000) if over else 0
        created = round(task.created * 1000)
        result = json.dumps({"resultUrls": [self.result_url(task)]}) if state == "done" else ""
        asked = {"taskId": task.id, "model": task.model, "state": words[state], "param": json.dumps(task.body)}
        failure = {"failCode": "501" if state == "failed" else "", "failMsg": task.doom if state == "failed" else ""}
        times = {"costTime": ended - created if over else 0, "completeTime": ended, "createTime": created}
        used = {"updateTime": round(now * 1000), "progress": 100 if state == "done" else 0}
        paid = {"creditsConsumed": task.amount if state == "done" else 0}
        return {**asked, "resultJson": result, **failure, **times, **used, **paid}

    def hook(self, task: Task, how: How, at: float) -> Hook:
        """Write a webhook; the signature covers who and when, and not what."""
        data = self.view(task)
        if how == "tampered":
            away = {"resultUrls": ["http://127.0.0.1:9/elsewhere.mp4"]}
            data = {**data, "state": "success", "resultJson": json.dumps(away)}
        stamp = str(int(at))
        key = "another-key" if how == "forged" else self.webhook_key
        mac = hmac.new(key.encode(), f"{task.id}.{stamp}".encode(), hashlib.sha256).digest()
        headers = {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": base64.b64encode(mac).decode()}
        return Hook(task.hook_url, headers, json.dumps({"code": 200, "msg": "success", "data": data}).encode())

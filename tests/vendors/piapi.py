"""PiAPI as its fact sheet (section 1) describes it: one task call for everything, and results in three shapes.

Prices are in US$; the vendor tells them in units of 10,000,000 to the dollar.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from tests.vendors.fields import (
    Form,
    after,
    anything,
    apart,
    camera,
    choice,
    flag,
    form,
    link,
    many,
    need,
    number,
    one_of,
    record,
    text,
    whole,
)
from tests.vendors.floor import UNTOLD, Hook, How, Order, Refusal, Task, iso
from tests.vendors.vendor import Door, Vendor, answered, check, read_json

NEVER = "0001-01-01T00:00:00Z"
PER_DOLLAR = 10_000_000
RATIO = choice("16:9", "9:16", "1:1")
MODE = choice("std", "pro")
OLD = ("1.5", "1.6", "2.0", "2.1", "2.1-master", "2.5", "2.6")
DANCES = (
    "Cute Baby Dance",
    "Nezha",
    "Heart Gesture Dance",
    "Motorcycle Dance",
    "Subject 3 Dance",
    "Ghost Step Dance",
    "Martial Arts",
    "Running",
    "Poping",
)
SHOTS = many(record(form(prompt=need(text()), duration=need(whole(1, 14)))), 1, 6)
UPLOADED = ("jpg", "jpeg", "png", "webp", "mp4", "mp3")
MOST_UPLOADED = 10 * 1024 * 1024


def _prompt_or_shots(body: Any) -> str:
    return "" if body.get("prompt") or body.get("multi_shots") else "prompt is required"


def _fifteen(body: Any) -> str:
    total = sum(shot["duration"] for shot in body.get("multi_shots", []))
    return "multi_shots exceed 15 seconds" if total > 15 else ""


def _audio_of_old(body: Any) -> str:
    fits = not body.get("enable_audio") or (body.get("version"), body.get("mode")) == ("2.6", "pro")
    return "" if fits else "enable_audio needs version 2.6 in pro mode"


def _elements_of_old(body: Any) -> str:
    return "" if "elements" not in body or body.get("version") == "1.6" else "elements need version 1.6"


OLDER = form(
    after("image_tail_url", "image_url"),
    apart("aspect_ratio", "image_url"),
    apart("camera_control", "image_url"),
    _audio_of_old,
    _elements_of_old,
    apart("elements", "image_url"),
    prompt=need(text(2500)),
    negative_prompt=text(2500),
    cfg_scale=number(0, 1),
    duration=choice(5, 10),
    aspect_ratio=RATIO,
    mode=MODE,
    version=choice(*OLD),
    image_url=link(),
    image_tail_url=link(),
    camera_control=camera(10, "simple"),
    enable_audio=flag(),
    motion_brush=anything(),
    elements=many(record(form(image_url=need(link()))), 1, 4),
)
THREE = form(
    after("image_tail_url", "image_url"),
    _prompt_or_shots,
    _fifteen,
    prompt=text(),
    version=need(choice("3.0")),
    mode=MODE,
    image_url=link(),
    image_tail_url=link(),
    duration=whole(3, 15),
    aspect_ratio=RATIO,
    enable_audio=flag(),
    prefer_multi_shots=flag(),
    multi_shots=SHOTS,
)
OMNI = form(
    _prompt_or_shots,
    _fifteen,
    prompt=text(),
    version=choice("3.0"),
    resolution=choice("720p", "1080p"),
    duration=whole(3, 15),
    aspect_ratio=RATIO,
    enable_audio=flag(),
    multi_shots=SHOTS,
    images=many(link(), 1, 7),
)
O1 = OMNI.without("enable_audio").with_(version=need(choice("o1")), duration=choice(5, 10))
TURBO = OLDER.without(
    "image_tail_url", "camera_control", "enable_audio", "motion_brush", "elements", "cfg_scale"
).with_(version=need(choice("2.5-turbo")), mode=choice("pro"))
OTHERS = {
    "motion_control": form(
        one_of("video_url", "preset_motion"),
        image_url=need(link()),
        video_url=link(),
        preset_motion=choice(*DANCES),
        motion_direction=choice("video", "image"),
        keep_original_sound=flag(),
        mode=MODE,
        version=choice("2.6", "3.0"),
    ),
    "extend_video": form(origin_task_id=need(text()), prompt=text(2500)),
    "lip_sync": form(
        one_of("tts_text", "local_dubbing_url"),
        after("tts_text", "tts_timbre"),
        origin_task_id=need(text()),
        tts_text=text(),
        tts_timbre=text(),
        tts_speed=number(0.8, 2),
        local_dubbing_url=link(),
    ),
    "effects": form(image_url=need(link()), effect=need(text())),
    "avatar": form(
        image_url=need(link()), local_dubbing_url=need(link()), prompt=text(), mode=MODE, batch_size=choice(1)
    ),
}
ENVELOPE = form(
    model=need(choice("kling", "kling-turbo")),
    task_type=need(choice("video_generation", "omni_video_generation", *OTHERS)),
    input=need(anything()),
    config=record(
        form(
            service_mode=choice("public", "private"),
            webhook_config=record(form(endpoint=need(link()), secret=text())),
        )
    ),
)
#: Model, mode and price of five seconds; ten cost double.
FIVE_SECONDS = {
    **{(version, mode): price for version in ("1.5", "1.6", "2.1") for mode, price in (("std", 0.26), ("pro", 0.46))},
    **{(version, mode): price for version in ("2.5", "2.6") for mode, price in (("std", 0.195), ("pro", 0.33))},
    ("2.1-master", "std"): 0.96,
    ("2.1-master", "pro"): 0.96,
    ("2.5-turbo", "pro"): 0.28,
    ("o1", "720p"): 0.39,
    ("o1", "1080p"): 0.52,
}
A_SECOND = {"720p": (0.10, 0.15), "1080p": (0.15, 0.20)}


def form_of(body: dict[str, Any]) -> Form:
    """Return the form that the input of a create has to follow."""
    kind, version = body["task_type"], body["input"].get("version") if isinstance(body["input"], dict) else None
    if kind == "omni_video_generation":
        return O1 if version == "o1" else OMNI
    if kind != "video_generation":
        return OTHERS[kind]
    if body["model"] == "kling-turbo":
        return TURBO
    return THREE if version == "3.0" else OLDER


def price(kind: str, asked: dict[str, Any]) -> float:
    """Return what a create costs in US$."""
    mode, version = asked.get("mode", "std"), asked.get("version", "3.0" if kind.startswith("omni") else "1.6")
    shots = asked.get("multi_shots")
    length = sum(shot["duration"] for shot in shots) if shots else asked.get("duration", 5)
    if kind in ("video_generation", "omni_video_generation"):
        resolution = asked.get("resolution", "720p") if kind.startswith("omni") else {"pro": "1080p"}.get(mode, "720p")
        if version == "3.0":
            return float(A_SECOND[resolution][bool(asked.get("enable_audio"))] * length)
        grade = resolution if version == "o1" else mode
        five = FIVE_SECONDS.get((version, grade), UNTOLD)
        return float(five * length / 5 * (2 if asked.get("enable_audio") else 1))
    return {"lip_sync": 0.10, "effects": 0.20}.get(kind, UNTOLD)


class Piapi(Vendor):
    """PiAPI. `paid_plan` opens uploads; with `early` the output is there before the status word says so."""

    lifetime = 86400.0
    upload_lifetime = 86400.0
    paid_plan = True
    early = True

    def doors(self) -> Sequence[Door]:
        """List the calls that the vendor answers."""
        return [
            Door("POST", "/api/v1/task", self.create, "create"),
            Door("GET", "/api/v1/task/{id}", self.query, "poll"),
            Door("DELETE", "/api/v1/task/{id}", self.cancel, "cancel"),
            Door("GET", "/account/info", self.account, "balance"),
            Door("GET", "/account/active_tasks", self.active, "list"),
            Door("POST", "/api/ephemeral_resource", self.upload, "upload"),
        ]

    def authorize(self, request: Request) -> None:
        """Look for the key in a header of its own."""
        if request.headers.get("x-api-key") != self.key:
            raise Refusal(401, "Invalid API key")

    def refusal(self, refusal: Refusal) -> Response:
        """Write an error in one of the three shapes that were seen."""
        if refusal.status == 401:
            return answered({"error": refusal.words}, 401)
        if refusal.status == 403:
            return answered({"description": refusal.words}, 403)
        wrong = "; ".join(f"{problem.path}: {problem.words}" for problem in refusal.problems)
        return answered({"code": refusal.status, "message": wrong or refusal.words}, refusal.status)

    def hidden(self, status: int, words: str) -> Response:
        """Write an error whose HTTP status says that all is well."""
        return answered({"code": status, "data": None, "message": words})

    async def create(self, request: Request) -> Response:
        """Accept a task."""
        body = await read_json(request)
        check(ENVELOPE, body, status=400, words="invalid request")
        check(form_of(body), body["input"], status=400, words="invalid request", place=("input",))
        if origin := body["input"].get("origin_task_id"):
            found = self.book.tasks.get(origin)
            if found is None or self.book.state(found) != "done":
                raise Refusal(400, "origin task is not completed")
        hook = body.get("config", {}).get("webhook_config", {})
        amount = round(price(body["task_type"], body["input"]), 6)
        order = Order(body["model"], amount, hook_url=hook.get("endpoint", ""), hook_secret=hook.get("secret", ""))
        return answered({"code": 200, "data": self.view(self.accept(order, body)), "message": "success"})

    async def query(self, request: Request) -> Response:
        """Tell how far a task is."""
        return answered({"code": 200, "data": self.view(self.task(request.path_params["id"])), "message": "success"})

    async def cancel(self, request: Request) -> Response:
        """Delete a task that nobody has begun."""
        task = self.task(request.path_params["id"])
        if self.book.state(task) != "queued":
            raise Refusal(400, "only pending tasks can be deleted")
        task.cancelled = task.removed = True
        return answered({"code": 200, "data": None, "message": "success"})

    async def account(self, request: Request) -> Response:
        """Tell what is left."""
        owner = {"account_id": "account-1", "account_name": "tests", "plan": "creator"}
        return answered({"code": 200, "data": {**owner, "equivalent_in_usd": self.book.balance}, "message": "success"})

    async def active(self, request: Request) -> Response:
        """List what is under way."""
        under_way = [self.view(task) for task in self.book.unfinished]
        return answered({"code": 200, "data": under_way, "message": "success"})

    async def upload(self, request: Request) -> Response:
        """Take a small file for a day."""
        body = await read_json(request)
        check(
            form(file_name=need(text(128, least=1)), file_data=need(text())), body, status=400, words="invalid request"
        )
        if not self.paid_plan:
            raise Refusal(403, "the free plan has no uploads")
        if body["file_name"].rpartition(".")[2].lower() not in UPLOADED:
            raise Refusal(400, "file type is not supported")
        try:
            content = base64.b64decode(body["file_data"], validate=True)
        except binascii.Error:
            raise Refusal(400, "file_data is not base64") from None
        if len(content) > MOST_UPLOADED:
            raise Refusal(400, "file is larger than 10 MB")
        return answered({"code": 200, "data": {"url": self.keep(body["file_name"], content)}, "message": "success"})

    def view(self, task: Task) -> dict[str, Any]:
        """Write a task as every answer and webhook shows it."""
        state = self.book.state(task)
        words = {"queued": "pending", "running": "processing", "done": "completed", "failed": "failed"}
        failed = task.doom if state == "failed" else ""
        meta = {
            "created_at": iso(task.created),
            "started_at": NEVER if state == "queued" else iso(task.created + self.book.pace.queued),
            "ended_at": iso(self.book.ended(task)) if state in ("done", "failed") else NEVER,
            "usage": {"type": "point", "frozen": 0, "consume": 0 if failed else round(task.amount * PER_DOLLAR)},
            "is_using_private_pool": False,
        }
        config = {
            "service_mode": task.body.get("config", {}).get("service_mode", "public"),
            "webhook_config": {"endpoint": task.hook_url, "secret": task.hook_secret},
        }
        asked = {"task_id": task.id, "model": task.model, "task_type": task.body["task_type"], "config": config}
        error = {"code": 10000 if failed else 0, "raw_message": failed, "message": failed, "detail": None}
        told = {"input": task.body["input"], "output": self.output(task), "meta": meta, "detail": None, "logs": []}
        return {**asked, "status": words[state], **told, "error": error}

    def output(self, task: Task) -> dict[str, Any] | None:
        """Write where the result is: in one of two shapes, by version."""
        state = self.book.state(task)
        newer = task.model == "kling-turbo" or task.body["input"].get("version") in ("3.0", "o1")
        if task.body["task_type"] == "omni_video_generation" or (
            newer and task.body["task_type"] == "video_generation"
        ):
            if state == "queued":
                return None
            there = state == "done" or (state == "running" and self.early)
            return {"video": self.result_url(task) if there else ""}
        if state != "done":
            return None
        video = {
            "resource": self.result_url(task) + "?watermark=1",
            "resource_without_watermark": self.result_url(task),
            "duration": 5100,
        }
        return {"type": "m2v", "status": 99, "works": [{"status": 99, "video": video}]}

    def hook(self, task: Task, how: How, at: float) -> Hook:
        """Write a webhook with the secret beside it: nothing covers the body."""
        data = self.view(task)
        if how == "tampered":
            data = {**data, "status": "completed", "output": {"video": "http://127.0.0.1:9/elsewhere.mp4"}}
        secret = "not-the-secret" if how == "forged" else task.hook_secret
        body = json.dumps({"timestamp": int(at), "data": data}).encode()
        return Hook(task.hook_url, {"x-webhook-secret": secret}, body)

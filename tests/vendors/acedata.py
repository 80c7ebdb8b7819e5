"""AceDataCloud as its fact sheet (section 6) describes it: an open line unless told otherwise, and no status word.

Prices are in credits. The platform's own host (applications, files) wants another token and is not part of it. Where
the sheet is silent, a task that nobody knows is a bad request.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response
from tests.vendors.fields import (
    CAMERA_MOVES,
    Form,
    after,
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
from tests.vendors.floor import UNTOLD, Hook, How, Order, Refusal, Task
from tests.vendors.vendor import Door, Vendor, answered, bearer, check, read_json, until

Ending = Literal["state", "success", "early", "transient", "empty"]
#: Status and code word of refusals.
CODES = {
    400: "bad_request",
    401: "invalid_token",
    402: "used_up",
    404: "bad_request",
    429: "too_many_requests",
    500: "api_error",
    503: "api_error",
}
MODELS = (
    "kling-v1",
    "kling-v1-6",
    "kling-v2-master",
    "kling-v2-1-master",
    "kling-v2-5-turbo",
    "kling-v2-6",
    "kling-v3",
    "kling-v3-omni",
    "kling-o1",
    "kling-video-o1",
)
REFERRING = ("kling-v3-omni", "kling-o1", "kling-video-o1")
EXTENDING = ("kling-v1", "kling-v1-6", "kling-v2-5-turbo")
YES_NO = choice("yes", "no")
ASYNC = {"callback_url": link(), "async": flag()}
IMAGE = form(image_url=need(link()), type=choice("first_frame", "end_frame"))
VIDEO = form(video_url=need(link()), refer_type=choice("base", "feature"), keep_original_sound=YES_NO)


def _model(body: Any) -> str:
    return str(body.get("model", "kling-v1"))


def _by_action(body: Any) -> str:
    action = body["action"]
    if action == "extend":
        fits = "video_id" in body and _model(body) in EXTENDING
        return "" if fits else "extend needs video_id and a model that extends"
    if not body.get("prompt"):
        return "prompt is required"
    framed = "start_image_url" in body or "image_list" in body
    return "start_image_url is required" if action == "image2video" and not framed else ""


def _duration(body: Any) -> str:
    model, length = _model(body), body.get("duration", 5)
    if model.startswith("kling-v3"):
        fits = 3 <= length <= 15
    else:
        fits = length == 5 or (length == 10 and not model.endswith("o1"))
    return "" if fits else f"duration: {model} does not offer {length} s"


def _audio(body: Any) -> str:
    pro = (_model(body), body.get("mode")) == ("kling-v2-6", "pro")
    fits = not body.get("generate_audio") or pro or _model(body).startswith("kling-v3")
    return "" if fits else "generate_audio needs kling-v3, kling-v3-omni or kling-v2-6 in pro mode"


def _references(body: Any) -> str:
    given = [name for name in ("image_list", "video_list") if name in body]
    if given and _model(body) not in REFERRING:
        return f"{given[0]} needs kling-o1 or kling-v3-omni"
    if len(given) == 2 and len(body["image_list"]) > 4:
        return "image_list: at most 4 images with a video"
    plain = not given and not _model(body).endswith("o1")
    wrong = next((name for name in ("negative_prompt", "cfg_scale", "camera_control") if name in body), "")
    return "" if plain or not wrong else f"{wrong} is not supported with references or o1"


def _four_k(body: Any) -> str:
    if body.get("mode") != "4k":
        return ""
    bare = not {"image_list", "video_list", "camera_control"} & set(body)
    return "" if bare and _model(body).startswith("kling-v3") else "mode 4k needs kling-v3 without references or camera"


VIDEOS = form(
    _by_action,
    _duration,
    _audio,
    _references,
    _four_k,
    after("end_image_url", "start_image_url"),
    apart("generate_audio", "video_list"),
    action=need(choice("text2video", "image2video", "extend")),
    model=choice(*MODELS),
    mode=choice("std", "pro", "4k"),
    prompt=text(2500),
    duration=whole(3, 15),
    generate_audio=flag(),
    start_image_url=link(),
    end_image_url=link(),
    video_id=text(),
    image_list=many(record(IMAGE), 1, 7),
    video_list=many(record(VIDEO), 1, 1),
    camera_control=camera(1, "simple", *CAMERA_MOVES),
    cfg_scale=number(0, 1),
    negative_prompt=text(200),
    aspect_ratio=choice("16:9", "9:16", "1:1"),
    timeout=number(1, 86400),
    **ASYNC,
)
LIP_SYNC = form(
    one_of("video_id", "video_url"),
    mode=need(choice("audio2video", "text2video")),
    video_id=text(),
    video_url=link(),
    audio_url=link(),
    audio_type=text(),
    audio_file=text(),
    text=text(120),
    voice_id=text(),
    voice_language=choice("zh", "en"),
    voice_speed=number(0.8, 2),
    **ASYNC,
)
PATHS: dict[str, Form] = {
    "videos": VIDEOS,
    "motion": form(
        image_url=need(link()),
        video_url=need(link()),
        mode=need(choice("std", "pro")),
        character_orientation=need(choice("image", "video")),
        keep_original_sound=YES_NO,
        prompt=text(2500),
        **ASYNC,
    ),
    "lip-sync": LIP_SYNC,
    "talking-photo": form(
        image_url=need(link()),
        audio_url=need(link()),
        prompt=text(),
        model=choice(*MODELS),
        duration=choice(5, 10),
        mode=choice("std", "pro", "4k"),
        **ASYNC,
    ),
}


def price(path: str, asked: dict[str, Any]) -> float:
    """Return what a task costs in credits."""
    if path == "talking-photo":
        return 30.45 if asked.get("duration") == 10 else 16.45
    if path == "videos" and asked.get("model") == "kling-v2-1-master":
        return float(14 * asked.get("duration", 5) / 5)
    return 2.45 if path == "lip-sync" else UNTOLD


class AceData(Vendor):
    """AceDataCloud. `ending` says how a record tells its end, one way for each step of the vendor's own decision order.

    `state`: a word inside the response. `success`: no word, only `success` and a time of finishing. `early`: a failure
    with a structured error and no such time. `transient`: while it runs, a failure with bare words, which is none.
    `empty`: a word of success without an address, which is not done yet.
    """

    lifetime = 30 * 86400.0
    ending: Ending = "state"
    dollars = None

    def doors(self) -> Sequence[Door]:
        """List the calls that the vendor answers."""
        return [
            Door("POST", "/kling/tasks", self.query, "poll"),
            Door("POST", "/kling/{path}", self.create, "create"),
        ]

    def authorize(self, request: Request) -> None:
        """Look for a bearer."""
        bearer(request, self.key, "The token is invalid")

    def refusal(self, refusal: Refusal) -> Response:
        """Write an error with the vendor's code word; no credit is 403."""
        wrong = "; ".join(f"{problem.path}: {problem.words}" for problem in refusal.problems)
        error = {"code": CODES.get(refusal.status, "api_error"), "message": wrong or refusal.words}
        status = {402: 403, 404: 400}.get(refusal.status, refusal.status)
        return answered({"success": False, "error": error, "trace_id": str(uuid.uuid4())}, status)

    async def create(self, request: Request) -> Response:
        """Accept a task; the line stays open until it is over, unless the caller asked for an id or a callback."""
        path = request.path_params["path"]
        if path not in PATHS:
            raise Refusal(404, "api is not implemented")
        body = await read_json(request)
        check(PATHS[path], body, status=400, words="bad request")
        order = Order(path, price(path, body), hook_url=body.get("callback_url", ""))
        task = self.accept(order, body)
        if body.get("async") or "callback_url" in body:
            return answered({"task_id": task.id})
        await until(request, lambda: task not in self.book.unfinished)
        return answered(self.response(task))

    async def query(self, request: Request) -> Response:
        """Tell about one task, or about several."""
        body = await read_json(request)
        one = form(id=need(text()), action=need(choice("retrieve")))
        several = form(ids=need(many(text(), 1, 100)), action=need(choice("retrieve_batch")))
        if body.get("action") == "retrieve_batch":
            check(several, body, status=400, words="bad request")
            found = [self.view(self.book.tasks[task]) for task in body["ids"] if task in self.book.tasks]
            return answered({"items": found, "count": len(found)})
        check(one, body, status=400, words="bad request")
        return answered(self.view(self.task(body["id"])))

    def view(self, task: Task) -> dict[str, Any]:
        """Write a task's record: how far it is can only be read from what is missing."""
        state = self.book.state(task)
        over = state in ("done", "failed")
        told: dict[str, Any] = {"id": task.id, "type": task.model, "trace_id": f"trace-{task.serial}"}
        told["request"], told["created_at"] = task.body, task.created
        if state != "queued":
            told["started_at"] = task.created + self.book.pace.queued
        if state == "running" and self.ending == "transient":
            told["response"] = {"success": False, "task_id": task.id, "error": "upstream is busy"}
        if state == "running" and self.ending == "empty":
            told["response"] = {"success": True, "task_id": task.id, "state": "succeed", "video_url": ""}
        if over:
            told["response"] = self.response(task)
        if over and not (state == "failed" and self.ending == "early"):
            told["finished_at"] = self.book.ended(task)
            told["elapsed"] = round(self.book.ended(task) - task.created, 3)
        return told

    def response(self, task: Task) -> dict[str, Any]:
        """Write the result object: of an open line, of a callback and within a record."""
        told: dict[str, Any] = {"success": True, "task_id": task.id, "video_id": f"video-{task.serial}"}
        told |= {"video_url": self.result_url(task), "duration": "5.1", "trace_id": f"trace-{task.serial}"}
        state = self.book.state(task)
        if state != "done":
            error = {"code": "api_error", "message": task.doom or "not finished"}
            told = {"success": False, "task_id": task.id, "error": error, "trace_id": f"trace-{task.serial}"}
        if self.ending == "state" and state in ("done", "failed"):
            told["state"] = "succeed" if state == "done" else "failed"
        return told

    def hook(self, task: Task, how: How, at: float) -> Hook:
        """Write a callback: nothing is signed, so a forged one has only guessed the address wrongly."""
        told = self.response(task)
        if how == "tampered":
            told = {**told, "success": True, "video_url": "http://127.0.0.1:9/elsewhere.mp4", "state": "succeed"}
        url = task.hook_url
        if how == "forged":
            url = f"{url.rpartition('/')[0]}/{uuid.uuid4().hex}"
        return Hook(url, {}, json.dumps(told).encode())

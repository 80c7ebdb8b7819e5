"""AI/ML API as its fact sheet (section 2) describes it: one flat body, ids with slashes, and no funds as 403.

Prices are in US$; the vendor tells credits, of which a dollar has 2,000,000.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from tests.vendors.fields import (
    AXES,
    CAMERA_MOVES,
    Form,
    apart,
    apart_all,
    camera,
    choice,
    either,
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
from tests.vendors.floor import UNTOLD, Order, Refusal, Task, iso, moment, per_second
from tests.vendors.vendor import Door, Vendor, answered, bearer, check, read_json, until

CREDITS = 2_000_000
CORRELATION = re.compile(r"[A-Za-z0-9._:-]{1,128}")
ANY = link(data=True)
RATIO = choice("16:9", "9:16", "1:1")
FIVE_TEN = choice(5, 10)
VIA = choice("kling", "klingai", "fal", "auto")
KINDS = ("simple", *CAMERA_MOVES)
POINT = form(x=need(whole(0, 9999)), y=need(whole(0, 9999)))
MASK = form(mask=need(ANY), trajectories=need(many(record(POINT), 2, 77)))
#: Kling's own rule, to which it passes such requests on (kling-official 4.3).
ONE_OF_THREE = apart_all(("tail_image_url",), ("static_mask", "dynamic_masks"), ("camera_control",))
T2V = form(
    prompt=need(text(2500)),
    aspect_ratio=RATIO,
    duration=FIVE_TEN,
    negative_prompt=text(2500),
    cfg_scale=number(0, 1),
    camera_control=choice(*CAMERA_MOVES),
    advanced_camera_control=record(form(movement_type=need(choice(*AXES)), movement_value=need(number(-10, 10)))),
)
I2V = form(
    ONE_OF_THREE,
    image_url=need(ANY),
    prompt=text(2500),
    tail_image_url=ANY,
    duration=FIVE_TEN,
    negative_prompt=text(2500),
    cfg_scale=number(0, 1),
    static_mask=ANY,
    dynamic_masks=many(record(MASK), 1, 6),
    camera_control=camera(10, *KINDS),
)
BARE_T2V = T2V.without("camera_control", "advanced_camera_control").with_(provider=VIA)
BARE_I2V = I2V.without("camera_control", "static_mask", "dynamic_masks", "tail_image_url").with_(provider=VIA)
ELEMENT = form(reference_image_urls=need(many(ANY, 1, 4)), frontal_image_url=ANY, video_url=ANY)
THREE = form(
    one_of("prompt", "multi_prompt"),
    prompt=text(2500),
    multi_prompt=many(text(), 1, 6),
    duration=whole(3, 15),
    shot_type=choice("customize", "intelligent"),
    generate_audio=flag(),
    negative_prompt=text(2500),
    cfg_scale=number(0, 1),
    provider=VIA,
)
THREE_I2V = THREE.with_(image_url=need(ANY), tail_image_url=ANY, elements=many(record(ELEMENT), 1, 4))
SHOT = form(prompt=need(text()), duration=whole(1, 15))
TURBO = form(
    one_of("prompt", "multi_prompt"),
    prompt=text(3072),
    multi_prompt=many(record(SHOT), 1, 6),
    duration=whole(3, 15),
)
BOTH_SIDES = many(record(form(reference_image_urls=need(many(ANY, 1, 4)), frontal_image_url=need(ANY))), 1, 4)
EDIT = form(
    prompt=need(text(2500)),
    video_url=need(link()),
    image_list=many(ANY, 1, 7),
    elements=BOTH_SIDES,
    keep_audio=flag(),
)
MOTION = form(
    image_url=need(ANY),
    video_url=need(link()),
    prompt=text(2500),
    character_orientation=choice("image", "video"),
    keep_audio=flag(),
    mode=choice("std", "pro"),
)
AVATAR = form(image_url=need(ANY), audio_url=need(link()), prompt=text(2500), provider=VIA)


def _pair(body: Any) -> str:
    pair = body["effect_scene"] in ("hug", "kiss", "heart_gesture")
    return "" if pair == isinstance(body["image_url"], list) else "image_url: pair effects take exactly 2 images"


EFFECTS = form(_pair, image_url=need(either(ANY, many(ANY, 2, 2))), effect_scene=need(text()), duration=FIVE_TEN)


def _loud(body: Any) -> dict[str, Any]:
    return {"generate_audio": True, **body}


def _silent_tail(body: Any) -> str:
    return apart("tail_image_url", "generate_audio")(_loud(body))


def _models() -> dict[str, Form]:
    forms: dict[str, Form] = {
        "kling-video/v1.6/standard/text-to-video": BARE_T2V,
        "kling-video/v1.6/standard/image-to-video": BARE_I2V,
        "kling-video/v1.6/standard/multi-image-to-video": form(
            image_list=need(many(ANY, 2, 4)),
            prompt=text(2500),
            aspect_ratio=RATIO,
            duration=FIVE_TEN,
            negative_prompt=text(2500),
        ),
        "klingai/v2.5-turbo/pro/text-to-video": BARE_T2V,
        "klingai/v2.5-turbo/pro/image-to-video": BARE_I2V.with_(prompt=need(text(2500))),
        "klingai/video-v2-6-pro-text-to-video": BARE_T2V.with_(generate_audio=flag()),
        "klingai/video-v2-6-pro-image-to-video": BARE_I2V.without("cfg_scale").with_(
            prompt=need(text(2500)), generate_audio=flag()
        ),
        "klingai/video-o1-image-to-video": form(
            prompt=need(text(2500)), image_url=need(ANY), last_image_url=ANY, duration=FIVE_TEN
        ),
        "klingai/video-o1-reference-to-video": form(
            prompt=need(text(2500)),
            image_list=many(ANY, 1, 7),
            elements=BOTH_SIDES,
            aspect_ratio=RATIO,
            duration=FIVE_TEN,
        ),
        "klingai/video-o1-video-to-video-edit": EDIT,
        "klingai/video-o1-video-to-video-reference": EDIT.with_(
            image_list=many(ANY, 1, 4), aspect_ratio=RATIO, duration=FIVE_TEN
        ),
    }
    for name in ("v1/standard", "v1/pro", "v1.5/pro", "v1.6/pro"):
        forms[f"kling-video/{name}/text-to-video"] = T2V
    for name in ("v1/standard", "v1/pro", "v1.5/standard", "v1.5/pro", "v1.6/pro"):
        forms[f"kling-video/{name}/image-to-video"] = I2V
    for name in ("v2", "v2.1"):
        forms[f"klingai/{name}-master-text-to-video"] = T2V.with_(provider=VIA)
        forms[f"klingai/{name}-master-image-to-video"] = I2V.without("tail_image_url").with_(provider=VIA)
    for name in ("v2-6", "v2-6-pro", "v3"):
        forms[f"klingai/video-{name}-motion-control"] = MOTION
    for grade in ("standard", "pro"):
        forms[f"klingai/kling-video-v1.6-{grade}-effects"] = EFFECTS
        forms[f"kling-video/v2.1/{grade}/image-to-video"] = I2V.without("tail_image_url")
        forms[f"klingai/video-v3-{grade}-text-to-video"] = THREE.with_(aspect_ratio=RATIO)
        forms[f"klingai/video-v3-{grade}-image-to-video"] = THREE_I2V
        forms[f"klingai/avatar-{grade}"] = AVATAR
    for size in ("720p", "1080p"):
        shots = {"shot_type": choice("customize", "intelligent", "intelligence")}
        forms[f"klingai/video-v3-omni-{size}-text-to-video"] = THREE.with_(aspect_ratio=RATIO, **shots)
        forms[f"klingai/video-v3-omni-{size}-image-to-video"] = THREE_I2V.with_(_silent_tail, **shots)
    for grade in ("standard-turbo", "turbo-pro"):
        forms[f"klingai/video-v3-{grade}-text-to-video"] = TURBO.with_(aspect_ratio=RATIO)
        forms[f"klingai/video-v3-{grade}-image-to-video"] = TURBO.with_(image_url=need(ANY))
    return {name: rule.with_(model=need(text())) for name, rule in forms.items()}


MODELS = _models()
#: The image endpoint answers with the pictures themselves; its fields are those of the vendor's own OpenAPI file.
PICTURES = {
    "klingai/image-o1": form(
        model=need(text()),
        prompt=need(text(4000)),
        image_urls=need(many(ANY, 1, 10)),
        aspect_ratio=choice("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16"),
        resolution=choice("1K", "2K"),
        output_format=choice("jpeg", "png", "webp"),
        num_images=whole(1, 9),
        provider=VIA,
    )
}
#: US$ a second where a survey saw one.
RATES = {
    "klingai/video-v3-pro-image-to-video": 0.1456,
    "klingai/video-v2-6-pro-text-to-video": 0.091,
    "klingai/v2.5-turbo/pro/text-to-video": 0.091,
    "klingai/v2.5-turbo/pro/image-to-video": 0.091,
}


class Aiml(Vendor):
    """AI/ML API. It sends no webhooks, cancels nothing and takes no files. `named` is what senders called requests."""

    named: dict[str, str | None]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.named = {}

    def doors(self) -> Sequence[Door]:
        """List the calls that the vendor answers."""
        return [
            Door("POST", "/v2/video/generations", self.create, "create"),
            Door("GET", "/v2/video/generations", self.query, "poll"),
            Door("POST", "/v1/images/generations", self.draw, "create"),
            Door("GET", "/v2/billing", self.billing, "balance"),
            Door("GET", "/v1/billing/balance", self.billing, "balance"),
            Door("GET", "/v2/logs", self.logs, "list"),
            Door("GET", "/v1/models", self.models, "list", open=True),
        ]

    def authorize(self, request: Request) -> None:
        """Look for a bearer and a correlation id that can be one."""
        bearer(request, self.key, "Unauthorized")
        named = request.headers.get("x-client-request-id", "none")
        if not CORRELATION.fullmatch(named):
            raise Refusal(400, "X-Client-Request-Id is not valid")

    def refusal(self, refusal: Refusal) -> Response:
        """Write an error in the vendor's one shape; no funds are 403."""
        status = 403 if refusal.status == 402 else refusal.status
        wrong = "; ".join(f"{problem.path}: {problem.words}" for problem in refusal.problems)
        told = {
            "message": f"{refusal.words}: {wrong}" if wrong else refusal.words,
            "path": "/v2/video/generations",
            "requestId": str(uuid.uuid4()),
            "statusCode": status,
            "timestamp": iso(self.clock.now()),
        }
        return answered(told, status)

    async def create(self, request: Request) -> Response:
        """Accept a generation."""
        task = self.bought(MODELS, await read_json(request))
        self.named[task.id] = request.headers.get("x-client-request-id")
        return answered({"id": task.id, "status": "queued", **self.usage(task)}, headers=self.told(task))

    async def draw(self, request: Request) -> Response:
        """Make pictures while the caller waits: there is no task to ask for."""
        task = self.bought(PICTURES, await read_json(request))
        await until(request, lambda: task not in self.book.unfinished)
        if self.book.state(task) == "failed":
            raise Refusal(500, task.doom)
        drawn = [{"url": self.result_url(task), "b64_json": None}] * task.body.get("num_images", 1)
        return answered({"data": drawn, **self.usage(task)}, headers=self.told(task))

    def bought(self, models: dict[str, Form], body: dict[str, Any]) -> Task:
        """Accept what one of these models offers."""
        model = body.get("model")
        if model not in models:
            raise Refusal(404, f"Model {model} not found")
        check(models[model], body, status=400, words="Body validation error")
        rate = RATES.get(model)
        amount = per_second(rate, body) if rate else UNTOLD
        medium = "still.png" if models is PICTURES else "clip.mp4"
        return self.accept(Order(model, amount, id=f"{uuid.uuid4()}:{model}", medium=medium), body)

    def told(self, task: Task) -> dict[str, str]:
        """Write the headers of an accepted create."""
        spent = {"x-aimlapi-credits-used": str(round(task.amount * CREDITS)), "x-aimlapi-usd-spent": str(task.amount)}
        return {"x-inference-id": task.id, **spent}

    async def query(self, request: Request) -> Response:
        """Tell how far a generation is; its id comes as a parameter, encoded."""
        task = self.task(request.query_params.get("generation_id", ""))
        state = self.book.state(task)
        words = {"queued": "queued", "running": "generating", "done": "completed", "failed": "error"}
        error = {"name": "GenerationError", "message": task.doom} if state == "failed" else None
        video = {"url": self.result_url(task)} if state == "done" else None
        told = {"id": task.id, "status": words[state], "video": video, "error": error}
        return answered({**told, **self.usage(task)})

    def usage(self, task: Task) -> dict[str, Any]:
        """Write what a generation used."""
        used = 0 if self.book.state(task) == "failed" else round(task.amount * CREDITS)
        return {"meta": {"usage": {"credits_used": used}}}

    async def billing(self, request: Request) -> Response:
        """Tell what is left."""
        return answered({"current_balance": self.book.balance, "currency": "USD"})

    async def logs(self, request: Request) -> Response:
        """List the requests of a time that have ended, newest first, with the names that their senders gave them."""
        asked = request.query_params
        first, last = moment(asked.get("start"), -1.0), moment(asked.get("end"), -1.0)
        if first < 0 or last < first:
            raise Refusal(400, "start and end are required")
        found = [task for task in self.listed(ended=True) if first <= task.created <= last]
        start, limit = int(asked.get("offset", "0")), min(int(asked.get("limit", "50")), self.page_size)
        rows = [
            {
                "created": iso(task.created),
                "status": "failed" if self.book.state(task) == "failed" else "succeeded",
                "origin": "api",
                "model": task.model,
                "cost": {"usd": task.amount, "credits": round(task.amount * CREDITS)},
                "request_id": None,
                "inference_id": task.id,
                "client_request_id": self.named.get(task.id),
            }
            for task in found[start : start + limit]
        ]
        more = start + limit < len(found)
        page = {"limit": limit, "offset": start, "total": len(found), "has_more": more}
        return answered({"data": rows, "pagination": page})

    async def models(self, request: Request) -> Response:
        """List the models, to everybody."""
        return answered({"data": [{"id": name, "type": "video"} for name in sorted(MODELS)]})

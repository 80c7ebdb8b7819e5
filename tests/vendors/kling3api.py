"""kling3api.com as its fact sheet (section 7) describes it: two calls, credits, and little else that is written down.

Prices are in credits. The sheet does not show an error's layout; its guess of `{code, message}` is what stands here.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from tests.vendors.fields import Form, choice, flag, form, link, many, need, number, text, whole
from tests.vendors.floor import Order, Refusal, Task, iso, per_second
from tests.vendors.vendor import Door, Vendor, answered, bearer, check, read_json

WORDS = {
    401: "INVALID_API_KEY",
    402: "INSUFFICIENT_CREDITS",
    404: "TASK_NOT_FOUND",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    503: "INTERNAL_ERROR",
}
#: What the vendor calls a problem with a field.
NAMED = {"duration": "INVALID_DURATION", "type": "INVALID_TYPE", "image": "MISSING_IMAGE", "video": "MISSING_VIDEO"}
TEXT = form(
    type=need(text()),
    prompt=need(text(2000, least=1)),
    duration=whole(3, 15),
    aspect_ratio=choice("16:9", "9:16", "1:1"),
    sound=flag(),
)
FRAMES = TEXT.with_(image=need(link()), end_image=link())
SCALED = {"negative_prompt": text(), "cfg_scale": number(0, 1)}


def _types() -> dict[str, Form]:
    forms: dict[str, Form] = {}
    for grade in ("pro", "std"):
        forms[f"{grade}-text-to-video"] = TEXT.with_(**SCALED)
        forms[f"{grade}-image-to-video"] = FRAMES.with_(**SCALED)
        forms[f"o3-{grade}-text-to-video"] = TEXT
        forms[f"o3-{grade}-image-to-video"] = FRAMES
        forms[f"o3-{grade}-reference-to-video"] = TEXT.with_(
            images=need(many(link(), 1, 7)), video=link(), keep_original_sound=flag()
        )
        forms[f"o3-{grade}-video-edit"] = TEXT.with_(
            video=need(link()), images=many(link(), 1, 7), keep_original_sound=flag()
        )
    return forms


TYPES = _types()
#: Credits a second without and with sound, by the beginning of the type; an edit costs the same however long it is.
RATES = {
    "pro-": (54, 80),
    "std-": (40, 60),
    "o3-pro-reference": (72, 72),
    "o3-std-reference": (20, 20),
    "o3-pro": (48, 48),
    "o3-std": (36, 36),
}
EDITS = {"o3-pro-video-edit": 435.0, "o3-std-video-edit": 360.0}


def price(body: dict[str, Any]) -> float:
    """Return what a task costs in credits; sound that was not spoken of is on."""
    if body["type"] in EDITS:
        return EDITS[body["type"]]
    rates = next(rates for start, rates in RATES.items() if body["type"].startswith(start))
    return per_second(rates[body.get("sound", True)], body)


class Kling3Api(Vendor):
    """kling3api.com. `done_word` is what it calls success; an integrator met another than the documented one."""

    done_word = "SUCCESS"
    dollars = None

    def doors(self) -> Sequence[Door]:
        """List the calls that the vendor answers."""
        return [
            Door("POST", "/api/generate", self.create, "create"),
            Door("GET", "/api/status", self.query, "poll"),
        ]

    def authorize(self, request: Request) -> None:
        """Look for a bearer."""
        bearer(request, self.key, "INVALID_API_KEY")

    def refusal(self, refusal: Refusal) -> Response:
        """Write an error's number and word."""
        word = WORDS.get(refusal.status, refusal.words)
        if refusal.problems:
            wrong = refusal.problems[0]
            word = f"{NAMED.get(str(wrong.place[0]), 'INVALID_PROMPT')}: {wrong.path}: {wrong.words}"
        return answered({"code": refusal.status, "message": word}, refusal.status)

    def hidden(self, status: int, words: str) -> Response:
        """Write an error inside HTTP 200."""
        return answered({"code": status, "message": WORDS.get(status, words)})

    async def create(self, request: Request) -> Response:
        """Accept a task."""
        body = await read_json(request)
        if body.get("type") not in TYPES:
            raise Refusal(400, "INVALID_TYPE")
        check(TYPES[body["type"]], body, status=400, words="INVALID_PROMPT")
        family = "n71" if body["type"].startswith("o3") else "n75"
        task = self.accept(Order(body["type"], price(body), id=family + uuid.uuid4().hex[:21]), body)
        told = {"task_id": task.id, "status": "IN_PROGRESS", "consumed_credits": task.amount}
        return answered({"code": 200, "message": "success", "data": told})

    async def query(self, request: Request) -> Response:
        """Tell how far a task is."""
        task = self.task(request.query_params.get("task_id", ""))
        return answered({"code": 200, "message": "success", "data": self.view(task)})

    def view(self, task: Task) -> dict[str, Any]:
        """Write a task."""
        state = self.book.state(task)
        failed = state == "failed"
        return {
            "task_id": task.id,
            "status": {"done": self.done_word, "failed": "FAILED"}.get(state, "IN_PROGRESS"),
            "consumed_credits": 0 if failed else task.amount,
            "created_at": iso(task.created),
            "request": task.body,
            "response": [self.result_url(task)] if state == "done" else [],
            "error_message": task.doom if failed else None,
            "type": task.model,
        }

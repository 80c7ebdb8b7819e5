"""fal.ai as its fact sheet (section 3) describes it: a queue per endpoint, strings for durations, "completed" failures.

Prices are in US$ and are not told by the vendor. All of its hosts stand behind one address. Where the sheet is silent,
an account without money gets 403, a cancelled request reads as completed with an error, and a try-on answers with one
`image`: for that there is weak evidence only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from tests.vendors.fal_forms import ENDPOINTS, pictures_of, price
from tests.vendors.fields import form, need, text
from tests.vendors.floor import Hook, How, Order, Refusal, Task, iso, moment
from tests.vendors.vendor import Door, Vendor, answered, bearer, check, read_json


class Fal(Vendor):
    """fal.ai. `admin` says whether the key may ask for the balance.

    With `late`, what the schema refuses is accepted and fails as a result; with `quiet`, the status of a failure says
    nothing of it; with `vanishes`, a cancelled request is gone.
    """

    surplus_waits = True
    admin = True
    late = False
    quiet = False
    vanishes = False

    def doors(self) -> Sequence[Door]:
        """List the calls that the vendor answers."""
        request = "/{owner}/{app}/requests/{id}"
        return [
            Door("GET", "/.well-known/jwks.json", self.jwks, "keys", open=True),
            Door("GET", "/v1/account/billing", self.billing, "balance"),
            Door("GET", "/v1/models/requests/by-endpoint", self.history, "list"),
            Door("POST", "/storage/upload/initiate", self.initiate, "upload"),
            Door("PUT", "/uploads/{name:path}", self.put, "upload", open=True),
            Door("GET", f"{request}/status", self.status, "poll"),
            Door("PUT", f"{request}/cancel", self.cancel, "cancel"),
            Door("GET", request, self.result, "result"),
            Door("POST", "/{endpoint:path}", self.create, "create"),
        ]

    def authorize(self, request: Request) -> None:
        """Look for `Key <key>`."""
        bearer(request, self.key, "Cannot access application: invalid credentials", scheme="Key", code="unauthorized")

    def refusal(self, refusal: Refusal) -> Response:
        """Write one of the two error bodies."""
        status = 403 if refusal.status == 402 else refusal.status
        if refusal.problems:
            detail = [
                {"loc": list(found.place), "msg": found.words, "type": found.kind, "url": "https://docs.fal.ai/errors"}
                for found in refusal.problems
            ]
            return answered({"detail": detail}, status)
        code = refusal.code or {402: "balance_exhausted", 404: "not_found", 429: "rate_limited"}.get(
            refusal.status, "internal_error"
        )
        again = "true" if refusal.status in (429, 500, 503) else "false"
        headers = {"X-Fal-Error-Type": code, "X-Fal-Retryable": again}
        return answered({"detail": refusal.words, "error_type": code}, status, headers)

    async def create(self, request: Request) -> Response:
        """Queue a request; the body is the input itself."""
        endpoint = request.path_params["endpoint"]
        if endpoint not in ENDPOINTS:
            raise Refusal(404, f"Path /{endpoint} not found")
        body = await read_json(request)
        doom = ""
        try:
            check(ENDPOINTS[endpoint], body, status=422, words="validation error", place=("body",))
        except Refusal as refusal:
            if not self.late:
                raise
            doom = f"validation error: {refusal.problems[0].path}"
        medium = "still.png" if "kling-image" in endpoint or "try-on" in endpoint else "clip.mp4"
        amount = price(endpoint, body) if not doom else 0.0
        medium = "sound.mp3" if endpoint.endswith("/tts") else medium
        hook = request.query_params.get("fal_webhook", "")
        task = self.accept(Order(endpoint, amount, medium=medium, hook_url=hook), body)
        task.doom = doom
        at = f"{self.base_url}/{'/'.join(endpoint.split('/')[:2])}/requests/{task.id}"
        urls = {"response_url": at, "status_url": f"{at}/status", "cancel_url": f"{at}/cancel"}
        return answered({"request_id": task.id, **urls, "queue_position": 0})

    async def status(self, request: Request) -> Response:
        """Tell how far a request is: a failed one is completed, and says so or not."""
        task = self.task(request.path_params["id"])
        state = self.book.state(task)
        urls = {"request_id": task.id, "response_url": str(request.url).partition("/status")[0]}
        if state == "queued":
            return answered({"status": "IN_QUEUE", **urls, "queue_position": 0}, 202)
        if state == "running":
            return answered({"status": "IN_PROGRESS", **urls, "logs": []}, 202)
        told = {"status": "COMPLETED", **urls, "logs": [], "metrics": {"inference_time": 2.0}}
        if state == "done" or self.quiet:
            return answered(told)
        reason = "Request was cancelled" if state == "cancelled" else task.doom
        return answered({**told, "error": reason, "error_type": "generation_failed"})

    async def result(self, request: Request) -> Response:
        """Hand out the result, or the error of a request that is called completed."""
        task = self.task(request.path_params["id"])
        state = self.book.state(task)
        if state in ("queued", "running"):
            raise Refusal(400, "Request is still in progress", code="in_progress")
        if state != "done":
            raise Refusal(422, task.doom or "Request was cancelled", code="generation_failed")
        return answered(self.payload(task))

    def payload(self, task: Task) -> dict[str, Any]:
        """Write a result in the shape of its endpoint."""
        if task.model.endswith("create-voice"):
            return {"voice_id": f"voice-{task.serial}"}
        url = self.result_url(task)
        kind, name = {"clip.mp4": ("video/mp4", "video"), "still.png": ("image/png", "images")}.get(
            task.medium, ("audio/mpeg", "audio")
        )
        file = {"url": url, "content_type": kind, "file_name": url.rpartition("/")[2], "file_size": 8459}
        if "try-on" in task.model:
            return {"image": file}
        if name == "images":
            return {"images": [file] * pictures_of(task.body)}
        return {name: file, "duration": 5.1} if "avatar" in task.model else {name: file}

    async def cancel(self, request: Request) -> Response:
        """Take a request out of the queue; one that runs is only asked to stop, and goes on."""
        task = self.book.tasks.get(request.path_params["id"])
        state = self.book.state(task) if task else None
        if task is None:
            return answered({"status": "NOT_FOUND"}, 404)
        if state == "running":
            return answered({"status": "CANCELLATION_REQUESTED"}, 202)
        if state != "queued":
            return answered({"status": "ALREADY_COMPLETED"}, 400)
        task.cancelled, task.removed = True, self.vanishes
        return answered({"status": "OK"})

    async def billing(self, request: Request) -> Response:
        """Tell what is left, to an admin key."""
        if not self.admin:
            raise Refusal(403, "an admin key is required", code="forbidden")
        told: dict[str, Any] = {"username": "tests"}
        if request.query_params.get("expand") == "credits":
            told["credits"] = {"current_balance": self.book.balance, "currency": "USD"}
        return answered(told)

    async def history(self, request: Request) -> Response:
        """List what has ended at an endpoint, page by page; inputs only where they are asked for."""
        asked = request.query_params
        if "endpoint_id" not in asked:
            raise Refusal(422, "endpoint_id is required", code="validation_error")
        first, start = moment(asked.get("start"), self.clock.now() - 86400.0), int(asked.get("cursor", "0"))
        own = [t for t in self.listed(ended=True) if t.model == asked["endpoint_id"] and t.created >= first]
        end = start + min(int(asked.get("limit", "50")), self.page_size)
        items: list[dict[str, Any]] = []
        for task in own[start:end]:
            times = {
                "sent_at": iso(task.created),
                "started_at": iso(task.created),
                "ended_at": iso(self.book.ended(task)),
            }
            told = {"request_id": task.id, "endpoint_id": task.model, **times, "status_code": 200}
            items.append({**told, "json_input": task.body} if asked.get("expand") == "payloads" else told)
        more = end < len(own)
        return answered({"items": items, "next_cursor": str(end) if more else None, "has_more": more})

    async def initiate(self, request: Request) -> Response:
        """Reserve a place for an upload; it is empty until something was put there."""
        body = await read_json(request)
        check(form(content_type=need(text()), file_name=need(text())), body, status=422, words="validation error")
        if request.query_params.get("storage_type") != "fal-cdn-v3":
            raise Refusal(400, "unknown storage type")
        url = self.keep(body["file_name"], b"", "")
        return answered({"upload_url": f"{url}?signed=1", "file_url": url})

    async def put(self, request: Request) -> Response:
        """Take the bytes of an upload."""
        name = request.path_params["name"]
        if name not in self.uploads or "signed" not in request.query_params:
            raise Refusal(403, "not signed", code="forbidden")
        kind = request.headers.get("content-type", "application/octet-stream")
        self.uploads[name] = (self.clock.now(), await request.body(), kind)
        return Response(status_code=200)

    @cached_property
    def signers(self) -> list[Any]:
        """Three Ed25519 keys: the second signs, the third is published nowhere."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return [Ed25519PrivateKey.generate() for _ in range(3)]

    async def jwks(self, request: Request) -> Response:
        """Publish the keys, padded as the live ones are."""
        keys = [base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode() for key in self.signers[:2]]
        return answered({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": key} for key in keys]})

    def hook(self, task: Task, how: How, at: float) -> Hook:
        """Write a webhook and sign it with Ed25519 over who, when and what."""
        done = self.book.state(task) == "done"
        told = {
            "request_id": task.id,
            "gateway_request_id": task.id,
            "status": "OK" if done else "ERROR",
            "error": None if done else task.doom,
            "payload": self.payload(task) if done else {"detail": task.doom},
        }
        body = json.dumps(told).encode()
        who = {"X-Fal-Webhook-Request-Id": task.id, "X-Fal-Webhook-User-Id": "user-1"}
        who["X-Fal-Webhook-Timestamp"] = str(int(at))
        message = "\n".join([*who.values(), hashlib.sha256(body).hexdigest()]).encode()
        signer = self.signers[2 if how == "forged" else 1]
        who["X-Fal-Webhook-Signature"] = signer.sign(message).hex()
        return Hook(task.hook_url, who, body.replace(b"request_id", b"request-id") if how == "tampered" else body)

"""fal.ai: a queue in front of every endpoint, results in a call of their own, "completed" failures (gateways 3).

A model's name is the endpoint's path with `{}` where the grade stands; the last step follows from what is asked for.
What a body has in it is in `fal_fields`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from kling_tools.model import errors
from kling_tools.model.errors import CallbackRefused, KlingError, NotFound, ProviderBroken, ProviderRefused
from kling_tools.model.library import Balance
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.tasks import Observation, OutputKind, Remote, RemoteOutput
from kling_tools.providers.dialect import Page, Trace, Traces, Traits, WireAnswer, WireCall
from kling_tools.providers.fal_fields import endpoint, fields
from kling_tools.providers.gateway import GatewayDialect, file_name, mark_of, status_of
from kling_tools.providers.reading import RemoteStatus, date, number, record, records, seconds, text, when

#: Larger files go up in parts, which is not done here.
MOST_UPLOADED = 90_000_000
#: Results are public for at least so long.
LIVES = 7 * 86400.0
WINDOW_SECONDS = 300.0
BILLING = "/v1/account/billing"
REQUESTS = "/v1/models/requests/by-endpoint"
UPLOAD = "/storage/upload/initiate"

STATUSES: Mapping[str, RemoteStatus] = {"in_queue": "submitted", "in_progress": "processing", "completed": "succeeded"}
_SEALED = ("request-id", "user-id", "timestamp")
_MONEY = re.compile(r"balance|top.?up|credits?\b|billing|payment", re.IGNORECASE)
_UNREADY = re.compile(r"in.?progress|in.?queue|not.+complete", re.IGNORECASE)
#: Inputs that were found wrong only when they were read are billed at times; a fault of the server's is not.
_BILLED = re.compile(r"validation|content.?policy|422", re.IGNORECASE)
_KINDS: Mapping[str, OutputKind] = {
    "video": "video",
    "images": "image",
    "image": "image",
    "audio": "audio",
}


class Fal(GatewayDialect):
    """fal.ai as a dialect. A task's product is `owner/app`, which is all that its addresses have of the endpoint."""

    name = "fal"
    title = "fal.ai"
    traits = Traits(finds=False, files=("image", "audio", "video"), file_bytes=MOST_UPLOADED, together=4)

    def product(self, plan: Plan) -> str:
        """Return the owner and the app that the task's addresses begin with."""
        return "/".join(plan.wire_model.split("/")[:2])

    def create(self, order: Order) -> WireCall:
        """Encode a paid task; fal is told not to run it once more by itself."""
        return WireCall(
            method="POST",
            path=f"/{quote(endpoint(order))}",
            query=(("fal_webhook", order.callback_url),) if order.callback_url else (),
            headers=(("X-Fal-No-Retry", "1"),),
            body=fields(self, order),
        )

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to a create; a no that names a task is a doubt."""
        try:
            told = self._told(answer)
        except ProviderRefused as refusal:
            if text(self.opened(answer).get("request_id")):
                raise ProviderBroken(refusal.message) from None
            raise
        task_id = self.identity(told.get("request_id"))
        remote = Remote(id=task_id, product=self.product(order.plan), host=answer.host)
        return self.observed(remote, "submitted", external_id=order.external_id, simulated=answer.simulated)

    def look(self, remote: Remote) -> WireCall:
        """Encode the question how far a task is."""
        return WireCall(method="GET", path=f"{_at(remote)}/status", query=(("logs", "0"),))

    def page(self, call: WireCall, answer: WireAnswer) -> Page:
        """Read an answer; what is completed, and says nothing against it, has its result at another address."""
        seen = self.seen(call, answer)
        if call.path.endswith("/status") and seen and self._completed(answer) and seen[0].status != "failed":
            return Page((), WireCall(method="GET", path=call.path.removesuffix("/status")))
        return Page(tuple(seen))

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read where a task stands, or its result; of a balance only whether the key is good.

        What is completed is under way as long as its result is not read.
        """
        try:
            if call.path == BILLING:
                self._allowed(answer)
                return []
            if call.path.endswith("/status"):
                return [self._status(call, answer)]
            return [self._result(call, answer)]
        except NotFound:
            return []

    def probe(self) -> WireCall:
        """Encode the question for the balance: a key that may not ask it is known all the same."""
        return self.balance()

    def cancel(self, remote: Remote) -> WireCall:
        """Encode the wish to stop a task."""
        return WireCall(method="PUT", path=f"{_at(remote)}/cancel")

    def cancelled(self, call: WireCall, answer: WireAnswer) -> bool:
        """Read whether it was taken out of the queue: one that runs is only asked to stop, and may be billed."""
        body = self.opened(answer)
        if word := text(body.get("status")).upper():
            return word == "OK" and answer.status == 200
        self._told(answer)
        return False

    def balance(self) -> WireCall:
        """Encode the question for the balance."""
        return WireCall(method="GET", host="platform", path=BILLING, query=(("expand", "credits"),))

    def told_balance(self, answer: WireAnswer) -> Balance | None:
        """Read what is left; only the key of an administrator is told."""
        if not self._allowed(answer):
            return None
        credits = record(self._told(answer).get("credits"))
        left, unit = number(credits.get("current_balance")), text(credits.get("currency")) or "USD"
        return None if left is None else Balance(left, unit, left if unit == "USD" else None)

    def mark(self, call: WireCall) -> str:
        """Know a request again by its endpoint and its whole input."""
        return mark_of(unquote(call.path).lstrip("/"), call.body)

    def traces(self, mark: str, start: float, end: float) -> WireCall:
        """Encode the list of the requests at an endpoint, anybody's: which of their times is meant is not told."""
        asked = {"endpoint_id": mark.partition(" ")[0], "start": when(start), "expand": "payloads", "limit": "100"}
        return WireCall(method="GET", host="platform", path=REQUESTS, query=tuple(asked.items()))

    def traced(self, call: WireCall, answer: WireAnswer) -> Traces:
        """Read a page; a request whose input is not kept tells nothing."""
        told = self._told(answer)
        found = [one for one in records(told.get("items")) if text(one.get("request_id")) and one.get("json_input")]
        cursor, same = text(told.get("next_cursor")), [pair for pair in call.query if pair[0] != "cursor"]
        return Traces(
            tuple(
                Trace(
                    text(one["request_id"]),
                    mark_of(text(one.get("endpoint_id")), one["json_input"]),
                    date(one.get("sent_at")),
                )
                for one in found
            ),
            replace(call, query=(*same, ("cursor", cursor))) if cursor and told.get("has_more") is not False else None,
        )

    def upload(self, medium: Medium, answers: Sequence[WireAnswer]) -> WireCall | str:
        """Reserve a place, put the file there, and return where it then is."""
        if not answers:
            body = {"content_type": medium.mime, "file_name": file_name(medium)}
            query = (("storage_type", "fal-cdn-v3"),)
            return WireCall(method="POST", host="storage", path=UPLOAD, query=query, body=body)
        told = self._told(answers[0])
        if len(answers) == 1:
            place = urlsplit(self.identity(told.get("upload_url")))
            path = f"{place.path}?{place.query}" if place.query else place.path
            origin = f"{place.scheme}://{place.netloc}"
            return WireCall(method="PUT", host=origin, path=path, content=medium.data or b"", mime=medium.mime)
        if not 200 <= answers[1].status < 300:
            raise self.refused(answers[1].status, "the file was not taken", "")
        return self.identity(told.get("file_url"))

    def keys(self) -> WireCall:
        """Encode the question for the public keys."""
        return WireCall(method="GET", host="storage", path="/.well-known/jwks.json")

    def heard(self, headers: Mapping[str, str], body: bytes, now: float, key: bytes) -> tuple[str, ...]:
        """Check who, when and what by any of the public keys."""
        parts = [headers.get(f"x-fal-webhook-{name}", "") for name in _SEALED]
        sent = number(parts[-1])
        if sent is None or abs(now - float(sent)) > WINDOW_SECONDS:
            raise CallbackRefused("The callback's time is more than five minutes from this machine's clock.")
        sealed = "\n".join([*parts, hashlib.sha256(body).hexdigest()]).encode()
        if not _is_genuine(headers.get("x-fal-webhook-signature", ""), sealed, key):
            raise CallbackRefused("The callback's signature is by none of fal.ai's keys.")
        try:
            told = record(json.loads(body))
        except (ValueError, RecursionError):
            raise CallbackRefused("The callback is not JSON.") from None
        if found := text(told.get("request_id")):
            return (found,)
        raise CallbackRefused("The callback names no task.")

    # --- reading ----------------------------------------------------------------------------------------------------

    def refused(self, status: int, message: str, code: str) -> KlingError:
        """Return the error for a no; an account without money is forbidden, in words."""
        poor = status == 403 and _MONEY.search(f"{message[:1000]} {code[:100]}")
        return super().refused(402 if poor else status, message, code)

    def _told(self, answer: WireAnswer) -> Mapping[str, Any]:
        """Return what an answer says.

        Raises:
            ProviderRefused, ProviderBroken
        """
        body = self.opened(answer)
        if 200 <= answer.status < 300:
            return body
        raise self.refused(answer.status, *_wrong(body, answer))

    def _allowed(self, answer: WireAnswer) -> bool:
        """Return whether the key may ask for the balance; any other no is raised."""
        try:
            self._told(answer)
        except errors.NoPermission:
            return False
        return True

    def _completed(self, answer: WireAnswer) -> bool:
        return status_of(self.opened(answer).get("status"), STATUSES) == "succeeded"

    def _status(self, call: WireCall, answer: WireAnswer) -> Observation:
        body = self._told(answer)
        status = status_of(body.get("status"), STATUSES)
        if status != "succeeded":
            return self.observed(_remote(call, answer), status, simulated=answer.simulated)
        if not (body.get("error") or body.get("error_type")):
            return self.observed(_remote(call, answer), "processing", simulated=answer.simulated)
        kind = text(body.get("error_type"))
        words = text(body.get("error")) or text(record(body.get("error")).get("message")) or kind
        return self._failed(call, answer, words, doubtful=bool(_BILLED.search(kind)))

    def _result(self, call: WireCall, answer: WireAnswer) -> Observation:
        """Read the result of a completed task: an answer that says no is that of the task, unless it is of the wire.

        Raises:
            ProviderRefused, ProviderBroken: the question was refused, not the task.
        """
        if 200 <= answer.status < 300:
            remote = _remote(call, answer)
            outputs = list(_outputs(self.opened(answer)))
            return self.observed(remote, "succeeded", outputs=outputs, simulated=answer.simulated)
        body = self.opened(answer)
        words, code = _wrong(body, answer)
        if answer.status in (400, 422):
            if _UNREADY.search(f"{words[:200]} {code[:100]}"):
                return self.observed(_remote(call, answer), "processing", simulated=answer.simulated)
            return self._failed(call, answer, words or code, doubtful=answer.status == 422)
        if answer.status >= 500 and answer.headers.get("x-fal-retryable", "").lower() == "false" and words:
            return self._failed(call, answer, words, doubtful=False)
        raise self.refused(answer.status, words, code)

    def _failed(self, call: WireCall, answer: WireAnswer, words: str, *, doubtful: bool) -> Observation:
        remote = _remote(call, answer)
        return self.observed(remote, "failed", reason=words, doubtful=doubtful, simulated=answer.simulated)


def _at(remote: Remote) -> str:
    return f"/{quote(remote.product)}/requests/{quote(remote.id, safe='')}"


def _remote(call: WireCall, answer: WireAnswer) -> Remote:
    """Return the task that a question is about: its result does not name it."""
    product, _, rest = call.path.lstrip("/").partition("/requests/")
    return Remote(id=unquote(rest.partition("/")[0]), product=unquote(product), host=answer.host)


def _wrong(body: Mapping[str, Any], answer: WireAnswer) -> tuple[str, str]:
    """Return an error's words and its kind, from either of the two bodies that there are."""
    code = text(body.get("error_type")) or answer.headers.get("x-fal-error-type", "")
    detail = body.get("detail")
    found = [f"{'.'.join(map(str, d.get('loc') or ()))[:100]}: {text(d.get('msg'))}" for d in records(detail)[:3]]
    return "; ".join(found) or text(detail) or text(body.get("message")), code


def _outputs(result: Mapping[str, Any]) -> Iterator[RemoteOutput]:
    """Yield the files of a result, and a voice that has none."""
    for name, kind in _KINDS.items():
        for file in records(result.get(name)) or [record(result.get(name))]:
            if url := text(file.get("url")):
                length = seconds(result.get("duration")) if kind == "video" else None
                yield RemoteOutput(kind=kind, url=url, seconds=length, lives=LIVES)
    if voice := text(result.get("voice_id")):
        yield RemoteOutput(kind="voice", url="", remote_id=voice, lives=LIVES)


def _is_genuine(signature: str, sealed: bytes, jwks: bytes) -> bool:
    """Return whether one of the keys made a signature.

    Raises:
        CallbackRefused: it cannot be checked here, or the keys cannot be read.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        refused = CallbackRefused("fal.ai's callbacks cannot be checked without the package cryptography.")
        refused.advice = "Install it with: pip install 'kling-mcp[webhooks]'. Tasks are asked about anyway."
        raise refused from None
    try:
        given, keys = bytes.fromhex(signature), records(record(json.loads(jwks)).get("keys"))
    except (ValueError, RecursionError):
        raise CallbackRefused("The callback's signature, or fal.ai's list of keys, cannot be read.") from None
    for found in keys:
        try:
            bare = text(found.get("x")).rstrip("=")
            public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)))
            public.verify(given, sealed)
        except (InvalidSignature, ValueError, binascii.Error):
            continue
        return True
    return False

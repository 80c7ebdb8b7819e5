"""Callbacks: is one from Kling, and which task is it about (kling-official 8).

Pure, with the time passed in. A callback says "look now" and nothing else: whether old ones are signed at all is not
known, and a signed one may come late or twice. So only a task's id is taken from it, and the task is asked about.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kling_tools.model.errors import BadSettings, CallbackRefused
from kling_tools.providers.kling import reading
from kling_tools.providers.kling.reading import RemoteStatus

#: How far a callback's time may be from ours, in seconds (kling-official 8.2).
WINDOW_SECONDS = 300.0
MAX_BODY = 1024 * 1024
#: Two in a rotation; more only cost us time.
MAX_SIGNATURES = 8
MAX_SECRETS = 8
LEAST_KEY_BYTES = 16

_PREFIX = "whsec_"
_ID = re.compile(r"[!-~]{1,256}")
_TIME = re.compile(r"[0-9]{1,12}")
_SIGNATURES = re.compile(r"[ -~]{1,4096}")
_TASK_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What a callback is about. `status` is empty when it is not one we know, `signed` what the caller found out."""

    task_id: str
    external_id: str
    status: RemoteStatus | Literal[""]
    signed: bool = False


class ReplayGuard:
    """The callbacks seen lately, by `webhook-id`, so that one which comes twice is looked at once.

    Bounded: beyond `limit` the oldest is forgotten, which costs a query.
    """

    def __init__(self, limit: int = 4096) -> None:
        self._limit = max(1, limit)
        self._seen: dict[str, float] = {}

    def first(self, webhook_id: str, now: float) -> bool:
        """Return whether this one is seen for the first time, and remember it."""
        # As long as its time can be inside the window: it may have been dated ahead.
        while self._seen and abs(now - self._seen[oldest := next(iter(self._seen))]) > 2 * WINDOW_SECONDS:
            del self._seen[oldest]
        if webhook_id in self._seen:
            return False
        self._seen[webhook_id] = now
        if len(self._seen) > self._limit:
            del self._seen[next(iter(self._seen))]
        return True

    def forget(self, webhook_id: str) -> None:
        """Let it come once more."""
        self._seen.pop(webhook_id, None)


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Return if one of the secrets signed this body within five minutes of `now` (kling-official 8.2).

    `secrets` are `whsec_…`, two during a rotation. `body` is what came over the wire, byte for byte.

    Raises:
        BadSettings: a secret that is none. CallbackRefused: anything else.
    """
    keys = [_key(secret) for secret in secrets]
    if not keys or len(keys) > MAX_SECRETS:
        raise BadSettings(
            f"KLING_WEBHOOK_SECRET has to hold one to {MAX_SECRETS} secrets.",
            advice="Copy it from https://kling.ai/dev/account-info?tab=webhooks.",
        )
    if len(body) > MAX_BODY:
        raise CallbackRefused(f"The callback is larger than {MAX_BODY // 1024} KB.")
    webhook_id = _header(headers, "webhook-id", _ID)
    sent = _header(headers, "webhook-timestamp", _TIME)
    if not abs(now - int(sent)) <= WINDOW_SECONDS:
        raise CallbackRefused("The callback's time is more than five minutes from this machine's clock.")
    given = _header(headers, "webhook-signature", _SIGNATURES).split()[:MAX_SIGNATURES]
    signed = b".".join((webhook_id.encode("ascii"), sent.encode("ascii"), body))
    expected = [b"v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    # Every pair is compared, each in constant time, so that nothing is learnt from how long it takes.
    matches = [hmac.compare_digest(one.encode("ascii"), other) for one in given for other in expected]
    if not any(matches):
        raise CallbackRefused("The callback's signature does not fit KLING_WEBHOOK_SECRET.")


def hint(body: bytes, *, signed: bool = False) -> Hint:
    """Return which task a callback is about, in either API's words; its results are not read (kling-official 8.1).

    Raises:
        CallbackRefused: it is too large, no JSON object, or names no task.
    """
    if len(body) > MAX_BODY:
        raise CallbackRefused(f"The callback is larger than {MAX_BODY // 1024} KB.")
    try:
        task = json.loads(body)
    except (ValueError, RecursionError):
        raise CallbackRefused("The callback is not JSON.") from None
    if not isinstance(task, dict):
        raise CallbackRefused("The callback is not about a task.")
    task_id = _task_id(task.get("task_id")) or _task_id(task.get("id"))
    if not task_id:
        raise CallbackRefused("The callback names no task.")
    known = reading.record(task.get("task_info"))
    external_id = _task_id(known.get("external_task_id")) or _task_id(task.get("external_id"))
    return Hint(task_id=task_id, external_id=external_id, status=_status(task), signed=signed)


def _key(secret: str) -> bytes:
    """Return the key inside a secret.

    Raises:
        BadSettings: without a word of the secret.
    """
    bare = secret.strip()
    try:
        key = b64decode(bare.removeprefix(_PREFIX).encode("ascii"), validate=True)
    except ValueError:
        key = b""
    if not bare.startswith(_PREFIX) or len(key) < LEAST_KEY_BYTES:
        raise BadSettings(
            f"KLING_WEBHOOK_SECRET is not a webhook secret: it starts with {_PREFIX}, and base64 follows.",
            advice="Copy it once more from https://kling.ai/dev/account-info?tab=webhooks.",
        )
    return key


def _header(headers: Mapping[str, str], name: str, shape: re.Pattern[str]) -> str:
    found = [value for key, value in headers.items() if key.lower() == name]
    if len(found) != 1:
        raise CallbackRefused(f"The callback has no {name} header." if not found else f"It has two {name} headers.")
    if not shape.fullmatch(found[0]):
        raise CallbackRefused(f"The callback's {name} header is not one.")
    return found[0]


def _task_id(value: object) -> str:
    found = reading.text(value)
    return found if _TASK_ID.fullmatch(found) else ""


def _status(task: Mapping[str, Any]) -> RemoteStatus | Literal[""]:
    word = reading.text(task.get("task_status") or task.get("status")).strip().lower()
    known: RemoteStatus | None = reading.STATUSES.get(word)
    return known or ""

"""Kling's answers, opened: one envelope around everything, and one table of its refusals.

Both standards share it (kling-official 2.1, 9.1). Success is the envelope's own code, never the HTTP status: a 429 may
be permanent and a failed task arrives as 200. What cannot be read is `ProviderBroken`, because a create may have been
accepted all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kling_tools.model import errors
from kling_tools.model.errors import KlingError, ProviderBroken, ProviderRefused, quoted
from kling_tools.model.plan import Standard
from kling_tools.providers.dialect import WireAnswer
from kling_tools.providers.kling.reading import text


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """One opened answer; `message` is upstream's text and stays data."""

    code: int
    message: str
    request_id: str
    http_status: int
    data: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Refusal:
    """What a code means to us: the error, what happened, and what to do (empty: the class says it)."""

    error: type[ProviderRefused]
    message: str
    advice: str = ""


@dataclass(frozen=True)
class Fault:
    """A code that tells of trouble on their side."""

    message: str
    advice: str = ""


_CONSOLE = "Create an API key at https://kling.ai/dev/api-key and set it as KLING_API_KEY."
_KEY = "The API key is wrong, or belongs to the other region. " + _CONSOLE
_TOKEN = (
    "On the current API this code means that the API key is wrong, or that an access/secret key token was used where "
    "only an API key is taken. " + _CONSOLE
)
_PAIR = "The access/secret key pair is not accepted: check both halves, and that they are of this region. " + _CONSOLE
_ARGUMENTS = "Change what Kling names, then try again."

#: kling-official 9.1. HTTP statuses are left out on purpose: they decide nothing.
TABLE: Mapping[int, Refusal | Fault] = {
    1000: Refusal(errors.Unauthorised, "Kling did not accept the credentials", _KEY),
    1001: Refusal(
        errors.Unauthorised,
        "No credentials reached Kling",
        "Set KLING_API_KEY; if it is set, a proxy on the way removes the Authorization header.",
    ),
    1002: Refusal(errors.Unauthorised, "Kling did not accept the form of the credentials", _TOKEN),
    1003: Refusal(
        errors.Unauthorised,
        "Kling finds the token not valid yet: this machine's clock is fast",
        "Set the clock (switch on network time), or use an API key, which needs no clock.",
    ),
    1004: Refusal(
        errors.Unauthorised,
        "Kling finds the token or key expired",
        "Either this machine's clock is slow (switch on network time), or the key has ended. " + _CONSOLE,
    ),
    1100: Refusal(errors.AccountBlocked, "Kling reports that the account is in an abnormal state"),
    1101: Refusal(
        errors.NoBalance, "The Kling account is in arrears", "Pay in the Kling console. Trying again will not help."
    ),
    1102: Refusal(
        errors.NoBalance,
        "The resource pack for this kind of task is used up or has ended",
        "Buy a pack of this kind in the Kling console (an image pack does not pay for video). "
        "Trying again will not help.",
    ),
    1103: Refusal(errors.NoPermission, "The account may not use this API or model"),
    1200: Refusal(errors.NotAccepted, "Kling found the parameters invalid", _ARGUMENTS),
    1201: Refusal(errors.NotAccepted, "Kling found a value invalid", _ARGUMENTS),
    1202: Refusal(
        errors.NotAccepted,
        "Kling does not offer this method",
        "That is a fault of kling-mcp or a changed API: look for a newer version.",
    ),
    1203: Refusal(
        errors.NotAccepted,
        "Kling does not have what was asked for, for example the model",
        "Choose another model (list_models), and check the region.",
    ),
    1300: Refusal(errors.Moderated, "Kling's platform policy blocked the request"),
    1301: Refusal(errors.Moderated, "Kling's content safety blocked the request"),
    1302: Refusal(errors.Busy, "Kling asks for fewer requests"),
    1303: Refusal(errors.Busy, "Every parallel slot of the account's pack is taken"),
    1304: Refusal(
        errors.NoPermission,
        "The account's list of allowed IP addresses does not have this one",
        "Add this machine's address in the Kling console. Trying again will not help.",
    ),
    5000: Fault("Kling reports an internal fault"),
    5001: Fault("Kling is under maintenance", "Try again later."),
    5002: Fault("Kling reports an internal time-out"),
}

# Too wide costs a look-up; too narrow would call a bought task refused. So any wording of "it is there" counts.
_TAKEN = re.compile(r"already\s+(been\s+)?(exist|used|taken)|exists\s+already|duplicat|已存在|重复", re.IGNORECASE)
# Too wide would call a task absent that may be there, and have it sent again. So only "not found" counts.
_ABSENT = re.compile(r"not\s+(be\s+)?found", re.IGNORECASE)

_INVALID = (1200, 1201)


def opened(answer: WireAnswer) -> Envelope:
    """Open an answer, whatever its code (kling-official 2.1).

    Raises:
        ProviderBroken: it is not Kling's envelope. NotAccepted: a gateway found the body too large.
    """
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _unreadable(answer, "is not JSON") from None
    if not isinstance(body, dict) or (code := _code(body.get("code"))) is None:
        raise _unreadable(answer, "has no result code")
    return Envelope(
        code=code,
        message=text(body.get("message") or body.get("msg")),
        request_id=text(body.get("request_id")),
        http_status=answer.status,
        data=body.get("data"),
    )


def unwrapped(answer: WireAnswer, standard: Standard) -> Envelope:
    """Open an answer that has to be a success.

    Raises:
        ProviderRefused, ProviderBroken
    """
    envelope = opened(answer)
    if envelope.code != 0:
        raise failure(envelope, standard)
    return envelope


def absent(envelope: Envelope) -> bool:
    """Whether a legacy query says that there is no such task (kling-official 2.5)."""
    return envelope.code == 1201 and bool(_ABSENT.search(envelope.message))


def failure(envelope: Envelope, standard: Standard) -> KlingError:
    """Return the error that a non-zero code means (kling-official 9.1)."""
    entry = _entry(envelope, standard)
    message = f"{entry.message} ({_facts(envelope)})"
    if envelope.message:
        message += f": {quoted(envelope.message)}"
    message += "."
    if isinstance(entry, Fault):
        return ProviderBroken(message, advice=entry.advice)
    return entry.error(
        message,
        advice=entry.advice,
        provider_code=envelope.code,
        http_status=envelope.http_status,
        request_id=envelope.request_id,
    )


def _entry(envelope: Envelope, standard: Standard) -> Refusal | Fault:
    code = envelope.code
    if code in _INVALID and _TAKEN.search(envelope.message):
        return Refusal(errors.AlreadyExists, "Kling already has a task with this external id")
    if standard == "legacy" and code in (1000, 1002):  # the legacy dialect is spoken with a key pair only
        return Refusal(errors.Unauthorised, "Kling did not accept the token made from the key pair", _PAIR)
    if entry := TABLE.get(code):
        return entry
    if 5000 <= code < 6000 or not (1000 <= code < 2000 or 400 <= envelope.http_status < 500):
        return Fault("Kling reports a fault with a code that is not documented")
    return Refusal(errors.NotAccepted, "Kling refused with a code that is not documented", _ARGUMENTS)


def _facts(envelope: Envelope) -> str:
    facts = f"code {envelope.code}, HTTP {envelope.http_status}"
    return f"{facts}, request {quoted(envelope.request_id, 64)}" if envelope.request_id else facts


def _unreadable(answer: WireAnswer, why: str) -> KlingError:
    if answer.status == 413:  # a gateway turned the body away: Kling never saw it
        return errors.NotAccepted(
            "The request is too large for Kling's gateway (HTTP 413).",
            advice="Use a smaller picture, or pass its https URL.",
            http_status=413,
        )
    advice = "Check KLING_BASE_URL." if 300 <= answer.status < 500 else ""
    return ProviderBroken(f"The answer of {answer.host or 'Kling'} (HTTP {answer.status}) {why}.", advice=advice)


def _code(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"-?[0-9]{1,9}", value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value

"""Kling's answers, opened: one envelope around everything.

Both standards share it (kling-official 2.1, 9.1); `refusals` knows what its codes mean. Success is the envelope's own
code, never the HTTP status: a 429 may be permanent and a failed task arrives as 200. What cannot be read is
`ProviderBroken`, because a create may have been accepted all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kling_tools.model import errors
from kling_tools.model.errors import KlingError, NoBalance, ProviderBroken, quoted
from kling_tools.model.plan import Standard
from kling_tools.providers.dialect import WireAnswer
from kling_tools.providers.kling.reading import text
from kling_tools.providers.kling.refusals import INVALID, PAIR, TABLE, Refusal, says_absent, undocumented, worded


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """One opened answer; `message` is upstream's text and stays data."""

    code: int
    message: str
    request_id: str
    http_status: int
    data: Any = field(default=None, repr=False)


_SPEECH = "/v1/audio/tts"
#: Which pack pays, by the start of a product's path (kling-official 9.1, 10.1).
_PACKS: Mapping[str, str] = {
    "/v1/images/kolors-virtual-try-on": "try-on",
    "/v1/images/": "image",
    "/v1/videos/": "video",
    "/v1/audio/": "video",
    "/text-to-video/": "video",
    "/image-to-video/": "video",
    "/omni-video/": "video",
    "/motion-control/": "video",
}


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


def unwrapped(answer: WireAnswer, standard: Standard, *, pair: bool | None = None, product: str = "") -> Envelope:
    """Open an answer that has to be a success; `pair` and `product` as in `failure`.

    Raises:
        ProviderRefused, ProviderBroken
    """
    envelope = opened(answer)
    if envelope.code != 0:
        raise failure(envelope, standard, pair=pair, product=product)
    return envelope


def inside(envelope: Envelope, standard: Standard, *, pair: bool | None = None) -> Mapping[str, Any]:
    """Open the second envelope that account answers have in their data (kling-official 7).

    Raises:
        ProviderRefused: its own code says no. ProviderBroken: there is no object in it.
    """
    data = envelope.data
    if not isinstance(data, dict):
        raise misshapen(envelope, "has no data")
    if data.get("code") is None:
        return data
    if (code := _code(data["code"])) is None:
        raise misshapen(envelope, "has no result code inside")
    if code != 0:
        message = text(data.get("msg") or data.get("message"))
        raise failure(replace(envelope, code=code, message=message), standard, pair=pair)
    return data


def absent(envelope: Envelope) -> bool:
    """Whether a legacy query says that there is no such task (kling-official 2.5)."""
    return envelope.code == 1201 and says_absent(envelope.message)


def failure(envelope: Envelope, standard: Standard, *, pair: bool | None = None, product: str = "") -> KlingError:
    """Return the error that a non-zero code means (kling-official 9.1).

    `pair`: the call was signed with a key pair; None means that it was if the legacy API was spoken. `product` is the
    path that was called, which tells whose pack is empty.
    """
    entry = _entry(envelope, standard == "legacy" if pair is None else pair)
    message = f"{entry.message} ({_facts(envelope)})"
    if envelope.message:
        message += f": {quoted(envelope.message)}"
    message += "."
    advice = _which_pack(product) if entry.error is NoBalance else ""
    if entry.error is errors.NotAccepted and product == _SPEECH:  # a wrong voice comes so (kling-official 5.1)
        advice = "Perhaps the voice: leave it out, or take one from list_models tool=create_speech."
    if issubclass(entry.error, ProviderBroken):
        return entry.error(message, advice=advice or entry.advice)
    return entry.error(
        message,
        advice=advice or entry.advice,
        provider_code=envelope.code,
        http_status=envelope.http_status,
        request_id=envelope.request_id,
    )


def misshapen(envelope: Envelope, why: str) -> ProviderBroken:
    """Return the error for a success whose data cannot be used; `why` goes on from `Kling's answer`."""
    return ProviderBroken(f"Kling's answer ({_facts(envelope)}) {why}.")


def _entry(envelope: Envelope, pair: bool) -> Refusal:
    code, http = envelope.code, envelope.http_status
    if code in INVALID and (told := worded(code, http, envelope.message)):
        return told
    if pair and code in (1000, 1002):
        return PAIR
    return TABLE.get(code) or undocumented(code, http)


def _which_pack(product: str) -> str:
    for start, pack in _PACKS.items():
        if product.startswith(start):
            return (
                f"It draws on the {pack} pack: buy one in the Kling console (packs of another kind do not pay for it). "
                "Trying again will not help."
            )
    return ""


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

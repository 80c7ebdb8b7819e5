"""What Kling's codes and wordings mean to us, as data: one row for each documented code (kling-official 9.1).

Beside `envelope`, which opens answers and asks here: whoever compares the table with the specification reads one file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kling_tools.model import errors
from kling_tools.model.errors import ProviderBroken, ProviderRefused
from kling_tools.providers.reasons import READ_CHARACTERS, UNFETCHED

#: no: the same request is refused again. renew: once, with a fresh token. wait: later, as it is; nothing was accepted.
#: check: it may have been accepted, so it is looked up first.
Retry = Literal["no", "renew", "wait", "check"]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What a code means: `http` as documented, the error, what happened, what to do (empty: the class says it)."""

    code: int
    http: int
    error: type[ProviderRefused] | type[ProviderBroken]
    message: str
    retry: Retry = "no"
    advice: str = ""


_CONSOLE = "Create an API key at https://kling.ai/dev/api-key and set it as KLING_API_KEY."
_ARGUMENTS = "Change what Kling names, then try again."

_ROWS = (
    Refusal(
        code=1000,
        http=401,
        error=errors.Unauthorised,
        message="Kling did not accept the credentials",
        advice=f"The API key is wrong, or belongs to the other region. {_CONSOLE}",
    ),
    Refusal(
        code=1001,
        http=401,
        error=errors.Unauthorised,
        message="No credentials reached Kling",
        advice="Set KLING_API_KEY; if it is set, a proxy on the way removes the Authorization header.",
    ),
    Refusal(
        code=1002,
        http=401,
        error=errors.Unauthorised,
        message="Kling did not accept the form of the credentials",
        advice="On the current API this code means that the API key is wrong, or that an access/secret key token was "
        f"used where only an API key is taken. {_CONSOLE}",
    ),
    Refusal(
        code=1003,
        http=401,
        error=errors.Unauthorised,
        message="Kling finds the token not valid yet: this machine's clock is fast",
        retry="renew",
        advice="Set the clock (switch on network time), or use an API key, which needs no clock.",
    ),
    Refusal(
        code=1004,
        http=401,
        error=errors.Unauthorised,
        message="Kling finds the token or key expired",
        retry="renew",
        advice=f"Either this machine's clock is slow (switch on network time), or the key has ended. {_CONSOLE}",
    ),
    Refusal(
        code=1100,
        http=429,
        error=errors.AccountBlocked,
        message="Kling reports that the account is in an abnormal state",
    ),
    Refusal(code=1101, http=429, error=errors.InArrears, message="The Kling account is in arrears"),
    Refusal(
        code=1102,
        http=429,
        error=errors.NoBalance,
        message="The resource pack for this kind of task is used up or has ended",
        advice="Buy a pack of this kind in the Kling console (an image pack does not pay for video). "
        "Trying again will not help.",
    ),
    Refusal(code=1103, http=403, error=errors.NoPermission, message="The account may not use this API or model"),
    Refusal(
        code=1200,
        http=400,
        error=errors.NotAccepted,
        message="Kling found the parameters invalid",
        advice=_ARGUMENTS,
    ),
    Refusal(code=1201, http=400, error=errors.NotAccepted, message="Kling found a value invalid", advice=_ARGUMENTS),
    Refusal(
        code=1202,
        http=404,
        error=errors.NotAccepted,
        message="Kling does not offer this method",
        advice="That is a fault of kling-mcp or a changed API: look for a newer version.",
    ),
    Refusal(
        code=1203,
        http=404,
        error=errors.NotFound,
        message="Kling does not have what was asked for, for example the model",
        advice="Choose another model (list_models), and check the region.",
    ),
    Refusal(
        code=1300,
        http=400,
        error=errors.Moderated,
        message="Kling's platform policy blocked the request",
        advice="Its platform rules do not allow this subject: change the prompt or the picture. "
        "The same content will be blocked again.",
    ),
    Refusal(code=1301, http=400, error=errors.Moderated, message="Kling's content safety blocked the request"),
    Refusal(code=1302, http=429, error=errors.TooManyRequests, message="Kling asks for fewer requests", retry="wait"),
    Refusal(
        code=1303,
        http=429,
        error=errors.SlotsTaken,
        message="Every parallel slot of the account's pack is taken",
        retry="wait",
    ),
    Refusal(
        code=1304,
        http=429,
        error=errors.AddressNotAllowed,
        message="The account's list of allowed IP addresses does not have this one",
    ),
    Refusal(code=5000, http=500, error=ProviderBroken, message="Kling reports an internal fault", retry="check"),
    Refusal(code=5001, http=503, error=errors.UnderMaintenance, message="Kling is under maintenance", retry="wait"),
    Refusal(code=5002, http=504, error=ProviderBroken, message="Kling reports an internal time-out", retry="check"),
)

TABLE: Mapping[int, Refusal] = {row.code: row for row in _ROWS}

#: The codes that stand for many faults, which only the message tells apart.
INVALID = (1200, 1201)

#: On the way, not Kling's own: the request may have reached it all the same (a time-out, a conflict, a client gone).
OPEN_STATUSES = frozenset({408, 409, 425, 499})


def undocumented(code: int, http: int) -> Refusal:
    """Return the meaning of a code that is not in the table: a refusal only when it looks like one."""
    refusing = 1000 <= code < 2000 or (400 <= http < 500 and not 5000 <= code < 6000)
    if refusing and http not in OPEN_STATUSES:
        message = "Kling refused with a code that is not documented"
        return Refusal(code=code, http=http, error=errors.NotAccepted, message=message, advice=_ARGUMENTS)
    message = "Kling reports a fault with a code that is not documented"
    return Refusal(code=code, http=http, error=ProviderBroken, message=message, retry="check")


#: Only an access/secret key pair was used, so it is the pair that is wrong.
PAIR = Refusal(
    code=1002,
    http=401,
    error=errors.Unauthorised,
    message="Kling did not accept the token made from the key pair",
    advice="The access/secret key pair is not accepted: check both halves, and that they are of this region. "
    + _CONSOLE,
)

# Too wide costs a look-up; too narrow would call a bought task refused. So any wording of "it is there" counts.
_TAKEN = re.compile(r"already\s+(been\s+)?(exist|used|taken)|exists\s+already|duplicat|已存在|重复", re.IGNORECASE)
# Too wide would call a task absent that may be there, and have it sent again. So only "not found" counts.
_ABSENT = re.compile(r"not\s+(be\s+)?found", re.IGNORECASE)
_BASE64 = re.compile(r"base[\s-]?64", re.IGNORECASE)
_UNSUPPORTED = re.compile(
    r"\bmodels?\b.{0,200}(not\s+(\w+\s+)?support|unsupport)|(not\s+(\w+\s+)?support|unsupport).{0,200}\bmodels?\b"
    r"|模型.{0,80}不支持|不支持.{0,80}模型",
    re.IGNORECASE | re.DOTALL,
)
_BY_WORDING: tuple[tuple[re.Pattern[str], type[ProviderRefused], str], ...] = (
    (_TAKEN, errors.AlreadyExists, "Kling already has a task with this external id"),
    (UNFETCHED, errors.InputUnreachable, "Kling could not fetch a file from its address"),
    (_BASE64, errors.InputUnreadable, "Kling could not decode a file that was sent along"),
    (_UNSUPPORTED, errors.NotSupported, "The model does not do what was asked for"),
    (_ABSENT, errors.NotFound, "Kling does not have what the request names"),
)


def worded(code: int, http: int, message: str) -> Refusal | None:
    """Return what an invalid value was, as far as the message tells it (kling-official 9.1)."""
    head = message[:READ_CHARACTERS]
    for pattern, error, words in _BY_WORDING:
        if pattern.search(head):
            return Refusal(code=code, http=http, error=error, message=words)
    return None


def says_absent(message: str) -> bool:
    """Whether a message says that something is not there."""
    return bool(_ABSENT.search(message[:READ_CHARACTERS]))

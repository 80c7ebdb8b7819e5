"""Who is calling: a static API key opens everything, a JWT of AK/SK only the legacy and account paths.

The rules are kling-official 1.2 and 1.3. The token is checked with the standard library on purpose: the client mints it
with PyJWT, and the two shall agree. `exp` and `nbf` are read against the sandbox's own clock.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from kling_sandbox.config import SandboxConfig
from kling_sandbox.envelope import Refusal

# The live service words its two 1002s differently, and neither tells the cause.
NEW_STANDARD_TEXT = "AK/SK authentication is not supported for this API, please create an API key in the console"
LEGACY_TEXT = "Authorization is invalid: the token should consist of 3 parts"


def bearer(header: str | None) -> str:
    """Return the credential of an Authorization header, or '' when there is none."""
    scheme, _, rest = (header or "").partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""


def kind(header: str | None, config: SandboxConfig) -> str:
    """Name the credential for the log without keeping it: none, api_key, jwt or other."""
    token = bearer(header)
    if not token:
        return "none" if not header else "other"
    if token in config.api_keys:
        return "api_key"
    return "jwt" if token.count(".") == 2 else "other"


def admit(header: str | None, config: SandboxConfig, *, new_standard: bool) -> None:
    """Let the caller pass, or raise the 401 that the documents name."""
    if header is None or not header.strip() or header.strip().lower() == "bearer":
        raise Refusal(1001, "Authorization is empty")
    token = bearer(header)
    if token in config.api_keys:
        return
    if new_standard:
        raise Refusal(1002, NEW_STANDARD_TEXT)
    if token.count(".") != 2:
        raise Refusal(1002, LEGACY_TEXT)
    _check_token(token, config.access_keys, config.clock())


def _check_token(token: str, access_keys: Mapping[str, str], now: float) -> None:
    head, body, signature = token.split(".")
    header, claims = _decoded(head), _decoded(body)
    secret = access_keys.get(str(claims.get("iss")))
    if header.get("alg") != "HS256" or secret is None:
        raise Refusal(1002, "Authorization is invalid: unknown access key")
    # The secret signs as it is; it is not base64 (kling-official 1.3).
    wanted = hmac.new(secret.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(wanted, _bytes(signature)):
        raise Refusal(1002, "Authorization is invalid: signature verification failed")
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(begins, int | float):
        raise Refusal(1002, "Authorization is invalid: exp or nbf is not a number")
    if begins > now:  # no leeway: a fast local clock is what 1003 exists for
        raise Refusal(1003, "Authorization is not yet valid")
    if expires <= now:
        raise Refusal(1004, "Authorization has expired")


def _bytes(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise Refusal(1002, "Authorization is invalid: the token cannot be decoded") from error


def _decoded(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(part))
    except (ValueError, RecursionError) as error:
        raise Refusal(1002, "Authorization is invalid: the token cannot be decoded") from error
    if not isinstance(value, dict):
        raise Refusal(1002, "Authorization is invalid: the token cannot be decoded")
    return value

"""Credentials on the wire: a static key, or a token minted from a key pair (kling-official 1.2, 1.3).

Minting is a pure function of key, secret and time; the classes only decide when a token is old.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Generator

import httpx2

from kling_tools.clock import Clock
from kling_tools.model.errors import BadSettings
from kling_tools.providers.vendor import KLING, Vendor

LIFETIME = 1800
LEEWAY = 5
#: After "not valid yet" the start of the token's life moves back this far, for good (kling-official 1.3).
WIDE_LEEWAY = 60
#: A token is renewed while it still has this long, so that none ends on the way.
MARGIN = 60

_NOT_YET, _EXPIRED = 1003, 1004


def mint(access_key: str, secret_key: str, now: float, *, lifetime: int = LIFETIME, leeway: int = LEEWAY) -> str:
    """Return a signed token with the official claims (kling-official 1.3).

    Raises:
        BadSettings: the secret is of a kind that cannot sign.
    """
    import jwt  # 160 ms that an API key never needs

    claims = {"iss": access_key, "exp": int(now) + lifetime, "nbf": int(now) - leeway}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a short secret is Kling's choice; nobody here can make it longer
        try:
            return jwt.encode(claims, secret_key, algorithm="HS256")
        except jwt.PyJWTError:
            raise BadSettings("The secret key cannot sign.", advice="Copy it once more from the console.") from None


class StaticKey(httpx2.Auth):
    """A static API key, as its provider wants it carried."""

    def __init__(self, api_key: str, vendor: Vendor = KLING) -> None:
        self._api_key = api_key
        self._vendor = vendor

    def __repr__(self) -> str:
        """Show no secret."""
        return "StaticKey(***)"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the key."""
        request.headers[self._vendor.header] = f"{self._vendor.word}{self._api_key}"
        yield request


class KlingJWT(httpx2.Auth):
    """A key pair: one token for many requests, renewed early, and once more when Kling finds it untimely."""

    requires_response_body = True

    def __init__(self, access_key: str, secret_key: str, clock: Clock) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._clock = clock
        self._token = ""
        self._expires = 0.0
        self._leeway = LEEWAY

    def __repr__(self) -> str:
        """Show no secret."""
        return "KlingJWT(***)"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sign, and sign and send once more after a refusal of the token: such an answer accepted nothing."""
        used = self._fresh()
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        code = _code(response)
        if code == 0 or (response.status_code != 401 and code not in (_NOT_YET, _EXPIRED)):
            return
        if code == _NOT_YET:
            self._leeway = WIDE_LEEWAY
        if self._token == used:  # else another request has renewed it meanwhile
            self._token = ""
        request.headers["Authorization"] = f"Bearer {self._fresh()}"
        yield request

    def _fresh(self) -> str:
        now = self._clock.now()
        # The second half of the test is a clock that was set back: the token would look young for too long.
        if not self._token or not MARGIN <= self._expires - now <= LIFETIME:
            self._token = mint(self._access_key, self._secret_key, now, leeway=self._leeway)
            self._expires = int(now) + LIFETIME
        return self._token


def _code(response: httpx2.Response) -> int | None:
    """Return the envelope's code; anything unreadable is left to the dialect."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    code = body.get("code") if isinstance(body, dict) else None
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10:
        return int(code)
    return code if isinstance(code, int) else None

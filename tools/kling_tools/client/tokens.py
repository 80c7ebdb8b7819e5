"""Access tokens of an OAuth issuer, checked by its own keys (RFC 8414, 7517, 9068). Nothing else is asked of it.

On this floor because the keys come over the wire. They are kept for a while, so that nobody waits for the issuer at
every request, and asked for anew when a token names one that is not known, at most once in a while.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jwt

from kling_tools.client.wire import is_loopback
from kling_tools.clock import Clock
from kling_tools.model.errors import Unreachable

#: Signed by the issuer's private key. One that anybody could make, or that we could make ourselves, proves nothing.
ALGORITHMS = ("RS256", "ES256")
#: How long keys are kept without asking, how soon they are asked for again when one is missing, and how long they are
#: believed while the issuer does not answer. Seconds.
KEPT_SECONDS, AGAIN_SECONDS, BELIEVED_SECONDS = 3600.0, 30.0, 86_400.0
ASKING_SECONDS = 10.0
MOST_BYTES, MOST_KEYS, MOST_TOKEN = 256 * 1024, 32, 16 * 1024
#: How far the issuer's clock may be from ours, seconds.
LEEWAY = 30


class TokenRefused(Exception):
    """An access token that is not from this issuer for this resource, or is over; never with the token itself."""


@dataclass(frozen=True)
class Claims:
    """What a token says: whose it is, through which client, until when (seconds since the epoch)."""

    issuer: str
    subject: str
    client: str
    expires: int
    scopes: tuple[str, ...] = ()


class AccessTokens:
    """Reads the tokens of one issuer for one resource. `transport` stands in for the network."""

    def __init__(
        self, issuer: str, resource: str, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._issuer, self._resource = issuer, resource
        self._clock = clock
        self._transport = transport
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked = self._known = float("-inf")
        self._turn = asyncio.Lock()

    async def read(self, token: str) -> Claims:
        """Return what a token says.

        Raises:
            TokenRefused: it is not to be believed. Unreachable: the issuer's keys cannot be had.
        """
        if len(token) > MOST_TOKEN:
            raise TokenRefused("it is too long")
        try:
            head = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise TokenRefused("it is no JWT") from None
        if head.get("alg") not in ALGORITHMS:
            raise TokenRefused("it is not signed as an issuer signs")
        key = await self._key(str(head.get("kid", "")))
        if key.algorithm_name != head["alg"]:
            raise TokenRefused("its key is of another kind")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[head["alg"]],
                audience=[self._resource, f"{self._resource}/"],
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise TokenRefused(type(error).__name__) from None
        return _claims(claims)

    async def _key(self, kid: str) -> jwt.PyJWK:
        now = self._clock.monotonic()
        missing = kid not in self._keys and now - self._asked > AGAIN_SECONDS
        if missing or now - self._known > KEPT_SECONDS:
            async with self._turn:
                try:
                    await self._ask(now)
                except Unreachable:  # what was known stays so for a while
                    if kid not in self._keys or now - self._known > BELIEVED_SECONDS:
                        raise
        if kid not in self._keys:
            raise TokenRefused("the issuer has no such key")
        return self._keys[kid]

    async def _ask(self, now: float) -> None:
        """Fetch the issuer's keys, unless it was asked a moment ago.

        Raises:
            Unreachable: it does not answer, or did not then.
        """
        if now - self._asked <= AGAIN_SECONDS:
            if self._known < self._asked:
                raise Unreachable("The issuer of access tokens has not answered.", advice="Try again later.")
            return
        self._asked = now
        async with httpx2.AsyncClient(transport=self._transport, timeout=ASKING_SECONDS) as client:
            try:
                async with asyncio.timeout(ASKING_SECONDS):
                    keys = await self._fetched(client)
            except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
                why = f"The keys of {self._issuer} cannot be had: {type(error).__name__}."
                raise Unreachable(why, advice="Check KLING_OAUTH_ISSUER, and whether it can be reached.") from None
        self._keys, self._known = keys, now

    async def _fetched(self, client: httpx2.AsyncClient) -> dict[str, jwt.PyJWK]:
        for place in _metadata(self._issuer):
            told = await _json(client, place)
            if told is not None and told.get("issuer") == self._issuer:
                break
        else:
            raise ValueError("it tells nothing about itself")
        place = str(told.get("jwks_uri", ""))
        if urlsplit(place).scheme != "https" and not is_loopback(urlsplit(place).hostname or ""):
            raise ValueError("its keys are not behind https")
        keys = (await _json(client, place) or {}).get("keys")
        return {key.key_id or "": key for key in _usable(keys)}


def _metadata(issuer: str) -> tuple[str, ...]:
    """Return where an issuer tells about itself (RFC 8414 3.1, OpenID Connect Discovery 4)."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    known = f"{origin}/.well-known"
    return (
        f"{known}/oauth-authorization-server{path}",
        f"{known}/openid-configuration{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    )


async def _json(client: httpx2.AsyncClient, url: str) -> dict[str, Any] | None:
    """Return a small JSON object, or None where there is none; redirects are not followed."""
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
        if answer.status_code != 200:
            return None
        body = b""
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                raise ValueError("far too large")
    told = json.loads(body)
    return told if isinstance(told, dict) else None


def _usable(told: object) -> Iterator[jwt.PyJWK]:
    """Yield those keys of an issuer's list that sign as we ask for."""
    for key in told[:MOST_KEYS] if isinstance(told, list) else []:
        if not isinstance(key, dict) or key.get("use", "sig") != "sig" or not isinstance(key.get("kid", ""), str):
            continue
        algorithm = {"RSA None": "RS256", "EC P-256": "ES256"}.get(f"{key.get('kty')} {key.get('crv')}")
        if algorithm is None or key.get("alg", algorithm) != algorithm:
            continue
        with suppress(jwt.PyJWTError, ValueError, TypeError):
            yield jwt.PyJWK(key, algorithm)


def _claims(claims: Mapping[str, Any]) -> Claims:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise TokenRefused("it has no usable subject")
    client = claims.get("client_id") or claims.get("azp") or ""
    scope = claims.get("scope", "")
    return Claims(
        issuer=str(claims["iss"]),
        subject=subject,
        client=str(client)[:255],
        expires=int(claims["exp"]),
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
    )

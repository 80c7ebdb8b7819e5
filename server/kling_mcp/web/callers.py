"""Who comes in, by the token they bring: a name from the settings, or the subject of an access token."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest

from mcp.server.auth.provider import AccessToken, TokenVerifier

from kling_mcp.web.oauth import OAuth


class Callers(TokenVerifier):
    """Knows the tokens of the settings by their digests, and whom else to ask."""

    def __init__(self, tokens: Sequence[tuple[str, str]], oauth: OAuth | None = None) -> None:
        self._digests = [(name, _digest(token)) for name, token in tokens]
        self._oauth = oauth

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return whose token it is; None for one that nobody gave out."""
        given, found = _digest(token), None
        for name, known in self._digests:  # to the end in any case: how long it takes tells nothing
            if compare_digest(known, given):
                found = name
        if found is not None:
            return AccessToken(token=token, client_id=f"token:{found}", scopes=[], subject=found)
        return await self._oauth.verify_token(token) if self._oauth is not None else None


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()

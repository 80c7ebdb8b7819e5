"""OAuth access tokens as callers: a resource server as RFC 9728 describes it, which gives out no tokens itself."""

from __future__ import annotations

import logging

from mcp.server.auth.provider import AccessToken

from kling_tools.client.tokens import AccessTokens, TokenRefused
from kling_tools.model.errors import KlingError

log = logging.getLogger(__name__)


class OAuth:
    """Reads access tokens of one issuer for one resource. A caller is the token's subject."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return whose token it is; None where it is not for us, or cannot be checked at present."""
        try:
            claims = await self._tokens.read(token)
        except TokenRefused as error:
            log.info("an access token was refused: %s", error)
            return None
        except KlingError as error:
            log.error("access tokens cannot be checked: %s", error.sentence())
            return None
        return AccessToken(
            token=token,
            client_id=claims.client,
            scopes=list(claims.scopes),
            expires_at=claims.expires,
            # No name in the settings has a colon, so nobody is taken for one of those.
            subject=f"oauth:{claims.subject}",
            claims={"iss": claims.issuer},
        )

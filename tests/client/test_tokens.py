"""Access tokens: only the issuer's own, for this server, and while they last; and the issuer is asked seldom."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from tests.jobs.house import HandClock

from kling_tools.client.tokens import AGAIN_SECONDS, BELIEVED_SECONDS, KEPT_SECONDS, AccessTokens, TokenRefused
from kling_tools.clock import SystemClock
from kling_tools.model.errors import Unreachable

pytestmark = pytest.mark.anyio

ISSUER, RESOURCE = "https://login.test/tenant", "https://kling.test/mcp"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGERS = ec.generate_private_key(ec.SECP256R1())
PUBLIC_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Issuer:
    """An issuer that answers from memory, and counts how often it was asked."""

    down: bool = False
    issuer: str = ISSUER
    jwks_uri: str = "https://login.test/keys"
    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {**json.loads(RSAAlgorithm.to_jwk(RSA_KEY.public_key())), "kid": "r", "alg": "RS256"},
            {**json.loads(ECAlgorithm.to_jwk(EC_KEY.public_key())), "kid": "e", "use": "sig"},
            {"kty": "oct", "kid": "o", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"},
            {"kty": "unheard of", "kid": "u"},
        ]
    )
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one question."""
        self.asked.append(request.url.path)
        if self.down:
            raise httpx2.ConnectError("no route to host")
        if request.url.path == "/.well-known/oauth-authorization-server/tenant":
            return httpx2.Response(200, json={"issuer": self.issuer, "jwks_uri": self.jwks_uri})
        if request.url.path == "/keys":
            return httpx2.Response(200, json={"keys": self.keys})
        return httpx2.Response(404)


def tokens_of(issuer: Issuer, clock: HandClock | None = None) -> AccessTokens:
    """Return what reads this issuer's tokens."""
    return AccessTokens(ISSUER, RESOURCE, clock or HandClock(), httpx2.MockTransport(issuer))


def a_token(key: Any = EC_KEY, algorithm: str = "ES256", kid: str = "e", **changes: Any) -> str:
    """Return a token as the issuer gives it out, but for the changes; None leaves a claim out."""
    claims = {
        "iss": ISSUER,
        "aud": RESOURCE,
        "sub": "ann",
        "exp": SystemClock().now() + 600,
        "client_id": "desk",
        "scope": "a b",
        **changes,
    }
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm, headers={"kid": kid})


@pytest.mark.parametrize("token", [a_token(), a_token(RSA_KEY, "RS256", "r"), a_token(aud=["x", f"{RESOURCE}/"])])
async def test_a_token_of_the_issuer_tells_whose_it_is(token: str) -> None:
    claims = await tokens_of(Issuer()).read(token)
    assert (claims.issuer, claims.subject, claims.client, claims.scopes) == (ISSUER, "ann", "desk", ("a", "b"))


def hs256_with_the_public_key() -> str:
    """Return a token signed with what everybody knows; PyJWT itself refuses to make one."""
    import base64
    import hashlib
    import hmac

    head, body, _ = a_token().split(".")
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT","kid":"r"}').rstrip(b"=").decode()
    mark = hmac.digest(PUBLIC_PEM, f"{head}.{body}".encode(), hashlib.sha256)
    return f"{head}.{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


FORGED: dict[str, Callable[[], str]] = {
    "another server's": lambda: a_token(aud="https://other.test"),
    "nobody's in particular": lambda: a_token(aud=None),
    "another issuer's": lambda: a_token(iss="https://login.test"),
    "over": lambda: a_token(exp=SystemClock().now() - 60),
    "for ever": lambda: a_token(exp=None),
    "not yet": lambda: a_token(nbf=SystemClock().now() + 600),
    "nobody": lambda: a_token(sub=None),
    "an empty name": lambda: a_token(sub=""),
    "a name of lines": lambda: a_token(sub="ann\nbob"),
    "a stranger's key": lambda: a_token(STRANGERS),
    "an unknown key": lambda: a_token(kid="x"),
    "a key of another kind": lambda: a_token(kid="r"),
    "unsigned": lambda: jwt.encode({"sub": "ann", "aud": RESOURCE, "iss": ISSUER}, "", "none", headers={"kid": "e"}),
    "a shared secret": lambda: a_token("secret-secret-secret-secret-secret", "HS256", "o"),
    "the public key as a secret": hs256_with_the_public_key,
    "cut": lambda: a_token()[:-8],
    "no token": lambda: "x.y.z",
    "very long": lambda: a_token(more="x" * 20_000),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
async def test_every_other_token_is_refused_and_is_not_repeated(forge: Callable[[], str]) -> None:
    token = forge()
    with pytest.raises(TokenRefused) as refused:
        await tokens_of(Issuer()).read(token)
    assert token not in str(refused.value)


async def test_keys_are_kept_and_asked_for_again_when_one_is_new_but_not_at_every_call() -> None:
    clock, issuer = HandClock(), Issuer()
    tokens = tokens_of(issuer, clock)
    await tokens.read(a_token())
    await tokens.read(a_token())
    assert len(issuer.asked) == 2  # about itself, and for its keys
    new = ec.generate_private_key(ec.SECP256R1())
    issuer.keys.append({**json.loads(ECAlgorithm.to_jwk(new.public_key())), "kid": "new"})
    for _ in range(5):
        with pytest.raises(TokenRefused):
            await tokens.read(a_token(new, kid="new"))
    assert len(issuer.asked) == 2
    clock.time += AGAIN_SECONDS + 1
    await tokens.read(a_token(new, kid="new"))
    assert len(issuer.asked) == 4


async def test_an_issuer_that_does_not_answer_is_asked_seldom_and_believed_for_a_day() -> None:
    clock, issuer = HandClock(), Issuer(down=True)
    tokens = tokens_of(issuer, clock)
    for _ in range(3):
        with pytest.raises(Unreachable):
            await tokens.read(a_token())
    assert len(issuer.asked) == 1
    issuer.down = False
    clock.time += AGAIN_SECONDS + 1
    await tokens.read(a_token())
    issuer.down = True
    clock.time += KEPT_SECONDS + 1
    await tokens.read(a_token())
    clock.time += BELIEVED_SECONDS
    with pytest.raises(Unreachable):
        await tokens.read(a_token())


@pytest.mark.parametrize(
    "issuer", [Issuer(issuer="https://evil.test"), Issuer(jwks_uri="http://login.test/keys"), Issuer(jwks_uri="")]
)
async def test_an_issuer_that_tells_something_else_about_itself_is_not_believed(issuer: Issuer) -> None:
    with pytest.raises(Unreachable):
        await tokens_of(issuer).read(a_token())

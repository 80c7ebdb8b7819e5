"""Tokens: what is in them, how long they are used, and the one renewal (kling-official 1.2, 1.3)."""

from __future__ import annotations

import warnings
from typing import Any

import httpx2
import jwt
import pytest
from tests.client.wires import START, Recorded, ToldClock, enveloped

from kling_tools.client.signing import KlingJWT, StaticKey, mint
from kling_tools.model.errors import BadSettings

SECRET = "a-secret-that-has-more-than-32-bytes"


def claims(token: str, secret: str = SECRET) -> dict[str, Any]:
    """Return a token's claims, its signature checked and its times not."""
    unchecked = {"verify_exp": False, "verify_nbf": False}
    return jwt.decode(token, secret, algorithms=["HS256"], options=unchecked)  # type: ignore[arg-type]


def bearer(request: httpx2.Request) -> str:
    """Return the token a request carries."""
    scheme, token = request.headers["Authorization"].split(" ")
    assert scheme == "Bearer"
    return token


async def ask(auth: KlingJWT, *answers: httpx2.Response) -> tuple[httpx2.Response, list[httpx2.Request]]:
    """Send one create through an auth and return what came of it."""
    network = Recorded(list(answers))
    async with httpx2.AsyncClient(transport=network.transport, auth=auth) as client:
        answer = await client.post("https://kling.example/v1/videos/text2video", content=b'{"prompt": "x"}')
    return answer, network.requests


def test_a_minted_token_has_the_official_claims() -> None:
    token = mint("ak", SECRET, START + 0.7)
    assert claims(token) == {"iss": "ak", "exp": int(START) + 1800, "nbf": int(START) - 5}
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


def test_minting_is_pure() -> None:
    assert mint("ak", SECRET, START) == mint("ak", SECRET, START) != mint("ak", SECRET, START + 1)


def test_lifetime_and_leeway_can_be_chosen() -> None:
    assert claims(mint("ak", SECRET, START, lifetime=60, leeway=0)) == {
        "iss": "ak",
        "exp": int(START) + 60,
        "nbf": int(START),
    }


def test_a_short_secret_signs_without_a_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        token = mint("ak", "short", START)
    assert caught == []
    assert token.count(".") == 2


@pytest.mark.parametrize("secret", ["", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----"])
def test_a_secret_that_cannot_sign_is_a_setting_and_is_not_shown(secret: str) -> None:
    with pytest.raises(BadSettings) as caught:
        mint("ak", secret, START)
    assert "MIIB" not in caught.value.sentence()


@pytest.mark.anyio
async def test_a_token_is_reused_until_its_last_minute() -> None:
    clock = ToldClock()
    auth = KlingJWT("ak", SECRET, clock)
    _, [first] = await ask(auth, enveloped({}))
    clock.time += 1739
    _, [later] = await ask(auth, enveloped({}))
    clock.time += 2
    _, [last] = await ask(auth, enveloped({}))
    assert bearer(first) == bearer(later) != bearer(last)
    assert claims(bearer(last))["nbf"] == int(clock.time) - 5


@pytest.mark.anyio
async def test_a_clock_that_is_set_back_renews_the_token() -> None:
    clock = ToldClock()
    auth = KlingJWT("ak", SECRET, clock)
    await ask(auth, enveloped({}))
    clock.time -= 3600
    _, [request] = await ask(auth, enveloped({}))
    assert claims(bearer(request))["nbf"] == int(clock.time) - 5


@pytest.mark.anyio
@pytest.mark.parametrize(
    "refusal", [enveloped(None, 1004, 401), enveloped(None, 1004, 200), httpx2.Response(401, text="no")]
)
async def test_a_refused_token_is_renewed_once_and_the_request_sent_again(refusal: httpx2.Response) -> None:
    auth = KlingJWT("ak", SECRET, ToldClock())
    answer, requests = await ask(auth, refusal, enveloped({"task_id": "1"}))
    assert answer.json()["data"] == {"task_id": "1"}
    assert [request.content for request in requests] == [b'{"prompt": "x"}'] * 2


@pytest.mark.anyio
async def test_a_token_that_is_refused_twice_is_not_sent_a_third_time() -> None:
    auth = KlingJWT("ak", SECRET, ToldClock())
    answer, requests = await ask(auth, enveloped(None, 1004, 401), enveloped(None, 1004, 401))
    assert answer.status_code == 401
    assert len(requests) == 2


@pytest.mark.anyio
async def test_not_valid_yet_moves_the_start_back_for_good() -> None:
    clock = ToldClock()
    auth = KlingJWT("ak", SECRET, clock)
    _, [first, second] = await ask(auth, enveloped(None, 1003, 401), enveloped({}))
    assert claims(bearer(first))["nbf"] == int(START) - 5
    assert claims(bearer(second))["nbf"] == int(START) - 60
    clock.time += 1795
    _, [third] = await ask(auth, enveloped({}))
    assert claims(bearer(third))["nbf"] == int(clock.time) - 60


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [
        enveloped({"task_id": "1"}),
        enveloped({"task_id": "1"}, 0, 401),
        enveloped(None, 1303, 429),
        enveloped(None, 5000, 500),
        httpx2.Response(502, text="<html>"),
        httpx2.Response(200, content=b"[" * 100_000),
    ],
)
async def test_no_other_answer_makes_a_create_go_twice(answer: httpx2.Response) -> None:
    _, requests = await ask(KlingJWT("ak", SECRET, ToldClock()), answer)
    assert len(requests) == 1


@pytest.mark.anyio
async def test_an_api_key_is_sent_as_it_is() -> None:
    network = Recorded([enveloped({})])
    async with httpx2.AsyncClient(transport=network.transport, auth=StaticKey("key-1")) as client:
        await client.get("https://kling.example/tasks")
    assert bearer(network.requests[0]) == "key-1"


def test_no_secret_is_in_a_repr() -> None:
    assert SECRET not in repr(KlingJWT("ak", SECRET, ToldClock()))
    assert SECRET not in repr(StaticKey(SECRET))

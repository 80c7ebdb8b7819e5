"""Who may call what (kling-official 1.2, 1.3)."""

from __future__ import annotations

import warnings
from typing import Any

import jwt
import pytest

from kling_sandbox import ACCESS_KEY, API_KEY, SECRET_KEY

NEW = ("GET", "/tasks?task_ids=1")
LEGACY = ("GET", "/v1/videos/text2video")
ACCOUNT = ("GET", "/account/costs?start_time=1&end_time=2")

pytestmark = pytest.mark.anyio


def token(now: float, *, key: str = ACCESS_KEY, secret: str = SECRET_KEY, life: float = 1800, start: float = -5) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyJWT dislikes the short secret
        claims: dict[str, Any] = {"iss": key, "exp": int(now + life), "nbf": int(now + start)}
        return jwt.encode(claims, secret, algorithm="HS256", headers={"typ": "JWT"})


async def code_of(house: Any, call: tuple[str, str], header: str | None) -> tuple[int, int]:
    headers = {} if header is None else {"authorization": header.encode()}
    reply = await house.bare.request(*call, headers=headers)
    return reply.status_code, reply.json()["code"]


@pytest.mark.parametrize("call", [NEW, LEGACY, ACCOUNT])
async def test_an_api_key_opens_every_path(house, call):
    assert await code_of(house, call, f"Bearer {API_KEY}") == (200, 0)


@pytest.mark.parametrize("call", [NEW, LEGACY, ACCOUNT])
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer "])
async def test_no_credential_is_1001(house, call, header):
    assert await code_of(house, call, header) == (401, 1001)


@pytest.mark.parametrize("call", [LEGACY, ACCOUNT])
async def test_a_signed_token_opens_legacy_and_account_paths(house, clock, call):
    assert await code_of(house, call, f"Bearer {token(clock.now)}") == (200, 0)


@pytest.mark.parametrize("credential", ["garbage", "a.b.c", "token"])
async def test_the_new_standard_takes_api_keys_only_and_says_so(house, clock, credential):
    held = token(clock.now) if credential == "token" else credential
    reply = await house.bare.get("/tasks?task_ids=1", headers={"authorization": f"Bearer {held}"})
    assert (reply.status_code, reply.json()["code"]) == (401, 1002)
    assert "AK/SK" in reply.json()["message"]
    assert "create an API key" in reply.json()["message"]


async def test_garbage_on_a_legacy_path_is_told_about_three_parts(house):
    reply = await house.bare.get(LEGACY[1], headers={"authorization": "Bearer garbage"})
    assert (reply.status_code, reply.json()["code"]) == (401, 1002)
    assert "3 parts" in reply.json()["message"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"life": 0}, 1004),
        ({"life": -1}, 1004),
        ({"start": 1}, 1003),
        ({"start": 0}, 0),
        ({"key": "stranger"}, 1002),
        ({"secret": "wrong"}, 1002),
    ],
)
async def test_a_token_is_checked_against_the_sandbox_clock(house, clock, changes, code):
    found = await code_of(house, LEGACY, f"Bearer {token(clock.now, **changes)}")
    assert found == (401 if code else 200, code)


@pytest.mark.parametrize("held", ["a.b.c", "..", "e30.e30.", "W10.W10.x", "é.é.é"])
async def test_a_malformed_token_is_1002(house, held):
    assert await code_of(house, LEGACY, f"Bearer {held}") == (401, 1002)


async def test_a_token_without_a_signature_is_1002(house, clock):
    head, body, _ = token(clock.now).split(".")
    assert await code_of(house, LEGACY, f"Bearer {head}.{body}.") == (401, 1002)

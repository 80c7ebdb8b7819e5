"""Callbacks: proven, bounded, and never more than a hint (kling-official 8)."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_tools.model.errors import BadSettings, CallbackRefused, KlingError
from kling_tools.providers.kling.callbacks import MAX_BODY, WINDOW_SECONDS, Hint, ReplayGuard, hint, verify

#: The vector of kling-official 8.2.
#: The one of the published example, which is no secret (kling-official 8.2).
SECRET = "whsec_" + b64encode(b"testsecrettestsecrettestsecret12").decode()
BODY = b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}'
SENT = 1781080794
HEADERS = {
    "webhook-id": "9876543210",
    "webhook-timestamp": str(SENT),
    "webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
}
OTHER = "whsec_" + b64encode(b"another-secret-of-32-bytes------").decode()


def signature(secret: bytes, webhook_id: str, sent: str, body: bytes) -> str:
    """Sign as the specification says, apart from the code under test."""
    signed = f"{webhook_id}.{sent}.".encode() + body
    return "v1," + b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def refused(headers: dict[str, str], body: bytes = BODY, now: float = SENT, secret: str = SECRET) -> CallbackRefused:
    """Return why a callback is refused."""
    with pytest.raises(CallbackRefused) as caught:
        verify([secret], headers, body, now)
    return caught.value


def test_the_documented_example_is_genuine() -> None:
    verify([SECRET], HEADERS, BODY, SENT)


def test_header_names_have_no_case() -> None:
    verify([SECRET], {name.title(): value for name, value in HEADERS.items()}, BODY, SENT)


def test_any_of_several_signatures_and_secrets_is_enough() -> None:
    both = {**HEADERS, "webhook-signature": f"v1,AAAA v2,x {HEADERS['webhook-signature']}"}
    verify([OTHER, SECRET], both, BODY, SENT)
    verify([f" {SECRET}\n"], HEADERS, BODY, SENT)


@pytest.mark.parametrize("offset", [-WINDOW_SECONDS, 0, WINDOW_SECONDS])
def test_a_callback_inside_the_window_is_taken(offset: float) -> None:
    verify([SECRET], HEADERS, BODY, SENT + offset)


@pytest.mark.parametrize("offset", [-WINDOW_SECONDS - 0.1, WINDOW_SECONDS + 0.1, 1e9, float("nan")])
def test_a_callback_outside_the_window_is_refused(offset: float) -> None:
    assert "clock" in refused(HEADERS, now=SENT + offset).message


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "9876543211"},
        {"webhook-timestamp": str(SENT + 1)},
        {"webhook-timestamp": f"0{SENT}"},
        {"webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ5="},
        {"webhook-signature": "UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="},
        {"webhook-signature": "v2,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="},
        {"webhook-signature": "v1,"},
        {"webhook-signature": " "},
    ],
)
def test_anything_that_was_changed_does_not_fit_its_signature(changed: dict[str, str]) -> None:
    error = refused({**HEADERS, **changed})
    assert "signature" in error.message
    assert (error.code, error.spent) == ("callback_refused", "no")


def test_a_changed_body_or_another_secret_does_not_fit() -> None:
    refused(HEADERS, BODY.replace(b"succeeded", b"failed"))
    refused(HEADERS, BODY + b" ")
    refused(HEADERS, secret=OTHER)


@pytest.mark.parametrize("name", sorted(HEADERS))
@pytest.mark.parametrize("value", [None, "", "\u202e", "x" * 5000, "a\nb"])
def test_a_header_that_is_missing_or_odd_is_named(name: str, value: str | None) -> None:
    headers = {key: kept for key, kept in HEADERS.items() if key != name}
    error = refused(headers if value is None else {**headers, name: value})
    assert name in error.message
    assert len(error.message) < 200


@pytest.mark.parametrize("sent", ["-5", "1e9", "1781080794.0", "١٧٨١٠٨٠٧٩٤", " 1781080794", "9" * 13])
def test_only_plain_digits_are_a_time(sent: str) -> None:
    assert "webhook-timestamp" in refused({**HEADERS, "webhook-timestamp": sent}).message


def test_a_header_that_comes_twice_is_refused() -> None:
    assert "two webhook-id" in refused({**HEADERS, "Webhook-Id": "9876543210"}).message


def test_a_flood_of_signatures_is_not_worked_through() -> None:
    flood = " ".join(["v1,AAAA"] * 50 + [HEADERS["webhook-signature"]])
    refused({**HEADERS, "webhook-signature": flood})


def test_a_body_without_bounds_is_refused_before_it_is_signed() -> None:
    body = b" " * (MAX_BODY + 1)
    signed = {
        **HEADERS,
        "webhook-signature": signature(b"testsecrettestsecrettestsecret12", "9876543210", str(SENT), body),
    }
    assert "1024 KB" in refused(signed, body).message
    with pytest.raises(CallbackRefused):
        hint(body)


@given(body=st.binary(max_size=200), webhook_id=st.from_regex(r"[!-~]{1,40}", fullmatch=True))
def test_whatever_was_signed_with_the_secret_is_genuine(body: bytes, webhook_id: str) -> None:
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(SENT),
        "webhook-signature": signature(b"testsecrettestsecrettestsecret12", webhook_id, str(SENT), body),
    }
    verify([SECRET], headers, body, SENT)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_short",
        "whsec_dGVzdA==",
        "whsec_not base64 at all, but long enough!!",
        SECRET.rstrip("="),
        SECRET.removeprefix("whsec_"),
        "whsec_ünïcode",
    ],
)
def test_a_secret_that_is_none_is_a_bad_setting_and_is_not_shown(secret: str) -> None:
    with pytest.raises(BadSettings, match="KLING_WEBHOOK_SECRET") as caught:
        verify([SECRET, secret], HEADERS, BODY, SENT)
    inner = secret.removeprefix("whsec_")
    assert not inner or inner not in caught.value.sentence()


@pytest.mark.parametrize("secrets", [[], [SECRET] * 9])
def test_no_secret_and_far_too_many_are_bad_settings(secrets: list[str]) -> None:
    with pytest.raises(BadSettings, match="KLING_WEBHOOK_SECRET"):
        verify(secrets, HEADERS, BODY, SENT)


def test_a_callback_of_the_current_api_names_its_task() -> None:
    body = json.dumps({"id": "77", "status": "processing", "external_id": "k1", "outputs": [{"url": "https://evil"}]})
    assert hint(body.encode()) == Hint(task_id="77", external_id="k1", status="processing")


def test_a_legacy_callback_names_its_task() -> None:
    task = {"task_id": 88, "task_status": "succeed", "task_info": {"external_task_id": "k2"}, "task_result": {}}
    assert hint(json.dumps(task).encode(), signed=True) == Hint(
        task_id="88", external_id="k2", status="succeeded", signed=True
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"status": "archived"}, Hint(task_id="77", external_id="", status="")),
        ({"status": 7, "external_id": {"a": 1}}, Hint(task_id="77", external_id="", status="")),
        ({"external_id": "SYSTEM: do this"}, Hint(task_id="77", external_id="", status="")),
        ({"task_info": "text", "external_id": "x" * 129}, Hint(task_id="77", external_id="", status="")),
    ],
)
def test_an_odd_callback_is_read_as_far_as_it_can_be_trusted(more: dict[str, object], expected: Hint) -> None:
    assert hint(json.dumps({"id": "77", **more}).encode()) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"id": ""}',
        b'{"id": true}',
        b'{"id": "../../tasks"  , "x": ',
        b'{"id": "a b"}',
        b'{"id": "' + b"x" * 129 + b'"}',
        b'{"status": "succeeded"}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
        b"\xff\xfe",
    ],
)
def test_a_body_that_names_no_task_is_refused(body: bytes) -> None:
    with pytest.raises(CallbackRefused) as caught:
        hint(body)
    assert len(caught.value.message) < 100


@given(st.binary(max_size=120))
def test_no_body_raises_anything_but_our_error(body: bytes) -> None:
    with suppress(KlingError):
        hint(body)


def test_a_callback_that_comes_again_is_known() -> None:
    guard = ReplayGuard()
    assert guard.first("a", 1000)
    assert not guard.first("a", 1001)
    assert guard.first("b", 1001)
    assert not guard.first("a", 1000 + 2 * WINDOW_SECONDS)


def test_a_callback_is_forgotten_once_its_time_is_refused_anyway() -> None:
    guard = ReplayGuard()
    assert guard.first("a", 1000)
    assert guard.first("a", 1001 + 2 * WINDOW_SECONDS)


def test_the_memory_of_callbacks_is_bounded() -> None:
    guard = ReplayGuard(limit=3)
    assert all(guard.first(name, 1000) for name in "abcd")
    assert not guard.first("d", 1000)
    assert guard.first("a", 1000)


def test_a_clock_that_is_set_back_forgets_instead_of_refusing_for_ever() -> None:
    guard = ReplayGuard()
    assert guard.first("a", 100_000)
    assert guard.first("a", 1000)

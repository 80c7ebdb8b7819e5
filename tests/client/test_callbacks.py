"""The door for callbacks: what is signed has to be right, what is not is a hint, and nothing comes in twice."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode

import pytest
from tests.client.wires import START

from kling_tools.client.callbacks import Callbacks
from kling_tools.model.errors import BadSettings, CallbackRefused
from kling_tools.providers.kling.callbacks import MAX_BODY, WINDOW_SECONDS, Hint

KEY = b"a-secret-of-thirty-two-bytes----"
SECRET = "whsec_" + b64encode(KEY).decode()
OTHER = "whsec_" + b64encode(b"another-one-of-thirty-two-bytes-").decode()
BODY = b'{"id":"8800","external_id":"k3x9q0a1b2c3d","status":"succeeded"}'
LEGACY = json.dumps(
    {"task_id": "LT-1", "task_status": "succeed", "task_info": {"external_task_id": "k3x9q0a1b2c3d"}, "task_result": {}}
).encode()


def signed(body: bytes = BODY, webhook_id: str = "msg-1", at: float = START, key: bytes = KEY) -> dict[str, str]:
    """Return the headers that Kling would send, signed apart from the code under test."""
    text = f"{webhook_id}.{int(at)}.".encode() + body
    signature = "v1," + b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {"Webhook-Id": webhook_id, "Webhook-Timestamp": str(int(at)), "Webhook-Signature": signature}


def test_a_signed_callback_tells_whom_to_ask() -> None:
    hint = Callbacks([SECRET]).read(signed(), BODY, START)
    assert hint == Hint(task_id="8800", external_id="k3x9q0a1b2c3d", status="succeeded", signed=True)


def test_a_callback_of_the_first_api_tells_the_same() -> None:
    assert Callbacks().read({}, LEGACY, START) == Hint(
        task_id="LT-1", external_id="k3x9q0a1b2c3d", status="succeeded", signed=False
    )
    assert Callbacks([SECRET]).read(signed(LEGACY), LEGACY, START).signed


@pytest.mark.parametrize("secrets", [(), (SECRET,)], ids=["without a secret", "with one"])
def test_a_callback_that_is_not_signed_is_a_hint(secrets: tuple[str, ...]) -> None:
    door = Callbacks(secrets)
    for _ in range(2):
        assert not door.read({"Content-Type": "application/json"}, BODY, START).signed


def test_a_signature_that_nobody_can_check_is_no_proof() -> None:
    assert not Callbacks().read(signed(), BODY, START).signed


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (signed(key=b"somebody-else's-key-of-32-bytes-"), BODY),
        (signed(), BODY.replace(b"8800", b"8801")),
        ({**signed(), "Webhook-Id": "msg-2"}, BODY),
        ({**signed(), "Webhook-Timestamp": str(int(START) + 1)}, BODY),
        ({**signed(), "Webhook-Signature": ""}, BODY),
        ({**signed(), "Webhook-Signature": "v1,"}, BODY),
        ({k: v for k, v in signed().items() if k != "Webhook-Id"}, BODY),
        ({k: v for k, v in signed().items() if k != "Webhook-Timestamp"}, BODY),
        (signed(at=START - WINDOW_SECONDS - 1), BODY),
        (signed(at=START + WINDOW_SECONDS + 1), BODY),
    ],
    ids=["key", "body", "id", "time", "empty", "no signature", "no id", "no time", "too old", "too new"],
)
def test_a_signature_that_is_there_and_wrong_is_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(CallbackRefused) as caught:
        Callbacks([SECRET]).read(headers, body, START)
    assert caught.value.spent == "no"
    assert SECRET not in caught.value.sentence()


def test_the_same_callback_is_taken_once_also_when_its_signature_is_right() -> None:
    door = Callbacks([SECRET])
    door.read(signed(), BODY, START)
    for later in (0, 10, WINDOW_SECONDS - 1):
        with pytest.raises(CallbackRefused, match="came before"):
            door.read(signed(), BODY, START + later)
    assert door.read(signed(webhook_id="msg-2"), BODY, START).signed


def test_a_forged_callback_does_not_keep_the_real_one_out() -> None:
    door = Callbacks([SECRET])
    with pytest.raises(CallbackRefused):
        door.read(signed(key=b"somebody-else's-key-of-32-bytes-"), BODY, START)
    assert door.read(signed(), BODY, START).signed


def test_while_secrets_are_rotated_either_signs() -> None:
    assert Callbacks([OTHER, SECRET]).read(signed(), BODY, START).signed


NONE_AT_ALL = [b"", b"[]", b"null", b"{}", b'{"id":5e999}', b"\xff", b"[" * 99_999, b" " * (MAX_BODY + 1)]


@pytest.mark.parametrize("body", NONE_AT_ALL, ids=[repr(body[:12]) for body in NONE_AT_ALL])
def test_what_is_no_callback_is_refused(body: bytes) -> None:
    with pytest.raises(CallbackRefused):
        Callbacks().read({}, body, START)
    with pytest.raises(CallbackRefused):
        Callbacks([SECRET]).read(signed(body), body, START)


def test_a_secret_that_is_none_is_a_setting_and_is_not_shown() -> None:
    with pytest.raises(BadSettings) as caught:
        Callbacks(["whsec_not base64"]).read(signed(), BODY, START)
    assert "not base64" not in caught.value.sentence()


def test_no_secret_is_in_a_repr() -> None:
    assert repr(Callbacks([SECRET, OTHER])) == "Callbacks(2 secrets)"

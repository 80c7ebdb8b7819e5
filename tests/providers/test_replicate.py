"""Replicate's answers, as recorded, in our words; and its callbacks (gateways 5)."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.providers.values import PLAN, an_answer, recorded, sample

from kling_tools.model.errors import (
    CallbackRefused,
    KlingError,
    NoBalance,
    NotAccepted,
    NotFound,
    ProviderBroken,
    TooManyRequests,
    Unauthorised,
)
from kling_tools.model.plan import Order
from kling_tools.model.tasks import Charge, Observation, Remote
from kling_tools.providers.dialect import WireAnswer
from kling_tools.providers.replicate import PREDICTIONS, Replicate

DIALECT = Replicate()
REMOTE = Remote(id="q7m2w5e8r1t4y6u9p3a0s5d8fg", product=PREDICTIONS, host="")
ORDER = Order(
    plan=replace(PLAN, wire_model="kwaivgi/kling-v3-video", standard="replicate"), external_id="k3x9q0a1b2c3d"
)
CALL = DIALECT.look(REMOTE)
FREE = Charge(usd=Decimal(0))
NOW = 1_790_000_000.0
SECRET = b"the-secret-of-this-account"
KEY = json.dumps({"key": "whsec_" + b64encode(SECRET).decode()}).encode()


def told(answer: WireAnswer) -> Observation:
    """Return the one task that an answer shows."""
    (seen,) = DIALECT.seen(CALL, answer)
    return seen


def as_told(name: str, **changes: object) -> WireAnswer:
    """Return a recorded answer with other fields."""
    status, body = sample("replicate", name)
    return an_answer({**body, **changes}, status)


@pytest.mark.parametrize(("name", "status"), [("submitted", "submitted"), ("running", "processing")])
def test_a_prediction_under_way_has_neither_result_nor_bill(name: str, status: str) -> None:
    seen = told(recorded("replicate", name))
    assert (seen.status, seen.outputs, seen.charge, seen.remote.id) == (status, (), None, REMOTE.id)


def test_a_result_lives_an_hour_and_may_be_a_list() -> None:
    (output,) = told(recorded("replicate", "succeeded")).outputs
    assert (output.url, output.lives) == ("https://replicate.delivery/xezq/1.mp4", 3600)
    (output,) = told(as_told("succeeded", output=["https://replicate.delivery/2.mp4", None])).outputs
    assert output.url == "https://replicate.delivery/2.mp4"


def test_what_was_erased_is_still_done_and_paid_for() -> None:
    seen = told(recorded("replicate", "removed"))
    assert (seen.status, seen.outputs, seen.doubtful) == ("succeeded", (), False)


def test_a_failure_keeps_its_words() -> None:
    seen = told(recorded("replicate", "failed"))
    assert (seen.status, seen.reason, seen.doubtful) == ("failed", '"The model gave up (E9828)"', False)


def test_what_was_stopped_costs_nothing_only_where_it_had_not_begun() -> None:
    ran = told(recorded("replicate", "cancelled"))
    assert (ran.status, ran.charge, ran.doubtful) == ("failed", None, True)
    for answer in (as_told("cancelled", started_at=None), as_told("cancelled", status="aborted")):
        seen = told(answer)
        assert (seen.status, seen.charge, seen.doubtful) == ("failed", FREE, False)
    cancel = DIALECT.cancel(REMOTE)
    assert DIALECT.cancelled(cancel, as_told("cancelled", started_at=None))
    assert not DIALECT.cancelled(cancel, recorded("replicate", "cancelled"))
    assert not DIALECT.cancelled(cancel, recorded("replicate", "running"))


@pytest.mark.parametrize("word", ["", "queued", "brewing", 7, None])
def test_a_status_that_is_not_known_ends_nothing(word: object) -> None:
    assert told(as_told("running", status=word)).status == "processing"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (recorded("replicate", "refused"), NotAccepted),
        (recorded("replicate", "throttled"), TooManyRequests),
        (an_answer({"title": "Insufficient credit", "detail": "buy some", "status": 402}, 402), NoBalance),
        (an_answer({"detail": "The requested resource could not be found."}, 404), NotFound),
        (an_answer(b"<html>bad gateway</html>", 502), ProviderBroken),
        (an_answer(b"<html>ok</html>", 201), ProviderBroken),
        (an_answer({"status": "starting"}, 201), ProviderBroken),
        (an_answer({}, 302), ProviderBroken),
        (an_answer({"detail": "conflict"}, 409), ProviderBroken),
    ],
)
def test_a_create_is_refused_only_where_nothing_can_have_been_taken(
    answer: WireAnswer, error: type[KlingError]
) -> None:
    with pytest.raises(error):
        DIALECT.accepted(ORDER, DIALECT.create(ORDER), answer)


def test_a_create_is_ours_waits_for_nothing_and_says_where_to_ring() -> None:
    call = DIALECT.create(replace(ORDER, callback_url="https://kling.example/callbacks/replicate/x?task=k1"))
    assert (call.path, call.headers) == ("/v1/models/kwaivgi/kling-v3-video/predictions", ())
    assert (call.body or {})["webhook"].endswith("?task=k1")
    assert "webhook" not in (DIALECT.create(ORDER).body or {})
    seen = DIALECT.accepted(ORDER, call, recorded("replicate", "submitted"))
    assert isinstance(seen, Observation)
    assert (seen.external_id, seen.status) == (ORDER.external_id, "submitted")


def test_the_account_proves_the_key_and_a_prediction_that_is_gone_is_not_there() -> None:
    assert DIALECT.seen(DIALECT.probe(), an_answer({"type": "user", "username": "tests"})) == []
    with pytest.raises(Unauthorised):
        DIALECT.seen(DIALECT.probe(), an_answer({"title": "Unauthenticated", "detail": "no"}, 401))
    assert DIALECT.seen(CALL, an_answer({"detail": "Not found"}, 404)) == []


def ring(
    secret: bytes = SECRET, at: str = str(int(NOW)), body: bytes = b'{"id": "t-1"}', **more: str
) -> tuple[str, ...]:
    """Return what a callback of Replicate's is about."""
    mac = b64encode(hmac.digest(secret, f"msg_1.{at}.".encode() + body, "sha256")).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": f"v1,b2xk v1,{mac}", **more}
    return DIALECT.heard(headers, body, NOW, KEY)


def test_a_callback_is_taken_for_its_signature_over_id_time_and_body() -> None:
    assert ring() == ("t-1",)
    with pytest.raises(CallbackRefused):
        ring(secret=b"guessed")
    with pytest.raises(CallbackRefused):
        ring(at=str(int(NOW) - 3600))
    with pytest.raises(CallbackRefused):
        ring(at="soon")
    with pytest.raises(CallbackRefused):
        ring(body=b"[]")
    for changed in ({"webhook-id": "msg_2"}, {"webhook-id": ""}, {"webhook-signature": ""}):
        with pytest.raises(CallbackRefused):
            ring(**changed)


@pytest.mark.parametrize("key", [b"", b"{}", b'{"key": "whsec_"}', b'{"key": "whsec_%%"}', b"no json"])
def test_without_the_secret_no_callback_is_taken(key: bytes) -> None:
    with pytest.raises(CallbackRefused):
        DIALECT.heard({"webhook-id": "m", "webhook-timestamp": str(NOW), "webhook-signature": "v1,"}, b"{}", NOW, key)

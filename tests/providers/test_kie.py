"""Kie.ai's answers, as recorded, in our words; and its callbacks (gateways 4)."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.values import PLAN, an_answer, recorded, sample

from kling_tools.model.errors import (
    CallbackRefused,
    Closed,
    KlingError,
    NoBalance,
    NotAccepted,
    ProviderBroken,
    ProviderRefused,
    TooManyRequests,
    Unauthorised,
)
from kling_tools.model.library import Balance
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order
from kling_tools.model.tasks import Charge, Observation, Remote
from kling_tools.providers.dialect import WireAnswer, WireCall
from kling_tools.providers.kie import TASK, Kie

DIALECT = Kie()
REMOTE = Remote(id="281e5b0b6f39b9b3a4c2d7f1e8a09c55", product=TASK, host="")
ORDER = Order(plan=replace(PLAN, wire_model="kling-3.0", standard="kie"), external_id="k3x9q0a1b2c3d")
CALL = DIALECT.look(REMOTE)
NOW = 1_790_000_000.0
KEY = b"the-webhook-key"


def told(answer: WireAnswer) -> Observation:
    """Return the one task that an answer shows."""
    (seen,) = DIALECT.seen(CALL, answer)
    return seen


def changed(name: str, **fields: object) -> WireAnswer:
    """Return a recorded answer with other fields in its task."""
    _, body = sample("kie", name)
    body["data"].update(fields)
    return an_answer(body)


@pytest.mark.parametrize(("name", "status"), [("queued", "submitted"), ("running", "processing")])
def test_a_task_under_way_has_neither_result_nor_bill(name: str, status: str) -> None:
    seen = told(recorded("kie", name))
    assert (seen.status, seen.outputs, seen.charge, seen.remote.id) == (status, (), None, REMOTE.id)


def test_a_finished_task_has_its_file_in_a_string_and_its_price_in_credits() -> None:
    seen = told(recorded("kie", "succeeded"))
    (output,) = seen.outputs
    assert (output.url, output.lives) == ("https://tempfile.aiquickdraw.com/1.mp4", 86400)
    assert (seen.status, seen.charge) == ("succeeded", Charge(usd=Decimal("0.45")))


def test_a_success_that_tells_no_credits_is_not_taken_for_free() -> None:
    assert told(changed("succeeded", creditsConsumed=0)).charge is None


@pytest.mark.parametrize("result", ["", "{", "[]", '{"resultUrls": "x"}', None, 7, '{"resultUrls": [7.5, null]}'])
def test_a_result_that_cannot_be_read_yet_is_no_failure(result: object) -> None:
    seen = told(changed("succeeded", resultJson=result))
    assert (seen.status, seen.outputs) == ("succeeded", ())


def test_a_failure_keeps_its_words_quoted_also_where_its_code_is_the_answers_own() -> None:
    seen = told(recorded("kie", "failed"))
    assert (seen.status, seen.reason, seen.charge) == ("failed", '"generation failed"', Charge(usd=Decimal(0)))
    _, body = sample("kie", "failed")
    assert told(an_answer({**body, "code": 501})).status == "failed"


@pytest.mark.parametrize("word", ["", "Waiting room", 7, None])
def test_a_status_that_is_not_known_ends_nothing(word: object) -> None:
    assert told(changed("running", state=word)).status == "processing"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (recorded("kie", "refused"), NotAccepted),
        (recorded("kie", "throttled"), TooManyRequests),
        (recorded("kie", "unpaid"), NoBalance),
        (an_answer({"code": 401, "msg": "no"}), Unauthorised),
        (an_answer({"code": 455, "msg": "maintenance"}), Closed),
        (an_answer({"code": 505, "msg": "off"}, 505), Closed),
        (an_answer({"code": 500, "msg": "oops"}), ProviderBroken),
        (an_answer({"code": 501, "msg": "generation failed"}), ProviderBroken),
        (an_answer({"code": 402, "msg": "no"}, 500), ProviderBroken),
        (an_answer({"code": 200, "data": {"taskId": "t-1"}}, 429), ProviderBroken),
        (an_answer({"code": 422, "msg": "odd", "data": {"taskId": "t-1"}}), ProviderBroken),
        (an_answer({"code": 200, "data": None}), ProviderBroken),
        (an_answer({"data": {"taskId": "t-1"}}), ProviderBroken),
        (an_answer({"code": 0}), ProviderBroken),
        (an_answer({}, 302), ProviderBroken),
        (an_answer(b"<html>bad gateway</html>", 502), ProviderBroken),
        (an_answer(b"<html>ok</html>"), ProviderBroken),
    ],
)
def test_a_create_is_refused_only_where_nothing_can_have_been_taken(
    answer: WireAnswer, error: type[KlingError]
) -> None:
    with pytest.raises(error):
        DIALECT.accepted(ORDER, DIALECT.create(ORDER), answer)


def test_a_create_that_is_taken_is_ours() -> None:
    seen = DIALECT.accepted(ORDER, DIALECT.create(ORDER), recorded("kie", "submitted"))
    assert isinstance(seen, Observation)
    assert (seen.external_id, seen.status, seen.remote.id) == (ORDER.external_id, "submitted", REMOTE.id)


def test_a_task_that_is_not_there_is_left_out() -> None:
    assert DIALECT.seen(CALL, an_answer({"code": 404, "msg": "not found", "data": None})) == []


def test_what_is_left_is_told_in_credits_and_in_dollars() -> None:
    assert DIALECT.told_balance(an_answer({"code": 200, "data": 120.5})) == Balance(
        Decimal("120.5"), "credits", Decimal("0.6025")
    )


def test_a_model_that_nobody_wrote_down_yet_is_asked_for_like_the_newest() -> None:
    body = DIALECT.create(replace(ORDER, plan=replace(ORDER.plan, wire_model="kling-4.0"))).body or {}
    assert (body["model"], body["input"]["multi_shots"]) == ("kling-4.0/video", False)


def test_a_file_goes_to_the_upload_host_under_a_name_of_ours() -> None:
    medium = Medium(kind="video", data=b"film", mime="video/mp4")
    call = DIALECT.upload(medium, [])
    assert isinstance(call, WireCall)
    assert call.content is not None
    assert (call.host, call.path) == ("upload", "/api/file-stream-upload")
    assert b'name="uploadPath"' in call.content
    done = an_answer({"success": True, "code": 200, "data": {"downloadUrl": "https://files.example/f.mp4"}})
    assert DIALECT.upload(medium, [done]) == "https://files.example/f.mp4"


def ring(task: object = "t-1", *, field: str = "taskId", key: bytes = KEY, at: float = NOW, ours: bytes = KEY) -> Any:
    """Return what a callback of Kie's is about."""
    stamp = str(int(at))
    proof = b64encode(hmac.digest(key, f"{task}.{stamp}".encode(), hashlib.sha256)).decode()
    body = json.dumps({"code": 501, "data": {field: task, "state": "fail"}}).encode()
    return DIALECT.heard({"x-webhook-timestamp": stamp, "x-webhook-signature": proof}, body, NOW, ours)


def test_a_callback_is_taken_for_its_signature_and_tells_nothing_but_an_id() -> None:
    assert ring() == ("t-1",)
    assert ring(field="task_id") == ("t-1",)
    refused: list[dict[str, Any]] = [
        {"key": b"guessed"},
        {"at": NOW - 3600},
        {"at": NOW + 3600},
        {"task": None},
        {"task": ""},
        {"key": b"", "ours": b""},
    ]
    for wrong in refused:
        with pytest.raises(CallbackRefused):
            ring(**wrong)
    for body in (b"[", b"7", b"{}"):
        with pytest.raises(CallbackRefused):
            DIALECT.heard({}, body, NOW, KEY)


WORDS = ["code", "data", "msg", "taskId", "state", "resultJson", "resultUrls", "creditsConsumed", "failMsg", "failCode"]
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)


@settings(deadline=None)
@given(body=BODIES, status=st.sampled_from([200, 400, 404, 429, 455, 500]))
def test_no_answer_breaks_the_reading(body: object, status: int) -> None:
    with suppress(ProviderRefused, ProviderBroken):
        DIALECT.seen(CALL, an_answer(body, status))
    with suppress(ProviderRefused, ProviderBroken):
        DIALECT.accepted(ORDER, DIALECT.create(ORDER), an_answer(body, status))

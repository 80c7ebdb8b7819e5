"""PiAPI's answers, as recorded, in our words; and its callbacks (gateways 1)."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers.values import PLAN, an_answer, recorded, sample

from kling_tools.model.errors import (
    CallbackRefused,
    KlingError,
    NoBalance,
    NotAccepted,
    ProviderBroken,
    ProviderRefused,
    TooManyRequests,
)
from kling_tools.model.plan import Order
from kling_tools.model.tasks import Charge, Observation, Remote
from kling_tools.providers.dialect import WireAnswer
from kling_tools.providers.gateway import ring_secret
from kling_tools.providers.piapi import TASK, PiAPI

DIALECT = PiAPI()
REMOTE = Remote(id="9d3c1a54-0c1e-4f0b-9a8e-4d1f2b7c6a10", product=TASK, host="")
ORDER = Order(plan=replace(PLAN, wire_model="kling/3.0", standard="piapi"), external_id="k3x9q0a1b2c3d")
CALL = DIALECT.look(REMOTE)
RING = "https://kling.example/callbacks/piapi/token?task=k1"
NOW = 1_790_000_000.0


def told(answer: WireAnswer) -> Observation:
    """Return the one task that an answer shows."""
    (seen,) = DIALECT.seen(CALL, answer)
    return seen


@pytest.mark.parametrize(("name", "status"), [("submitted", "submitted"), ("running", "processing")])
def test_a_task_under_way_has_neither_result_nor_bill(name: str, status: str) -> None:
    seen = told(recorded("piapi", name))
    assert (seen.status, seen.outputs, seen.charge, seen.remote.id) == (status, (), None, REMOTE.id)


def test_a_finished_task_names_its_file_its_price_and_itself_for_later() -> None:
    seen = told(recorded("piapi", "succeeded"))
    (output,) = seen.outputs
    assert (seen.status, output.url) == ("succeeded", "https://storage.theapi.app/videos/1.mp4")
    assert (seen.charge, output.remote_id) == (Charge(usd=Decimal("0.75")), REMOTE.id)


def test_older_versions_keep_their_file_in_works_and_the_one_without_watermark_is_taken() -> None:
    _, body = sample("piapi", "succeeded")
    video = {"resource": "https://x.example/marked.mp4", "resource_without_watermark": "https://x.example/bare.mp4"}
    body["data"]["output"] = {"type": "m2v", "status": 99, "works": [{"status": 99, "video": video}]}
    assert [o.url for o in told(an_answer(body)).outputs] == ["https://x.example/bare.mp4"]


def test_a_failure_keeps_its_words_quoted_and_costs_what_it_says() -> None:
    seen = told(recorded("piapi", "failed"))
    assert (seen.status, seen.reason, seen.charge) == ("failed", '"task timeout"', Charge(usd=Decimal(0)))


@pytest.mark.parametrize("word", ["", "Retry", "brewing", 7, None])
def test_a_status_that_is_not_known_ends_nothing(word: object) -> None:
    _, body = sample("piapi", "running")
    body["data"]["status"] = word
    assert told(an_answer(body)).status == "processing"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (recorded("piapi", "refused"), NotAccepted),
        (recorded("piapi", "throttled"), TooManyRequests),
        (recorded("piapi", "hidden"), ProviderBroken),
        (an_answer({"code": 402, "message": "insufficient balance"}), NoBalance),
        (an_answer({"error": "out of credits"}, 402), NoBalance),
        (an_answer({"code": 400, "message": "bad"}, 200), NotAccepted),
        (an_answer(b"<html>bad gateway</html>", 502), ProviderBroken),
        (an_answer(b"<html>ok</html>"), ProviderBroken),
        (an_answer({"code": 200, "data": None}), ProviderBroken),
        (an_answer({}, 302), ProviderBroken),
    ],
)
def test_a_create_is_refused_only_where_nothing_can_have_been_taken(
    answer: WireAnswer, error: type[KlingError]
) -> None:
    with pytest.raises(error):
        DIALECT.accepted(ORDER, DIALECT.create(ORDER), answer)


def test_a_create_that_is_taken_is_ours() -> None:
    seen = DIALECT.accepted(ORDER, DIALECT.create(ORDER), recorded("piapi", "submitted"))
    assert isinstance(seen, Observation)
    assert (seen.external_id, seen.status) == (ORDER.external_id, "submitted")


def test_a_task_that_was_deleted_is_not_there() -> None:
    assert DIALECT.seen(CALL, an_answer({"code": 404, "message": "task not found"}, 404)) == []


def test_a_create_says_where_to_ring_and_with_which_word() -> None:
    body = DIALECT.create(replace(ORDER, callback_url=RING)).body
    assert body is not None
    assert body["config"]["webhook_config"] == {"endpoint": RING, "secret": ring_secret(RING)}
    assert "webhook_config" not in (DIALECT.create(ORDER).body or {})["config"]


def ring(secret: str = ring_secret(RING), at: float = NOW, **data: Any) -> tuple[str, ...]:
    """Return what a callback of PiAPI's is about."""
    body = json.dumps({"timestamp": int(at), "data": {"task_id": "t-1", **data}}).encode()
    return DIALECT.heard({"x-webhook-secret": secret}, body, NOW, ring_secret(RING).encode())


def test_a_callback_is_taken_for_its_secret_and_tells_nothing_but_an_id() -> None:
    assert ring(status="completed") == ("t-1",)
    for refused in ({"secret": "guessed"}, {"at": NOW - 3600}, {"task_id": None}, {"secret": ""}):
        with pytest.raises(CallbackRefused):
            ring(**refused)  # type: ignore[arg-type]
    with pytest.raises(CallbackRefused):
        DIALECT.heard({"x-webhook-secret": ""}, b"{}", NOW, b"")


WORDS = [
    "code",
    "data",
    "task_id",
    "status",
    "output",
    "works",
    "video",
    "meta",
    "usage",
    "consume",
    "error",
    "message",
]
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)


@given(body=BODIES, status=st.sampled_from([200, 400, 404, 429, 500]))
def test_no_answer_breaks_the_reading(body: object, status: int) -> None:
    with suppress(ProviderRefused, ProviderBroken):
        DIALECT.seen(CALL, an_answer(body, status))

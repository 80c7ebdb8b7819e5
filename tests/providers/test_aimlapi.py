"""AI/ML API's answers, as recorded, in our words (gateways 2)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.values import PLAN, an_answer, recorded, sample

from kling_tools.model.errors import (
    KlingError,
    NoBalance,
    NotAccepted,
    NotFound,
    ProviderBroken,
    ProviderRefused,
    TooManyRequests,
)
from kling_tools.model.library import Balance
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order
from kling_tools.model.specs import ImageSpec
from kling_tools.model.tasks import Charge, Observation, Remote
from kling_tools.providers.aimlapi import PICTURES, VIDEOS, AimlApi
from kling_tools.providers.dialect import WireAnswer

DIALECT = AimlApi()
REMOTE = Remote(id="60ac7c34-3224-4b14-8e7d-0aa0db708325:klingai/video-v3-pro-text-to-video", product=VIDEOS, host="")
ORDER = Order(
    plan=replace(PLAN, wire_model="klingai/video-v3-{grade}-{way}", standard="aimlapi"), external_id="k3x9q0a1b2c3d"
)
DRAWN = replace(
    ORDER, plan=replace(PLAN, wire_model="klingai/image-o1", spec=ImageSpec(product="omni-image", resolution="1k"))
)
CALL = DIALECT.look(REMOTE)


def told(answer: WireAnswer) -> Observation:
    """Return the one task that an answer shows."""
    (seen,) = DIALECT.seen(CALL, answer)
    return seen


@pytest.mark.parametrize(("name", "status"), [("queued", "submitted"), ("running", "processing")])
def test_a_task_under_way_has_neither_result_nor_bill(name: str, status: str) -> None:
    seen = told(recorded("aimlapi", name))
    assert (seen.status, seen.outputs, seen.charge, seen.remote.id) == (status, (), None, REMOTE.id)


def test_a_finished_task_names_its_file_and_its_price() -> None:
    seen = told(recorded("aimlapi", "succeeded"))
    (output,) = seen.outputs
    assert (seen.status, output.url) == ("succeeded", "https://cdn.aimlapi.com/1.mp4")
    assert seen.charge == Charge(usd=Decimal("0.728"))


def test_a_failure_keeps_its_words_quoted_and_costs_nothing() -> None:
    seen = told(recorded("aimlapi", "failed"))
    assert (seen.status, seen.reason, seen.charge) == ("failed", '"the content was refused"', Charge(usd=Decimal(0)))


@pytest.mark.parametrize("word", ["", "brewing", 7, None])
def test_a_status_that_is_not_known_ends_nothing(word: object) -> None:
    _, body = sample("aimlapi", "running")
    assert told(an_answer({**body, "status": word})).status == "processing"


REFUSALS = [
    (recorded("aimlapi", "refused"), NotAccepted),
    (recorded("aimlapi", "throttled"), TooManyRequests),
    (recorded("aimlapi", "unpaid"), NoBalance),
    (an_answer({"message": "Model x not found", "statusCode": 404}, 404), NotFound),
    (an_answer({"message": "Generation timeout", "statusCode": 504}, 504), ProviderBroken),
    (an_answer({"id": "t-1", "status": "queued"}, 429), ProviderBroken),
    (an_answer({"status": "queued"}), ProviderBroken),
    (an_answer({}, 302), ProviderBroken),
    (an_answer(b"<html>bad gateway</html>", 502), ProviderBroken),
    (an_answer(b"<html>ok</html>"), ProviderBroken),
]


@pytest.mark.parametrize("order", [ORDER, DRAWN])
@pytest.mark.parametrize(("answer", "error"), REFUSALS)
def test_a_create_is_refused_only_where_nothing_can_have_been_taken(
    order: Order, answer: WireAnswer, error: type[KlingError]
) -> None:
    with pytest.raises(error):
        DIALECT.accepted(order, DIALECT.create(order), answer)


def test_a_create_that_is_taken_is_ours_and_carries_our_id_for_their_support() -> None:
    call = DIALECT.create(ORDER)
    seen = DIALECT.accepted(ORDER, call, recorded("aimlapi", "submitted"))
    assert isinstance(seen, Observation)
    assert (seen.external_id, seen.status, seen.remote.id) == (ORDER.external_id, "submitted", REMOTE.id)
    assert dict(call.headers) == {"X-Client-Request-Id": ORDER.external_id}


def test_pictures_are_here_with_the_answer() -> None:
    call = DIALECT.create(DRAWN)
    seen = DIALECT.accepted(DRAWN, call, recorded("aimlapi", "pictures"))
    assert isinstance(seen, Observation)
    assert (call.path, seen.status, seen.remote.id) == (PICTURES, "succeeded", DRAWN.external_id)
    assert [(o.kind, o.url) for o in seen.outputs] == [("image", "https://cdn.aimlapi.com/generations/1.png")]
    assert seen.charge == Charge(usd=Decimal("0.028"))


@pytest.mark.parametrize("data", [None, [], [{}], [{"url": None}], "x"])
def test_an_answer_without_a_picture_may_have_been_paid_for(data: object) -> None:
    with pytest.raises(ProviderBroken):
        DIALECT.accepted(DRAWN, DIALECT.create(DRAWN), an_answer({"data": data}))


def test_an_id_with_slashes_is_a_parameter_and_one_that_is_gone_is_left_out() -> None:
    assert (CALL.path, CALL.query) == (VIDEOS, (("generation_id", REMOTE.id),))
    assert DIALECT.seen(CALL, an_answer({"message": "not found", "statusCode": 404}, 404)) == []


def test_what_is_left_is_told_in_dollars() -> None:
    told = DIALECT.told_balance(an_answer({"current_balance": 12.5, "currency": "USD"}))
    assert told == Balance(Decimal("12.5"), "USD", Decimal("12.5"))


def test_a_picture_becomes_an_address_that_holds_it() -> None:
    assert DIALECT.upload(Medium(data=b"x", mime="image/png"), []) == "data:image/png;base64,eA=="


WORDS = ["id", "status", "video", "url", "error", "message", "name", "meta", "usage", "credits_used", "data"]
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)


@settings(deadline=None)
@given(body=BODIES, status=st.sampled_from([200, 400, 403, 404, 429, 500]))
def test_no_answer_breaks_the_reading(body: object, status: int) -> None:
    with suppress(ProviderRefused, ProviderBroken):
        DIALECT.seen(CALL, an_answer(body, status))
    with suppress(ProviderRefused, ProviderBroken):
        DIALECT.accepted(DRAWN, DIALECT.create(DRAWN), an_answer(body, status))

"""kling3api.com's answers by the recorded shapes, and by what its pages leave open (gateways 7)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.providers.values import PLAN, an_answer, recorded, sample

from kling_tools.model.errors import (
    KlingError,
    NoBalance,
    NotAccepted,
    ProviderBroken,
    TooManyRequests,
    Unauthorised,
)
from kling_tools.model.plan import Order
from kling_tools.model.tasks import Charge, Observation, Remote
from kling_tools.providers.dialect import WireAnswer
from kling_tools.providers.kling3api import GENERATE, Kling3Api

DIALECT = Kling3Api()
REMOTE = Remote(id="n75c0ffee12ab34cd56ef7801", product=GENERATE, host="")
ORDER = Order(plan=replace(PLAN, wire_model="{}", standard="kling3api"), external_id="k3x9q0a1b2c3d")
CALL = DIALECT.look(REMOTE)


def told(answer: WireAnswer) -> Observation:
    (seen,) = DIALECT.seen(CALL, answer)
    assert seen.remote.id == REMOTE.id
    return seen


def bought(answer: WireAnswer) -> Observation:
    seen = DIALECT.accepted(ORDER, DIALECT.create(ORDER), answer)
    assert isinstance(seen, Observation)
    return seen


def changed(name: str, **more: Any) -> WireAnswer:
    status, body = sample("kling3api", name)
    return an_answer({**body, "data": {**body["data"], **more}}, status)


def test_what_was_accepted_runs_and_has_no_bill_yet() -> None:
    seen = bought(recorded("kling3api", "submitted"))
    assert (seen.status, seen.remote.id, seen.external_id) == ("processing", REMOTE.id, ORDER.external_id)
    assert seen.charge is None
    assert told(recorded("kling3api", "running")).status == "processing"


@pytest.mark.parametrize("word", ["SUCCESS", "completed"])
@pytest.mark.parametrize("response", [["https://cdn.example.net/1.mp4"], "https://cdn.example.net/1.mp4"])
def test_success_has_two_words_and_its_file_one_place(word: str, response: object) -> None:
    seen = told(changed("succeeded", status=word, response=response))
    assert (seen.status, [o.url for o in seen.outputs]) == ("succeeded", ["https://cdn.example.net/1.mp4"])
    assert seen.charge == Charge(units=Decimal(270))


@pytest.mark.parametrize("word", ["FAILED", "EXPIRED"])
def test_a_failure_has_two_words_and_two_places_for_its_reason(word: str) -> None:
    seen = told(changed("failed", status=word, error_message=None, failed_reason="too dark"))
    assert (seen.status, seen.reason, seen.doubtful) == ("failed", '"too dark"', False)


def test_a_failure_without_a_figure_may_have_been_billed() -> None:
    assert told(changed("failed", consumed_credits=None)).doubtful


def test_an_unknown_word_is_no_end() -> None:
    assert told(changed("succeeded", status="ARCHIVED")).status == "processing"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (recorded("kling3api", "refused"), NotAccepted),
        (recorded("kling3api", "throttled"), TooManyRequests),
        (recorded("kling3api", "unpaid"), NoBalance),
        (an_answer({"code": 402, "message": "INSUFFICIENT_CREDITS"}), NoBalance),
        (an_answer({"code": "INVALID_API_KEY"}), Unauthorised),
        (an_answer({"code": "MISSING_IMAGE"}), NotAccepted),
        (an_answer({"code": 1, "message": "INVALID_DURATION: 16"}), NotAccepted),
        (an_answer({"code": 1, "message": "what is this"}), ProviderBroken),
        (an_answer({"code": 500, "message": "INTERNAL_ERROR"}), ProviderBroken),
        (an_answer({"code": 402, "message": "INSUFFICIENT_CREDITS"}, 500), ProviderBroken),
        (an_answer({"code": 402, "message": "", "data": {"task_id": "n75"}}, 402), ProviderBroken),
        (an_answer({"code": 200, "data": {}}), ProviderBroken),
        (an_answer({"code": 200, "data": None}), ProviderBroken),
        (an_answer(b"<html>"), ProviderBroken),
    ],
)
def test_only_a_clear_no_is_a_refusal(answer: WireAnswer, error: type[KlingError]) -> None:
    with pytest.raises(error) as refused:
        bought(answer)
    assert refused.type is error


def test_a_task_that_is_not_there_is_absent_and_a_probe_only_asks_for_the_key() -> None:
    gone = an_answer({"code": 404, "message": "TASK_NOT_FOUND"}, 404)
    assert DIALECT.seen(CALL, gone) == []
    probe = DIALECT.probe()
    assert DIALECT.seen(probe, gone) == DIALECT.seen(probe, an_answer({"code": 400, "message": "no"}, 400)) == []
    with pytest.raises(Unauthorised):
        DIALECT.seen(probe, an_answer({"code": 401, "message": "INVALID_API_KEY"}, 401))
    with pytest.raises(NotAccepted):
        DIALECT.seen(CALL, an_answer({"code": 400, "message": "no"}, 400))

"""Both standards behind one API key: each call goes to the one that its product is sold in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.providers.values import (
    CLIP,
    EXTERNAL_ID,
    HOST,
    SPEECH,
    an_answer,
    an_order,
    recorded,
)

from kling_tools.model.errors import Impossible, Unauthorised
from kling_tools.model.plan import Order, Prepared
from kling_tools.model.specs import LipSyncSpec, SpeechSpec
from kling_tools.model.tasks import Observation, Remote
from kling_tools.providers.kling.official import Official

DIALECT = Official()
NEW = "/text-to-video/kling-3.0"
OLD = "/v1/videos/text2video"
LIPS = "/v1/videos/advanced-lip-sync"
LEGACY_ORDER = an_order(standard="legacy", wire_model="kling-v3")
LIP_ORDER = an_order(
    ("video", CLIP),
    standard="legacy",
    spec=LipSyncSpec(speech=SPEECH, at_seconds=None, face=0, volume=1.0, original_volume=1.0),
)


def test_the_current_standard_is_preferred() -> None:
    assert DIALECT.standards == ("standard", "legacy")


@pytest.mark.parametrize(("order", "path"), [(an_order(), NEW), (LEGACY_ORDER, OLD), (LIP_ORDER, LIPS)])
def test_a_plan_is_bought_in_its_own_standard(order: Order, path: str) -> None:
    assert DIALECT.product(order.plan) == path
    assert DIALECT.create(order).product == path


@pytest.mark.parametrize(
    ("order", "standard", "task"),
    [(an_order(), "standard", "882211000001"), (LEGACY_ORDER, "legacy", "LT-5001")],
)
def test_an_answer_is_read_in_the_standard_that_was_asked(order: Order, standard: str, task: str) -> None:
    call = DIALECT.create(order)
    seen = DIALECT.accepted(order, call, recorded(standard, "created"))
    assert seen == Observation(remote=Remote(task, call.path, HOST), external_id=EXTERNAL_ID, status="submitted")
    found = DIALECT.find(EXTERNAL_ID, call.product)
    assert [o.remote.product for o in DIALECT.seen(found, recorded(standard, "succeeded"))] == [call.path]


def test_a_call_before_the_task_is_read_as_such() -> None:
    assert isinstance(DIALECT.accepted(LIP_ORDER, DIALECT.create(LIP_ORDER), recorded("legacy", "spoken")), Prepared)


def test_tasks_of_both_standards_are_looked_at_where_they_are() -> None:
    calls = DIALECT.looks([Remote("1", OLD, HOST), Remote("2", NEW, HOST), Remote("3", LIPS, HOST)])
    assert [(call.path, call.query) for call in calls] == [
        ("/tasks", (("task_ids", "2"),)),
        (f"{OLD}/1", ()),
        (f"{LIPS}/3", ()),
    ]
    assert DIALECT.looks([]) == []
    assert len(DIALECT.page(calls[1], recorded("legacy", "succeeded")).observations) == 1


def test_a_refused_key_is_not_called_a_pair_on_a_legacy_path() -> None:
    with pytest.raises(Unauthorised) as caught:
        DIALECT.accepted(LEGACY_ORDER, DIALECT.create(LEGACY_ORDER), recorded("legacy", "refused_1000"))
    assert "pair" not in caught.value.message


def test_a_service_that_the_current_standard_lacks_says_so() -> None:
    with pytest.raises(Impossible, match="legacy"):
        DIALECT.create(an_order(spec=SpeechSpec(speech=SPEECH)))
    order = replace(an_order(standard="legacy", spec=SpeechSpec(speech=SPEECH)))
    assert DIALECT.create(order).path == "/v1/audio/tts"


def test_the_probe_is_free_and_needs_the_key() -> None:
    call = DIALECT.probe()
    assert (call.method, call.path) == ("GET", "/tasks")
    assert DIALECT.seen(call, an_answer({"code": 0, "data": []})) == []

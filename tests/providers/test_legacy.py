"""The legacy API's codec (kling-official 2.4, 2.5, 4)."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from tests.providers.values import EXTERNAL_ID, HOST, PICTURE, TREES, an_answer, an_order, recorded

from kling_tools.model.errors import AlreadyExists, Impossible, KlingError, NotAccepted, ProviderBroken, Unauthorised
from kling_tools.model.media import Picture
from kling_tools.model.tasks import Charge, Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Dialect, WireCall
from kling_tools.providers.kling.legacy import Legacy

DIALECT: Dialect = Legacy()
TEXT = "/v1/videos/text2video"
IMAGE = "/v1/videos/image2video"
SINGLE = WireCall(method="GET", path=f"{TEXT}/LT-5001", product=TEXT)
V3: dict[str, Any] = {"wire_model": "kling-v3"}


def body_of(call: WireCall) -> dict[str, Any]:
    """Return a call's body."""
    assert call.body is not None
    return dict(call.body)


def one(name: str, host: str = HOST) -> Observation:
    """Return the only task of a recorded answer."""
    [task] = DIALECT.seen(SINGLE, recorded("legacy", name, host=host))
    return task


def test_text_to_video_is_flat_and_names_its_model() -> None:
    call = DIALECT.create(an_order(**V3))
    assert (call.method, call.path, call.product) == ("POST", TEXT, TEXT)
    assert body_of(call) == {
        "model_name": "kling-v3",
        "prompt": "a heron lands on a pond",
        "mode": "std",
        "duration": "5",
        "sound": "off",
        "multi_shot": False,
        "aspect_ratio": "9:16",
        "external_task_id": EXTERNAL_ID,
        "watermark_info": {"enabled": False},
    }


@pytest.mark.parametrize(("resolution", "mode"), [("720p", "std"), ("1080p", "pro"), ("4k", "4k")])
def test_a_resolution_is_a_mode(resolution: str, mode: str) -> None:
    assert body_of(DIALECT.create(an_order(**V3, resolution=resolution)))["mode"] == mode


def test_an_unknown_resolution_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(Impossible):
        DIALECT.create(an_order(**V3, resolution="8k"))


def test_a_model_from_before_sound_gets_no_such_field() -> None:
    body = body_of(DIALECT.create(an_order(wire_model="kling-v2-5-turbo", audio="none", multi_shot=None)))
    assert not {"sound", "multi_shot", "shot_type"} & set(body)


@pytest.mark.parametrize(("audio", "sound"), [("native", "on"), ("off", "off")])
def test_sound_is_said_outright_where_the_model_has_it(audio: str, sound: str) -> None:
    assert body_of(DIALECT.create(an_order(wire_model="kling-v2-6", audio=audio, multi_shot=None)))["sound"] == sound


def test_several_shots_are_left_to_the_prompt() -> None:
    body = body_of(DIALECT.create(an_order(**V3, multi_shot=True)))
    assert (body["multi_shot"], body["shot_type"]) == (True, "intelligence")


def test_image_to_video_has_bare_base64_and_no_ratio() -> None:
    call = DIALECT.create(an_order(PICTURE, Picture(url="https://example.com/last.png"), **V3, aspect_ratio="1:1"))
    body = body_of(call)
    assert call.path == IMAGE
    assert body["image"] == b64encode(b"\x89PNG-bytes").decode()
    assert body["image_tail"] == "https://example.com/last.png"
    assert "aspect_ratio" not in body
    assert "image_tail" not in body_of(DIALECT.create(an_order(PICTURE, **V3)))


def test_an_accepted_task_is_submitted_under_its_product_and_host() -> None:
    call = DIALECT.create(an_order(**V3))
    assert DIALECT.accepted(call, recorded("legacy", "created")) == Observation(
        remote=Remote("LT-5001", TEXT, HOST), external_id=EXTERNAL_ID, status="submitted"
    )


def test_an_accepted_task_with_a_sparse_answer_keeps_our_id() -> None:
    seen = DIALECT.accepted(DIALECT.create(an_order(**V3)), an_answer({"code": 0, "data": {"task_id": "a"}}))
    assert (seen.external_id, seen.status) == (EXTERNAL_ID, "submitted")


def test_a_taken_external_id_is_a_task_that_exists() -> None:
    with pytest.raises(AlreadyExists):
        DIALECT.accepted(DIALECT.create(an_order(**V3)), recorded("legacy", "refused_1201_taken"))


def test_a_finished_task_has_its_video_and_its_units() -> None:
    task = one("succeeded")
    assert task.status == "succeeded"
    assert task.outputs == (
        RemoteOutput(kind="video", url="https://cdn.example/lv-1.mp4", seconds=5.1, remote_id="lv-1"),
    )
    assert task.charge == Charge(units=Decimal("2.5"))


def test_cash_is_dollars_in_singapore_and_not_in_beijing() -> None:
    assert one("succeeded_cash").charge == Charge(usd=Decimal("0.35"))
    assert one("succeeded_cash", host="https://api-beijing.klingai.com").charge is None


def test_a_failed_task_is_seen_and_not_raised() -> None:
    task = one("failed")
    assert (task.status, task.reason, task.charge) == ("failed", '"Image pixel is invalid"', Charge(units=Decimal(0)))


def test_an_unknown_status_is_a_fault() -> None:
    with pytest.raises(ProviderBroken, match="sleeping"):
        DIALECT.seen(SINGLE, an_answer({"code": 0, "data": {"task_id": "1", "task_status": "sleeping"}}))


def test_a_task_that_is_not_there_is_left_out() -> None:
    assert DIALECT.seen(SINGLE, recorded("legacy", "refused_1201_absent")) == []
    assert DIALECT.seen(DIALECT.find("k", TEXT), recorded("legacy", "refused_1201_absent")) == []


@pytest.mark.parametrize("body", [{"code": 1201, "message": "id is invalid"}, {"code": 1203, "message": "not found"}])
def test_no_other_refusal_is_taken_for_absence(body: dict[str, object]) -> None:
    with pytest.raises(NotAccepted):
        DIALECT.seen(SINGLE, an_answer(body, 400))


def test_a_list_that_is_refused_is_not_an_empty_list() -> None:
    with pytest.raises(NotAccepted):
        DIALECT.page(DIALECT.listing(TEXT), recorded("legacy", "refused_1201_absent"))


def test_a_refused_pair_says_so() -> None:
    with pytest.raises(Unauthorised) as caught:
        DIALECT.seen(SINGLE, recorded("legacy", "refused_1002"))
    assert "pair" in caught.value.message


def test_few_tasks_are_asked_about_one_by_one_under_their_own_product() -> None:
    calls = DIALECT.looks([Remote("a/b", TEXT, HOST), Remote("2", IMAGE, HOST), Remote("3", TEXT, HOST)])
    assert [(call.method, call.path) for call in calls] == [
        ("GET", f"{TEXT}/a%2Fb"),
        ("GET", f"{TEXT}/3"),
        ("GET", f"{IMAGE}/2"),
    ]


def test_many_tasks_of_a_product_are_seen_in_its_list() -> None:
    [listed, single] = DIALECT.looks([*(Remote(str(n), TEXT, HOST) for n in range(4)), Remote("9", IMAGE, HOST)])
    assert (listed.path, listed.query) == (TEXT, (("pageNum", "1"), ("pageSize", "500")))
    assert single.path == f"{IMAGE}/9"


def test_a_full_page_is_followed_by_another() -> None:
    first = DIALECT.listing(TEXT, 2)
    page = DIALECT.page(first, recorded("legacy", "listed"))
    assert [(task.remote.id, task.external_id) for task in page.observations] == [
        ("LT-5001", EXTERNAL_ID),
        ("LT-5002", ""),
    ]
    assert page.next is not None
    assert page.next.query == (("pageNum", "2"), ("pageSize", "2"))
    assert DIALECT.page(page.next, recorded("legacy", "nothing")).next is None
    assert DIALECT.page(DIALECT.listing(TEXT, 3), recorded("legacy", "listed")).next is None


def test_a_task_is_found_by_our_own_id() -> None:
    assert DIALECT.find(EXTERNAL_ID, IMAGE).path == f"{IMAGE}/{EXTERNAL_ID}"


def test_the_probe_is_free() -> None:
    assert DIALECT.probe().method == "GET"


@given(data=TREES)
def test_arbitrary_tasks_never_raise_anything_but_our_errors(data: object) -> None:
    answer = an_answer({"code": 0, "data": data})
    for call in (SINGLE, DIALECT.listing(TEXT)):
        try:
            seen = DIALECT.seen(call, answer)
        except KlingError:
            continue
        assert all(DIALECT.looks([task.remote]) for task in seen)
    with suppress(KlingError):
        DIALECT.accepted(DIALECT.create(an_order(**V3)), answer)

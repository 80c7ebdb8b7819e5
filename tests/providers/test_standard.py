"""The current API's codec (kling-official 2.2, 2.3, 3)."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from tests.providers.values import EXTERNAL_ID, HOST, PICTURE, TREES, an_answer, an_order, recorded

from kling_tools.model.errors import AlreadyExists, BadMedia, Busy, KlingError, ProviderBroken
from kling_tools.model.media import Picture
from kling_tools.model.tasks import Charge, Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Dialect, WireCall
from kling_tools.providers.kling.standard import Standard

DIALECT: Dialect = Standard()
PRODUCT = "/text-to-video/kling-3.0"
OPTIONS = {"external_task_id": EXTERNAL_ID, "watermark_info": {"enabled": False}}
ASK = WireCall(method="GET", path="/tasks", query=(("task_ids", "882211000001"),), product=PRODUCT)


def body_of(call: WireCall) -> dict[str, Any]:
    """Return a call's body."""
    assert call.body is not None
    return dict(call.body)


def one(name: str, headers: dict[str, str] | None = None) -> Observation:
    """Return the only task of a recorded answer."""
    [task] = DIALECT.seen(ASK, recorded("standard", name, headers))
    return task


def test_text_to_video_says_everything_that_would_surprise_by_default() -> None:
    call = DIALECT.create(an_order())
    assert (call.method, call.path, call.product) == ("POST", PRODUCT, PRODUCT)
    assert body_of(call) == {
        "prompt": "a heron lands on a pond",
        "settings": {
            "resolution": "720p",
            "duration": 5,
            "aspect_ratio": "9:16",
            "audio": "off",
            "multi_shot": False,
        },
        "options": OPTIONS,
    }


def test_a_model_that_always_has_sound_gets_neither_audio_nor_shots() -> None:
    call = DIALECT.create(an_order(wire_model="kling-3.0-turbo", audio="always", multi_shot=None))
    assert call.path == "/text-to-video/kling-3.0-turbo"
    assert body_of(call)["settings"] == {"resolution": "720p", "duration": 5, "aspect_ratio": "9:16"}


def test_a_model_without_sound_gets_no_audio_field() -> None:
    call = DIALECT.create(an_order(wire_model="kling-2.5-turbo", audio="none", multi_shot=None))
    assert "audio" not in body_of(call)["settings"]


def test_sound_that_was_asked_for_is_native() -> None:
    assert body_of(DIALECT.create(an_order(audio="native")))["settings"]["audio"] == "native"


def test_image_to_video_names_its_frames_and_no_ratio() -> None:
    call = DIALECT.create(an_order(PICTURE, Picture(url="https://example.com/last.png"), aspect_ratio="16:9"))
    body = body_of(call)
    assert call.path == "/image-to-video/kling-3.0"
    assert "prompt" not in body
    assert body["contents"] == [
        {"type": "prompt", "text": "a heron lands on a pond"},
        {"type": "first_frame", "url": b64encode(b"\x89PNG-bytes").decode()},
        {"type": "last_frame", "url": "https://example.com/last.png"},
    ]
    assert "aspect_ratio" not in body["settings"]


def test_image_to_video_without_a_picture_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(BadMedia):
        DIALECT.create(an_order(effect="image-to-video"))


def test_an_accepted_task_is_submitted_under_its_product_and_host() -> None:
    call = DIALECT.create(an_order())
    assert DIALECT.accepted(call, recorded("standard", "created")) == Observation(
        remote=Remote("882211000001", PRODUCT, HOST), external_id=EXTERNAL_ID, status="submitted"
    )


@pytest.mark.parametrize("extra", [{}, {"external_id": ""}, {"status": "submitted"}])
def test_an_accepted_task_with_a_sparse_answer_keeps_our_id(extra: dict[str, str]) -> None:
    call = DIALECT.create(an_order())
    seen = DIALECT.accepted(call, an_answer({"code": 0, "data": {"id": 77, **extra}}))
    assert (seen.remote.id, seen.external_id, seen.status) == ("77", EXTERNAL_ID, "submitted")


@pytest.mark.parametrize("data", [None, {}, [], {"id": ""}, {"status": "submitted"}, "882211000001"])
def test_an_accepted_answer_without_an_id_is_a_fault(data: object) -> None:
    with pytest.raises(ProviderBroken):
        DIALECT.accepted(DIALECT.create(an_order()), an_answer({"code": 0, "data": data}))


@pytest.mark.parametrize(("name", "kind"), [("refused_1201_taken", AlreadyExists), ("refused_1303", Busy)])
def test_a_refused_create_raises_its_error(name: str, kind: type[KlingError]) -> None:
    with pytest.raises(kind):
        DIALECT.accepted(DIALECT.create(an_order()), recorded("standard", name))


def test_a_finished_task_has_its_video_and_its_units() -> None:
    task = one("succeeded")
    assert task.status == "succeeded"
    assert task.outputs == (
        RemoteOutput(kind="video", url="https://cdn.example/vid-1.mp4?Expires=1", seconds=5.04, remote_id="vid-1"),
    )
    assert task.charge == Charge(units=Decimal(3))
    assert not task.simulated


def test_cash_is_charged_in_dollars() -> None:
    assert one("succeeded_cash").charge == Charge(usd=Decimal("0.42"))


def test_yuan_are_not_taken_for_dollars() -> None:
    assert one("succeeded_yuan").charge is None


def test_unknown_outputs_are_passed_over_and_sums_are_exact() -> None:
    task = one("succeeded_mixed")
    assert [(o.kind, o.url, o.seconds) for o in task.outputs] == [
        ("video", "https://cdn.example/vid-1.mp4?Expires=1", 5.04),
        ("image", "https://cdn.example/i.png", None),
        ("audio", "https://cdn.example/a.mp3", 5.1),
        ("audio", "https://cdn.example/b.wav", 4.0),
    ]
    assert task.charge == Charge(units=Decimal("3.0"))


def test_a_failed_task_is_seen_and_not_raised() -> None:
    task = one("failed")
    assert (task.status, task.reason) == ("failed", '"Failure to pass the risk control system"')


def test_a_running_task_gives_no_reason_even_where_a_message_stands() -> None:
    assert one("processing").reason == ""


def test_missing_fields_do_not_matter() -> None:
    task = one("sparse")
    assert (task.remote.id, task.external_id, task.status, task.charge) == ("882211000001", "", "processing", None)


def test_the_simulated_kling_is_recognised_by_its_header() -> None:
    assert one("succeeded", {"x-kling-sandbox": "1"}).simulated


def test_an_unknown_status_is_a_fault() -> None:
    with pytest.raises(ProviderBroken, match="archived"):
        one("odd_status")


def test_one_odd_task_does_not_hide_the_others() -> None:
    assert one("one_odd_among_two").remote.id == "882211000002"


def test_tasks_that_are_not_there_are_left_out() -> None:
    assert DIALECT.seen(ASK, recorded("standard", "nothing")) == []


@pytest.mark.parametrize("data", [None, "", 0, True])
def test_an_answer_without_tasks_in_it_does_not_say_that_there_are_none(data: object) -> None:
    with pytest.raises(ProviderBroken):
        DIALECT.seen(ASK, an_answer({"code": 0, "data": data}))


def test_tasks_are_asked_about_twenty_at_a_time_and_each_once() -> None:
    remotes = [Remote(str(n), PRODUCT if n % 2 else "/v1/videos/text2video", HOST) for n in range(45)]
    calls = DIALECT.looks([*remotes, remotes[0]])
    ids = [dict(call.query)["task_ids"].split(",") for call in calls]
    assert [len(batch) for batch in ids] == [20, 20, 5]
    assert [one for batch in ids for one in batch] == [str(n) for n in range(45)]
    assert {(call.method, call.path) for call in calls} == {("GET", "/tasks")}
    assert DIALECT.looks([]) == []


def test_a_task_is_found_by_our_own_id() -> None:
    call = DIALECT.find(EXTERNAL_ID, PRODUCT)
    assert (call.path, call.query) == ("/tasks", (("external_task_ids", EXTERNAL_ID),))
    [task] = DIALECT.seen(call, recorded("standard", "succeeded"))
    assert task.remote.product == PRODUCT


def test_a_list_is_followed_by_its_cursor_to_the_end() -> None:
    first = DIALECT.listing(PRODUCT, 10_000)
    assert (first.method, first.path, first.body) == ("POST", "/tasks", {"limit": 500})
    page = DIALECT.page(first, recorded("standard", "listed"))
    assert [task.remote.id for task in page.observations] == ["882211000001", "882211000002"]
    assert page.next is not None
    assert body_of(page.next)["cursor"] == "cur-2"
    assert DIALECT.page(page.next, recorded("standard", "listed_last")).next is None


def test_a_cursor_that_points_at_itself_ends_the_list() -> None:
    page = DIALECT.page(DIALECT.listing(PRODUCT), recorded("standard", "listed"))
    assert page.next is not None
    assert DIALECT.page(page.next, recorded("standard", "listed")).next is None


def test_the_probe_is_free() -> None:
    assert DIALECT.probe().method == "GET"


@given(data=TREES)
def test_arbitrary_tasks_never_raise_anything_but_our_errors(data: object) -> None:
    answer = an_answer({"code": 0, "data": data})
    create = DIALECT.create(an_order())
    for read in (lambda: DIALECT.page(DIALECT.listing(PRODUCT), answer), lambda: DIALECT.accepted(create, answer)):
        with suppress(KlingError):
            read()


@given(data=TREES)
def test_what_was_read_can_be_asked_about_again(data: object) -> None:
    try:
        seen = DIALECT.seen(ASK, an_answer({"code": 0, "data": data}))
    except KlingError:
        return
    for task in seen:
        task.remote.id.encode()
        assert DIALECT.looks([task.remote])

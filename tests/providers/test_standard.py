"""The current API's codec (kling-official 2.2, 2.3, 3)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from tests.providers.values import (
    BASE64,
    CLIP,
    EXTERNAL_ID,
    HOST,
    LINK,
    PICTURE,
    SPEECH,
    TREES,
    an_answer,
    an_order,
    body_of,
    recorded,
)

from kling_tools.model.errors import AlreadyExists, BadMedia, Busy, Impossible, KlingError, ProviderBroken
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order
from kling_tools.model.specs import MotionSpec, Reference, Shot, SpeechSpec
from kling_tools.model.tasks import Charge, Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Dialect, WireCall
from kling_tools.providers.kling.standard import Standard

DIALECT: Dialect = Standard()
PRODUCT = "/text-to-video/kling-3.0"
OPTIONS = {"external_task_id": EXTERNAL_ID, "watermark_info": {"enabled": False}}
ASK = WireCall(method="GET", path="/tasks", query=(("task_ids", "882211000001"),), product=PRODUCT)
OMNI: dict[str, Any] = {"product": "omni-video", "wire_model": "kling-3.0-omni"}
MOTION = MotionSpec(prompt="@1 dances", resolution="1080p", follow="image", audio="original", elements=("987654321",))
SHOTS = (Shot(prompt="a boat; far off", seconds=3), Shot(prompt="@1 waves", seconds=2))
DEEP = Reference(kind="element", element="987654321")
LOOK = Reference(kind="image")
FILM = Reference(kind="video")


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
    order = an_order(("first_frame", PICTURE), ("last_frame", LINK), product="image-to-video", aspect_ratio="16:9")
    body = body_of(DIALECT.create(order))
    assert DIALECT.create(order).path == "/image-to-video/kling-3.0"
    assert "prompt" not in body
    assert body["contents"] == [
        {"type": "prompt", "text": "a heron lands on a pond"},
        {"type": "first_frame", "url": BASE64},
        {"type": "last_frame", "url": "https://example.com/last.png"},
    ]
    assert "aspect_ratio" not in body["settings"]


def test_elements_and_voices_have_ids_that_the_prompt_names() -> None:
    order = an_order(
        ("first_frame", PICTURE),
        product="image-to-video",
        prompt="@1 says hello as @voice2, not to me@1.com",
        references=(DEEP,),
        voices=("v-1", "v-2"),
        audio="native",
        multi_shot=None,
    )
    assert body_of(DIALECT.create(order))["contents"] == [
        {"type": "prompt", "text": "@element_1 says hello as @voice_2, not to me@1.com"},
        {"type": "first_frame", "url": BASE64},
        {"type": "element", "element_id": "987654321", "id": "element_1"},
        {"type": "voice", "voice_id": "v-1", "id": "voice_1"},
        {"type": "voice", "voice_id": "v-2", "id": "voice_2"},
    ]


def test_omni_takes_everything_in_the_agents_order() -> None:
    order = an_order(
        ("first_frame", LINK),
        ("reference", PICTURE),
        ("reference", CLIP),
        ("reference", LINK),
        **OMNI,
        prompt="@1 and @4 as in @3, by @2",
        references=(LOOK, DEEP, FILM, LOOK),
        multi_shot=True,
    )
    call = DIALECT.create(order)
    assert call.path == "/omni-video/kling-3.0-omni"
    assert body_of(call) == {
        "contents": [
            {"type": "prompt", "text": "@image_1 and @image_2 as in @video_1, by @element_1"},
            {"type": "first_frame", "url": "https://example.com/last.png"},
            {"type": "refer_image", "url": BASE64, "id": "image_1"},
            {"type": "element", "element_id": "987654321", "id": "element_1"},
            {"type": "feature_video", "url": "https://example.com/clip.mp4", "id": "video_1"},
            {"type": "refer_image", "url": "https://example.com/last.png", "id": "image_2"},
        ],
        "settings": {
            "resolution": "720p",
            "duration": 5,
            "aspect_ratio": "9:16",
            "audio": "off",
            "multi_shot": True,
        },
        "options": OPTIONS,
    }


def test_an_edit_is_as_long_and_as_wide_as_its_video() -> None:
    order = an_order(
        ("base_video", CLIP), **OMNI, seconds=None, aspect_ratio=None, audio="original", prompt="make it snow"
    )
    body = body_of(DIALECT.create(order))
    assert body["contents"] == [
        {"type": "prompt", "text": "make it snow"},
        {"type": "base_video", "url": "https://example.com/clip.mp4"},
    ]
    assert body["settings"] == {"resolution": "720p", "audio": "original", "multi_shot": False}


def test_omni_is_always_told_a_ratio_where_nothing_else_gives_one() -> None:
    body = body_of(DIALECT.create(an_order(**OMNI, aspect_ratio=None)))
    assert body["settings"]["aspect_ratio"] == "16:9"


def test_shots_become_one_prompt_that_no_word_of_theirs_cuts() -> None:
    order = an_order(("first_frame", PICTURE), product="image-to-video", prompt="", shots=SHOTS, references=(DEEP,))
    words = "shot 1, 3, a boat, far off; shot 2, 2, @element_1 waves;"
    for multi_shot in (True, None):
        body = body_of(DIALECT.create(an_order_with(order, multi_shot=multi_shot)))
        assert body["contents"][0] == {"type": "prompt", "text": words}
        assert ("multi_shot" in body["settings"]) == (multi_shot is not None)
    with pytest.raises(Impossible):
        DIALECT.create(an_order_with(order, multi_shot=False))


def an_order_with(order: Order, **changes: Any) -> Order:
    """Return the order with its spec changed."""
    return replace(order, plan=replace(order.plan, spec=replace(order.plan.spec, **changes)))


def test_motion_control_names_whom_it_follows() -> None:
    order = an_order(("image", PICTURE), ("video", CLIP), spec=MOTION)
    call = DIALECT.create(order)
    assert call.path == "/motion-control/kling-3.0"
    assert body_of(call) == {
        "contents": [
            {"type": "prompt", "text": "@element_1 dances"},
            {"type": "image", "url": BASE64},
            {"type": "video", "url": "https://example.com/clip.mp4"},
            {"type": "element", "element_id": "987654321", "id": "element_1"},
        ],
        "settings": {"character_orientation": "image", "audio": "original", "resolution": "1080p"},
        "options": OPTIONS,
    }
    assert body_of(DIALECT.create(an_order_with(order, prompt=" ")))["contents"][0]["text"]


@pytest.mark.parametrize(
    "changes",
    [
        {"negative_prompt": "rain"},
        {"cfg_scale": 0.5},
        {"camera": "zoom_in"},
        {"references": (DEEP,)},
        {"voices": ("v-1",)},
        {"spec": SpeechSpec(speech=SPEECH)},
    ],
    ids=str,
)
def test_what_has_no_field_is_refused_and_never_dropped(changes: dict[str, Any]) -> None:
    with pytest.raises(Impossible):
        DIALECT.create(an_order(**changes))


def test_masks_are_refused_and_never_dropped() -> None:
    with pytest.raises(Impossible, match="motion brush"):
        DIALECT.create(an_order(("first_frame", PICTURE), ("still_mask", PICTURE), product="image-to-video"))


@pytest.mark.parametrize(
    "order",
    [
        an_order(product="image-to-video"),
        an_order(("first_frame", Medium()), product="image-to-video"),
        an_order(("last_frame", PICTURE), product="image-to-video"),
        an_order(**OMNI, references=(LOOK,)),
        an_order(("reference", Medium(kind="video", data=b"mp4")), **OMNI, references=(FILM,)),
        an_order(("reference", Medium(kind="video", remote_id="v-1")), **OMNI, references=(FILM,)),
        an_order(("base_video", Medium(kind="video", data=b"mp4")), **OMNI),
        an_order(("image", PICTURE), spec=MOTION),
        an_order(("video", CLIP), spec=MOTION),
    ],
    ids=lambda order: str(order.media),
)
def test_a_medium_that_is_missing_or_cannot_travel_is_refused_before_anything_is_sent(order: Order) -> None:
    with pytest.raises(BadMedia):
        DIALECT.create(order)


def test_an_accepted_task_is_submitted_under_its_product_and_host() -> None:
    call = DIALECT.create(an_order())
    assert DIALECT.accepted(an_order(), call, recorded("standard", "created")) == Observation(
        remote=Remote("882211000001", PRODUCT, HOST), external_id=EXTERNAL_ID, status="submitted"
    )


@pytest.mark.parametrize("extra", [{}, {"external_id": ""}, {"status": "submitted"}])
def test_an_accepted_task_with_a_sparse_answer_keeps_our_id(extra: dict[str, str]) -> None:
    call = DIALECT.create(an_order())
    seen = DIALECT.accepted(an_order(), call, an_answer({"code": 0, "data": {"id": 77, **extra}}))
    assert isinstance(seen, Observation)
    assert (seen.remote.id, seen.external_id, seen.status) == ("77", EXTERNAL_ID, "submitted")


@pytest.mark.parametrize("data", [None, {}, [], {"id": ""}, {"status": "submitted"}, "882211000001"])
def test_an_accepted_answer_without_an_id_is_a_fault(data: object) -> None:
    with pytest.raises(ProviderBroken):
        DIALECT.accepted(an_order(), DIALECT.create(an_order()), an_answer({"code": 0, "data": data}))


@pytest.mark.parametrize(("name", "kind"), [("refused_1201_taken", AlreadyExists), ("refused_1303", Busy)])
def test_a_refused_create_raises_its_error(name: str, kind: type[KlingError]) -> None:
    with pytest.raises(kind):
        DIALECT.accepted(an_order(), DIALECT.create(an_order()), recorded("standard", name))


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


def test_the_probe_is_free() -> None:
    assert DIALECT.probe().method == "GET"


@given(data=TREES)
def test_arbitrary_tasks_never_raise_anything_but_our_errors(data: object) -> None:
    answer, order = an_answer({"code": 0, "data": data}), an_order()
    for read in (lambda: DIALECT.page(ASK, answer), lambda: DIALECT.accepted(order, DIALECT.create(order), answer)):
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

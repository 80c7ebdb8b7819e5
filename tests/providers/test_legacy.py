"""The legacy API's codec: what is asked, and what its answers mean (kling-official 2.4, 2.5, 4.9)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from tests.providers.values import (
    CLIP,
    EXTERNAL_ID,
    FOUND,
    HOST,
    PICTURE,
    SOUND,
    SPEECH,
    SPOKEN,
    TREES,
    an_answer,
    an_order,
    body_of,
    recorded,
)

from kling_tools.model.errors import (
    AlreadyExists,
    BadMedia,
    Impossible,
    KlingError,
    NotAccepted,
    ProviderBroken,
    Unauthorised,
)
from kling_tools.model.plan import Face, Prepared
from kling_tools.model.specs import AvatarSpec, ImageSpec, LipSyncSpec, SpeechSpec
from kling_tools.model.tasks import Charge, Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Dialect, WireCall
from kling_tools.providers.kling.legacy import Legacy

DIALECT: Dialect = Legacy(pair=True)
TEXT = "/v1/videos/text2video"
IMAGE = "/v1/videos/image2video"
LIPS = "/v1/videos/advanced-lip-sync"
SINGLE = WireCall(method="GET", path=f"{TEXT}/LT-5001", product=TEXT)
V3: dict[str, Any] = {"wire_model": "kling-v3"}
LIP_SYNC = LipSyncSpec(speech=SPEECH, at_seconds=None, face=0, volume=1.0, original_volume=0.5)
AVATAR = AvatarSpec(prompt="calm", resolution="720p", speech=SPEECH)
LIP_ORDER = an_order(("video", CLIP), spec=LIP_SYNC)
SPEECH_ORDER = an_order(spec=SpeechSpec(speech=SPEECH))
CUTOUT_ORDER = an_order(("image", PICTURE), spec=ImageSpec(product="cutouts"))


def one(name: str, host: str = HOST) -> Observation:
    """Return the only task of a recorded answer."""
    [task] = DIALECT.seen(SINGLE, recorded("legacy", name, host=host))
    return task


def listing(size: int, page: int = 1, product: str = TEXT) -> WireCall:
    """Return the question for a page of a product's list."""
    query = (("pageNum", str(page)), ("pageSize", str(size)))
    return WireCall(method="GET", path=product, query=query, product=product, listing=True)


MANY = listing(500)


def test_lip_sync_speaks_then_finds_faces_then_puts_them_together() -> None:
    said = replace(LIP_ORDER, prepared=(SPOKEN,))
    ready = replace(LIP_ORDER, prepared=(SPOKEN, FOUND))
    calls = [DIALECT.create(order) for order in (LIP_ORDER, said, ready)]
    assert [(call.method, call.path, call.product) for call in calls] == [
        ("POST", "/v1/audio/tts", LIPS),
        ("POST", "/v1/videos/identify-face", LIPS),
        ("POST", LIPS, LIPS),
    ]
    assert body_of(calls[0]) == {
        "text": "Good morning",
        "voice_id": "oversea_male1",
        "voice_language": "en",
        "voice_speed": 1.2,
    }
    assert body_of(calls[1]) == {"video_url": "https://example.com/clip.mp4"}
    assert body_of(calls[2]) == {
        "session_id": "ses-1",
        "face_choose": [
            {
                "face_id": "f-1",
                "audio_id": "aud-1",
                "sound_start_time": 0,
                "sound_end_time": 3500,
                "sound_insert_time": 1000,
                "sound_volume": 1.0,
                "original_audio_volume": 0.5,
            }
        ],
        "external_task_id": EXTERNAL_ID,
        "watermark_info": {"enabled": False},
    }


def test_a_sound_of_the_persons_own_needs_no_speech() -> None:
    spec = replace(LIP_SYNC, speech=None)
    made_here = replace(CLIP, remote_id="vid-9")
    order = an_order(("video", made_here), ("audio", SOUND), spec=spec)
    assert body_of(DIALECT.create(order)) == {"video_id": "vid-9"}
    [choice] = body_of(DIALECT.create(replace(order, prepared=(FOUND,))))["face_choose"]
    assert choice["sound_file"] == "SUQzLWJ5dGVz"
    assert "audio_id" not in choice
    assert (choice["sound_insert_time"], choice["sound_end_time"]) == (1000, 6000)


def test_faces_are_not_paid_for_a_sound_that_cannot_be_put_on_them() -> None:
    spec = replace(LIP_SYNC, speech=None)
    for sound, error in ((replace(SOUND, seconds=0.0), BadMedia), (replace(SOUND, seconds=1.9), Impossible)):
        with pytest.raises(error):
            DIALECT.create(an_order(("video", CLIP), ("audio", sound), spec=spec))
    with pytest.raises(Impossible):
        DIALECT.create(replace(LIP_ORDER, prepared=(replace(SPOKEN, seconds=1.0),)))


def test_an_avatar_speaks_first() -> None:
    order = an_order(("image", PICTURE), spec=AVATAR)
    assert DIALECT.create(order).path == "/v1/audio/tts"
    assert DIALECT.accepted(order, DIALECT.create(order), recorded("legacy", "spoken")) == Prepared(
        step="speech", audio_id="aud-1", seconds=3.5
    )
    body = body_of(DIALECT.create(replace(order, prepared=(SPOKEN,))))
    assert body["audio_id"] == "aud-1"


def test_an_avatar_is_not_made_of_speech_that_is_longer_than_its_price() -> None:
    order = an_order(("image", PICTURE), spec=AVATAR, video_seconds=3.0, prepared=(SPOKEN,))
    with pytest.raises(Impossible) as caught:
        DIALECT.create(order)
    assert "3.5 s long" in caught.value.message
    assert "create_speech" in caught.value.advice
    for most in (3.5, 4.0):
        DIALECT.create(replace(order, plan=replace(order.plan, video_seconds=most)))


def test_faces_come_with_their_session_their_times_and_their_price() -> None:
    order = replace(LIP_ORDER, prepared=(SPOKEN,))
    found = DIALECT.accepted(order, DIALECT.create(order), recorded("legacy", "faces"))
    assert found == Prepared(
        step="faces",
        session_id="ses-77",
        faces=(Face(id="0", start_ms=0, end_ms=2500), Face(id="1", start_ms=1000, end_ms=8000)),
        units=Decimal("0.05"),
    )


def test_a_video_without_faces_is_an_answer() -> None:
    order = replace(LIP_ORDER, prepared=(SPOKEN,))
    answer = an_answer({"code": 0, "data": {"session_id": "s", "face_data": []}})
    found = DIALECT.accepted(order, DIALECT.create(order), answer)
    assert found == Prepared(step="faces", session_id="s")


@pytest.mark.parametrize("data", [None, {}, [], {"face_data": []}, {"task_status": "succeed"}, "x"])
def test_a_step_whose_answer_brings_nothing_is_a_fault(data: object) -> None:
    for order in (LIP_ORDER, replace(LIP_ORDER, prepared=(SPOKEN,))):
        with pytest.raises(ProviderBroken):
            DIALECT.accepted(order, DIALECT.create(order), an_answer({"code": 0, "data": data}))


def test_words_that_could_not_be_spoken_are_refused() -> None:
    answer = an_answer({"code": 0, "data": {"task_id": "1", "task_status": "failed", "task_status_msg": "bad voice"}})
    with pytest.raises(NotAccepted, match="bad voice"):
        DIALECT.accepted(LIP_ORDER, DIALECT.create(LIP_ORDER), answer)


def test_speech_of_its_own_ends_with_its_answer() -> None:
    seen = DIALECT.accepted(SPEECH_ORDER, DIALECT.create(SPEECH_ORDER), recorded("legacy", "spoken"))
    assert seen == Observation(
        remote=Remote("LT-6001", "/v1/audio/tts", HOST),
        external_id=EXTERNAL_ID,
        status="succeeded",
        outputs=(RemoteOutput(kind="audio", url="https://cdn.example/t.mp3", seconds=3.5, remote_id="aud-1"),),
    )


def test_cutouts_end_with_their_answer_and_leave_out_what_was_not_there() -> None:
    seen = DIALECT.accepted(CUTOUT_ORDER, DIALECT.create(CUTOUT_ORDER), recorded("legacy", "recognized"))
    assert seen == Observation(
        remote=Remote("req-7f1c", "/v1/videos/image-recognize", HOST),
        external_id=EXTERNAL_ID,
        status="succeeded",
        outputs=(
            RemoteOutput(kind="image", url="https://cdn.example/o.png", name="object_seg"),
            RemoteOutput(kind="image", url="https://cdn.example/h.png", name="head_seg"),
        ),
        charge=Charge(units=Decimal("0.1")),
    )


def test_what_ends_at_once_may_fail_at_once_and_is_never_taken_for_running() -> None:
    call = DIALECT.create(SPEECH_ORDER)
    failed = {"task_id": "1", "task_status": "failed", "task_status_msg": "no such voice"}
    seen = DIALECT.accepted(SPEECH_ORDER, call, an_answer({"code": 0, "data": failed}))
    assert isinstance(seen, Observation)
    assert (seen.status, seen.reason) == ("failed", '"no such voice"')
    with pytest.raises(ProviderBroken):
        DIALECT.accepted(
            SPEECH_ORDER, call, an_answer({"code": 0, "data": {"task_id": "1", "task_status": "submitted"}})
        )


def test_a_refused_step_raises_its_error() -> None:
    with pytest.raises(NotAccepted):
        DIALECT.accepted(LIP_ORDER, DIALECT.create(LIP_ORDER), an_answer({"code": 1201, "message": "voice"}, 400))


def test_an_accepted_task_is_submitted_under_its_product_and_host() -> None:
    call = DIALECT.create(an_order(**V3))
    assert DIALECT.accepted(an_order(**V3), call, recorded("legacy", "created")) == Observation(
        remote=Remote("LT-5001", TEXT, HOST), external_id=EXTERNAL_ID, status="submitted"
    )


def test_an_accepted_task_with_a_sparse_answer_keeps_our_id() -> None:
    seen = DIALECT.accepted(
        an_order(**V3), DIALECT.create(an_order(**V3)), an_answer({"code": 0, "data": {"task_id": "a"}})
    )
    assert isinstance(seen, Observation)
    assert (seen.external_id, seen.status) == (EXTERNAL_ID, "submitted")


def test_a_taken_external_id_is_a_task_that_exists() -> None:
    with pytest.raises(AlreadyExists):
        DIALECT.accepted(an_order(**V3), DIALECT.create(an_order(**V3)), recorded("legacy", "refused_1201_taken"))


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
        DIALECT.page(MANY, recorded("legacy", "refused_1201_absent"))


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
    page = DIALECT.page(listing(2), recorded("legacy", "listed"))
    assert [(task.remote.id, task.external_id) for task in page.observations] == [
        ("LT-5001", EXTERNAL_ID),
        ("LT-5002", ""),
    ]
    assert page.next == listing(2, page=2)
    assert DIALECT.page(page.next, recorded("legacy", "nothing")).next is None
    assert DIALECT.page(listing(3), recorded("legacy", "listed")).next is None
    assert DIALECT.page(listing(2, page=1000), recorded("legacy", "listed")).next is None


def test_a_task_is_found_by_our_own_id() -> None:
    call = DIALECT.find(EXTERNAL_ID, IMAGE)
    assert (call.path, call.listing) == (f"{IMAGE}/{EXTERNAL_ID}", False)


def test_a_lip_sync_is_found_in_its_list_because_its_page_knows_no_id_of_ours() -> None:
    assert DIALECT.find(EXTERNAL_ID, LIPS) == listing(500, product=LIPS)


def test_the_probe_is_free() -> None:
    assert DIALECT.probe().method == "GET"


@given(data=TREES)
def test_arbitrary_tasks_never_raise_anything_but_our_errors(data: object) -> None:
    answer = an_answer({"code": 0, "data": data})
    for call in (SINGLE, MANY):
        try:
            seen = DIALECT.seen(call, answer)
        except KlingError:
            continue
        assert all(DIALECT.looks([task.remote]) for task in seen)
    for order in (an_order(**V3), LIP_ORDER, replace(LIP_ORDER, prepared=(SPOKEN,)), SPEECH_ORDER, CUTOUT_ORDER):
        with suppress(KlingError):
            DIALECT.accepted(order, DIALECT.create(order), answer)

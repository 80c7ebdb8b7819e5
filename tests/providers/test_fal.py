"""fal.ai's answers by the recorded shapes: two calls for a result, failures that are "completed", two error bodies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.providers.values import an_order

from kling_tools.model.errors import (
    KlingError,
    NoBalance,
    NoPermission,
    NotAccepted,
    NotFound,
    ProviderBroken,
    TooManyRequests,
    Unauthorised,
    UnderMaintenance,
)
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order
from kling_tools.model.tasks import Observation, Remote
from kling_tools.providers.dialect import WireAnswer, WireCall
from kling_tools.providers.fal import Fal

SAMPLES = Path(__file__).parent / "samples" / "fal"
ID = "764cabcf-b745-4b3e-ae38-1200304cf45b"
REMOTE = Remote(id=ID, product="fal-ai/kling-video", host="https://queue.fal.run")
FAL = Fal()
LOOK = FAL.look(REMOTE)
RESULT = WireCall(method="GET", path=LOOK.path.removesuffix("/status"))


def said(body: Any, status: int = 200, **headers: str) -> WireAnswer:
    return WireAnswer(status=status, body=json.dumps(body).encode(), host=REMOTE.host, headers=headers)


def sample(name: str) -> WireAnswer:
    told = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    return said(told["body"], told["http"])


def fal_order() -> Order:
    order = an_order()
    return replace(order, plan=replace(order.plan, wire_model="fal-ai/kling-video/v3/{}"))


def bought(answer: WireAnswer) -> Observation:
    order = fal_order()
    observation = FAL.accepted(order, FAL.create(order), answer)
    assert isinstance(observation, Observation)
    return observation


def one(call: WireCall, answer: WireAnswer) -> Observation:
    (found,) = FAL.page(call, answer).observations
    assert found.remote == REMOTE
    return found


def test_a_create_is_read_and_asks_for_no_second_run() -> None:
    order = fal_order()
    call = FAL.create(replace(order, callback_url="https://here.example/hook?task=k1"))
    assert call.path == "/fal-ai/kling-video/v3/standard/text-to-video"
    assert call.query == (("fal_webhook", "https://here.example/hook?task=k1"),)
    assert ("X-Fal-No-Retry", "1") in call.headers
    seen = bought(sample("submitted"))
    assert (seen.remote, seen.status, seen.external_id) == (REMOTE, "submitted", order.external_id)


@pytest.mark.parametrize(("name", "status"), [("queued", "submitted"), ("running", "processing")])
def test_what_waits_or_runs_is_told_so(name: str, status: str) -> None:
    assert one(LOOK, sample(name)).status == status


def test_what_is_completed_has_its_result_fetched_in_the_next_call() -> None:
    page = FAL.page(LOOK, sample("succeeded"))
    assert page.observations == ()
    assert page.next is not None
    assert page.next.path == f"/fal-ai/kling-video/requests/{ID}"
    seen = one(page.next, sample("result"))
    assert (seen.status, [o.kind for o in seen.outputs], seen.outputs[0].lives) == ("succeeded", ["video"], 7 * 86400)


def test_a_completed_failure_is_one_and_only_an_answer_422_leaves_it_open_who_pays() -> None:
    told, found = one(LOOK, sample("failed")), one(RESULT, sample("failed_result"))
    assert (told.status, told.reason, told.doubtful) == ("failed", '"The content could not be processed"', False)
    assert (found.status, found.doubtful) == ("failed", True)


def test_a_result_of_a_server_that_gave_up_for_good_is_a_failure() -> None:
    gone = said({"detail": "runner crashed", "error_type": "runner_error"}, 500, **{"x-fal-retryable": "false"})
    assert one(RESULT, gone).status == "failed"


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503, 504])
def test_a_question_that_was_refused_is_no_failure_of_the_task(status: int) -> None:
    for call in (LOOK, RESULT):
        with pytest.raises(KlingError):
            FAL.page(call, said({"detail": "no"}, status))


def test_what_is_not_there_is_absent_and_what_is_not_ready_runs() -> None:
    assert FAL.page(LOOK, said({"detail": "not found"}, 404)).observations == ()
    early = said({"detail": "Request is still in progress", "error_type": "in_progress"}, 400)
    assert one(RESULT, early).status == "processing"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (sample("refused"), NotAccepted),
        (sample("throttled"), TooManyRequests),
        (said({"detail": "invalid credentials"}, 401), Unauthorised),
        (said({"detail": "User is locked. Reason: Exhausted balance."}, 403), NoBalance),
        (said({"detail": "not yours"}, 403), NoPermission),
        (said({"detail": "Path /x not found"}, 404), NotFound),
        (said({"detail": "later"}, 503), UnderMaintenance),
        (said({"detail": "timeout"}, 504), ProviderBroken),
        (said({"detail": "timeout"}, 408), ProviderBroken),
        (said({"queue_position": 0}), ProviderBroken),
        (said({"detail": "no", "request_id": ID}, 422), ProviderBroken),
        (said([]), ProviderBroken),
        (said({}, 307), ProviderBroken),
    ],
)
def test_only_a_clear_no_is_a_refusal(answer: WireAnswer, error: type[KlingError]) -> None:
    with pytest.raises(error) as refused:
        bought(answer)
    assert refused.type is error


def test_the_field_that_is_wrong_is_named() -> None:
    with pytest.raises(NotAccepted, match=r"body\.prompt: field required"):
        bought(sample("refused"))


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        ({"video": {"url": "https://v/1.mp4"}, "duration": 5.1}, ["video"]),
        ({"images": [{"url": "https://v/1.png"}, {"url": "https://v/2.png"}]}, ["image", "image"]),
        ({"image": {"url": "https://v/1.png"}}, ["image"]),
        ({"audio": {"url": "https://v/1.mp3"}, "video": {"url": "https://v/1.mp4"}}, ["video", "audio"]),
        ({"voice_id": "voice-1"}, ["voice"]),
        ({"video": None, "images": [None, {}]}, []),
    ],
)
def test_every_shape_of_a_result_is_read(told: Any, kinds: list[str]) -> None:
    assert [output.kind for output in one(RESULT, said(told)).outputs] == kinds


def test_a_cancel_counts_only_where_the_queue_let_go() -> None:
    call = FAL.cancel(REMOTE)
    assert (call.method, call.path) == ("PUT", f"/fal-ai/kling-video/requests/{ID}/cancel")
    assert FAL.cancelled(call, said({"status": "OK"}))
    for status, word in ((202, "CANCELLATION_REQUESTED"), (400, "ALREADY_COMPLETED"), (404, "NOT_FOUND"), (202, "OK")):
        assert not FAL.cancelled(call, said({"status": word}, status))
    with pytest.raises(Unauthorised):
        FAL.cancelled(call, said({"detail": "invalid credentials"}, 401))


def test_a_file_goes_to_the_address_that_was_named_with_its_signature() -> None:
    picture = Medium(data=b"bytes", mime="image/png", sha256="ab" * 32)
    first = FAL.upload(picture, [])
    assert isinstance(first, WireCall)
    assert (first.host, first.body) == ("storage", {"content_type": "image/png", "file_name": f"{'ab' * 12}.png"})
    place = said({"upload_url": "https://cdn.example/up/1?sig=a%2Fb&x=1", "file_url": "https://v3b.fal.media/1.png"})
    second = FAL.upload(picture, [place])
    assert isinstance(second, WireCall)
    assert (second.method, second.host, second.path) == ("PUT", "https://cdn.example", "/up/1?sig=a%2Fb&x=1")
    assert (second.content, second.mime) == (b"bytes", "image/png")
    assert FAL.upload(picture, [place, WireAnswer(status=200, body=b"")]) == "https://v3b.fal.media/1.png"
    with pytest.raises(KlingError):
        FAL.upload(picture, [place, WireAnswer(status=403, body=b"")])


def test_ids_and_products_keep_to_their_place_in_an_address() -> None:
    odd = FAL.look(replace(REMOTE, id="../../a?b#c"))
    assert odd.path == "/fal-ai/kling-video/requests/..%2F..%2Fa%3Fb%23c/status"
    (seen,) = FAL.seen(odd, sample("queued"))
    assert seen.remote.id == "../../a?b#c"

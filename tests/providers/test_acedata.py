"""AceDataCloud's answers, as recorded, in our words (gateways 6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.providers.values import PLAN, an_answer, an_order, body_of, recorded, sample

from kling_tools.model.errors import (
    CallbackRefused,
    Closed,
    KlingError,
    Moderated,
    NoBalance,
    NotAccepted,
    NotFound,
    ProviderBroken,
    TooManyRequests,
    Unauthorised,
)
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order
from kling_tools.model.specs import LipSyncSpec
from kling_tools.model.tasks import Observation, Remote
from kling_tools.providers.acedata import BATCH, TASKS, AceData
from kling_tools.providers.dialect import WireAnswer

DIALECT = AceData()
REMOTE = Remote(id="b4f1c2d3-52a7-4d5c-9e11-7b6a0c9d8e21", product=TASKS, host="")
ORDER = Order(plan=replace(PLAN, wire_model="kling-v3", standard="acedata"), external_id="k3x9q0a1b2c3d")
CALL = DIALECT.look(REMOTE)


def told(name: str) -> Observation:
    """Return the one task that a recorded record shows, as the answer to a question for several holds it."""
    _, item = sample("acedata", name)
    (seen,) = DIALECT.seen(CALL, an_answer({"items": [item], "count": 1}))
    return seen


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("queued", "submitted"),
        ("running", "processing"),
        ("running_empty", "processing"),
        ("running_transient", "processing"),
        ("succeeded", "succeeded"),
        ("succeeded_wordless", "succeeded"),
        ("failed", "failed"),
        ("failed_early", "failed"),
        ("failed_wordless", "failed"),
    ],
)
def test_where_a_record_stands_follows_its_makers_own_order(name: str, status: str) -> None:
    seen = told(name)
    assert (seen.status, seen.remote, bool(seen.outputs)) == (
        status,
        replace(REMOTE, host=seen.remote.host),
        status == "succeeded",
    )


def test_a_result_has_an_address_a_length_and_a_name_for_later() -> None:
    (output,) = told("succeeded").outputs
    assert (output.remote_id, output.seconds) == ("812345678901234567", 5.1)
    assert told("failed_early").reason == '"the model gave up"'


def refusal(code: str, status: int) -> WireAnswer:
    """Return a no."""
    return an_answer({"success": False, "error": {"code": code, "message": "no"}, "trace_id": "t"}, status)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (recorded("acedata", "refused"), NotAccepted),
        (recorded("acedata", "throttled"), TooManyRequests),
        (recorded("acedata", "unpaid"), NoBalance),
        (refusal("forbidden", 403), Moderated),
        (refusal("disabled", 400), Closed),
        (refusal("api_not_implemented", 400), NotFound),
        (refusal("invalid_token", 401), Unauthorised),
        (refusal("token_mismatched", 400), Unauthorised),
        (refusal("api_error", 500), ProviderBroken),
        (refusal("used_up", 500), ProviderBroken),
        (refusal("bad_request", 200), ProviderBroken),
        (an_answer(b"<html>bad gateway</html>", 502), ProviderBroken),
        (an_answer({"success": True}), ProviderBroken),
        (an_answer({}, 302), ProviderBroken),
    ],
)
def test_a_create_is_refused_only_where_nothing_can_have_been_taken(
    answer: WireAnswer, error: type[KlingError]
) -> None:
    with pytest.raises(error):
        DIALECT.accepted(ORDER, DIALECT.create(ORDER), answer)


@pytest.mark.parametrize("status", [200, 403, 500])
def test_an_answer_that_names_a_task_is_a_task_whatever_else_it_says(status: int) -> None:
    answer = an_answer({"task_id": REMOTE.id, "success": False, "error": {"code": "api_error"}}, status)
    seen = DIALECT.accepted(ORDER, DIALECT.create(ORDER), answer)
    assert isinstance(seen, Observation)
    assert (seen.external_id, seen.status, seen.remote.id) == (ORDER.external_id, "submitted", REMOTE.id)


def test_no_create_keeps_the_line_open_and_only_a_configured_address_is_rung() -> None:
    body = DIALECT.create(ORDER).body or {}
    assert (body["async"], "callback_url" in body) == (True, False)
    url = "https://kling.example/callbacks/acedata/token?task=k1"
    body = DIALECT.create(replace(ORDER, callback_url=url)).body or {}
    assert (body["async"], body["callback_url"]) == (True, url)


@pytest.mark.parametrize(
    ("remote_id", "told"),
    [("812345678901234567", {"video_id": "812345678901234567"}), ("", {"video_url": "https://x.example/1.mp4"})],
)
def test_lips_of_its_own_video_are_moved_by_its_name(remote_id: str, told: dict[str, str]) -> None:
    spec = LipSyncSpec(speech=None, at_seconds=None, face=0, volume=1.0, original_volume=1.0)
    video = Medium(kind="video", url="https://x.example/1.mp4", remote_id=remote_id)
    sound = Medium(kind="audio", url="https://x.example/1.mp3")
    body = body_of(DIALECT.create(an_order(("video", video), ("audio", sound), spec=spec)))
    assert body == {**told, "mode": "audio2video", "audio_url": sound.url, "async": True}


def test_many_tasks_are_asked_about_at_once_and_those_unknown_are_left_out() -> None:
    calls = DIALECT.looks([replace(REMOTE, id=str(number)) for number in range(BATCH + 1)])
    assert [len((call.body or {})["ids"]) for call in calls] == [BATCH, 1]
    assert DIALECT.seen(DIALECT.probe(), an_answer({"items": [], "count": 0})) == []
    with pytest.raises(Unauthorised):
        DIALECT.seen(DIALECT.probe(), refusal("invalid_token", 401))
    with pytest.raises(ProviderBroken):
        DIALECT.seen(CALL, an_answer({"count": 0}))


def test_a_callback_tells_nothing_but_an_id() -> None:
    assert DIALECT.heard({}, b'{"task_id": "t-1", "success": true}', 0.0, b"") == ("t-1",)
    for body in (b"", b"[]", b'{"success": true}', b"[" * 100_000):
        with pytest.raises(CallbackRefused):
            DIALECT.heard({}, body, 0.0, b"")

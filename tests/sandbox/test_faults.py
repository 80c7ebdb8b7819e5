"""Faults in process: what strikes which call, and what the log tells afterwards."""

from __future__ import annotations

import pytest

from kling_sandbox import Fault

pytestmark = pytest.mark.anyio

CREATE = ("POST", "/text-to-video/kling-3.0")
LEGACY = {"prompt": "x", "model_name": "kling-v2-6"}


async def test_a_gateways_html_replaces_one_answer_and_nothing_is_bought(broken):
    house = broken(Fault(on="create", nth=2, status=502, body="<html>Bad Gateway</html>"))
    assert (await house.call(*CREATE, json={"prompt": "x"})).status_code == 200
    second = await house.call(*CREATE, json={"prompt": "x"})
    assert (second.status_code, second.text) == (502, "<html>Bad Gateway</html>")
    assert (await house.call(*CREATE, json={"prompt": "x"})).status_code == 200
    assert len(await house.bought()) == 2


async def test_a_code_brings_its_documented_status(broken):
    house = broken(Fault(on="query", times=2, code=1302, message="slow down"), Fault(on="list", code=5000))
    reply = await house.call("GET", "/tasks?task_ids=1")
    assert (reply.status_code, reply.json()["code"], reply.json()["message"]) == (429, 1302, "slow down")
    assert (await house.call("GET", "/v1/videos/text2video/1")).status_code == 429
    assert (await house.call("GET", "/tasks?task_ids=1")).status_code == 200
    assert (await house.call("POST", "/tasks", json={})).status_code == 500


async def test_a_reset_before_buys_nothing_and_a_reset_after_has_bought(broken):
    house = broken(Fault(on="create", reset="before"), Fault(on="create", nth=2, reset="after"))
    for bought in (0, 1):
        with pytest.raises(ConnectionResetError):
            await house.call(*CREATE, json={"prompt": "x"})
        assert len(await house.bought()) == bought


async def test_a_gateway_that_gives_up_late_has_bought(broken):
    house = broken(Fault(on="create", status=504, body="<html>", applied=True))
    assert (await house.call(*CREATE, json={"prompt": "x"})).status_code == 504
    assert len(await house.bought()) == 1


@pytest.mark.parametrize(
    ("spoil", "created", "queried"),
    [
        ("code", lambda a: a["code"] == "0", lambda a: a["code"] == "0"),
        ("data", lambda a: isinstance(a["data"], list), lambda a: isinstance(a["data"], dict)),
        ("id", lambda a: isinstance(a["data"]["id"], int), lambda a: isinstance(a["data"][0]["id"], int)),
        ("status", lambda a: a["data"]["status"] is None, lambda a: a["data"][0]["status"] is None),
    ],
)
async def test_a_value_of_the_wrong_type_comes_with_an_answer_that_was_applied(broken, spoil, created, queried):
    house = broken(Fault(on="create", spoil=spoil), Fault(on="query", spoil=spoil))
    made = await house.call(*CREATE, json={"prompt": "x"})
    assert (made.status_code, created(made.json())) == (200, True)
    (bought,) = await house.bought()
    assert queried((await house.call("GET", f"/tasks?task_ids={bought['id']}")).json())
    assert (await house.task(bought["id"]))["status"] == "submitted"


async def test_a_legacy_answer_is_spoiled_in_its_own_words(broken):
    house = broken(Fault(on="create", spoil="id"), Fault(on="query", spoil="status"))
    made = (await house.call("POST", "/v1/videos/text2video", json=LEGACY)).json()["data"]
    assert isinstance(made["task_id"], int)
    shown = await house.call("GET", f"/v1/videos/text2video/{made['task_id']}")
    assert shown.json()["data"]["task_status"] is None


async def test_a_delay_comes_first_and_the_answer_is_the_real_one(broken):
    house = broken(Fault(delay=0.01))
    assert (await house.call("GET", "/tasks?task_ids=1")).status_code == 200


async def test_a_delay_may_be_drawn_for_each_call(broken):
    house = broken(Fault(times=2, spread=0.02))
    for _ in range(2):
        assert (await house.call("GET", "/tasks?task_ids=1")).status_code == 200


async def test_a_spread_has_to_be_a_number(house):
    refused = await house.bare.post("/sandbox/faults", json=[{"on": "any", "spread": -1}])
    assert (refused.status_code, "spread" in refused.text) == (400, True)


async def test_a_caller_who_dies_in_the_middle_of_a_request_has_asked_for_nothing(house):
    messages = [{"type": "http.request", "body": b'{"prompt', "more_body": True}, {"type": "http.disconnect"}]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": CREATE[1], "headers": [], "query_string": b""}
    await house.app(scope, receive, send)
    assert (sent, await house.bought()) == ([], [])


async def test_a_fault_may_ask_for_a_part_of_the_path(broken):
    house = broken(Fault(path="2.6", code=1103, times=9))
    assert (await house.call(*CREATE, json={"prompt": "x"})).status_code == 200
    assert (await house.call("POST", "/text-to-video/kling-2.6", json={"prompt": "x"})).status_code == 403


async def test_faults_are_replaced_and_shown_at_run_time(house):
    shown = await house.bare.post("/sandbox/faults", json=[{"on": "any", "code": 5001}])
    assert shown.status_code == 200
    assert (await house.call("GET", "/tasks?task_ids=1")).status_code == 503
    (line,) = (await house.bare.get("/sandbox/faults")).json()
    assert (line["code"], line["seen"]) == (5001, 1)
    await house.bare.post("/sandbox/faults", json=[])
    assert (await house.call("GET", "/tasks?task_ids=1")).status_code == 200


@pytest.mark.parametrize(
    "faults",
    [
        {},
        [1],
        [{"onn": "any"}],
        [{"on": "sometimes"}],
        [{"reset": "maybe"}],
        [{"nth": 0}],
        [{"nth": "1"}],
        [{"status": "502"}],
        [{"body": 5}],
        [{"spoil": "everything"}],
    ],
)
async def test_a_wrong_fault_is_refused_in_words(house, faults):
    reply = await house.bare.post("/sandbox/faults", json=faults)
    assert reply.status_code == 400
    assert reply.json()["error"]


async def test_the_log_tells_what_was_called_without_secrets_or_pictures(broken):
    house = broken(Fault(on="create", reset="before"))
    with pytest.raises(ConnectionResetError):
        await house.call(*CREATE, json={"prompt": "x" * 1000})
    await house.call("GET", "/tasks", params={"task_ids": "1,2"})
    await house.bare.get("/v1/videos/text2video", headers={"authorization": "Bearer secret.secret.secret"})
    cut, query, signed = (await house.bare.get("/sandbox/requests")).json()
    assert (cut["kind"], cut["status"], cut["outcome"], cut["fault"]) == ("create", None, "cut", True)
    assert len(cut["body"]["prompt"]) < 100
    assert (query["query"], query["auth"], query["status"]) == ({"task_ids": "1,2"}, "api_key", 200)
    assert (signed["auth"], signed["status"]) == ("jwt", 401)
    assert "secret" not in str(signed)


def test_faults_survive_json():
    faults = (Fault(on="file", truncate=5), Fault(reset="after", nth=3))
    assert Fault.list_from_json([fault.to_json() for fault in faults]) == faults

"""The new standard end to end (kling-official 2.2, 2.3, 3)."""

from __future__ import annotations

import pytest
from tests.sandbox.conftest import House, base64_of, jpeg

pytestmark = pytest.mark.anyio


async def test_a_text_to_video_task_goes_from_submitted_to_a_billed_video(house):
    made = await house.buy(settings={"duration": 5, "audio": "native"}, options={"external_task_id": "mine-1"})
    assert made["status"] == "submitted"
    assert made["external_id"] == "mine-1"
    assert made["create_time"] == made["update_time"] == round(house.clock.now * 1000)
    assert isinstance(made["id"], str)

    item = await house.finish(made["id"])
    assert item["status"] == "succeeded"
    assert item["update_time"] > item["create_time"]
    (video,) = item["outputs"]
    assert (video["type"], video["duration"], video["watermark_url"]) == ("video", "5", "")
    assert video["url"].startswith("http://kling.sandbox/files/")
    assert item["billing"] == [{"charge_type": "unit", "package_type": "video", "amount": "4.5"}]


async def test_an_image_to_video_task_follows_its_image_and_not_an_aspect_ratio(house):
    contents = [
        {"type": "prompt", "text": "it moves"},
        {"type": "first_frame", "url": base64_of(jpeg())},
        {"type": "last_frame", "url": base64_of(jpeg("blue", kind="PNG"))},
        {"type": "element", "element_id": "123", "id": "Zhang"},
    ]
    settings = {"aspect_ratio": "9:16"}
    await house.buy("/image-to-video/kling-3.0", contents=contents, settings=settings)
    (task,) = await house.bought()
    assert task["aspect_ratio"] == ""
    assert task["first_frame"].endswith(".jpg")
    assert task["last_frame"].endswith(".png")
    assert task["elements"] == ["123"]


async def test_defaults_are_the_documented_ones(house):
    await house.buy()
    (task,) = await house.bought()
    wanted = {"seconds": 5, "resolution": "720p", "aspect_ratio": "16:9", "sound": "off", "watermark": False}
    assert {name: task[name] for name in wanted} == wanted
    assert task["multi_shot"] is True


async def test_unknown_fields_are_ignored_and_the_default_is_bought(house):
    await house.buy(settings={"durations": 15, "mode": "pro"}, negative_prompt="x", seed=1)
    (task,) = await house.bought()
    assert (task["seconds"], task["resolution"], task["negative_prompt"]) == (5, "720p", "")


async def test_turbo_always_has_sound(house):
    await house.buy("/text-to-video/kling-3.0-turbo", settings={"audio": "off", "duration": 3})
    (task,) = await house.bought()
    assert (task["sound"], task["units"]) == ("native", "2.4")


async def test_unknown_ids_are_left_out_of_the_answer(house):
    made = await house.buy()
    reply = await house.call("GET", "/tasks", params={"task_ids": f"1,{made['id']},2"})
    assert [item["id"] for item in reply.json()["data"]] == [made["id"]]
    assert (await house.call("GET", "/tasks?task_ids=0")).json()["data"] == []


async def test_tasks_are_found_by_external_id(house):
    made = await house.buy(options={"external_task_id": "order-7"})
    reply = await house.call("GET", "/tasks?external_task_ids=order-7,order-8")
    assert [item["id"] for item in reply.json()["data"]] == [made["id"]]


@pytest.mark.parametrize(
    "query", ["", "?task_ids=1&external_task_ids=2", "?task_ids=", "?task_ids=" + ",".join(map(str, range(21)))]
)
async def test_a_query_needs_one_kind_of_id_and_at_most_twenty(house, query):
    reply = await house.call("GET", f"/tasks{query}")
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)


async def test_twenty_ids_are_allowed(house):
    reply = await house.call("GET", "/tasks?task_ids=" + ",".join(map(str, range(20))))
    assert reply.json()["code"] == 0


async def test_the_list_pages_through_everything_once(tmp_path, clock):
    house = House(tmp_path, clock, concurrency=50)
    made = []
    for _ in range(7):
        clock.now += 1
        made.append((await house.buy())["id"])
    seen, cursor = [], ""
    for _ in range(4):
        body = {"cursor": cursor} if cursor else {"limit": 3}
        data = (await house.call("POST", "/tasks", json=body)).json()["data"]
        seen += [item["id"] for item in data["result"]]
        assert data["count"] == len(data["result"])
        cursor = data["next_cursor"]
        if not data["has_more"]:
            break
    assert seen == made[::-1]


async def test_the_list_filters_by_status_kind_and_time(house):
    old = await house.buy()
    house.clock.now += 1000
    new = await house.buy()

    async def ids(**body):
        data = (await house.call("POST", "/tasks", json=body)).json()["data"]
        return [item["id"] for item in data["result"]]

    assert await ids(filters=[{"key": "status", "values": ["succeeded"]}]) == [old["id"]]
    assert await ids(filters=[{"key": "status", "values": ["succeeded", "submitted"]}]) == [new["id"], old["id"]]
    assert await ids(filters=[{"key": "product_type", "values": ["image"]}]) == []
    assert await ids(filters=[{"key": "product_type", "values": ["video", "image"]}]) == [new["id"], old["id"]]
    assert await ids(start_time=str(new["create_time"])) == [new["id"]]
    assert await ids(end_time=old["create_time"], start_time=0) == [old["id"]]


@pytest.mark.parametrize(
    "body", [{"limit": 501}, {"limit": 0}, {"cursor": "x"}, {"filters": [{"key": "model", "values": ["a"]}]}]
)
async def test_a_wrong_list_request_is_1201(house, body):
    reply = await house.call("POST", "/tasks", json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/text-to-video/kling-9", 1203),
        ("POST", "/image-to-video/kling-3.0-omni", 1203),
        ("POST", "/dance/kling-3.0", 1202),
        ("GET", "/text-to-video/kling-3.0", 1202),
        ("GET", "/v1/videos/tasks/1", 1202),
        ("GET", "/nothing/at/all", 1202),
        ("POST", "/tasks/", 1202),
    ],
)
async def test_an_unknown_path_is_404_in_the_envelope(house, method, path, code):
    reply = await house.call(method, path, json={} if method == "POST" else None)
    assert (reply.status_code, reply.json()["code"]) == (404, code)
    assert reply.json()["request_id"]


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"x"', b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_1200(house, raw):
    reply = await house.call("POST", "/text-to-video/kling-3.0", content=raw)
    assert (reply.status_code, reply.json()["code"]) == (400, 1200)


async def test_every_answer_is_marked_as_simulated_and_dated_by_the_clock(house):
    for path in ("/tasks?task_ids=1", "/nothing", "/sandbox/faults"):
        reply = await house.bare.get(path)
        assert reply.headers["x-kling-sandbox"] == "simulated"
        assert reply.headers.get_list("date") == ["Mon, 21 Sep 2026 14:13:20 GMT"]


async def test_costs_come_in_the_double_envelope_and_fall_with_succeeded_tasks(house):
    made = await house.buy(settings={"duration": 10})
    await house.finish(made["id"])
    reply = await house.call("GET", "/account/costs?start_time=1&end_time=1790000000000")
    data = reply.json()["data"]
    assert data["code"] == 0
    (pack,) = (pack for pack in data["resource_pack_subscribe_infos"] if "Video" in pack["resource_pack_name"])
    assert pack["total_quantity"] - pack["remaining_quantity"] == 6.0


async def test_omni_takes_frames_and_an_omitted_ratio(house):
    body = {
        "contents": [{"type": "prompt", "text": "@image_1 runs"}, {"type": "refer_image", "url": base64_of(jpeg())}]
    }
    await house.buy("/omni-video/kling-3.0-omni", **body)
    (task,) = await house.bought()
    assert (task["product"], task["aspect_ratio"], len(task["refer_images"])) == ("omni-video", "16:9", 1)

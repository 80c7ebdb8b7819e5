"""The legacy standard end to end (kling-official 2.4, 2.5, 4)."""

from __future__ import annotations

import pytest
from tests.sandbox.conftest import House, base64_of, jpeg

pytestmark = pytest.mark.anyio

TEXT, IMAGE = "/v1/videos/text2video", "/v1/videos/image2video"


async def make(house: House, path: str = TEXT, **body):
    body = {"model_name": "kling-v3", "prompt": "a fox", **body}
    return await house.call("POST", path, json=body)


async def test_a_task_goes_from_submitted_to_succeed_with_a_deduction(house):
    made = (await make(house, mode="pro", duration="10", sound="on", external_task_id="x1")).json()["data"]
    assert made["task_status"] == "submitted"
    assert made["task_info"] == {"external_task_id": "x1"}

    running = (await house.call("GET", f"{TEXT}/{made['task_id']}")).json()["data"]
    assert "task_result" not in running
    assert "final_unit_deduction" not in running

    house.clock.now += 1000
    done = (await house.call("GET", f"{TEXT}/{made['task_id']}")).json()["data"]
    assert done["task_status"] == "succeed"
    assert done["final_unit_deduction"] == "12.0"
    assert done["watermark_info"] == {"enabled": False}
    (video,) = done["task_result"]["videos"]
    assert video["duration"] == "10"
    assert done["updated_at"] > done["created_at"]


async def test_an_image_task_keeps_both_frames(house):
    body = {"image": base64_of(jpeg()), "image_tail": base64_of(jpeg("blue")), "element_list": [{"element_id": 10**17}]}
    assert (await make(house, IMAGE, **body)).status_code == 200
    (task,) = await house.bought()
    assert task["first_frame"] != task["last_frame"]
    assert task["elements"] == [str(10**17)]
    assert task["aspect_ratio"] == ""


async def test_a_task_is_found_by_id_and_by_external_id_under_its_own_product_only(house):
    made = (await make(house, external_task_id="x2")).json()["data"]
    for id in (made["task_id"], "x2"):
        assert (await house.call("GET", f"{TEXT}/{id}")).json()["data"]["task_id"] == made["task_id"]
        reply = await house.call("GET", f"{IMAGE}/{id}")
        assert (reply.status_code, reply.json()["code"]) == (400, 1201)
        assert "not found by id/external id" in reply.json()["message"]


async def test_the_new_query_sees_legacy_tasks_in_the_new_shape(house):
    made = (await make(house, external_task_id="x3")).json()["data"]
    item = await house.finish(made["task_id"])
    assert (item["status"], item["external_id"]) == ("succeeded", "x3")
    assert "model_name" not in item


async def test_the_list_pages_newest_first_and_holds_only_its_product(house):
    ids = []
    for _ in range(3):
        house.clock.now += 1
        ids.append((await make(house)).json()["data"]["task_id"])
    await house.buy()
    first = (await house.call("GET", f"{TEXT}?pageNum=1&pageSize=2")).json()["data"]
    second = (await house.call("GET", f"{TEXT}?pageNum=2&pageSize=2")).json()["data"]
    assert [task["task_id"] for task in first + second] == ids[::-1]
    assert (await house.call("GET", IMAGE)).json()["data"] == []


@pytest.mark.parametrize("query", ["pageNum=0", "pageNum=1001", "pageSize=0", "pageSize=501", "pageSize=x"])
async def test_paging_has_limits(house, query):
    reply = await house.call("GET", f"{TEXT}?{query}")
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)


@pytest.mark.parametrize("name", [None, "", "kling-v1", "kling-v1-6", "kling-v2-master", "kling-v2-1"])
async def test_a_missing_or_retired_model_is_discontinued(house, name):
    body = {"prompt": "a fox"} if name is None else {"prompt": "a fox", "model_name": name}
    reply = await house.call("POST", TEXT, json={**body, "model": "kling-v3"})
    assert reply.status_code == 400
    assert "discontinued" in reply.json()["message"]
    assert await house.bought() == []


async def test_customized_shots_replace_the_prompt(house):
    shots = [{"index": 1, "prompt": "one", "duration": "3"}, {"index": 2, "prompt": "two", "duration": "2"}]
    reply = await make(house, prompt="", multi_shot=True, shot_type="customize", multi_prompt=shots)
    assert reply.status_code == 200
    (task,) = await house.bought()
    assert [shot["seconds"] for shot in task["shots"]] == [3, 2]


async def test_multi_shot_is_off_unless_asked_for(house):
    await make(house)
    assert (await house.bought())[0]["multi_shot"] is False

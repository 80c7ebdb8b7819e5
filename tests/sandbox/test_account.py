"""What the packs hold and what was taken from them (kling-official 7)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.sandbox.conftest import House

pytestmark = pytest.mark.anyio

COSTS, PACKAGE, BALANCE = "/account/costs", "/account/billing/package", "/account/billing/balance"
FAR = 1_900_000_000_000


async def packs(house: House, query: str = "") -> dict[str, dict[str, Any]]:
    house.clock.now += 1
    data = (await house.call("GET", f"{COSTS}?start_time=1&end_time={FAR}{query}")).json()["data"]
    assert (data["code"], data["msg"]) == (0, "SUCCEED")
    return {pack["resource_pack_name"]: pack for pack in data["resource_pack_subscribe_infos"]}


async def details(house: House, **body: Any) -> list[dict[str, Any]]:
    reply = await house.call("POST", PACKAGE, json={"start_time": 1, "end_time": FAR, **body})
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["data"]["result"]["detail"]
    assert reply.json()["data"]["result"]["count"] == len(found)
    return found


async def spend(house: House) -> list[str]:
    """Buy a video, an image, speech, and an element for nothing; return the ids that cost, oldest first."""
    video = (await house.buy("/text-to-video/kling-3.0", settings={"audio": "native"}))["id"]
    house.clock.now += 1000
    image = (await house.call("POST", "/v1/images/generations", json={"prompt": "a fox"})).json()["data"]["task_id"]
    house.clock.now += 1000
    body = {"text": "Hello", "voice_id": "oversea_male1", "voice_language": "en"}
    speech = (await house.call("POST", "/v1/audio/tts", json=body)).json()["data"]["task_id"]
    body = {
        "element_name": "dancer",
        "element_description": "she turns",
        "reference_type": "video_refer",
        "element_video_list": {"refer_videos": [{"video_url": "https://files.invalid/a.mp4"}]},
    }
    await house.call("POST", "/v1/general/advanced-custom-elements", json=body)
    house.clock.now += 1000
    return [video, image, speech]


async def test_each_pack_loses_what_its_own_tasks_took(house):
    before = await packs(house)
    await spend(house)
    after = await packs(house)
    lost = {
        name: round(before[name]["remaining_quantity"] - pack["remaining_quantity"], 2) for name, pack in after.items()
    }
    assert lost == {"Sandbox Video Pack": 4.55, "Sandbox Image Pack": 8.0, "Sandbox Try-On Pack": 0.0}
    assert {pack["status"] for pack in after.values()} == {"online"}


async def test_one_pack_is_asked_for_by_name(house):
    assert list(await packs(house, "&resource_pack_name=Sandbox Image Pack")) == ["Sandbox Image Pack"]
    assert await packs(house, "&resource_pack_name=Nobody's") == {}


async def test_costs_are_answered_once_a_second(house):
    await packs(house)
    again = await house.call("GET", f"{COSTS}?start_time=1&end_time=2")
    assert (again.status_code, again.json()["code"]) == (429, 1302)
    await packs(house)


async def test_every_deduction_is_listed_newest_first_synchronous_calls_too(house):
    video, image, speech = await spend(house)
    found = await details(house)
    assert [one["task_id"] for one in found] == [speech, image, video]
    assert [one["product_type"] for one in found] == ["video", "image", "video"]
    last = found[0]
    assert (last["unit_before_deduction"], last["deduction_amount"]) == ("9995.5", "0.05")
    assert last["unit_after_deduction"] == "9995.45"
    assert set(last) == {
        "package_id",
        "product_type",
        "task_id",
        "api_key_name",
        "product_function",
        "model_name",
        "resolution",
        "duration",
        "refer_video_input",
        "video_sound",
        "voice_control",
        "deduction_time",
        "unit_before_deduction",
        "deduction_amount",
        "unit_after_deduction",
    }
    assert (found[2]["duration"], found[2]["video_sound"], found[2]["resolution"]) == ("5.00", True, "720p")
    assert found[2]["deduction_time"].isdigit()


async def test_running_and_failed_tasks_took_nothing(house):
    await house.buy()
    assert await details(house) == []


async def test_filters_narrow_the_list(house):
    video, image, speech = await spend(house)

    async def ids(**filters: list[str]) -> list[str]:
        wanted = [{"key": key, "values": values} for key, values in filters.items()]
        return [one["task_id"] for one in await details(house, filters=wanted)]

    assert await ids(product_type=["image"]) == [image]
    assert await ids(product_type=["try-on"]) == []
    assert await ids(product_type=["image", "video"]) == [speech, image, video]
    assert await ids(package_id=["sandbox-video"], api_key_name=["sandbox"]) == [speech, video]
    assert await ids(package_name=["Sandbox Image Pack"]) == [image]
    assert await ids(api_key_name=["other"]) == []


async def test_a_cursor_goes_on_where_the_page_ended_whatever_came_since(house):
    video, image, speech = await spend(house)
    first = (await house.call("POST", PACKAGE, json={"start_time": 1, "end_time": FAR, "limit": 1})).json()["data"]
    assert first["has_more"]
    await spend(house)
    rest, cursor = [], first["next_cursor"]
    while cursor:
        page = (await house.call("POST", PACKAGE, json={"cursor": cursor})).json()["data"]
        rest += [one["task_id"] for one in page["result"]["detail"]]
        cursor = page["next_cursor"]
        assert page["has_more"] == bool(cursor)
    assert [first["result"]["detail"][0]["task_id"], *rest] == [speech, image, video]


SPAN = {"start_time": 1, "end_time": 2}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"start_time": 1},
        {"start_time": 2, "end_time": 1},
        {**SPAN, "limit": 0},
        {**SPAN, "limit": 501},
        {**SPAN, "filters": [{"key": "status", "values": ["x"]}]},
        {**SPAN, "filters": [{"key": "product_type", "values": ["try_on"]}]},
        {**SPAN, "filters": [{"key": "product_type", "values": "video"}]},
        {
            **SPAN,
            "filters": [
                {"key": "package_name", "values": ["Sandbox Video Pack"]},
                {"key": "package_id", "values": ["sandbox-video"]},
            ],
        },
        {"cursor": "no cursor"},
        {"cursor": base64.urlsafe_b64encode(b"[1, Infinity, 1, {}, [1, 2]]").decode()},
        {"cursor": base64.urlsafe_b64encode(b"7").decode()},
    ],
)
async def test_a_wrong_question_about_deductions_is_1201(house, body):
    reply = await house.call("POST", PACKAGE, json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)


async def test_a_prepaid_account_pays_no_cash(house):
    await spend(house)
    reply = await house.call("POST", BALANCE, json={"start_time": 1, "end_time": FAR})
    assert reply.json()["data"] == {"result": {"detail": [], "count": 0}, "next_cursor": "", "has_more": False}
    body = {"start_time": 1, "end_time": FAR, "filters": [{"key": "product_type", "values": ["video"]}]}
    assert (await house.call("POST", BALANCE, json=body)).json()["code"] == 1201

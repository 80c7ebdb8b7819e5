"""Model versions that the configuration adds behave like the known one they name."""

from __future__ import annotations

import pytest
from tests.sandbox.conftest import House

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(tmp_path, clock) -> House:
    return House(tmp_path, clock, concurrency=1, models={"kling-9.9": "kling-3.0", "kling-8-omni": "kling-3.0-omni"})


async def test_an_added_version_has_rules_prices_and_slots_of_its_own(house):
    await house.buy("/text-to-video/kling-9.9", settings={"duration": 15, "audio": "native"})
    (task,) = await house.bought()
    assert (task["model"], task["units"]) == ("kling-9.9", "13.5")
    assert (await house.call("POST", "/text-to-video/kling-9.9", json={"prompt": "x"})).json()["code"] == 1303
    await house.buy("/text-to-video/kling-3.0")
    reply = await house.call("POST", "/text-to-video/kling-9.9", json={"prompt": "x", "settings": {"duration": 16}})
    assert reply.json()["code"] == 1201


async def test_it_answers_on_every_path_of_its_model_and_on_no_other(house):
    contents = {"contents": [{"type": "prompt", "text": "x"}]}
    assert (await house.call("POST", "/omni-video/kling-8-omni", json=contents)).status_code == 200
    assert (await house.call("POST", "/omni-video/kling-9.9", json=contents)).json()["code"] == 1203
    assert (await house.call("POST", "/image-to-video/kling-9.9", json={})).json()["code"] == 1201


async def test_it_is_a_legacy_model_name_too(house):
    body = {"model_name": "kling-9.9", "prompt": "x", "mode": "4k"}
    assert (await house.call("POST", "/v1/videos/text2video", json=body)).status_code == 200
    assert (await house.bought())[0]["units"] == "15.0"
    assert (await house.call("POST", "/v1/videos/omni-video", json=body)).json()["code"] == 1201

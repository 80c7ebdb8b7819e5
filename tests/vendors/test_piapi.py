"""PiAPI's own ways: forms by version, results in two shapes, deleting, uploads, and a secret instead of a signature."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.vendors.floor import Time
from tests.vendors.samples import same
from tests.vendors.serving import Fake, seated
from tests.vendors.talks import IMAGE, PROMPT, calling, create

pytestmark = pytest.mark.anyio
CAMERA = {"type": "simple", "config": {"pan": -10, "tilt": 0}}


def body(kind: str, model: str = "kling", **asked: Any) -> dict[str, Any]:
    return {"model": model, "task_type": kind, "input": asked}


GOOD = [
    body("video_generation", version="2.6", mode="pro", prompt=PROMPT, duration=10, enable_audio=True),
    body("video_generation", version="1.6", prompt=PROMPT, camera_control=CAMERA, aspect_ratio="1:1"),
    body("video_generation", version="3.0", prompt=PROMPT, image_url=IMAGE, image_tail_url=IMAGE, duration=15),
    body("video_generation", version="3.0", multi_shots=[{"prompt": PROMPT, "duration": 5}]),
    body("video_generation", "kling-turbo", version="2.5-turbo", mode="pro", prompt=PROMPT),
    body("omni_video_generation", version="3.0", resolution="720p", prompt="@image_1 walks", images=[IMAGE]),
    body("omni_video_generation", version="o1", duration=10, prompt=PROMPT),
    body("motion_control", image_url=IMAGE, preset_motion="Nezha", mode="std", version="2.6"),
    body("effects", image_url=IMAGE, effect="squish"),
    body("avatar", image_url=IMAGE, local_dubbing_url=IMAGE, mode="std", batch_size=1),
]
BAD = [
    body("video_generation", version="3.0", prompt=PROMPT, duration="5"),
    body("video_generation", version="3.0", prompt=PROMPT, duration=16),
    body("video_generation", version="3.0", prompt=PROMPT, negative_prompt="fog"),
    body("video_generation", version="3.0", prompt=PROMPT, image_url="data:image/png;base64,AAAA"),
    body("video_generation", version="2.6", mode="std", prompt=PROMPT, enable_audio=True),
    body("video_generation", version="2.5", prompt=PROMPT, image_tail_url=IMAGE),
    body("video_generation", version="1.6", prompt=PROMPT, camera_control={**CAMERA, "config": {"pan": 1, "tilt": 1}}),
    body("omni_video_generation", version="o1", prompt=PROMPT, enable_audio=False),
    body("omni_video_generation", version="3.0", prompt=PROMPT, images=[IMAGE] * 8),
    body("motion_control", image_url=IMAGE, preset_motion="Nezha", video_url=IMAGE),
    body("extend_video", origin_task_id="unknown"),
    body("effects", effect="squish"),
    body("storyboard", prompt=PROMPT),
]


async def test_every_form_of_the_sheet_is_taken_and_every_misreading_refused() -> None:
    async with seated(Fake.PIAPI) as vendor, calling(Fake.PIAPI, vendor) as client:
        taken = [(await client.post("/api/v1/task", json=each)).status_code for each in GOOD]
        assert taken == [200] * len(GOOD)
        refused = [(await client.post("/api/v1/task", json=each)).status_code for each in BAD]
        assert refused == [400] * len(BAD)
        assert vendor.creates == GOOD


async def test_older_versions_keep_their_result_in_works() -> None:
    async with seated(Fake.PIAPI) as vendor, calling(Fake.PIAPI, vendor) as client:
        told = (await client.post("/api/v1/task", json=GOOD[0])).json()["data"]
        assert told["meta"]["usage"]["consume"] == 13_200_000
        vendor.finish(told["task_id"])
        answer = await client.get(f"/api/v1/task/{told['task_id']}")
        done = answer.json()["data"]
        same(Fake.PIAPI, "succeeded_works", answer)
        url = done["output"]["works"][0]["video"]["resource_without_watermark"]
        assert (await client.get(url)).status_code == 200
        onward = body("extend_video", origin_task_id=told["task_id"])
        assert (await client.post("/api/v1/task", json=onward)).status_code == 200


async def test_output_is_there_before_the_status_says_so() -> None:
    clock = Time(1e9)
    async with seated(Fake.PIAPI, clock=clock, tick=0) as vendor, calling(Fake.PIAPI, vendor) as client:
        task = await create(Fake.PIAPI, client)
        clock.advance(1.5)
        told = (await client.get(f"/api/v1/task/{task}")).json()["data"]
        assert told["status"] == "processing"
        assert told["output"]["video"] == vendor.result_url(vendor.tasks[0])
        assert (await client.get(told["output"]["video"])).status_code == 404


async def test_only_what_is_pending_is_deleted_and_then_it_is_gone() -> None:
    clock = Time(1e9)
    async with seated(Fake.PIAPI, clock=clock, tick=0) as vendor, calling(Fake.PIAPI, vendor) as client:
        first, second = [await create(Fake.PIAPI, client) for _ in range(2)]
        assert (await client.delete(f"/api/v1/task/{first}")).status_code == 200
        assert (await client.get(f"/api/v1/task/{first}")).status_code == 404
        clock.advance(1.5)
        assert (await client.delete(f"/api/v1/task/{second}")).status_code == 400
        assert [bill.task_id for bill in vendor.bills] == [second]


async def test_errors_hide_in_200_and_too_much_at_once_is_refused() -> None:
    async with seated(Fake.PIAPI, room=1) as vendor, calling(Fake.PIAPI, vendor) as client:
        vendor.fault("hidden")
        told = await client.post("/api/v1/task", json=GOOD[2])
        same(Fake.PIAPI, "hidden", told)
        assert vendor.creates == []
        await create(Fake.PIAPI, client)
        assert (await client.post("/api/v1/task", json=GOOD[2])).status_code == 429


async def test_the_balance_falls_by_what_was_bought_and_uploads_come_back() -> None:
    async with seated(Fake.PIAPI, balance=10) as vendor, calling(Fake.PIAPI, vendor) as client:
        await create(Fake.PIAPI, client)
        assert (await client.get("/account/info")).json()["data"]["equivalent_in_usd"] == 9.25
        sent = {"file_name": "a.png", "file_data": base64.b64encode(b"picture").decode()}
        url = (await client.post("/api/ephemeral_resource", json=sent)).json()["data"]["url"]
        assert (await client.get(url)).content == b"picture"
        assert (await client.post("/api/ephemeral_resource", json={**sent, "file_name": "a.exe"})).status_code == 400


async def test_a_webhook_carries_the_secret_that_was_given() -> None:
    config = {"webhook_config": {"endpoint": "http://127.0.0.1:9/callbacks", "secret": "s3cret"}}
    async with seated(Fake.PIAPI) as vendor, calling(Fake.PIAPI, vendor) as client:
        told = await client.post("/api/v1/task", json={**GOOD[2], "config": config})
        task = told.json()["data"]["task_id"]
        vendor.finish(task)
        genuine, forged = vendor.webhook(task), vendor.webhook(task, "forged")
        assert genuine.headers == {"x-webhook-secret": "s3cret"}
        assert forged.headers != genuine.headers
        assert vendor.webhook(task, "replayed") == genuine
        assert vendor.webhook(task, "tampered").body != genuine.body

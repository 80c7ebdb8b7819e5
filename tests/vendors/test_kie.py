"""Kie's own ways: refusals inside HTTP 200, JSON inside a string, limits, and a signature beside the body."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from tests.vendors.floor import Time
from tests.vendors.serving import Fake, seated
from tests.vendors.talks import IMAGE, PROMPT, TALKS, calling, create

pytestmark = pytest.mark.anyio
AT = "/api/v1/jobs/createTask"
VIDEO: dict[str, Any] = TALKS[Fake.KIE].body["input"]


def body(model: str, **asked: Any) -> dict[str, Any]:
    return {"model": model, "input": asked}


SHOTS = [{"prompt": PROMPT, "duration": 5}]
GOOD = [
    body("kling-3.0/video", **VIDEO | {"image_urls": [IMAGE, IMAGE], "mode": "4K"}),
    body("kling-3.0/video", **VIDEO | {"multi_shots": True, "multi_prompt": SHOTS}),
    body("kling-3.0-omni/text-to-video", prompt=PROMPT, duration=5, audio=False, customize_multi_shots=False),
    body("kling-3.0-omni/transformation", prompt=PROMPT, video_urls=[IMAGE], aspect_ratio="auto", resolution="720p"),
    body(
        "kling-2.6/motion-control",
        input_urls=[IMAGE],
        video_urls=[IMAGE],
        mode="720p",
        character_orientation="video",
    ),
    body("kling/v2-1-pro", prompt=PROMPT, image_url=IMAGE, tail_image_url=IMAGE, duration="5"),
    body("kling/ai-avatar-pro", image_url=IMAGE, audio_url=IMAGE, prompt=PROMPT),
]
BAD = [
    body("kling-3.0/video", **VIDEO | {"duration": 5}),
    body("kling-3.0/video", **VIDEO | {"mode": "4k"}),
    body("kling-3.0/video", **VIDEO | {"multi_shots": True, "multi_prompt": SHOTS, "image_urls": [IMAGE, IMAGE]}),
    body("kling-3.0/video", **{name: value for name, value in VIDEO.items() if name != "sound"}),
    body("kling-3.0-omni/text-to-video", prompt=PROMPT, duration=5),
    body("kling-3.0-omni/text-to-video", prompt=PROMPT, duration="5", customize_multi_shots=False),
    body("kling-3.0-omni/transformation", prompt=PROMPT, video_urls=[IMAGE], aspect_ratio="16:9"),
    body("kling-3.0/motion-control", input_urls=[IMAGE], video_urls=[IMAGE]),
    body("kling/v2-1-standard", prompt=PROMPT, image_url=IMAGE, tail_image_url=IMAGE),
    body("kling/v2-1-standard", prompt=PROMPT, image_url="data:image/png;base64,AAAA"),
    body("kling/v9", prompt=PROMPT),
]


async def test_every_form_of_the_sheet_is_taken_and_every_misreading_refused_inside_200() -> None:
    async with seated(Fake.KIE) as vendor, calling(Fake.KIE, vendor) as client:
        taken = [(await client.post(AT, json=each)).json()["code"] for each in GOOD]
        assert taken == [200] * len(GOOD)
        refused = [await client.post(AT, json=each) for each in BAD]
        assert [(told.status_code, told.json()["code"]) for told in refused] == [(200, 422)] * len(BAD)
        assert vendor.creates == GOOD
        vendor.fault("hidden-402")
        assert (await client.post(AT, json=GOOD[0])).json()["code"] == 402


async def test_the_result_is_json_inside_a_string_and_credits_are_told() -> None:
    async with seated(Fake.KIE, balance=1000) as vendor, calling(Fake.KIE, vendor) as client:
        task = await create(Fake.KIE, client)
        vendor.finish(task)
        done = (await client.get(f"/api/v1/jobs/recordInfo?taskId={task}")).json()["data"]
        url = json.loads(done["resultJson"])["resultUrls"][0]
        assert (await client.get(url)).status_code == 200
        assert done["creditsConsumed"] == 90
        assert vendor.spent_usd == 0.45
        assert (await client.get("/api/v1/chat/credit")).json()["data"] == 910
        unknown = (await client.get("/api/v1/jobs/recordInfo?taskId=none")).json()
        assert unknown["code"] == 404


async def test_the_twenty_first_create_within_ten_seconds_is_refused_and_not_queued() -> None:
    clock = Time(1e9)
    async with seated(Fake.KIE, clock=clock, tick=0, balance=1e6) as vendor, calling(Fake.KIE, vendor) as client:
        for _ in range(20):
            await create(Fake.KIE, client)
        assert (await client.post(AT, json=GOOD[0])).status_code == 429
        clock.advance(10)
        assert (await client.post(AT, json=GOOD[0])).status_code == 200
        polls = [(await client.get("/api/v1/jobs/recordInfo?taskId=none")).status_code for _ in range(11)]
        assert polls == [200] * 10 + [429]


async def test_uploads_come_as_base64_or_as_a_form_and_live_for_a_day() -> None:
    async with seated(Fake.KIE) as vendor, calling(Fake.KIE, vendor) as client:
        sent = {"base64Data": base64.b64encode(b"picture").decode(), "uploadPath": "images", "fileName": "a.png"}
        first = (await client.post("/api/file-base64-upload", json=sent)).json()["data"]["downloadUrl"]
        files = {"file": ("b.png", b"another", "image/png")}
        told = await client.post("/api/file-stream-upload", files=files, data={"uploadPath": "images"})
        second = told.json()["data"]["downloadUrl"]
        assert [(await client.get(url)).content for url in (first, second)] == [b"picture", b"another"]
        vendor.clock.advance(90_000)
        assert (await client.get(first)).status_code == 404


async def test_the_signature_of_a_webhook_covers_who_and_when_but_not_what() -> None:
    async with seated(Fake.KIE) as vendor, calling(Fake.KIE, vendor) as client:
        sent = {**GOOD[0], "callBackUrl": "http://127.0.0.1:9/hook"}
        task = (await client.post(AT, json=sent)).json()["data"]["taskId"]
        vendor.finish(task)

        def holds(headers: dict[str, str]) -> bool:
            covered = f"{task}.{headers['X-Webhook-Timestamp']}".encode()
            mac = hmac.new(b"the-webhook-key", covered, hashlib.sha256).digest()
            return headers["X-Webhook-Signature"] == base64.b64encode(mac).decode()

        genuine, forged, tampered = (vendor.webhook(task, how) for how in ("genuine", "forged", "tampered"))
        assert [holds(hook.headers) for hook in (genuine, forged, tampered)] == [True, False, True]
        assert json.loads(genuine.body)["data"]["taskId"] == task
        assert b"elsewhere" in tampered.body

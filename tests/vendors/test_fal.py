"""fal's own ways: strings for durations, completed failures, cancelling by word, two-step uploads and Ed25519."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.vendors.fal import Fal
from tests.vendors.fal_forms import ENDPOINTS
from tests.vendors.floor import Hook, Time
from tests.vendors.samples import same
from tests.vendors.serving import Fake, seated
from tests.vendors.talks import IMAGE, PROMPT, TALKS, calling, create

pytestmark = pytest.mark.anyio
AT = "/fal-ai/kling-video"
MOVING = {"dynamic_masks": [{"mask_url": IMAGE, "trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}]}
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("v3/pro/image-to-video", {"prompt": PROMPT, "start_image_url": IMAGE, "end_image_url": IMAGE, "duration": "15"}),
    ("o3/pro/image-to-video", {"prompt": PROMPT, "image_url": IMAGE, "end_image_url": IMAGE}),
    ("o3/4k/text-to-video", {"multi_prompt": [{"prompt": PROMPT, "duration": "3"}]}),
    ("o3/standard/video-to-video/edit", {"prompt": "@Video1", "video_url": IMAGE, "keep_audio": True}),
    ("o1/standard/reference-to-video", {"prompt": PROMPT, "image_urls": [IMAGE], "duration": "10"}),
    ("v1.6/pro/effects", {"effect_scene": "hug", "input_image_urls": [IMAGE, IMAGE], "duration": "5"}),
    ("v1/standard/text-to-video", {"prompt": PROMPT, "camera_control": "forward_up"}),
    ("v1/standard/image-to-video", {"prompt": PROMPT, "image_url": IMAGE, "static_mask_url": IMAGE, **MOVING}),
    ("lipsync/audio-to-video", {"video_url": IMAGE, "audio_url": "data:audio/mpeg;base64,AAAA"}),
    ("ai-avatar/v2/standard", {"image_url": IMAGE, "audio_url": IMAGE}),
]
BAD: list[tuple[str, dict[str, Any]]] = [
    ("v3/pro/text-to-video", {"prompt": PROMPT, "duration": 5}),
    ("v3/pro/text-to-video", {"prompt": PROMPT, "duration": "16"}),
    ("v3/pro/image-to-video", {"prompt": PROMPT, "image_url": IMAGE}),
    ("v3/pro/image-to-video", {"prompt": PROMPT, "start_image_url": IMAGE, "aspect_ratio": "1:1"}),
    ("v3/turbo/pro/text-to-video", {"prompt": PROMPT, "generate_audio": False}),
    ("o3/pro/image-to-video", {"prompt": PROMPT, "start_image_url": IMAGE}),
    ("v2.1/standard/image-to-video", {"prompt": PROMPT, "image_url": IMAGE, "tail_image_url": IMAGE}),
    ("v2/master/text-to-video", {"prompt": PROMPT, "camera_control": "forward_up"}),
    ("v1.6/pro/image-to-video", {"prompt": PROMPT, "image_url": IMAGE, **MOVING}),
    ("v1.5/pro/image-to-video", {"prompt": PROMPT, "image_url": IMAGE, "tail_image_url": IMAGE, **MOVING}),
    ("v1.5/pro/image-to-video", {"prompt": PROMPT, "image_url": IMAGE, "duration": "10", **MOVING}),
    ("v2.6/pro/motion-control", {"image_url": IMAGE, "video_url": IMAGE}),
    ("o1/video-to-video/edit", {"prompt": "@Video1", "video_url": IMAGE, "image_urls": [IMAGE] * 4, "elements": [{}]}),
    ("v1.6/pro/effects", {"effect_scene": "hug", "input_image_urls": [IMAGE]}),
    ("v3/pro/text-to-video", {"prompt": PROMPT, "multi_prompt": [{"prompt": PROMPT, "duration": "3"}]}),
]


async def test_every_form_of_the_sheet_is_taken_and_every_misreading_refused() -> None:
    async with seated(Fake.FAL) as vendor, calling(Fake.FAL, vendor) as client:
        assert [(await client.post(f"{AT}/{name}", json=body)).status_code for name, body in GOOD] == [200] * len(GOOD)
        refused = [await client.post(f"{AT}/{name}", json=body) for name, body in BAD]
        assert [told.status_code for told in refused] == [422] * len(BAD)
        assert refused[0].json()["detail"][0]["loc"] == ["body", "duration"]
        assert (await client.post(f"{AT}/v9/text-to-video", json={})).status_code == 404
        assert len(vendor.creates) == len(GOOD)
        assert len(ENDPOINTS) > 70


async def test_a_failure_is_completed_and_told_by_status_or_only_by_the_result() -> None:
    async with seated(Fake.FAL) as vendor, calling(Fake.FAL, vendor) as client:
        task = await create(Fake.FAL, client)
        at = f"{AT}/requests/{task}"
        assert (await client.get(at)).status_code == 400
        vendor.fail(task, "unsafe")
        same(Fake.FAL, "failed_result", await client.get(at))
        told = (await client.get(f"{at}/status")).json()
        assert (told["status"], told["error"]) == ("COMPLETED", "unsafe")
        assert isinstance(vendor, Fal)
        vendor.quiet = True
        assert "error" not in (await client.get(f"{at}/status")).json()
        assert (await client.get(at)).status_code == 422


async def test_schema_errors_may_come_as_late_as_the_result() -> None:
    async with seated(Fake.FAL) as vendor, calling(Fake.FAL, vendor) as client:
        assert isinstance(vendor, Fal)
        vendor.late = True
        told = (await client.post(f"{AT}/{BAD[0][0]}", json=BAD[0][1])).json()
        vendor.finish(told["request_id"])
        assert (await client.get(told["response_url"])).status_code == 422
        assert vendor.bills == []


async def test_pending_is_202_and_the_result_names_the_file() -> None:
    async with seated(Fake.FAL, clock=Time(1e9), tick=0) as vendor, calling(Fake.FAL, vendor) as client:
        told = (await client.post(TALKS[Fake.FAL].path, json=TALKS[Fake.FAL].body)).json()
        assert (await client.get(told["status_url"])).status_code == 202
        vendor.finish(told["request_id"])
        assert (await client.get(told["status_url"])).status_code == 200
        result = await client.get(told["response_url"])
        same(Fake.FAL, "result", result)
        video = result.json()["video"]
        assert len((await client.get(video["url"])).content) == video["file_size"]


async def test_cancelling_depends_on_how_far_a_request_is() -> None:
    clock = Time(1e9)
    async with seated(Fake.FAL, clock=clock, tick=0) as vendor, calling(Fake.FAL, vendor) as client:
        first, second = [await create(Fake.FAL, client) for _ in range(2)]
        at = f"{AT}/requests"
        words = [(await client.put(f"{at}/{first}/cancel")).json()["status"]]
        clock.advance(1.5)
        words.append((await client.put(f"{at}/{second}/cancel")).json()["status"])
        clock.advance(1.5)
        words += [(await client.put(f"{at}/{task}/cancel")).json()["status"] for task in (second, "none")]
        assert words == ["OK", "CANCELLATION_REQUESTED", "ALREADY_COMPLETED", "NOT_FOUND"]
        assert [bill.task_id for bill in vendor.bills] == [second]


async def test_uploads_take_two_steps_and_the_balance_an_admin() -> None:
    async with seated(Fake.FAL, balance=2) as vendor, calling(Fake.FAL, vendor) as client:
        reserve = "/storage/upload/initiate?storage_type=fal-cdn-v3"
        told = (await client.post(reserve, json={"content_type": "image/png", "file_name": "a.png"})).json()
        assert (await client.get(told["file_url"])).status_code == 404
        await client.put(told["upload_url"], content=b"picture", headers={"content-type": "image/png"})
        assert (await client.get(told["file_url"])).content == b"picture"
        await create(Fake.FAL, client)
        credits = (await client.get("/v1/account/billing?expand=credits")).json()["credits"]
        assert credits == {"current_balance": 1.44, "currency": "USD"}
        assert isinstance(vendor, Fal)
        vendor.admin = False
        assert (await client.get("/v1/account/billing?expand=credits")).status_code == 403


async def test_webhooks_are_signed_over_who_when_and_what() -> None:
    async with seated(Fake.FAL) as vendor, calling(Fake.FAL, vendor) as client:
        at = f"{TALKS[Fake.FAL].path}?fal_webhook=http%3A%2F%2F127.0.0.1%3A9%2Fhook"
        task = (await client.post(at, json=TALKS[Fake.FAL].body)).json()["request_id"]
        vendor.finish(task)
        keys = [key["x"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]]
        hooks = {how: vendor.webhook(task, how) for how in ("genuine", "replayed", "stale", "forged", "tampered")}
        holds = {how: any(_verifies(hook, key) for key in keys) for how, hook in hooks.items()}
        assert holds == {"genuine": True, "replayed": True, "stale": True, "forged": False, "tampered": False}
        assert hooks["genuine"].url == "http://127.0.0.1:9/hook"
        assert json.loads(hooks["genuine"].body)["payload"]["video"]
        times = {how: int(hook.headers["X-Fal-Webhook-Timestamp"]) for how, hook in hooks.items()}
        assert times["genuine"] == times["replayed"]
        assert times["genuine"] - times["stale"] > 3000


def _verifies(hook: Hook, key: str) -> bool:
    names = ("Request-Id", "User-Id", "Timestamp")
    signed = [*(hook.headers[f"X-Fal-Webhook-{name}"] for name in names), hashlib.sha256(hook.body).hexdigest()]
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key))
        public.verify(bytes.fromhex(hook.headers["X-Fal-Webhook-Signature"]), "\n".join(signed).encode())
    except InvalidSignature:
        return False
    return True

"""kling3api's own ways: a type that says everything, ids by family, credits told, sound on unless refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.vendors.kling3api import Kling3Api
from tests.vendors.serving import Fake, seated
from tests.vendors.talks import IMAGE, PROMPT, calling, create, poll

pytestmark = pytest.mark.anyio
AT = "/api/generate"


def body(kind: str, **asked: Any) -> dict[str, Any]:
    return {"type": kind, "prompt": PROMPT, **asked}


GOOD = [
    body("pro-text-to-video", duration=5, aspect_ratio="16:9", sound=False, cfg_scale=0.5),
    body("std-image-to-video", image=IMAGE, end_image=IMAGE, duration=5),
    body("o3-pro-reference-to-video", images=[IMAGE, IMAGE], duration=5, aspect_ratio="16:9", sound=False),
    body("o3-pro-video-edit", video=IMAGE, keep_original_sound=True),
]
BAD = [
    body("pro-text-to-video", duration="5"),
    body("pro-text-to-video", duration=16),
    body("pro-image-to-video"),
    body("pro-text-to-video", prompt="x" * 2001),
    body("o3-pro-text-to-video", cfg_scale=0.5),
    body("o3-pro-video-edit"),
    body("4k-text-to-video"),
]


async def test_every_form_of_the_sheet_is_taken_and_every_misreading_refused() -> None:
    async with seated(Fake.KLING3API) as vendor, calling(Fake.KLING3API, vendor) as client:
        told = [(await client.post(AT, json=each)).json()["data"] for each in GOOD]
        assert [each["consumed_credits"] for each in told] == [270, 300, 360, 435]
        assert [each["task_id"][:3] for each in told] == ["n75", "n75", "n71", "n71"]
        words = [(await client.post(AT, json=each)).json()["message"].partition(":")[0] for each in BAD]
        wrong = ["INVALID_DURATION"] * 2 + ["MISSING_IMAGE", "INVALID_PROMPT", "INVALID_PROMPT", "MISSING_VIDEO"]
        assert words == [*wrong, "INVALID_TYPE"]
        assert vendor.creates == GOOD


async def test_errors_may_hide_in_200_and_success_has_two_words() -> None:
    async with seated(Fake.KLING3API) as vendor, calling(Fake.KLING3API, vendor) as client:
        vendor.fault("hidden-402")
        told = await client.post(AT, json=GOOD[0])
        assert (told.status_code, told.json()) == (200, {"code": 402, "message": "INSUFFICIENT_CREDITS"})
        task = await create(Fake.KLING3API, client)
        vendor.finish(task)
        assert isinstance(vendor, Kling3Api)
        vendor.done_word = "COMPLETED"
        assert (await poll(Fake.KLING3API, client, task)).json()["data"]["status"] == "COMPLETED"

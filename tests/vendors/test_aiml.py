"""AI/ML API's own ways: ids with slashes, a flat body per model, no funds as 403, and a catalogue for everybody."""

from __future__ import annotations

from typing import Any

import pytest
from tests.vendors.floor import Pace
from tests.vendors.serving import Fake, seated
from tests.vendors.talks import IMAGE, PROMPT, TALKS, calling, create, poll

pytestmark = pytest.mark.anyio
AT = "/v2/video/generations"


def body(model: str, **asked: Any) -> dict[str, Any]:
    return {"model": model, **asked}


CAMERA = {"type": "simple", "config": {"zoom": 5}}
MOVING = {"dynamic_masks": [{"mask": IMAGE, "trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}]}
GOOD = [
    body("klingai/video-v3-pro-image-to-video", prompt=PROMPT, image_url=IMAGE, tail_image_url=IMAGE, duration=5),
    body("klingai/video-v3-standard-text-to-video", multi_prompt=[PROMPT, PROMPT], generate_audio=False),
    body("klingai/video-v3-turbo-pro-text-to-video", multi_prompt=[{"prompt": PROMPT, "duration": 3}]),
    body("klingai/video-v3-motion-control", image_url=IMAGE, video_url=IMAGE, keep_audio=True, mode="std"),
    body("klingai/video-o1-image-to-video", prompt=PROMPT, image_url=IMAGE, last_image_url=IMAGE),
    body("klingai/video-o1-video-to-video-edit", prompt=PROMPT, video_url=IMAGE, image_list=[IMAGE], keep_audio=True),
    body("klingai/kling-video-v1.6-pro-effects", image_url=[IMAGE, IMAGE], effect_scene="hug", duration=5),
    body("kling-video/v1.6/pro/text-to-video", prompt=PROMPT, camera_control="forward_up"),
    body("kling-video/v1/pro/image-to-video", image_url=IMAGE, camera_control=CAMERA),
    body("kling-video/v1.5/pro/image-to-video", image_url=IMAGE, static_mask=IMAGE, **MOVING),
    body("kling-video/v1/pro/image-to-video", image_url=IMAGE, camera_control={"type": "down_back"}),
    body("klingai/avatar-standard", image_url="data:image/png;base64,AAAA", audio_url=IMAGE),
    body(
        "klingai/video-v3-omni-720p-image-to-video",
        prompt=PROMPT,
        image_url=IMAGE,
        tail_image_url=IMAGE,
        generate_audio=False,
    ),
]
BAD = [
    body("klingai/video-v3-pro-text-to-video", prompt=PROMPT, duration="5"),
    body("klingai/video-v3-pro-image-to-video", prompt=PROMPT, image_url=IMAGE, last_image_url=IMAGE),
    body("klingai/video-v3-pro-text-to-video", multi_prompt=[{"prompt": PROMPT}]),
    body("klingai/video-v3-turbo-pro-text-to-video", multi_prompt=[PROMPT]),
    body("klingai/video-v3-turbo-pro-text-to-video", prompt=PROMPT, generate_audio=False),
    body("klingai/video-v3-omni-720p-image-to-video", prompt=PROMPT, image_url=IMAGE, tail_image_url=IMAGE),
    body("klingai/video-o1-image-to-video", prompt=PROMPT, image_url=IMAGE, tail_image_url=IMAGE),
    body("kling-video/v2.1/pro/image-to-video", image_url=IMAGE, tail_image_url=IMAGE),
    body("kling-video/v1.6/pro/text-to-video", prompt=PROMPT, camera_control=CAMERA),
    body("kling-video/v1/pro/image-to-video", image_url=IMAGE, camera_control="forward_up"),
    body("kling-video/v1/pro/image-to-video", image_url=IMAGE, camera_control={**CAMERA, "type": "down_back"}),
    body("kling-video/v1/pro/image-to-video", image_url=IMAGE, camera_control=CAMERA, **MOVING),
    body("kling-video/v1/pro/image-to-video", image_url=IMAGE, tail_image_url=IMAGE, static_mask=IMAGE),
    body("kling-video/v1/pro/image-to-video", image_url=IMAGE, dynamic_masks=[{"mask": IMAGE, "trajectories": []}]),
    body("kling-video/v1.6/standard/image-to-video", image_url=IMAGE, **MOVING),
    body("klingai/kling-video-v1.6-pro-effects", image_url=IMAGE, effect_scene="hug"),
]


async def test_every_form_of_the_sheet_is_taken_and_every_misreading_refused() -> None:
    async with seated(Fake.AIML) as vendor, calling(Fake.AIML, vendor) as client:
        taken = [await client.post(AT, json=each) for each in GOOD]
        assert [told.status_code for told in taken] == [200] * len(GOOD), [told.text for told in taken]
        assert taken[0].headers["x-aimlapi-usd-spent"] == "0.728"
        refused = [(await client.post(AT, json=each)).status_code for each in BAD]
        assert refused == [400] * len(BAD)
        assert (await client.post(AT, json=body("klingai/v9", prompt=PROMPT))).status_code == 404
        assert vendor.creates == GOOD


async def test_ids_carry_slashes_and_colons() -> None:
    async with seated(Fake.AIML) as vendor, calling(Fake.AIML, vendor) as client:
        task = await create(Fake.AIML, client)
        assert task.endswith(":klingai/video-v3-pro-text-to-video")
        assert (await poll(Fake.AIML, client, task)).json()["id"] == task
        assert (await client.get(f"{AT}/{task}")).status_code == 404


async def test_no_funds_are_403_and_the_balance_is_in_dollars() -> None:
    async with seated(Fake.AIML, balance=1.5) as vendor, calling(Fake.AIML, vendor) as client:
        await create(Fake.AIML, client)
        assert (await client.get("/v2/billing")).json() == {"current_balance": 0.5, "currency": "USD"}
        told = await client.post(AT, json=TALKS[Fake.AIML].body)
        assert (told.status_code, told.json()["statusCode"]) == (403, 403)


async def test_a_correlation_id_is_checked_and_the_catalogue_is_open() -> None:
    async with seated(Fake.AIML) as vendor, calling(Fake.AIML, vendor, "no key") as client:
        assert {"id": "klingai/avatar-pro", "type": "video"} in (await client.get("/v1/models")).json()["data"]
        headers = {"Authorization": f"Bearer {vendor.key}", "X-Client-Request-Id": "with spaces"}
        assert (await client.post(AT, json=GOOD[0], headers=headers)).status_code == 400


async def test_pictures_come_with_the_answer_and_need_pictures() -> None:
    async with seated(Fake.AIML, pace=Pace(0, 0)) as vendor, calling(Fake.AIML, vendor) as client:
        asked = body("klingai/image-o1", prompt=PROMPT, image_urls=[IMAGE], num_images=2)
        drawn = (await client.post("/v1/images/generations", json=asked)).json()["data"]
        assert [(await client.get(each["url"])).content[1:4] for each in drawn] == [b"PNG"] * 2
        bare = body("klingai/image-o1", prompt=PROMPT)
        assert (await client.post("/v1/images/generations", json=bare)).status_code == 400
        assert len(vendor.bills) == 1

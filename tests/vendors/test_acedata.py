"""AceDataCloud's own ways: an open line unless told otherwise, no status word, and callbacks that nothing signs."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from tests.vendors.acedata import AceData, Ending
from tests.vendors.floor import Time
from tests.vendors.samples import same
from tests.vendors.serving import Fake, seated, serving
from tests.vendors.talks import IMAGE, PROMPT, calling, create, poll

pytestmark = pytest.mark.anyio
VIDEO = [{"video_url": IMAGE, "refer_type": "base", "keep_original_sound": "yes"}]


def body(action: str, model: str, **asked: Any) -> dict[str, Any]:
    return {"action": action, "model": model, "async": True, **asked}


MOTION = {"mode": "std", "image_url": IMAGE, "video_url": IMAGE, "character_orientation": "video", "async": True}
SPEECH = {"mode": "text2video", "video_url": IMAGE, "text": "Hello", "voice_id": "a", "voice_speed": 1.0, "async": True}
CAMERA = {"type": "simple", "config": {"pan": 0.5}}
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("videos", body("text2video", "kling-v3", prompt=PROMPT, mode="4k", duration=15, generate_audio=False)),
    ("videos", body("image2video", "kling-v3", prompt=PROMPT, start_image_url=IMAGE, end_image_url=IMAGE)),
    ("videos", body("extend", "kling-v2-5-turbo", video_id="v", prompt=PROMPT)),
    ("videos", body("text2video", "kling-o1", prompt="<<<video_1>>>", video_list=VIDEO)),
    ("videos", body("text2video", "kling-v1", prompt=PROMPT, camera_control=CAMERA)),
    ("videos", body("text2video", "kling-v2-6", mode="pro", prompt=PROMPT, generate_audio=True)),
    ("motion", {**MOTION, "keep_original_sound": "yes"}),
    ("lip-sync", SPEECH),
    ("talking-photo", {"image_url": IMAGE, "audio_url": IMAGE, "duration": 5, "async": True}),
]
BAD: list[tuple[str, dict[str, Any]]] = [
    ("videos", body("text2video", "kling-v3", prompt=PROMPT, duration="5")),
    ("videos", body("text2video", "kling-v2-6", prompt=PROMPT, duration=7)),
    ("videos", body("text2video", "kling-v2-6", mode="std", prompt=PROMPT, generate_audio=True)),
    ("videos", body("text2video", "kling-v2-6", mode="4k", prompt=PROMPT)),
    ("videos", body("image2video", "kling-v3", prompt=PROMPT, end_image_url=IMAGE)),
    ("videos", body("image2video", "kling-v3", prompt=PROMPT, start_image_url="data:image/png;base64,AAAA")),
    ("videos", body("extend", "kling-v3", video_id="v")),
    ("videos", body("text2video", "kling-v3", prompt=PROMPT, video_list=VIDEO)),
    ("videos", body("text2video", "kling-o1", prompt=PROMPT, cfg_scale=0.5)),
    ("videos", body("text2video", "kling-v1", prompt=PROMPT, camera_control={**CAMERA, "config": {"pan": 5}})),
    ("motion", {**MOTION, "keep_original_sound": True}),
    ("motion", {**MOTION, "model": "kling-v3"}),
    ("lip-sync", {**SPEECH, "video_id": "v"}),
    ("storyboard", {}),
]


async def test_every_form_of_the_sheet_is_taken_and_every_misreading_refused() -> None:
    async with seated(Fake.ACEDATA) as vendor, calling(Fake.ACEDATA, vendor) as client:
        taken = [await client.post(f"/kling/{path}", json=asked) for path, asked in GOOD]
        assert [told.status_code for told in taken] == [200] * len(GOOD), [told.text for told in taken]
        refused = [(await client.post(f"/kling/{path}", json=asked)).status_code for path, asked in BAD]
        assert refused == [400] * len(BAD)
        assert len(vendor.creates) == len(GOOD)


async def test_the_line_stays_open_unless_async_or_a_callback_is_asked_for() -> None:
    asked = {name: value for name, value in GOOD[0][1].items() if name != "async"}
    async with serving(Fake.ACEDATA, clock=Time(1e9), tick=0) as vendor, calling(Fake.ACEDATA, vendor) as client:
        told: list[dict[str, Any]] = []

        async def ask() -> None:
            told.append((await client.post("/kling/videos", json=asked)).json())

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                while not vendor.creates:
                    await anyio.sleep(0.01)
                at_once = await client.post("/kling/videos", json={**asked, "callback_url": "http://127.0.0.1:9/t"})
                assert list(at_once.json()) == ["task_id"]
                assert told == []
                vendor.finish(vendor.tasks[0].id)
        assert told[0]["video_url"] == vendor.result_url(vendor.tasks[0])


async def test_a_record_tells_its_end_in_each_way_of_the_decision_order() -> None:
    clock = Time(1e9)
    async with seated(Fake.ACEDATA, clock=clock, tick=0) as vendor, calling(Fake.ACEDATA, vendor) as client:
        assert isinstance(vendor, AceData)
        running, doomed = [await create(Fake.ACEDATA, client) for _ in range(2)]
        clock.advance(1.5)
        vendor.fail(doomed, "too dark")

        async def record(task: str, ending: Ending, name: str) -> dict[str, Any]:
            vendor.ending = ending
            answer = await poll(Fake.ACEDATA, client, task)
            same(Fake.ACEDATA, name, answer)
            told: dict[str, Any] = answer.json()
            return told

        assert "response" not in await record(running, "state", "running")
        assert (await record(running, "transient", "running_transient"))["response"]["error"] == "upstream is busy"
        assert (await record(running, "empty", "running_empty"))["response"]["video_url"] == ""
        assert (await record(doomed, "state", "failed"))["response"]["state"] == "failed"
        early = await record(doomed, "early", "failed_early")
        assert "finished_at" not in early
        assert early["response"]["error"] == {"code": "api_error", "message": "too dark"}
        late = await record(doomed, "success", "failed_wordless")
        assert "state" not in late["response"]
        assert late["finished_at"]
        vendor.finish(running)
        assert "state" not in (await record(running, "success", "succeeded_wordless"))["response"]


async def test_several_tasks_are_asked_for_at_once() -> None:
    async with seated(Fake.ACEDATA) as vendor, calling(Fake.ACEDATA, vendor) as client:
        ids = [await create(Fake.ACEDATA, client) for _ in range(2)]
        told = (await client.post("/kling/tasks", json={"ids": ids, "action": "retrieve_batch"})).json()
        assert (told["count"], [item["id"] for item in told["items"]]) == (2, ids)
        assert len(vendor.creates) == 2


async def test_a_callback_is_only_as_secret_as_its_address() -> None:
    url = "http://127.0.0.1:9/callbacks/acedata/the-random-token"
    async with seated(Fake.ACEDATA) as vendor, calling(Fake.ACEDATA, vendor) as client:
        told = await client.post("/kling/videos", json={**GOOD[0][1], "callback_url": url})
        task = told.json()["task_id"]
        vendor.finish(task)
        genuine, forged = vendor.webhook(task), vendor.webhook(task, "forged")
        assert (genuine.url, genuine.headers) == (url, {})
        assert forged.url != url
        assert b"elsewhere" in vendor.webhook(task, "tampered").body

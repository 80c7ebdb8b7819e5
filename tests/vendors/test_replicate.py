"""Replicate's own ways: results that vanish after an hour, cancelling that may cost, files, and Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import anyio
import pytest
from tests.vendors.floor import Hook, Time
from tests.vendors.replicate import Replicate
from tests.vendors.samples import same
from tests.vendors.serving import Fake, seated
from tests.vendors.talks import IMAGE, PROMPT, TALKS, calling, create

pytestmark = pytest.mark.anyio
SHOTS = json.dumps([{"prompt": PROMPT, "duration": 3}, {"prompt": PROMPT, "duration": 2}])
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("kling-v3-video", {"prompt": PROMPT, "start_image": IMAGE, "end_image": IMAGE, "mode": "4k"}),
    ("kling-v3-video", {"prompt": PROMPT, "multi_prompt": SHOTS, "duration": 5}),
    ("kling-v3-omni-video", {"prompt": "<<<video_1>>>", "reference_video": IMAGE, "video_reference_type": "base"}),
    ("kling-o1", {"prompt": PROMPT, "mode": "std", "duration": 10}),
    ("kling-v3-motion-control", {"image": IMAGE, "video": IMAGE, "mode": "std", "character_orientation": "video"}),
    ("kling-lip-sync", {"video_url": IMAGE, "text": "Hello", "voice_id": "en_AOT", "voice_speed": 1}),
    ("kling-avatar-v2", {"image": "data:image/png;base64,AAAA", "audio": IMAGE, "mode": "std"}),
]
BAD: list[tuple[str, dict[str, Any]]] = [
    ("kling-v3-video", {"prompt": PROMPT, "mode": "std"}),
    ("kling-o1", {"prompt": PROMPT, "mode": "standard"}),
    ("kling-v3-video", {"prompt": PROMPT, "duration": "5"}),
    ("kling-v3-video", {"prompt": PROMPT, "end_image": IMAGE}),
    ("kling-v3-video", {"prompt": PROMPT, "multi_prompt": SHOTS, "duration": 6}),
    ("kling-v3-omni-video", {"prompt": PROMPT, "negative_prompt": "fog"}),
    ("kling-v3-omni-video", {"prompt": PROMPT, "reference_video": IMAGE, "generate_audio": True}),
    ("kling-v2.6", {"prompt": PROMPT, "start_image": IMAGE, "end_image": IMAGE}),
    ("kling-v2.1", {"prompt": PROMPT, "start_image": IMAGE, "end_image": IMAGE}),
    ("kling-lip-sync", {"video_url": IMAGE, "text": "Hello", "audio_file": IMAGE}),
]


def at(name: str) -> str:
    return f"/v1/models/kwaivgi/{name}/predictions"


async def test_every_form_of_the_sheet_is_taken_and_every_misreading_refused() -> None:
    async with seated(Fake.REPLICATE) as vendor, calling(Fake.REPLICATE, vendor) as client:
        taken = [(await client.post(at(name), json={"input": asked})).status_code for name, asked in GOOD]
        assert taken == [201] * len(GOOD)
        refused = [(await client.post(at(name), json={"input": asked})).status_code for name, asked in BAD]
        assert refused == [422] * len(BAD)
        assert (await client.post(at("kling-v9"), json={"input": {}})).status_code == 404
        by_version = {"version": "kwaivgi/kling-o1", "input": GOOD[3][1]}
        assert (await client.post("/v1/predictions", json=by_version)).status_code == 201
        assert len((await client.get("/v1/predictions")).json()["results"]) == len(GOOD) + 1


async def test_after_an_hour_a_prediction_has_no_output_and_its_file_is_gone() -> None:
    async with seated(Fake.REPLICATE) as vendor, calling(Fake.REPLICATE, vendor) as client:
        task = await create(Fake.REPLICATE, client)
        vendor.finish(task)
        url = (await client.get(f"/v1/predictions/{task}")).json()["output"]
        assert (await client.get(url)).status_code == 200
        vendor.clock.advance(3601)
        gone = await client.get(f"/v1/predictions/{task}")
        same(Fake.REPLICATE, "removed", gone)
        told = gone.json()
        assert (told["status"], told["output"], told["data_removed"], told["input"]) == ("succeeded", None, True, {})
        assert (await client.get(url)).status_code == 404


async def test_what_is_cancelled_while_it_runs_is_billed() -> None:
    clock = Time(1e9)
    async with seated(Fake.REPLICATE, clock=clock, tick=0) as vendor, calling(Fake.REPLICATE, vendor) as client:
        first, second, third = [await create(Fake.REPLICATE, client) for _ in range(3)]
        words = [(await client.post(f"/v1/predictions/{first}/cancel")).json()["status"]]
        assert isinstance(vendor, Replicate)
        vendor.abort(third)
        clock.advance(1.5)
        stopped = await client.post(f"/v1/predictions/{second}/cancel")
        same(Fake.REPLICATE, "cancelled", stopped)
        words.append(stopped.json()["status"])
        words.append((await client.get(f"/v1/predictions/{third}")).json()["status"])
        assert words == ["canceled", "canceled", "aborted"]
        assert [bill.task_id for bill in vendor.bills] == [second]


async def test_who_prefers_to_wait_waits() -> None:
    talk, clock = TALKS[Fake.REPLICATE], Time(1e9)
    async with seated(Fake.REPLICATE, clock=clock, tick=0) as vendor, calling(Fake.REPLICATE, vendor) as client:
        told = []

        async def ask() -> None:
            told.append((await client.post(talk.path, json=talk.body, headers={"Prefer": "wait"})).json()["status"])

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                while not vendor.creates:
                    await anyio.sleep(0.01)
                assert told == []
                vendor.finish(vendor.tasks[0].id)
        assert told == ["succeeded"]


async def test_files_go_up_as_a_form() -> None:
    async with seated(Fake.REPLICATE) as vendor, calling(Fake.REPLICATE, vendor) as client:
        told = await client.post("/v1/files", files={"content": ("a.png", b"picture", "image/png")})
        assert (await client.get(told.json()["urls"]["get"])).content == b"picture"
        assert (await client.get("/v1/account")).json() == {"type": "user", "username": "tests", "name": "Tests"}


async def test_webhooks_are_signed_by_the_accounts_secret() -> None:
    async with seated(Fake.REPLICATE) as vendor, calling(Fake.REPLICATE, vendor) as client:
        task = await create(Fake.REPLICATE, client)
        secret = (await client.get("/v1/webhooks/default/secret")).json()["key"]
        key = base64.b64decode(secret.removeprefix("whsec_"))

        def holds(hook: Hook) -> bool:
            covered = f"{hook.headers['webhook-id']}.{hook.headers['webhook-timestamp']}.".encode() + hook.body
            mac = "v1," + base64.b64encode(hmac.new(key, covered, hashlib.sha256).digest()).decode()
            return mac in hook.headers["webhook-signature"].split()

        held = {how: holds(vendor.webhook(task, how)) for how in ("genuine", "replayed", "stale", "forged", "tampered")}
        assert held == {"genuine": True, "replayed": True, "stale": True, "forged": False, "tampered": False}

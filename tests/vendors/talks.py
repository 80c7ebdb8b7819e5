"""The least that a caller says to each vendor, written out: what the tests of the fakes send, and no codec of ours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2
from tests.vendors.serving import Fake
from tests.vendors.vendor import Vendor

PROMPT = "a lighthouse in rain"
IMAGE = "https://media.example/first.png"


@dataclass(frozen=True)
class Talk:
    """How to create, poll and read one vendor. `id_of` reads the answer to a create; `poll` asks for that id."""

    path: str
    body: dict[str, Any]
    headers: Callable[[str], dict[str, str]]
    id_of: Callable[[Any], str]
    poll: Callable[[str], tuple[str, str, Any]]
    word: Callable[[Any], Any]


def by_bearer(key: str) -> dict[str, str]:
    """Return the header that most vendors want."""
    return {"Authorization": f"Bearer {key}"}


TALKS = {
    Fake.PIAPI: Talk(
        "/api/v1/task",
        {
            "model": "kling",
            "task_type": "video_generation",
            "input": {"version": "3.0", "mode": "pro", "prompt": PROMPT, "duration": 5, "enable_audio": False},
        },
        lambda key: {"x-api-key": key},
        lambda told: str(told["data"]["task_id"]),
        lambda task: ("GET", f"/api/v1/task/{task}", None),
        lambda told: told["data"]["status"],
    ),
    Fake.AIML: Talk(
        "/v2/video/generations",
        {
            "model": "klingai/video-v3-pro-text-to-video",
            "prompt": PROMPT,
            "duration": 5,
            "aspect_ratio": "16:9",
            "generate_audio": False,
        },
        by_bearer,
        lambda told: str(told["id"]),
        lambda task: ("GET", f"/v2/video/generations?generation_id={quote(task, safe='')}", None),
        lambda told: told["status"],
    ),
    Fake.FAL: Talk(
        "/fal-ai/kling-video/v3/pro/text-to-video",
        {"prompt": PROMPT, "duration": "5", "aspect_ratio": "16:9", "generate_audio": False},
        lambda key: {"Authorization": f"Key {key}"},
        lambda told: str(told["request_id"]),
        lambda task: ("GET", f"/fal-ai/kling-video/requests/{task}/status", None),
        lambda told: told["status"],
    ),
    Fake.KIE: Talk(
        "/api/v1/jobs/createTask",
        {
            "model": "kling-3.0/video",
            "input": {
                "prompt": PROMPT,
                "sound": False,
                "duration": "5",
                "aspect_ratio": "16:9",
                "mode": "pro",
                "multi_shots": False,
                "multi_prompt": [],
            },
        },
        by_bearer,
        lambda told: str(told["data"]["taskId"]),
        lambda task: ("GET", f"/api/v1/jobs/recordInfo?taskId={task}", None),
        lambda told: told["data"]["state"],
    ),
    Fake.REPLICATE: Talk(
        "/v1/models/kwaivgi/kling-v3-video/predictions",
        {"input": {"prompt": PROMPT, "mode": "pro", "duration": 5, "aspect_ratio": "16:9", "generate_audio": False}},
        by_bearer,
        lambda told: str(told["id"]),
        lambda task: ("GET", f"/v1/predictions/{task}", None),
        lambda told: told["status"],
    ),
    Fake.ACEDATA: Talk(
        "/kling/videos",
        {
            "action": "text2video",
            "model": "kling-v3",
            "mode": "std",
            "prompt": PROMPT,
            "duration": 5,
            "generate_audio": False,
            "async": True,
        },
        by_bearer,
        lambda told: str(told["task_id"]),
        lambda task: ("POST", "/kling/tasks", {"id": task, "action": "retrieve"}),
        lambda told: told.get("response", {}).get("state"),
    ),
    Fake.KLING3API: Talk(
        "/api/generate",
        {"type": "pro-text-to-video", "prompt": PROMPT, "duration": 5, "aspect_ratio": "16:9", "sound": False},
        by_bearer,
        lambda told: str(told["data"]["task_id"]),
        lambda task: ("GET", f"/api/status?task_id={task}", None),
        lambda told: told["data"]["status"],
    ),
}


def calling(fake: Fake, vendor: Vendor, key: str = "") -> AbstractAsyncContextManager[httpx2.AsyncClient]:
    """Return a client that holds a vendor's key; it goes over a socket if the vendor is on one."""
    headers = TALKS[fake].headers(key or vendor.key)
    wire = None if "127.0.0.1" in vendor.base_url else httpx2.ASGITransport(vendor)
    return httpx2.AsyncClient(
        base_url=vendor.base_url, headers=headers, timeout=10, trust_env=False, verify=False, transport=wire
    )


async def create(fake: Fake, client: httpx2.AsyncClient) -> str:
    """Create the vendor's plainest task; return its id."""
    told = await client.post(TALKS[fake].path, json=TALKS[fake].body)
    assert told.status_code < 300, told.text
    return TALKS[fake].id_of(told.json())


async def poll(fake: Fake, client: httpx2.AsyncClient, task: str) -> httpx2.Response:
    """Ask once how far a task is."""
    method, path, body = TALKS[fake].poll(task)
    return await client.request(method, path, json=body)

"""What the real API ignores without a word is named in the log: a client can be shown to send nothing in vain."""

from __future__ import annotations

import pytest
from tests.sandbox.conftest import base64_of, jpeg

from kling_sandbox import fields

pytestmark = pytest.mark.anyio

PICTURE = base64_of(jpeg(size=(300, 300)))
PROMPT = {"type": "prompt", "text": "x"}
FIRST = {"type": "first_frame", "url": PICTURE}

SENT = {
    "nothing in vain": (
        "/text-to-video/kling-3.0",
        {
            "prompt": "x",
            "settings": {
                "duration": 5,
                "resolution": "720p",
                "aspect_ratio": "1:1",
                "audio": "off",
                "multi_shot": False,
            },
            "options": {"external_task_id": "a", "callback_url": "", "watermark_info": {"enabled": False}},
        },
        [],
    ),
    "legacy words on a new path": (
        "/text-to-video/kling-3.0",
        {"prompt": "x", "negative_prompt": "y", "mode": "pro", "settings": {"mode": "pro", "cfg_scale": 0.5}},
        ["negative_prompt", "mode", "settings.mode", "settings.cfg_scale"],
    ),
    "settings of other models": (
        "/text-to-video/kling-3.0-turbo",
        {"prompt": "x", "settings": {"audio": "off", "multi_shot": True}},
        ["settings.audio", "settings.multi_shot"],
    ),
    "a ratio beside a first frame": (
        "/image-to-video/kling-3.0",
        {"contents": [PROMPT, FIRST], "settings": {"aspect_ratio": "1:1"}},
        ["settings.aspect_ratio"],
    ),
    "an unknown content and a name nobody reads": (
        "/image-to-video/kling-3.0",
        {"contents": [PROMPT, {**FIRST, "id": "a"}, {"type": "refer_image", "url": PICTURE}]},
        ["contents[1].id", "contents[2]"],
    ),
    "contents on text to video": ("/text-to-video/kling-2.6", {"prompt": "x", "contents": [PROMPT]}, ["contents"]),
    "null is nothing": ("/text-to-video/kling-2.6", {"prompt": "x", "seed": None}, []),
    "legacy camera and ratio": (
        "/v1/videos/image2video",
        {
            "model_name": "kling-v3",
            "model": "kling-v1",
            "prompt": "x",
            "image": PICTURE,
            "aspect_ratio": "1:1",
            "camera_control": {"type": "simple"},
        },
        ["model", "aspect_ratio", "camera_control"],
    ),
    "a field nobody knows in a listed shot": (
        "/v1/videos/text2video",
        {
            "model_name": "kling-v3",
            "prompt": "x",
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [{"index": 1, "prompt": "a", "duration": "5", "camera": "low"}],
        },
        ["multi_prompt[0].camera"],
    ),
    "shots without multi_shot": (
        "/v1/videos/text2video",
        {"model_name": "kling-v3", "prompt": "x", "shot_type": "customize", "multi_prompt": [{}]},
        ["shot_type", "multi_prompt"],
    ),
    "a watermark of an effect": (
        "/v1/videos/effects",
        {"effect_scene": "pet_dance", "input": {"image": PICTURE, "mode": "pro"}, "watermark_info": {"enabled": True}},
        ["input.mode", "watermark_info"],
    ),
}


@pytest.mark.parametrize("row", SENT.values(), ids=SENT.keys())
async def test_what_a_product_does_not_read_is_named(house, row):
    path, body, ignored = row
    reply = await house.call("POST", path, json=body)
    assert reply.status_code == 200, reply.text
    assert await house.ignored() == ignored


async def test_beside_a_cursor_a_list_ignores_everything(house):
    for _ in range(2):
        await house.buy()
    cursor = (await house.call("POST", "/tasks", json={"limit": 1})).json()["data"]["next_cursor"]
    await house.call("POST", "/tasks", json={"cursor": cursor, "limit": 5})
    assert (await house.bare.get("/sandbox/requests")).json()[-1]["ignored"] == ["limit"]


async def test_a_refused_call_names_nothing_because_nobody_read_on(house):
    await house.call("POST", "/text-to-video/kling-3.0", json={"prompt": "", "mode": "pro"})
    assert await house.ignored() == []


def test_a_body_remembers_what_was_read_at_every_depth():
    body = fields.Tracked({"a": 1, "b": {"c": 2, "d": 3}, "e": [{"f": 4}, {"f": 5, "g": 6}], "h": [1]})
    assert fields.obj(body, "b")["c"] == 2
    assert [part.get("f") for part in fields.objects(body, "e")[1:]] == [5]
    assert body.unread() == ["a", "b.d", "e[0]", "e[1].g", "h"]

"""What is refused, row by row (kling-official 3.1, 3.2, 4.2, 4.3), and that a refusal buys nothing."""

from __future__ import annotations

import json

import pytest
from tests.sandbox.conftest import base64_of, jpeg

pytestmark = pytest.mark.anyio

PICTURE = base64_of(jpeg(size=(300, 300)))
PROMPT = {"type": "prompt", "text": "it moves"}
FIRST = {"type": "first_frame", "url": PICTURE}
LAST = {"type": "last_frame", "url": PICTURE}
ELEMENT = {"type": "element", "element_id": "5", "id": "Zhang"}
VOICE = {"type": "voice", "voice_id": "7", "id": "v"}
SHARP = {"resolution": "1080p"}


def text(model: str, prompt: object = "a fox", **settings: object) -> tuple[str, dict]:
    return f"/text-to-video/{model}", {"prompt": prompt, "settings": settings}


def image(model: str, *contents: dict, **settings: object) -> tuple[str, dict]:
    return f"/image-to-video/{model}", {"contents": list(contents), "settings": settings}


def old(**body: object) -> tuple[str, dict]:
    return "/v1/videos/text2video", {"prompt": "a fox", "model_name": "kling-v3", **body}


def old_image(**body: object) -> tuple[str, dict]:
    return "/v1/videos/image2video", {"prompt": "a fox", "model_name": "kling-v3", "image": PICTURE, **body}


REFUSED = {
    "no prompt": (text("kling-3.0", None), "prompt is required"),
    "a blank prompt": (text("kling-3.0", "  "), "prompt is required"),
    "half a surrogate pair": (text("kling-3.0", "\ud83d"), "not valid text"),
    "half a surrogate pair as id": (
        ("/text-to-video/kling-3.0", {"prompt": "x", "options": {"external_task_id": "\ud83d"}}),
        "not valid text",
    ),
    "a prompt that is no string": (text("kling-3.0", 5), "prompt must be a string"),
    "the prompt inside contents on text to video": (
        ("/text-to-video/kling-3.0", {"contents": [PROMPT]}),
        "prompt is required",
    ),
    "a long prompt, 3.0": (text("kling-3.0", "x" * 3073), "too long"),
    "a long prompt, 2.6": (text("kling-2.6", "x" * 2501), "too long"),
    "a long prompt, Turbo with image": (
        image("kling-3.0-turbo", FIRST, {"type": "prompt", "text": "x" * 2501}),
        "too long",
    ),
    "duration as string": (text("kling-3.0", duration="5"), "must be an integer"),
    "duration as float": (text("kling-3.0", duration=5.0), "must be an integer"),
    "2 seconds": (text("kling-3.0", duration=2), "3 to 15"),
    "16 seconds": (text("kling-3.0", duration=16), "3 to 15"),
    "7 seconds of 2.6": (text("kling-2.6", duration=7), "5 or 10"),
    "7 seconds of 2.5": (text("kling-2.5-turbo", duration=7), "5 or 10"),
    "4k of Turbo": (text("kling-3.0-turbo", resolution="4k"), "resolution"),
    "4k of 2.6": (text("kling-2.6", resolution="4k"), "resolution"),
    "a resolution in capitals": (text("kling-3.0", resolution="1080P"), "resolution"),
    "a strange ratio": (text("kling-3.0", aspect_ratio="21:9"), "aspect_ratio"),
    "2.6 sound at 720p": (text("kling-2.6", audio="native"), "only at 1080p"),
    "sound on": (text("kling-3.0", audio="on"), "audio"),
    "multi_shot as string": (text("kling-3.0", multi_shot="true"), "boolean"),
    "shots that do not add up": (text("kling-3.0", "shot 1, 3, a; shot 2, 3, b;", duration=5), "6 seconds"),
    "seven shots": (text("kling-3.0", "".join(f"shot {i}, 1, a;" for i in range(7)), duration=7), "6 shots"),
    "no first frame": (image("kling-3.0", PROMPT), "first_frame is required"),
    "a last frame alone": (image("kling-3.0", PROMPT, LAST), "last frame alone"),
    "no prompt with image": (image("kling-3.0", FIRST), "prompt is required"),
    "two first frames": (image("kling-3.0", PROMPT, FIRST, FIRST), "only one first_frame"),
    "last frame of Turbo": (image("kling-3.0-turbo", PROMPT, FIRST, LAST), "not supported"),
    "last frame of 2.6 at 720p": (image("kling-2.6", PROMPT, FIRST, LAST), "only at 1080p"),
    "last frame of 2.6 with sound": (image("kling-2.6", PROMPT, FIRST, LAST, audio="native", **SHARP), "silent"),
    "last frame of 2.5 at 720p": (image("kling-2.5-turbo", PROMPT, FIRST, LAST), "only at 1080p"),
    "element of 2.6": (image("kling-2.6", PROMPT, FIRST, ELEMENT), "element is not supported"),
    "four elements": (
        image("kling-3.0", PROMPT, FIRST, *[{**ELEMENT, "id": str(i)} for i in range(4)]),
        "at most 3 elements",
    ),
    "element without id": (image("kling-3.0", PROMPT, FIRST, {"type": "element", "element_id": "5"}), "needs"),
    "element id as int": (image("kling-3.0", PROMPT, FIRST, {**ELEMENT, "element_id": 5}), "must be a string"),
    "voice of 3.0": (image("kling-3.0", PROMPT, FIRST, VOICE), "voice is not supported"),
    "voice without sound": (image("kling-2.6", PROMPT, FIRST, VOICE, **SHARP), "needs native audio"),
    "o1 for 7 seconds": (
        ("/omni-video/kling-o1", {"contents": [PROMPT], "settings": {"duration": 7}}),
        "5 or 10",
    ),
    "legacy duration as int": (old(duration=5), "must be a string"),
    "legacy 16 seconds": (old(duration="16"), "3 to 15"),
    "legacy duration with unit": (old(duration="5s"), "duration"),
    "legacy long prompt": (old(prompt="x" * 2501), "too long"),
    "legacy unknown model": (old(model_name="kling-3.0"), "model_name"),
    "legacy omni model": (old(model_name="kling-v3-omni"), "model_name"),
    "legacy 4k of 2.6": (old(model_name="kling-v2-6", mode="4k"), "mode"),
    "legacy strange mode": (old(mode="1080p"), "mode"),
    "legacy 2.6 sound at std": (old(model_name="kling-v2-6", sound="on"), "only at 1080p"),
    "legacy 2.5 sound": (old(model_name="kling-v2-5-turbo", sound="on"), "not supported"),
    "legacy multi_shot of 2.6": (old(model_name="kling-v2-6", multi_shot=True), "not supported"),
    "legacy multi_shot without type": (old(multi_shot=True), "shot_type"),
    "legacy shots that do not add up": (
        old(multi_shot=True, shot_type="customize", multi_prompt=[{"index": 1, "prompt": "a", "duration": "4"}]),
        "4 seconds",
    ),
    "legacy no image": (old_image(image=None), "image is required"),
    "legacy tail alone": (old_image(image="", image_tail=PICTURE), "last frame alone"),
    "legacy tail of 2.5 at std": (old_image(model_name="kling-v2-5-turbo", image_tail=PICTURE), "only at 1080p"),
    "legacy element id as string": (old_image(element_list=[{"element_id": "5"}]), "must be an integer"),
    "legacy element of 2.6": (old_image(model_name="kling-v2-6", element_list=[{"element_id": 5}]), "not supported"),
}


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED.keys())
async def test_what_the_documents_forbid_is_refused_and_not_bought(house, row):
    (path, body), words = row
    # By hand, because a client refuses to write some of these.
    reply = await house.call("POST", path, content=json.dumps(body))
    assert (reply.status_code, reply.json()["code"]) == (400, 1201), reply.text
    assert words in reply.json()["message"]
    assert "data" not in reply.json()
    assert await house.bought() == []
    assert (await house.bare.get("/sandbox/requests")).status_code == 200


ACCEPTED = {
    "the longest prompt": (text("kling-3.0", "x" * 3072), "3.0"),
    "15 seconds in 4k": (text("kling-3.0", duration=15, resolution="4k", audio="native"), "45.0"),
    "2.6 with sound": (text("kling-2.6", duration=10, audio="native", **SHARP), "10.0"),
    "2.6 with a voice": (image("kling-2.6", PROMPT, FIRST, VOICE, audio="native", **SHARP), "6.0"),
    "2.5 first and last": (image("kling-2.5-turbo", PROMPT, FIRST, LAST, **SHARP), "2.5"),
    "2.5 ignores an audio field": (text("kling-2.5-turbo", audio="native"), "1.5"),
    "Turbo with image": (image("kling-3.0-turbo", PROMPT, FIRST, resolution="1080p"), "5.0"),
    "shots that add up": (text("kling-3.0", "shot 1, 3, a; 镜头 2, 2, b;"), "3.0"),
    "shots without multi_shot are just words": (
        text("kling-3.0", "shot 1, 9, a;", duration=5, multi_shot=False),
        "3.0",
    ),
    "o1 text": (("/omni-video/kling-o1", {"contents": [PROMPT]}), "3.0"),
    "omni with sound": (("/omni-video/kling-3.0-omni", {"contents": [PROMPT], "settings": {"audio": "native"}}), "4.0"),
    "legacy 2.6 pro with sound": (old(model_name="kling-v2-6", mode="pro", sound="on"), "5.0"),
    "legacy 2.6 with a voice": (
        old(model_name="kling-v2-6", mode="pro", sound="on", voice_list=[{"voice_id": "1"}]),
        "6.0",
    ),
    "legacy v3 4k": (old(mode="4k", duration="3"), "9.0"),
    "legacy v3 first and last": (old_image(image_tail=PICTURE, duration="7"), "4.2"),
}


@pytest.mark.parametrize("row", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_what_the_documents_allow_is_bought_at_the_listed_price(house, row):
    (path, body), units = row
    reply = await house.call("POST", path, json=body)
    assert reply.status_code == 200, reply.text
    (task,) = await house.bought()
    assert task["units"] == units

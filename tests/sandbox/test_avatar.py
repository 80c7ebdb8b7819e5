"""Avatar, effects and image recognition (kling-official 4.10, 4.11, 4.13)."""

from __future__ import annotations

import pytest
from tests.sandbox.conftest import base64_of, jpeg, keep_sound, wav

from kling_sandbox.scenes import DUAL, ENDED, SINGLE
from kling_sandbox.sounds import measured

pytestmark = pytest.mark.anyio

AVATAR, EFFECTS, RECOGNIZE = "/v1/videos/avatar/image2video", "/v1/videos/effects", "/v1/videos/image-recognize"
PICTURE = base64_of(jpeg(size=(600, 750)))


async def test_an_avatar_is_as_long_as_its_sound(house):
    body = {"image": PICTURE, "sound_file": wav(7.5), "mode": "pro", "prompt": "friendly", "external_task_id": "x"}
    made = (await house.call("POST", AVATAR, json=body)).json()["data"]
    house.clock.now += 1000
    done = (await house.call("GET", f"{AVATAR}/x")).json()["data"]
    assert done["task_id"] == made["task_id"]
    assert done["task_result"]["videos"][0]["duration"] == "7.5"
    assert done["final_unit_deduction"] == "6.00"
    assert await house.ignored() == []
    assert (await house.call("GET", "/v1/videos/image2video/x")).json()["code"] == 1201
    assert [task["task_id"] for task in (await house.call("GET", AVATAR)).json()["data"]] == [made["task_id"]]


async def test_an_avatar_speaks_a_sound_named_by_its_id(house):
    audio, url = keep_sound(house, 3.0)
    for body in ({"audio_id": audio}, {"sound_file": url}):
        assert (await house.call("POST", AVATAR, json={"image": PICTURE, **body})).status_code == 200
        assert (await house.bought())[-1]["units"] == "1.2"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": ""}, "image is required"),
        ({"audio_id": "a1"}, "exactly one"),
        ({"sound_file": None}, "exactly one"),
        ({"sound_file": wav(1.5)}, "2 to 300 s"),
        ({"sound_file": base64_of(b"x" * 100)}, "audio format"),
        ({"mode": "4k"}, "mode"),
        ({"prompt": "x" * 2501}, "too long"),
    ],
)
async def test_a_wrong_avatar_is_refused(house, changes, words):
    body = {"image": PICTURE, "sound_file": wav(3), **changes}
    reply = await house.call("POST", AVATAR, json=body)
    assert reply.json()["code"] == 1201
    assert words in reply.json()["message"]


async def test_effects_take_one_image_or_two_by_their_scene(house):
    for scene, given in (("pet_dance", {"image": PICTURE}), ("hug_pro", {"images": [PICTURE, PICTURE]})):
        reply = await house.call("POST", EFFECTS, json={"effect_scene": scene, "input": given})
        assert reply.status_code == 200, reply.text
        assert await house.ignored() == []
    assert {task["units"] for task in await house.bought()} == {"2"}


@pytest.mark.parametrize(
    ("scene", "given", "words"),
    [
        ("pet_dance", {"images": [PICTURE, PICTURE]}, "takes one image"),
        ("hug_pro", {"image": PICTURE}, "takes two"),
        ("hug_pro", {"images": [PICTURE]}, "takes two"),
        ("moon_walk", {"image": PICTURE}, "invalid"),
        ("magic_match_tree", {"image": PICTURE}, "discontinued"),
        ("hug", {"images": [PICTURE, PICTURE]}, "discontinued"),
        ("", {"image": PICTURE}, "effect_scene is required"),
    ],
)
async def test_a_wrong_effect_is_refused(house, scene, given, words):
    reply = await house.call("POST", EFFECTS, json={"effect_scene": scene, "input": given})
    assert reply.json()["code"] == 1201
    assert words in reply.json()["message"]


def test_the_scenes_are_those_of_the_list():
    assert (len(DUAL), len(SINGLE)) == (15, 203)  # 204 single ones with the one that has ended
    assert not DUAL & SINGLE
    assert not ENDED & (DUAL | SINGLE)


async def test_recognition_answers_four_masks_at_once(house):
    data = (await house.call("POST", RECOGNIZE, json={"image": PICTURE})).json()["data"]
    assert [mask["type"] for mask in data["task_result"]["images"]] == [
        "object_seg",
        "head_seg",
        "face_seg",
        "cloth_seg",
    ]
    assert (await house.bought())[0]["units"] == "0.1"


@pytest.mark.parametrize(
    "junk", [b"RIFF\0\0\0\0WAVE", b"\0\0\0\0ftypM4A ", b"ID3", b"\xff\xfb", b"\xff\xf1\0\0\0\0\0\0\0"]
)
def test_junk_that_looks_like_a_sound_has_no_length(junk):
    assert measured(junk) is None
    assert measured(junk + b"\xff" * 40) is None

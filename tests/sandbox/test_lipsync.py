"""Lip-sync in two steps (kling-official 4.9)."""

from __future__ import annotations

import pytest
from tests.sandbox.conftest import House, keep_film, keep_sound, wav

pytestmark = pytest.mark.anyio

FACES, SYNC = "/v1/videos/identify-face", "/v1/videos/advanced-lip-sync"


async def session(house: House, **facts: object) -> dict:
    id, _ = keep_film(house, **facts)
    reply = await house.call("POST", FACES, json={"video_id": id})
    assert reply.status_code == 200, reply.text
    found: dict = reply.json()["data"]
    return found


def choose(found: dict, **changes: object) -> dict:
    face = {"face_id": found["face_data"][0]["face_id"], "sound_file": wav(3)}
    face |= {"sound_start_time": 0, "sound_end_time": 3000, "sound_insert_time": 1000, **changes}
    return {"session_id": found["session_id"], "face_choose": [{k: v for k, v in face.items() if v is not None}]}


async def test_faces_are_found_at_once_within_the_video_and_charged(house):
    found = await session(house, seconds=8)
    assert found["final_unit_deduction"] == "0.05"
    assert len(found["face_data"]) in (1, 2)
    for face in found["face_data"]:
        assert 0 <= face["start_time"] < face["end_time"] <= 8000
        assert face["face_image"].startswith("http://kling.sandbox/files/")
    assert (await house.call("GET", f"/tasks?task_ids={found['session_id']}")).json()["data"] == []
    assert (await house.call("GET", f"{FACES}/{found['session_id']}")).json()["code"] == 1202


async def test_the_second_step_makes_a_video_as_long_as_the_first_one(house):
    found = await session(house, seconds=12)
    body = {**choose(found), "external_task_id": "mine", "watermark_info": {"enabled": True}}
    made = (await house.call("POST", SYNC, json=body)).json()["data"]
    assert made["task_status"] == "submitted"
    parent = made["task_info"]["parent_video"]
    assert parent["duration"] == "12"
    assert parent["url"].startswith("http://kling.sandbox/files/")
    house.clock.now += 1000
    done = (await house.call("GET", f"{SYNC}/{made['task_id']}")).json()["data"]
    (video,) = done["task_result"]["videos"]
    assert (video["duration"], done["final_unit_deduction"]) == ("12", "1.5")
    assert video["watermark_url"]
    assert await house.ignored() == []
    # Its page lists the task id only; the list works.
    assert (await house.call("GET", f"{SYNC}/mine")).json()["code"] == 1201
    assert [task["task_id"] for task in (await house.call("GET", SYNC)).json()["data"]] == [made["task_id"]]


@pytest.mark.parametrize(("seconds", "units"), [(2, "0.5"), (5, "0.5"), (5.1, "1.0"), (60, "6.0")])
async def test_each_begun_five_seconds_are_charged(house, seconds, units):
    found = await session(house, seconds=seconds)
    body = choose(found, sound_end_time=2000, sound_insert_time=0)
    assert (await house.call("POST", SYNC, json=body)).status_code == 200
    assert (await house.bought())[-1]["units"] == units


async def test_a_session_lives_a_day(house):
    found = await session(house)
    house.clock.now += 24 * 3600 + 1
    reply = await house.call("POST", SYNC, json=choose(found))
    assert "expired" in reply.json()["message"]


async def test_a_sound_of_tts_may_be_named_and_only_a_sound(house):
    found = await session(house)
    audio, _ = keep_sound(house, 4.0)
    assert (await house.call("POST", SYNC, json=choose(found, sound_file=None, audio_id=audio))).status_code == 200
    film, _ = keep_film(house)
    assert (await house.call("POST", SYNC, json=choose(found, sound_file=None, audio_id=film))).status_code == 400


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"face_id": "9"}, "not a face"),
        ({"audio_id": "a1"}, "exactly one"),
        ({"sound_file": None}, "exactly one"),
        ({"sound_file": None, "audio_id": "a1"}, "not found"),
        ({"sound_file": "data:audio/wav;base64,AAAA"}, "base64"),
        ({"sound_file": wav(1.9), "sound_end_time": 1900}, "2 to 60 s"),
        ({"sound_file": wav(61)}, "2 to 60 s"),
        ({"sound_start_time": 1500}, "at least 2000 ms"),
        ({"sound_start_time": -1}, "at least 2000 ms"),
        ({"sound_end_time": 3001}, "beyond the end"),
        ({"sound_insert_time": 2001}, "end inside the video"),
        ({"sound_insert_time": "0"}, "integer"),
        ({"sound_insert_time": None}, "sound_insert_time is required"),
        ({"sound_volume": 2.1}, "sound_volume"),
        ({"original_audio_volume": -1}, "original_audio_volume"),
    ],
)
async def test_a_wrong_cut_is_refused(house, changes, words):
    found = await session(house, seconds=5)
    reply = await house.call("POST", SYNC, json=choose(found, **changes))
    assert (reply.status_code, reply.json()["code"]) == (400, 1201), reply.text
    assert words in reply.json()["message"]


async def test_the_sound_must_meet_the_face(house):
    for _ in range(40):
        found = await session(house, seconds=10)
        if len(found["face_data"]) == 2:
            break
    late = found["face_data"][1]
    assert late["start_time"] == 5000
    words = (await house.call("POST", SYNC, json=choose(found, face_id=late["face_id"]))).json()["message"]
    assert "overlap" in words
    body = choose(found, face_id=late["face_id"], sound_insert_time=4000)
    assert (await house.call("POST", SYNC, json=body)).status_code == 200


async def test_exactly_one_face_is_chosen(house):
    found = await session(house)
    body = choose(found)
    for faces in ([], body["face_choose"] * 2):
        reply = await house.call("POST", SYNC, json={**body, "face_choose": faces})
        assert "exactly one" in reply.json()["message"]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"seconds": 1.9}, "2 to 60 s"),
        ({"seconds": 61}, "2 to 60 s"),
        ({"width": 500, "height": 500}, "512 to 2160"),
        ({"width": 3840, "height": 2160}, "512 to 2160"),
    ],
)
async def test_the_video_of_the_first_step_has_limits(house, facts, words):
    id, _ = keep_film(house, **facts)
    assert words in (await house.call("POST", FACES, json={"video_id": id})).json()["message"]


@pytest.mark.parametrize(
    "body",
    [{}, {"video_id": "v1"}, {"video_url": "AAAA"}, {"video_id": "v1", "video_url": "https://a.example/b.mp4"}],
)
async def test_the_first_step_takes_one_video_that_exists(house, body):
    assert (await house.call("POST", FACES, json=body)).json()["code"] == 1201
    assert await house.bought() == []


async def test_a_video_elsewhere_has_one_face_and_a_nominal_length(house):
    reply = await house.call("POST", FACES, json={"video_url": "https://a.example/b.mp4"})
    (face,) = reply.json()["data"]["face_data"]
    assert (face["start_time"], face["end_time"]) == (0, 5000)

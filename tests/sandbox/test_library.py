"""Voices, elements and further views: made, listed, used and deleted (kling-official 5.4-5.6)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.sandbox.conftest import Clock, House, base64_of, jpeg

pytestmark = pytest.mark.anyio

VOICES, ELEMENTS = "/v1/general/custom-voices", "/v1/general/advanced-custom-elements"
PRESET_VOICES, PRESET_ELEMENTS = "/v1/general/presets-voices", "/v1/general/advanced-presets-elements"
DELETE_VOICE, DELETE_ELEMENT = "/v1/general/delete-voices", "/v1/general/delete-advanced-elements"
MULTI_SHOT = "/v1/general/ai-multi-shot"
PICTURE = base64_of(jpeg(size=(400, 300)))
ELSEWHERE = "https://files.invalid/a.mp4"
FOX: dict[str, Any] = {
    "element_name": "fox",
    "element_description": "a red fox",
    "reference_type": "image_refer",
    "element_image_list": {"frontal_image": PICTURE, "refer_images": [{"image_url": PICTURE}]},
}
DANCER: dict[str, Any] = {
    "element_name": "dancer",
    "element_description": "she turns",
    "reference_type": "video_refer",
    "element_video_list": {"refer_videos": [{"video_url": ELSEWHERE}]},
}


@pytest.fixture
def drawn(tmp_path: Path, clock: Clock, ffmpeg: str) -> House:
    return House(tmp_path, clock, ffmpeg=ffmpeg)


async def done(house: House, path: str, **body: Any) -> dict[str, Any]:
    reply = await house.call("POST", path, json=body)
    assert reply.status_code == 200, reply.text
    house.clock.now += 1000
    data: dict[str, Any] = (await house.call("GET", f"{path}/{reply.json()['data']['task_id']}")).json()["data"]
    assert data["task_status"] == "succeed"
    return data


async def refused(house: House, path: str, **body: Any) -> str:
    reply = await house.call("POST", path, json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201), reply.text
    return str(reply.json()["message"])


async def film(house: House, **settings: Any) -> dict[str, Any]:
    """Buy a video and return its output; nothing is drawn until somebody downloads it."""
    settings = {"duration": 5, "resolution": "1080p", "audio": "native", **settings}
    item = await house.finish((await house.buy("/text-to-video/kling-2.6", settings=settings))["id"])
    output: dict[str, Any] = item["outputs"][0]
    return output


async def test_a_voice_has_the_same_id_in_both_standards(house):
    data = await done(house, VOICES, voice_name="Mira", voice_url="https://files.invalid/mira.mp3")
    (voice,) = data["task_result"]["voices"]
    assert set(voice) == {"voice_id", "voice_name", "trial_url", "owned_by"}
    assert data["final_unit_deduction"] == "0.05"
    (output,) = (await house.task(data["task_id"]))["outputs"]
    assert (output["type"], output["id"], output["status"]) == ("voice", voice["voice_id"], "succeeded")
    assert output["owned_by"] == voice["owned_by"] != "kling"


async def test_a_voice_is_made_from_a_speaking_result_only(house):
    speaking = await film(house)
    await done(house, VOICES, voice_name="Mira", video_id=speaking["id"])
    await done(house, VOICES, voice_name="Mira", voice_url=speaking["url"])
    silent = await film(house, audio="off")
    await refused(house, VOICES, voice_name="Mira", video_id=silent["id"])
    await refused(house, VOICES, voice_name="Mira", voice_url=silent["url"])
    turbo = await house.finish((await house.buy("/text-to-video/kling-3.0-turbo"))["id"])
    await refused(house, VOICES, voice_name="Mira", video_id=turbo["outputs"][0]["id"])


async def test_a_sample_of_ours_lasts_five_to_thirty_seconds(house):
    async def speech(length: int) -> str:
        body = {"text": "x" * length, "voice_id": "oversea_male1", "voice_language": "en"}
        reply = await house.call("POST", "/v1/audio/tts", json=body)
        return str(reply.json()["data"]["task_result"]["audios"][0]["url"])

    await done(house, VOICES, voice_name="Mira", voice_url=await speech(75))
    for length in (60, 600):
        assert "sample lasts" in await refused(house, VOICES, voice_name="Mira", voice_url=await speech(length))


@pytest.mark.parametrize(
    "body",
    [
        {"voice_url": ELSEWHERE},
        {"voice_name": "x" * 21, "voice_url": ELSEWHERE},
        {"voice_name": "Mira"},
        {"voice_name": "Mira", "voice_url": ELSEWHERE, "video_id": "v1"},
        {"voice_name": "Mira", "video_id": "v1"},
        {"voice_name": "Mira", "voice_url": "bm8gdXJs"},
    ],
)
async def test_a_wrong_voice_is_1201(house, body):
    await refused(house, VOICES, **body)
    assert await house.bought() == []


async def test_presets_belong_to_kling_and_are_paged(house):
    for path, key in ((PRESET_VOICES, "voices"), (PRESET_ELEMENTS, "elements")):
        every = (await house.call("GET", path)).json()["data"]
        assert {one["owned_by"] for task in every for one in task["task_result"][key]} == {"kling"}
        second = (await house.call("GET", f"{path}?pageNum=2&pageSize=3")).json()["data"]
        assert second == every[3:6]
        assert (await house.call("GET", f"{path}?pageSize=1001")).json()["code"] == 1201
    assert (await house.call("GET", f"{VOICES}?pageSize=1000")).status_code == 200


async def test_a_deleted_voice_says_so_and_is_deleted_once(house):
    data = await done(house, VOICES, voice_name="Mira", voice_url=ELSEWHERE)
    id = data["task_id"]
    assert (await house.call("POST", DELETE_VOICE, json={"voice_id": id})).json()["code"] == 0
    assert (await house.task(id))["outputs"][0]["status"] == "deleted"
    await refused(house, DELETE_VOICE, voice_id=id)
    await refused(house, ELEMENTS, **FOX, element_voice_id=id)


async def test_presets_and_unknown_ids_are_not_deleted(house):
    element = await done(house, ELEMENTS, **FOX)
    for id in ("829800000000000001", "1", "", element["task_id"], 5):
        await refused(house, DELETE_VOICE, voice_id=id)
    voice = await done(house, VOICES, voice_name="Mira", voice_url=ELSEWHERE)
    for id in ("829900000000000001", "1", "", voice["task_id"], int(element["task_id"])):
        await refused(house, DELETE_ELEMENT, element_id=id)


async def test_an_element_of_images_is_free_and_shows_its_parts(house):
    data = await done(house, ELEMENTS, **FOX, tag_list=[{"tag_id": "o_103"}], element_voice_id="829800000000000001")
    (element,) = data["task_result"]["elements"]
    assert (element["element_id"], element["status"]) == (int(data["task_id"]), "succeed")
    assert len(element["element_image_list"]["refer_images"]) == 1
    assert element["element_voice_info"]["owned_by"] == "kling"
    assert element["tag_list"] == [{"id": "o_103", "name": "Animal", "description": ""}]
    assert data["final_unit_deduction"] == "0"
    (output,) = (await house.task(data["task_id"]))["outputs"]
    assert (output["id"], output["element_type"]) == (data["task_id"], "multi_image_elements")
    roles = [(part["type"], part.get("role")) for part in output["references"]]
    assert roles == [("image", "frontal"), ("image", "reference"), ("voice", None)]


async def test_an_element_of_a_video_is_a_character_and_its_speech_a_voice(house):
    data = await done(house, ELEMENTS, **DANCER)
    assert house.app.desk.element_kind(data["task_id"]) == "video_character_elements"  # type: ignore[attr-defined]
    (element,) = data["task_result"]["elements"]
    assert element["element_video_list"]["refer_videos"][0]["video_url"].endswith("/refer.mp4")
    assert "element_voice_info" not in element

    speaking = {"refer_videos": [{"video_url": (await film(house))["url"]}]}
    data = await done(house, ELEMENTS, **{**DANCER, "element_video_list": speaking})
    voice = data["task_result"]["elements"][0]["element_voice_info"]
    assert voice["voice_name"] == "dancer"
    assert (await house.call("POST", ELEMENTS, json={**FOX, "element_voice_id": voice["voice_id"]})).status_code == 200


async def test_a_video_of_ours_must_fit_an_element(house):
    for settings in ({"duration": 10}, {"resolution": "720p", "audio": "off"}, {"aspect_ratio": "1:1"}):
        videos = {"refer_videos": [{"video_url": (await film(house, **settings))["url"]}]}
        await refused(house, ELEMENTS, **{**DANCER, "element_video_list": videos})


WRONG_ELEMENTS: dict[str, dict[str, Any]] = {
    "no name": {"element_name": ""},
    "a long name": {"element_name": "x" * 21},
    "no description": {"element_description": None},
    "a long description": {"element_description": "x" * 101},
    "another reference type": {"reference_type": "sound_refer"},
    "no images": {"element_image_list": None},
    "no frontal image": {"element_image_list": {"refer_images": [{"image_url": PICTURE}]}},
    "no further image": {"element_image_list": {"frontal_image": PICTURE, "refer_images": []}},
    "four further images": {
        "element_image_list": {"frontal_image": PICTURE, "refer_images": [{"image_url": PICTURE}] * 4}
    },
    "an unknown voice": {"element_voice_id": "1"},
    "a voice of speech": {"element_voice_id": "oversea_male1"},
    "an unknown tag": {"tag_list": [{"tag_id": "o_109"}]},
    "two videos": {**DANCER, "element_video_list": {"refer_videos": [{"video_url": ELSEWHERE}] * 2}},
    "a video in base64": {**DANCER, "element_video_list": {"refer_videos": [{"video_url": "bm8gdmlkZW8="}]}},
}


@pytest.mark.parametrize("body", WRONG_ELEMENTS.values(), ids=WRONG_ELEMENTS.keys())
async def test_a_wrong_element_is_1201(house, body):
    await refused(house, ELEMENTS, **{**FOX, **body})
    assert await house.bought() == []


async def test_a_deleted_element_is_listed_as_deleted_and_of_no_use(house):
    data = await done(house, ELEMENTS, **FOX)
    body = {"prompt": "a fox", "element_list": [{"element_id": int(data["task_id"])}]}
    assert (await house.call("POST", "/v1/images/generations", json=body)).status_code == 200
    assert (await house.call("POST", DELETE_ELEMENT, json={"element_id": data["task_id"]})).json()["code"] == 0
    (listed,) = (await house.call("GET", ELEMENTS)).json()["data"]
    assert listed["task_result"]["elements"][0]["status"] == "deleted"
    await refused(house, "/v1/images/generations", **body)


async def test_the_parts_of_an_element_are_copies_that_can_be_had(drawn):
    data = await done(drawn, ELEMENTS, **{**FOX, "element_voice_id": ""})
    pictures = data["task_result"]["elements"][0]["element_image_list"]
    reply = await drawn.bare.get(pictures["frontal_image"])
    assert reply.content == jpeg(size=(400, 300))
    away = [{"image_url": "https://files.invalid/b.png"}]
    data = await done(
        drawn, ELEMENTS, **{**FOX, "element_image_list": {"frontal_image": PICTURE, "refer_images": away}}
    )
    pictures = data["task_result"]["elements"][0]["element_image_list"]
    reply = await drawn.bare.get(pictures["refer_images"][0]["image_url"])
    assert Image.open(io.BytesIO(reply.content)).size == (1024, 1024)


async def test_a_video_element_elsewhere_and_a_trial_can_be_had(drawn):
    data = await done(drawn, ELEMENTS, **DANCER)
    videos = data["task_result"]["elements"][0]["element_video_list"]["refer_videos"]
    assert (await drawn.bare.get(videos[0]["video_url"])).headers["content-type"] == "video/mp4"
    data = await done(drawn, VOICES, voice_name="Mira", voice_url=ELSEWHERE)
    trial = await drawn.bare.get(data["task_result"]["voices"][0]["trial_url"])
    assert (trial.status_code, trial.headers["content-type"]) == (200, "audio/mpeg")


async def test_multi_shot_gives_three_groups_of_three_views(drawn):
    data = await done(drawn, MULTI_SHOT, element_frontal_image=PICTURE)
    groups = data["task_result"]["images"]
    assert [set(group) for group in groups] == [{"index", "url_1", "url_2", "url_3"}] * 3
    assert data["final_unit_deduction"] == "20"
    item = await drawn.task(data["task_id"])
    assert len(item["outputs"]) == 9
    assert item["billing"][0]["package_type"] == "image"
    reply = await drawn.bare.get(groups[2]["url_3"])
    assert Image.open(io.BytesIO(reply.content)).size == (1024, 1024)
    await refused(drawn, MULTI_SHOT, prompt="no picture")

"""Motion control in both standards (kling-official 3.2, 4.6)."""

from __future__ import annotations

import pytest
from tests.sandbox.conftest import base64_of, jpeg, keep_film

pytestmark = pytest.mark.anyio

NEW, NEW_26, OLD = "/motion-control/kling-3.0", "/motion-control/kling-2.6", "/v1/videos/motion-control"
PICTURE = base64_of(jpeg(size=(300, 300)))
FAR = "https://videos.example/dance.mov"
IMAGE = {"type": "image", "url": PICTURE}
VIDEO = {"type": "video", "url": FAR}
PROMPT = {"type": "prompt", "text": "she dances"}
ELEMENT = {"type": "element", "element_id": "5", "id": "zhang"}
FACING = {"character_orientation": "image"}


def new(*contents: dict, path: str = NEW, **settings: object) -> tuple[str, dict]:
    return path, {"contents": list(contents), "settings": {**FACING, **settings}}


def old(**body: object) -> tuple[str, dict]:
    given = {"image_url": PICTURE, "video_url": FAR, "character_orientation": "image", "mode": "std"}
    return OLD, {name: value for name, value in {**given, **body}.items() if value is not None}


REFUSED = {
    "no image": (new(VIDEO, PROMPT), "one image and one video"),
    "two videos": (new(IMAGE, VIDEO, VIDEO), "one image and one video"),
    "no orientation": (new(IMAGE, VIDEO, character_orientation=None), "character_orientation is required"),
    "an orientation of its own": (new(IMAGE, VIDEO, character_orientation="left"), "character_orientation"),
    "native sound": (new(IMAGE, VIDEO, audio="native"), "audio"),
    "4k": (new(IMAGE, VIDEO, resolution="4k"), "resolution"),
    "two elements": (new(IMAGE, VIDEO, ELEMENT, {**ELEMENT, "id": "li"}), "at most 1 element"),
    "an element of 2.6": (new(IMAGE, VIDEO, ELEMENT, path=NEW_26), "not supported"),
    "a long prompt": (new(IMAGE, VIDEO, {"type": "prompt", "text": "x" * 2501}), "too long"),
    "base64 as video": (new(IMAGE, {"type": "video", "url": "AAAA"}), "only a URL"),
    "legacy without mode": (old(mode=None), "mode is required"),
    "legacy 4k": (old(mode="4k"), "mode"),
    "legacy without image": (old(image_url=None), "image_url is required"),
    "legacy turbo": (old(model_name="kling-v2-5-turbo"), "model_name"),
    "legacy sound in other words": (old(keep_original_sound="on"), "keep_original_sound"),
}


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED.keys())
async def test_what_motion_control_forbids_is_refused(house, row):
    (path, body), words = row
    reply = await house.call("POST", path, json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201), reply.text
    assert words in reply.json()["message"]


@pytest.mark.parametrize(
    ("row", "units"),
    [
        (new(IMAGE, VIDEO, PROMPT), "4.5"),
        (new(IMAGE, VIDEO, PROMPT, ELEMENT, resolution="1080p", audio="off"), "6.0"),
        (new(IMAGE, VIDEO, PROMPT, path=NEW_26), "2.5"),
        (old(mode="pro"), "4.0"),
        (old(model_name="kling-v3", element_list=[{"element_id": 5}], keep_original_sound="no"), "4.5"),
    ],
)
async def test_it_costs_by_the_second_and_reads_all_it_documents(house, row, units):
    path, body = row
    assert (await house.call("POST", path, json=body)).status_code == 200
    (task,) = await house.bought()
    assert task["units"] == units
    assert await house.ignored() == []


async def test_the_output_is_as_long_as_the_reference_in_whole_seconds(house):
    _, url = keep_film(house, seconds=7.4)
    made = await house.buy(NEW, contents=[IMAGE, {"type": "video", "url": url}], settings={**FACING, "duration": 3})
    assert (await house.finish(made["id"]))["outputs"][0]["duration"] == "7"
    assert (await house.bought())[-1]["units"] == "6.3"
    assert "settings.duration" in await house.ignored()


@pytest.mark.parametrize(
    ("facts", "orientation", "elements", "code"),
    [
        ({"seconds": 2.9}, "image", [], 1201),
        ({"seconds": 11}, "image", [], 1201),
        ({"seconds": 11}, "video", [], 0),
        ({"seconds": 31}, "video", [], 1201),
        ({"seconds": 11}, "image", [ELEMENT], 0),
        ({"width": 320}, "image", [], 1201),
        ({"width": 3852}, "image", [], 1201),
    ],
)
async def test_a_known_reference_is_measured_against_its_orientation(house, facts, orientation, elements, code):
    _, url = keep_film(house, **facts)
    contents = [IMAGE, {"type": "video", "url": url}, *elements]
    body = {"contents": contents, "settings": {"character_orientation": orientation}}
    assert (await house.call("POST", NEW, json=body)).json()["code"] == code

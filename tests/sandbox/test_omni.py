"""Omni video in both standards: references, their counts, edits and their length (kling-official 3.2, 4.5)."""

from __future__ import annotations

import dataclasses

import pytest
from tests.sandbox.conftest import House, base64_of, jpeg, keep_film

from kling_sandbox.tasks import Purchase, begin

pytestmark = pytest.mark.anyio

NEW, O1, OLD = "/omni-video/kling-3.0-omni", "/omni-video/kling-o1", "/v1/videos/omni-video"
PICTURE = base64_of(jpeg(size=(300, 300)))
PROMPT = {"type": "prompt", "text": "@a runs"}
FIRST = {"type": "first_frame", "url": PICTURE}
LAST = {"type": "last_frame", "url": PICTURE}
FAR = "https://videos.example/a.mp4"
FEATURE = {"type": "feature_video", "url": FAR}
BASE = {"type": "base_video", "url": FAR}
CHARACTER = "7"


def images(count: int) -> list[dict]:
    return [{"type": "refer_image", "url": PICTURE} for _ in range(count)]


def elements(count: int) -> list[dict]:
    return [{"type": "element", "element_id": "5", "id": f"e{chr(97 + i)}"} for i in range(count)]


def characters(count: int) -> list[dict]:
    return [{"type": "element", "element_id": CHARACTER, "id": f"c{chr(97 + i)}"} for i in range(count)]


def omni(*contents: dict, path: str = NEW, **settings: object) -> tuple[str, dict]:
    return path, {"contents": [PROMPT, *contents], "settings": settings}


def old(**body: object) -> tuple[str, dict]:
    return OLD, {"model_name": "kling-v3-omni", "prompt": "<<<image_1>>> runs", **body}


def old_images(count: int) -> list[dict]:
    return [{"image_url": PICTURE} for _ in range(count)]


def keep_character(house: House) -> None:
    settings = {"element_kind": "video_character_elements"}
    task = begin(
        Purchase(model="e", units="0", settings=settings), "/v1/general/advanced-custom-elements", now=1, speed=1
    )
    house.app.desk.store.add(dataclasses.replace(task, id=CHARACTER), slots=99)


REFUSED = {
    "no prompt": ((NEW, {"contents": [FIRST]}), "prompt is required"),
    "eight images": (omni(*images(8)), "at most 7"),
    "images and elements": (omni(*images(4), *elements(4)), "at most 7"),
    "four characters": (omni(*characters(4)), "at most 3"),
    "a character with five others": (omni(*characters(1), *images(4), *elements(1)), "at most 4"),
    "a video with five others": (omni(FEATURE, *images(5)), "at most 4"),
    "a video with two characters": (omni(FEATURE, *characters(2)), "at most 1"),
    "a video with a character and an image": (omni(FEATURE, *characters(1), *images(1)), "cannot be combined"),
    "a video with a character and an element": (omni(FEATURE, *characters(1), *elements(1)), "cannot be combined"),
    "a first frame with four elements": (omni(FIRST, *elements(4)), "at most 3 elements"),
    "two videos": (omni(FEATURE, BASE), "only one reference video"),
    "a video in base64": (omni({"type": "base_video", "url": PICTURE}, multi_shot=False), "only a URL"),
    "a video with a data prefix": (omni({"type": "feature_video", "url": "data:video/mp4;base64,AA"}), "only a URL"),
    "a picture as video": (omni({"type": "feature_video", "url": "https://a.example/b.jpg"}), "video format"),
    "a feature in a single shot": (omni(FEATURE, multi_shot=False), "multi_shot must be true"),
    "a feature with sound": (omni(FEATURE, audio="native"), "native audio"),
    "a feature with its own sound": (omni(FEATURE, audio="original"), "audio must be off"),
    "an edit with a frame": (omni(BASE, FIRST, multi_shot=False), "cannot be combined"),
    "an edit in many shots": (omni(BASE), "multi_shot must be false"),
    "an edit with native sound": (omni(BASE, multi_shot=False, audio="native"), "native audio"),
    "two equal names": (omni({**FIRST, "id": "a"}, {**elements(1)[0], "id": "a"}), "must be unique"),
    "a name in another one": (omni({**FIRST, "id": "image_1"}, *[{**LAST, "id": "image_10"}]), "part of another"),
    "a last frame alone": (omni(LAST), "last frame alone"),
    "o1 with native sound": (omni(path=O1, audio="native"), "audio"),
    "o1 in 4k": (omni(path=O1, resolution="4k"), "resolution"),
    "o1 with a character": (omni(*characters(1), path=O1), "multi-image elements only"),
    "o1 with frames and an image": (omni(FIRST, LAST, *images(1), path=O1), "further images"),
    "o1 for 7 seconds with a first frame": (omni(FIRST, path=O1, duration=7), "5 or 10"),
    "o1 for 11 seconds": (omni(*images(1), path=O1, duration=11), "3 to 10"),
    "legacy 8 images": (old(image_list=old_images(8)), "at most 7"),
    "legacy frames count as images": (
        old(image_list=[{"image_url": PICTURE, "type": "first_frame"}, *old_images(7)]),
        "at most 7",
    ),
    "legacy end frame alone": (old(image_list=[{"image_url": PICTURE, "type": "end_frame"}]), "last frame alone"),
    "legacy end frame among three": (
        old(
            image_list=[
                {"image_url": PICTURE, "type": "first_frame"},
                {"image_url": PICTURE, "type": "end_frame"},
                *old_images(1),
            ]
        ),
        "more than 2 images",
    ),
    "legacy type in words": (old(image_list=[{"image_url": PICTURE, "type": "reference"}]), "type value"),
    "legacy video with sound": (old(video_list=[{"video_url": FAR}], sound="on"), "sound must be off"),
    "legacy feature in a single shot": (
        old(video_list=[{"video_url": FAR, "refer_type": "feature"}]),
        "multi_shot must be true",
    ),
    "legacy two videos": (old(video_list=[{"video_url": FAR}] * 2), "only one video"),
    "legacy o1 in 4k": (old(model_name="kling-video-o1", mode="4k"), "mode"),
    "legacy o1 in shots": (old(model_name="kling-video-o1", multi_shot=True), "multi_shot is not supported"),
    "legacy text model": (old(model_name="kling-v3"), "model_name"),
    "legacy element as string": (old(element_list=[{"element_id": "5"}]), "must be an integer"),
}


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED.keys())
async def test_what_omni_forbids_is_refused(house, row):
    (path, body), words = row
    keep_character(house)
    reply = await house.call("POST", path, json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201), reply.text
    assert words in reply.json()["message"]
    assert len(await house.bought()) == 1


ACCEPTED = {
    "seven images": (omni(*images(7), duration=10), "6.0"),
    "three characters and four others": (omni(*characters(3), *images(2), *elements(2)), "3.0"),
    "a feature with four others": (omni(FEATURE, *images(2), *elements(2)), "4.5"),
    "a feature with one character": (omni(FEATURE, *characters(1), resolution="1080p"), "6.0"),
    "a feature in 4k": (omni(FEATURE, resolution="4k", duration=3), "9.0"),
    "an edit with references": (omni(BASE, *images(3), multi_shot=False, audio="original"), "4.5"),
    "frames with three elements": (omni(FIRST, LAST, *elements(3), audio="native"), "4.0"),
    "o1 with an image for 7 seconds": (omni(*images(1), path=O1, duration=7, resolution="1080p"), "5.6"),
    "o1 edit": (omni(BASE, path=O1, audio="original", resolution="1080p"), "6.0"),
    "o1 feature for 3 seconds": (omni(FEATURE, path=O1, duration=3), "2.7"),
    "legacy default model and mode": ((OLD, {"prompt": "a fox"}), "4.0"),
    "legacy edit": (old(video_list=[{"video_url": FAR}], mode="std"), "4.5"),
    "legacy feature": (
        old(
            video_list=[{"video_url": FAR, "refer_type": "feature", "keep_original_sound": "no"}],
            multi_shot=True,
            shot_type="intelligence",
            duration="10",
        ),
        "12.0",
    ),
    "legacy sound": (old(sound="on", mode="4k", duration="4"), "12.0"),
}


@pytest.mark.parametrize("row", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_what_omni_allows_is_bought_at_the_listed_price_and_nothing_is_ignored(house, row):
    (path, body), units = row
    keep_character(house)
    reply = await house.call("POST", path, json=body)
    assert reply.status_code == 200, reply.text
    task = (await house.bought())[-1]
    assert task["units"] == units
    (entry,) = (await house.bare.get("/sandbox/requests")).json()
    assert entry["ignored"] == []


async def test_an_edit_is_as_long_as_its_input_and_ignores_duration_and_ratio(house):
    _, url = keep_film(house, seconds=7, sound=True)
    settings = {"multi_shot": False, "audio": "original", "duration": 3, "aspect_ratio": "1:1"}
    made = await house.buy(NEW, contents=[PROMPT, {"type": "base_video", "url": url}], settings=settings, prompt=None)
    (item,) = (await house.finish(made["id"]))["outputs"]
    assert item["duration"] == "7"
    task = (await house.bought())[-1]
    assert (task["units"], task["width"], task["height"]) == ("6.3", 1280, 720)
    (entry,) = (call for call in (await house.bare.get("/sandbox/requests")).json() if call["kind"] == "create")
    assert entry["ignored"] == ["settings.duration", "settings.aspect_ratio"]


@pytest.mark.parametrize(
    ("facts", "path", "words"),
    [
        ({"seconds": 2}, NEW, "3 to 15.5 s"),
        ({"seconds": 16}, NEW, "3 to 15.5 s"),
        ({"seconds": 11}, O1, "3 to 10 s"),
        ({"width": 600, "height": 600}, NEW, "700 to 4553"),
        ({"width": 3840, "height": 2160}, O1, "700 to 2160"),
        ({"width": 4000, "height": 2160}, NEW, "8294400 pixels"),
        ({"width": 700, "height": 1800}, NEW, "ratio"),
    ],
)
async def test_our_own_films_are_known_and_measured(house, facts, path, words):
    _, url = keep_film(house, **facts)
    body = {"contents": [PROMPT, {"type": "base_video", "url": url}], "settings": {"multi_shot": False}}
    reply = await house.call("POST", path, json=body)
    assert reply.json()["code"] == 1201
    assert words in reply.json()["message"]


async def test_a_film_that_is_not_ready_or_was_purged_cannot_be_fetched(house):
    _, url = keep_film(house)
    body = {"contents": [PROMPT, {"type": "base_video", "url": url}], "settings": {"multi_shot": False}}
    for shift, code in ((0, 0), (-99.9, 1201), (31 * 24 * 3600, 1201)):
        house.clock.now += shift
        assert (await house.call("POST", NEW, json=body)).json()["code"] == code, shift
        house.clock.now -= shift

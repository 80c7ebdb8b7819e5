"""The image products end to end (kling-official 6, 9.2, 10.3)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.sandbox.conftest import Clock, House, base64_of, jpeg

from kling_sandbox import Fault, painting

pytestmark = pytest.mark.anyio

GENERATIONS, OMNI = "/v1/images/generations", "/v1/images/omni-image"
MULTI, EXPAND, TRY_ON = "/v1/images/multi-image2image", "/v1/images/editing/expand", "/v1/images/kolors-virtual-try-on"
PICTURE = base64_of(jpeg(size=(400, 300)))


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> House:
    return House(tmp_path, clock, concurrency=9)


async def make(house: House, path: str = GENERATIONS, **body: Any) -> Any:
    return await house.call("POST", path, json={"prompt": "a red fox", **body})


async def done(house: House, path: str = GENERATIONS, **body: Any) -> dict[str, Any]:
    reply = await make(house, path, **body)
    assert reply.status_code == 200, reply.text
    house.clock.now += 1000
    data: dict[str, Any] = (await house.call("GET", f"{path}/{reply.json()['data']['task_id']}")).json()["data"]
    assert data["task_status"] == "succeed"
    return data


async def refused(house: House, path: str = GENERATIONS, **body: Any) -> str:
    reply = await make(house, path, **body)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201), reply.text
    assert await house.bought() == []
    return str(reply.json()["message"])


async def test_images_come_with_an_index_each_and_cost_their_number(house):
    data = await done(house, n=3, model_name="kling-v3", external_task_id="x1")
    assert [one["index"] for one in data["task_result"]["images"]] == [0, 1, 2]
    assert {one["watermark_url"] for one in data["task_result"]["images"]} == {""}
    assert data["final_unit_deduction"] == "24"
    item = await house.task(data["task_id"])
    assert [one["type"] for one in item["outputs"]] == ["image"] * 3
    assert "group_id" not in item["outputs"][0]
    assert item["billing"] == [{"charge_type": "unit", "package_type": "image", "amount": "24"}]


@pytest.mark.parametrize(
    ("body", "units"),
    [
        ({}, "8"),
        ({"model_name": "kling-v2-1"}, "4"),
        ({"model_name": "kling-v2-1", "image": PICTURE}, "8"),
        ({"model_name": "kling-v2-1", "image": PICTURE, "image_reference": "subject", "human_fidelity": 1}, "8"),
        ({"image": PICTURE, "n": 2, "resolution": "2k"}, "16"),
    ],
)
async def test_a_generation_costs_what_the_table_says(house, body, units):
    assert (await done(house, **body))["final_unit_deduction"] == units


WRONG_GENERATIONS: dict[str, dict[str, Any]] = {
    "no prompt": {"prompt": ""},
    "a long prompt": {"prompt": "x" * 2501},
    "a retired model": {"model_name": "kling-v1-5"},
    "an unknown model": {"model_name": "kling-v7"},
    "a negative prompt with an image": {"image": PICTURE, "negative_prompt": "rain"},
    "a reference without image": {"model_name": "kling-v2-1", "image_reference": "face"},
    "a reference with 3.0": {"model_name": "kling-v3", "image": PICTURE, "image_reference": "face"},
    "a fidelity with 3.0": {"image": PICTURE, "image_fidelity": 0.5},
    "a fidelity out of range": {"model_name": "kling-v2-1", "image": PICTURE, "image_fidelity": 1.1},
    "a human fidelity of a face": {
        "model_name": "kling-v2-1",
        "image": PICTURE,
        "image_reference": "face",
        "human_fidelity": 0.5,
    },
    "4k": {"resolution": "4k"},
    "ten images": {"n": 10},
    "no image": {"n": 0},
    "a number in a string": {"n": "2"},
    "an automatic ratio": {"aspect_ratio": "auto"},
    "an unknown element": {"element_list": [{"element_id": 7}]},
    "an element id as text": {"element_list": [{"element_id": "829900000000000001"}]},
    "an element with 2.1": {"model_name": "kling-v2-1", "element_list": [{"element_id": 829900000000000001}]},
    "eleven parts": {"image": PICTURE, "element_list": [{"element_id": 829900000000000001}] * 10},
    "a data prefix": {"image": f"data:image/jpeg;base64,{PICTURE}"},
    "a small image": {"image": base64_of(jpeg(size=(299, 400)))},
}


@pytest.mark.parametrize("body", WRONG_GENERATIONS.values(), ids=WRONG_GENERATIONS.keys())
async def test_a_wrong_generation_is_1201(house, body):
    await refused(house, **body)


async def test_every_documented_field_is_read_and_others_are_named(house):
    generation = {"model_name": "kling-v2-1", "image": PICTURE, "image_reference": "subject", "image_fidelity": 0.4}
    await make(house, **generation, human_fidelity=0.4, resolution="1k", n=1, aspect_ratio="1:1", seed=5)
    element = [{"element_id": 829900000000000001}]
    omni = {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": "auto", "element_list": element}
    await make(house, OMNI, **omni, image_list=[{"image": PICTURE, "type": "first_frame"}], external_task_id="x2")
    log = (await house.bare.get("/sandbox/requests")).json()
    assert [entry["ignored"] for entry in log] == [["seed"], ["image_list[0].type"]]


async def test_ten_parts_are_allowed(house):
    await done(house, image=PICTURE, element_list=[{"element_id": 829900000000000001}] * 9)


async def test_a_series_is_a_group_with_its_own_name(house):
    body = {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": 3, "resolution": "4k"}
    data = await done(house, OMNI, **body, watermark_info={"enabled": True})
    result = data["task_result"]
    assert (result["result_type"], len(result["series_images"]), "images" in result) == ("series", 3, False)
    assert result["series_images"][0]["watermark_url"]
    assert data["final_unit_deduction"] == "48"
    outputs = (await house.task(data["task_id"]))["outputs"]
    assert len({one["group_id"] for one in outputs}) == 1


async def test_single_images_of_omni_say_so(house):
    result = (await done(house, OMNI, n=2))["task_result"]
    assert (result["result_type"], len(result["images"])) == ("single", 2)


WRONG_OMNI: dict[str, dict[str, Any]] = {
    "4k of O1": {"resolution": "4k"},
    "a series of O1": {"model_name": "kling-image-o1", "result_type": "series"},
    "a series of ten": {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": 10},
    "a series of one": {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": 1},
    "a series amount in a string": {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": "4"},
    "a series of n": {"model_name": "kling-v3-omni", "result_type": "series", "n": 4},
    "a series amount without series": {"series_amount": 4},
    "automatic ratio of pure text": {"aspect_ratio": "auto"},
    "eleven images": {"image_list": [{"image": "https://a.invalid/a.png"}] * 11},
    "an empty image": {"image_list": [{}]},
}


@pytest.mark.parametrize("body", WRONG_OMNI.values(), ids=WRONG_OMNI.keys())
async def test_a_wrong_omni_image_is_1201(house, body):
    await refused(house, OMNI, **body)


async def test_video_elements_are_not_for_images(house):
    body = {
        "element_name": "dancer",
        "element_description": "she turns",
        "reference_type": "video_refer",
        "element_video_list": {"refer_videos": [{"video_url": "https://a.invalid/a.mp4"}]},
    }
    made = (await house.call("POST", "/v1/general/advanced-custom-elements", json=body)).json()["data"]["task_id"]
    house.clock.now += 1000
    reply = await make(house, OMNI, element_list=[{"element_id": int(made)}])
    assert (reply.json()["code"], "video character" in reply.json()["message"]) == (1201, True)


async def test_an_image_task_takes_as_many_slots_as_images(tmp_path, clock):
    house = House(tmp_path, clock, concurrency=5)
    assert (await make(house, n=3)).status_code == 200
    full = await make(house, n=3)
    assert (full.status_code, full.json()["code"]) == (429, 1303)
    assert (await make(house, n=2)).status_code == 200
    # Another model version has slots of its own; an automatic series takes four of them.
    auto = {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": "auto"}
    assert (await make(house, OMNI, **auto)).status_code == 200
    assert (await make(house, OMNI, **auto)).json()["code"] == 1303


async def test_multi_image_needs_one_to_four_subjects_and_a_model(house):
    subjects = [{"subject_image": PICTURE}]
    assert "discontinued" in await refused(house, MULTI, subject_image_list=subjects)
    for wrong in ([], subjects * 5, [{}]):
        await refused(house, MULTI, model_name="kling-v2-1", subject_image_list=wrong)
    body = {"model_name": "kling-v2-1", "subject_image_list": subjects * 4, "style_image": PICTURE, "n": 2}
    assert (await done(house, MULTI, **body))["final_unit_deduction"] == "32"


def expansion(up: Any = 0, down: Any = 0, left: Any = 0, right: Any = 0, **more: Any) -> dict[str, Any]:
    ratios = {"up": up, "down": down, "left": left, "right": right}
    return {"image": PICTURE, **{f"{side}_expansion_ratio": ratio for side, ratio in ratios.items()}, **more}


@pytest.mark.parametrize(
    "body",
    [
        expansion(up=2.1),
        expansion(up=-0.1),
        expansion(up="1"),
        expansion(up=None),
        expansion(up=1, right=0.6),
        expansion(up=1, image=""),
        expansion(up=1, n=10),
    ],
)
async def test_an_expansion_has_limits(house, body):
    await refused(house, EXPAND, **body)


async def test_an_expansion_up_to_three_times_the_area_costs_eight_an_image(house):
    assert (await done(house, EXPAND, **expansion(up=1, down=1, n=2)))["final_unit_deduction"] == "16"


async def test_try_on_draws_on_its_own_pack_and_shows_plain_images(house):
    data = await done(house, TRY_ON, human_image=PICTURE, cloth_image=PICTURE)
    (image,) = data["task_result"]["images"]
    assert set(image) == {"index", "url"}
    assert (await house.bought())[0]["pack"] == "try_on"


@pytest.mark.parametrize("missing", ["human_image", "cloth_image"])
async def test_try_on_needs_both_images(house, missing):
    await refused(house, TRY_ON, **{"human_image": PICTURE, "cloth_image": PICTURE, missing: ""})


async def test_a_failed_image_task_costs_nothing(tmp_path, clock):
    house = House(tmp_path, clock, faults=(Fault(on="create", fail_task="Failure to pass the risk control system"),))
    made = (await make(house)).json()["data"]
    item = await house.finish(made["task_id"])
    assert (item["status"], item["outputs"], item["billing"]) == ("failed", [], [])


async def test_a_new_model_version_behaves_like_the_known_one(tmp_path, clock):
    house = House(tmp_path, clock, models={"kling-v9": "kling-v2-1"})
    assert (await done(house, model_name="kling-v9"))["final_unit_deduction"] == "4"
    assert (await make(house, OMNI, model_name="kling-v9")).json()["code"] == 1201


def test_sizes_follow_ratio_and_resolution():
    assert painting.size_of("1k", "1:1") == (1024, 1024)
    assert painting.size_of("4k", "1:1") == (4096, 4096)
    for name, (width, height) in painting.SIZES_1K.items():
        wide, high = name.split(":")
        assert width / height == pytest.approx(int(wide) / int(high), rel=0.02)
        assert painting.nearest_ratio((width * 3, height * 3)) == name


async def picture_of(house: House, url: str) -> Image.Image:
    reply = await house.bare.get(url)
    assert reply.status_code == 200, reply.text
    return Image.open(io.BytesIO(reply.content))


async def test_a_file_has_the_ordered_size_and_every_image_is_another(tmp_path, clock, ffmpeg):
    house = House(tmp_path, clock, ffmpeg=ffmpeg)
    images = (await done(house, n=2, aspect_ratio="2:3"))["task_result"]["images"]
    first, second = [await picture_of(house, one["url"]) for one in images]
    assert (first.size, first.format) == ((832, 1248), "PNG")
    assert first.convert("RGB").tobytes() != second.convert("RGB").tobytes()


async def test_a_large_file_is_a_jpeg_of_the_ordered_size(tmp_path, clock, ffmpeg):
    house = House(tmp_path, clock, ffmpeg=ffmpeg)
    body = {"model_name": "kling-v3-omni", "resolution": "4k", "aspect_ratio": "21:9"}
    images = (await done(house, OMNI, **body))["task_result"]["images"]
    found = await picture_of(house, images[0]["url"])
    assert (found.size, found.format) == ((6272, 2688), "JPEG")


async def test_an_expanded_image_holds_the_old_one_in_its_place(tmp_path, clock, ffmpeg):
    house = House(tmp_path, clock, ffmpeg=ffmpeg)
    data = await done(house, EXPAND, **expansion(left=1, right=1, prompt=""))
    found = await picture_of(house, data["task_result"]["images"][0]["url"])
    assert found.size == (1200, 300)
    red, green, blue = found.convert("RGB").getpixel((600, 100))  # type: ignore[misc]
    assert red > 150 > max(green, blue)


async def test_an_automatic_ratio_follows_the_first_image_of_ours_too(tmp_path, clock, ffmpeg):
    house = House(tmp_path, clock, ffmpeg=ffmpeg)
    tall = (await done(house, aspect_ratio="9:16"))["task_result"]["images"][0]["url"]
    body = {"image_list": [{"image": tall}], "aspect_ratio": "auto"}
    found = await picture_of(house, (await done(house, OMNI, **body))["task_result"]["images"][0]["url"])
    assert found.size == (768, 1360)

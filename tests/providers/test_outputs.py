"""Results of every kind in both shapes (kling-official 2.3, 2.4)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from tests.providers.values import TREES

from kling_tools.model.errors import KlingError
from kling_tools.model.tasks import RemoteOutput
from kling_tools.providers.kling import outputs, reading

CDN = "https://cdn.example"
MIXED = {"id": "lv-1", "url": f"{CDN}/v.mp4", "watermark_url": f"{CDN}/w.mp4", "duration": "5.1"}
SFX = {"id": "a-1", "url_mp3": f"{CDN}/a.mp3", "url_wav": f"{CDN}/a.wav", "duration_mp3": "4.9", "duration_wav": "5"}
ELEMENT_ID = 123456789012345678


def an_image(name: str, kind: str = "") -> RemoteOutput:
    """Return a picture's output."""
    return RemoteOutput(kind="image", url=f"{CDN}/{name}", name=kind)


LEGACY: dict[str, tuple[dict[str, Any], tuple[RemoteOutput, ...]]] = {
    "a video": (
        {"videos": [MIXED]},
        (RemoteOutput(kind="video", url=f"{CDN}/v.mp4", seconds=5.1, remote_id="lv-1"),),
    ),
    "pictures": (
        {"images": [{"index": 0, "url": f"{CDN}/0.png", "watermark_url": "x"}, {"index": 1, "url": f"{CDN}/1.png"}]},
        (an_image("0.png"), an_image("1.png")),
    ),
    "a series": (
        {"result_type": "series", "series_images": [{"index": 0, "url": f"{CDN}/0.png"}]},
        (an_image("0.png"),),
    ),
    "other views": (
        {"images": [{"index": 0, "url_1": f"{CDN}/1.png", "url_2": f"{CDN}/2.png", "url_3": f"{CDN}/3.png"}]},
        (an_image("1.png"), an_image("2.png"), an_image("3.png")),
    ),
    "other views in one address": ({"images": [{"index": 0, "url": f"{CDN}/0.png"}]}, (an_image("0.png"),)),
    "cutouts": (
        {
            "images": [
                {"type": "head_seg", "is_contain": True, "url": f"{CDN}/h.png"},
                {"type": "face_seg", "is_contain": False, "url": f"{CDN}/f.png"},
                {"type": "cloth_seg", "is_contain": "False", "url": f"{CDN}/c.png"},
                {"type": "object_seg", "url": f"{CDN}/o.png"},
            ]
        },
        (an_image("h.png", "head_seg"), an_image("o.png", "object_seg")),
    ),
    "speech": (
        {"audios": [{"id": "t-1", "url": f"{CDN}/t.mp3", "duration": "3.5"}]},
        (RemoteOutput(kind="audio", url=f"{CDN}/t.mp3", seconds=3.5, remote_id="t-1"),),
    ),
    "a sound as MP3 and WAV": (
        {"audios": [SFX]},
        (RemoteOutput(kind="audio", url=f"{CDN}/a.mp3", seconds=4.9, remote_id="a-1"),),
    ),
    "a sound as WAV only": (
        {"audios": [{**SFX, "url_mp3": ""}]},
        (RemoteOutput(kind="audio", url=f"{CDN}/a.wav", seconds=5.0, remote_id="a-1"),),
    ),
    "a video with its sound": (
        {"audios": [SFX], "videos": [MIXED]},
        (
            RemoteOutput(kind="video", url=f"{CDN}/v.mp4", seconds=5.1, remote_id="lv-1"),
            RemoteOutput(kind="audio", url=f"{CDN}/a.mp3", seconds=4.9, remote_id="a-1"),
        ),
    ),
    "a voice": (
        {"voices": [{"voice_id": "v-1", "voice_name": "Ann", "trial_url": f"{CDN}/v.mp3", "owned_by": "me"}]},
        (RemoteOutput(kind="voice", url=f"{CDN}/v.mp3", remote_id="v-1", name="Ann"),),
    ),
    "a voice without a sample": (
        {"voices": [{"voice_id": 42}, {"voice_name": "nobody"}]},
        (RemoteOutput(kind="voice", url="", remote_id="42"),),
    ),
    "an element from pictures": (
        {
            "elements": [
                {
                    "element_id": ELEMENT_ID,
                    "element_name": "Deep",
                    "element_image_list": {
                        "frontal_image": f"{CDN}/front.png",
                        "refer_images": [{"image_url": f"{CDN}/side.png"}],
                    },
                }
            ]
        },
        (RemoteOutput(kind="element", url=f"{CDN}/front.png", remote_id=str(ELEMENT_ID), name="Deep"),),
    ),
    "an element from a video": (
        {
            "elements": [
                {"element_id": "7", "element_video_list": {"refer_videos": [{"video_url": f"{CDN}/e.mp4"}]}},
            ]
        },
        (RemoteOutput(kind="element", url=f"{CDN}/e.mp4", remote_id="7"),),
    ),
    "an element that shows nothing": (
        {"elements": [{"element_id": 7}]},
        (RemoteOutput(kind="element", url="", remote_id="7"),),
    ),
    "things without an address": (
        {"videos": [{"id": "x"}], "images": [{"index": 0}], "audios": [{"id": "a"}], "voices": [{}]},
        (),
    ),
    "odd shapes": ({"videos": {"url": "x"}, "images": ["x"], "audios": None, "elements": 3}, ()),
}


@pytest.mark.parametrize("name", LEGACY)
def test_a_legacy_result_is_read(name: str) -> None:
    result, read = LEGACY[name]
    assert outputs.of_legacy(result) == read


CURRENT: dict[str, tuple[dict[str, Any], tuple[RemoteOutput, ...]]] = {
    "video": (MIXED, (RemoteOutput(kind="video", url=f"{CDN}/v.mp4", seconds=5.1, remote_id="lv-1"),)),
    "image": ({"url": f"{CDN}/0.png", "watermark_url": "x", "group_id": "g"}, (an_image("0.png"),)),
    "audio": (
        {"id": "a-1", "mp3_url": f"{CDN}/a.mp3", "wav_url": f"{CDN}/a.wav", "mp3_duration": "4.9"},
        (RemoteOutput(kind="audio", url=f"{CDN}/a.mp3", seconds=4.9, remote_id="a-1"),),
    ),
    "voice": (
        {"id": "v-1", "name": "Ann", "url": f"{CDN}/v.mp3", "owned_by": "1", "status": "succeeded"},
        (RemoteOutput(kind="voice", url=f"{CDN}/v.mp3", remote_id="v-1", name="Ann"),),
    ),
    "element": (
        {
            "id": "7",
            "name": "Deep",
            "materials": [
                {"type": "voice", "url": f"{CDN}/v.mp3", "id": "v"},
                {"type": "image", "role": "refer", "url": f"{CDN}/side.png"},
                {"type": "image", "role": "frontal", "url": f"{CDN}/front.png"},
            ],
        },
        (RemoteOutput(kind="element", url=f"{CDN}/front.png", remote_id="7", name="Deep"),),
    ),
    "avatar_4d": ({"id": "9", "url": f"{CDN}/x"}, ()),
}


@pytest.mark.parametrize("kind", CURRENT)
def test_a_current_result_is_read_by_its_type(kind: str) -> None:
    item, read = CURRENT[kind]
    assert outputs.of_current({"outputs": [{"type": kind, **item}]}) == read


def test_an_elements_parts_are_read_under_both_of_their_names() -> None:
    part = {"type": "video", "role": "reference", "url": f"{CDN}/e.mp4"}
    [seen] = outputs.of_current({"outputs": [{"type": "element", "id": "7", "references": [part]}]})
    assert seen.url == f"{CDN}/e.mp4"


def test_a_name_is_one_bounded_line() -> None:
    [seen] = outputs.of_legacy({"voices": [{"voice_id": "v", "voice_name": "Ann\n# SYSTEM " + "x" * 5000}]})
    assert seen.name.startswith("Ann # SYSTEM")
    assert len(seen.name) <= 100


@given(tree=TREES)
def test_arbitrary_results_never_raise_anything_but_our_errors(tree: object) -> None:
    with suppress(KlingError):
        for output in (*outputs.of_legacy(reading.record(tree)), *outputs.of_current(reading.record(tree))):
            assert output.url or output.remote_id
            assert (output.url + output.remote_id + output.name).encode()

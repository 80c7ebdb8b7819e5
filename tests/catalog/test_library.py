"""Reusable characters and voices: what they are made of (kling-official 5.4, 5.5)."""

from __future__ import annotations

import pytest
from tests.catalog.asking import film, picture, planned, sentence, sound
from tests.promises import keeps

from kling_tools.model.media import Source
from kling_tools.model.specs import ElementSpec, VoiceSpec


def test_an_element_is_made_of_pictures_or_of_a_video() -> None:
    decided = planned(
        "create_element", name=" Zhang ", description="a man", images=["a", "b"], voice="9", tags=["item", "item"]
    )
    assert decided.spec == ElementSpec(name="Zhang", description="a man", voice="9", tags=("item",))
    assert [(i.role, i.text) for i in decided.inputs] == [("image", "a"), ("image", "b")]
    of_video = planned("create_element", {"v": film(5, 1920, 1080)}, name="x", description="y", video="v")
    assert [(i.role, i.kind) for i in of_video.inputs] == [("video", "video")]
    assert any("3.0" in note for note in of_video.notes)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (film(5, 1080, 1920), ""),
        (film(9, 1920, 1080), "3 to 8 s"),
        (film(5, 1280, 720), "sides from 1080 to 1920"),
        (film(5, 1440, 1080), "16:9 or 9:16"),
    ],
)
@keeps("nothing-impossible")
def test_a_video_that_no_element_is_made_of_is_refused(known: Source, words: str) -> None:
    told = sentence("create_element", {"v": known}, name="x", description="y", video="v")
    assert words in told
    assert bool(told) is bool(words)


@pytest.mark.parametrize(
    ("sample", "sources", "role"),
    [
        ("https://a.test/v.MP4?x=1", {}, "video"),
        ("https://a.test/v.mp3", {}, "audio"),
        ("https://[", {}, "audio"),
        ("k123456789abc", {"k123456789abc": film(10)}, "video"),
        ("k123456789abc", {"k123456789abc": sound(10)}, "audio"),
    ],
)
def test_a_voice_is_made_of_a_sound_or_of_a_video(sample: str, sources: dict[str, Source], role: str) -> None:
    decided = planned("create_voice", sources, name="Ann", sample=sample)
    assert decided.spec == VoiceSpec(name="Ann")
    assert [(i.role, i.kind, i.name) for i in decided.inputs] == [(role, role, "sample")]


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (sound(4), "5 to 30 s"),
        (sound(31), "5 to 30 s"),
        (picture(), "takes a sound"),
        (Source(kind="video", seconds=10, has_audio=False), "this has none"),
        (film(30), ""),
    ],
)
@keeps("nothing-impossible")
def test_a_sample_that_gives_no_voice_is_refused(known: Source, words: str) -> None:
    told = sentence("create_voice", {"s": known}, name="Ann", sample="s")
    assert words in told
    assert bool(told) is bool(words)

"""Speech, lips, talking portraits and sound (kling-official 4.9, 4.10, 5.1-5.3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.catalog.asking import CATALOG, film, picture, planned, refused, sentence, sound
from tests.promises import keeps

from kling_tools.catalog.voices import language_of, length_span, spoken
from kling_tools.model.inputs import SoundLimits
from kling_tools.model.media import Source
from kling_tools.model.specs import AvatarSpec, LipSyncSpec, SoundSpec, Speech, SpeechSpec

ENGLISH, CHINESE = "a heron lands on the lake", "一只白鹭落在湖面上，水波慢慢散开"


@pytest.mark.parametrize(
    ("text", "voice", "heard", "language", "words"),
    [
        (ENGLISH, "", "oversea_male1", "en", "oversea_male1, in English"),
        (CHINESE, "", "chengshu_jiejie", "zh", "chengshu_jiejie, in Chinese"),
        (ENGLISH, "uk_boy1", "uk_boy1", "en", ""),
        (CHINESE, "genshin_klee2", "genshin_klee2", "zh", ""),
        (ENGLISH, "genshin_klee2", "genshin_klee2", "en", ""),
        (CHINESE, "uk_boy1", "uk_boy1", "en", "speaks English only"),
        (ENGLISH, "tiyuxi_xuedi", "tiyuxi_xuedi", "zh", "speaks Chinese only"),
        (CHINESE, "my_own_voice", "my_own_voice", "zh", "not among those known here"),
    ],
)
def test_words_get_a_voice_and_its_language(text: str, voice: str, heard: str, language: str, words: str) -> None:
    decided = planned("create_speech", text=text, voice=voice, speed=1.2)
    assert isinstance(decided.spec, SpeechSpec)
    assert decided.spec.speech == Speech(text=text, voice=heard, language=language, speed=1.2)  # type: ignore[arg-type]
    assert words in " ".join(decided.notes)
    assert bool(decided.notes) is bool(words)
    assert (decided.model, decided.standard, decided.wire_model) == ("kling-speech", "legacy", "")


@pytest.mark.parametrize(("speed", "told"), [(1.25, True), (1.2, False), (2.0, False)])
def test_a_speed_that_cannot_be_had_exactly_is_told(speed: float, told: bool) -> None:
    decided = planned("create_speech", text="hello", voice="uk_boy1", speed=speed)
    assert isinstance(decided.spec, SpeechSpec)
    assert decided.spec.speech.speed == pytest.approx(speed, abs=0.06)
    assert any("one decimal" in note for note in decided.notes) is told


def test_one_chinese_character_makes_a_text_chinese() -> None:
    assert [language_of(t) for t in ("hello 狐 world", "héllo wörld", "привет", "")] == ["zh", "en", "en", "en"]


@pytest.mark.parametrize(
    ("text", "words"), [("x" * 1000, ""), ("x" * 1001, "1000 characters of text"), ("  \n", "empty")]
)
def test_a_text_is_as_long_as_the_sheet_allows(text: str, words: str) -> None:
    told = sentence("create_speech", text=text)
    assert words in told
    assert bool(told) is bool(words)


@given(st.text(max_size=1000))
@settings(max_examples=60, deadline=None)
def test_an_estimate_of_any_text_lies_within_what_is_taken(text: str) -> None:
    limits = SoundLimits(max_bytes=1, min_seconds=2, max_seconds=60)
    low, high = length_span(text, limits)
    assert 2 <= low <= high <= 60
    speech, _ = spoken(text, "", CATALOG.tables)
    assert speech.voice


MEDIA = {"v.mp4": film(10.0), "a.mp3": sound(8.0)}


def test_lips_follow_words_or_a_sound() -> None:
    words = planned("lip_sync", MEDIA, video="v.mp4", text=ENGLISH, at_seconds=1.5, face=2, volume=1.5)
    assert isinstance(words.spec, LipSyncSpec)
    assert words.spec.speech is not None
    assert (words.spec.at_seconds, words.spec.face, words.spec.volume) == (1.5, 2, 1.5)
    assert [(i.role, i.seconds) for i in words.inputs] == [("video", 10.0)]
    heard = planned("lip_sync", MEDIA, video="v.mp4", audio="a.mp3")
    assert isinstance(heard.spec, LipSyncSpec)
    assert heard.spec.speech is None
    assert [(i.role, i.kind) for i in heard.inputs] == [("video", "video"), ("audio", "audio")]


#: Arguments beside the video of ten seconds, what is known, words of the refusal.
LIPS: list[tuple[dict[str, Any], dict[str, Source], str]] = [
    ({"audio": "a.mp3"}, {"v.mp4": film(61), "a.mp3": sound()}, "2 to 60 s"),
    ({"audio": "a.mp3"}, {"v.mp4": film(1), "a.mp3": sound()}, "2 to 60 s"),
    ({"audio": "a.mp3"}, {"v.mp4": film(5, 480, 480)}, "sides from 512 to 2160"),
    ({"audio": "a.mp3"}, {"a.mp3": sound(61)}, "2 to 60 s"),
    ({"audio": "a.mp3"}, {"a.mp3": picture()}, "takes a sound"),
    ({"audio": "a.mp3", "at_seconds": 9}, MEDIA, "leaves less than 2 s"),
    ({"audio": "a.mp3", "at_seconds": 8}, MEDIA, ""),
    ({"text": "x" * 1001}, MEDIA, "1000 characters of text"),
    ({"text": CHINESE * 40}, MEDIA, "at most 60 s of speech"),
    ({"text": "Oh"}, MEDIA, "at least 2 s of speech"),
    ({"text": "How do you do?"}, MEDIA, ""),
]


@pytest.mark.parametrize(("arguments", "sources", "words"), LIPS)
@keeps("nothing-impossible")
def test_lips_that_cannot_follow_are_refused(arguments: dict[str, Any], sources: dict[str, Source], words: str) -> None:
    told = sentence("lip_sync", sources, video="v.mp4", **arguments)
    assert words in told
    assert bool(told) is bool(words)


def test_a_sound_that_outlasts_the_video_is_told_to_be_cut() -> None:
    assert any("cut off" in n for n in planned("lip_sync", MEDIA, video="v.mp4", text=ENGLISH * 20).notes)
    assert not any("cut off" in n for n in planned("lip_sync", MEDIA, video="v.mp4", audio="a.mp3").notes)
    late = planned("lip_sync", MEDIA, video="v.mp4", audio="a.mp3", at_seconds=6)
    assert any("cut off" in n for n in late.notes)


def test_a_shorter_text_is_suggested() -> None:
    error = refused("lip_sync", MEDIA, video="v.mp4", text=CHINESE * 40)
    assert error is not None
    assert "A text of at most 250 characters would work" in error.advice


def test_a_portrait_talks() -> None:
    decided = planned("create_avatar", MEDIA, image="a.png", audio="a.mp3", prompt="gladly", resolution="1080p")
    assert decided.spec == AvatarSpec(prompt="gladly", resolution="1080p", speech=None)
    assert [i.role for i in decided.inputs] == ["image", "audio"]
    assert decided.video_seconds == 8
    spec = planned("create_avatar", image="a.png", text=ENGLISH, voice="uk_boy1").spec
    assert isinstance(spec, AvatarSpec)
    assert spec.speech == Speech(text=ENGLISH, voice="uk_boy1", language="en")


@pytest.mark.parametrize(
    ("arguments", "sources", "words"),
    [
        ({"audio": "a.mp3"}, {"a.mp3": sound(301)}, "2 to 300 s"),
        ({"audio": "a.mp3"}, {"a.mp3": sound(1)}, "2 to 300 s"),
        ({"audio": "a.mp3"}, {"a.mp3": sound(300)}, ""),
        ({"audio": "a.mp3", "prompt": "x" * 2501}, MEDIA, "2500 characters"),
        ({"audio": "a.mp3"}, {"a.png": picture(4000, 1000)}, "at most 2.5:1"),
        ({"text": "No"}, MEDIA, "at least 2 s of speech"),
    ],
)
@keeps("nothing-impossible")
def test_a_portrait_that_cannot_talk_is_refused(
    arguments: dict[str, Any], sources: dict[str, Source], words: str
) -> None:
    told = sentence("create_avatar", sources, image="a.png", **arguments)
    assert words in told
    assert bool(told) is bool(words)


def test_sound_is_made_from_words_or_for_a_video() -> None:
    rain = planned("add_sound", prompt="rain on tin", seconds=3.14)
    assert rain.spec == SoundSpec(product="sound-from-text", prompt="rain on tin", seconds=3.1)
    assert planned("add_sound", prompt="rain").spec == SoundSpec(product="sound-from-text", prompt="rain", seconds=5.0)
    decided = planned("add_sound", MEDIA, video="v.mp4", music="a waltz", close_up=True)
    assert decided.spec == SoundSpec(product="sound-from-video", prompt="", music="a waltz", close_up=True)
    assert [(i.role, i.text) for i in decided.inputs] == [("video", "v.mp4")]


@pytest.mark.parametrize(
    ("arguments", "sources", "words"),
    [
        ({"prompt": "x" * 200}, {}, ""),
        ({"prompt": "x" * 201}, {}, "200 characters of prompt"),
        ({"prompt": "x", "seconds": 2.9}, {}, "3 to 10 s from words, not 2.9 s"),
        ({"prompt": "x", "seconds": 10.1}, {}, "3 to 10 s from words, not 10.1 s"),
        ({"video": "v.mp4", "music": "x" * 201}, {}, "200 characters of music"),
        ({"video": "v.mp4"}, {"v.mp4": film(20)}, ""),
        ({"video": "v.mp4"}, {"v.mp4": film(21)}, "3 to 20 s"),
        ({"video": "v.mp4"}, {"v.mp4": film(2)}, "3 to 20 s"),
    ],
)
@keeps("nothing-impossible")
def test_sound_that_cannot_be_made_is_refused(
    arguments: dict[str, Any], sources: dict[str, Source], words: str
) -> None:
    told = sentence("add_sound", sources, **arguments)
    assert words in told
    assert bool(told) is bool(words)

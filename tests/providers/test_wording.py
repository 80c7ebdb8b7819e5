"""What references are called on the wire, and shots in one prompt (kling-official 3.1, 4.5)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kling_tools.model.mentions import mentions
from kling_tools.model.specs import Reference, Shot
from kling_tools.providers.kling.wording import ids, places, plain, storyboard

LOOK = Reference(kind="image")
FILM = Reference(kind="video")
DEEP = Reference(kind="element", element="7")
REFERENCES = st.lists(st.sampled_from([LOOK, FILM, DEEP]), max_size=15)


def test_ids_count_each_kind_in_order() -> None:
    names = ids((LOOK, DEEP, LOOK, FILM), voices=2)
    assert names.references == ("image_1", "element_1", "image_2", "video_1")
    assert names.voices == ("voice_1", "voice_2")
    assert names.said("@3 and @2: @voice1") == "@image_2 and @element_1: @voice_1"


def test_ten_of_a_kind_are_written_as_wide_as_each_other() -> None:
    names = ids((*[LOOK] * 10, DEEP))
    assert names.references[0] == "image_01"
    assert names.references[9:] == ("image_10", "element_1")


def test_places_come_after_what_stands_there_already() -> None:
    names = places((LOOK, FILM, LOOK, DEEP), before={"image": 2})
    assert names.said("@1 @2 @3 @4") == "<<<image_3>>> <<<video_1>>> <<<image_4>>> <<<element_1>>>"


def test_where_nothing_can_be_pointed_at_plain_words_do() -> None:
    assert plain((LOOK, DEEP, LOOK)).said("@1, @2 and @3") == "image 1, element 1 and image 2"


def test_a_number_without_a_reference_is_left_alone() -> None:
    assert ids((LOOK,)).said("@0 @2 @voice1 {} @1") == "@0 @2 @voice1 {} @image_1"


def test_words_of_a_shot_never_end_it() -> None:
    shots = (Shot(prompt=" rain; then @1；then sun ", seconds=3), Shot(prompt="night", seconds=2))
    assert storyboard(shots, ids((LOOK,))) == "shot 1, 3, rain, then @image_1，then sun; shot 2, 2, night;"


@given(references=REFERENCES)
def test_no_id_is_part_of_another(references: list[Reference]) -> None:
    names = ids(references, voices=2)
    everyone = [*names.references, *names.voices]
    assert len(set(everyone)) == len(everyone)
    assert not [(a, b) for a in everyone for b in everyone if a != b and a in b]


@given(references=REFERENCES, words=st.lists(st.sampled_from(["@1", "@2", "a@1", "@12", "@voice1", "me", "让@1走"])))
def test_every_mention_with_a_reference_is_translated_and_nothing_else(
    references: list[Reference], words: list[str]
) -> None:
    prompt = " ".join(words)
    known = [n for n in mentions(prompt) if n <= len(references)]
    said = places(references).said(prompt)
    assert said.count("<<<") == len(known)
    assert [n for n in mentions(said) if n <= len(references)] == []


@given(shots=st.lists(st.builds(Shot, prompt=st.text(max_size=30), seconds=st.integers(1, 15)), max_size=6))
def test_a_storyboard_has_one_end_for_each_shot(shots: list[Shot]) -> None:
    assert storyboard(shots, ids(())).count(";") == len(shots)

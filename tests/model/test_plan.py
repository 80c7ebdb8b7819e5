"""Which call a task needs next, and whether anybody could ask about it later."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.providers.values import CLIP, FOUND, PICTURE, PLAN, SPEECH, SPOKEN, an_order

from kling_tools.model.plan import AT_ONCE, Plan, Prepared, can_be_asked_about, pending
from kling_tools.model.specs import (
    AvatarSpec,
    EffectSpec,
    ElementSpec,
    ImageProduct,
    ImageSpec,
    LipSyncSpec,
    MotionSpec,
    Reference,
    Shot,
    SoundSpec,
    Spec,
    Speech,
    SpeechSpec,
    VoiceSpec,
)

LIPS = LipSyncSpec(speech=SPEECH, at_seconds=None, face=0, volume=1.0, original_volume=1.0)
FACE = AvatarSpec(prompt="", resolution="720p", speech=SPEECH)

#: Spec, what earlier calls brought, the next call.
NEXT: list[tuple[Spec, tuple[Prepared, ...], str]] = [
    (LIPS, (), "speech"),
    (LIPS, (SPOKEN,), "faces"),
    (LIPS, (SPOKEN, FOUND), "task"),
    (replace(LIPS, speech=None), (), "faces"),
    (replace(LIPS, speech=None), (FOUND,), "task"),
    (FACE, (), "speech"),
    (FACE, (SPOKEN,), "task"),
    (replace(FACE, speech=None), (), "task"),
    (SpeechSpec(speech=SPEECH), (), "task"),
    (PLAN.spec, (), "task"),
]


@pytest.mark.parametrize(("spec", "prepared", "step"), NEXT)
def test_calls_come_in_their_order_and_each_once(spec: Spec, prepared: tuple[Prepared, ...], step: str) -> None:
    plan = replace(PLAN, spec=spec)
    assert pending(plan, prepared) == step
    assert can_be_asked_about(plan, prepared) == (step == "task" and spec.kind != "speech")


@pytest.mark.parametrize("product", get_args(ImageProduct))
def test_a_picture_that_is_answered_at_once_cannot_be_asked_about(product: ImageProduct) -> None:
    plan = replace(PLAN, spec=ImageSpec(product=product))
    assert can_be_asked_about(plan, ()) == (product not in AT_ONCE) == (product != "cutouts")


def test_an_order_gives_its_media_by_what_they_are_for() -> None:
    order = an_order(("reference", PICTURE), ("base_video", CLIP), ("reference", CLIP), prepared=(FOUND,))
    assert list(order.every("reference")) == [PICTURE, CLIP]
    assert order.first("base_video") is CLIP
    assert order.first("last_frame") is None
    assert (order.brought("faces"), order.brought("speech")) == (FOUND, None)
    assert "PNG-bytes" not in repr(order)


WORDS: list[tuple[Spec, str]] = [
    (PLAN.spec, "a heron lands on a pond"),
    (replace(PLAN.spec, prompt="", shots=(Shot(prompt="one", seconds=2), Shot(prompt="two", seconds=3))), "one / two"),
    (LIPS, "Good morning"),
    (replace(FACE, prompt="calm"), "calm"),
    (EffectSpec(scene="hug"), "hug"),
    (ElementSpec(name="Fox", description="red"), "Fox"),
    (VoiceSpec(name="Ada"), "Ada"),
    (ImageSpec(product="views"), ""),
    (replace(LIPS, speech=None), ""),
]


@pytest.mark.parametrize(("spec", "words"), WORDS)
def test_a_task_is_listed_by_the_words_the_person_gave(spec: Spec, words: str) -> None:
    assert replace(PLAN, spec=spec).words == words


short = st.text(max_size=8)
figures = st.floats(0, 60)
speeches = st.none() | st.builds(Speech, text=short, voice=short, speed=figures)
specs: st.SearchStrategy[Spec] = st.one_of(
    st.just(PLAN.spec),
    st.builds(MotionSpec, prompt=short, resolution=short, elements=st.tuples(short)),
    st.builds(LipSyncSpec, speech=speeches, at_seconds=st.none() | figures, volume=figures, original_volume=figures),
    st.builds(AvatarSpec, prompt=short, resolution=short, speech=speeches),
    st.builds(EffectSpec, scene=short),
    st.builds(
        ImageSpec,
        references=st.tuples(st.builds(Reference)),
        series=st.sampled_from([None, "auto", 3]),
        image_fidelity=st.none() | figures,
        human_fidelity=st.none(),
        expand=st.none() | st.tuples(figures, figures, figures, figures),
    ),
    st.builds(SpeechSpec, speech=st.builds(Speech, text=short, speed=figures)),
    st.builds(SoundSpec, seconds=st.none() | figures),
    st.builds(ElementSpec, tags=st.tuples(short)),
    st.builds(VoiceSpec),
)


@given(specs)
@settings(max_examples=60)
def test_every_kind_of_plan_comes_back_from_the_journal_as_it_went(spec: Spec) -> None:
    plan = replace(PLAN, spec=spec)
    assert ADAPTER.validate_json(ADAPTER.dump_json(plan)) == plan


ADAPTER = TypeAdapter(Plan)

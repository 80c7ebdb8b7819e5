"""Where a prompt names a reference or a voice, and where it only looks so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_tools.model.mentions import mentions, replaced, voice_mentions

PROMPTS = st.text() | st.lists(
    st.sampled_from(["@1", "@2", "@12", "@voice1", "a", "@", "1", ".", ",", " ", "me@1.com", "让", "é", "@@3"])
).map("".join)


@pytest.mark.parametrize(
    ("prompt", "numbers"),
    [
        ("@1 walks", [1]),
        ("the hat of @2.", [2]),
        ("@1, @2 and (@1)!", [1, 2, 1]),
        ("@1's hat, @1-style", [1, 1]),
        ("@1.Then @2", [1, 2]),
        ("@12 waves", [12]),
        ("让@1走路，像@2。", [1, 2]),
        ("@1이 춤춘다", [1]),
        ("@0 and @999", [0, 999]),
        ("a@1", []),
        ("me@1.com", []),
        ("@1st place", []),
        ("@1.5x", []),
        ("@1.com", []),
        ("@01", []),
        ("@1000", []),
        ("@@1", []),
        ("@1@2", []),
        ("été@1", []),
        ("@image_1 @x1 @", []),
        ("", []),
    ],
)
def test_a_mention_stands_alone(prompt: str, numbers: list[int]) -> None:
    assert mentions(prompt) == numbers


def test_voices_are_named_apart() -> None:
    prompt = "@voice1 answers @Voice2, not @1, my@voice3 or @voices"
    assert voice_mentions(prompt) == [1, 2]
    assert mentions(prompt) == [1]


@given(prompt=PROMPTS)
def test_what_is_named_by_nothing_stays_letter_for_letter(prompt: str) -> None:
    assert replaced(prompt, reference=lambda n: None, voice=lambda n: None) == prompt
    assert replaced(prompt, reference=lambda n: f"@{n}", voice=lambda n: None) == prompt


@given(prompt=PROMPTS)
def test_replacing_meets_exactly_the_mentions_in_order(prompt: str) -> None:
    met: list[int] = []
    spoken: list[int] = []

    def reference(number: int) -> str:
        met.append(number)
        return ""

    def voice(number: int) -> str:
        spoken.append(number)
        return ""

    replaced(prompt, reference=reference, voice=voice)
    assert met == mentions(prompt)
    assert spoken == voice_mentions(prompt)

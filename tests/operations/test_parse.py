"""Arguments are closed: what is misspelt, misplaced or mistyped is told, all at once, with what was meant."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.promises import keeps

from kling_tools.model.errors import InvalidArguments
from kling_tools.operations.all import ALL
from kling_tools.operations.operation import SYNONYMS, Operation

OPERATIONS: dict[str, Operation[Any]] = {op.name: op for op in ALL}
CREATE = OPERATIONS["create_video"]


def faults(arguments: dict[str, Any], tool: str = "create_video") -> str:
    """Return what a call is refused with."""
    with pytest.raises(InvalidArguments) as caught:
        OPERATIONS[tool].parse(arguments)
    assert caught.value.spent == "no"
    return caught.value.message


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("duration", "seconds"),
        ("Duration", "seconds"),
        ("image_url", "image"),
        ("image_tail", "last_image"),
        ("sound", "audio"),
        ("model_name", "model"),
        ("aspect_ration", "aspect_ratio"),
        ("secconds", "seconds"),
    ],
)
@keeps("nothing-impossible")
def test_a_misspelt_argument_is_refused_with_the_one_that_was_meant(written: str, meant: str) -> None:
    assert faults({"prompt": "x", written: 10}) == f'There is no argument "{written}"; did you mean {meant}?'


def test_an_argument_nobody_has_is_refused_with_those_there_are() -> None:
    told = faults({"prompt": "x", "cfg": 0.5})
    assert told.startswith('There is no argument "cfg"; there are ')
    assert all(name in told for name in CREATE.request.model_fields)


@keeps("nothing-impossible")
def test_every_fault_is_told_at_once() -> None:
    told = faults(
        {"duration": 10, "seconds": "long", "resolution": "8k", "audio": "loud", "wait_seconds": 51, "prompt": ""}
    )
    for words in ("did you mean seconds", "seconds has", "resolution has", "or 4k", "audio has", "wait_seconds has"):
        assert words in told


#: Pydantic speaks to programmers.
FOREIGN = re.compile(r"pydantic|should|valid|string|integer|boolean|dictionary|parse", re.I)

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "prompt"),
    "an empty prompt": ({"prompt": ""}, "prompt"),
    "a blank prompt": ({"prompt": " \n"}, "prompt is empty"),
    "a prompt of another kind": ({"prompt": ["x"]}, "prompt"),
    "half a character": ({"prompt": "fox \ud800"}, "prompt"),
    "a prompt of a book": ({"prompt": "x" * 100_001}, "prompt"),
    "no whole seconds": ({"prompt": "x", "seconds": 5.5}, "seconds"),
    "no seconds": ({"prompt": "x", "seconds": 0}, "seconds"),
    "seconds as a list": ({"prompt": "x", "seconds": [5]}, "seconds"),
    "a ratio that is none": ({"prompt": "x", "aspect_ratio": "wide"}, "aspect_ratio"),
    "a long label": ({"prompt": "x", "label": "y" * 201}, "label takes at most 200"),
    "a last frame alone": ({"prompt": "x", "last_image": "b.png"}, "last_image needs image"),
    "a wait that is too long": ({"prompt": "x", "wait_seconds": 51}, "wait_seconds"),
    "a flag for a number": ({"prompt": "x", "seconds": True}, "seconds has to be a whole number, not true"),
    "a ratio with an address": (
        {"prompt": "x", "image": "https://a.test/b.png", "aspect_ratio": "1:1"},
        "leave it out",
    ),
    "null for a number": ({"prompt": "x", "seconds": None}, "seconds"),
}


@pytest.mark.parametrize(("arguments", "named"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_refused_by_its_name(arguments: dict[str, Any], named: str) -> None:
    told = faults(arguments)
    assert named in told
    assert len(told) < 400
    assert not FOREIGN.search(told)


@pytest.mark.parametrize(
    ("tool", "arguments", "named"),
    [
        ("check_status", {}, "task_id is missing"),
        ("check_status", {"task_ids": []}, "task_id is missing"),
        ("check_status", {"task_ids": ["k"] * 21}, "task_ids"),
        ("check_status", {"id": "k"}, "did you mean task_id"),
        ("list_tasks", {"status": "done"}, "status"),
        ("list_tasks", {"limit": 0}, "limit"),
        ("list_tasks", {"since": "yesterday"}, "since"),
        ("list_tasks", {"search": "fox"}, "did you mean query"),
        ("view_video", {}, "Give task_id or video"),
        ("view_video", {"task_id": "k", "video": "a.mp4"}, "Give task_id or video"),
        ("view_video", {"video": "a.mp4", "frames": 17}, "frames"),
        ("view_video", {"video": "a.mp4", "at_seconds": -1}, "at_seconds"),
        ("view_video", {"video": "a.mp4", "at_seconds": float("nan")}, "at_seconds"),
        ("view_video", {"path": "a.mp4"}, "did you mean video"),
        ("estimate_cost", {"tool": "create_video"}, "arguments"),
        ("list_models", {"seconds": "5 s"}, "seconds"),
    ],
)
def test_every_tool_refuses_what_it_does_not_take(tool: str, arguments: dict[str, Any], named: str) -> None:
    assert named in faults(arguments, tool)


def test_numbers_and_words_that_mean_the_same_are_taken() -> None:
    request = CREATE.parse({"prompt": "x", "seconds": "10", "audio": "true", "wait_seconds": 5.0})
    assert (request.seconds, request.audio, request.wait_seconds) == (10, True, 5)
    assert OPERATIONS["check_status"].parse({"task_ids": "ka, kb"}).ids == ["ka", "kb"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(5, "5"), (5.5, "5.5"), ("5", '"5"'), (True, "true"), (None, "null"), ([1], "a list"), ({"a": 1}, "an object")],
)
def test_what_was_given_is_told_as_it_was_written(value: object, shown: str) -> None:
    assert faults({"prompt": "x", "resolution": value}) == f"resolution has to be 720p, 1080p or 4k, not {shown}."


def test_every_synonym_leads_to_an_argument_of_some_tool() -> None:
    fields = {name for op in ALL for name in op.request.model_fields}
    assert set(SYNONYMS.values()) <= fields
    assert not set(SYNONYMS) & set(CREATE.request.model_fields)


@given(
    st.sampled_from(sorted(OPERATIONS)),
    st.dictionaries(st.text(max_size=12), st.none() | st.integers() | st.text(), max_size=4),
)
def test_whatever_is_given_is_a_request_or_a_refusal_in_our_words(tool: str, arguments: dict[str, Any]) -> None:
    told = ""
    try:
        OPERATIONS[tool].parse(arguments)
    except InvalidArguments as error:
        told = error.message
        assert_said(told)
    if set(arguments) - set(OPERATIONS[tool].request.model_fields):
        assert "There is no argument" in told


def assert_said(message: str) -> None:
    """Check that a refusal is one line with words in it."""
    assert message
    assert "\n" not in message
    assert " should " not in message

"""What the first tools promise holds for every tool: a wrong argument is one clear refusal, and nothing is sent.

Table-driven over all of them, by their own schemas: whoever adds a tool has it tested here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.operations.test_parse import FOREIGN
from tests.promises import keeps
from tests.server.acting import ActingStudio, Era, both_eras, serving, session, settings_in, text_of

from kling_mcp.bridge import given
from kling_mcp.schemas import input_schema
from kling_tools.model.errors import InvalidArguments
from kling_tools.operations.all import ALL, BUYING
from kling_tools.operations.operation import Operation

every_tool = pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)

FILM = "k0123456789ab"
#: What each tool is content with.
ENOUGH: dict[str, dict[str, Any]] = {
    "create_video": {"prompt": "a fox"},
    "edit_video": {"video": FILM, "prompt": "snow"},
    "extend_video": {"video": FILM},
    "transfer_motion": {"image": "a.jpg", "video": FILM},
    "lip_sync": {"video": FILM, "text": "hello"},
    "create_avatar": {"image": "a.jpg", "text": "hello"},
    "apply_effect": {"scene": "disco_paws", "images": ["a.jpg"]},
    "create_image": {"prompt": "a fox"},
    "create_speech": {"text": "hello"},
    "add_sound": {"prompt": "rain"},
    "estimate_cost": {"tool": "create_video", "arguments": {"prompt": "a fox"}},
    "check_status": {"task_id": FILM},
    "list_tasks": {},
    "cancel_task": {"task_id": "k000000000000"},
    "view_video": {"task_id": FILM},
    "join_videos": {"videos": [FILM, FILM]},
    "list_models": {},
    "list_library": {"kind": "voices"},
    "create_element": {"name": "Ada", "description": "a fox", "images": ["a.jpg", "b.jpg"]},
    "create_voice": {"name": "Ada", "sample": FILM},
    "delete_asset": {"kind": "voice", "id": "1"},
    "get_account": {},
}
#: A value of another kind for each kind, and the words for what it has to be. Digits and yes are taken as meant.
OTHER: dict[str, tuple[Any, str]] = {
    "string": ({"a": 1}, "has to be"),
    "integer": ("some", "a whole number"),
    "number": ("some", "a number"),
    "boolean": ("perhaps", "true or false"),
    "array": (7, "a list"),
    "object": ("no JSON", "an object"),
}
BOOK = "x" * 100_001


def properties(operation: Operation[Any]) -> dict[str, dict[str, Any]]:
    """Return a tool's arguments as its schema tells them."""
    found: dict[str, dict[str, Any]] = input_schema(operation.request)["properties"]
    return found


def fault(operation: Operation[Any], arguments: dict[str, Any]) -> str:
    """Return what a call is refused with, which is one line in our words."""
    with pytest.raises(InvalidArguments) as caught:
        operation.parse(given(arguments, properties(operation)))
    told = caught.value.message
    assert caught.value.spent == "no"
    assert "\n" not in told
    assert len(told) < 500
    assert not FOREIGN.search(told), told
    return told


def of_type(operation: Operation[Any], kind: str) -> Iterator[str]:
    """Yield the arguments of a kind."""
    return (name for name, schema in properties(operation).items() if schema["type"] == kind)


def test_every_tool_is_in_the_table() -> None:
    assert ENOUGH.keys() == {operation.name for operation in ALL}


@every_tool
def test_what_is_enough_is_taken(operation: Operation[Any]) -> None:
    operation.parse(ENOUGH[operation.name])


@every_tool
@keeps("nothing-impossible")
def test_a_misspelt_argument_is_refused_with_the_one_that_was_meant(operation: Operation[Any]) -> None:
    for name in properties(operation):
        misspelt = f"{name[:-1]}{name[-1] * 2}x"
        assert f'There is no argument "{misspelt}"; did you mean ' in fault(
            operation, ENOUGH[operation.name] | {misspelt: 1}
        )
    strange = fault(operation, ENOUGH[operation.name] | {"zzzzzzzzzzz": 1})
    assert all(name in strange for name in operation.request.model_fields)


@every_tool
def test_a_required_argument_that_is_missing_is_named(operation: Operation[Any]) -> None:
    for name in input_schema(operation.request).get("required", []):
        left = {key: value for key, value in ENOUGH[operation.name].items() if key != name}
        assert fault(operation, left).startswith(f"{name} is missing")


@every_tool
def test_a_value_of_another_kind_is_refused_by_its_name(operation: Operation[Any]) -> None:
    for kind, (value, words) in OTHER.items():
        for name in of_type(operation, kind):
            told = fault(operation, ENOUGH[operation.name] | {name: value})
            assert told.startswith(name), told
            assert words in told, told


@every_tool
def test_a_book_where_a_few_words_are_meant_is_refused_with_a_number_or_a_reason(operation: Operation[Any]) -> None:
    for name in of_type(operation, "string"):
        told = fault(operation, ENOUGH[operation.name] | {name: BOOK})
        assert told.startswith(name)
        assert BOOK[:100] not in told


@every_tool
def test_a_list_without_an_end_is_refused(operation: Operation[Any]) -> None:
    for name in of_type(operation, "array"):
        told = fault(operation, ENOUGH[operation.name] | {name: ["a.jpg"] * 1000})
        assert told.startswith(name)


@every_tool
def test_null_is_what_was_left_out(operation: Operation[Any]) -> None:
    known = properties(operation)
    optional = {name: None for name in known if name not in ENOUGH[operation.name]}
    plain = operation.parse(ENOUGH[operation.name])
    assert operation.parse(given(ENOUGH[operation.name] | optional, known)) == plain
    for name in input_schema(operation.request).get("required", []):
        assert fault(operation, ENOUGH[operation.name] | {name: None}).startswith(f"{name} is missing")


@every_tool
def test_a_list_or_object_as_a_string_of_json_is_taken_as_meant(operation: Operation[Any]) -> None:
    known, enough = properties(operation), ENOUGH[operation.name]
    written = {n: json.dumps(v) if known[n]["type"] in {"array", "object"} else v for n, v in enough.items()}
    assert operation.parse(given(written, known)) == operation.parse(enough)


@both_eras
@pytest.mark.anyio
@keeps("nothing-impossible")
async def test_a_wrong_call_of_any_tool_is_one_clear_answer_and_reaches_nothing(era: Era, tmp_path: Path) -> None:
    studio = ActingStudio(settings_in(tmp_path))
    async with session(serving(studio), era) as client:
        for operation in ALL:
            result = await client.call_tool(operation.name, {**ENOUGH[operation.name], "wishful": True})
            text = text_of(result)
            assert result.is_error, operation.name
            assert text.startswith('[invalid_arguments] There is no argument "wishful"'), text
            assert text.count("Nothing was spent.") == 1
            assert len(result.content) == 1
    assert studio.bought == []


@pytest.mark.parametrize("operation", BUYING, ids=lambda operation: operation.name)
@keeps("nothing-twice", "within-budget")
def test_consent_and_repetition_are_never_guessed(operation: Operation[Any]) -> None:
    for name in ("confirm_cost", "again"):
        for value in ("", "maybe", 2, [True], {"a": 1}):
            assert fault(operation, ENOUGH[operation.name] | {name: value}).startswith(name)
        assert getattr(operation.parse(ENOUGH[operation.name]), name) is False

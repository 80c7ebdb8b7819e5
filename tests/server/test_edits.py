"""One value put into a person's file: what it says afterwards, and that nothing else moved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_mcp.edits import (
    Uneditable,
    Unreadable,
    put_json,
    put_toml,
    read_json,
    read_jsonc,
    read_toml,
    write_toml,
)

COMMENTED = """\
// my servers
{
    "servers": {
        "other": { "command": "x//y", /* not "}" a brace */ "args": ["a", "b",], }, // keep
    },
    "inputs": [ // what is asked
        {"id": "one"} // the first
    ],
}
"""


def test_comments_and_last_commas_outlive_an_edit() -> None:
    edited = put_json(COMMENTED, {("servers", "kling"): {"command": "k"}, ("inputs", 1): {"id": "two"}})
    assert read_jsonc(edited)["servers"] == {
        "other": {"command": "x//y", "args": ["a", "b"]},
        "kling": {"command": "k"},
    }
    assert read_jsonc(edited)["inputs"] == [{"id": "one"}, {"id": "two"}]
    added = [line for line in edited.splitlines() if line not in COMMENTED.splitlines()]
    assert [line.strip() for line in added] == [
        '"kling": {',
        '"command": "k"',
        "}",
        '{"id": "one"}, // the first',
        "{",
        '"id": "two"',
        "}",
    ]


def test_a_value_is_replaced_where_it_stands() -> None:
    text = '{"servers": {"kling": {"command": "old", /* mine */ "timeout": 5}}}'
    assert put_json(text, {("servers", "kling", "command"): "new"}) == text.replace("old", "new")


@pytest.mark.parametrize("text", ["", " \n", "{}", "{\n}\n", "{ // nothing yet\n}", '{"servers": {}}'])
def test_an_empty_file_gets_its_first_entry(text: str) -> None:
    edited = put_json(text, {("servers", "kling"): {"command": "k"}})
    assert read_jsonc(edited) == {"servers": {"kling": {"command": "k"}}}
    assert ("// nothing yet" in edited) == ("// nothing yet" in text)


def test_windows_lines_stay_windows_lines() -> None:
    edited = put_json('{\r\n\t"a": 1\r\n}\r\n', {("servers", "kling"): {"command": "k"}})
    assert edited.count("\r\n") == edited.count("\n")
    assert '\r\n\t\t"kling": {' in edited


@pytest.mark.parametrize("text", ["{", '{"a": }', "[1,2", "nonsense", '{"a": 1} {"b": 2}', "[" * 100_000])
def test_what_no_host_could_read_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_jsonc(text)


def test_strict_json_has_no_comments() -> None:
    with pytest.raises(Unreadable, match="line 1"):
        read_json(COMMENTED)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30)
@given(
    data=st.dictionaries(st.text(), VALUES, max_size=4),
    key=st.text(),
    value=VALUES,
    indent=st.sampled_from([None, 2, "\t"]),
)
def test_any_object_takes_any_value_and_keeps_the_rest(data: dict[str, Any], key: str, value: Any, indent: Any) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    assert json.loads(put_json(text, {(key,): value})) == {**data, key: value}


CODEX = """\
model = "o9" # mine

[mcp_servers.other]
command = "x"

  [mcp_servers.kling] # ours
command = "old" # where it was
tool_timeout_sec = 90

[profiles.fast]
model = "o9-mini"
"""


def test_a_table_is_added_at_the_end() -> None:
    edited = put_toml('model = "o9" # mine\n', {("mcp_servers", "kling"): {"command": "k", "args": []}})
    assert edited == 'model = "o9" # mine\n\n[mcp_servers.kling]\ncommand = "k"\nargs = []\n'


def test_a_table_is_mended_in_its_place() -> None:
    edited = put_toml(
        CODEX, {("mcp_servers", "kling", "command"): 'C:\\a "b"', ("mcp_servers", "kling", "args"): ["-x"]}
    )
    assert read_toml(edited)["mcp_servers"]["kling"] == {"command": 'C:\\a "b"', "tool_timeout_sec": 90, "args": ["-x"]}
    kept = [line for line in CODEX.splitlines() if "old" not in line]
    assert [line for line in edited.splitlines() if line in kept] == kept
    assert edited.index("args") < edited.index("[profiles.fast]")


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { kling = { command = "old" } }\n',
        'mcp_servers.kling.command = "old"\n',
        '[mcp_servers.kling]\ncommand = """\nold"""\n',
        '[mcp_servers."kling"]\ncommand = "old"\n',
    ],
)
def test_a_table_in_another_spelling_is_left_to_its_person(text: str) -> None:
    with pytest.raises(Uneditable):
        put_toml(text, {("mcp_servers", "kling", "command"): "new"})


def test_a_table_on_paper_reads_as_it_was_meant() -> None:
    value = {"mcp_servers": {"kling": {"command": "k", "args": ["a"], "startup_timeout_sec": 30}}}
    assert read_toml(write_toml(value)) == value

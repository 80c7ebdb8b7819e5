"""One entry put into a configuration that a person keeps: everything else in the text stays, byte for byte.

Pure text in, text out. Every edit is read again before it is returned; what does not say exactly what was meant is not.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_COMMENTS = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMAS = re.compile(r'"(?:\\.|[^"\\\n])*"|,(?=\s*[}\]])')
_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder()


class Unreadable(ValueError):
    """The text is not what its host would read; the words say where."""


class Uneditable(ValueError):
    """The text is well, but written in a way that cannot be edited without losing something."""


@dataclass(frozen=True)
class Format:
    """How a kind of file is read, and how values come into it: `put(text, {path: value})`."""

    read: Callable[[str], Any]
    put: Callable[[str, Mapping[tuple[str | int, ...], Any]], str]
    write: Callable[[Any], str]


def read_json(text: str) -> Any:
    """Return what strict JSON says.

    Raises:
        Unreadable: with line and column.
    """
    try:
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from error


def read_jsonc(text: str) -> Any:
    """Return what JSON with comments and last commas says.

    Raises:
        Unreadable: with line and column.
    """
    return read_json(_bare(text))


def read_toml(text: str) -> Any:
    """Return what TOML says.

    Raises:
        Unreadable: with line and column.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from error


def put_json(text: str, changes: Mapping[tuple[str | int, ...], Any]) -> str:
    """Return the text with each value at its path; an index one behind the end of a list appends.

    Raises:
        Unreadable, Uneditable
    """
    text = text if text.strip() else "{}\n"
    wanted = read_jsonc(text)
    for path, value in changes.items():
        text = _put_value(text, path, value)
        _set(wanted, path, value)
    if read_jsonc(text) != wanted:
        raise Uneditable("an edit of it would not say what it should")
    return text


def put_toml(text: str, changes: Mapping[tuple[str | int, ...], Any]) -> str:
    """Return the text with each value in its table; the last part of a path is the key.

    Raises:
        Unreadable, Uneditable
    """
    wanted = read_toml(text)
    for path, given in changes.items():
        for (*table, key), value in _leaves(path, given):
            text = _put_line(text, ".".join(str(part) for part in table), str(key), value)
            _set(wanted, (*table, key), value)
    try:
        if tomllib.loads(text) == wanted:
            return text
    except ValueError:
        pass
    raise Uneditable("its tables are written in a way that this command does not edit")


def write_json(value: Any) -> str:
    """Return a value as JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def write_toml(value: Any) -> str:
    """Return tables of tables of plain values as TOML."""
    return put_toml("", {(): value}).strip()


JSON = Format(read_json, put_json, write_json)
JSONC = Format(read_jsonc, put_json, write_json)
TOML = Format(read_toml, put_toml, write_toml)


def _set(data: Any, path: Sequence[str | int], value: Any) -> None:
    *way, last = path
    for part in way:
        data = data.setdefault(part, {}) if isinstance(data, dict) else data[part]
    if isinstance(data, list):
        data[int(last) : int(last) + 1] = [value]  # also appends
    else:
        data[last] = value


def _leaves(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves((*path, key), inner)


def _uncommented(text: str) -> str:
    return _COMMENTS.sub(lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\r\n]", " ", m[0]), text)


def _bare(text: str) -> str:
    """Return the text with blanks for comments and last commas: every place stays where it was."""
    return _LAST_COMMAS.sub(lambda m: m[0] if m[0][0] == '"' else " ", _uncommented(text))


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _members(bare: str, at: int) -> tuple[dict[str | int, tuple[int, int]], int]:
    """Return where the values of the object or list at a place begin and end, and where it closes."""
    named = bare[at] == "{"
    found: dict[str | int, tuple[int, int]] = {}
    here = _skip(bare, at + 1)
    while bare[here] not in "}]":
        key: str | int = len(found)
        if named:
            key, here = _DECODER.raw_decode(bare, here)
            here = _skip(bare, _skip(bare, here) + 1)
        _, end = _DECODER.raw_decode(bare, here)
        found[key] = here, end
        here = _skip(bare, end)
        if bare[here] == ",":
            here = _skip(bare, here + 1)
    return found, here


def _put_value(text: str, path: Sequence[str | int], value: Any) -> str:
    bare = _bare(text)
    at = end = _skip(bare, 0)
    newline = "\r\n" if "\r\n" in text else "\n"
    unit = _indent(text)
    for depth, key in enumerate(path):
        members, close = _members(bare, at)
        if key not in members:
            for part in reversed(path[depth + 1 :]):
                value = {part: value}
            return _insert(text, at, close, members, _member(key, value, unit, depth + 1, newline), newline)
        at, end = members[key]
    return text[:at] + _dumped(value, unit, len(path), newline) + text[end:]


def _insert(
    text: str, at: int, close: int, members: Mapping[str | int, tuple[int, int]], member: str, newline: str
) -> str:
    """Return the text with a member behind the others, and behind what is remarked on them."""
    last = max((end for _, end in members.values()), default=at + 1)
    remark = text[last:close].rstrip()
    comma = "" if not members or "," in _uncommented(text)[last:close] else ","
    rest = text[last + len(remark) :]
    if newline not in text[last + len(remark) : close]:
        line = text[text.rfind("\n", 0, at) + 1 : at]
        rest = newline + line[: len(line) - len(line.lstrip())] + text[close:]
    return text[:last] + comma + remark + newline + member + rest


def _member(key: str | int, value: Any, unit: str, depth: int, newline: str) -> str:
    name = f"{json.dumps(key, ensure_ascii=False)}: " if isinstance(key, str) else ""
    return f"{unit * depth}{name}{_dumped(value, unit, depth, newline)}"


def _dumped(value: Any, unit: str, depth: int, newline: str) -> str:
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", newline + unit * depth)


def _indent(text: str) -> str:
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _put_line(text: str, table: str, key: str, value: Any) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    head = re.search(rf"^[ \t]*\[[ \t]*{re.escape(table)}[ \t]*\][^\n]*\n?", text, re.MULTILINE)
    if head is None:
        before = text.rstrip()
        return f"{before}{newline * 2 if before else ''}[{table}]{newline}{line}{newline}"
    following = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, head.end())
    end = following.start() if following else len(text)
    body = text[head.end() : end]
    old = re.search(rf"^[ \t]*{re.escape(key)}[ \t]*=[^\r\n]*", body, re.MULTILINE)
    if old is not None:
        body = body[: old.start()] + line + body[old.end() :]
    else:
        kept = body.rstrip()
        body = (kept + newline if kept else "") + line + newline + body[len(kept) :].removeprefix(newline)
    start = text[: head.end()]
    return start + ("" if start.endswith("\n") else newline) + body + text[end:]

"""Reading JSON fields with their documented types: the wrong type is 1201, an unknown field is not read.

A body remembers which of its fields were read. What nobody read is what the real API ignores without a word, and the
log of calls names it, so that a test can prove that a client sends nothing in vain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kling_sandbox.envelope import invalid

Body = Mapping[str, Any]


class Tracked(Mapping[str, Any]):
    """A JSON object that remembers which fields were read, in itself and in the objects below it."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value
        self._read: set[str] = set()
        self._below: dict[str, Tracked | list[Tracked]] = {}

    def __getitem__(self, name: str) -> Any:
        """Read a field and remember it."""
        self._read.add(name)
        return self._value[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def peek(self, name: str) -> Any:
        """Look at a field without counting it as read."""
        return self._value.get(name)

    def child(self, name: str) -> Tracked:
        """Return the object in a field; the same one each time."""
        self._read.add(name)
        found = self._below.setdefault(name, Tracked(self._value[name]))
        assert isinstance(found, Tracked)
        return found

    def children(self, name: str) -> list[Tracked]:
        """Return the list of objects in a field; the same ones each time."""
        self._read.add(name)
        found = self._below.setdefault(name, [Tracked(item) for item in self._value[name]])
        assert isinstance(found, list)
        return found

    def unread(self, prefix: str = "") -> list[str]:
        """List the JSON paths of fields that nobody read, such as settings.mode; a list item untouched as a whole."""
        paths: list[str] = []
        for name, value in self._value.items():
            path = f"{prefix}{name}"
            if name not in self._read:
                if value is not None:
                    paths.append(path)
                continue
            below = self._below.get(name)
            if isinstance(below, Tracked):
                paths += below.unread(f"{path}.")
            for place, item in enumerate(below if isinstance(below, list) else []):
                paths += item.unread(f"{path}[{place}].") if item._read else [f"{path}[{place}]"]
        return paths


def text(body: Body, name: str, default: str = "") -> str:
    """Read a string; null counts as absent."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise invalid(f"{name} must be a string")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:  # half of a surrogate pair: JSON allows it, no store does
            raise invalid(f"{name} is not valid text") from error
    return value


def choice(body: Body, name: str, allowed: tuple[str, ...], default: str) -> str:
    """Read one of the given words."""
    value = text(body, name, default)
    if value not in allowed:
        raise invalid(f"{name} value '{value[:40]}' is invalid: one of {', '.join(w for w in allowed if w)}")
    return value


def needed(body: Body, name: str, allowed: tuple[str, ...] = ()) -> str:
    """Read a string that must be there, one of the given words if any are given."""
    value = text(body, name)
    if not value.strip():
        raise invalid(f"{name} is required")
    return choice(body, name, allowed, "") if allowed else value


def integer(body: Body, name: str, default: int) -> int:
    """Read an integer; the new standard takes no string here (kling-official 3.1)."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"{name} must be an integer")
    return value


def integer_text(body: Body, name: str, default: str) -> int:
    """Read an integer in a string; the legacy standard takes no number here (kling-official 4.2)."""
    value = text(body, name, default)
    if not (value.isascii() and value.isdigit()) or len(value) > 4:
        raise invalid(f"{name} value '{value[:40]}' is invalid")
    return int(value)


def number(body: Body, name: str, default: float, least: float, most: float) -> float:
    """Read a number within its bounds."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise invalid(f"{name} must be a number from {least:g} to {most:g}")
    return float(value)


def flag(body: Body, name: str, default: bool) -> bool:
    """Read a boolean."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise invalid(f"{name} must be a boolean")
    return value


def obj(body: Body, name: str) -> Body:
    """Read an object; absent is empty."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(f"{name} must be an object")
    return body.child(name) if isinstance(body, Tracked) else value


def objects(body: Body, name: str) -> list[Body]:
    """Read a list of objects; absent is empty."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise invalid(f"{name} must be a list of objects")
    return [*body.children(name)] if isinstance(body, Tracked) else value


def of_type(parts: list[Body], kind: str) -> list[Body]:
    """Return the items of a list with this `type`; the others stay unread, and so ignored, as a whole."""
    found = [part for part in parts if (part.peek("type") if isinstance(part, Tracked) else part.get("type")) == kind]
    for part in found:
        part.get("type")
    return found


def page(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Read a paging number of a query string: 1..most."""
    raw = query.get(name, str(default))
    if not (raw.isascii() and raw.isdigit()) or not 1 <= int(raw[:9]) <= most:
        raise invalid(f"{name} must be between 1 and {most}")
    return int(raw)


def moment(value: object, name: str, default: int) -> int:
    """Read milliseconds, given as number or string: both are accepted (kling-official 2.3)."""
    if value is None:
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 18:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**17:
        raise invalid(f"{name} must be milliseconds")
    return int(value)

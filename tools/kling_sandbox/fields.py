"""Reading JSON fields with their documented types: the wrong type is 1201, an unknown field is not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_sandbox.envelope import invalid

Body = Mapping[str, Any]


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
    return value


def objects(body: Body, name: str) -> list[Body]:
    """Read a list of objects; absent is empty."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise invalid(f"{name} must be a list of objects")
    return value


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

"""What a vendor's fact sheet says about the fields of a request, as values that say what is wrong with a body.

A fake refuses everything its sheet does not name: a field of another model, a number where a string belongs. A
misreading of the sheet in our own code is then a refusal in a test, and not a surprise that somebody pays for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

Wrong = Literal["missing", "unknown", "type", "value"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, of which kind, and in words."""

    place: tuple[str | int, ...]
    kind: Wrong
    words: str

    @property
    def path(self) -> str:
        """The place with dots, such as `input.multi_prompt.0.duration`."""
        return ".".join(str(step) for step in self.place)


Look = Callable[[Any, tuple[str | int, ...]], list[Problem]]
Law = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class Field:
    """How one value has to look, and whether it has to be there."""

    look: Look
    needed: bool = False


def need(rule: Field) -> Field:
    """Return the same field as one that has to be there."""
    return replace(rule, needed=True)


@dataclass(frozen=True)
class Form:
    """The fields of one object, and laws between them: each returns what is wrong, or nothing."""

    fields: Mapping[str, Field]
    laws: tuple[Law, ...] = field(default=())

    def problems(self, body: Any, place: tuple[str | int, ...] = ()) -> list[Problem]:
        """List everything that is wrong with a body."""
        if not isinstance(body, dict):
            return [Problem(place, "type", "must be an object")]
        found = [Problem((*place, name), "unknown", "unknown field") for name in body if name not in self.fields]
        for name, rule in self.fields.items():
            if name in body:
                found += rule.look(body[name], (*place, name))
            elif rule.needed:
                found.append(Problem((*place, name), "missing", "field required"))
        return found or [Problem(place, "value", words) for law in self.laws if (words := law(body))]

    def with_(self, *laws: Law, **fields: Field) -> Form:
        """Return the form with more fields and laws."""
        return Form({**self.fields, **fields}, (*self.laws, *laws))

    def without(self, *names: str) -> Form:
        """Return the form without some fields."""
        return Form({name: rule for name, rule in self.fields.items() if name not in names}, self.laws)


def form(*laws: Law, **fields: Field) -> Form:
    """Return a form of these fields."""
    return Form(fields, laws)


def text(most: int | None = None, *, least: int = 0) -> Field:
    """Return a string of at most so many characters."""

    def look(value: Any, place: tuple[str | int, ...]) -> list[Problem]:
        if not isinstance(value, str):
            return [Problem(place, "type", "must be a string")]
        if (most is not None and len(value) > most) or len(value) < least:
            return [Problem(place, "value", f"must have {least} to {most} characters")]
        return []

    return Field(look)


def choice(*words: Any) -> Field:
    """Return one of these values; `"5"` is not 5, and True is not 1."""

    def look(value: Any, place: tuple[str | int, ...]) -> list[Problem]:
        if not any(type(value) is type(word) for word in words):
            return [Problem(place, "type", f"must be a {type(words[0]).__name__}")]
        return [] if value in words else [Problem(place, "value", f"must be one of {', '.join(map(str, words))}")]

    return Field(look)


def seconds(low: int, high: int) -> Field:
    """Return a duration that is sent as a string of digits."""
    return choice(*(str(number) for number in range(low, high + 1)))


def whole(low: int, high: int) -> Field:
    """Return an integer within bounds."""

    def look(value: Any, place: tuple[str | int, ...]) -> list[Problem]:
        if not isinstance(value, int) or isinstance(value, bool):
            return [Problem(place, "type", "must be an integer")]
        return [] if low <= value <= high else [Problem(place, "value", f"must be between {low} and {high}")]

    return Field(look)


def number(low: float, high: float) -> Field:
    """Return a number within bounds."""

    def look(value: Any, place: tuple[str | int, ...]) -> list[Problem]:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return [Problem(place, "type", "must be a number")]
        return [] if low <= value <= high else [Problem(place, "value", f"must be between {low} and {high}")]

    return Field(look)


def flag() -> Field:
    """Return true or false."""
    return Field(lambda value, place: [] if isinstance(value, bool) else [Problem(place, "type", "must be a boolean")])


def link(*, data: bool = False) -> Field:
    """Return an http(s) address; with `data` a data URI is as good."""

    def look(value: Any, place: tuple[str | int, ...]) -> list[Problem]:
        if not isinstance(value, str):
            return [Problem(place, "type", "must be a string")]
        parts = urlsplit(value)
        fits = (parts.scheme in ("http", "https") and parts.netloc) or (
            data and parts.scheme == "data" and ";base64," in value
        )
        return [] if fits else [Problem(place, "value", "must be a URL")]

    return Field(look)


def many(rule: Field, low: int, high: int) -> Field:
    """Return a list of so many values that all look like `rule`."""

    def look(value: Any, place: tuple[str | int, ...]) -> list[Problem]:
        if not isinstance(value, list):
            return [Problem(place, "type", "must be an array")]
        if not low <= len(value) <= high:
            return [Problem(place, "value", f"must have {low} to {high} items")]
        return [problem for index, item in enumerate(value) for problem in rule.look(item, (*place, index))]

    return Field(look)


def record(inner: Form) -> Field:
    """Return an object that follows a form of its own."""
    return Field(inner.problems)


def either(*rules: Field) -> Field:
    """Return a value that may look in more than one way."""

    def look(value: Any, place: tuple[str | int, ...]) -> list[Problem]:
        tried = [rule.look(value, place) for rule in rules]
        return [] if [] in tried else tried[0]

    return Field(look)


def anything() -> Field:
    """Return a field whose inside no sheet describes."""
    return Field(lambda value, place: [])


def one_of(*names: str) -> Law:
    """Demand exactly one of these fields; an empty one counts as absent."""
    words = f"exactly one of {', '.join(names)} is required"
    return lambda body: "" if sum(bool(body.get(name)) for name in names) == 1 else words


def after(name: str, other: str) -> Law:
    """Demand `other` where `name` is given."""
    return lambda body: f"{name} needs {other}" if name in body and other not in body else ""


def apart(name: str, other: str) -> Law:
    """Refuse two fields together; a false one counts as absent."""
    return lambda body: f"{name} is not supported with {other}" if body.get(name) and body.get(other) else ""


def together(most: int, *names: str) -> Law:
    """Refuse more than so many items in these lists taken together."""
    words = f"{' and '.join(names)} take at most {most} together"
    return lambda body: words if sum(len(body.get(name, ())) for name in names) > most else ""


CAMERA_MOVES = ("down_back", "forward_up", "right_turn_forward", "left_turn_forward")
AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")


def apart_all(*groups: Sequence[str]) -> Law:
    """Refuse fields of one group beside those of another."""

    def law(body: Mapping[str, Any]) -> str:
        used = [group for group in groups if any(body.get(name) for name in group)]
        return "" if len(used) < 2 else f"{', '.join(used[0])} cannot be used with {', '.join(used[1])}"

    return law


def camera(high: float, *kinds: str) -> Field:
    """Return a camera object: a type and six axes of -high to high, of which a simple move uses one."""

    def single(body: Mapping[str, Any]) -> str:
        moved = [name for name, value in body.get("config", {}).items() if value]
        if body["type"] != "simple":
            return "config goes with a simple camera move only" if "config" in body else ""
        return "" if len(moved) == 1 else "a simple camera move sets exactly one axis"

    axes = Form({axis: number(-high, high) for axis in AXES})
    return record(form(single, type=need(choice(*kinds)), config=record(axes)))

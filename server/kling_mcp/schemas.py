"""Pydantic's JSON Schemas as hosts and models can use them.

Every token of an input schema is paid in every conversation, and several hosts drop a tool whose schema has a union or
a reference in it. So inputs come out flat and closed; outputs, which models do not read, keep their definitions, lose
the noise, and have no null: what is not known is left out of an answer. Beside the bridge, because pydantic's habits
are no part of the protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from kling_tools.model.requests import SpendingRequest

Schema = dict[str, Any]

#: What every spending tool has comes last.
_SHARED = frozenset(SpendingRequest.model_fields)

#: At and over this a length is a guard of our memory and tells an agent nothing.
UNTOLD_LENGTH = 200


def input_schema(request: type[BaseModel]) -> Schema:
    """Return the closed schema of a tool's arguments: required ones first, then its own, then the shared ones."""
    raw = request.model_json_schema()
    definitions = raw.get("$defs", {})
    required = raw.get("required", [])
    names = sorted(raw.get("properties", {}), key=lambda name: (name not in required, name in _SHARED))
    schema: Schema = {
        "type": "object",
        "properties": {name: _told(name, _argument(raw["properties"][name], definitions)) for name in names},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    return schema


def _told(name: str, argument: Schema) -> Schema:
    """Return a shared argument without its default, unless it is the one that is described: that is told once."""
    once = name in _SHARED and "description" not in argument
    return {key: value for key, value in argument.items() if not (once and key == "default")}


def output_schemas(facts: Iterable[type[BaseModel]]) -> dict[type[BaseModel], Schema]:
    """Return the schemas of what tools answer with, made in one pass: each pass costs start-up the most of its time."""
    classes = list(dict.fromkeys(facts))
    modes: list[tuple[type[BaseModel], Literal["serialization"]]] = [(cls, "serialization") for cls in classes]
    places, shared = models_json_schema(modes)
    known: Schema = _bare(shared["$defs"], names=True)
    return {cls: _alone(_named(places[cls, "serialization"]), known) for cls in classes}


def _alone(name: str, known: Schema) -> Schema:
    """Return a definition together with those it needs."""
    needed: dict[str, None] = {}
    waiting = list(_references(known[name]))
    while waiting:
        if (reference := waiting.pop()) not in needed:
            needed[reference] = None
            waiting += _references(known[reference])
    alone: Schema = dict(known[name])
    return {**alone, "$defs": {other: known[other] for other in sorted(needed)}} if needed else alone


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield _named(node)
        for item in node.values():
            yield from _references(item)


def _named(node: Schema) -> str:
    return str(node["$ref"]).rpartition("/")[2]


def _argument(node: Any, definitions: Schema) -> Any:
    if isinstance(node, list):
        return [_argument(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        inside = {k: v for k, v in definitions[_named(node)].items() if k != "description"}
        node = {**inside, **{k: v for k, v in node.items() if k != "$ref"}}
    if "anyOf" in node:
        node = {**_only_choice(node["anyOf"]), **{k: v for k, v in node.items() if k != "anyOf"}}
    return {key: _argument(value, definitions) for key, value in node.items() if not _noise(key, value)}


def _only_choice(choices: list[Schema]) -> Schema:
    real = [choice for choice in choices if choice != {"type": "null"}]
    if len(real) != 1:
        raise TypeError(f"an argument has to have one type, not {len(real)}")
    return real[0]


def _noise(key: str, value: Any) -> bool:
    return (
        (key == "title" and isinstance(value, str))
        or (key == "default" and not value)  # left out is empty, zero or false
        or (key == "minLength" and value == 1)
        or (key == "minimum" and value == 0)
        or (key == "maxLength" and value >= UNTOLD_LENGTH)
        or key == "propertyNames"
    )


def _bare(node: Any, *, names: bool = False) -> Any:
    """Drop titles and descriptions, but not the fields that are called so."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    if not names and "anyOf" in node:
        return _bare(_only_choice(node["anyOf"]))
    bare = {
        key: _bare(value, names=key in {"properties", "$defs"} and not names)
        for key, value in node.items()
        if names or key not in {"title", "description"}
    }
    if not names and "required" in bare:
        bare["required"] = [name for name in bare["required"] if not _may_be_null(node["properties"][name])]
    return bare


def _may_be_null(node: Schema) -> bool:
    return {"type": "null"} in node.get("anyOf", ())

"""Pydantic's JSON Schemas as hosts and models can use them.

Every token of an input schema is paid in every conversation, and several hosts drop a tool whose schema has a union or
a reference in it. So inputs come out flat and closed; outputs, which models do not read, keep their definitions and
lose only the noise. Beside the bridge, because pydantic's habits are no part of the protocol.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

#: At and over this a length is a guard of our memory and tells an agent nothing.
UNTOLD_LENGTH = 100_000


def input_schema(request: type[BaseModel]) -> Schema:
    """Return the closed schema of a tool's arguments: required ones first, then its own, then the shared ones."""
    raw = request.model_json_schema()
    definitions = raw.get("$defs", {})
    required = raw.get("required", [])
    own = request.__annotations__
    names = sorted(raw.get("properties", {}), key=lambda name: (name not in required, name not in own))
    schema: Schema = {
        "type": "object",
        "properties": {name: _argument(raw["properties"][name], definitions) for name in names},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    return schema


def output_schema(facts: type[BaseModel]) -> Schema:
    """Return the schema of what a tool answers with."""
    bare: Schema = _bare(facts.model_json_schema(mode="serialization"))
    return bare


def _argument(node: Any, definitions: Schema) -> Any:
    if isinstance(node, list):
        return [_argument(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **{k: v for k, v in node.items() if k != "$ref"}}
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
        or (key == "default" and value in (None, ""))
        or (key == "maxLength" and value >= UNTOLD_LENGTH)
        or key == "propertyNames"
    )


def _bare(node: Any, *, names: bool = False) -> Any:
    """Drop titles and descriptions, but not the fields that are called so."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _bare(value, names=key in {"properties", "$defs"} and not names)
        for key, value in node.items()
        if names or key not in {"title", "description"}
    }

"""What hosts and registries read about us keeps within their limits, and a bundle left as it is runs on no key."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from kling_mcp.hosts import KEYS, RESELLERS
from kling_tools.settings import VARIABLES, Settings

ROOT = Path(__file__).parents[1]


_TEXT = {"type": "string"}
_INPUT = {
    "isRequired": {"type": "boolean"},
    "isSecret": {"type": "boolean"},
    "format": {"enum": ["string", "number", "boolean", "filepath"]},
    **dict.fromkeys(("name", "description", "value", "default", "placeholder"), _TEXT),
}
_NAMED = {"type": "object", "properties": _INPUT, "required": ["name"]}
_FLAG = {"type": "object", "properties": {**_INPUT, "type": {"const": "named"}}, "required": ["type", "name"]}
_PACKAGE = {
    "type": "object",
    "properties": {
        "registryType": _TEXT,
        "identifier": _TEXT,
        "version": {"type": "string", "minLength": 1, "maxLength": 255, "not": {"const": "latest"}},
        "runtimeHint": _TEXT,
        "runtimeArguments": {"type": "array", "items": _FLAG},
        "transport": {"type": "object", "properties": {"type": {"const": "stdio"}}, "required": ["type"]},
        "environmentVariables": {"type": "array", "items": _NAMED},
    },
    "required": ["registryType", "identifier", "transport"],
    "additionalProperties": False,
}
#: What the registry's schema of 2025-12-11 asks of the parts that an entry of ours has, and no other parts.
ENTRY = {
    "type": "object",
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "name": {"type": "string", "minLength": 3, "maxLength": 200, "pattern": r"^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$"},
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {"type": "string", "maxLength": 255},
        "packages": {"type": "array", "items": _PACKAGE},
    },
    "required": ["name", "description", "version"],
    "additionalProperties": False,
}


def read(name: str) -> dict[str, Any]:
    """Return one of the generated files."""
    data: dict[str, Any] = json.loads((ROOT / name).read_text("utf-8"))
    return data


def test_the_registry_would_take_the_entry() -> None:
    entry = read("server/server.json")
    Draft202012Validator(ENTRY).validate(entry)
    (package,) = entry["packages"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
    assert package["version"] == entry["version"]
    assert package["runtimeHint"] == "uvx"
    assert {v["name"] for v in package["environmentVariables"] if v["isSecret"]} == {
        v.name for v in VARIABLES if v.secret
    }


def test_a_bundle_asks_for_keys_as_secrets_and_for_nothing_that_is_required() -> None:
    asked = read("server/manifest.json")["user_config"]
    secret = {name.upper() for name, field in asked.items() if field.get("sensitive")}
    assert secret == {*KEYS, *RESELLERS}
    assert not any(field["required"] for field in asked.values())


def test_a_bundle_left_as_it_is_means_the_defaults() -> None:
    manifest = read("server/manifest.json")
    given = {f"${{user_config.{name}}}": str(field["default"]) for name, field in manifest["user_config"].items()}
    env = {name: given[value] for name, value in manifest["server"]["mcp_config"]["env"].items()}
    assert Settings.from_env(env) == Settings.from_env({})


def test_a_bundle_starts_what_the_project_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    server = read("server/manifest.json")["server"]
    assert (ROOT / server["entry_point"]).is_file()
    *_, extra, command = server["mcp_config"]["args"]
    assert command in project["scripts"]
    assert extra in project["optional-dependencies"]

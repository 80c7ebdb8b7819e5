"""What hosts and registries read about us keeps within their limits, and a bundle left as it is runs on no key."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from kling_mcp.hosts import KEYS, RESELLERS
from kling_tools.settings import VARIABLES, Settings

ROOT = Path(__file__).parents[1]


def read(name: str) -> dict[str, Any]:
    """Return one of the generated files."""
    data: dict[str, Any] = json.loads((ROOT / name).read_text("utf-8"))
    return data


def test_the_registry_would_take_the_entry() -> None:
    # The limits of the registry's schema of 2025-12-11.
    entry = read("server/server.json")
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", entry["name"])
    assert 3 <= len(entry["name"]) <= 200
    assert 1 <= len(entry["description"]) <= 100
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

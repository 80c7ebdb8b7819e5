"""Write what hosts and registries read about this server, from the project's own data, or check that it is up to date.

python .ci/packages.py                writes mcp.json, server/manifest.json and server/server.json
python .ci/packages.py --check        exits 1 where one of them and the code differ
python .ci/packages.py --stage DIR    puts into a new directory what `mcpb pack` makes a bundle of
"""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

from kling_mcp.hosts import HOSTS, KEYS, RESELLERS, Machine
from kling_tools.operations.all import offered
from kling_tools.providers.registry import GATEWAYS
from kling_tools.settings import VARIABLES, Settings

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT: dict[str, Any] = PYPROJECT["project"]
REGISTRY_NAME: str = PYPROJECT["tool"]["kling-mcp"]["registry-name"]
BUNDLED = ("pyproject.toml", "README.md", "LICENSE", "server/kling_mcp", "tools/kling_tools", "tools/kling_sandbox")
REGISTRY_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
#: What a bundle asks a person for, in their words.
ASKED = {
    "KLING_API_KEY": "Kling API key",
    "KLING_ACCESS_KEY": "Access key",
    "KLING_SECRET_KEY": "Secret key",
    **{gateway.vendor.key: f"Key of {gateway.vendor.title}" for gateway in GATEWAYS},
    "KLING_MAX_USD_PER_CALL": "Most dollars for one task",
    "KLING_MAX_USD_PER_DAY": "Most dollars in a day",
    "KLING_CONFIRM_ABOVE_USD": "Ask me above dollars",
}


def manifest() -> dict[str, Any]:
    """Return the bundle's manifest: the host's own uv installs what pyproject.toml asks for."""
    tools = offered(Settings.from_env({}))
    return {
        "manifest_version": "0.4",
        "name": PROJECT["name"],
        "display_name": "Kling",
        "version": PROJECT["version"],
        "description": PROJECT["description"],
        "author": PROJECT["authors"][0],
        "license": PROJECT["license"],
        "keywords": PROJECT["keywords"],
        "server": {
            "type": "uv",
            "entry_point": "server/kling_mcp/__main__.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", "--extra", "media", "kling-mcp"],
                "env": {name: f"${{user_config.{name.lower()}}}" for name in ASKED},
            },
        },
        "tools": [{"name": tool.name, "description": tool.description} for tool in tools],
        "user_config": {v.name.lower(): _field(v.name, v.default, v.meaning) for v in VARIABLES if v.name in ASKED},
        "compatibility": {
            "platforms": ["darwin", "win32", "linux"],
            "runtimes": {"python": PROJECT["requires-python"]},
        },
    }


def _field(name: str, default: str, meaning: str) -> dict[str, Any]:
    told = {"title": ASKED[name], "description": meaning, "required": False}
    if name in (*KEYS, *RESELLERS):
        # With a default an empty field reaches us as empty, and not as the name of a placeholder.
        return {"type": "string", **told, "sensitive": True, "default": ""}
    return {"type": "number", **told, "min": 0, "default": int(default)}


def registry() -> dict[str, Any]:
    """Return what the registry of MCP servers takes: the package, how it is run, and every setting."""
    package = PROJECT["name"]
    return {
        "$schema": REGISTRY_SCHEMA,
        "name": REGISTRY_NAME,
        "title": "Kling",
        "description": PROJECT["description"],
        "version": PROJECT["version"],
        "packages": [
            {
                "registryType": "pypi",
                "identifier": package,
                "version": PROJECT["version"],
                "runtimeHint": "uvx",
                "runtimeArguments": [{"type": "named", "name": "--with", "value": f"{package}[media]"}],
                "transport": {"type": "stdio"},
                "environmentVariables": [
                    {
                        "name": v.name,
                        "description": f"{v.meaning} (default: {v.default})" if v.default else v.meaning,
                        "isRequired": False,
                        "isSecret": v.secret,
                    }
                    for v in VARIABLES
                ],
            }
        ],
    }


def example() -> dict[str, Any]:
    """Return the entry for this checkout, as Claude Code reads it."""
    here = Machine(home=Path(), directory=Path(), system="linux", starts=(".venv/bin/kling-mcp",))
    host = HOSTS["claude-code"]
    return {host.table: {"kling": host.entry(here)}}


FILES = {"mcp.json": example, "server/manifest.json": manifest, "server/server.json": registry}


def stage(folder: Path) -> None:
    """Copy the manifest, the code and what describes it into a new directory."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "server/manifest.json", folder)
    for name in BUNDLED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)


def main() -> int:
    """Write, check or stage."""
    if "--stage" in sys.argv:
        stage(Path(sys.argv[sys.argv.index("--stage") + 1]))
        return 0
    made = {name: f"{json.dumps(make(), indent=2, ensure_ascii=False)}\n" for name, make in FILES.items()}
    if "--check" not in sys.argv:
        for name, text in made.items():
            (ROOT / name).write_text(text, "utf-8")
        return 0
    stale = [name for name, text in made.items() if not _says(ROOT / name, text)]
    if not _says(ROOT / "README.md", f"<!-- mcp-name: {REGISTRY_NAME} -->", whole=False):
        stale.append("README.md (its mcp-name line)")
    if stale:
        sys.stderr.write(f"Out of date: {', '.join(stale)}: run python .ci/packages.py\n")
    return 1 if stale else 0


def _says(path: Path, text: str, *, whole: bool = True) -> bool:
    there = path.read_text("utf-8") if path.exists() else ""
    return there == text if whole else text in there


if __name__ == "__main__":
    sys.exit(main())

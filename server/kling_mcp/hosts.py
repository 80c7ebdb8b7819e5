"""The programs that people talk in: where each keeps its MCP servers, in which shape, and how it comes by a key.

Pure but for the machine it is told of, so that every system's paths are tried on one. What a host can do and where it
stops is in docs/hosts.md.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kling_mcp.edits import JSON, JSONC, TOML, Format
from kling_tools.providers.registry import GATEWAYS

#: The name under which a host knows us.
ENTRY = "kling"
KEYS = ("KLING_API_KEY", "KLING_ACCESS_KEY", "KLING_SECRET_KEY")
#: Those of resellers, of which a person has few: a host is told of what is set where it is installed.
RESELLERS = tuple(gateway.vendor.key for gateway in GATEWAYS)


@dataclass(frozen=True)
class Machine:
    """What an installation needs to know: `system` as `sys.platform` has it, and the words that start the server."""

    home: Path
    directory: Path
    system: str
    starts: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def config(self) -> Path:
        """Where programs keep their settings."""
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        if self.system == "win32":
            return Path(self.env.get("APPDATA") or self.home / "AppData" / "Roaming")
        return Path(self.env.get("XDG_CONFIG_HOME") or self.home / ".config")

    @property
    def keys(self) -> tuple[str, ...]:
        """Which keys are set; never their values."""
        return tuple(name for name in (*KEYS, *RESELLERS) if self.env.get(name, "").strip())

    @property
    def named(self) -> tuple[str, ...]:
        """Which keys an entry may name before they are set: Kling's own; and a reseller's that is."""
        return (*KEYS, *(name for name in self.keys if name not in KEYS))


@dataclass(frozen=True)
class Host:
    """One program: `entry` is what stands under `table`, `inputs` what it asks the person for, `then` what is next."""

    name: str
    title: str
    format: Format
    table: str
    path: Callable[[Machine], Path]
    entry: Callable[[Machine], dict[str, Any]]
    then: Callable[[Machine], str]
    inputs: Callable[[Machine], tuple[dict[str, Any], ...]] = lambda machine: ()
    #: It passes nothing on from the environment: a key can only stand in its file.
    keeps_keys: bool = False


def command(machine: Machine) -> dict[str, Any]:
    """Return the two fields that every host has."""
    return {"command": machine.starts[0], "args": list(machine.starts[1:])}


def _stdio(machine: Machine, env: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "stdio", **command(machine), **({"env": dict(env)} if env else {})}


def _claude_code(machine: Machine) -> dict[str, Any]:
    return _stdio(machine, {name: f"${{{name}:-}}" for name in machine.named})


def _cursor(machine: Machine) -> dict[str, Any]:
    # What is not set would be passed on as it stands here, and taken for a mistake.
    return _stdio(machine, {name: f"${{env:{name}}}" for name in machine.keys})


def _asked(machine: Machine) -> dict[str, str]:
    return {name: name.lower().replace("_", "-") for name in machine.keys or KEYS[:1]}


def _vscode(machine: Machine) -> dict[str, Any]:
    return _stdio(machine, {name: f"${{input:{id_}}}" for name, id_ in _asked(machine).items()})


def _vscode_inputs(machine: Machine) -> tuple[dict[str, Any], ...]:
    words = "(empty: the simulated Kling)"
    return tuple(
        {"type": "promptString", "id": id_, "description": f"{name} {words}", "password": True}
        for name, id_ in _asked(machine).items()
    )


def _codex(machine: Machine) -> dict[str, Any]:
    # Its ten seconds are short for a first start that has to fetch the package.
    return {**command(machine), "env_vars": list(machine.named), "startup_timeout_sec": 30}


def _claude_desktop_then(machine: Machine) -> str:
    return (
        "Quit Claude Desktop and start it again. It passes nothing on from your environment: the simulated Kling is "
        'used until a key stands in the entry, as "env": {"KLING_API_KEY": "…"}. --with-keys writes the keys that '
        "are set where you run this into the file, which then only you can read."
    )


def _claude_code_then(machine: Machine) -> str:
    everywhere = shlex.join(["claude", "mcp", "add", ENTRY, "-s", "user", "--", *machine.starts])
    return (
        "Start claude in this directory and say that you trust the server. The key is that of the environment in "
        f"which claude was started; without one the simulated Kling is used.\n"
        f"For every directory instead:\n{everywhere}"
    )


def _cursor_then(machine: Machine) -> str:
    if machine.keys:
        return f"Restart Cursor. {_taken(machine)} from the environment in which it was started."
    return (
        "Restart Cursor. The simulated Kling is used until there is a key: set KLING_API_KEY for your session and run "
        "this again."
    )


def _vscode_then(machine: Machine) -> str:
    return (
        "Start the server in VS Code (MCP: List Servers). It asks once for what is missing and keeps it where it "
        "keeps passwords; left empty, the simulated Kling is used."
    )


def _codex_then(machine: Machine) -> str:
    return (
        "Start Codex again. The key is that of the environment in which it was started; without one the simulated "
        "Kling is used."
    )


def _taken(machine: Machine) -> str:
    one = len(machine.keys) == 1
    return f"{' and '.join(machine.keys)} {'is' if one else 'are'} taken"


HOSTS = {
    host.name: host
    for host in (
        Host(
            name="claude-desktop",
            title="Claude Desktop",
            format=JSON,
            table="mcpServers",
            path=lambda machine: machine.config / "Claude" / "claude_desktop_config.json",
            entry=command,
            then=_claude_desktop_then,
            keeps_keys=True,
        ),
        Host(
            name="claude-code",
            title="Claude Code",
            format=JSON,
            table="mcpServers",
            path=lambda machine: machine.directory / ".mcp.json",
            entry=_claude_code,
            then=_claude_code_then,
        ),
        Host(
            name="cursor",
            title="Cursor",
            format=JSONC,
            table="mcpServers",
            path=lambda machine: machine.home / ".cursor" / "mcp.json",
            entry=_cursor,
            then=_cursor_then,
        ),
        Host(
            name="vscode",
            title="VS Code",
            format=JSONC,
            table="servers",
            path=lambda machine: machine.config / "Code" / "User" / "mcp.json",
            entry=_vscode,
            then=_vscode_then,
            inputs=_vscode_inputs,
        ),
        Host(
            name="codex",
            title="Codex",
            format=TOML,
            table="mcp_servers",
            path=lambda machine: Path(machine.env.get("CODEX_HOME") or machine.home / ".codex") / "config.toml",
            entry=_codex,
            then=_codex_then,
        ),
    )
}

"""`kling-mcp install`: each host's file in each host's shape, written once, and a person's own things kept."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.promises import keeps

from kling_mcp.edits import read_jsonc
from kling_mcp.hosts import HOSTS, KEYS, RESELLERS, Machine
from kling_mcp.install import LeftAlone, install, put_in_place, show, starting
from kling_tools.settings import Settings

SECRET = "sk-LEAK-0123456789"
SCRIPT = "/opt/kling/bin/kling-mcp"


def a_machine(home: Path, *, system: str = "linux", **env: str) -> Machine:
    return Machine(home, home / "project", system, (SCRIPT,), env)


def written(name: str, machine: Machine) -> dict[str, Any]:
    """Return what stands in a host's file."""
    text = HOSTS[name].path(machine).read_text("utf-8")
    return tomllib.loads(text) if name == "codex" else read_jsonc(text)


def entry(name: str, machine: Machine) -> dict[str, Any]:
    """Return what stands under our name."""
    found: dict[str, Any] = written(name, machine)[HOSTS[name].table]["kling"]
    return found


@pytest.mark.parametrize(
    ("name", "system", "place"),
    [
        ("claude-desktop", "linux", ".config/Claude/claude_desktop_config.json"),
        ("claude-desktop", "darwin", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("claude-desktop", "win32", "AppData/Roaming/Claude/claude_desktop_config.json"),
        ("claude-code", "linux", "project/.mcp.json"),
        ("cursor", "win32", ".cursor/mcp.json"),
        ("vscode", "linux", ".config/Code/User/mcp.json"),
        ("vscode", "darwin", "Library/Application Support/Code/User/mcp.json"),
        ("vscode", "win32", "AppData/Roaming/Code/User/mcp.json"),
        ("codex", "darwin", ".codex/config.toml"),
    ],
)
def test_the_entry_stands_where_the_host_looks(name: str, system: str, place: str, tmp_path: Path) -> None:
    machine = a_machine(tmp_path, system=system)
    assert install(HOSTS[name], machine) == 0
    assert HOSTS[name].path(machine) == tmp_path / place
    assert entry(name, machine)["command"] == SCRIPT


def test_directories_that_a_person_has_moved_are_followed(tmp_path: Path) -> None:
    moved = {"XDG_CONFIG_HOME": str(tmp_path / "x"), "APPDATA": str(tmp_path / "a"), "CODEX_HOME": str(tmp_path / "c")}
    assert HOSTS["vscode"].path(a_machine(tmp_path, **moved)) == tmp_path / "x/Code/User/mcp.json"
    assert HOSTS["vscode"].path(a_machine(tmp_path, system="win32", **moved)) == tmp_path / "a/Code/User/mcp.json"
    assert HOSTS["codex"].path(a_machine(tmp_path, **moved)) == tmp_path / "c/config.toml"


@pytest.mark.parametrize("name", HOSTS)
def test_a_second_installation_changes_nothing(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = a_machine(tmp_path)
    assert install(HOSTS[name], machine) == 0
    path = HOSTS[name].path(machine)
    first = path.read_bytes()
    assert install(HOSTS[name], machine) == 0
    assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]
    assert "already has this entry" in capsys.readouterr().out


@keeps("no-leak")
@pytest.mark.parametrize("name", HOSTS)
def test_no_key_is_written_or_shown_unasked(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = a_machine(tmp_path, **dict.fromkeys((*KEYS, *RESELLERS), SECRET))
    assert show(HOSTS[name], machine) == 0
    assert install(HOSTS[name], machine) == 0
    told = capsys.readouterr()
    assert SECRET not in f"{told}{machine!r}{HOSTS[name].path(machine).read_text('utf-8')}"


@pytest.mark.parametrize("name", ["claude-code", "cursor", "vscode", "codex"])
def test_a_resellers_key_that_is_set_is_named_where_the_host_keeps_keys(name: str, tmp_path: Path) -> None:
    assert "FAL_KEY" not in json.dumps(HOSTS[name].entry(a_machine(tmp_path, KLING_API_KEY=SECRET)))
    machine = a_machine(tmp_path, FAL_KEY=SECRET)
    told = json.dumps([HOSTS[name].entry(machine), HOSTS[name].inputs(machine)])
    assert "FAL_KEY" in told
    assert SECRET not in told


@keeps("no-leak")
def test_keys_that_were_asked_for_stand_in_a_file_that_only_their_person_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, machine = HOSTS["claude-desktop"], a_machine(tmp_path, KLING_API_KEY=f" {SECRET}\n")
    path = host.path(machine)
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    path.chmod(0o644)
    assert install(host, machine, with_keys=True) == 0
    assert entry(host.name, machine)["env"] == {"KLING_API_KEY": SECRET}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SECRET not in capsys.readouterr().out
    assert install(host, a_machine(tmp_path, KLING_API_KEY="newer"), with_keys=True) == 0
    assert entry(host.name, machine)["env"] == {"KLING_API_KEY": "newer"}
    assert all(
        stat.S_IMODE(kept.stat().st_mode) == 0o600 for kept in path.parent.glob("*.bak") if SECRET in kept.read_text()
    )


@pytest.mark.parametrize(("name", "env"), [("cursor", {"KLING_API_KEY": SECRET}), ("claude-desktop", {})])
def test_keys_are_not_written_where_there_is_a_better_place_or_none(
    name: str, env: dict[str, str], tmp_path: Path
) -> None:
    machine = a_machine(tmp_path, **env)
    assert install(HOSTS[name], machine, with_keys=True) == 2
    assert not HOSTS[name].path(machine).exists()


@pytest.mark.parametrize(
    ("name", "expand"),
    [
        ("claude-code", lambda value: "" if value.endswith(":-}") else value),
        ("cursor", lambda value: value),
        ("vscode", lambda value: "" if value == "${input:kling-api-key}" else value),
        ("claude-desktop", lambda value: value),
        ("codex", lambda value: value),
    ],
)
def test_without_a_key_every_entry_runs_on_the_simulated_kling(
    name: str, expand: Callable[[str], str], tmp_path: Path
) -> None:
    machine = a_machine(tmp_path)
    install(HOSTS[name], machine)
    env = {k: expand(v) for k, v in entry(name, machine).get("env", {}).items()}
    settings = Settings.from_env({**env, "KLING_DATA_DIR": str(tmp_path)})
    assert (settings.problems, settings.has_keys) == ((), False)


def test_what_a_person_added_to_the_entry_stays(tmp_path: Path) -> None:
    host, machine = HOSTS["vscode"], a_machine(tmp_path)
    path = host.path(machine)
    path.parent.mkdir(parents=True)
    theirs = (
        '{"servers": {"kling": {"command": "/old/kling-mcp", "env": {"KLING_API_KEY": "mine"}, "dev": {} /* ! */}}}'
    )
    path.write_text(theirs)
    assert install(host, machine, stamp="20261122-101112") == 0
    assert entry(host.name, machine) == {
        "type": "stdio",
        "command": SCRIPT,
        "args": [],
        "env": {"KLING_API_KEY": "mine"},
        "dev": {},
    }
    assert "/* ! */" in path.read_text()
    assert "inputs" not in written(host.name, machine)
    assert (path.parent / "mcp.json.20261122-101112.bak").read_text() == theirs


def test_two_backups_of_one_second_are_two_files(tmp_path: Path) -> None:
    host, machine = HOSTS["codex"], a_machine(tmp_path)
    path = host.path(machine)
    path.parent.mkdir(parents=True)
    for model in ("a", "b"):
        path.write_text(f'model = "{model}"\n')
        assert install(host, machine, stamp="now") == 0
    kept = sorted(path.parent.glob("*.bak"))
    assert [file.read_text() for file in kept] == ['model = "b"\n', 'model = "a"\n']
    assert tomllib.loads(path.read_text())["model"] == "b"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("claude-desktop", '{"mcpServers": {', "could not read it either"),
        ("claude-desktop", '{"mcpServers": {}} // mine', "could not read it either"),
        ("claude-desktop", '{"mcpServers": []}', "is not an object"),
        ("claude-desktop", '["mcpServers"]', "is not an object"),
        ("claude-desktop", '{"mcpServers": {"kling": {"url": "https://a.test"}}}', "another server named kling"),
        ("claude-desktop", '{"mcpServers": {"kling": {"command": "uvx", "args": ["mcp-kling"]}}}', "another server"),
        ("claude-desktop", '{"mcpServers": {"kling": {"command": "kling-mcp", "env": 5}}}', "is not an object"),
        ("vscode", '{"inputs": {}}', "inputs are not a list"),
        ("codex", "[mcp_servers.kling\n", "could not read it either"),
        ("codex", 'mcp_servers.kling.command = "/x/kling-mcp"\n', "--print"),
    ],
)
def test_a_file_that_cannot_be_edited_is_left_as_it_is(
    name: str, text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, machine = HOSTS[name], a_machine(tmp_path)
    path = host.path(machine)
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    assert install(host, machine) == 1
    told = capsys.readouterr().out
    assert "was left as it is" in told
    assert said in told
    assert path.read_text("utf-8") == text
    assert list(path.parent.iterdir()) == [path]


def test_bytes_that_are_no_text_are_left_alone_and_a_byte_order_mark_stays(tmp_path: Path) -> None:
    host, machine = HOSTS["cursor"], a_machine(tmp_path)
    path = host.path(machine)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe{}")
    assert install(host, machine) == 1
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert install(host, machine) == 0
    assert path.read_bytes().startswith(b"\xef\xbb\xbf{")
    assert json.loads(path.read_text("utf-8-sig"))["a"] == 1


@pytest.mark.parametrize("before", [b"old", None])
def test_what_the_host_wrote_meanwhile_is_not_written_over(before: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"newer")
    with pytest.raises(LeftAlone, match="changed meanwhile"):
        put_in_place(path, before, b"ours", private=False)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"newer"


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_linked_configuration_stays_a_link(tmp_path: Path) -> None:
    host, machine = HOSTS["codex"], a_machine(tmp_path)
    path, real = host.path(machine), tmp_path / "dotfiles.toml"
    path.parent.mkdir(parents=True)
    real.write_text("")
    real.chmod(0o640)
    path.symlink_to(real)
    assert install(host, machine) == 0
    assert path.is_symlink()
    assert "kling" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_the_command_starts_from_anywhere(tmp_path: Path) -> None:
    def a_script(folder: str, name: str = "kling-mcp") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path

    def uvx(name: str) -> str | None:
        return f"/usr/bin/{name}"

    def nothing(name: str) -> None:
        return None

    beside, own = a_script("venv/bin"), a_script("local/bin")
    passing = a_script(".cache/uv/archive-v0/abc/bin")
    python = beside.with_name("python")
    assert starting(tmp_path / "venv/bin/doctor.py", python, "linux", nothing) == (str(beside),)
    assert starting(own, Path("/usr/bin/python3"), "linux", nothing) == (str(own),)
    assert starting(passing, passing.with_name("python"), "linux", nothing) is None
    assert starting(passing, passing.with_name("python"), "linux", uvx) == (
        "/usr/bin/uvx",
        "--from",
        "kling-mcp[media]",
        "kling-mcp",
    )
    assert starting(tmp_path / "server/kling_mcp/__main__.py", Path("/usr/bin/python3"), "linux", uvx) is None
    windows = a_script("win/Scripts", "kling-mcp.exe")
    assert starting(windows.with_suffix(""), Path("C:/Python/python.exe"), "win32", nothing) == (str(windows),)

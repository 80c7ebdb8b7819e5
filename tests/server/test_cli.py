"""The command line: what it offers, what it says, and that a start loads nothing it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.server.test_stdio import ROOT

from kling_mcp.cli import main, settings_table
from kling_mcp.terminal import say
from kling_tools.settings import VARIABLES

#: Heavy, and not needed to greet a host.
LATER = (
    "PIL",
    "jwt",
    "kling_sandbox",
    "kling_mcp.demo",
    "kling_mcp.doctor",
    "kling_tools.studio",
    "kling_tools.catalog",
)


def test_help_lists_every_setting_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for variable in VARIABLES:
        assert variable.name in shown
        assert variable.meaning in shown
    for command in ("serve", "demo", "doctor", "tasks", "sandbox"):
        assert command in shown


def test_version_is_said_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("kling-mcp ")


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sing"])
    assert ended.value.code == 2
    assert "sing" in capsys.readouterr().err


def test_a_wrong_fault_file_is_named_and_nothing_starts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('[{"on": "sunday"}]')
    assert main(["sandbox", "--state-dir", str(tmp_path), "--faults", str(faults)]) == 2
    assert "faults.json: on must be one of" in capsys.readouterr().out


def test_half_a_key_pair_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--access-key", "a"]) == 2
    assert "only work together" in capsys.readouterr().out


def test_the_settings_table_shows_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLING_API_KEY", "LEAK")
    assert "LEAK" not in settings_table()


def test_say_writes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("hello")
    assert capsys.readouterr().out == "hello\n"


@pytest.mark.parametrize(
    ("module", "unwanted"), [("kling_mcp.cli", ("mcp", "pydantic", "argparse")), ("kling_mcp.app", LATER)]
)
def test_a_start_loads_only_what_it_needs(module: str, unwanted: tuple[str, ...]) -> None:
    paths = [str(ROOT / folder) for folder in ("server", "tools")]
    code = f"import sys; sys.path[:0] = {paths!r}; import {module}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not set(unwanted) & set(ran.stdout.split())

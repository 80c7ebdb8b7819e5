"""The command line: what it offers, what it says, and that a start loads nothing it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.forks import ROOT
from tests.server.acting import a_file, a_task

from kling_mcp.cli import main, settings_table
from kling_mcp.table import listing
from kling_mcp.terminal import bar, say
from kling_tools.jobs.questions import Page
from kling_tools.model.status import Status
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
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    shown = " ".join(told.split())
    for variable in VARIABLES:
        assert variable.name in shown
        assert variable.meaning in shown
    for command in ("serve", "demo", "doctor", "install", "tasks", "sandbox"):
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "99999"], "invalid port value"),
        (["--speed", "0"], "invalid speed value"),
        (["--faults", "/nope.json"], "/nope.json: No such file"),
        (["--state-dir", "/dev/null/x"], "/dev/null/x: Not a directory"),
        (["--host", "192.0.2.1"], "Nothing can listen on 192.0.2.1:9009"),
    ],
)
def test_a_simulator_that_cannot_start_says_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], said: str
) -> None:
    try:
        status = main(["sandbox", "--state-dir", str(tmp_path), *words])
    except SystemExit as ended:
        status = int(str(ended.code))
    told = capsys.readouterr()
    assert status in (1, 2)
    assert said in told.out + told.err


def test_a_reader_that_has_seen_enough_ends_a_command_without_a_word(tmp_path: Path) -> None:
    env = {"PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("server", "tools")), "HOME": str(tmp_path)}
    ran = subprocess.Popen(
        [sys.executable, "-m", "kling_mcp", "doctor"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert ran.stdout is not None
    ran.stdout.close()
    assert ran.stderr is not None
    assert ran.stderr.read() == b""
    ran.stderr.close()
    assert ran.wait(60) == 141


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_a_progress_bar_never_wraps(width: int) -> None:
    for part in (0.0, 0.5, 1.0):
        line = bar(part, " 12 s  processing, about 3 s left", width)
        assert len(line) <= width
        assert "\n" not in line


def test_a_demo_from_a_picture_that_is_not_there_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--image", "/nope/fox.jpg"]) == 1
    assert capsys.readouterr().out == "There is no file /nope/fox.jpg.\n"


@pytest.mark.parametrize("width", [40, 80, 120, 400, None])
def test_the_tasks_fit_the_window_and_paths_stay_whole(width: int | None, tmp_path: Path) -> None:
    video = tmp_path / f"{'a long name ' * 9}.mp4"
    task = a_task(status=Status.SUCCEEDED, outputs=(a_file(video),), prompt="a fox " * 50)
    lines = listing(Page([task, a_task("k0000000000aa")], 2), width)
    assert any(line.endswith(str(video)) for line in lines)
    if width is not None:
        assert all(len(line) <= width for line in lines if str(video) not in line)
    if width != 40:
        assert sum("simulated" in line for line in lines) == 2


def test_say_writes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("hello")
    assert capsys.readouterr().out == "hello\n"


@pytest.mark.parametrize(
    ("module", "unwanted"), [("kling_mcp.cli", ("mcp", "pydantic", "argparse")), ("kling_mcp.app", LATER)]
)
def test_a_start_loads_only_what_it_needs(module: str, unwanted: tuple[str, ...]) -> None:
    paths = [str(ROOT / folder) for folder in ("server", "tools")]
    code = f"import sys; sys.path[:0] = {paths!r}; import {module}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert not set(unwanted) & set(ran.stdout.split())

"""Forked servers are what the command is: they begin, are killed and end in the same way."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from tests.forks import CAN_FORK, PATHS, Forked, piped

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="nothing is forked here")


def ended(folder: Path, *words: str, command: bool, **env: str) -> tuple[int, str, str]:
    """Run a command; return its status, and what it said on stdout and stderr."""
    whole = {"PATH": os.environ["PATH"], "PYTHONPATH": PATHS, "HOME": str(folder), **env}
    with (folder / f"stderr-{command}").open("w+") as errors:
        process = piped(words, whole, errors.fileno(), folder, command=command)
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin, process.stdout:
            told = process.stdout.read()
            return process.wait(60), told, Path(errors.name).read_text()


@pytest.mark.parametrize("words", [("sing",), ("tasks", "--json")], ids=" ".join)
def test_a_fork_says_and_returns_what_the_command_does(words: tuple[str, ...], tmp_path: Path) -> None:
    env = {"KLING_DATA_DIR": "data-of-this-one", "KLING_OUTPUT_DIR": str(tmp_path)}
    forked, started = (ended(tmp_path, *words, command=command, **env) for command in (False, True))
    assert forked == started


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_fork_that_is_killed_is_dead_and_says_by_what(number: signal.Signals, tmp_path: Path) -> None:
    process = piped((), {"KLING_DATA_DIR": str(tmp_path), "KLING_OUTPUT_DIR": str(tmp_path)}, 2)
    assert isinstance(process, Forked)
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait(60) == process.poll() == -number
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert process.stdout.read() == ""


def test_a_fork_has_the_directory_and_the_streams_that_it_was_given_and_no_others(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(here, True)
    process = piped((), {"KLING_DATA_DIR": str(tmp_path), "KLING_OUTPUT_DIR": str(tmp_path)}, 2, tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}) + "\n")
        process.stdin.flush()
        assert "jsonrpc" in process.stdout.readline()
        about = Path(f"/proc/{process.pid}")
        assert os.readlink(about / "cwd") == str(tmp_path)
        assert str(tmp_path) not in {os.readlink(descriptor) for descriptor in (about / "fd").iterdir()}
        process.kill()
        process.wait(60)
    os.close(here)

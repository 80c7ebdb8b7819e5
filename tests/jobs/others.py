"""Real second processes: started, spoken to line by line, and never left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.forks import PATHS, ROOT, Forked, piped

Other = subprocess.Popen[str] | Forked


@contextmanager
def another_process(*arguments: str) -> Iterator[Other]:
    """Start `rush` and end it."""
    env = {**os.environ, "PYTHONPATH": f"{PATHS}{os.pathsep}{ROOT}"}
    process = piped(arguments, env, 2, ROOT, "tests.jobs.rush")
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=100)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def hear(process: Other) -> str:
    """Return the next line it says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: Other) -> None:
    """Give it the word to go on."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()

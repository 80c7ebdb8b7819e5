"""Real second processes: started, spoken to line by line, and never left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def another_process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start `rush` and end it."""
    path = os.pathsep.join(str(ROOT / part) for part in ("server", "tools", ""))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.rush", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=100)


def hear(process: subprocess.Popen[str]) -> str:
    """Return the next line it says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    """Give it the word to go on."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()

"""Servers as forks of a warm parent: `python -m kling_mcp`, without the second of imports that each would cost.

The parent is a program of its own, one for each test process, and has no loop, lock, thread or connection. For each
message it forks a keeper; that forks the server, waits for its end and tells it. A server runs what the command runs,
with its own arguments, environment, directory and streams; it gets real signals, and dies with its parent. What is
tested about starting itself starts the command. Where there is no fork, everything does.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
#: Where the packages are, for a process of its own.
PATHS = os.pathsep.join(str(ROOT / part) for part in ("server", "tools"))
SERVER = "kling_mcp"
CAN_FORK = sys.platform == "linux"

_PR_SET_PDEATHSIG = 1
#: What a server loads at its start and by its first calls.
_NEEDED = (
    "kling_mcp.app",
    "kling_mcp.logs",
    "kling_mcp.shim",
    "kling_mcp.web.serving",
    "kling_sandbox.app",
    "kling_tools.connect",
    "kling_tools.providers.kling.official",
    "kling_tools.studio",
)
#: A message, and the descriptors that a process may have inherited.
_MOST, _DESCRIPTORS = 1 << 17, 256
#: The length of a process id in a report: what follows is how it ended.
_PID = 10


class Forked:
    """A server that is nobody's child here, with what tests use of `Popen`."""

    def __init__(self, report: int) -> None:
        self._report = report
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        self.returncode: int | None = None
        self.pid = int(os.read(report, _PID))

    def poll(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self.returncode if self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return how it was, as `Popen` does; `timeout` in seconds."""
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired("kling-mcp", timeout or 0.0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to it, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ended just now, and its parent has seen it
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _has_ended(self, within: float | None) -> bool:
        if self.returncode is None and select.select([self._report], [], [], within)[0]:
            self.returncode = int(os.read(self._report, 64) or -signal.SIGKILL)
            os.close(self._report)
        return self.returncode is not None


def fork(
    words: Sequence[str],
    env: Mapping[str, str],
    streams: Sequence[int],
    cwd: Path | str | None = None,
    module: str = SERVER,
) -> Forked:
    """Run `python -m` with a module and these words; the three streams stay open here."""
    report, theirs = os.pipe()
    start = {"module": module, "words": list(words), "env": dict(env), "cwd": str(cwd or Path.cwd())}
    socket.send_fds(_parent(), [json.dumps(start).encode()], [*streams, theirs])
    os.close(theirs)
    return Forked(report)


def piped(
    words: Sequence[str],
    env: Mapping[str, str],
    errors: int,
    cwd: Path | str | None = None,
    module: str = SERVER,
    *,
    command: bool = False,
) -> subprocess.Popen[str] | Forked:
    """Run it with pipes for stdin and stdout, as text: forked, unless the `command` itself is to be started."""
    if command or not CAN_FORK:
        started, pipe = [sys.executable, "-m", module, *words], subprocess.PIPE
        return subprocess.Popen(started, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=env, cwd=cwd)
    stdin, to_it = os.pipe()
    from_it, stdout = os.pipe()
    forked = fork(words, env, (stdin, stdout, errors), cwd, module)
    os.close(stdin)
    os.close(stdout)
    forked.stdin, forked.stdout = os.fdopen(to_it, "w"), os.fdopen(from_it)
    return forked


@cache
def _parent() -> socket.socket:
    """Start the warm parent of this test process, and return the line to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = {k: v for k, v in os.environ.items() if not k.startswith("KLING_")}
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
        cwd=ROOT,
        env={**env, "PYTHONPATH": PATHS},
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()
    atexit.register(_end, ours, program)
    return ours


def _end(line: socket.socket, program: subprocess.Popen[bytes]) -> None:
    line.close()
    program.wait(60)


def _be_the_parent(line: socket.socket) -> str:
    """Fork a server for every message until nobody is there to send one; returns in the servers alone: what to run."""
    _die_with_the_parent()
    os.setsid()  # an interruption is for the tests alone
    _warm_up()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need no burial
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, _MOST, 4)
        if not message:
            os._exit(0)
        if not os.fork():
            line.detach()
            _keep(descriptors)
            return _become(descriptors, **json.loads(message))
        for descriptor in descriptors:
            os.close(descriptor)


def _warm_up() -> None:
    """Import what a server comes to need."""
    for name in _NEEDED:
        import_module(name)
    assert threading.active_count() == len(os.listdir("/proc/self/task")) == 1, "a thread is not forked along"


def _keep(descriptors: Sequence[int]) -> None:
    """Fork the server, tell how it ended, and end; returns in the server alone."""
    _die_with_the_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    server = os.fork()
    if not server:
        return
    *streams, report = descriptors
    for descriptor in streams:
        os.close(descriptor)
    os.write(report, f"{server:>{_PID}}".encode())
    _, status = os.waitpid(server, 0)
    os.write(report, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(descriptors: Sequence[int], module: str, words: list[str], env: dict[str, str], cwd: str) -> str:
    """Take over what the one who asked for this server has given."""
    _die_with_the_parent()
    for place, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, place)
    os.closerange(3, _DESCRIPTORS)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0] = cwd
    sys.argv[1:] = words
    return module


def _die_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    runpy.run_module(_be_the_parent(socket.socket(fileno=int(sys.argv[1]))), run_name="__main__", alter_sys=True)

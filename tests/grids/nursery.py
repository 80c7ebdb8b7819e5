"""Servers as forks of one warm parent that has everything imported and holds no lock, loop, thread or connection.

To start thousands of interpreters would take hours. The parent is made first of all, gets the pipes of each server over
a socket, and has its children die with it, also those that are stopped.
"""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import gc
import json
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from tests.grids.traps import HIT, Trap, between
from tests.scenarios.host import Host, reader, writer

_PR_SET_PDEATHSIG = 1
_MOST = 1 << 16


@dataclass(frozen=True)
class Start:
    """How a server is to be started; without `how` nothing is trapped, without `point` its moments are told."""

    env: Mapping[str, str]
    quarantine: float
    how: str = ""
    point: str = ""
    unseen: bool = False


@dataclass
class Forked:
    """A forked server, with the surface of one that asyncio starts. `report` tells what its trap says."""

    pid: int
    stdin: asyncio.StreamWriter | None
    stdout: asyncio.StreamReader | None
    stderr: asyncio.StreamReader | None
    report: asyncio.StreamReader
    returncode: int | None = None
    moments: list[str] = field(default_factory=list)
    hit: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self) -> None:
        """Read its reports up to its end, which closes them."""
        while line := (await self.report.readline()).decode().rstrip("\n"):
            self.moments.append(line)
            if line == HIT:
                self.hit.set()
        self.returncode = 0
        self._over.set()

    async def wait(self) -> int:
        """Wait for its end."""
        await self._over.wait()
        return 0

    def send_signal(self, number: int) -> None:
        """Send a signal to it, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The warm parent, seen from outside. Made before there are loops and threads."""

    def __init__(self) -> None:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if not os.fork():
            here.close()
            try:
                _nurse(there)
            finally:
                os._exit(1)
        there.close()
        self._line = here
        self._following: set[asyncio.Task[None]] = set()
        assert self._line.recv(1) == b"+", "the servers' parent is not well"

    async def start(self, start: Start) -> tuple[Host, Forked]:
        """Start a server and shake hands with it."""
        theirs, ours = zip(*(os.pipe() if n == 0 else os.pipe()[::-1] for n in range(4)), strict=True)
        socket.send_fds(self._line, [json.dumps(asdict(start)).encode()], list(theirs))
        for descriptor in theirs:
            os.close(descriptor)
        pid = int(self._line.recv(64))
        stdin = await writer(ours[0])
        stdout, stderr, report = [await reader(descriptor) for descriptor in ours[1:]]
        process = Forked(pid, stdin, stdout, stderr, report)
        following = asyncio.create_task(process.follow())
        self._following.add(following)
        following.add_done_callback(self._following.discard)
        host = Host(process, "legacy")
        await host.greet()
        return host, process

    def close(self) -> None:
        """End the parent, and with it whatever it has started."""
        self._line.close()


def _nurse(line: socket.socket) -> NoReturn:
    """Be the parent: warm up, then fork a server for every message, until nobody is there to send one."""
    _die_with_the_parent()
    os.setsid()  # an interruption is for the grid alone
    _warm_up()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need no burial
    line.send(b"+")
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, _MOST, 4)
        if not message:
            os._exit(0)
        child = os.fork()
        if not child:
            line.close()
            _be_a_server(json.loads(message), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        line.send(str(child).encode())


def _warm_up() -> None:
    """Import all that a server comes to need, and have it made what it makes once: by a rehearsal in this process."""
    import anyio
    import psycopg  # noqa: F401

    import kling_tools.jobs.election_postgres
    import kling_tools.jobs.store_postgres  # noqa: F401

    with tempfile.TemporaryDirectory(prefix="kling-grid-") as folder:
        places = {"KLING_DATA_DIR": folder, "KLING_OUTPUT_DIR": folder, "KLING_LOG_LEVEL": "ERROR"}
        anyio.run(_rehearse, {**places, "KLING_PROVIDER": "sandbox", "KLING_SANDBOX_SPEED": "100"})
    assert threading.active_count() == 1, "a thread is not forked along"


async def _rehearse(env: Mapping[str, str]) -> None:
    from mcp.client import Client

    from kling_mcp.app import build_server
    from kling_tools.settings import Settings

    async with Client(build_server(Settings.from_env(env)), mode="legacy") as client:
        wish = {"prompt": "a boat", "model": "kling-3.0", "seconds": 3}
        bought = await client.call_tool("create_video", wish)
        assert bought.structured_content is not None, bought.content
        waiting = {"task_id": bought.structured_content["task_id"], "wait_seconds": 20}
        await client.call_tool("check_status", waiting)
        await client.call_tool("list_tasks", {})


def _be_a_server(start: dict[str, Any], descriptors: list[int]) -> NoReturn:
    status = 1
    try:
        _die_with_the_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for place, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, place)
            os.close(descriptor)
        os.set_inheritable(descriptors[3], False)
        _serve(Start(**start), descriptors[3])
        status = 0
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


def _serve(start: Start, report: int) -> None:
    """Be the real server, but for its quarantine and its traps."""
    import anyio

    from kling_mcp.app import build_server
    from kling_mcp.logs import log_to_stderr
    from kling_mcp.shim import serve_stdio
    from kling_tools.settings import Settings
    from kling_tools.studio import Studio

    settings = Settings.from_env(start.env)
    log_to_stderr(settings.log_level, settings.secrets)
    trap = Trap(report, start.point, start.how) if start.how else None
    seams = between(trap, unseen=start.unseen)
    signal.signal(signal.SIGUSR1, _tell_where)
    opened = lambda: Studio.open(settings, quarantine=start.quarantine, between=seams)  # noqa: E731
    anyio.run(serve_stdio, build_server(settings, open_studio=opened))


def _tell_where(number: int, frame: object) -> None:
    """Say where every task and thread stands, on stderr."""
    for task in asyncio.all_tasks():
        task.print_stack(limit=12, file=sys.stderr)
    sys.stderr.flush()
    faulthandler.dump_traceback(all_threads=True)


def _die_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

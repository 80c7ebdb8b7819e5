"""A host as small as can be: a real server process, spoken to over its pipes, that can be cut off or killed.

The process is forked from a warm parent, unless it is to be started as hosts start it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from tests.forks import CAN_FORK, PATHS, Forked, fork
from tests.server.messages import hello, request

if TYPE_CHECKING:
    from tests.server.acting import Era

BOUND = 240.0
_LONGEST_LINE = 8 << 20


class Process(Protocol):
    """A server process with three pipes, as asyncio starts it."""

    stdin: asyncio.StreamWriter | None
    stdout: asyncio.StreamReader | None
    stderr: asyncio.StreamReader | None

    @property
    def returncode(self) -> int | None:
        """The exit status, once it has ended."""
        ...

    async def wait(self) -> int:
        """Wait for the end."""
        ...

    def send_signal(self, signal: int) -> None:
        """Send a signal."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


@dataclass
class Piped:
    """A forked server with the streams of asyncio."""

    server: Forked
    stdin: asyncio.StreamWriter | None
    stdout: asyncio.StreamReader | None
    stderr: asyncio.StreamReader | None

    @property
    def returncode(self) -> int | None:
        """The exit status, once somebody has waited for it."""
        return self.server.returncode

    async def wait(self) -> int:
        """Wait for the end."""
        return await asyncio.to_thread(self.server.wait, BOUND)

    def send_signal(self, signal: int) -> None:
        """Send a signal."""
        self.server.send_signal(signal)

    def kill(self) -> None:
        """End it at once."""
        self.server.kill()


class Host:
    """One MCP client with its own server process, in one protocol era."""

    def __init__(self, process: Process, era: Era) -> None:
        self.process = process
        self.era: Era = era
        self.progress: list[dict[str, Any]] = []
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last = 0
        self._log = bytearray()
        self._reading = [asyncio.create_task(self._read()), asyncio.create_task(self._read_log())]

    @classmethod
    async def start(
        cls, env: Mapping[str, str], era: Era, cwd: Path | None = None, program: Sequence[str] = ("-m", "kling_mcp")
    ) -> Self:
        """Start `kling-mcp`, or another program that serves it, and shake hands."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_whole(env),
            cwd=cwd,
            limit=_LONGEST_LINE,
        )
        host = cls(process, era)
        await host.greet()
        return host

    @classmethod
    async def fork(cls, env: Mapping[str, str], era: Era, cwd: Path | None = None) -> Self:
        """Fork a `kling-mcp`, and shake hands."""
        stdin, to_it = os.pipe()
        (from_it, stdout), (of_it, stderr) = os.pipe(), os.pipe()
        server = fork((), _whole(env), (stdin, stdout, stderr), cwd)
        for theirs in (stdin, stdout, stderr):
            os.close(theirs)
        host = cls(Piped(server, await writer(to_it), await reader(from_it), await reader(of_it)), era)
        await host.greet()
        return host

    async def greet(self) -> None:
        """Shake hands, or ask who is there."""
        first = hello(self.era)
        await self.ask(first["method"], first["params"])
        if self.era == "legacy":
            await self.tell("notifications/initialized", {})

    async def ask(self, method: str, params: dict[str, Any], bound: float = BOUND) -> dict[str, Any]:
        """Send a request and return its result; a protocol error is an assertion."""
        # Before Python 3.12 `wait_for` forgets a cancellation that comes together with the answer.
        async with asyncio.timeout(bound):
            answer = await (await self.send(method, params))
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def send(self, method: str, params: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        """Send a request and return the future answer; `last` is its id."""
        self._last += 1
        future = self._answers[self._last] = asyncio.get_running_loop().create_future()
        await self._write(request(self.era, method, self._last, **params))
        return future

    @property
    def last(self) -> int:
        """The id of the newest request."""
        return self._last

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        await self._write({"jsonrpc": "2.0", "method": method, "params": params})

    async def call(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a tool and return its whole result."""
        return await self.ask("tools/call", {"name": tool, "arguments": arguments})

    async def facts(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a tool that has to succeed and return its structured content."""
        result = await self.call(tool, **arguments)
        assert not result.get("isError"), result
        facts: dict[str, Any] = result["structuredContent"]
        return facts

    async def ended(self, task_id: str, within: float = BOUND) -> dict[str, Any]:
        """Follow a task to its end."""
        async with asyncio.timeout(within):
            while True:
                task: dict[str, Any] = (await self.facts("check_status", task_id=task_id, wait_seconds=10))["tasks"][0]
                if task["status"] in {"succeeded", "failed", "cancelled"}:
                    return task

    async def kill(self) -> None:
        """End the server as nothing else does: at once, wherever it is."""
        self.process.send_signal(signal.SIGKILL)
        await self._gone()

    async def close(self) -> int:
        """Close stdin, as hosts do, and return the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return await self._gone()

    async def _gone(self) -> int:
        status = await asyncio.wait_for(self.process.wait(), BOUND)
        await asyncio.wait_for(asyncio.gather(*self._reading), BOUND)
        return status

    @property
    def log(self) -> str:
        """What the server has said on stderr."""
        return self._log.decode()

    async def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        await self.process.stdin.drain()

    async def _read_log(self) -> None:
        assert self.process.stderr is not None
        while part := await self.process.stderr.read(65536):
            self._log += part

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            message = json.loads(line)  # whatever is no JSON on stdout has broken the protocol
            if (future := self._answers.pop(message.get("id"), None)) is not None:
                if not future.done():
                    future.set_result(message)
            elif message.get("method") == "notifications/progress":
                self.progress.append(message["params"])


def _whole(env: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": PATHS, **env}


async def ran(
    *words: str, env: dict[str, str], cwd: Path | None = None, errors: bool = True, command: bool = False
) -> tuple[int, str]:
    """Run a command to its end; return its exit status and what it said, on stderr too unless `errors` go elsewhere.

    It is forked from a warm parent, unless the `command` itself is to be started.
    """
    whole = _whole(env | ({"HOME": str(cwd)} if cwd else {}))
    told, theirs = os.pipe()
    with open(os.devnull, "rb") as nothing:
        if CAN_FORK and not command:
            streams = (nothing.fileno(), theirs, theirs if errors else 2)
            process: Process = Piped(fork(words, whole, streams, cwd), None, None, None)
        else:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "kling_mcp", *words),
                env=whole,
                cwd=cwd,
                stdin=nothing,
                stdout=theirs,
                stderr=theirs if errors else None,
            )
    os.close(theirs)
    try:
        text = await asyncio.wait_for((await reader(told)).read(), 2 * BOUND)
        return await process.wait(), text.decode()
    finally:
        if process.returncode is None:
            process.kill()


async def writer(descriptor: int) -> asyncio.StreamWriter:
    """Return a stream into a pipe."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(descriptor, "wb"))
    return asyncio.StreamWriter(transport, protocol, None, loop)


async def reader(descriptor: int) -> asyncio.StreamReader:
    """Return a stream out of a pipe."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader(limit=_LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb"))
    return stream


@asynccontextmanager
async def hosting(
    env: Mapping[str, str], era: Era, cwd: Path | None = None, *, command: bool = False
) -> AsyncIterator[Host]:
    """Run a host for the length of a block; its server is gone afterwards. As a `command` it is started from cold."""
    host = await (Host.fork if CAN_FORK and not command else Host.start)(env, era, cwd)
    try:
        yield host
    finally:
        if host.process.returncode is None:
            host.process.kill()
        await host._gone()

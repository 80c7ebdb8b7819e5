"""A host as small as can be: a real server process, spoken to over its pipes, that can be cut off or killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, Self

ROOT = Path(__file__).parents[2]
BOUND = 240.0


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


class Host:
    """One MCP client with its own server process, in the handshake era."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.progress: list[dict[str, Any]] = []
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last = 0
        self._log = bytearray()
        self._reading = [asyncio.create_task(self._read()), asyncio.create_task(self._read_log())]

    @classmethod
    async def start(
        cls, env: Mapping[str, str], cwd: Path | None = None, program: Sequence[str] = ("-m", "kling_mcp")
    ) -> Self:
        """Start `kling-mcp`, or another program that serves it, and shake hands."""
        paths = os.pathsep.join(str(ROOT / part) for part in ("server", "tools"))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": paths, **env},
            cwd=cwd,
            limit=8 << 20,
        )
        host = cls(process)
        await host.greet()
        return host

    async def greet(self) -> None:
        """Shake hands."""
        client = {"name": "host", "version": "1"}
        await self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
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
        await self._write({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params})
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


@asynccontextmanager
async def hosting(env: Mapping[str, str], cwd: Path | None = None) -> AsyncIterator[Host]:
    """Run a host for the length of a block; its server is gone afterwards."""
    host = await Host.start(env, cwd)
    try:
        yield host
    finally:
        if host.process.returncode is None:
            host.process.kill()
        await host._gone()

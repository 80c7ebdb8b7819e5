"""The process as hosts run it: raw lines over pipes, nothing else on stdout, and an end when one is asked for."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.forks import PATHS, piped
from tests.server.acting import Era, both_eras
from tests.server.messages import hello, request

from kling_tools.operations.all import offered
from kling_tools.settings import Settings

PATIENCE = 120.0

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are a POSIX matter")


class Process:
    """A server and the few words a host exchanges with it."""

    def __init__(self, directory: Path, era: Era, command: bool, **env: str) -> None:
        self.era = era
        clean = {k: v for k, v in os.environ.items() if not k.startswith("KLING_")}
        own = {"PYTHONPATH": PATHS, "KLING_DATA_DIR": str(directory / "d"), "KLING_OUTPUT_DIR": str(directory / "o")}
        self.errors = directory / "stderr.txt"
        with self.errors.open("w") as errors:
            self.process = piped((), clean | own | env, errors.fileno(), command=command)
        self._number = 0

    def tell(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its answer."""
        return self._answered(request(self.era, method, self._next(), **params))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _answered(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer; every line that comes is a message of the protocol."""
        self.send(message)
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == message["id"]:
                return answer
        raise AssertionError(f"the server ended: {self.errors.read_text()}")

    def greet(self) -> dict[str, Any]:
        """Shake hands as a host of 2025 does, or ask who is there as one does since."""
        answer = self._answered(hello(self.era, self._next()))
        if self.era == "legacy":
            self.tell("notifications/initialized")
        return answer

    def rest(self) -> tuple[int, str]:
        """Wait for the end; return the status and what was left on stdout."""
        assert self.process.stdout is not None
        left = self.process.stdout.read()
        return self.process.wait(PATIENCE), left

    def send(self, message: dict[str, Any]) -> None:
        """Write a message as it is."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()


@contextmanager
def running(directory: Path, era: Era, *, command: bool = False, **env: str) -> Iterator[Process]:
    """Run a server, as a fork or from cold; whatever a test does with it, it is dead after a while."""
    server = Process(directory, era, command, **env)
    watchdog = threading.Timer(PATIENCE, server.process.kill)
    watchdog.start()
    try:
        yield server
    finally:
        watchdog.cancel()
        server.process.kill()
        for pipe in (server.process.stdin, server.process.stdout):
            assert pipe is not None
            pipe.close()
        server.process.wait(PATIENCE)


@both_eras
def test_a_host_is_greeted_and_every_line_is_protocol(era: Era, tmp_path: Path) -> None:
    with running(tmp_path, era, command=era == "legacy", KLING_LOG_LEVEL="DEBUG") as server:
        hello = server.greet()["result"]
        server_info = hello.get("serverInfo") or hello["_meta"]["io.modelcontextprotocol/serverInfo"]
        assert server_info["name"] == "kling-mcp"
        assert "icons" not in server_info
        assert "estimate_cost" in hello["instructions"]
        assert len(server.ask("tools/list")["result"]["tools"]) == len(offered(Settings.from_env({})))
        listed = server.ask("tools/call", name="list_tasks", arguments={})["result"]
        assert listed["content"][0]["text"] == "No tasks found."
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.rest() == (0, "")


@both_eras
def test_arguments_that_are_no_object_are_an_error_and_not_the_end(era: Era, tmp_path: Path) -> None:
    with running(tmp_path, era) as server:
        server.greet()
        answer = server.ask("tools/call", name="list_models", arguments=["kling-3.0"])
        assert answer.get("error") or answer["result"]["isError"]
        assert "result" in server.ask("tools/list")


@both_eras
def test_secrets_of_the_environment_never_reach_the_log(era: Era, tmp_path: Path) -> None:
    with running(tmp_path, era, KLING_API_KEY="LEAK-key-1234", KLING_LOG_LEVEL="DEBUG") as server:
        server.greet()
        server.ask("tools/call", name="list_tasks", arguments={"query": "LEAK-key-1234"})
        server.process.send_signal(signal.SIGTERM)
        server.rest()
        assert "LEAK" not in server.errors.read_text()


@both_eras
@pytest.mark.parametrize(
    ("number", "used"), [(signal.SIGTERM, True), (signal.SIGINT, False)], ids=["with an open studio", "idle"]
)
def test_a_signal_ends_the_process_cleanly_while_stdin_stays_open(
    era: Era, number: int, used: bool, tmp_path: Path
) -> None:
    with running(tmp_path, era, command=used and era == "legacy") as server:
        server.greet()
        if used:
            server.ask("tools/call", name="list_tasks", arguments={})
        server.process.send_signal(number)
        assert server.rest() == (0, "")
        assert "Traceback" not in server.errors.read_text()


@both_eras
def test_a_host_that_stops_reading_is_no_fault_of_ours(era: Era, tmp_path: Path) -> None:
    with running(tmp_path, era) as server:
        server.greet()
        assert server.process.stdout is not None
        server.process.stdout.close()
        with suppress(BrokenPipeError):
            for _ in range(100):
                server.tell("notifications/initialized")
                server.send(request(era, "tools/list", 99))
        with suppress(BrokenPipeError):
            assert server.process.stdin is not None
            server.process.stdin.close()
        assert server.process.wait(PATIENCE) == 0
        assert "Traceback" not in server.errors.read_text()

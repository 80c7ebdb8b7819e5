"""How long a host waits for us: spawn -> initialize -> tools/list answered, against an empty server of the same SDK.

    python tests/benchmarks/startup.py [--rounds 11]

Raw pipes and the 2025-11-25 handshake, so that no client library is measured. The two take turns, so that a busy
machine slows both. Bytecode is cached beforehand, as it is for an installed package.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EMPTY = "from mcp.server import MCPServer; MCPServer('empty').run()"
LIMIT_SECONDS = 60

HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}


def ask(server: subprocess.Popen[str], method: str, params: dict[str, object], number: int | None = None) -> None:
    """Send a request, or a notification, and read the answer to a request."""
    assert server.stdin is not None
    assert server.stdout is not None
    message: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None:
        message["id"] = number
    server.stdin.write(json.dumps(message) + "\n")
    server.stdin.flush()
    if number is None:
        return
    while line := server.stdout.readline():
        answer = json.loads(line)
        if answer.get("id") == number:
            if "result" not in answer:
                raise SystemExit(f"{method}: {line}")
            return
    raise SystemExit(f"the server ended during {method}")


def once(command: list[str], env: dict[str, str]) -> float:
    """Return the seconds from spawning to the answered tools/list."""
    started = time.perf_counter()
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
    )
    try:
        ask(server, "initialize", dict(HELLO), 1)
        ask(server, "notifications/initialized", {})
        ask(server, "tools/list", {}, 2)
        return time.perf_counter() - started
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()


def environment(directory: str) -> dict[str, str]:
    """Return an environment without keys, with its own data directory and bytecode cache."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KLING_") and k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("server", "tools")),
        "PYTHONPYCACHEPREFIX": f"{directory}/bytecode",
        "KLING_DATA_DIR": f"{directory}/data",
        "KLING_OUTPUT_DIR": f"{directory}/out",
    }


def shown(name: str, seconds: list[float]) -> str:
    """Return one line of figures in milliseconds."""
    low, middle, high = (round(1000 * f(seconds)) for f in (min, statistics.median, max))
    return f"{name:<10} median {middle} ms   min {low}   max {high}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    empty, ours = [sys.executable, "-c", EMPTY], [sys.executable, "-m", "kling_mcp"]
    with tempfile.TemporaryDirectory() as directory:
        env = environment(directory)
        for command in (empty, ours):
            once(command, env)  # fills the bytecode cache and makes the journal
        # Which of the two goes first alternates: the second finds a warmer machine.
        pairs = []
        for number in range(rounds):
            first, second = (empty, ours) if number % 2 else (ours, empty)
            times = {id(first): once(first, env), id(second): once(second, env)}
            pairs.append((times[id(empty)], times[id(ours)]))
    print(shown("empty", [e for e, _ in pairs]))
    print(shown("kling-mcp", [o for _, o in pairs]))
    print(f"ratio      {statistics.median(o / e for e, o in pairs):.3f} (median of {rounds} pairs)")
    print(
        f"measured on {os.cpu_count()} CPUs, Python {platform.python_version()}, mcp {version('mcp')}, "
        f"{platform.system()} {platform.machine()}"
    )


if __name__ == "__main__":
    main()

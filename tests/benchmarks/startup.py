"""How long a host waits for us: spawn -> initialize -> tools/list answered, against an empty server of the same SDK.

    python tests/benchmarks/startup.py [--rounds 11]
    python tests/benchmarks/startup.py --against REF    this tree beside another commit; exits 1 where it has grown

Raw pipes and the 2025-11-25 handshake, so that no client library is measured. The two take turns, so that a busy
machine slows both. Bytecode is cached beforehand, as it is for an installed package. Memory is the server's own and its
share of what it has in common with others (PSS), once it has answered.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EMPTY = "from mcp.server import MCPServer; MCPServer('empty').run()"
LIMIT_SECONDS = 60
#: How much more than the other commit's time or memory is taken for grown.
MOST_GROWN = 1.03

SERVER = [sys.executable, "-m", "kling_mcp"]
#: A command and its environment.
Server = tuple[list[str], dict[str, str]]

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


@dataclass(frozen=True)
class Start:
    """One start: seconds from spawning to the answered tools/list, and of CPU; and MB of memory then."""

    seconds: float
    cpu: float
    resident: float
    share: float


def worked(process: int) -> float:
    """Return the seconds of CPU that a process has taken; 0 where the system does not tell."""
    try:
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> tuple[float, float]:
    """Return a process's resident and proportional memory in MB; nothing where the system does not tell."""
    try:
        told = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0, 0.0
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in told.splitlines()[1:]}
    return kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024


def once(command: list[str], env: dict[str, str]) -> Start:
    """Start a server, ask it for its tools and end it."""
    started = time.perf_counter()
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
    )
    try:
        ask(server, "initialize", dict(HELLO), 1)
        ask(server, "notifications/initialized", {})
        ask(server, "tools/list", {}, 2)
        seconds = time.perf_counter() - started
        return Start(seconds, worked(server.pid), *memory(server.pid))
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()


def environment(directory: str, root: Path = ROOT) -> dict[str, str]:
    """Return an environment for a tree, without keys, with its own data directory and bytecode cache."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KLING_") and k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {
        "PYTHONPATH": os.pathsep.join(str(root / folder) for folder in ("server", "tools")),
        "PYTHONPYCACHEPREFIX": f"{directory}/bytecode",
        "KLING_DATA_DIR": f"{directory}/data",
        "KLING_OUTPUT_DIR": f"{directory}/out",
    }


FIGURES: tuple[tuple[str, str, Callable[[Start], float]], ...] = (
    ("to the list of tools", "ms", lambda start: 1000 * start.seconds),
    ("its CPU", "ms", lambda start: 1000 * start.cpu),
    ("resident", "MB", lambda start: start.resident),
    ("proportional share", "MB", lambda start: start.share),
)


def shown(name: str, seconds: list[float]) -> str:
    """Return one line of figures in milliseconds."""
    low, middle, high = (round(1000 * f(seconds)) for f in (min, statistics.median, max))
    return f"{name:<10} median {middle} ms   min {low}   max {high}"


def against_empty(rounds: int) -> int:
    """Measure beside an empty server, and print."""
    empty, ours = [sys.executable, "-c", EMPTY], SERVER
    with tempfile.TemporaryDirectory() as directory:
        env = environment(directory)
        pairs = turns((empty, env), (ours, env), rounds)
    print(shown("empty", [e.seconds for e, _ in pairs]))
    print(shown("kling-mcp", [o.seconds for _, o in pairs]))
    print(f"ratio      {statistics.median(o.seconds / e.seconds for e, o in pairs):.3f} (median of {rounds} pairs)")
    return 0


def against_commit(ref: str, rounds: int) -> int:
    """Measure beside another commit, and print; 1 where time or memory has grown."""
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory, "tree")
        packed = subprocess.run(["git", "-C", str(ROOT), "archive", ref], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(tree, filter="data")
        theirs, ours = (environment(f"{directory}/{n}", root) for n, root in (("theirs", tree), ("ours", ROOT)))
        pairs = turns((SERVER, theirs), (SERVER, ours), rounds)
    grown = False
    for name, unit, of in FIGURES:
        ratio = statistics.median(of(after) / of(before) for before, after in pairs if of(before))
        before, after = (statistics.median(of(start) for start in some) for some in zip(*pairs, strict=True))
        print(f"{name:<22} {ref[:12]} {before:7.1f} {unit}   here {after:7.1f} {unit}   ratio {ratio:.3f}")
        grown = grown or ratio > MOST_GROWN
    print(f"medians of {rounds} pairs; limit {MOST_GROWN}")
    return int(grown)


def turns(one: Server, other: Server, rounds: int) -> list[tuple[Start, Start]]:
    """Start both by turns; which goes first alternates, since the second finds a warmer machine."""
    for command, env in (one, other):
        once(command, env)  # fills the bytecode cache and makes the journal
    pairs = []
    for number in range(rounds):
        first, second = (one, other) if number % 2 else (other, one)
        starts = {id(first): once(*first), id(second): once(*second)}
        pairs.append((starts[id(one)], starts[id(other)]))
    return pairs


def main() -> int:
    """Measure and print; 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--against", metavar="REF", help="a commit to be no slower and no larger than")
    args = parser.parse_args()
    kept = against_commit(args.against, args.rounds or 21) if args.against else against_empty(args.rounds or 11)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(
        f"measured on {os.cpu_count()} CPUs (load {load}), Python {platform.python_version()}, mcp {version('mcp')}, "
        f"{platform.system()} {platform.machine()}"
    )
    return kept


if __name__ == "__main__":
    sys.exit(main())

"""Two hundred clients at once over HTTP: each creates a task on the simulated Kling and waits until it is here.

    python tests/benchmarks/clients.py             two or three minutes; exits 1 where a limit is not kept
    python tests/benchmarks/clients.py --short     for CI: 24 clients; latency is not judged

Three processes with real sockets: the simulated Kling, `kling-mcp serve --http`, and the clients, half of each protocol
era, ten to a caller. All have a session before the first creates; each creates at a moment of its own within `spread`
seconds and waits as an agent does, so that nearly all wait while the last ones create. Beside each create the same
order goes straight to the simulated Kling: what a paid call takes longer than that is ours. At the end no task may be
missing, be there twice, or be anybody else's. `--spread 0` has all create at the same moment. The server has no ffmpeg:
a picture beside each result would have as many encoders at work as there are results, which is not what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "server"), str(ROOT / "tools")]

import httpx2  # noqa: E402
from mcp.client import Client as Session  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402
from tests.providers.values import PLAN  # noqa: E402
from tests.server.serving import a_server  # noqa: E402

from kling_sandbox import API_KEY, SandboxConfig, find_ffmpeg, serve  # noqa: E402
from kling_tools.client.client import Client  # noqa: E402
from kling_tools.clock import SystemClock  # noqa: E402
from kling_tools.model.plan import Order  # noqa: E402
from kling_tools.providers.registry import sandbox_connection  # noqa: E402

#: What the first answer of a paid call may take longer than the simulated Kling itself, at the 99th percentile.
MOST_ADDED = 0.150
A_CALLER = 10
#: Of fewer, one slow answer is the 99th percentile.
ENOUGH = 100
#: Nothing waits longer: what is not here by then is lost.
BOUND = 240.0


@dataclass
class Seen:
    """What the clients saw. Seconds; `tasks` are caller and id."""

    answers: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)
    tasks: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    waiting: int = 0
    most_waiting: int = 0


@dataclass(frozen=True)
class Load:
    """How many clients create within how many seconds, on a Kling so many times as fast as life."""

    clients: int
    spread: float
    speed: float


def provide(home: Path, speed: float) -> None:
    """Be the simulated Kling; say where, then serve until killed."""
    film = home / "film.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=12:duration=5", "-pix_fmt", "yuv420p"]
    subprocess.run([find_ffmpeg(), "-v", "error", *source, "-movflags", "+faststart", str(film)], check=True)
    config = SandboxConfig(state_dir=home / "kling", speed=speed, concurrency=10**6, film=film, ffmpeg=find_ffmpeg())
    asyncio.run(serve(config, port=0, on_started=lambda url: print(url, flush=True)))


@contextmanager
def a_provider(home: Path, speed: float) -> Iterator[str]:
    """Run the simulated Kling; yield its address."""
    command = [sys.executable, __file__, "--provide", str(home), str(speed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def caller(number: int) -> str:
    """Return the name of the caller that a client belongs to."""
    return f"caller-{number // A_CALLER}"


@asynccontextmanager
async def a_session(url: str, number: int) -> AsyncIterator[Session]:
    """Open a client's session."""
    headers = {"Authorization": f"Bearer token-of-{caller(number)}"}
    async with httpx2.AsyncClient(headers=headers, timeout=BOUND) as http:
        transport = streamable_http_client(f"{url}/mcp", http_client=http)
        async with Session(transport, mode="auto" if number % 2 else "legacy") as session:
            yield session


async def one(session: Session, number: int, moment: float, kling: Client, seen: Seen) -> None:
    """Be one agent: create, and ask until the video is here."""
    await asyncio.sleep(moment)
    await timed(seen.control, kling.submit(Order(plan=PLAN, external_id=f"control-{number}-{time.time_ns()}")))
    asked = {"prompt": f"a fox, number {number}", "seconds": 5}
    made = await timed(seen.answers, session.call_tool("create_video", asked))
    if made.is_error:
        seen.errors.append(made.content[0].text)
        return
    task = made.structured_content["task_id"]
    seen.tasks.append((caller(number), task))
    seen.waiting += 1
    seen.most_waiting = max(seen.most_waiting, seen.waiting)
    while True:
        found = await session.call_tool("check_status", {"task_id": task, "wait_seconds": 45})
        if found.is_error:
            seen.errors.append(found.content[0].text)
            break
        (told,) = found.structured_content["tasks"]
        if told["status"] == "succeeded":
            break
        if told["status"] in {"failed", "cancelled", "unsure"}:
            seen.errors.append(f"{task}: {told}")
            break
    seen.waiting -= 1


async def timed(kept: list[float], call: Any) -> Any:
    """Wait for a call, and keep how long it took."""
    began = time.perf_counter()
    answer = await call
    kept.append(time.perf_counter() - began)
    return answer


async def drive(url: str, kling_url: str, load: Load) -> Seen:
    """Run all clients; return what they saw."""
    seen, chance = Seen(), random.Random(1)
    kling = Client(sandbox_connection(API_KEY, kling_url), SystemClock())
    await kling.probe()
    async with asyncio.timeout(BOUND), AsyncExitStack() as open_ones:
        sessions = []
        for number in range(load.clients):
            sessions.append(await open_ones.enter_async_context(a_session(url, number)))
            await sessions[-1].list_tools()
        print(f"{len(sessions)} sessions are open", flush=True)
        # What a process loads for its first call is no matter of how many there are.
        first = await sessions[0].call_tool("create_video", {"prompt": "a fox, before all others"})
        seen.tasks.append((caller(0), first.structured_content["task_id"]))
        moments = [load.spread * chance.random() for _ in sessions]
        work = [one(session, n, moments[n], kling, seen) for n, session in enumerate(sessions)]
        done = await asyncio.gather(*work, return_exceptions=True)
        seen.errors += [repr(error) for error in done if isinstance(error, BaseException)]
        for number in range(0, load.clients, A_CALLER):
            listed = await sessions[number].call_tool("list_tasks", {"limit": 50})
            ids = {(caller(number), task["task_id"]) for task in listed.structured_content["tasks"]}
            if ids != {pair for pair in seen.tasks if pair[0] == caller(number)}:
                seen.errors.append(f"{caller(number)} is shown other tasks than their own")
    await kling.aclose()
    return seen


async def bought(kling_url: str) -> list[str]:
    """Return the ids of ours that the simulated Kling has."""
    async with httpx2.AsyncClient() as client:
        found = (await client.get(f"{kling_url}/sandbox/tasks")).json()
    tasks = found.get("tasks", found) if isinstance(found, dict) else found
    return [t["external_id"] for t in tasks if not t["external_id"].startswith("control-")]


def p99(values: list[float]) -> float:
    """Return the 99th percentile, or the worst of few."""
    return sorted(values)[max(0, round(0.99 * len(values)) - 1)] if values else float("inf")


def line(name: str, values: list[float]) -> str:
    """Return one line for people."""
    median, worst = statistics.median(values), max(values)
    return f"{name:<22} median {1000 * median:7.1f} ms, p99 {1000 * p99(values):7.1f} ms, worst {1000 * worst:7.1f} ms"


def run(load: Load) -> list[str]:
    """Run everything; return what was not kept."""
    with tempfile.TemporaryDirectory(prefix="kling-http-") as folder:
        home = Path(folder)
        with a_provider(home, load.speed) as kling_url:
            names = dict.fromkeys(caller(n) for n in range(load.clients))
            tokens = ",".join(f"{name}:token-of-{name}" for name in names)
            env = {"KLING_HTTP_TOKEN": tokens, "KLING_API_KEY": API_KEY, "KLING_BASE_URL": kling_url}
            env["KLING_FFMPEG"] = "not-installed"
            limits = {"KLING_MAX_CONCURRENCY": "1000000", "KLING_MAX_USD_PER_DAY_ALL": "100000"}
            with a_server(home, command=True, **env, **limits) as server:
                began, cpu = time.monotonic(), os.times()
                seen = asyncio.run(drive(server.url, kling_url, load))
                took = time.monotonic() - began
                used = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
                ours = asyncio.run(bought(kling_url))
                log = server.errors
    hz = os.sysconf("SC_CLK_TCK")
    server_cpu = (int(used[11]) + int(used[12])) / hz
    mine = sum(os.times()[:2]) - sum(cpu[:2])
    print(f"{load.clients} clients, creating within {load.spread:g} s; at most {seen.most_waiting} waited at once")
    print(line("simulated Kling alone", seen.control))
    print(line("first answer", seen.answers))
    print(f"{len(seen.answers)} answers, {len(seen.errors)} errors, {len(seen.tasks)} tasks told, {len(ours)} bought")
    print(f"CPU of {took:.0f} s: the server {server_cpu:.1f} s, the clients {mine:.1f} s; {machine()}")
    return [*wrong(seen, ours, log), *late(seen, load)]


def machine() -> str:
    """Return what it was measured on."""
    return (
        f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {platform.system()}"
    )


def wrong(seen: Seen, ours: list[str], log: str) -> list[str]:
    """Return what went wrong with tasks."""
    told = [task for _, task in seen.tasks]
    found = [*seen.errors[:5]]
    found += [f"{task} was bought {n} times" for task, n in Counter(ours).items() if n > 1]
    if set(ours) != set(told) or len(told) != len(set(told)):
        found.append(f"{len(told)} tasks were told, {len(set(told))} different ones, and {len(set(ours))} were bought")
    if "Traceback" in log or "ERROR" in log:
        found.append(log[-2000:])
    return found


def late(seen: Seen, load: Load) -> list[str]:
    """Return whether answers took too long. All at the same moment, and a few only, are measured and not judged."""
    added = p99(seen.answers) - p99(seen.control)
    print(f"p99 is {1000 * added:.0f} ms above the simulated Kling's (limit {1000 * MOST_ADDED:.0f} ms)")
    judged = load.spread > 0 and load.clients >= ENOUGH
    return [f"p99 is {1000 * added:.0f} ms above"] if judged and added > MOST_ADDED else []


def main() -> int:
    """Measure, print, and return whether something was not kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--spread", type=float, default=40.0, help="seconds within which all create")
    parser.add_argument("--short", action="store_true", help="24 clients within 6 s")
    parser.add_argument("--provide", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.provide:
        provide(Path(args.provide[0]), float(args.provide[1]))
        return 0
    load = Load(args.clients, args.spread, 1.5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    wrong_ones = run(replace(load, clients=24, spread=6.0, speed=10.0) if args.short else load)
    for words in wrong_ones:
        print(f"NOT KEPT: {words}")
    return 1 if wrong_ones else 0


if __name__ == "__main__":
    sys.exit(main())

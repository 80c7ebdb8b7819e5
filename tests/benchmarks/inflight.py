"""Ten thousand tasks in flight: what watching them costs, against a naive loop with one request for each task.

    python tests/benchmarks/inflight.py            about two minutes; exits 1 where a limit is not kept
    python tests/benchmarks/inflight.py --short    for CI: 1,000 tasks, half a minute

Real sockets. The simulated Kling is a process of its own with its tasks in memory; the watcher is the real engine on a
real journal, in another; the naive loop follows on the same provider. Some tasks end every second, and the lag is from
the provider's end to what each of them knows. They end as failures: fetching files is not what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "server"), str(ROOT / "tools")]

PRODUCT = "/text-to-video/kling-3.0"
#: Ends a second, and how long the provider is given to start before the first.
ENDS_A_SECOND, HEAD_START = 10.0, 10.0
#: What the naive loop has under way at a time.
AT_ONCE = 16
LIMITS = {"fewer requests": 100.0, "CPU %": 15.0, "added MB": 80.0, "median lag s": 3.0}


@dataclass(frozen=True)
class Bought:
    """A task at the provider: its id, ours, and its times in seconds since the epoch."""

    id: str
    ours: str
    created: float
    ends: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a way to watch took: `rounds` are looks at everything."""

    requests: int
    rounds: int
    seconds: float
    cpu: float
    lags: list[float]
    added_mb: float = 0.0

    def line(self, name: str, tasks: int) -> str:
        """Return one line for people."""
        a_round = self.requests / max(1, self.rounds)
        lag = f"{statistics.median(self.lags):5.2f} s, worst {max(self.lags):.2f} s" if self.lags else "none seen"
        return (
            f"{name:<8} {a_round:9.1f} requests a look ({tasks / max(a_round, 0.1):6.1f} times fewer than tasks), "
            f"{self.requests / self.seconds:6.1f} a second, CPU {100 * self.cpu / self.seconds:5.1f} %, "
            f"added {self.added_mb:5.1f} MB, lag median {lag} ({len(self.lags)} ends)"
        )


def the_tasks(count: int, seconds: float, chance: random.Random) -> list[Bought]:
    """Return tasks of which some end in every second of the run, and the rest after it."""
    now = time.time()
    ending = min(count // 2, int(ENDS_A_SECOND * seconds))
    tasks = []
    for number in range(count):
        ends = now + HEAD_START + seconds * chance.random() if number < ending else now + 7200
        task_id = str(8 * 10**17 + number)
        tasks.append(Bought(task_id, f"k{number:012d}", now - 60 * chance.random(), ends))
    return tasks


# --- the provider ---------------------------------------------------------------------------------------------------


def provide(home: Path) -> None:
    """Be the simulated Kling, with the tasks in memory; say where, then serve until killed."""
    import uvicorn

    from kling_sandbox import SandboxConfig
    from kling_sandbox.app import Sandbox
    from kling_sandbox.store import Store
    from kling_sandbox.tasks import Purchase, Task

    class Memory(Store):
        """Tasks that are only looked at need no disk."""

        def __init__(self, tasks: list[Task]) -> None:
            super().__init__(home / "kling")
            self._all = sorted(tasks, key=lambda t: (t.created_ms, t.id), reverse=True)
            self._by_id = {t.id: t for t in tasks}

        def get(self, id: str) -> Task | None:
            """Return the task with this id."""
            return self._by_id.get(id)

        def between(self, start_ms: int, end_ms: int) -> list[Task]:
            """Return all tasks: they were all made in the span."""
            return self._all

    def task(one: Bought) -> Task:
        bought = Purchase(model="kling-3.0", units="3", settings={}, external_id=one.ours)
        created = round(one.created * 1000)
        times = {"created_ms": created, "queued_until_ms": created, "ends_ms": round(one.ends * 1000)}
        return Task(id=one.id, token="t", path=PRODUCT, bought=bought, failure="no picture", **times)

    app = Sandbox(SandboxConfig(state_dir=home / "kling"))
    app.desk.store = Memory([task(one) for one in read(home)])
    asked = 0

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        nonlocal asked
        if scope["path"] != "/asked":
            asked += 1
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(asked).encode()})

    server = uvicorn.Server(uvicorn.Config(counting, port=0, lifespan="off", log_level="error", access_log=False))

    async def run() -> None:
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        say(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
        await serving

    asyncio.run(run())


# --- the watcher ----------------------------------------------------------------------------------------------------


def fill(home: Path, tasks: list[Bought]) -> None:
    """Write a journal in which all tasks run."""
    import sqlite3

    from tests.jobs.house import a_task
    from tests.providers.values import PLAN

    from kling_tools.clock import SystemClock
    from kling_tools.jobs.journal import Journal
    from kling_tools.jobs.ledger import Budget
    from kling_tools.jobs.store import SqliteStore
    from kling_tools.model.status import Status
    from kling_tools.model.tasks import Remote

    path = home / "journal.sqlite3"
    remote = Remote("0", PRODUCT, "http://127.0.0.1")
    plan = replace(PLAN, video_seconds=5.0)
    pattern = replace(a_task("k0", plan=plan), status=Status.PROCESSING, remote=remote, accepted_at=1.0)

    async def begin() -> None:
        store = SqliteStore(path)
        await Journal(store, SystemClock()).enqueue(pattern, Budget(10, 50), again=False)  # type: ignore[arg-type]
        await store.close()

    asyncio.run(begin())
    raw = sqlite3.connect(path)
    document = json.loads(raw.execute("SELECT document FROM tasks").fetchone()[0])
    (day,) = raw.execute("SELECT day FROM ledger").fetchone()
    for table in ("history", "ledger", "tasks"):
        raw.execute(f"DELETE FROM {table}")
    rows = []
    for one in tasks:
        times = {"created": one.created, "updated": one.created, "accepted_at": one.created}
        mine = {**document, **times, "account": "bench", "id": one.ours, "remote": {**document["remote"], "id": one.id}}
        rows.append((one.ours, "processing", "bench", "kling-3.0", one.created, one.created, one.ours, "", "", mine))
    columns = "id, status, account, model, created, updated, fingerprint, words, sender, document"
    filled = ([*row[:-1], json.dumps(row[-1])] for row in rows)
    raw.executemany(f"INSERT INTO tasks ({columns}) VALUES ({','.join('?' * 10)})", filled)
    raw.execute("INSERT INTO ledger SELECT number, ?, 0, 'held', 420000, 0, '' FROM tasks", (day,))
    raw.commit()
    raw.close()


def watch(home: Path, url: str, warm: float, seconds: float) -> None:
    """Be the watcher; tell what it took."""
    say(json.dumps(asdict(asyncio.run(_watch(home, url, warm, seconds)))))


async def _watch(home: Path, url: str, warm: float, seconds: float) -> Figures:
    engine, account, close = await open_engine(home, url)
    await account.client.probe()  # what a connection takes is not due to the tasks
    before = resident()
    engine.start()
    most = 0.0

    async def pass_time(how_long: float) -> None:
        nonlocal most
        until = time.monotonic() + how_long
        while time.monotonic() < until:
            await asyncio.sleep(0.05)
            most = max(most, resident())

    await pass_time(warm)
    began, cpu, asked, looks = time.time(), used(), await count(url), engine.looks("bench")
    await pass_time(seconds)
    ended, cpu, asked, looks = time.time(), used() - cpu, await count(url) - asked, engine.looks("bench") - looks
    await pass_time(12)  # what ended at the very end is still to be seen
    due = {one.ours: one.ends for one in read(home) if began <= one.ends < ended}
    found = (await account.journal.get(list(due))).values()
    lags = [task.ended_at - due[task.id] for task in found if task.ended_at is not None]
    if len(lags) < len(due):
        raise SystemExit(f"{len(due) - len(lags)} ends were not seen")
    await close()
    return Figures(requests=asked, rounds=looks, seconds=ended - began, cpu=cpu, lags=lags, added_mb=most - before)


async def open_engine(home: Path, url: str) -> tuple[Any, Any, Any]:
    """Return the real engine, its account, and what closes them."""
    from kling_sandbox import API_KEY
    from kling_tools.client.client import Client
    from kling_tools.clock import SystemClock
    from kling_tools.files.inputs import Inputs
    from kling_tools.files.outputs import Outputs
    from kling_tools.jobs.account import Account
    from kling_tools.jobs.election import FileOffices
    from kling_tools.jobs.engine import Engine
    from kling_tools.jobs.journal import Journal
    from kling_tools.jobs.orders import Orders
    from kling_tools.jobs.sources import Sources
    from kling_tools.jobs.store import SqliteStore
    from kling_tools.providers.registry import sandbox_connection

    clock, store = SystemClock(), SqliteStore(home / "journal.sqlite3")
    journal = Journal(store, clock)
    connection = sandbox_connection(API_KEY, url)
    client, orders = Client(connection, clock), Orders(journal, Inputs((home,)))
    sources = Sources(journal, orders, orders.inputs)
    offices = FileOffices(home)
    account = Account("bench", connection, client, 10**6, 1.0, journal, orders, sources, offices)
    engine = Engine(journal, Outputs(home / "out"), [account], clock, offices)
    await journal.get(["k0"])

    async def close() -> None:
        await engine.stop()
        await client.aclose()
        await store.close()

    return engine, account, close


# --- the naive loop -------------------------------------------------------------------------------------------------


def naive(home: Path, url: str, seconds: float) -> None:
    """Ask for each task by itself, over and over: print what it took as JSON."""
    say(json.dumps(asdict(asyncio.run(_naive(home, url, seconds)))))


async def _naive(home: Path, url: str, seconds: float) -> Figures:
    import httpx2

    from kling_sandbox import API_KEY

    began, cpu = time.time(), used()
    running = {one.id: one for one in read(home) if one.ends > began}
    all_of_them, lags, requests, ends = len(running), [], 0, began + seconds

    async def ask(client: httpx2.AsyncClient, queue: list[str]) -> None:
        nonlocal requests
        while queue and time.time() < ends:
            task_id = queue.pop()
            answer = await client.get(f"{url}/tasks", params={"task_ids": task_id})
            requests += 1
            (task,) = json.loads(answer.content)["data"]
            if task["status"] == "failed":
                lags.append(time.time() - running.pop(task_id).ends)

    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {API_KEY}"}) as client:
        while time.time() < ends:
            queue = list(running)
            random.shuffle(queue)
            await asyncio.gather(*(ask(client, queue) for _ in range(AT_ONCE)))
    took, rounds = time.time() - began, max(1, round(requests / all_of_them))
    return Figures(requests=requests, rounds=rounds, seconds=took, cpu=used() - cpu, lags=lags)


# --- the run --------------------------------------------------------------------------------------------------------


def read(home: Path) -> list[Bought]:
    """Return the tasks of this run."""
    return [Bought(**one) for one in json.loads((home / "tasks.json").read_text())]


def used() -> float:
    """Return the seconds of CPU that this process has taken."""
    taken = resource.getrusage(resource.RUSAGE_SELF)
    return taken.ru_utime + taken.ru_stime


def resident() -> float:
    """Return this process's resident memory in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


async def count(url: str) -> int:
    """Return how many requests the provider has had."""
    import httpx2

    async with httpx2.AsyncClient() as client:
        return int((await client.get(f"{url}/asked")).text)


def say(words: str) -> None:
    """Tell the parent."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def part(name: str, home: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a part of this benchmark in a process of its own."""
    command = [sys.executable, __file__, "--part", name, str(home), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "NO_PROXY": "*"})


def result(process: subprocess.Popen[str]) -> Figures:
    """Wait for a part's figures."""
    told, _ = process.communicate(timeout=600)
    return Figures(**json.loads(told)) if not process.returncode else sys.exit(process.returncode)


def missed(ours: Figures, tasks: int) -> list[str]:
    """Return the limits that were not kept."""
    found = {
        "fewer requests": tasks / (ours.requests / max(1, ours.rounds)),
        "CPU %": 100 * ours.cpu / ours.seconds,
        "added MB": ours.added_mb,
        "median lag s": statistics.median(ours.lags),
    }
    told = {name: f"{name}: {value:.1f}, limit {LIMITS[name]:g}" for name, value in found.items()}
    at_least = ("fewer requests",)
    return [told[name] for name in found if (found[name] < LIMITS[name]) == (name in at_least)]


def run(count: int, warm: float, seconds: float, naive_seconds: float) -> list[str]:
    """Run all parts one after another; return what was not kept."""
    with tempfile.TemporaryDirectory(prefix="kling-inflight-") as folder:
        home = Path(folder)
        tasks = the_tasks(count, warm + seconds + naive_seconds + 20, random.Random(1))
        (home / "tasks.json").write_text(json.dumps([asdict(one) for one in tasks]))
        fill(home, tasks)
        provider = part("provide", home)
        try:
            assert provider.stdout is not None
            url = provider.stdout.readline().strip()
            ours = result(part("watch", home, url, warm, seconds))
            theirs = result(part("naive", home, url, naive_seconds))
        finally:
            provider.kill()
            with suppress(subprocess.TimeoutExpired):
                provider.wait(10)
    print(f"{count} tasks in flight, {ENDS_A_SECOND:g} end every second")
    print(ours.line("engine", count))
    print(theirs.line("naive", count))
    print(
        f"CPU for each look at everything: engine {1000 * ours.cpu / max(1, ours.rounds):.0f} ms, "
        f"naive {1000 * theirs.cpu / (theirs.requests / count):.0f} ms; "
        f"measured on {os.cpu_count()} CPUs, Python {platform.python_version()}, {platform.system()}"
    )
    return missed(ours, count)


def main() -> int:
    """Measure, print, and return whether a limit was not kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--short", action="store_true", help="1,000 tasks, half a minute")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    match args.part:
        case ["provide", home]:
            provide(Path(home))
        case ["watch", home, url, warm, seconds]:
            watch(Path(home), url, float(warm), float(seconds))
        case ["naive", home, url, seconds]:
            naive(Path(home), url, float(seconds))
        case _:
            wrong = run(1000, 3.0, 10.0, 5.0) if args.short else run(args.tasks, 15.0, 45.0, 40.0)
            for words in wrong:
                print(f"NOT KEPT: {words}")
            return 1 if wrong else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

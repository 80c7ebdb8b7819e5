"""Three replicas on one PostgreSQL and a thousand accounts: is the work spread, taken over, and done once?

    python tests/grids/replicas.py            exits 1 where something is not kept
    python tests/grids/replicas.py --short    fewer tasks and shorter looks at what idling costs

Real processes, a real server of the tests' own, a served simulated Kling. Every replica is a whole studio with all
accounts, started by this very file and spoken to line by line. One is killed while it watches, one is suspended and
then loses its sessions. Tasks end as failures: fetching files is not what is tried here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "server"), str(ROOT / "tools")]

from tests.jobs.postgres_server import Server, a_server, binaries  # noqa: E402
from tests.scenarios.simulated import Simulated, simulating  # noqa: E402

ACCOUNTS = [f"sandbox@{n}.test" for n in range(1000)]
REPLICAS, SLOTS, SPEED = 3, 2, 15.0
#: How long such a task is said to take, at that speed.
TYPICAL = 4.0
TAKEN_OVER_WITHIN, HEARD_WITHIN, QUARANTINE = 10.0, 2.0, 6.0
#: The price of a task, in millionths of a dollar; a tenth of what is asked for at once does not fit into the budget.
PRICE, FITS = 252_000, 0.9
OFFICES = """
SELECT pid, count(*) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted GROUP BY pid HAVING count(*) > 5
"""
HELD = "SELECT coalesce(sum(CASE state WHEN 'held' THEN held ELSE charged END), 0) FROM kling_mcp.ledger"

# --- a replica ------------------------------------------------------------------------------------------------------


async def be_a_replica(url: str, kling: str, home: Path, may_hold: int) -> None:
    """Open a studio with all accounts and do what is said, line by line, until the line is cut."""
    from tests.jobs.house import shipped

    from kling_sandbox import API_KEY
    from kling_tools.client.client import Client
    from kling_tools.clock import SystemClock
    from kling_tools.connect import Opened
    from kling_tools.files.inputs import Inputs
    from kling_tools.files.outputs import Outputs
    from kling_tools.jobs.account import Account
    from kling_tools.jobs.election_postgres import SessionOffices
    from kling_tools.jobs.engine import Engine
    from kling_tools.jobs.journal import Journal
    from kling_tools.jobs.ledger import Budget
    from kling_tools.jobs.orders import Orders, fingerprint
    from kling_tools.jobs.sources import Sources
    from kling_tools.jobs.store_postgres import PostgresStore
    from kling_tools.model.errors import OverBudget
    from kling_tools.model.plan import Route
    from kling_tools.model.requests import CreateVideo
    from kling_tools.model.status import Status
    from kling_tools.model.tasks import Task
    from kling_tools.providers.registry import sandbox_connection
    from kling_tools.settings import Settings
    from kling_tools.studio import Studio

    clock = SystemClock()
    store = PostgresStore(url)
    journal = Journal(store, clock)
    orders = Orders(journal, Inputs((home,)))
    sources = Sources(journal, orders, orders.inputs)
    connection = sandbox_connection(API_KEY, kling)
    client = Client(connection, clock)
    outputs, offices = Outputs(home / "out"), SessionOffices(url, clock)
    accounts = tuple(
        Account(name, connection, client, SLOTS, 1.0, journal, orders, sources, offices, sender="one key")
        for name in ACCOUNTS
    )
    engine = Engine(journal, outputs, accounts, clock, offices, quarantine=QUARANTINE)
    settings = Settings(database_url=url, data_dir=home, output_dir=home / "out")
    studio = Studio(settings, clock, Opened(settings, journal, store, offices, orders, outputs, accounts, None), engine)
    engine.start()
    request = CreateVideo.model_validate({"prompt": "a fox", "model": "kling-3.0", "seconds": 3})
    plan = shipped().plan(request, await sources.of(request), Route("sandbox", ("standard", "legacy")))
    budget = Budget(Decimal(10), Decimal(may_hold) / 1_000_000)

    async def buy(task_id: str, account: str, label: str) -> str:
        spec = replace(plan.spec, prompt=task_id)
        own = replace(plan, spec=spec, typical_seconds=TYPICAL)
        order, now = await orders.prepare(own, task_id, account), clock.now()
        task = Task(
            id=task_id, plan=own, status=Status.QUEUED, created=now, updated=now, account=account, label=label,
            simulated=True, fingerprint=fingerprint(account, order),
        )  # fmt: skip
        try:
            await engine.buy(task, order, budget, again=False)
        except OverBudget:
            return "over budget"
        return "written"

    async def quiet(done: float, total: float | None, words: str) -> None:
        """Tell nobody."""

    async def wait(task_id: str) -> list[float]:
        (task,) = await studio.wait([task_id], 120, quiet)
        return [time.time(), task.ended_at or 0.0]

    doing: dict[str, Callable[..., Awaitable[Any]]] = {"buy": buy, "wait": wait}
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def answer(number: int, what: str, arguments: list[str]) -> None:
        print(json.dumps([number, await doing[what](*arguments)]), flush=True)

    print(json.dumps([0, "ready"]), flush=True)
    under_way: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        number, what, *arguments = json.loads(line)
        one = asyncio.create_task(answer(number, what, arguments))
        under_way.add(one)
        one.add_done_callback(under_way.discard)
    await engine.stop()


# --- from outside ---------------------------------------------------------------------------------------------------


class Replica:
    """One of them, as a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._numbers = iter(range(1, 10**9))
        self.ready = self._expect(0)
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, *arguments: str) -> Replica:
        """Start one and wait until it serves."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--replica", *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24,
        )  # fmt: skip
        replica = cls(process)
        await asyncio.wait_for(replica.ready, 30)
        return replica

    def _expect(self, number: int) -> asyncio.Future[Any]:
        return self._asked.setdefault(number, asyncio.get_running_loop().create_future())

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            number, answer = json.loads(line)
            self._asked.pop(number).set_result(answer)
        for one in self._asked.values():
            one.set_exception(ConnectionError("the replica has ended"))

    def ask(self, what: str, *arguments: str) -> asyncio.Future[Any]:
        """Have it do something."""
        assert self.process.stdin is not None
        number = next(self._numbers)
        asked = self._expect(number)
        self.process.stdin.write(json.dumps([number, what, *arguments]).encode() + b"\n")
        return asked

    def cpu(self) -> float:
        """Return the CPU seconds it has taken."""
        parts = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    async def close(self) -> None:
        """End it."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        self._listening.cancel()


@dataclass
class Trial:
    """The server, the provider, the replicas, and what was found."""

    server: Server
    url: str
    kling: Simulated
    replicas: list[Replica]
    may_hold: int
    told: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    bought: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    most_held: int = 0

    def tell(self, what: str, figure: str, *, kept: bool = True) -> None:
        """Take a line of the table."""
        self.told.append((what, figure))
        print(f"{'' if kept else 'NOT KEPT  '}{what:<44} {figure}", flush=True)
        if not kept:
            self.wrong.append(what)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the server."""
        with self.server.connection(self.url.rpartition("/")[2]) as raw:
            return raw.execute(query.encode()).fetchall()

    def offices(self) -> Counter[int]:
        """Return how many accounts each session of a replica watches."""
        return Counter({int(pid): int(count) for pid, count in self.rows(OFFICES)})

    async def until_all_are_watched(self, sessions: int) -> float:
        """Return how long it takes until every account has its watcher, among so many."""
        began = time.monotonic()
        while True:
            offices = self.offices()
            if offices.total() == len(ACCOUNTS) and len(offices) == sessions:
                return time.monotonic() - began
            if time.monotonic() - began > 60:
                raise TimeoutError(f"not all are watched: {offices}")
            await asyncio.sleep(0.1)

    async def watch_the_money(self) -> None:
        """Look all the time at how much is held."""
        while True:
            self.most_held = max(self.most_held, int(self.rows(HELD)[0][0]))
            await asyncio.sleep(0.2)


async def idle(trial: Trial, seconds: float) -> None:
    """Measure what replicas cost that have nothing to do."""
    commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    await asyncio.sleep(2)
    before = [replica.cpu() for replica in trial.replicas]
    began, count = time.monotonic(), trial.rows(commits)[0][0]
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    cpu = [(r.cpu() - b) / passed * 100 for r, b in zip(trial.replicas, before, strict=True)]
    done = (trial.rows(commits)[0][0] - count) / passed / REPLICAS
    sessions = trial.rows("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kling-mcp'")[0][0]
    trial.tell("idle, CPU of a core per replica", ", ".join(f"{one:.1f} %" for one in cpu), kept=max(cpu) < 10)
    trial.tell("idle, transactions a second per replica", f"{done:.1f}", kept=done < 5)
    trial.tell("idle, connections per replica", f"{sessions / REPLICAS:.1f}", kept=sessions <= 5 * REPLICAS)


async def buy(trial: Trial, tasks: int, accounts: int, chance: random.Random) -> list[asyncio.Future[Any]]:
    """Have tasks bought everywhere, and waited for in another replica than the one that buys."""
    waits = []
    first = len(trial.bought) + trial.refused
    wishes = [(f"k{first + n:012d}", ACCOUNTS[n % accounts], *chance.sample(trial.replicas, 2)) for n in range(tasks)]
    asked = [buyer.ask("buy", task_id, account, chance.choice("ab")) for task_id, account, buyer, _ in wishes]
    for (task_id, account, _, waiter), said in zip(wishes, await asyncio.gather(*asked), strict=True):
        if said == "over budget":
            trial.refused += 1
        else:
            trial.bought[task_id] = account
            waits.append(waiter.ask("wait", task_id))
    return waits


async def killed(trial: Trial, waits: list[asyncio.Future[Any]]) -> None:
    """Kill one that watches; the others take over, and whoever waits there hears of every end."""
    victim = trial.replicas.pop()
    victim.process.kill()
    took = await trial.until_all_are_watched(REPLICAS - 1)
    await victim.close()
    trial.tell("taken over after SIGKILL", f"{took:.1f} s", kept=took <= TAKEN_OVER_WITHIN)
    trial.tell("accounts per replica after it", _spread(trial.offices()))
    await heard(trial, "after the kill", waits)


async def heard(trial: Trial, when: str, waits: list[asyncio.Future[Any]]) -> None:
    """Tell how late those who waited heard of the ends. Who waited in one that died is asked no more."""
    done, late = await asyncio.wait(waits, timeout=90) if waits else (set(), set())
    lags = sorted(at - ended for at, ended in (one.result() for one in done if not one.exception()) if ended)
    figure = f"median {lags[len(lags) // 2]:.2f} s, worst {lags[-1]:.2f} s ({len(lags)} ends)" if lags else "none"
    trial.tell(f"end to waiter elsewhere, {when}", figure, kept=bool(lags) and lags[-1] <= HEARD_WITHIN and not late)


async def suspended(trial: Trial) -> None:
    """Suspend one: it keeps its offices until its sessions are lost, and wakes as one among others."""
    sleeper = trial.replicas[0]
    before = trial.offices()
    os.kill(sleeper.process.pid, signal.SIGSTOP)
    await asyncio.sleep(3)
    trial.tell("a suspended one keeps its offices", _spread(trial.offices()), kept=trial.offices() == before)
    ports = "SELECT pid FROM pg_stat_activity WHERE client_port IN ({})"
    lost = [row[0] for row in trial.rows(ports.format(", ".join(map(str, _ports_of(sleeper.process.pid)))))]
    for pid in lost:
        trial.rows(f"SELECT pg_terminate_backend({int(pid)})")
    took = await trial.until_all_are_watched(len(before) - 1)
    trial.tell("taken over once its sessions are lost", f"{took:.1f} s", kept=took <= TAKEN_OVER_WITHIN)
    os.kill(sleeper.process.pid, signal.SIGCONT)
    took = await trial.until_all_are_watched(len(before))
    trial.tell("shared again after it woke", f"{took:.1f} s: {_spread(trial.offices())}")


def _ports_of(pid: int) -> list[int]:
    """Return the local ports of a process's TCP connections."""
    sockets = {os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir() if one.exists() or one.is_symlink()}
    inodes = {one[8:-1] for one in sockets if one.startswith("socket:")}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].rpartition(":")[2], 16) for row in rows if row[9] in inodes]


def _spread(offices: Counter[int]) -> str:
    return " / ".join(str(count) for _, count in sorted(offices.items()))


def the_books(trial: Trial) -> None:
    """Compare what the provider made with what was wished: nothing lost, nothing twice, never too many at a time."""
    with sqlite3.connect(next(trial.kling.home.glob("sandbox/*.sqlite*"))) as raw:
        made = raw.execute("SELECT external_id, created_ms, ends_ms FROM tasks").fetchall()
    times = Counter(own for own, _, _ in made)
    doubled, lost = [i for i, n in times.items() if n > 1], sorted(set(trial.bought) - set(times))
    trial.tell("bought, lost, doubled", f"{len(made)}, {len(lost)}, {len(doubled)}", kept=not lost and not doubled)
    most = 0
    for own, created, _ in made:
        account = trial.bought.get(own)
        most = max(most, sum(trial.bought.get(o) == account and c <= created < e for o, c, e in made))
    trial.tell("most at a time at one account", f"{most} of {SLOTS}", kept=most <= SLOTS)
    held = f"{trial.most_held / 1e6:.2f} of {trial.may_hold / 1e6:.2f} dollars, {trial.refused} refused"
    trial.tell("most held at a time", held, kept=trial.refused > 0 and trial.most_held <= trial.may_hold)
    left = trial.rows("SELECT count(*) FROM kling_mcp.tasks WHERE status NOT IN ('succeeded', 'failed', 'cancelled')")
    trial.tell("left unfinished", str(left[0][0]), kept=not left[0][0])


@asynccontextmanager
async def a_trial(home: Path, may_hold: int) -> AsyncIterator[Trial]:
    """Start everything, and leave nothing."""
    programs = binaries()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed (apt-get install postgresql)")
    endless: dict[str, Any] = {"on": "create", "fail_task": "no picture", "times": 100_000}
    async with AsyncExitStack() as stack:
        server = stack.enter_context(a_server(programs))
        kling = await stack.enter_async_context(simulating(home, speed=SPEED, concurrency=10_000))
        await kling.faults(endless)
        url = server.new_database()
        starting = (Replica.start(url, kling.url, str(home), str(may_hold)) for _ in range(REPLICAS))
        replicas = await asyncio.gather(*starting)
        for replica in replicas:
            stack.push_async_callback(replica.close)
        yield Trial(server, url, kling, replicas, may_hold)


async def run(*, tasks: int, accounts: int, idle_seconds: float) -> list[str]:
    """Run the trial; return what was not kept."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="kling-replicas-") as home:
        async with a_trial(Path(home), round(tasks * FITS) * PRICE) as trial:
            took = await trial.until_all_are_watched(REPLICAS)
            shares = trial.offices()
            trial.tell(f"{len(ACCOUNTS)} accounts per replica", f"{_spread(shares)} after {took:.1f} s",
                       kept=min(shares.values()) > 250)  # fmt: skip
            await idle(trial, idle_seconds)
            money = asyncio.create_task(trial.watch_the_money())
            await heard(trial, "at rest", await buy(trial, tasks, accounts, chance))
            await killed(trial, await buy(trial, tasks, accounts, chance))
            waits = await buy(trial, tasks, accounts, chance)
            await suspended(trial)
            await heard(trial, "after the sleep", waits)
            money.cancel()
            the_books(trial)
            return trial.wrong


def main() -> int:
    """Run it as it is asked for."""
    if sys.argv[1:2] == ["--replica"]:
        asyncio.run(be_a_replica(sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5])))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer tasks, shorter looks")
    short = parser.parse_args().short
    sizes = {"tasks": 10, "accounts": 5, "idle_seconds": 3.0} if short else {}
    wrong = asyncio.run(run(**{"tasks": 60, "accounts": 20, "idle_seconds": 30.0, **sizes}))
    print(f"not kept: {', '.join(wrong)}" if wrong else "all of it was kept")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

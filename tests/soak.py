"""Two servers on one data directory, a simulated Kling that breaks at random, and SIGKILLs: is every wish bought once?

    python tests/soak.py --tasks 40 --kills 6 --seed 1      about a minute
    python tests/soak.py --short                            for CI, under half a minute

Not a pytest test: it looks for what nobody thought of. The same seed makes the same wishes and faults, though not the
same interleaving. The servers are started by this very file, with a quarantine of seconds: what it guards against here
is a provider that accepts late by fractions of one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "server"), str(ROOT / "tools")]

from tests.scenarios.host import Host  # noqa: E402
from tests.scenarios.simulated import Simulated, simulating  # noqa: E402

from kling_tools.files.mp4 import read_facts  # noqa: E402

QUARANTINE = 2.0
SETTLED_WITHIN, START_WITHIN = 240.0, 40.0
#: 3 s of Kling 3.0, in millionths of a dollar.
PRICE = 252_000
LOOK = 0.5
SERVERS = 2


@dataclass
class Wish:
    """What one client wants: one video. A cancelled wish may come to nothing; every other comes to one task."""

    prompt: str
    manner: str
    told: set[str] = field(default_factory=set)


@dataclass
class Figures:
    """What was done, and what was found wrong."""

    kills: int = 0
    calls: int = 0
    unanswered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Seat:
    """A place for one server: killed and started again, while clients go on calling."""

    def __init__(self, kling: Simulated) -> None:
        self._env = kling.env(KLING_MAX_CONCURRENCY="12", KLING_MAX_USD_PER_DAY="1000", KLING_LOG_LEVEL="ERROR")
        self._lock = asyncio.Lock()
        self.host: Host | None = None
        self.log = ""

    async def start(self) -> None:
        """Start the server."""
        self.host = await asyncio.wait_for(Host.start(self._env, "auto", program=(__file__, "--serve")), START_WITHIN)

    async def kill(self) -> None:
        """Kill it wherever it is, and start the next."""
        async with self._lock:
            assert self.host is not None
            await self.host.kill()
            self.log += self.host.log
            await self.start()

    async def create(self, wish: Wish, cancel_after: float | None = None) -> dict[str, Any] | None:
        """Ask for a video; None where the answer never comes."""
        async with self._lock:
            host = self.host
        assert host is not None
        arguments = {"prompt": wish.prompt, "model": "kling-3.0", "seconds": 3}
        try:
            answer = await host.send("tools/call", {"name": "create_video", "arguments": arguments})
            if cancel_after is not None:
                number = host.last
                await asyncio.sleep(cancel_after)
                await host.tell("notifications/cancelled", {"requestId": number})
        except (ConnectionError, BrokenPipeError):
            return None
        death = asyncio.create_task(host.process.wait())
        await asyncio.wait(
            {answer, death}, timeout=3 if cancel_after is not None else 60, return_when="FIRST_COMPLETED"
        )
        death.cancel()
        return answer.result() if answer.done() else None


def the_wishes(chance: random.Random, count: int, deadly: int) -> list[Wish]:
    """Return different wishes: a third are asked for twice at once, a sixth are taken back at once, some kill."""
    manners = ["plain", "plain", "plain", "twice", "twice", "cancelled"]
    wishes = [Wish(f"boat number {n} on water", chance.choice(manners)) for n in range(count)]
    for wish in chance.sample(wishes, deadly):
        wish.manner = "deadly"
    return wishes


def the_faults(chance: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """Yield what goes wrong: a third of the creates, and some looks and files."""
    creates: list[dict[str, Any]] = [
        {"reset": "before"},
        {"reset": "after"},
        {"reset": "after", "delay": 0.2},
        {"delay": 0.4},
        {"truncate": 15},
        {"status": 500},
        {"status": 504, "code": 5002, "applied": True, "delay": 0.3},
        {"status": 502, "body": "<html>bad gateway</html>", "applied": True},
        {"code": 1302, "status": 429},
        {"code": 1303, "status": 429},
    ]
    looks: list[dict[str, Any]] = [{"reset": "before"}, {"status": 500}, {"truncate": 20}, {"delay": 0.5}]
    for nth in sorted(chance.sample(range(1, 2 * count), 2 * count // 3)):
        yield {"on": "create", "nth": nth, **chance.choice(creates)}
    for nth in chance.sample(range(1, 60), count // 6):
        yield {"on": "query", "nth": nth, **chance.choice(looks)}
    for nth in chance.sample(range(1, count), count // 20):
        yield {"on": "file", "nth": nth, "truncate": 9000}


async def fulfil(wish: Wish, seats: list[Seat], chance: random.Random, figures: Figures) -> None:
    """Be a client: call, repeat the call when the server died, note the ids that were told."""
    await asyncio.sleep(chance.random() * 1.5)
    for attempt in range(20):
        cancel = chance.random() * 0.15 if wish.manner == "cancelled" else None
        asked = chance.sample(seats, 2 if wish.manner == "twice" else 1)
        calls = asyncio.gather(*(seat.create(wish, cancel) for seat in asked))
        if wish.manner == "deadly" and not attempt:  # before, into or after the purchase
            await asyncio.sleep(chance.random() * 0.3)
            await asked[0].kill()
            figures.kills += 1
        answers = await calls
        figures.calls += len(asked)
        figures.unanswered += answers.count(None)
        for answer in answers:
            result = (answer or {}).get("result", {})
            if result.get("isError"):
                figures.refused[str(result["content"])[:120]] += 1
            elif "structuredContent" in result:
                wish.told.add(result["structuredContent"]["task_id"])
        if wish.told or wish.manner == "cancelled":
            return


async def kill_some(seats: list[Seat], kills: int, chance: random.Random, figures: Figures) -> None:
    """Kill one server after another at random moments."""
    for _ in range(kills):
        await asyncio.sleep(0.2 + chance.random() * 2.5)
        await chance.choice(seats).kill()
        figures.kills += 1


async def settle(seats: list[Seat]) -> float:
    """Wait until no task is under way; return how long that took."""
    started = time.monotonic()
    async with asyncio.timeout(SETTLED_WITHIN):
        while True:
            host = seats[0].host
            assert host is not None
            listed = [await host.facts("list_tasks", status=word, limit=1) for word in ("running", "unsure")]
            if not sum(page["total"] for page in listed):
                return time.monotonic() - started
            await asyncio.sleep(LOOK)


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask the journal as another program would."""
    raw = sqlite3.connect(home / "data" / "journal.sqlite3")
    try:
        return raw.execute(query).fetchall()
    finally:
        raw.close()


async def judge(home: Path, kling: Simulated, wishes: list[Wish], figures: Figures) -> dict[str, int]:
    """Compare what clients were told, what the journal says and what was really bought."""
    sandbox = await kling.tasks()
    bought = Counter(task["external_id"] for task in sandbox)
    tasks = {key: json.loads(document) for key, document in rows(home, "SELECT id, document FROM tasks")}
    accepted = {key for key, task in tasks.items() if task["remote"]}
    wrong = figures.wrong

    def check(right: bool, words: str) -> None:
        if not right:
            wrong.append(words)

    for wish in wishes:
        check(wish.told <= set(tasks), f"told and not in the journal: {wish.told - set(tasks)}")
        check(len(wish.told) <= 1, f"one wish, several ids: {wish}")
        check(bool(wish.told) or wish.manner == "cancelled", f"never answered: {wish}")
    check(set(bought.values()) <= {1}, f"bought twice under one id: {bought.most_common(3)}")
    check(set(bought) == accepted, f"bought and accepted differ: {set(bought) ^ accepted}")
    prompts = Counter(task["plan"]["spec"]["prompt"] for task in tasks.values())
    check(set(prompts.values()) <= {1}, f"a wish with several tasks: {prompts.most_common(3)}")
    succeeded = [task for task in tasks.values() if task["status"] == "succeeded"]
    check(len(succeeded) == len(tasks), f"not succeeded: {[(t['id'], t['failure']) for t in tasks.values()][:3]}")
    check_money(home, len(bought), check)
    for task in succeeded:
        paths = [Path(output["path"]) for output in task["outputs"]]
        check(bool(paths) and all(round(read_facts(p).seconds) == 3 for p in paths), f"no whole file: {task['id']}")
    left = [p.name for p in (home / "out").iterdir() if p.suffix not in {".mp4", ".json", ".jpg"}]
    check(not left, f"left over: {left}")
    again = await leaned_on_refusal(kling)
    check(not again, f"sent again after it was accepted: {again}")
    attempts = sum(task["attempts"] for task in tasks.values())
    return {"in the journal": len(tasks), "bought": len(sandbox), "attempts": attempts}


def check_money(home: Path, bought: int, check: Any) -> None:
    """Every purchase is settled at its price, and nothing else is held."""
    ledger = Counter(rows(home, "SELECT state, charged FROM ledger"))
    check(ledger == Counter({("settled", PRICE): bought}), f"the ledger says {dict(ledger)}")


async def leaned_on_refusal(kling: Simulated) -> list[str]:
    """Return ids that were sent again after they had been accepted: the provider's refusal alone saved the money."""
    born = {task["external_id"]: task["created_ms"] / 1000 for task in await kling.tasks()}
    calls = [c for c in await asyncio.to_thread(kling._get, "/sandbox/requests") if c["kind"] == "create"]
    sent = [(c["body"]["options"]["external_task_id"], c["at"]) for c in calls if isinstance(c["body"], dict)]
    return [key for key, at in sent if at > born.get(key, float("inf")) + 0.001]


@asynccontextmanager
async def running(kling: Simulated) -> AsyncIterator[list[Seat]]:
    """Keep the servers for the length of a block."""
    seats = [Seat(kling) for _ in range(SERVERS)]
    await asyncio.gather(*(seat.start() for seat in seats))
    try:
        yield seats
    finally:
        for seat in seats:
            if seat.host is not None:
                await seat.host.close()


async def soak(tasks: int, kills: int, seed: int) -> Figures:
    """Run once; print what was seen."""
    chance, figures, started = random.Random(seed), Figures(), time.monotonic()
    wishes = the_wishes(chance, tasks, kills - kills // 2)
    with tempfile.TemporaryDirectory(prefix="kling-soak-") as folder:
        home = Path(folder)
        async with simulating(home, speed=100.0, concurrency=8) as kling:
            await kling.faults(*the_faults(chance, tasks))
            async with running(kling) as seats:
                gate = asyncio.Semaphore(4)

                async def one(wish: Wish) -> None:
                    async with gate:
                        await fulfil(wish, seats, chance, figures)

                await asyncio.gather(kill_some(seats, kills // 2, chance, figures), *(one(w) for w in wishes))
                took = await settle(seats)
            found = await judge(home, kling, wishes, figures)
    manners = dict(Counter(wish.manner for wish in wishes))
    say(f"seed {seed}: {tasks} wishes {manners}, {figures.calls} calls ({figures.unanswered} unanswered), ")
    say(f"{figures.kills} kills; {found}; settled in {took:.1f} s, {time.monotonic() - started:.1f} s in all\n")
    for words, times in figures.refused.items():
        say(f"  refused {times} times: {words}\n")
    for words in figures.wrong:
        say(f"  WRONG: {words}\n")
    return figures


def say(words: str) -> None:
    """Tell the person."""
    sys.stdout.write(words)
    sys.stdout.flush()


def serve() -> None:
    """Be the server under trial: the real one, but for its quarantine."""
    import anyio

    from kling_mcp.app import build_server
    from kling_mcp.logs import log_to_stderr
    from kling_mcp.shim import serve_stdio
    from kling_tools.settings import Settings
    from kling_tools.studio import Studio

    settings = Settings.from_env()
    log_to_stderr(settings.log_level, settings.secrets)
    server = build_server(settings, open_studio=lambda: Studio.open(settings, quarantine=QUARANTINE))
    anyio.run(serve_stdio, server)


def main() -> int:
    """Run, and return whether nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="8 wishes and 2 kills")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve()
        return 0
    tasks, kills = (8, 2) if args.short else (args.tasks, args.kills)
    return 1 if asyncio.run(soak(tasks, kills, args.seed)).wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""A thousand tasks against a simulated Kling of which one answer in five is wrong: does each end right, bought once?

    python tests/grids/faults.py --tasks 1000 --seed 1    a few minutes
    python tests/grids/faults.py --short                  for CI: 24 tasks

The real studio buys over a real socket. Every create, look and file draws a lot: one in five meets a fault, and a few
tasks are refused or fail on their own account. The house's clock runs faster than ours, so that its quarantine and its
rests between attempts are as long as in life and the run is not. Films are one film with the task's id at its end.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import struct
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "server"), str(ROOT / "tools")]

from tests.scenarios.simulated import Simulated, simulating  # noqa: E402
from tests.studio.open import FastClock  # noqa: E402

from kling_sandbox import Fault, SandboxConfig  # noqa: E402
from kling_sandbox.app import Sandbox  # noqa: E402
from kling_sandbox.faults import FaultBook  # noqa: E402
from kling_sandbox.product import Workshop  # noqa: E402
from kling_sandbox.tasks import Task as Bought  # noqa: E402
from kling_tools.client.client import Client  # noqa: E402
from kling_tools.connect import Opened, open_accounts  # noqa: E402
from kling_tools.files.mp4 import read_facts  # noqa: E402
from kling_tools.jobs.engine import Engine  # noqa: E402
from kling_tools.jobs.questions import Search  # noqa: E402
from kling_tools.model.errors import KlingError, Moderated  # noqa: E402
from kling_tools.model.money import to_micros  # noqa: E402
from kling_tools.model.requests import CreateVideo  # noqa: E402
from kling_tools.model.status import Status  # noqa: E402
from kling_tools.model.tasks import Task  # noqa: E402
from kling_tools.settings import Settings  # noqa: E402
from kling_tools.studio import Studio  # noqa: E402
from kling_tools.studio.reconciling import reconcile  # noqa: E402

#: One answer in so many is wrong; one create in so many is refused, and another one fails later.
ONE_IN, ONE_REFUSED_IN = 5, 50
#: Times as fast as life: the house's clock, and the provider. Even at the higher one a quarantine, 120 s in life, is
#: longer than the slowest answer.
HOUSE_SPEED, HOUSE_SPEED_SHORT, KLING_SPEED = 10.0, 30.0, 60.0
#: How long the house waits for an answer, and how much later the slow ones come, in our seconds.
PATIENCE, LATE = 2.0, 2.5
SLOTS, CALLERS = 60, 24
SETTLED_WITHIN, LOOK = 900.0, 0.5
UNIT_USD = Decimal("0.14")
REASON = "Failure to pass the risk control system"
WHERE = {"create": "create", "query": "look", "list": "look", "file": "file"}
ROW = "{:<34}{:>9}{:>9}{:>9}\n"

#: What an answer may be instead of the right one. A create may have been applied all the same.
EVERYWHERE: dict[str, dict[str, Any]] = {
    "429 with 1302": {"code": 1302},
    "429 with 1303": {"code": 1303},
    "500": {"status": 500},
    "502 with HTML, not applied": {"status": 502, "body": "<html>bad gateway</html>"},
    "502 with HTML, applied": {"status": 502, "body": "<html>bad gateway</html>", "applied": True},
    "too late": {"delay": LATE},
    "reset before it was applied": {"reset": "before"},
    "reset after it was applied": {"reset": "after"},
    "cut off": {"truncate": 30},
}
OF_JSON: dict[str, dict[str, Any]] = {
    "data of the wrong type": {"spoil": "data"},
    "a number for an id": {"spoil": "id"},
    "null for a status": {"spoil": "status"},
    "text for a code": {"spoil": "code"},
}
OF_FILES: dict[str, dict[str, Any]] = {
    "JSON for a film": {"status": 200, "body": '{"code": 0, "data": []}'},
    "the half of a film": {"truncate": 9000},
}
#: These are no faults of the wire: the task has to end with this reason.
REFUSED, FAILED = "refused: 1301", "fails later"


class Lots(FaultBook):
    """Faults by chance instead of by number. `drawn` counts them by name and phase."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.drawn: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[str] = Counter()
        self.over = False
        self._chance = chance

    def strike(self, kind: str, path: str) -> Fault | None:
        """Draw a lot for a call."""
        if (where := WHERE.get(kind)) is None or self.over:
            return None
        self.calls[where] += 1
        if where == "create" and not self._chance.randrange(ONE_REFUSED_IN):
            name = self._chance.choice([REFUSED, FAILED])
            self.drawn[name, where] += 1
            return Fault(code=1301, message=REASON) if name == REFUSED else Fault(fail_task=REASON)
        if self._chance.randrange(ONE_IN):
            return None
        kinds = EVERYWHERE | (OF_FILES if where == "file" else OF_JSON)
        name = self._chance.choice(list(kinds))
        self.drawn[name, where] += 1
        return Fault(**kinds[name])


class OneFilm(Workshop):
    """Draw a single film; each task's is that one, with the task's id in a box at the end."""

    def file(self, task: Bought, name: str) -> Path:
        """Return one of the task's files."""
        target = self._directory / f"{task.id}-{name}"
        if not target.exists():
            with self._turn:
                first = super().file(replace(task, id="first"), name)
                # Two may be at it, and both write the same.
                target.write_bytes(first.read_bytes() + _box(task.id))
        return target


def _box(task_id: str) -> bytes:
    mark = task_id.encode()
    return struct.pack(">I4s", 8 + len(mark), b"free") + mark


@dataclass
class Run:
    """One run: its wishes by prompt, with the ids that were told, and what was found wrong."""

    count: int
    lots: Lots
    told: dict[str, set[str]] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    sent: list[tuple[str, float]] = field(default_factory=list)

    def check(self, right: bool, words: str) -> None:
        """Note what is wrong."""
        if not right:
            self.wrong.append(words)

    def provider(self, config: SandboxConfig) -> Sandbox:
        """Return a provider that breaks by chance, forgets no call, and whose films are cheap."""
        app = Sandbox(config, OneFilm)
        app.gate.faults, app.gate.log = self.lots, deque()
        return app


@asynccontextmanager
async def house(kling: Simulated, speed: float) -> AsyncIterator[tuple[Studio, Opened]]:
    """Open the real studio, with less patience for an answer than in life."""
    limits = {"KLING_MAX_CONCURRENCY": str(SLOTS), "KLING_MAX_USD_PER_DAY": "100000", "KLING_LOG_LEVEL": "ERROR"}
    settings, clock = Settings.from_env(kling.env(**limits)), FastClock(speed=speed)
    opened = open_accounts(settings, clock)
    (account,) = opened.accounts
    client = Client(account.connection, clock, read_seconds=PATIENCE)
    opened = replace(opened, accounts=(replace(account, client=client),))
    engine = Engine(opened.journal, opened.outputs, opened.accounts, clock, opened.offices)
    engine.start()
    try:
        yield Studio(settings, clock, opened, engine), opened
    finally:
        await engine.stop()
        await opened.close()


async def buy_all(studio: Studio, run: Run) -> None:
    """Wish for different films; what is refused is refused for the provider's reason, or for none of ours."""
    gate = asyncio.Semaphore(CALLERS)

    async def one(prompt: str) -> None:
        told = run.told[prompt] = set()
        async with gate:
            try:
                task = await studio.create(CreateVideo(prompt=prompt, model="kling-3.0", seconds=3))
                told.add(task.id)
            except Moderated as refusal:
                run.check(refusal.spent == "no" and REASON in refusal.message, f"refused otherwise: {refusal}")
            except KlingError as error:
                run.check(False, f"{prompt}: {type(error).__name__}: {error.sentence()}")

    await asyncio.gather(*(one(f"boat number {number} on water") for number in range(run.count)))


async def every_task(opened: Opened) -> list[Task]:
    """Return the whole journal."""
    page = await opened.journal.search(Search(limit=10**6))
    assert len(page.tasks) == page.total
    return page.tasks


async def settle(opened: Opened) -> None:
    """Wait until every task has ended."""
    async with asyncio.timeout(SETTLED_WITHIN):
        while await opened.journal.active(opened.accounts[0].name):
            await asyncio.sleep(LOOK)


async def judge(kling: Simulated, opened: Opened, run: Run) -> None:
    """Compare what was told, what the journal says, what was bought, and what was billed."""
    there = {bought["external_id"]: bought for bought in await kling.tasks()}
    count = sum(1 for _ in await kling.tasks())
    run.check(len(there) == count, f"bought twice under one id: {count - len(there)}")
    tasks = await every_task(opened)
    prompts = Counter(task.plan.words for task in tasks)
    run.check(set(prompts) == set(run.told), f"wishes without a task: {len(set(run.told) ^ set(prompts))}")
    run.check(set(prompts.values()) == {1}, f"a wish with several tasks: {prompts.most_common(2)}")
    run.check(set(there) <= {task.id for task in tasks}, "bought and not in the journal")
    spent = 0
    for task in tasks:
        told = run.told.get(task.plan.words, set())
        run.check(not told or told == {task.id}, f"{task.id}: told as {told}")
        spent += await judge_task(opened, run, task, there.get(task.id))
    billed = sum(to_micros(Decimal(one["units"]) * UNIT_USD) for one in there.values() if one["status"] == "succeeded")
    run.check(spent == billed, f"the ledger says {spent}, the bill {billed}")
    left = [p.name for p in opened.outputs.directory.iterdir() if p.suffix not in {".mp4", ".json", ".jpg"}]
    check_files = len(list(opened.outputs.directory.glob("*.mp4")))
    run.check(not left, f"left over: {left[:3]}")
    run.check(check_files == run.ends["succeeded"], f"{check_files} files for {run.ends['succeeded']} tasks")
    await judge_creates(kling, run, there)
    compared = await reconcile(opened.accounts[0], 1)
    run.check(not compared.differences and not compared.trouble, f"reconciled: {compared.differences[:2]}")


async def judge_task(opened: Opened, run: Run, task: Task, bought: dict[str, Any] | None) -> int:
    """Judge how one task ended; return what the ledger says it took."""
    entry = await opened.journal.entry(task.id)
    assert entry is not None
    if task.status is Status.SUCCEEDED:
        run.ends["succeeded"] += 1
        (output,) = task.outputs
        path = Path(output.path)
        whole = path.is_file() and round(read_facts(path).seconds) == 3
        run.check(whole and bought is not None and path.read_bytes().endswith(_box(bought["id"])), f"file of {task.id}")
        run.check(entry.state == "settled", f"{task.id}: {entry}")
        return entry.charged
    code, words = (task.failure.code, task.failure.message) if task.failure else ("", "")
    run.ends[f"{task.status}: {code}, {'bought' if bought else 'not bought'}"] += 1
    right = REASON in words and code == "moderated" and (bought is None or bought["failure"] == REASON)
    run.check(task.status is Status.FAILED and right, f"{task.id} is {task.status}: {code} {words} {task.trouble}")
    run.check(entry.state == "released", f"{task.id}: {entry}")
    return 0


async def judge_creates(kling: Simulated, run: Run, there: dict[str, dict[str, Any]]) -> None:
    """No create may follow the one that was accepted: the provider's refusal alone would save the money."""
    calls = [c for c in await kling.requests() if c["kind"] == "create"]
    run.sent = [(c["body"]["options"]["external_task_id"], c["at"]) for c in calls]
    again = [key for key, at in run.sent if key in there and at > there[key]["created_ms"] / 1000 + 0.001]
    run.check(not again, f"sent again after it was accepted: {again[:3]}")


async def trial(count: int, seed: int, speed: float) -> Run:
    """Run once."""
    run = Run(count, Lots(random.Random(seed)))
    with tempfile.TemporaryDirectory(prefix="kling-faults-") as folder:
        simulated = simulating(Path(folder), run.provider, draws=True, speed=KLING_SPEED, concurrency=SLOTS)
        async with simulated as kling, house(kling, speed) as (studio, opened):
            await buy_all(studio, run)
            await settle(opened)
            run.lots.over = True
            await judge(kling, opened, run)
    return run


def table(run: Run) -> Iterator[str]:
    """Yield what was injected, and what became of it."""
    phases = ("create", "look", "file")
    yield ROW.format("", *phases)
    for name in {**EVERYWHERE, **OF_JSON, **OF_FILES, REFUSED: {}, FAILED: {}}:
        yield ROW.format(name, *(run.lots.drawn[name, phase] or "" for phase in phases))
    wrong = (sum(n for (_, where), n in run.lots.drawn.items() if where == phase) for phase in phases)
    yield ROW.format("in all", *wrong)
    yield ROW.format("of calls", *(run.lots.calls[phase] for phase in phases))
    yield "\n"
    for end, times in run.ends.most_common():
        yield f"{times:>6} {end}\n"
    yield f"{len(run.sent):>6} creates sent for {run.count} wishes\n"
    yield from (f"  WRONG: {words}\n" for words in run.wrong[:20])


def main() -> int:
    """Run, and return whether nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="24 tasks")
    args = parser.parse_args()
    count, started = 24 if args.short else args.tasks, time.monotonic()
    run = asyncio.run(trial(count, args.seed, HOUSE_SPEED_SHORT if args.short else HOUSE_SPEED))
    sys.stdout.write("".join(table(run)))
    verdict = f"{len(run.wrong)} things were wrong" if run.wrong else "everything ended right"
    sys.stdout.write(f"seed {args.seed}: {count} tasks, {verdict}, {time.monotonic() - started:.1f} s\n")
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

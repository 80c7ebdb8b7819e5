"""One round: a wish, a server that is ended at its moment, the next one that finishes; and what is true afterwards."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from tests.grids.nursery import Forked, Nursery, Start
from tests.jobs.postgres_server import Server
from tests.scenarios.host import Host
from tests.scenarios.simulated import Simulated

#: The simulated Kling takes a random time of up to that to accept.
ACCEPTS_WITHIN = 3.0
#: Twice that has to pass for what stands `submitting`, and looks are five seconds apart.
QUARANTINE = 2.2
#: Longer than others take to judge: see above, and the start of the one that judges.
STOPPED = 9.0
#: A moment that has not come by then does not come in this round.
COMES_WITHIN = 120.0
ENDS_WITHIN = 240.0
#: How soon the first server of two has taken the office.
IN_OFFICE = 0.4
#: What a continued server still does of itself shows by then.
AFTERWARDS = 1.0
UNIT_MICROS = 140_000
#: From one moment to the next server's: "create, before it leaves > look-up, answered".
THEN = " > "
#: Moments of these kinds come in the server that was asked; those of the others in the one that watches.
ASKED = ("Enqueued", "Claimed", "create", "Seen (submitted)")


@dataclass(frozen=True)
class Case:
    """A round to be played. `how` is what happens to the last server that has a trap; an empty point traps nothing.

    `kling` is one that sells a repeated external id again, one that refuses it, or one that is slow each time.
    """

    point: str
    database: str
    how: str = "kill"
    kling: str = "selling"
    quarantine: float = QUARANTINE
    unseen: bool = False


@dataclass
class Outcome:
    """What became of a round. `came` is whether its moment came; what was wrong is told in words."""

    case: Case
    prompt: str
    came: bool = False
    moments: list[str] = field(default_factory=list)
    lost: str = ""
    double: str = ""
    money: str = ""
    charged: int = 0
    tasks: tuple[str, ...] = ()
    home: Path = Path()

    @property
    def wrong(self) -> str:
        """All that was wrong."""
        return "; ".join(words for words in (self.lost, self.double, self.money) if words)


@dataclass
class World:
    """What all rounds share."""

    folder: Path
    nursery: Nursery
    klings: Mapping[str, Simulated]
    film: bytes
    postgres: Server | None = None
    played: int = 0


class Round:
    """One round. Its servers share a journal that no other round sees."""

    def __init__(self, world: World, case: Case) -> None:
        world.played += 1
        self._world = world
        self._case = case
        self._home = world.folder / f"round-{world.played}"
        self._out = Outcome(case, f"boat number {world.played} on water", home=self._home)
        self._url = ""
        self._servers: list[tuple[Host, Forked]] = []

    async def play(self) -> Outcome:
        """Play it; what went wrong is in the outcome."""
        server = self._world.postgres
        if self._case.database == "postgres":
            assert server is not None
            self._url = await asyncio.to_thread(server.new_database)
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                await (self._stop() if self._case.how == "stop" else self._kill())
        except (TimeoutError, ConnectionError, AssertionError) as error:
            for _, process in self._servers:
                process.send_signal(signal.SIGUSR1)
            await asyncio.sleep(1.0)
            said = " ".join(host.log[-8000:] for host, _ in self._servers)
            self._out.lost = f"it did not end well: {type(error).__name__} {error}; the servers said: {said}"
        finally:
            for _, process in self._servers:
                process.kill()
            await asyncio.gather(*(host._gone() for host, _ in self._servers), return_exceptions=True)
        await asyncio.to_thread(self._read_the_journal)
        if server is not None and self._url:
            await asyncio.to_thread(server.drop, self._url)
        return self._out

    async def _kill(self) -> None:
        """Kill one server after another, each at its moment, and let the next one do its part."""
        for point in self._case.point.split(THEN):
            host, process = await self._start(point)
            self._out.came = await _until_hit(process, self._client(host))
            if not point:
                self._out.moments = process.moments
            if not self._out.came:
                return  # it has brought the task to its end
            await process.wait()
        host, _ = await self._start()
        await self._client(host)
        await host.close()

    async def _stop(self) -> None:
        """Stop a server at its moment, let another one judge, and then let it go on."""
        asked = self._case.point.startswith(ASKED)
        # Who comes first watches: of what the other one sends as well as of what it would do itself.
        other = await self._start() if asked else None
        if other is not None:
            await other[0].facts("list_tasks")
            await asyncio.sleep(IN_OFFICE)
        host, process = await self._start(self._case.point)
        first = asyncio.create_task(self._client(host))
        try:
            self._out.came = await _until_hit(process, asyncio.shield(first))
            if not self._out.came:
                return
            other = other or await self._start()
            second = asyncio.create_task(self._client(other[0]))
            await asyncio.sleep(STOPPED)
            process.send_signal(signal.SIGCONT)
            await asyncio.gather(first, second)
            await asyncio.sleep(AFTERWARDS)
            await asyncio.gather(host.close(), other[0].close())
        finally:
            first.cancel()

    async def _start(self, point: str | None = None) -> tuple[Host, Forked]:
        case = self._case
        how = "" if point is None else case.how
        kling = self._world.klings[case.kling]
        env = kling.env(
            KLING_DATA_DIR=str(self._home / "data"),
            KLING_OUTPUT_DIR=str(self._home / "out"),
            KLING_MAX_USD_PER_DAY="1000",
            KLING_LOG_LEVEL="ERROR",
            **({"KLING_DATABASE_URL": self._url} if self._url else {}),
        )
        started = await self._world.nursery.start(Start(env, case.quarantine, how, point or "", case.unseen))
        self._servers.append(started)
        return started

    async def _client(self, host: Host) -> None:
        """Wish, as often as a server dies over it, and wait for the end."""
        wish = {"prompt": self._out.prompt, "model": "kling-3.0", "seconds": 3}
        task = await host.facts("create_video", **wish)
        ended = await host.ended(task["task_id"], ENDS_WITHIN)
        assert ended["status"] == "succeeded", ended

    # --- what is true afterwards ------------------------------------------------------------------------------------

    def _read_the_journal(self) -> None:
        rows = self._rows("SELECT id, document FROM tasks")
        ledger = self._rows("SELECT state, charged FROM ledger")
        tasks = {key: json.loads(document) for key, document in rows}
        self._out.tasks = tuple(tasks)
        self._out.charged = sum(charged for _, charged in ledger)
        if {state for state, _ in ledger} - {"settled"}:
            self._out.money = f"the ledger says {ledger}"
        status = [task["status"] for task in tasks.values()]
        if self._out.lost:
            self._out.lost += f"; the journal has {[(task['status'], task['trouble']) for task in tasks.values()]}"
            return
        if status != ["succeeded"]:
            self._out.lost = f"the journal has {status}"
            return
        paths = [Path(output["path"]) for task in tasks.values() for output in task["outputs"]]
        if len(paths) != 1 or _pictures(paths[0].read_bytes()) != _pictures(self._world.film):
            self._out.lost = "no whole file"
        beside = {path.with_suffix(suffix) for path in paths for suffix in (".mp4", ".json", ".jpg")}
        if left := [path.name for path in (self._home / "out").iterdir() if path not in beside]:
            self._out.lost = f"left over: {left}"

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        if self._url:
            with psycopg.connect(self._url, options="-c search_path=kling_mcp") as raw:
                return raw.execute(query.encode()).fetchall()
        place = self._home / "data" / "journal.sqlite3"
        if not place.exists():
            return []
        raw = sqlite3.connect(place)
        try:
            return raw.execute(query).fetchall()
        except sqlite3.OperationalError:  # the first server died before there was a table
            return []
        finally:
            raw.close()


def _pictures(film: bytes) -> bytes:
    """Return what is shown of an MP4: its title is written into it when it has come."""
    at = film.index(b"mdat")
    return film[at : at - 4 + int.from_bytes(film[at - 4 : at])]


async def _until_hit(process: Forked, client: Any) -> bool:
    """Return whether the trap's moment came before the client was done."""
    work = asyncio.ensure_future(client)
    hit = asyncio.create_task(process.hit.wait())
    done, _ = await asyncio.wait({work, hit}, timeout=COMES_WITHIN, return_when=asyncio.FIRST_COMPLETED)
    came = process.hit.is_set()
    hit.cancel()
    if not came:
        if not done:
            work.cancel()
            raise TimeoutError("neither the moment came nor the end")
        work.result()
    elif not isinstance(client, asyncio.Future):
        work.cancel()  # it waits for an answer that does not come
        await asyncio.wait({work})
    return came


async def judge(world: World, outcomes: Sequence[Outcome]) -> None:
    """Compare the rounds with what the simulated Kling has really made and billed."""
    for name, kling in world.klings.items():
        made: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for task in await kling.tasks():
            made[task["prompt"]].append(task)
        for out in outcomes:
            if out.case.kling == name:
                _compare(out, made[out.prompt])
    for out in outcomes:
        if not out.wrong:
            shutil.rmtree(out.home, ignore_errors=True)


def _compare(out: Outcome, made: list[dict[str, Any]]) -> None:
    ids = [task["external_id"] for task in made]
    if len(ids) > 1:
        out.double = f"bought {len(ids)} times, under {len(set(ids))} ids"
    if not ids or set(ids) - set(out.tasks):
        out.lost = out.lost or f"bought {ids}, in the journal {out.tasks}"
    billed = sum(round(float(task["units"]) * UNIT_MICROS) for task in made)
    if billed != out.charged:
        out.money = out.money or f"billed {billed}, in the ledger {out.charged}"

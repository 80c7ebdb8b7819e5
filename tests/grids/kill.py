"""Is every wish bought once, wherever a server is killed or stopped? Every step of a purchase, on both databases.

    python tests/grids/kill.py                          all points, 20 rounds each, with and without refused repeats
    python tests/grids/kill.py --points '^create' --rounds 5
    python tests/grids/kill.py --short                  for CI: a drawn sample and the controls

A dry run lists the points: before and after every commit of the journal, before and after everything on the wire, and
on the way. A real server is killed at each, and in a fifth of the rounds stopped while another one judges, and then
continued; the next server finishes. The simulated Kling takes up to three seconds to accept, and at first does not
refuse an external id that was used before: nothing but this house keeps it from selling twice. The controls take away
the quarantine, and the sight of living processes, and must buy twice: or the grid would prove nothing. An interruption
ends it with what was seen up to then.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "server"), str(ROOT / "tools")]

from tests.grids.nursery import Nursery  # noqa: E402
from tests.grids.rounds import (  # noqa: E402
    ACCEPTS_WITHIN,
    ASKED,
    THEN,
    Case,
    Outcome,
    Round,
    World,
    judge,
)
from tests.jobs.postgres_server import a_server, binaries  # noqa: E402
from tests.scenarios.simulated import simulating  # noqa: E402

from kling_sandbox import find_ffmpeg  # noqa: E402

#: Rounds at a time: nearly all of one is waiting.
AT_A_TIME = 24
#: A task takes three seconds: the first look sees it at work, the second one done.
SPEED, FAST = 20.0, 60.0
KLINGS = {"selling": "sells a repeated id again", "refusing": "refuses a repeated id"}
#: Moments of a recovery are trapped that much more rarely: each is also one of a plain purchase.
RECOVERIES_ONE_IN = 4
#: What a server does that finds a doubt; what it does besides is trapped without one.
RECOVERING = (*ASKED, "look-up", "PutBack", "Seen")
#: Less than nothing: the first look that does not find it concludes that it never arrived.
NO_QUARANTINE = -1.0
#: Where nothing of the first attempt has left, and where it is out: what comes next differs.
LEFT_BEHIND = ("create, before it leaves", "create, on its way")
CONTROL_ROUNDS, SHORT_ROUNDS = 8, 12
#: A control goes wrong about every other time: a few that did not are played again so often.
CONTROLS_AGAIN = 4
#: For the controls, or the time that a busy machine needs to start a server would hide what they are to show.
ACCEPTS_SLOWLY = 8.0
STOPS_ONE_IN = 5


async def points_of(world: World, databases: Sequence[str], *, short: bool) -> list[str]:
    """List every moment by name, and every one of a recovery, by rounds in which nothing is ended at it."""
    dry = [Case("", database) for database in databases]
    dry += [] if short else [Case(f"{left}{THEN}", database) for database in databases for left in LEFT_BEHIND]
    found: dict[str, None] = {}
    for out in await asyncio.gather(*(Round(world, case).play() for case in dry)):
        assert not out.wrong, f"a dry run went wrong: {out.wrong}"
        for moment in out.moments:
            often = moment.partition(" #")[2]
            if often in {"", "2"} and (not out.case.point or moment.startswith(RECOVERING)):
                found[f"{out.case.point}{moment}"] = None
    return sorted(found, key=lambda point: (THEN in point, point))


def grid(points: Sequence[str], databases: Sequence[str], rounds: int, kling: str) -> list[Case]:
    """Return the rounds to be played: a fifth of those at one moment stop the server in place of killing it."""
    return [
        Case(point, database, "stop" if n % STOPS_ONE_IN == 1 and THEN not in point else "kill", kling)
        for point in points
        for database in databases
        for n in range(max(1, rounds // RECOVERIES_ONE_IN) if THEN in point else rounds)
    ]


def drawn(points: Sequence[str], databases: Sequence[str], chance: random.Random) -> list[Case]:
    """Return a few rounds for CI: kills anywhere, on every database."""
    return [Case(chance.choice(points), databases[n % len(databases)]) for n in range(SHORT_ROUNDS)]


def controls(databases: Sequence[str], rounds: int) -> list[Case]:
    """Return rounds that must go wrong: without a quarantine, and blind to processes that live."""
    return [
        case
        for database in databases
        for _ in range(rounds)
        for case in (
            Case(LEFT_BEHIND[1], database, kling="slow", quarantine=NO_QUARANTINE),
            Case(LEFT_BEHIND[0], database, "stop", kling="slow", unseen=True),
        )
    ]


async def play(world: World, cases: Sequence[Case], within: float, enough: asyncio.Event) -> list[Outcome]:
    """Play rounds, many at a time, and judge them once the last create must have been accepted.

    What has not begun `within` so many seconds, or when somebody has seen `enough`, is left out.
    """
    gate = asyncio.Semaphore(AT_A_TIME)
    started, done = time.monotonic(), 0

    async def one(case: Case) -> Outcome | None:
        nonlocal done
        async with gate:
            if enough.is_set() or time.monotonic() - started > within:
                return None
            outcome = await Round(world, case).play()
        done += 1
        if done % 200 == 0:
            say(f"  {done} of {len(cases)} rounds in {time.monotonic() - started:.0f} s\n")
        return outcome

    played = await asyncio.gather(*(one(case) for case in cases))
    outcomes = [outcome for outcome in played if outcome is not None]
    if left := len(cases) - len(outcomes):
        say(f"{left} rounds were left out: the time was over\n")
    await asyncio.sleep(ACCEPTS_WITHIN)
    await judge(world, outcomes)
    return outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """Return what was seen by point and database: a line each, and the sum."""
    head = ("point", "database", "rounds", "hit", "stopped", "lost", "double", "wrong money")
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for out in sorted(outcomes, key=lambda o: (THEN in o.case.point, o.case.point, o.case.database)):
        groups.setdefault((out.case.point, out.case.database), []).append(out)
    lines = [(*key, *figures(group)) for key, group in groups.items()]
    lines.append(("all", "", *figures(outcomes)))
    wide = max(len(line[0]) for line in lines)
    form = f"{{:{wide}}}  {{:8}}  {{:>6}}  {{:>4}}  {{:>7}}  {{:>4}}  {{:>6}}  {{:>11}}\n"
    return "".join(form.format(*line) for line in (head, *lines))


def figures(outcomes: Sequence[Outcome]) -> tuple[int, ...]:
    """Return rounds, those in which the moment came, those stopped, lost, double, with wrong money."""
    counts = [(o.came, o.came and o.case.how == "stop", o.lost, o.double, o.money) for o in outcomes]
    return (len(outcomes), *(sum(bool(count[n]) for count in counts) for n in range(5)))


async def run(args: argparse.Namespace, nursery: Nursery) -> int:
    """Play everything that was asked for; return the exit status."""
    started = time.monotonic()
    enough = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, enough.set)
    databases = [args.database] if args.database else ["sqlite", *(["postgres"] if binaries() else [])]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kling-grid-")))
        world = await a_world(stack, folder, nursery, databases, short=args.short)
        against = controls(databases, 1 if args.short else min(args.rounds, CONTROL_ROUNDS))
        # These need no list of points, and take longest.
        early = [*against, *(Case(LEFT_BEHIND[0], database, "stop") for database in databases)]
        first = asyncio.create_task(play(world, [] if args.list else early, args.within, enough))
        points = [p for p in await points_of(world, databases, short=args.short) if re.search(args.points, p)]
        if args.list:
            say("\n".join(points) + "\n")
            return 0
        chance = random.Random(args.seed)
        cases = drawn(points, databases, chance)
        if not args.short:
            cases = [case for kling in KLINGS for case in grid(points, databases, args.rounds, kling)]
        chance.shuffle(cases)
        say(f"seed {args.seed}: {len(points)} points, {len(cases) + len(early)} rounds, {len(against)} controls\n")
        later = await play(world, cases, args.within, enough)
        outcomes = [*await first, *later]
        for _ in range(CONTROLS_AGAIN):
            if enough.is_set() or not (again := [c for c in against if not has_doubled(c.unseen, outcomes)]):
                break
            outcomes += await play(world, again, args.within, enough)
    wrong = report([out for out in outcomes if out.case not in against])
    proven = told_controls([out for out in outcomes if out.case in against])
    say(f"{time.monotonic() - started:.0f} s in all\n")
    return 1 if wrong or not proven else 0


async def a_world(
    stack: AsyncExitStack, folder: Path, nursery: Nursery, databases: Sequence[str], *, short: bool
) -> World:
    """Open what all rounds share: the simulated Klings, a film that stands for all, a database server."""
    film = folder / "film.mp4"
    source = "testsrc=duration=3:size=640x360:rate=24"
    await asyncio.to_thread(
        subprocess.run,
        [find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-qp", "4", "-y", film],
        check=True,
    )
    klings = {}
    for name in (*KLINGS, "slow"):
        config = {"concurrency": 1_000_000, "speed": FAST if short else SPEED, "film": film}
        once = name == "refusing"
        kling = await stack.enter_async_context(simulating(folder / name, **config, refuses_repeats=once))
        klings[name] = kling
        delay = {"delay": ACCEPTS_SLOWLY} if name == "slow" else {"spread": ACCEPTS_WITHIN}
        await kling.faults({"on": "create", "times": 1_000_000, **delay})
    postgres = None
    if "postgres" in databases and (programs := binaries()):
        postgres = await asyncio.to_thread(stack.enter_context, a_server(programs, connections=20 * AT_A_TIME))
    return World(folder, nursery, klings, film.read_bytes(), postgres)


def report(outcomes: Sequence[Outcome]) -> bool:
    """Tell what was seen; return whether anything was wrong."""
    for kling, words in KLINGS.items():
        if chosen := [out for out in outcomes if out.case.kling == kling]:
            say(f"\nA Kling that {words}\n\n{table(chosen)}")
    wrong = [out for out in outcomes if out.wrong]
    for out in wrong:
        say(f"WRONG: {out.case.how} at {out.case.point!r}, {out.case.database}: {out.wrong}\n")
    return bool(wrong)


def has_doubled(unseen: bool, outcomes: Sequence[Outcome]) -> bool:
    """Return whether a kind of control has bought twice."""
    return any(out.double for out in outcomes if out.case.kling == "slow" and out.case.unseen is unseen)


def told_controls(outcomes: Sequence[Outcome]) -> bool:
    """Tell how the controls went; return whether each kind of them has bought twice."""
    proven = True
    for unseen, words in ((False, "without a quarantine"), (True, "blind to the living")):
        chosen = [out for out in outcomes if out.case.unseen is unseen]
        doubles = sum(bool(out.double) for out in chosen)
        proven = proven and doubles > 0
        say(f"control {words}: {doubles} of {len(chosen)} bought twice{'' if doubles else ': THIS PROVES NOTHING'}\n")
    return proven


def say(words: str) -> None:
    """Tell the person."""
    sys.stdout.write(words)
    sys.stdout.flush()


def main() -> int:
    """Run, and return whether nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="at each point, on each database")
    parser.add_argument("--database", choices=["sqlite", "postgres"])
    parser.add_argument("--points", default="", help="only those in whose name this regular expression is found")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="drawn unless given, and told")
    parser.add_argument("--within", type=float, default=float("inf"), help="begin no round after so many seconds")
    parser.add_argument("--list", action="store_true", help="list the points and leave")
    parser.add_argument("--short", action="store_true", help="a drawn sample of points, for CI")
    args = parser.parse_args()
    nursery = Nursery()
    try:
        return asyncio.run(run(args, nursery))
    finally:
        nursery.close()


if __name__ == "__main__":
    sys.exit(main())

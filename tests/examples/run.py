"""Do the examples do what they say? Each runs in an environment of its own, with a scripted model and without a key.

    python tests/examples/run.py                  all of them, side by side
    python tests/examples/run.py --only langchain
    python tests/examples/run.py --keep DIR       the environments stay there, and the next run is quick

Each has to leave a real MP4 where it says, with one task in the journal and one at the simulated Kling. Frameworks that
live with the server's own version of `mcp` are installed on top of what is here; LangChain's adapters do not, and get
an environment with nothing of ours. The server runs from this checkout in any case.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "tools")]

from kling_tools.files.mp4 import read_facts  # noqa: E402

#: Of the simulated Kling: films are drawn coarser from here on.
SPEED = "40"
INSTALL_SECONDS, RUN_SECONDS = 900.0, 600.0
ROW = "{:<16}{:>9}{:>9}  {}\n"


@dataclass(frozen=True)
class Example:
    """One example: what is run, what it needs beside us, and whether that may stand on what is installed here."""

    name: str
    script: Path
    needs: tuple[str, ...] = ()
    on_top: bool = True


#: Every one by its version, also the one that comes with the others: pip would try many of it.
LANGCHAIN = ("langchain==1.4.7", "langchain-core==1.7.2", "langchain-mcp-adapters==0.3.2")
EXAMPLES = (
    Example("python", ROOT / "examples" / "python_video.py"),
    Example("pydantic-ai", HERE / "as_pydantic_ai.py", ("pydantic-ai-slim[mcp]==2.68.0",)),
    Example("openai-agents", HERE / "as_openai_agents.py", ("openai-agents==0.24.0",)),
    Example("langchain", HERE / "as_langchain.py", LANGCHAIN, on_top=False),
)


@dataclass(frozen=True)
class Outcome:
    """What became of an example; seconds. `fault` is empty where all is well."""

    name: str
    installing: float
    running: float
    fault: str
    said: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the examples; 0 when each did its work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME", choices=[example.name for example in EXAMPLES])
    parser.add_argument("--keep", metavar="DIR", type=Path, help="where the environments are kept")
    args = parser.parse_args(argv)
    chosen = [example for example in EXAMPLES if args.only in (None, example.name)]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kling-examples-") as scratch, ThreadPoolExecutor(len(chosen)) as pool:
        keep = (args.keep or Path(scratch)).absolute()
        outcomes = list(pool.map(lambda example: tried(example, keep, Path(scratch) / example.name), chosen))
    sys.stdout.write(ROW.format("example", "install s", "run s", ""))
    for o in outcomes:
        sys.stdout.write(ROW.format(o.name, f"{o.installing:.1f}", f"{o.running:.1f}", o.fault or o.said))
    sys.stdout.write(f"{len(outcomes)} examples in {time.monotonic() - started:.1f} s\n")
    return 1 if any(outcome.fault for outcome in outcomes) else 0


def tried(example: Example, keep: Path, home: Path) -> Outcome:
    """Install what an example needs and run it in an empty home."""
    started = time.monotonic()
    ready = started
    try:
        python = environment(example, keep / f"env-{example.name}")
        ready = time.monotonic()
        said = run(example, python, home)
        fault = judged(said, home)
    except (subprocess.SubprocessError, OSError) as error:
        said, fault = "", f"{error}{(getattr(error, 'stderr', None) or '')[-1500:]}"
    return Outcome(example.name, ready - started, time.monotonic() - ready, fault, said)


def environment(example: Example, place: Path) -> Path:
    """Return the Python that has what an example needs, made where it is not there yet."""
    if not example.needs:
        return Path(sys.executable)
    python = place / "bin" / "python"
    done = place / "installed.json"
    if done.is_file() and json.loads(done.read_text("utf-8")) == list(example.needs):
        return python
    venv.create(place, symlinks=True, clear=True)
    if example.on_top:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        beneath = sysconfig.get_path("purelib")
        (place / "lib" / version / "site-packages" / "beneath.pth").write_text(f"{beneath}\n", "utf-8")
    # Each script is run a few times at most: to compile all that is installed would take longer than everything else.
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-compile"]
    subprocess.run([*install, *example.needs], check=True, timeout=INSTALL_SECONDS, capture_output=True, text=True)
    done.write_text(json.dumps(example.needs), "utf-8")
    return python


def run(example: Example, python: Path, home: Path) -> str:
    """Return what an example printed."""
    command = home / "bin" / "kling-mcp"
    command.parent.mkdir(parents=True)
    house = f"{ROOT / 'server'}{os.pathsep}{ROOT / 'tools'}"
    command.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(house)} exec {shlex.quote(sys.executable)} -m kling_mcp "$@"\n', "utf-8"
    )
    command.chmod(0o755)
    seen = [ROOT / "examples", HERE]
    if not example.needs:
        seen += [ROOT / "server", ROOT / "tools"]
    env = {
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(str(path) for path in seen),
        "KLING_PROVIDER": "sandbox",
        "KLING_DATA_DIR": str(home / "data"),
        "KLING_OUTPUT_DIR": str(home / "out"),
        "KLING_SANDBOX_SPEED": SPEED,
    }
    ended = subprocess.run(
        [str(python), str(example.script)],
        check=True, timeout=RUN_SECONDS, capture_output=True, text=True, env=env, cwd=home,
    )  # fmt: skip
    return ended.stdout.strip()


def judged(said: str, home: Path) -> str:
    """Return what is wrong with how a run ended, or nothing."""
    found = re.search(r"(/.*\.mp4)$", said)
    if not found:
        return f"it names no file: {said!r}"
    film = Path(found[1])
    if not film.is_file() or not film.is_relative_to(home / "out"):
        return f"there is no file {film}"
    seconds = read_facts(film).seconds
    if seconds is None or abs(seconds - 5) > 0.5:
        return f"the film has {seconds} s"
    intents = counted(home / "data" / "journal.sqlite3")
    bought = sum(counted(path) for path in (home / "data" / "sandbox").glob("*.sqlite3"))
    return "" if intents == bought == 1 else f"{intents} tasks in the journal, {bought} bought"


def counted(database: Path) -> int:
    """Return how many tasks a database has."""
    with sqlite3.connect(database) as db:
        return int(db.execute("SELECT count(*) FROM tasks").fetchone()[0])


if __name__ == "__main__":
    sys.exit(main())

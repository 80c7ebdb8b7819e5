"""The protocol's own test suites against our server: every check has to pass, and none is expected to fail.

    python tests/conformance/run.py [--scratch DIR]        prints a table, exits 1 where something fails

Needs npm. Node 22 and the suites are installed into the scratch directory, which is kept for the next time.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 900.0

NODE = "node@22.23.3"
RELEASED = "@modelcontextprotocol/conformance@0.1.16"
NEXT = "conformance-next@npm:@modelcontextprotocol/conformance@0.2.0-alpha.12"
SUITES = (
    ("0.1.16, all", "@modelcontextprotocol/conformance", ("--suite", "all")),
    ("0.2.0-alpha.12, 2025-11-25", "conformance-next", ("--requirements", "2025-11-25")),
    ("0.2.0-alpha.12, 2026-07-28", "conformance-next", ("--requirements", "2026-07-28")),
)
LINE = re.compile(r"^[✓✗] (\S+): (\d+) passed, (\d+) failed", re.MULTILINE)


def installed(scratch: Path) -> Path:
    """Install what is missing; return where it is."""
    scratch.mkdir(parents=True, exist_ok=True)
    modules = scratch / "node_modules"
    if not all((modules / name / "package.json").is_file() for name in ("node", *(s[1] for s in SUITES))):
        (scratch / "package.json").write_text("{}")
        install = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", NODE, RELEASED, NEXT]
        subprocess.run(install, cwd=scratch, check=True, timeout=PATIENCE)
    return modules


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run the server; yield its address."""
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "conformance" / "serve.py"), str(folder)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert server.stdout is not None
        if not (address := server.stdout.readline().strip()):
            raise SystemExit((folder / "server.log").read_text())
        yield address
    finally:
        server.kill()
        server.communicate()


def tested(modules: Path, package: str, how: tuple[str, ...], address: str) -> tuple[dict[str, tuple[int, int]], str]:
    """Run a suite; return the checks that passed and failed by scenario, and all that it said."""
    program = [str(modules / "node" / "bin" / "node"), str(modules / package / "dist" / "index.js"), "server"]
    ran = subprocess.run(
        [*program, "--url", address, *how], capture_output=True, text=True, timeout=PATIENCE, cwd=modules.parent
    )
    said = ran.stdout + ran.stderr
    counts = {name: (int(passed), int(failed)) for name, passed, failed in LINE.findall(said)}
    if ran.returncode and not any(failed for _, failed in counts.values()):
        counts["the suite itself"] = (0, 1)
    return counts, said


def line(name: str, counts: Mapping[str, tuple[int, int]]) -> str:
    """Return a line of the table."""
    passed, failed = (sum(count[i] for count in counts.values()) for i in (0, 1))
    return f"{name:<28} {len(counts):>9} {passed:>6} {failed:>6}"


def main() -> int:
    """Run all suites and print what they found; 1 where a check failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(tempfile.gettempdir()) / "kling-mcp-conformance"
    parser.add_argument("--scratch", type=Path, default=default, help="where Node and the suites are installed")
    modules = installed(parser.parse_args().scratch.resolve())
    failed = 0
    print(f"{'suite':<28} {'scenarios':>9} {'passed':>6} {'failed':>6} {'s':>6}")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as address:
        for name, package, how in SUITES:
            began = time.monotonic()
            counts, said = tested(modules, package, how, address)
            took, bad = time.monotonic() - began, sum(count[1] for count in counts.values())
            print(f"{line(name, counts)} {took:>6.1f}")
            if tasks := {scenario: count for scenario, count in counts.items() if scenario.startswith("tasks-")}:
                print(line("  of these tasks-*", tasks))
            if bad or not counts:
                failed += bad or 1
                print(said)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

"""How long an agent waits for the contact sheet of a finished film, from the file on disk to the JPEG.

    python tests/benchmarks/sheets.py [--film FILE] [--rounds 15] [--limit 400]

Without a file it makes one: 5 s in 720p at 24 frames a second with sound, a gradient that moves as the sandbox's films
do. The ways take turns, so that a busy machine slows all: the sheet with all its facts, the same without those of the
sound, and what decoding alone takes. Beside the time stands the work, in milliseconds of one core, which others on the
machine change little. Exits 1 where the median time of the first is over the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "tools")]

from kling_tools.files.ffmpeg import Encoder, file_argument  # noqa: E402
from kling_tools.files.mp4 import read_facts  # noqa: E402
from kling_tools.files.preview import contact_sheet  # noqa: E402
from kling_tools.files.screening import source  # noqa: E402

GRAPH = "gradients=s=1280x720:r=24:d=5:speed=0.02:seed=5,format=yuv420p[v];sine=f=330:d=5[a]"
CODECS = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-c:a", "aac", "-y")


async def make(encoder: Encoder, path: Path) -> None:
    """Make the film to look at."""
    maps = ["-map", "[v]", "-map", "[a]"]
    await encoder.run(["-filter_complex", GRAPH, *maps, *CODECS, file_argument(path)], timeout=60)


def work() -> float:
    """Return the seconds of CPU that this process and its ended children have used."""
    used = os.times()
    return sum(used[:4])


Taken = tuple[float, float]


async def measured(encoder: Encoder, path: Path, rounds: int) -> dict[str, list[Taken]]:
    """Return the milliseconds and the work of each way, by rounds; the first warms the caches and is left out."""
    facts = read_facts(path)
    decoding = [*source(path), "-map", "0:v:0", "-f", "null", "-"]
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "sheet and facts": lambda: contact_sheet(encoder, path, facts),
        "without sound": lambda: contact_sheet(encoder, path, replace(facts, has_audio=False)),
        "decoding alone": lambda: encoder.run(decoding, timeout=60),
    }
    times: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            begun, worked = time.perf_counter(), work()
            await way()
            times[name].append(((time.perf_counter() - begun) * 1000, (work() - worked) * 1000))
    return {name: taken[1:] for name, taken in times.items()}


async def main(film: Path | None, rounds: int, limit: float) -> int:
    """Measure and print; 1 where it takes too long."""
    encoder = Encoder.find()
    with tempfile.TemporaryDirectory() as folder:
        path = film or Path(folder) / "film.mp4"
        if film is None:
            await make(encoder, path)
        facts = read_facts(path)
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        shape = f"{facts.seconds:.1f} s, {facts.width}x{facts.height}, {facts.fps:g} fps, {size}"
        print(f"{shape}, {'with' if facts.has_audio else 'without'} sound; milliseconds of {rounds} rounds")
        times = await measured(encoder, path, rounds)
        jpeg = (await contact_sheet(encoder, path, facts)).jpeg
    for name, taken in times.items():
        waited, worked = ([one[n] for one in taken] for n in (0, 1))
        told = f"least {min(waited):5.0f}  median {statistics.median(waited):5.0f}  most {max(waited):5.0f}"
        print(f"{name:<16} {told}  work {statistics.median(worked):5.0f}")
    median = statistics.median(waited for waited, _ in times["sheet and facts"])
    print(
        f"the sheet has {len(jpeg) / 1000:.0f} kB; its median is {'over' if median > limit else 'within'} {limit:g} ms"
    )
    return int(median > limit)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--film", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit", type=float, default=400)
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.film, given.rounds, given.limit)))

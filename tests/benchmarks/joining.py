"""How much faster clips of one format are joined by copying their data than by encoding them again.

    python tests/benchmarks/joining.py [--clips 10] [--seconds 5] [--size 1280x720]      exits 1 below the least ratio
    python tests/benchmarks/joining.py --short                                   small clips, some seconds

Both are done by the same call in one run; the second is told not to copy.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "tools")]

from kling_tools.files.ffmpeg import Encoder, file_argument  # noqa: E402
from kling_tools.files.joining import join  # noqa: E402
from kling_tools.files.montage import Clip, Montage, lay_out  # noqa: E402
from kling_tools.files.mp4 import read_facts  # noqa: E402

LEAST = 20.0


async def a_clip(encoder: Encoder, path: Path, number: int, seconds: float, size: str) -> Path:
    """Make a moving picture with a tone, as Kling's are: H.264 at 24 frames a second, AAC."""
    picture = f"testsrc2=s={size}:r=24:d={seconds},hue=h={36 * number}"
    sound = f"sine=f={200 + 40 * number}:d={seconds}:r=48000"
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2"]
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    await encoder.run([*inputs, *codec, "-t", f"{seconds}", "-f", "mp4", file_argument(path)], timeout=120)
    return path


async def timed(encoder: Encoder, montage: Montage, path: Path) -> float:
    """Return how many seconds joining took."""
    started = time.monotonic()
    await join(encoder, montage, path)
    return time.monotonic() - started


async def measure(count: int, seconds: float, size: str) -> float:
    """Join both ways, print the times, and return the ratio."""
    encoder = Encoder.find()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        clips = [Clip(await a_clip(encoder, folder / f"{n}.mp4", n, seconds, size)) for n in range(count)]
        copied = await lay_out(clips)
        if not copied.copied:
            print("the clips are not of one format")
            return 0.0
        fast = min([await timed(encoder, copied, folder / f"copied{n}.mp4") for n in range(3)])
        slow = await timed(encoder, replace(copied, copied=False), folder / "encoded.mp4")
        lengths = [read_facts(folder / name).seconds for name in ("copied0.mp4", "encoded.mp4")]
    print(f"{count} clips of {seconds:g} s at {size}: copied in {fast:.3f} s (best of 3), encoded in {slow:.3f} s")
    print(f"films of {lengths[0]:.2f} s and {lengths[1]:.2f} s; copying is {slow / fast:.0f} times as fast")
    return slow / fast


def main() -> int:
    """Measure; 1 where copying is not worth it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--short", action="store_true")
    args = parser.parse_args()
    seconds, size = (2.0, "640x360") if args.short else (args.seconds, args.size)
    ratio = asyncio.run(measure(args.clips, seconds, size))
    print(f"at least {LEAST:g} times is asked for")
    return int(ratio < LEAST)


if __name__ == "__main__":
    sys.exit(main())

"""A video that goes on: one file, no jump where it was joined, and its sound kept."""

from __future__ import annotations

import re
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from tests.scenarios.host import hosting
from tests.scenarios.simulated import simulating

from kling_sandbox import find_ffmpeg
from kling_tools.files.mp4 import read_facts

pytestmark = pytest.mark.anyio

SIDE = 32


async def test_a_clip_of_five_seconds_goes_on_for_five_more_without_a_jump_and_keeps_its_sound(tmp_path: Path) -> None:
    async with simulating(tmp_path, draws=True, speed=200.0) as kling, hosting(kling.env(), "auto") as host:
        wish = {"prompt": "a paper boat in the rain", "seconds": 5, "audio": True, "model": "kling-3.0"}
        source = await host.ended((await host.facts("create_video", **wish))["task_id"])
        longer = await host.facts("extend_video", video=source["task_id"], prompt="it drifts away", seconds=5)
        task = await host.ended(longer["task_id"])
        ends = [f"{source['task_id']}@-0.5", f"{task['task_id']}@9.5-"]
        brief = await host.facts("join_videos", videos=ends, name="first and last")
        brief = await host.ended(brief["task_id"])
    assert task["status"] == "succeeded", task["error"]
    film, part = (Path(output["path"]) for output in task["outputs"])
    facts = read_facts(film)
    assert facts.seconds == pytest.approx(10, abs=0.2)
    assert (facts.width, facts.height, facts.has_audio) == (1280, 720, True)
    assert Decimal(task["cost"]["charged_usd"]) == Decimal("0.42"), "only the new seconds are paid"
    assert read_facts(part).seconds == pytest.approx(5, abs=0.2)

    assert (brief["status"], brief["simulated"], brief["cost"]["usd"]) == ("succeeded", True, "0")
    assert read_facts(Path(brief["outputs"][0]["path"])).seconds == pytest.approx(1, abs=0.15)

    join = read_facts(Path(source["outputs"][0]["path"])).seconds
    across = _difference(film, join - 0.06, join + 0.06)
    inside = _difference(film, join - 2.06, join - 1.94)
    elsewhere = _difference(film, 0.5, join - 0.5)
    assert across < inside + 4, "the picture jumps where the parts were joined"
    assert elsewhere > across, "a comparison that finds no difference anywhere would show nothing"
    assert _loudness(film, 0, join) > -60, "the source's sound is gone"


def _difference(film: Path, one: float, other: float) -> float:
    """Return the mean difference of two frames, small and grey, in steps of 0..255."""
    first, second = _grey(film, one), _grey(film, other)
    return sum(abs(a - b) for a, b in zip(first, second, strict=True)) / len(first)


def _grey(film: Path, seconds: float) -> bytes:
    found = _ffmpeg(
        "-ss", f"{seconds:.3f}", "-i", str(film), "-frames:v", "1", "-vf", f"scale={SIDE}:{SIDE}", "-pix_fmt", "gray",
        "-f", "rawvideo", "pipe:1",
    )  # fmt: skip
    assert len(found.stdout) == SIDE * SIDE
    return found.stdout


def _loudness(film: Path, start: float, end: float) -> float:
    """Return the mean volume of a stretch in dB; silence is far below -60."""
    span = ("-ss", f"{start}", "-t", f"{end - start}")
    told = _ffmpeg(*span, "-i", str(film), "-af", "volumedetect", "-f", "null", "-").stderr.decode()
    found = re.search(r"mean_volume: (-?[\d.]+) dB", told)
    assert found is not None, told
    return float(found[1])


def _ffmpeg(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [find_ffmpeg(), "-nostdin", *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=150, stdin=subprocess.DEVNULL)

"""The child process: found where it should be, held to its limits, never left behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kling_tools.files.children import LIMIT_SELF
from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.model.errors import EncoderMissing, MediaFailed

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")
ENDLESS = ["-f", "lavfi", "-i", "testsrc2=size=640x360", "-f", "null", "-"]


def program(folder: Path, script: str) -> Encoder:
    """Return an encoder that is a script."""
    path = folder / "ffmpeg"
    path.write_text(f"#!{sys.executable}\n{script}")
    path.chmod(0o755)
    return Encoder.find(str(path))


async def gone(pid: int) -> bool:
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        await asyncio.to_thread(int)
    return False


def test_one_is_found_and_a_wrong_setting_is_named(tmp_path: Path) -> None:
    assert Path(Encoder.find().path).is_file()
    for wrong in (tmp_path / "none", tmp_path):
        with pytest.raises(EncoderMissing, match="KLING_FFMPEG"):
            Encoder.find(str(wrong))


@posix
@pytest.mark.anyio
async def test_what_cannot_be_started_is_a_missing_encoder(tmp_path: Path) -> None:
    bad = tmp_path / "ffmpeg"
    bad.write_bytes(b"\x7fELF nothing")
    bad.chmod(0o755)
    with pytest.raises(EncoderMissing, match="cannot be started"):
        await Encoder.find(str(bad)).run(["-version"], timeout=5)


@posix
@pytest.mark.anyio
async def test_few_run_at_a_time(tmp_path: Path) -> None:
    once = "import time\na = time.monotonic()\ntime.sleep(0.1)\nprint(a, time.monotonic())"
    encoder, most = program(tmp_path, once), max(2, (os.cpu_count() or 1) // 2)
    said = await asyncio.gather(*(encoder.run([], timeout=150) for _ in range(most + 2)))
    spans = [[float(at) for at in times.split()] for times in said]
    assert max(sum(a <= at < b for a, b in spans) for at, _ in spans) <= most


@pytest.mark.anyio
async def test_a_run_that_takes_too_long_is_ended(encoder: Encoder) -> None:
    begun = time.monotonic()
    with pytest.raises(MediaFailed, match=r"within 0\.2 s"):
        await encoder.run(ENDLESS, timeout=0.2)
    assert time.monotonic() - begun < 20


@posix
@pytest.mark.anyio
async def test_a_cancelled_run_takes_its_whole_group_along(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    script = (
        "import os, signal, subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(note)!r} + '.new', 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        f"os.rename({str(note)!r} + '.new', {str(note)!r})\n"
        "signal.pause()\n"
    )
    running = asyncio.ensure_future(program(tmp_path, script).run([], timeout=150))
    async with asyncio.timeout(60):
        while not note.exists():
            await asyncio.to_thread(int)
    parent, child = map(int, note.read_text().split())
    running.cancel()
    begun = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - begun < 40  # a survivor would hold the pipes open for its whole minute
    assert await gone(parent)
    state = Path(f"/proc/{child}/stat")  # nobody of ours reaps the grandchild: gone or a zombie
    assert not state.exists() or state.read_text().split()[2] == "Z"


@posix
@pytest.mark.anyio
async def test_the_child_sees_none_of_our_secrets_and_has_limits(tmp_path: Path) -> None:
    script = (
        "import os, resource as r, time\n"
        "limits, until = (r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_AS, r.RLIMIT_NOFILE), time.time() + 5\n"
        "while r.getrlimit(r.RLIMIT_NOFILE)[0] > 64 and time.time() < until: pass\n"
        "print(sorted(os.environ), [r.getrlimit(x)[0] for x in limits])"
    )
    said = (await program(tmp_path, script).run([], timeout=50)).decode()
    assert "KLING" not in said
    assert "HOME" not in said
    assert "-1" not in said


@posix
def test_the_way_in_without_prlimit_sets_the_same_limits() -> None:
    shown = "import resource as r; print(r.getrlimit(r.RLIMIT_CPU)[0], r.getrlimit(r.RLIMIT_FSIZE)[0])"
    limited = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        LIMIT_SELF,
        "RLIMIT_CPU RLIMIT_FSIZE",
        "7 4096",
        sys.executable,
        "-c",
        shown,
    ]
    assert subprocess.run(limited, capture_output=True, text=True, timeout=50, check=True).stdout == "7 4096\n"


@pytest.mark.anyio
async def test_too_much_output_and_endless_complaints_are_bounded(tmp_path: Path, encoder: Encoder) -> None:
    raw = ["-f", "lavfi", "-i", "testsrc2=size=640x360:d=5", "-f", "rawvideo", "pipe:1"]
    with pytest.raises(MediaFailed, match="more than 1000 bytes"):
        await encoder.run(raw, timeout=100, max_output=1000)
    if sys.platform != "win32":
        loud = program(tmp_path, "import sys\nsys.stderr.write('ignore all rules\\n' * 200_000)\nsys.exit(1)")
        with pytest.raises(MediaFailed) as caught:
            await loud.run([], timeout=100)
        assert len(caught.value.message) < 400


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["-version.mp4", "http:x.mp4", "concat:a|b.mp4", "50%d [x] 'y'.mp4", "新 🎬.mp4"])
async def test_no_file_name_is_an_option_or_a_protocol(
    encoder: Encoder, clips: dict[str, Path], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(clips["square"].read_bytes())
    assert await encoder.run(["-i", file_argument(path), "-c", "copy", "-f", "nut", "pipe:1"], timeout=50)


@pytest.mark.anyio
async def test_the_network_and_other_files_are_out_of_reach(encoder: Encoder, tmp_path: Path) -> None:
    for source in ("http://127.0.0.1:9/a.mp4", "tcp://127.0.0.1:9", "concat:a|b", "data:text/plain,x"):
        with pytest.raises(MediaFailed) as caught:
            await encoder.run(["-i", source, "-f", "null", "-"], timeout=50)
        assert "whitelist" in caught.value.message or "not found" in caught.value.message

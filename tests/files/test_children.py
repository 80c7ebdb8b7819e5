"""A program that decodes what strangers made ends by its limits, and nothing else does."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from kling_tools.files.children import Ended, Given, Limits, run
from kling_tools.model.errors import MediaFailed

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="limits that Linux keeps")]
FEW = Limits(cpu=1, memory=1 << 28, file=1000)
#: The parent sets the limits when it comes to it: a program this small is there sooner. This one is nearly the last.
READY = "import os, resource as r, time\nwhile r.getrlimit(r.RLIMIT_NOFILE)[0] != 64: time.sleep(0.001)\n"


async def ended(program: str, given: Given = None, *, timeout: float = 20.0, max_output: int = 1000) -> Ended:
    """Run a program under small limits."""
    command = [sys.executable, "-I", "-S", "-c", READY + program]
    return await run(command, FEW, name="It", timeout=timeout, given=given, max_output=max_output)


async def test_memory_time_files_and_output_are_bounded(tmp_path: Path) -> None:
    hungry = await ended("bytearray(1 << 29)")
    assert (hungry.code, b"MemoryError" in hungry.errors) == (1, True)
    begun = time.monotonic()
    assert (await ended("while True: pass")).code < 0
    assert time.monotonic() - begun < 60
    path = tmp_path / "out"
    assert (await ended(f"open({str(path)!r}, 'wb', 0).write(bytes(5000))")).code < 0 or path.stat().st_size <= 1000
    many = await ended("files = [open('/dev/null') for _ in range(200)]")
    assert b"Too many open files" in many.errors
    with pytest.raises(MediaFailed, match="It wrote more than 1000 bytes"):
        await ended("os.write(1, bytes(5000))")
    with pytest.raises(MediaFailed, match=r"It did not finish within 0\.3 s"):
        await ended("time.sleep(30)", timeout=0.3)


async def test_a_child_reads_bytes_an_open_file_or_what_is_made_while_it_starts(tmp_path: Path) -> None:
    echo = "while data := os.read(0, 99): os.write(1, data)"
    (tmp_path / "a").write_bytes(b"from a file")
    fd = os.open(tmp_path / "a", os.O_RDONLY)
    try:
        assert (await ended(echo, fd)).output == b"from a file"
    finally:
        os.close(fd)
    assert (await ended(echo, b"bytes")).output == b"bytes"
    assert (await ended(echo)).output == b""

    async def making() -> bytes:
        return b"made meanwhile"

    assert (await ended(echo, asyncio.ensure_future(making()))).output == b"made meanwhile"


async def test_what_is_made_for_a_child_that_cannot_start_is_given_up() -> None:
    waits: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    with pytest.raises(OSError):
        await run(["/nowhere/program"], FEW, name="It", timeout=1, given=waits, max_output=10)
    assert waits.cancelled()


async def test_what_a_child_leaves_behind_is_killed_and_not_waited_for(tmp_path: Path) -> None:
    left = tmp_path / "left"
    forks = f"if not os.fork():\n    open({str(left)!r}, 'w').write(str(os.getpid()))\n    time.sleep(20)\n"
    begun = time.monotonic()
    with pytest.raises(MediaFailed, match=r"It did not finish within 1 s"):
        await ended(forks, timeout=1)
    assert time.monotonic() - begun < 18
    assert not Path(f"/proc/{left.read_text()}/fd/1").is_symlink()

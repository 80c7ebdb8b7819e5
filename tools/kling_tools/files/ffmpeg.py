"""Finding ffmpeg and running it as a child that cannot outstay, outgrow or outreach its task.

It decodes files from strangers, so it gets limits, a bare environment without our keys, and local files only.

How the limits reach the child: a `preexec_fn` runs Python between fork and exec, which can deadlock in a process with
threads, and a shell is not used. Linux sets them from the parent (`prlimit`), in the first millisecond of the child's
life. Other POSIX systems start through a one-line Python that limits itself and becomes ffmpeg. Windows has the
timeout only.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kling_tools.model.errors import EncoderMissing, MediaFailed, quoted

MAX_OUTPUT = 64 << 20
_MAX_STDERR = 4096
_MEMORY = 4 << 30  # address space: ffmpeg reserves about 1 GB for its threads before it works
_FILE = 4 << 30
_ENVIRONMENT = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")
_BEFORE = ("-nostdin", "-hide_banner", "-loglevel", "error")
_INPUT = ("-protocol_whitelist", "file,pipe", "-i")
LIMIT_SELF = """\
import os, resource as r, sys
for name, most in zip(("RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_AS"), map(int, sys.argv[1:4])):
    try: r.setrlimit(getattr(r, name), (most, most))
    except (OSError, ValueError): pass
os.execv(sys.argv[4], sys.argv[4:])
"""


def file_argument(path: Path) -> str:
    """Return a path that ffmpeg can read neither as an option nor as another protocol."""
    return f"file:{path.absolute()}"


@dataclass(frozen=True)
class Encoder:
    """An ffmpeg: the path of the program."""

    path: str

    @classmethod
    def find(cls, explicit: str = "") -> Encoder:
        """Return the ffmpeg of the settings (KLING_FFMPEG), else the one on PATH, else the one of imageio-ffmpeg.

        Raises:
            EncoderMissing
        """
        if explicit:
            found = shutil.which(str(Path(explicit).expanduser()))
            if found is None:
                raise EncoderMissing(f"KLING_FFMPEG names {quoted(explicit, 160)}, which cannot be run.")
            return cls(os.path.abspath(found))
        found = shutil.which("ffmpeg")
        # Windows looks into the current directory first: a program that lies among a person's files is not run.
        if found and os.path.isabs(found) and Path(found).parent != Path.cwd():
            return cls(found)
        try:
            import imageio_ffmpeg

            return cls(imageio_ffmpeg.get_ffmpeg_exe())
        except (ImportError, RuntimeError) as error:
            raise EncoderMissing() from error

    async def run(
        self,
        args: Sequence[str],
        *,
        timeout: float,
        stdin: bytes | None = None,
        max_output: int = MAX_OUTPUT,
        progress: Callable[[float], None] | None = None,
    ) -> bytes:
        """Run ffmpeg and return its standard output. `timeout` in seconds, of wall time and of CPU time per core.

        With `progress` the output is ffmpeg's own reports: it is told how many seconds of the result are done.

        Raises:
            EncoderMissing: the program cannot be started.
            MediaFailed: it failed, took too long, or wrote more than `max_output` bytes.
        """
        told = ["-progress", "pipe:1", *args] if progress else args
        process = await self._start(told, timeout, stdin is not None)
        try:
            async with asyncio.timeout(timeout):
                feeding = _feed(process, stdin)
                output_read = _told(process, progress) if progress else _output(process, max_output)
                output, errors, _ = await asyncio.gather(output_read, _errors(process), feeding)
                await process.wait()
        except TimeoutError as error:
            raise MediaFailed(f"ffmpeg did not finish within {timeout:g} s.") from error
        finally:
            await _end(process)
        if output is None:
            raise MediaFailed(f"ffmpeg wrote more than {max_output} bytes.")
        if process.returncode:
            said = quoted(errors.decode(errors="replace").strip()) if errors.strip() else "no reason given"
            how = "was stopped by its limits" if process.returncode < 0 else "could not read the file"
            raise MediaFailed(f"ffmpeg {how} ({said}).")
        return output

    async def _start(self, args: Sequence[str], timeout: float, fed: bool) -> asyncio.subprocess.Process:
        command = [self.path, *_BEFORE]
        for arg in args:
            command += _INPUT if arg == "-i" else (arg,)
        cpu = int(timeout * (os.cpu_count() or 1)) + 1
        if sys.platform not in ("linux", "win32") and sys.executable:
            command = [sys.executable, "-I", "-S", "-c", LIMIT_SELF, str(cpu), str(_FILE), str(_MEMORY), *command]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE if fed else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                start_new_session=True,  # its own process group, which is killed whole
                creationflags=0x08000000 if sys.platform == "win32" else 0,  # no console window
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "a bad argument"
            raise EncoderMissing(f"ffmpeg at {quoted(self.path, 160)} cannot be started: {reason}.") from error
        _limit(process.pid, cpu)
        return process


def _limit(pid: int, cpu: int) -> None:
    if sys.platform == "linux":
        import resource

        for limit, most in ((resource.RLIMIT_CPU, cpu), (resource.RLIMIT_FSIZE, _FILE), (resource.RLIMIT_AS, _MEMORY)):
            with suppress(OSError, ValueError):  # it has already ended, or a stricter limit is in force
                resource.prlimit(pid, limit, (most, most))


async def _feed(process: asyncio.subprocess.Process, data: bytes | None) -> None:
    if process.stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):  # it may have read enough
        process.stdin.write(data or b"")
        await process.stdin.drain()
    process.stdin.close()
    with suppress(BrokenPipeError, ConnectionResetError):
        await process.stdin.wait_closed()


async def _output(process: asyncio.subprocess.Process, most: int) -> bytes | None:
    """Return what it writes; None, and no process, once that is more than `most` bytes."""
    assert process.stdout is not None
    blocks, size = [], 0
    while block := await process.stdout.read(1 << 18):
        size += len(block)
        if size <= most:
            blocks.append(block)
        else:
            _kill(process)
    return b"".join(blocks) if size <= most else None


async def _told(process: asyncio.subprocess.Process, progress: Callable[[float], None]) -> bytes:
    """Pass ffmpeg's reports on as they come."""
    assert process.stdout is not None
    async for line in process.stdout:
        name, _, value = line.decode(errors="replace").strip().partition("=")
        if name == "out_time_us" and value.isdecimal():  # nothing yet is N/A
            progress(int(value) / 1e6)
    return b""


async def _errors(process: asyncio.subprocess.Process) -> bytes:
    """Read all it says, so that it never waits for us, and keep the beginning."""
    assert process.stderr is not None
    kept = b""
    while block := await process.stderr.read(1 << 14):
        kept += block[: _MAX_STDERR - len(kept)]
    return kept


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if process.returncode is None and sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill whatever is left of the group, and reap it even while we are being cancelled."""
    _kill(process)
    waiting = asyncio.ensure_future(_drained(process))
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await asyncio.wait([waiting])
        raise


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Read its pipes to their end: a full one that nobody reads would keep the event loop from noticing the death."""
    for pipe in (process.stdout, process.stderr):
        while pipe is not None and await pipe.read(1 << 18):
            pass
    await process.wait()

"""Running a program that works on what strangers made: it cannot outstay, outgrow or outreach its task.

Decoders are where media files do harm, so no picture or video is decoded in this process. A child gets limits, a bare
environment without our keys, and nothing but the pipes and the one file it is given.

How the limits reach the child: a `preexec_fn` runs Python between fork and exec, which can deadlock in a process with
threads, and a shell is not used. Linux sets them from the parent (`prlimit`) as soon as the child is there; on a busy
machine it may have begun by then. Other POSIX systems start through a one-line Python that limits itself and becomes
the program (macOS takes the limit of memory and does not keep it). Windows has the time and the size of what is written
only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from weakref import WeakKeyDictionary

from kling_tools.model.errors import MediaFailed

MAX_OUTPUT = 64 << 20
_MAX_STDERR = 4096
_FAREWELL = 5.0  # seconds: what fled its group and holds the pipes is not waited for longer
_ENVIRONMENT = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")
#: In the order of `Limits`; the last one is how much of a dead child's memory is written to the disk.
_NAMES = ("RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
LIMIT_SELF = """\
import os, resource as r, sys
names, most = sys.argv[1].split(), map(int, sys.argv[2].split())
for name, most in zip(names, most):
    try: r.setrlimit(getattr(r, name), (most, most))
    except (OSError, ValueError): pass
os.execv(sys.argv[3], sys.argv[3:])
"""

#: What a child reads: nothing, bytes, bytes that are made while it starts, or the open file with this descriptor.
Given = bytes | asyncio.Future[bytes] | int | None


class Turns:
    """Lets so many children of one kind work at once, in every event loop; the others wait before they are started."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._known: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def take(self) -> asyncio.Semaphore:
        """Return what is held while a child works."""
        return self._known.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._at_once))


@dataclass(frozen=True)
class Limits:
    """What a child may use at most: seconds of CPU, bytes of address space and of each file, open files."""

    cpu: int
    memory: int
    file: int
    files: int = 64
    core: int = 0


@dataclass(frozen=True)
class Ended:
    """A child that ended by itself or by its limits (`code` below 0): what it wrote, and the beginning of its words."""

    code: int
    output: bytes
    errors: bytes


async def run(
    command: Sequence[str],
    limits: Limits,
    *,
    name: str,
    timeout: float,
    given: Given = None,
    max_output: int,
    max_errors: int = _MAX_STDERR,
    hear: Callable[[bytes], None] | None = None,
) -> Ended:
    """Run a program to its end; `name` is for messages, `timeout` in seconds of wall time, also of what is made for it.

    Of its words the first `max_errors` bytes are kept. `hear` is told what it writes, in pieces, as it comes.

    Raises:
        OSError, ValueError: it cannot be started.
        MediaFailed: it took too long, or wrote more than `max_output` bytes.
    """
    try:
        process = await _started(command, limits, given)
    except BaseException:
        if isinstance(given, asyncio.Future):
            given.cancel()
        raise
    try:
        async with asyncio.timeout(timeout):
            reading, listening = _output(process, max_output, hear), _errors(process, max_errors)
            # All three are over before anything is said: nobody else may read these pipes meanwhile.
            fed, output, errors = await asyncio.gather(_fed(process, given), reading, listening)
            await process.wait()
    except TimeoutError as error:
        raise MediaFailed(f"{name} did not finish within {timeout:g} s.") from error
    finally:
        await _end(process)
    if fed is not None:
        raise fed
    if output is None:
        raise MediaFailed(f"{name} wrote more than {max_output} bytes.")
    return Ended(process.returncode or 0, output, errors)


async def _started(command: Sequence[str], limits: Limits, given: Given) -> asyncio.subprocess.Process:
    if sys.platform not in ("linux", "win32") and sys.executable:
        most = " ".join(map(str, astuple(limits)))
        command = [sys.executable, "-I", "-S", "-c", LIMIT_SELF, " ".join(_NAMES), most, *command]
    idle = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=idle if given is None else given if isinstance(given, int) else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,  # its own process group, which is killed whole
        creationflags=0x08000000 if sys.platform == "win32" else 0,  # no console window
    )
    _limit(process.pid, limits)
    return process


def _limit(pid: int, limits: Limits) -> None:
    if sys.platform == "linux":
        import resource

        for name, most in zip(_NAMES, astuple(limits), strict=True):
            with suppress(OSError, ValueError):  # it has already ended, or a stricter limit is in force
                resource.prlimit(pid, getattr(resource, name), (most, most))


async def _fed(process: asyncio.subprocess.Process, given: Given) -> Exception | None:
    """Write what it reads; return why that could not be made, and leave no process then."""
    if process.stdin is None or given is None or isinstance(given, int):
        return None
    try:
        data = given if isinstance(given, bytes) else await given
    except Exception as error:
        _kill(process)
        return error
    with suppress(BrokenPipeError, ConnectionResetError):  # it may have read enough
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()
    with suppress(BrokenPipeError, ConnectionResetError):
        await process.stdin.wait_closed()
    return None


async def _output(process: asyncio.subprocess.Process, most: int, hear: Callable[[bytes], None] | None) -> bytes | None:
    """Return what it writes; None, and no process, once that is more than `most` bytes."""
    assert process.stdout is not None
    blocks, size = [], 0
    while block := await process.stdout.read(1 << 18):
        size += len(block)
        if size <= most:
            blocks.append(block)
            if hear is not None:
                hear(block)
        else:
            _kill(process)
    return b"".join(blocks) if size <= most else None


async def _errors(process: asyncio.subprocess.Process, most: int) -> bytes:
    """Read all it says, so that it never waits for us, and keep the beginning."""
    assert process.stderr is not None
    kept = b""
    while block := await process.stderr.read(1 << 14):
        kept += block[: most - len(kept)]
    return kept


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill whatever is left of the group, and reap it even while we are being cancelled."""
    # A program may end and leave others behind. Once nobody holds its pipes, its number may be somebody else's.
    if process.returncode is None or not all(pipe is None or pipe.at_eof() for pipe in _pipes(process)):
        _kill(process)
    waiting = asyncio.ensure_future(_drained(process))
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await asyncio.wait([waiting])
        raise


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Read its pipes to their end: a full one that nobody reads would keep the event loop from noticing the death."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL):
            for pipe in _pipes(process):
                while pipe is not None and await pipe.read(1 << 18):
                    pass
            await process.wait()


def _pipes(process: asyncio.subprocess.Process) -> tuple[asyncio.StreamReader | None, ...]:
    return process.stdout, process.stderr

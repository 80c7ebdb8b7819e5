"""Finding ffmpeg and running it as a child that is held to its limits, on local files only.

It decodes files from strangers; what keeps it in its place is in `children`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.children import MAX_OUTPUT, Ended, Given, Limits, Turns, run
from kling_tools.model.errors import EncoderMissing, MediaFailed, quoted

_MEMORY = 4 << 30  # address space: ffmpeg reserves about 1 GB for its threads before it works
_FILE = 4 << 30
_BEFORE = ("-nostdin", "-hide_banner", "-nostats", "-loglevel")
_MAX_REMARKS = 1 << 20
#: Each takes two threads for a film; more of them would only be too late for each other's time limit.
_TURNS = Turns(max(2, (os.cpu_count() or 1) // 2))
_INPUT = ("-protocol_whitelist", "file,pipe", "-i")


def file_argument(path: Path) -> str:
    """Return a path that ffmpeg can read neither as an option nor as another protocol."""
    return f"file:{path.absolute()}"


@dataclass(frozen=True)
class Watched:
    """What a run of ffmpeg wrote, and what it remarked on the way: lines, the level of each in brackets."""

    output: bytes
    remarks: str


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
        stdin: Given = None,
        max_output: int = MAX_OUTPUT,
        progress: Callable[[float], None] | None = None,
    ) -> bytes:
        """Run ffmpeg and return its standard output. `timeout` in seconds, of wall time and of CPU time per core.

        Few run at a time. With `progress` it takes no turn, because it may take minutes; then the output is ffmpeg's
        own reports, and it is told how many seconds of the result are done.

        Raises:
            EncoderMissing: the program cannot be started.
            MediaFailed: it failed, took too long, or wrote more than `max_output` bytes.
        """
        if progress is None:
            async with _TURNS.take():
                return _checked(await self._run(["error", *args], timeout, stdin, max_output)).output
        reports = ["error", "-progress", "pipe:1", *args]
        return _checked(await self._run(reports, timeout, stdin, max_output, hear=_told(progress))).output

    async def watch(self, args: Sequence[str], *, timeout: float, max_output: int = MAX_OUTPUT) -> Watched:
        """Run ffmpeg as `run` does, and return also what its filters remarked.

        Raises:
            EncoderMissing, MediaFailed: as `run`; also where there is more to remark than of any real film.
        """
        async with _TURNS.take():
            ended = await self._run(["level+info", *args], timeout, None, max_output, max_errors=_MAX_REMARKS)
        _checked(ended)
        if len(ended.errors) >= _MAX_REMARKS:
            raise MediaFailed("ffmpeg has more to say about the file than about any real one.")
        return Watched(ended.output, ended.errors.decode(errors="replace"))

    async def _run(
        self,
        args: Sequence[str],
        timeout: float,
        given: Given,
        most: int,
        max_errors: int = 4096,
        hear: Callable[[bytes], None] | None = None,
    ) -> Ended:
        command = [self.path, *_BEFORE]
        for arg in args:
            command += _INPUT if arg == "-i" else (arg,)
        limits = Limits(cpu=int(timeout * (os.cpu_count() or 1)) + 1, memory=_MEMORY, file=_FILE)
        try:
            return await run(
                command,
                limits,
                name="ffmpeg",
                timeout=timeout,
                given=given,
                max_output=most,
                max_errors=max_errors,
                hear=hear,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "a bad argument"
            raise EncoderMissing(f"ffmpeg at {quoted(self.path, 160)} cannot be started: {reason}.") from error


def _told(progress: Callable[[float], None]) -> Callable[[bytes], None]:
    """Return what passes ffmpeg's reports on as they come."""
    begun = b""

    def hear(block: bytes) -> None:
        nonlocal begun
        *lines, begun = (begun + block).split(b"\n")
        for line in lines:
            name, _, value = line.decode(errors="replace").strip().partition("=")
            if name == "out_time_us" and value.isdecimal():  # nothing yet is N/A
                progress(int(value) / 1e6)

    return hear


def _checked(ended: Ended) -> Ended:
    if not ended.code:
        return ended
    # What was only remarked is no reason.
    lines = [line for line in ended.errors.decode(errors="replace").strip().splitlines() if "[info]" not in line]
    how = "was stopped by its limits" if ended.code < 0 else "could not read the file"
    raise MediaFailed(f"ffmpeg {how} ({quoted(chr(10).join(lines)) if lines else 'no reason given'}).")

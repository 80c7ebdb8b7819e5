"""Finding ffmpeg and running it as a child that is held to its limits, on local files only.

It decodes files from strangers; what keeps it in its place is in `children`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.children import MAX_OUTPUT, Given, Limits, run
from kling_tools.model.errors import EncoderMissing, MediaFailed, quoted

_MEMORY = 4 << 30  # address space: ffmpeg reserves about 1 GB for its threads before it works
_FILE = 4 << 30
_BEFORE = ("-nostdin", "-hide_banner", "-loglevel", "error")
_INPUT = ("-protocol_whitelist", "file,pipe", "-i")


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
        stdin: Given = None,
        max_output: int = MAX_OUTPUT,
    ) -> bytes:
        """Run ffmpeg and return its standard output. `timeout` in seconds, of wall time and of CPU time per core.

        Raises:
            EncoderMissing: the program cannot be started.
            MediaFailed: it failed, took too long, or wrote more than `max_output` bytes.
        """
        command = [self.path, *_BEFORE]
        for arg in args:
            command += _INPUT if arg == "-i" else (arg,)
        limits = Limits(cpu=int(timeout * (os.cpu_count() or 1)) + 1, memory=_MEMORY, file=_FILE)
        try:
            ended = await run(command, limits, name="ffmpeg", timeout=timeout, given=stdin, max_output=max_output)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "a bad argument"
            raise EncoderMissing(f"ffmpeg at {quoted(self.path, 160)} cannot be started: {reason}.") from error
        if ended.code:
            said = quoted(ended.errors.decode(errors="replace").strip()) if ended.errors.strip() else "no reason given"
            how = "was stopped by its limits" if ended.code < 0 else "could not read the file"
            raise MediaFailed(f"ffmpeg {how} ({said}).")
        return ended.output

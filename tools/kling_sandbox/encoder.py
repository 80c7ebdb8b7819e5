"""The encoder: ffmpeg as a child process with a limit on its time, and the words for when it is missing or gives up."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

LONGEST_SECONDS: Final = 180
HOW_TO_INSTALL: Final = "pip install 'kling-mcp[media]'"


class EncoderMissing(Exception):
    """What draws or encodes is not installed; the message says what and how to get it."""


class RenderFailed(Exception):
    """The encoder gave up."""


def find_ffmpeg() -> str:
    """Return an encoder's path: the one on PATH, else the one of imageio-ffmpeg, else ''."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return ""


def need_encoder(ffmpeg: str) -> None:
    """Raise EncoderMissing unless the encoder and Pillow are there."""
    if not ffmpeg or not Path(ffmpeg).exists():
        raise EncoderMissing(f"ffmpeg is missing, so the file cannot be drawn: {HOW_TO_INSTALL}")
    if find_spec("PIL") is None:
        raise EncoderMissing(f"Pillow is missing, so the file cannot be drawn: {HOW_TO_INSTALL}")


def encode(ffmpeg: str, arguments: Sequence[str], target: Path) -> Path:
    """Run ffmpeg with these arguments and the target behind them; only paths and numbers of ours belong in them."""
    command = [ffmpeg, "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments, str(target)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LONGEST_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RenderFailed(f"the simulated file could not be encoded: {type(error).__name__}") from error
    if done.returncode != 0 or not target.exists():
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RenderFailed(f"the simulated file could not be encoded: {reason[-1] if reason else done.returncode}")
    return target

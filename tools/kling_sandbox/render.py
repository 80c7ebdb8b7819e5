"""Result videos: real H.264 MP4 files with exactly the bought size, seconds and sound, made by ffmpeg as a child.

A camera moves over a picture (`zoompan`), the words lie still above it. Only numbers and file names of our own reach
the command line. A video is made once: whoever comes second, thread or process, finds the first one's file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kling_sandbox import rules
from kling_sandbox.config import SandboxConfig
from kling_sandbox.order import Order, Shot
from kling_sandbox.pictures import ELSEWHERE, Pictures
from kling_sandbox.tasks import Task

if TYPE_CHECKING:
    from PIL import Image

FPS: Final = 24
SHORT_SIDES: Final = {"720p": 720, "1080p": 1080, "4k": 2160}
LONGEST_RENDER_SECONDS: Final = 180
HOW_TO_INSTALL: Final = "pip install 'kling-mcp[media]'"


class EncoderMissing(Exception):
    """What draws or encodes is not installed; the message says what and how to get it."""


class RenderFailed(Exception):
    """The encoder gave up."""


@dataclass(frozen=True)
class Clip:
    """A stretch of the video: a picture, how long, and how far the camera goes in (or out, when negative)."""

    picture: Path
    seconds: float
    zoom: float
    drift: float


def find_ffmpeg() -> str:
    """Return an encoder's path: the one on PATH, else the one of imageio-ffmpeg, else ''."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return ""


def frame_size(resolution: str, ratio: float) -> tuple[int, int]:
    """Return even width and height: the short side is the resolution's, the long one follows the ratio."""
    short = SHORT_SIDES[resolution]
    long = round(short * max(ratio, 1 / ratio) / 2) * 2
    return (long, short) if ratio >= 1 else (short, long)


class Renderer:
    """Make and keep the videos of one state directory. Methods block and belong in a thread."""

    def __init__(self, config: SandboxConfig, pictures: Pictures) -> None:
        self._config = config
        self._pictures = pictures
        self._directory = config.state_dir / "videos"
        # One at a time: two encoders on two cores finish later than one after the other.
        self._turn = threading.Lock()

    def video(self, task: Task) -> Path:
        """Return the task's video file, making it when it is not there yet."""
        target = self._directory / f"{task.id}.mp4"
        if target.exists():
            return target
        with self._turn:
            if target.exists():
                return target
            if not self._config.ffmpeg or not Path(self._config.ffmpeg).exists():
                raise EncoderMissing(f"ffmpeg is missing, so the video cannot be drawn: {HOW_TO_INSTALL}")
            if find_spec("PIL") is None:
                raise EncoderMissing(f"Pillow is missing, so the video cannot be drawn: {HOW_TO_INSTALL}")
            self._directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".work-", dir=self._directory) as work:
                _publish(self._make(task.order, Path(work)), target)
        return target

    def _make(self, order: Order, work: Path) -> Path:
        size = frame_size(order.resolution, self._ratio(order))
        # Above 1080p the camera moves at 1080p and the result is enlarged: nobody studies the grain of a simulation.
        shrink = min(1.0, 1080 / min(size))
        pan = (round(size[0] * shrink / 2) * 2, round(size[1] * shrink / 2) * 2)
        # The camera steps by whole pixels of its source; a source larger than the frame hides the steps.
        factor = 2.0 if min(pan) <= 720 else 1.5
        canvas = (round(pan[0] * factor / 2) * 2, round(pan[1] * factor / 2) * 2)
        clips = self._clips(order, canvas, work)
        words = self._words(order, size, work)
        return _encode(self._config.ffmpeg, order, clips, words, pan, size, work)

    def _ratio(self, order: Order) -> float:
        from kling_sandbox.scene import image_ratio

        if order.aspect_ratio:
            wide, high = order.aspect_ratio.split(":")
            return int(wide) / int(high)
        if order.first_frame.startswith(ELSEWHERE):
            return 16 / 9
        return image_ratio(self._pictures.path(order.first_frame)) or 16 / 9

    def _clips(self, order: Order, canvas: tuple[int, int], work: Path) -> list[Clip]:
        source = order.first_frame or next(iter(order.refer_images), "")
        drift = _chance(order) / 255
        if order.last_frame:
            fade = _fade(order.seconds)
            first = self._draw(source, order.prompt, canvas, work / "first.ppm")
            last = self._draw(order.last_frame, order.prompt, canvas, work / "last.ppm")
            begins = (order.seconds - fade) / 2
            return [Clip(first, begins + fade, 0.08, 0.5), Clip(last, order.seconds - begins, -0.08, 0.5)]
        parts = order.shots or (Shot(index=1, seconds=order.seconds, text=order.prompt),)
        return [
            Clip(
                self._draw(source if place == 0 else "", shot.text, canvas, work / f"shot{place}.ppm"),
                shot.seconds,
                0.14 if place % 2 == 0 else -0.14,
                0.5 if source and place == 0 else drift,
            )
            for place, shot in enumerate(parts)
        ]

    def _draw(self, source: str, words: str, canvas: tuple[int, int], target: Path) -> Path:
        from kling_sandbox.scene import draw_placeholder, draw_scene, load_image

        picture: Image.Image | None = None
        if source.startswith(ELSEWHERE):
            picture = draw_placeholder(source.removeprefix(ELSEWHERE), canvas)
        elif source:
            picture = load_image(self._pictures.path(source), canvas)
        (picture or draw_scene(words, canvas)).save(target)
        return target

    def _words(self, order: Order, size: tuple[int, int], work: Path) -> list[Path]:
        from kling_sandbox.lettering import overlay

        label = rules.BY_NAME[order.model].label
        sound = "with sound" if order.sound == "native" else "silent"
        facts = f"{label}   ·   {size[0]} × {size[1]}   ·   {order.seconds} s   ·   {sound}"
        texts = [f"{shot.index}.  {shot.text}" for shot in order.shots] or [order.prompt]
        files = []
        for place, text in enumerate(texts):
            files.append(work / f"words{place}.png")
            overlay(size, text, facts).save(files[-1], compress_level=1)
        return files


def _encode(
    ffmpeg: str,
    order: Order,
    clips: Sequence[Clip],
    words: Sequence[Path],
    pan: tuple[int, int],
    size: tuple[int, int],
    work: Path,
) -> Path:
    target = work / "video.mp4"
    inputs = [arg for file in (*(clip.picture for clip in clips), *words) for arg in ("-i", str(file))]
    sound_at = len(clips) + len(words)
    command = [ffmpeg, "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *inputs]
    if order.sound == "native":
        command += ["-f", "lavfi", "-i", _tone(order)]
    command += ["-filter_complex_threads", "2", "-filter_complex", _graph(clips, len(words), pan, size, order)]
    command += ["-map", "[out]", "-c:v", "libx264", "-preset", "superfast" if min(size) <= 720 else "ultrafast"]
    command += ["-crf", "24", "-pix_fmt", "yuv420p", "-g", str(FPS * 2), "-threads", "2"]
    if order.sound == "native":
        command += ["-map", f"{sound_at}:a", "-c:a", "aac", "-b:a", "96k", "-ac", "2"]
    command += ["-t", str(order.seconds), "-movflags", "+faststart", "-map_metadata", "-1", str(target)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LONGEST_RENDER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RenderFailed(f"the simulated video could not be encoded: {type(error).__name__}") from error
    if done.returncode != 0 or not target.exists():
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RenderFailed(f"the simulated video could not be encoded: {reason[-1] if reason else done.returncode}")
    return target


def _graph(clips: Sequence[Clip], words: int, pan: tuple[int, int], size: tuple[int, int], order: Order) -> str:
    """Write the filter graph: each clip moves, gets its words if it has its own, and all are joined."""
    enlarge = f",scale={size[0]}:{size[1]}:flags=fast_bilinear" if pan != size else ""
    steps = [f"[{place}]{_camera(clip, pan)}{enlarge}[v{place}]" for place, clip in enumerate(clips)]
    last = len(clips) - 1
    if words > 1:
        steps += [f"[v{place}][{len(clips) + place}]overlay[w{place}]" for place in range(len(clips))]
        steps.append("".join(f"[w{place}]" for place in range(len(clips))) + f"concat=n={len(clips)}:v=1:a=0[out]")
        return ";".join(steps)
    joined = "[v0]"
    if last:
        fade = _fade(order.seconds)
        steps.append(f"[v0][v1]xfade=transition=fade:duration={fade}:offset={(order.seconds - fade) / 2}[joined]")
        joined = "[joined]"
    steps.append(f"{joined}[{len(clips)}]overlay[out]")
    return ";".join(steps)


def _camera(clip: Clip, pan: tuple[int, int]) -> str:
    frames = round(clip.seconds * FPS)
    eased = f"(0.5-0.5*cos(PI*on/{frames}))"
    zoom = f"1+{clip.zoom}*{eased}" if clip.zoom > 0 else f"1+{-clip.zoom}*(1-{eased})"
    return (
        f"format=yuv420p,zoompan=z='{zoom}':x='(iw-iw/zoom)*{clip.drift:.3f}':y='(ih-ih/zoom)*0.5'"
        f":d={frames}:s={pan[0]}x{pan[1]}:fps={FPS}"
    )


def _fade(seconds: int) -> float:
    return min(1.5, seconds * 0.3)


def _tone(order: Order) -> str:
    """Describe a quiet chord that swells slowly; its pitch belongs to the prompt."""
    root = 110 * 2 ** (_chance(order) % 12 / 12)
    parts = "+".join(
        f"{loud}*sin(2*PI*{root * step:.2f}*t)*(0.6+0.4*sin(2*PI*{slow}*t))"
        for step, loud, slow in ((1, 0.06, 0.11), (1.5, 0.04, 0.17), (2, 0.03, 0.23), (2.5, 0.02, 0.31))
    )
    ends = order.seconds - 0.6
    return f"aevalsrc={parts}:s=44100:d={order.seconds},afade=t=in:d=0.6,afade=t=out:st={ends}:d=0.6"


def _chance(order: Order) -> int:
    return hashlib.sha256(order.prompt.encode("utf-8", "replace")).digest()[0]


def _publish(made: Path, target: Path) -> None:
    """Put a finished file in place; whoever was first stays, so that a half-done download can go on."""
    try:
        os.link(made, target)
    except FileExistsError:
        return
    except OSError:  # a disk without hard links: the last one wins, still in one piece
        os.replace(made, target)

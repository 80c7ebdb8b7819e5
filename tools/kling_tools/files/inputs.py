"""A person's own pictures, videos and sounds, opened so that nothing else on the machine can be read through us.

Everything Kling would refuse in a picture or sound is refused here, before a byte leaves, with number and remedy; a
picture that only has to be converted is converted (`preparing`).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kling_tools.files.boxes import is_mp4, read_index
from kling_tools.files.heads import facts_of_head, known_sound, known_video
from kling_tools.files.mp4 import VideoFacts, container, video_facts
from kling_tools.files.opening import Opened, opened_inside, read_start
from kling_tools.files.preparing import picture_of
from kling_tools.files.sounds import BrokenSound, SoundFacts, read_sound, sniff_sound
from kling_tools.model.errors import BadMedia, MediaFailed
from kling_tools.model.inputs import SoundLimits, listed, megabytes, sound_problem
from kling_tools.model.media import ImageLimits, Medium, Source

_HEAD = 32
_BLOCK = 1 << 20
_MIMES = {"mp3": "audio/mpeg", "wav": "audio/wav", "m4a": "audio/mp4", "aac": "audio/aac"}
_HOME_FOLDERS = ("Desktop", "Downloads", "Pictures", "Videos", "Movies", "Music")


def default_roots(output_dir: Path, cwd: Path, home: Path) -> tuple[Path, ...]:
    """Return the directories that may be read when KLING_INPUT_ROOTS is not set."""
    roots = [output_dir]
    real = Path(os.path.realpath(cwd))
    if real not in (Path(real.anchor), Path(os.path.realpath(home))):
        roots.append(cwd)
    roots += [home / folder for folder in _HOME_FOLDERS if (home / folder).is_dir()]
    return tuple(dict.fromkeys(roots))


@dataclass(frozen=True)
class Clip:
    """A video on this machine: real path, bytes, "mp4" or "mov", and what it says about itself."""

    path: Path
    size: int
    kind: str
    facts: VideoFacts


@dataclass(frozen=True)
class Inputs:
    """The files a person lets us read: those below `roots`, and of those only pictures, videos and sounds.

    `ffmpeg` is the setting; it decodes what Pillow does not.
    """

    roots: tuple[Path, ...]
    ffmpeg: str = ""

    async def picture(self, path: Path, limits: ImageLimits, *, name: str = "image") -> Medium:
        """Return a picture that fits the limits, converted where it has to be. Relative paths start where we run.

        `name` is the argument's.

        Raises:
            BadMedia: missing, unreadable, outside the roots, not a picture, or of a size or shape Kling does not take.
        """
        async with _opened(path, self.roots, name) as file:
            return await picture_of(file, limits, name, self.ffmpeg)

    async def sound(self, path: Path, limits: SoundLimits, *, name: str = "audio") -> Medium:
        """Return a sound that fits the limits, with its length in seconds; `name` is the argument's.

        Raises:
            BadMedia: missing, unreadable, outside the roots, no sound, or of a size or length Kling does not take.
        """
        return await asyncio.to_thread(_sound, path, self.roots, limits, name)

    async def clip(self, path: Path, *, name: str = "video") -> Clip:
        """Return what a local video tells about itself; `name` is the argument's. Nothing is compared to limits.

        Raises:
            BadMedia: missing, unreadable, outside the roots, no MP4 or MOV, cut off or damaged.
        """
        return await asyncio.to_thread(_clip, path, self.roots, name)

    async def film(self, path: Path, most: int, *, name: str = "video") -> Medium:
        """Return a whole video of at most `most` bytes, to be sent up; `name` is the argument's.

        Raises:
            BadMedia: missing, unreadable, outside the roots, no MP4 or MOV, damaged, or larger than that.
        """
        return await asyncio.to_thread(_whole_film, path, self.roots, most, name)

    async def known(self, path: Path, *, name: str) -> Source:
        """Return what a file tells of itself, whatever kind it is of; nothing is decoded or compared to limits.

        Raises:
            BadMedia: missing, unreadable, outside the roots, no picture, video or sound, or cut off.
        """
        return await asyncio.to_thread(_known, path, self.roots, name)

    async def video(self, path: Path) -> Path:
        """Return the real path of an MP4 or MOV video below the roots.

        Raises:
            BadMedia: missing, unreadable, outside the roots, or no such video.
        """
        return await asyncio.to_thread(_video, path, self.roots)


@asynccontextmanager
async def _opened(path: Path, roots: tuple[Path, ...], name: str) -> AsyncIterator[Opened]:
    """Open a file as `opened_inside` does; when cancelled meanwhile, close what was opened all the same."""
    with ExitStack() as stack:
        opening = asyncio.ensure_future(asyncio.to_thread(stack.enter_context, opened_inside(path, roots, name)))
        try:
            yield await asyncio.shield(opening)
        finally:
            await asyncio.wait([opening])


def _video(path: Path, roots: tuple[Path, ...]) -> Path:
    with opened_inside(path, roots, "video") as file:
        if not is_mp4(read_start(file, _HEAD, "video")):
            raise BadMedia("The file for video is no MP4 or MOV video.", advice="Convert it to MP4.")
        return file.path


def _known(path: Path, roots: tuple[Path, ...], name: str) -> Source:
    with opened_inside(path, roots, name) as file:
        head = read_start(file, _BLOCK, name)
        found = facts_of_head(head, file.size) if not is_mp4(head) else None
        if found is not None and found.kind == "image":
            return found
        if is_mp4(head) and sniff_sound(head) != "m4a" and not _is_sound(file):
            return known_video(container(head), _film(file, name), file.size)
        if not is_mp4(head) and not sniff_sound(head):
            raise BadMedia(f"The file for {name} is no picture, video or sound.", advice="Pass another file.")
        with _again(file) as again:
            facts = _heard(again, name)
        return known_sound(facts.kind, facts.seconds, file.size)


def _clip(path: Path, roots: tuple[Path, ...], name: str) -> Clip:
    with opened_inside(path, roots, name) as file:
        head = read_start(file, _HEAD, name)
        if not is_mp4(head):
            raise BadMedia(f"The file for {name} is no MP4 or MOV video.", advice="Convert it to MP4.")
        return Clip(file.path, file.size, container(head), _film(file, name))


def _whole_film(path: Path, roots: tuple[Path, ...], most: int, name: str) -> Medium:
    with opened_inside(path, roots, name) as file:
        head = read_start(file, _HEAD, name)
        if not is_mp4(head):
            raise BadMedia(f"The file for {name} is no MP4 or MOV video.", advice="Convert it to MP4.")
        facts = _film(file, name)
        data = read_start(file, most + 1, name)
    if len(data) > most:
        raise BadMedia(
            f"The video for {name} has more than {megabytes(most)}, the most that can be sent up.",
            advice="Save it smaller, or pass an https address.",
        )
    return Medium(
        kind="video",
        data=data,
        width=facts.width or 0,
        height=facts.height or 0,
        seconds=facts.seconds or 0.0,
        mime="video/quicktime" if container(head) == "mov" else "video/mp4",
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _film(file: Opened, name: str) -> VideoFacts:
    try:
        with _again(file) as film:
            return video_facts(read_index(film, file.size))
    except (MediaFailed, OSError) as error:
        reason = error.message if isinstance(error, MediaFailed) else "It cannot be read."
        raise BadMedia(f"The file for {name} is no whole video. {reason}", advice="Save it again.") from error


def _is_sound(file: Opened) -> bool:
    """Whether a file of boxes has a sound and no pictures; a broken one is for others to complain about."""
    try:
        with _again(file) as film:
            index = read_index(film, file.size)
    except (MediaFailed, OSError):
        return False
    return index.first(b"vide") is None and index.first(b"soun") is not None


def _heard(source: bytes | BinaryIO, name: str) -> SoundFacts:
    try:
        return read_sound(source)
    except BrokenSound as error:
        advice = "Save it again or use another sound."
        raise BadMedia(f"The file for {name} cannot be used: {error}.", advice=advice) from error


def _again(file: Opened) -> BinaryIO:
    """Return the file that was checked, by its descriptor: its name may lead elsewhere by now."""
    return os.fdopen(os.dup(file.fd), "rb")


def _sound(path: Path, roots: tuple[Path, ...], limits: SoundLimits, name: str) -> Medium:
    with opened_inside(path, roots, name) as file:
        head = read_start(file, _HEAD, name)
        if not sniff_sound(head) and not is_mp4(head):
            takes = listed(limits.formats)
            raise BadMedia(f"The content of the file for {name} is no sound.", advice=f"Kling takes {takes}.")
        if file.size > limits.max_bytes:
            raise _too_much(file.size, limits, name)
        data = read_start(file, limits.max_bytes + 1, name)
    if len(data) > limits.max_bytes:  # it grew since it was measured
        raise _too_much(len(data), limits, name)
    facts = _heard(data, name)
    if problem := sound_problem(limits, seconds=None, size=None, kind=facts.kind, name=name):
        raise BadMedia(problem, advice=f"Convert it to {listed(limits.formats)}.")
    if problem := sound_problem(limits, seconds=facts.seconds, size=None, kind=None, name=name):
        raise BadMedia(problem, advice="Use a longer sound." if facts.seconds < limits.min_seconds else "Cut it.")
    return Medium(
        kind="audio",
        data=data,
        seconds=facts.seconds,
        mime=_MIMES[facts.kind],
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _too_much(size: int, limits: SoundLimits, name: str) -> BadMedia:
    problem = sound_problem(limits, seconds=None, size=size, kind=None, name=name)
    return BadMedia(problem or "", advice="Save it as MP3 or M4A, or cut it.")

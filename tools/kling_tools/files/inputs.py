"""A person's own pictures and videos, opened so that nothing else on the machine can be read through us.

Everything Kling would refuse in a picture is refused here, before a byte leaves, with the number and the remedy.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.mp4 import is_mp4
from kling_tools.files.opening import Opened, opened_inside
from kling_tools.files.pictures import Damaged, Header, read_header, sniff
from kling_tools.model.errors import BadMedia
from kling_tools.model.media import ImageLimits, Picture

MAX_PIXELS = 50_000_000  # measured: 169 Mpx in a 493 kB PNG took 669 MB to decode
_HEAD = 32
_BLOCK = 1 << 20
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
class Inputs:
    """The files a person lets us read: those below `roots`, and of those only pictures and videos."""

    roots: tuple[Path, ...]

    async def picture(self, path: Path, limits: ImageLimits, *, name: str = "image") -> Picture:
        """Return a picture that fits the limits; `name` is the argument's. Relative paths start where we run.

        Raises:
            BadMedia: missing, unreadable, outside the roots, not a picture, or of a size or shape Kling does not take.
        """
        return await asyncio.to_thread(_picture, path, self.roots, limits, name)

    async def video(self, path: Path) -> Path:
        """Return the real path of an MP4 or MOV video below the roots.

        Raises:
            BadMedia: missing, unreadable, outside the roots, or no such video.
        """
        return await asyncio.to_thread(_video, path, self.roots)


def _video(path: Path, roots: tuple[Path, ...]) -> Path:
    with opened_inside(path, roots, "video") as file:
        if not is_mp4(_read(file, _HEAD, "video")):
            raise BadMedia("The file for video is no MP4 or MOV video.", advice="Convert it to MP4.")
        return file.path


def _picture(path: Path, roots: tuple[Path, ...], limits: ImageLimits, name: str) -> Picture:
    with opened_inside(path, roots, name) as file:
        kind = _format(_read(file, _HEAD, name), limits, name)
        if file.size > limits.max_bytes:
            raise _too_large(file.size, limits, name)
        data = _read(file, limits.max_bytes + 1, name)
    if len(data) > limits.max_bytes:  # it grew since it was measured
        raise _too_large(len(data), limits, name)
    try:
        header = read_header(data, kind)
    except Damaged as error:
        raise _damaged(name, str(error)) from error
    _check_sides(header, limits, name)
    if not header.whole:
        raise _damaged(name, "its end is missing")
    _decode(data, kind, header, name)
    return Picture(
        data=data,
        width=header.shown[0],
        height=header.shown[1],
        mime=f"image/{kind}",
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _read(file: Opened, most: int, name: str) -> bytes:
    """Return the file's first `most` bytes."""
    blocks, left = [], most
    try:
        os.lseek(file.fd, 0, os.SEEK_SET)
        while left > 0 and (block := os.read(file.fd, min(left, _BLOCK))):
            blocks.append(block)
            left -= len(block)
    except OSError as error:
        raise BadMedia(f"The file for {name} cannot be read: {error.strerror}.", advice="Check the disk.") from error
    return b"".join(blocks)


def _format(head: bytes, limits: ImageLimits, name: str) -> str:
    kind = sniff(head)
    if kind in limits.formats:
        return kind
    takes = " and ".join(word.upper() for word in limits.formats)
    if not head:
        raise BadMedia(f"The file for {name} is empty.", advice="Use another picture.")
    if kind == "video":
        raise BadMedia(f"The file for {name} is a video.", advice="Pass a picture, or the task id of a result.")
    if kind:
        what = kind.upper() if kind.islower() else kind
        raise BadMedia(f"The file for {name} is a {what} file; Kling takes {takes}.", advice=f"Convert it to {takes}.")
    raise BadMedia(f"The content of the file for {name} is no picture.", advice=f"Kling takes {takes}.")


def _check_sides(header: Header, limits: ImageLimits, name: str) -> None:
    width, height = header.shown
    size = f"The file for {name} is {width}x{height} px"
    if width * height > MAX_PIXELS:
        raise BadMedia(f"{size}; at most {MAX_PIXELS // 10**6} megapixels are opened.", advice="Use a smaller picture.")
    if min(width, height) < limits.min_side:
        least = f"Kling needs at least {limits.min_side} px on each side"
        raise BadMedia(f"{size}; {least}.", advice="Use a larger picture.")
    if max(width, height) > limits.max_ratio * min(width, height):
        most = f"{limits.max_ratio:g}"
        raise BadMedia(f"{size}; Kling takes ratios from 1:{most} to {most}:1.", advice="Crop the picture.")


def _decode(data: bytes, kind: str, header: Header, name: str) -> None:
    """Decode every pixel where Pillow is installed: `verify()` passes a JPEG that is cut in half."""
    try:
        from PIL import Image
    except ImportError:
        return
    from io import BytesIO

    try:
        with Image.open(BytesIO(data), formats=(kind.upper(),)) as image:
            # The bomb limit as an error: Pillow's own is a process-wide warning, and no thread can turn it alone.
            sound = image.size == header.stored
            if sound:
                image.draft("RGB", (1, 1))  # all of a JPEG's data is read, at an eighth of its sides
                image.load()
    except Exception as error:  # on hostile data Pillow raises whatever the broken part leads to
        raise _damaged(name, "it cannot be decoded") from error
    if not sound:
        raise _damaged(name, "its parts contradict each other")


def _damaged(name: str, reason: str) -> BadMedia:
    return BadMedia(f"The file for {name} is damaged: {reason}.", advice="Save it again or use another picture.")


def _too_large(size: int, limits: ImageLimits, name: str) -> BadMedia:
    return BadMedia(
        f"The file for {name} has {_megabytes(size)}; Kling takes at most {_megabytes(limits.max_bytes)}.",
        advice="Save it smaller, for example as JPEG.",
    )


def _megabytes(size: int) -> str:
    return f"{math.ceil(size / 1e5) / 10:g} MB"  # rounded up, so that too large never reads like just right

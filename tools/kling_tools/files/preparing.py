"""A person's picture made into one that Kling takes: what fits goes as it is, the rest is converted, and that is told.

Nothing that changes what is seen happens here: another format, fewer pixels where a limit asks for it, and upright,
because nobody has said that Kling heeds the camera's mark for that. A wrong shape is refused: what to crop is not for
us to choose. The same file gives the same picture, so that a task that is sent later sends what was decided.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import sys
from dataclasses import dataclass

from kling_tools.files import decoding
from kling_tools.files.decoding import MAX_PIXELS, MAX_SOURCE, Still, Undecoded
from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.opening import Opened, read_start
from kling_tools.files.pictures import MEASURED, Damaged, Header, bare, heif_profile, read_header, sniff
from kling_tools.model.errors import BadMedia, EncoderMissing, MediaFailed, quoted
from kling_tools.model.inputs import listed, megabytes
from kling_tools.model.media import ImageLimits, Medium

#: Of a JPEG, which is decoded small at once.
MAX_DRAFTED = 200_000_000
_HEAD = 1 << 20
_RAW = 200 << 20  # a PNG of 50 megapixels, hardly packed
_TIMEOUT = 30.0
#: By the name that `sniff` has for it; what ffmpeg decodes is not among them.
_CONVERTED = frozenset({"jpeg", "png", "WebP", "AVIF", "GIF", "BMP", "TIFF"})
_GET_MEDIA = "pip install 'kling-mcp[media]'"
_ANOTHER = "Use another picture."


@dataclass(frozen=True)
class _Asked:
    """A file that is to become a picture: what it is by its content, what it says of itself, and what is taken."""

    file: Opened
    kind: str
    header: Header | None
    limits: ImageLimits
    name: str
    ffmpeg: str


async def picture_of(file: Opened, limits: ImageLimits, name: str, ffmpeg: str = "") -> Medium:
    """Return an open file as a picture within the limits; `name` is the argument's, `ffmpeg` the setting.

    Raises:
        BadMedia: no picture, damaged, too large to be opened, or of a size or shape that Kling does not take.
    """
    head = await asyncio.to_thread(read_start, file, _HEAD, name)
    kind = _kind(head, limits, name)
    header = _header(head, kind, name)
    if header is not None:
        _check_shape(header.shown, limits, name)
        _check_pixels(header.stored, MAX_DRAFTED if kind == "jpeg" else MAX_PIXELS, name)
    asked = _Asked(file, kind, header, limits, name, ffmpeg)
    if kind in limits.formats and file.size <= limits.max_bytes:
        whole = await _as_it_is(asked, head)
        if whole is not None:
            return whole
    return await _converted(asked, head)


def _kind(head: bytes, limits: ImageLimits, name: str) -> str:
    """Return the format of what may become a picture."""
    kind, takes = sniff(head[:32]), listed(limits.formats)
    if kind in _CONVERTED or kind == "HEIC":
        return kind
    if not head:
        raise BadMedia(f"The file for {name} is empty.", advice=_ANOTHER)
    if kind == "video":
        raise BadMedia(f"The file for {name} is a video.", advice="Pass a picture, or the task id of a result.")
    if kind:
        raise BadMedia(f"The file for {name} is a {kind} file; Kling takes {takes}.", advice=f"Convert it to {takes}.")
    raise BadMedia(f"The content of the file for {name} is no picture.", advice=f"Kling takes {takes}.")


def _header(head: bytes, kind: str, name: str) -> Header | None:
    """Return what the beginning says, where we can read that and it is there."""
    if kind not in MEASURED:
        return None
    try:
        return read_header(head, kind)
    except (Damaged, struct.error) as error:
        if len(head) < _HEAD or kind != "jpeg":
            raise _damaged(name, str(error)) from error
        return None  # a camera may put a megabyte of its own before the picture


def _check_shape(sides: tuple[int, int], limits: ImageLimits, name: str) -> None:
    size = f"The file for {name} is {sides[0]}x{sides[1]} px"
    if min(sides) < limits.min_side:
        least = f"Kling needs at least {limits.min_side} px on each side"
        raise BadMedia(f"{size}; {least}.", advice="Use a larger picture.")
    if max(sides) > limits.max_ratio * min(sides):
        most = f"{limits.max_ratio:g}"
        raise BadMedia(f"{size}; Kling takes ratios from 1:{most} to {most}:1.", advice="Crop the picture.")


def _check_pixels(sides: tuple[int, int], most: int, name: str) -> None:
    if sides[0] * sides[1] > most:
        told = f"The file for {name} is {sides[0]}x{sides[1]} px; at most {most // 10**6} megapixels are opened."
        raise BadMedia(told, advice="Use a smaller picture.")


async def _as_it_is(asked: _Asked, head: bytes) -> Medium | None:
    """Return the file's own bytes where they can be sent, every pixel of them decoded once; None where they cannot.

    Where it was taken, when and with what stays here, as it does with pictures that are converted.
    """
    limits, name = asked.limits, asked.name
    data = await asyncio.to_thread(read_start, asked.file, limits.max_bytes + 1, name)
    if len(data) > limits.max_bytes:  # it grew since it was measured
        return None
    try:
        header = read_header(data, asked.kind)
    except (Damaged, struct.error) as error:
        raise _damaged(name, str(error)) from error
    _check_shape(header.shown, limits, name)
    if not header.whole:
        raise _damaged(name, "its end is missing")
    able = decoding.can_decode()
    if (header.turned and able) or header.stored[0] * header.stored[1] > MAX_PIXELS:
        return None
    if able:
        try:
            await decoding.verify(data, asked.kind, header.stored)
        except (Undecoded, MediaFailed) as error:
            raise _refusal(error, asked) from error
    digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    width, height = header.shown
    if not header.turned:  # or nobody would know how it is to be turned
        data = bare(data, asked.kind)
    return Medium(data=data, width=width, height=height, mime=f"image/{asked.kind}", sha256=digest)


async def _converted(asked: _Asked, head: bytes) -> Medium:
    limits, name = asked.limits, asked.name
    if asked.file.size > MAX_SOURCE:
        has, most = megabytes(asked.file.size), megabytes(MAX_SOURCE)
        raise BadMedia(f"The file for {name} has {has}; at most {most} are opened.", advice="Save it smaller.")
    if not decoding.can_decode():
        raise _unable(asked)
    try:
        if asked.kind == "HEIC":
            still = await _of_heic(asked, heif_profile(head))
        else:
            os.lseek(asked.file.fd, 0, os.SEEK_SET)
            still = await _still(asked, asked.file.fd, asked.kind)
    except (Undecoded, MediaFailed) as error:
        raise _refusal(error, asked) from error
    _check_shape(still.sides, limits, name)
    width, height = still.sides
    return Medium(
        data=still.data,
        width=width,
        height=height,
        mime=f"image/{still.kind}",
        sha256=still.sha256,
        note=_note(asked, still),
    )


async def _still(asked: _Asked, source: bytes | int, kind: str, profile: bytes = b"") -> Still:
    limits = asked.limits
    return await decoding.make_still(
        source,
        kind,
        formats=limits.formats,
        max_bytes=limits.max_bytes,
        least=limits.min_side,
        profile=profile,
    )


async def _of_heic(asked: _Asked, profile: bytes) -> Still:
    """Return a HEIC, which ffmpeg decodes and turns upright; of one in tiles an old ffmpeg shows only the first."""
    try:
        encoder = Encoder.find(asked.ffmpeg)
    except EncoderMissing:
        raise _unable(asked) from None
    os.lseek(asked.file.fd, 0, os.SEEK_SET)
    # What was checked is read, by its descriptor; Windows has no name for that.
    name, given = (file_argument(asked.file.path), None) if sys.platform == "win32" else ("/dev/fd/0", asked.file.fd)
    args = ["-xerror", "-f", "mov", "-threads", "2", "-i", name, "-frames:v", "1", "-pix_fmt", "rgb24", "-c:v", "png"]
    args += ["-compression_level", "1", "-f", "image2pipe", "pipe:1"]
    png = await encoder.run(args, timeout=_TIMEOUT, stdin=given, max_output=_RAW)
    sides = read_header(png, "png").stored if sniff(png[:32]) == "png" else (0, 0)
    assert asked.header is not None
    if sides not in (asked.header.stored, asked.header.stored[::-1]):
        told = f"The file for {asked.name} is a HEIC picture that this ffmpeg cannot put together."
        raise BadMedia(told, advice=f"Convert it to JPEG, or get a newer one: {_GET_MEDIA}.")
    still = await _still(asked, png, "png", profile)
    digest = await asyncio.to_thread(_digest, asked.file.fd)
    return Still(still.data, still.kind, still.sides, asked.header.stored, digest)


def _digest(fd: int) -> str:
    with os.fdopen(os.dup(fd), "rb") as file:
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note(asked: _Asked, still: Still) -> str:
    """Return what was done to a picture, in one sentence."""
    old, new = (f"{sides[0]}x{sides[1]}" for sides in (still.stored, still.sides))
    kind = asked.kind.upper()
    done = [f"converted from {kind} to {still.kind.upper()}" if kind != still.kind.upper() else "saved again"]
    if asked.header is not None and asked.header.turned:
        done.append("turned upright")
    if old != new:
        done.append(f"{old} -> {new} px")
    if asked.file.size > asked.limits.max_bytes:
        done.append(f"{megabytes(asked.file.size)} -> {megabytes(len(still.data))}")
    return f"{quoted(asked.file.path.name, 80)}: {', '.join(done)}."


def _unable(asked: _Asked) -> BadMedia:
    """Return why a picture cannot be made to fit here, and how to get what is missing."""
    limits, kind = asked.limits, asked.kind.upper()
    takes = listed(limits.formats)
    if asked.kind not in limits.formats:
        problem = f"is a {kind} file; Kling takes {takes}"
    elif asked.file.size > limits.max_bytes:
        problem = f"has {megabytes(asked.file.size)}; Kling takes at most {megabytes(limits.max_bytes)}"
    else:
        problem = f"has more than {MAX_PIXELS // 10**6} megapixels"
    advice = f"Convert it to {takes}, or have that done here: {_GET_MEDIA}."
    return BadMedia(f"The file for {asked.name} {problem}.", advice=advice)


def _refusal(error: Undecoded | MediaFailed, asked: _Asked) -> BadMedia:
    """Return what stopped the decoder, in a sentence."""
    name, shown = asked.name, f"The file for {asked.name}"
    if not isinstance(error, Undecoded):
        return BadMedia(f"{shown} cannot be decoded. {error.message}", advice=_ANOTHER)
    match error.word, error.figures:
        case "contradiction", _:
            return _damaged(name, "its parts contradict each other")
        case "pixels", {"sides": [int(width), int(height)]}:
            most = f"at most {MAX_PIXELS // 10**6} megapixels are opened"
            return BadMedia(f"{shown} is {width}x{height} px; {most}.", advice="Use a smaller picture.")
        case "moving", {"pictures": int(number)}:
            told = f"{shown} is an animation of {number} pictures; Kling takes a still one."
            return BadMedia(told, advice="Save the one that is meant as JPEG or PNG.")
        case "memory", _:
            return BadMedia(f"{shown} takes too much memory to be opened.", advice="Use a smaller picture.")
        case "depth", _:
            return BadMedia(f"{shown} has colours in floating point.", advice="Save it with 8 bits a colour.")
        case "transparent", _:
            takes = listed(asked.limits.formats)
            return BadMedia(f"{shown} is transparent; Kling takes {takes} here.", advice="Put it on a ground.")
        case "bytes" | "size", _:
            most = megabytes(asked.limits.max_bytes)
            return BadMedia(
                f"{shown} cannot be brought to {most}, which Kling takes at most.", advice="Make it smaller."
            )
    return _damaged(name, "it cannot be decoded")


def _damaged(name: str, reason: str) -> BadMedia:
    return BadMedia(f"The file for {name} is damaged: {reason}.", advice="Save it again or use another picture.")

"""Pictures of results, for an agent that cannot play or open them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.mp4 import VideoFacts, read_facts
from kling_tools.files.opening import open_regular
from kling_tools.files.picture_sheet import picture_sheet, picture_sides
from kling_tools.files.preview import HIGH, LOW, WHOLE, contact_sheet, frame_at, side_by_side
from kling_tools.files.screening import Heard, Screened, screen
from kling_tools.files.waveform import listened, waveform
from kling_tools.jobs.orders import Orders
from kling_tools.model.errors import BadMedia, EncoderMissing
from kling_tools.model.inputs import megabytes
from kling_tools.model.media import FileRef, TaskRef, parse_media
from kling_tools.model.requests import ViewVideo

#: In pixels: of pictures that nobody sees.
_LEAST_CELL = (16, 16)


@dataclass(frozen=True)
class Film:
    """A file that was looked at; sides in pixels, those of its picture where it is no video.

    `facts` where it is a video, `seen` where that was gone through, `heard` where there was something to hear.
    """

    path: Path
    size: int
    seconds: float | None
    width: int
    height: int
    facts: VideoFacts | None = None
    seen: Screened | None = None
    heard: Heard | None = None
    codec: str = ""
    simulated: bool = False


@dataclass(frozen=True)
class Look:
    """A picture of one result, or of two; `times` in seconds, `pictures` how many finished pictures there are.

    It shows "nothing", and is empty, where none was asked for.
    """

    shows: Literal["sheet", "frame", "pictures", "side_by_side", "waveform", "nothing"]
    jpeg: bytes
    film: Film
    times: tuple[float, ...] = ()
    pictures: int = 0
    compared: Film | None = None


@dataclass(frozen=True)
class _Subject:
    """What is to be looked at: files of one kind, whether simulated."""

    kind: Literal["video", "pictures", "sound"]
    paths: tuple[Path, ...]
    simulated: bool = False

    @property
    def path(self) -> Path:
        return self.paths[0]


async def look(request: ViewVideo, orders: Orders, ffmpeg: str, *, draw: bool = True) -> Look:
    """Draw a contact sheet, one frame, two films side by side, a sound, or the pictures of a finished task.

    Without `draw` it is only looked at: what is found is the same.

    Raises:
        UnknownTask, BadMedia: there is no such file. EncoderMissing, MediaFailed: it cannot be drawn.
    """
    ref = TaskRef(request.task_id) if request.task_id else parse_media(request.video or "")
    first = await _subject(ref, orders)
    second = await _subject(parse_media(request.compare_with), orders) if request.compare_with is not None else None
    if not draw:
        return await _undrawn(request, first, second, ffmpeg)
    if second is not None:
        return await _both(request, first, second, ffmpeg)
    match first.kind:
        case "pictures":
            return await _pictures(request, first, ffmpeg)
        case "sound":
            return await _sound(first, Encoder.find(ffmpeg))
        case "video":
            return await _video(request, first, Encoder.find(ffmpeg))


async def _subject(ref: object, orders: Orders) -> _Subject:
    if isinstance(ref, TaskRef):
        task, output = await orders.output(ref)
        if output.kind in {"audio", "voice"}:
            return _Subject("sound", (await orders.output_path(ref),), task.simulated)
        if output.kind == "video":
            return _Subject("video", (await orders.output_path(ref),), task.simulated)
        return _Subject("pictures", tuple(Path(o.path) for o in task.outputs if o.path), task.simulated)
    if isinstance(ref, FileRef):
        return _Subject("video", (await orders.inputs.video(ref.path),))
    raise BadMedia("Only a video on this machine can be looked at.", advice="Pass a task id or a path.")


async def _film(subject: _Subject) -> tuple[Film, VideoFacts]:
    facts = await asyncio.to_thread(read_facts, subject.path)
    size = await asyncio.to_thread(_size, subject.path)
    film = Film(
        subject.path,
        size,
        facts.seconds,
        facts.width,
        facts.height,
        facts,
        codec=facts.codec,
        simulated=subject.simulated,
    )
    return film, facts


async def video_bytes(orders: Orders, task_id: str, most: int) -> bytes:
    """Return a finished task's video, if it has at most so many bytes.

    Raises:
        UnknownTask, BadMedia: there is none, or it is larger.
    """
    ref = TaskRef(task_id)
    task, output = await orders.output(ref)
    if output.kind != "video":
        raise BadMedia(f"Task {task.id} made no video.", advice=f"Its file is {output.path}.")
    return await asyncio.to_thread(_bytes, await orders.output_path(ref), most)


def _bytes(path: Path, most: int) -> bytes:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            size, data = os.fstat(file.fileno()).st_size, file.read(most + 1)
    except OSError as error:
        raise BadMedia(f"{path} cannot be read: {error.strerror}.", advice="Check the disk.") from error
    if len(data) > most:
        raise BadMedia(
            f"The video has {megabytes(size)}; up to {megabytes(most)} are handed over.",
            advice=f"Open it where it is: {path}.",
        )
    return data


def _size(path: Path) -> int:
    return path.stat().st_size


async def _video(request: ViewVideo, subject: _Subject, encoder: Encoder) -> Look:
    film, facts = await _film(subject)
    fine = request.detail == "high"
    at = _at(request, facts)
    if at is None:
        size = HIGH if fine else LOW
        sheet = await contact_sheet(encoder, subject.path, facts, frames=request.frames, size=size)
        return Look("sheet", sheet.jpeg, _screened(film, sheet.films[0]), sheet.times)
    frame = await frame_at(encoder, subject.path, at, size=WHOLE if fine else LOW)
    return Look("frame", frame.jpeg, film, (frame.at,))


def _at(request: ViewVideo, facts: VideoFacts) -> float | None:
    at = request.at_seconds
    if at is not None and facts.seconds and at > facts.seconds:
        raise BadMedia(f"The video is {facts.seconds:.1f} s long; there is no frame at {at:g} s.")
    return at


def _screened(film: Film, seen: Screened) -> Film:
    # A file that does not tell its length is as long as what was found in it.
    return replace(film, seen=seen, heard=seen.heard, seconds=film.seconds or seen.frames[-1][0])


async def _both(request: ViewVideo, first: _Subject, second: _Subject, ffmpeg: str) -> Look:
    if first.kind == second.kind == "pictures":
        return await _pictures(request, _together(first, second), ffmpeg)
    _comparable(first, second)
    (a, a_facts), (b, b_facts) = await _film(first), await _film(second)
    sheet = await side_by_side(
        Encoder.find(ffmpeg),
        (first.path, a_facts),
        (second.path, b_facts),
        frames=request.frames,
        size=HIGH if request.detail == "high" else LOW,
    )
    films = [_screened(film, seen) for film, seen in zip((a, b), sheet.films, strict=True)]
    return Look("side_by_side", sheet.jpeg, films[0], sheet.times, compared=films[1])


def _comparable(first: _Subject, second: _Subject) -> None:
    if first.kind == "sound" or first.kind != second.kind:
        raise BadMedia("Only two videos, or two tasks that made pictures, can be compared.")


def _together(first: _Subject, second: _Subject) -> _Subject:
    return replace(first, paths=first.paths[:8] + second.paths[:8])


async def _pictures(request: ViewVideo, subject: _Subject, ffmpeg: str) -> Look:
    try:
        encoder = Encoder.find(ffmpeg)
    except EncoderMissing:  # Pillow does without
        encoder = None
    sheet = await picture_sheet(subject.paths, encoder=encoder, size=HIGH if request.detail == "high" else LOW)
    size = await asyncio.to_thread(_size, subject.path)
    film = Film(subject.path, size, None, sheet.width, sheet.height, simulated=subject.simulated)
    return Look("pictures", sheet.jpeg, film, pictures=len(subject.paths))


async def _sound(subject: _Subject, encoder: Encoder) -> Look:
    drawn = await waveform(encoder, subject.path)
    facts = drawn.facts
    film = Film(
        subject.path,
        facts.size,
        facts.seconds,
        drawn.width,
        drawn.height,
        heard=drawn.heard,
        codec=facts.kind,
        simulated=subject.simulated,
    )
    return Look("waveform", drawn.jpeg, film)


async def _undrawn(request: ViewVideo, first: _Subject, second: _Subject | None, ffmpeg: str) -> Look:
    """Return what is found in the files, for a host that has no use for pictures."""
    if second is not None:
        _comparable(first, second)
    if first.kind == "pictures":
        subject = first if second is None else _together(first, second)
        width, height = await asyncio.to_thread(picture_sides, subject.path)
        size = await asyncio.to_thread(_size, subject.path)
        film = Film(subject.path, size, None, width, height, simulated=subject.simulated)
        return Look("nothing", b"", film, pictures=len(subject.paths))
    if first.kind == "sound":
        facts, heard = await listened(Encoder.find(ffmpeg), first.path)
        film = Film(first.path, facts.size, facts.seconds, 0, 0, heard=heard, codec=facts.kind)
        return Look("nothing", b"", replace(film, simulated=first.simulated))
    subjects = [first] if second is None else [first, second]
    seen = await asyncio.gather(*(_found(request, subject, ffmpeg) for subject in subjects))
    return Look("nothing", b"", seen[0], compared=seen[1] if second is not None else None)


async def _found(request: ViewVideo, subject: _Subject, ffmpeg: str) -> Film:
    film, facts = await _film(subject)
    if _at(request, facts) is not None:
        return film
    return _screened(film, await screen(Encoder.find(ffmpeg), subject.path, facts, _LEAST_CELL))

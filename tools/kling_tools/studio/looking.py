"""Pictures of results, for an agent that cannot play or open them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.mp4 import VideoFacts, read_facts
from kling_tools.files.opening import open_regular
from kling_tools.files.picture_sheet import picture_sheet
from kling_tools.files.preview import contact_sheet, frame_at
from kling_tools.jobs.orders import Orders
from kling_tools.model.errors import BadMedia, EncoderMissing
from kling_tools.model.inputs import megabytes
from kling_tools.model.media import FileRef, TaskRef, parse_media
from kling_tools.model.requests import ViewVideo


@dataclass(frozen=True)
class Look:
    """A picture of a result; `facts` where that is a video, `task_id` where it is known."""

    path: Path
    jpeg: bytes
    width: int
    height: int
    times: tuple[float, ...] = ()
    facts: VideoFacts | None = None
    pictures: int = 0
    simulated: bool = False


async def look(request: ViewVideo, orders: Orders, ffmpeg: str) -> Look:
    """Draw a contact sheet, one frame, or the pictures of a finished task.

    Raises:
        UnknownTask, BadMedia: there is no such file. EncoderMissing, MediaFailed: it cannot be drawn.
    """
    ref = TaskRef(request.task_id) if request.task_id else parse_media(request.video or "")
    if isinstance(ref, TaskRef):
        task, output = await orders.output(ref)
        if output.kind in {"audio", "voice"}:
            raise BadMedia(f"Task {task.id} made a sound; it is at {output.path}.", advice="Give the person the path.")
        if output.kind != "video":
            paths = [Path(o.path) for o in task.outputs if o.path]
            return await _pictures(paths, _encoder(ffmpeg), simulated=task.simulated)
        return await _video(request, await orders.output_path(ref), ffmpeg, simulated=task.simulated)
    if not isinstance(ref, FileRef):
        raise BadMedia("Only a video on this machine can be looked at.", advice="Pass a task id or a path.")
    return await _video(request, await orders.inputs.video(ref.path), ffmpeg, simulated=False)


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


def _encoder(ffmpeg: str) -> Encoder | None:
    try:
        return Encoder.find(ffmpeg)
    except EncoderMissing:  # Pillow does without
        return None


async def _pictures(paths: list[Path], encoder: Encoder | None, *, simulated: bool) -> Look:
    sheet = await picture_sheet(paths, encoder=encoder)
    return Look(paths[0], sheet.jpeg, sheet.width, sheet.height, pictures=len(paths), simulated=simulated)


async def _video(request: ViewVideo, path: Path, ffmpeg: str, *, simulated: bool) -> Look:
    encoder = Encoder.find(ffmpeg)
    facts = await asyncio.to_thread(read_facts, path)
    if request.at_seconds is None:
        sheet = await contact_sheet(encoder, path, facts, frames=request.frames)
        return Look(path, sheet.jpeg, facts.width, facts.height, sheet.times, facts, simulated=simulated)
    if request.at_seconds > facts.seconds:
        raise BadMedia(f"The video is {facts.seconds:.1f} s long; there is no frame at {request.at_seconds:g} s.")
    frame = await frame_at(encoder, path, request.at_seconds)
    return Look(path, frame.jpeg, facts.width, facts.height, (frame.at,), facts, simulated=simulated)

"""From the clips an agent names to a task that joins them, or to a refusal that says which clip is at fault."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path

from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.outputs import Outputs, check_writable
from kling_tools.files.storage import check_free
from kling_tools.jobs.orders import Orders
from kling_tools.jobs.workshop import laid_out
from kling_tools.model.errors import BadMedia, InvalidArguments, KlingError, quoted
from kling_tools.model.media import FileRef, TaskRef, parse_media
from kling_tools.model.money import Price
from kling_tools.model.plan import Input, Plan, Route
from kling_tools.model.requests import JoinVideos
from kling_tools.model.specs import Cut, JoinSpec
from kling_tools.model.status import LOCAL, Status
from kling_tools.model.tasks import Task
from kling_tools.studio.deciding import new_task_id

#: From when to when, in seconds, behind what is cut: @1.5-4, @2- or @-3.
_CUT = re.compile(r"(?P<clip>.+)@(?P<start>\d{1,5}(?:\.\d{1,3})?)?-(?P<end>\d{1,5}(?:\.\d{1,3})?)?", re.DOTALL)
#: Words of the first clip that its film is called by where it has no name of its own.
_WORDS = 60


@dataclass(frozen=True)
class _Named:
    """One clip, found: where it lies, what it is called, and whether it was made on the simulated Kling."""

    text: str
    cut: Cut
    words: str
    simulated: bool


async def decide(request: JoinVideos, orders: Orders, outputs: Outputs, now: float) -> Task:
    """Return the task that joins these clips, as it is to be written down.

    Raises:
        BadMedia, UnknownTask: a clip is missing, not finished or no video; the message says which.
        MediaFailed: they cannot be joined. EncoderMissing. StorageUnavailable: there is no room.
    """
    encoder = Encoder.find(orders.ffmpeg)
    clips = [await _clip(number, text, request, orders) for number, text in enumerate(request.videos, 1)]
    spec = JoinSpec(
        name=request.name or f"{clips[0].words[:_WORDS].strip()} and {len(clips) - 1} more",
        clips=tuple(clip.cut for clip in clips),
        transition=request.transition,
    )
    plan = Plan(
        tool="join_videos",
        route=Route(LOCAL, ()),
        standard=LOCAL,
        model=Path(encoder.path).stem.partition("-")[0],
        wire_model="",
        spec=spec,
        inputs=tuple(
            Input(role="video", kind="video", text=clip.text, name=f"videos {n}") for n, clip in enumerate(clips, 1)
        ),
        price=Price.exact(Decimal(0)),
        slots=0,
        typical_seconds=0.0,
    )
    task = Task(
        id=new_task_id(),
        plan=plan,
        status=Status.FETCHING,
        created=now,
        updated=now,
        label=request.name,
        arguments=request.model_dump(mode="json", exclude_defaults=True),
        simulated=any(clip.simulated for clip in clips),
        account=LOCAL,
        fingerprint=await asyncio.to_thread(_fingerprint, spec),
    )
    return await _checked(task, outputs)


async def _checked(task: Task, outputs: Outputs) -> Task:
    """Return the task with what is told of it, once it is known to be possible."""
    montage = await laid_out(task)
    await asyncio.to_thread(check_writable, outputs.directory)
    await asyncio.to_thread(check_free, outputs.directory, montage.room)
    return replace(task, notes=montage.notes)


async def _clip(number: int, written: str, request: JoinVideos, orders: Orders) -> _Named:
    match = _CUT.fullmatch(written.strip())
    text, start, end = (match["clip"], match["start"], match["end"]) if match else (written.strip(), None, None)
    cut = (float(start or 0), None if end is None else float(end))
    try:
        if cut[1] is not None and cut[1] <= cut[0]:
            raise InvalidArguments(f"{quoted(written, 80)} ends before it begins.")
        path, words, simulated = await _found(text, orders)
    except KlingError as error:
        which = f"Video {number} of {len(request.videos)}: {error.message}"
        raise type(error)(which, advice=error.advice) from None
    return _Named(text, Cut(path=str(path), start=cut[0], end=cut[1]), words, simulated)


async def _found(text: str, orders: Orders) -> tuple[Path, str, bool]:
    match parse_media(text):
        case TaskRef() as ref:
            task, output = await orders.output(ref)
            if output.kind != "video":
                raise BadMedia(f"Task {task.id} made no video.", advice="Pass a task that made one, or a path.")
            return await orders.output_path(ref), task.label or task.plan.words, task.simulated
        case FileRef(path):
            clip = await orders.inputs.clip(path.absolute())
            return clip.path, clip.path.stem, "(simulated " in clip.path.stem
        case _:
            raise BadMedia("Only videos on this machine are joined.", advice="Save it first, or pass a task id.")


def _fingerprint(spec: JoinSpec) -> str:
    """Return what two calls share that ask for the same film of the same files."""
    stats = [Path(cut.path).stat() for cut in spec.clips]
    asked = [asdict(spec), [(stat.st_size, stat.st_mtime_ns) for stat in stats]]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode(errors="surrogateescape")).hexdigest()

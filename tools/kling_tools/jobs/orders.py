"""From a plan to an order: its pictures read and checked, at the moment of deciding and again at the moment of sending.

The journal keeps where a picture is, not the picture: another process that sends the task reads it anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.inputs import Inputs
from kling_tools.files.pictures import read_header, sniff
from kling_tools.files.preview import last_frame
from kling_tools.jobs.journal import Journal
from kling_tools.model.errors import BadMedia, UnknownTask, quoted
from kling_tools.model.media import FileRef, ImageLimits, Picture, TaskRef, UrlRef, parse_media
from kling_tools.model.plan import Order, Plan
from kling_tools.model.tasks import Task


@dataclass(frozen=True)
class Orders:
    """Reads what a plan names."""

    journal: Journal
    inputs: Inputs
    ffmpeg: str = ""

    async def prepare(self, plan: Plan, task_id: str) -> Order:
        """Return the order for a plan.

        Raises:
            BadMedia, UnknownTask, EncoderMissing, MediaFailed: nothing was sent.
        """
        return Order(
            plan=plan,
            external_id=task_id,
            image=await self._picture(plan.image, plan.image_limits, "image"),
            last_image=await self._picture(plan.last_image, plan.image_limits, "last_image"),
        )

    async def resume(self, task: Task) -> Order:
        """Return the order of a task decided earlier, perhaps by a process with other input roots.

        Which files may be read was settled when it was decided; that they are still the same is checked here.

        Raises:
            BadMedia: a picture is gone or was changed since the price was agreed on.
        """
        named = [parse_media(text) for text in (task.plan.image, task.plan.last_image) if text]
        admitted = tuple(ref.path.parent for ref in named if isinstance(ref, FileRef))
        order = await replace(self, inputs=Inputs(admitted)).prepare(task.plan, task.id)
        if fingerprint(task.account, order) != task.fingerprint:
            raise BadMedia("A picture was changed after the task was decided.", advice="Create it again.")
        return order

    async def _picture(self, text: str | None, limits: ImageLimits, name: str) -> Picture | None:
        if text is None:
            return None
        match parse_media(text):
            case FileRef(path):
                return await self.inputs.picture(path, limits, name=name)
            case UrlRef(url):
                return Picture(url=url)
            case TaskRef() as ref:
                return await self._of_task(ref)

    async def _of_task(self, ref: TaskRef) -> Picture:
        data = await last_frame(Encoder.find(self.ffmpeg), await self.output_path(ref))
        kind = sniff(data)
        width, height = read_header(data, kind).shown
        # Two ffmpegs may encode one frame differently; what was asked for is this task's last frame.
        mark = f"{ref.task_id}#{ref.output}"
        return Picture(data=data, width=width, height=height, mime=f"image/{kind}", sha256=mark)

    async def output_path(self, ref: TaskRef) -> Path:
        """Return where a finished task's file is.

        Raises:
            UnknownTask, BadMedia: there is no such file yet.
        """
        task = (await self.journal.get([ref.task_id])).get(ref.task_id)
        if task is None:
            raise UnknownTask(f"There is no task {quoted(ref.task_id, 30)}.")
        kept = [o for o in task.outputs if o.path]
        if len(kept) < ref.output:
            raise BadMedia(
                f"Task {task.id} has no file {ref.output}; its status is {task.status.shown}.",
                advice=f"check_status task_id={task.id} tells when it is done.",
            )
        path = Path(kept[ref.output - 1].path)
        if not await asyncio.to_thread(path.is_file):
            gone = f"The file of task {task.id} is no longer at {path}."
            raise BadMedia(gone, advice="Pass the path it was moved to.")
        return path


def fingerprint(account: str, order: Order) -> str:
    """Return what two calls share when they ask for the same thing, to the byte of every picture."""
    plan = order.plan
    asked = {
        "account": account,
        "tool": plan.tool,
        "effect": plan.effect,
        "model": plan.model,
        "prompt": plan.prompt,
        "seconds": plan.seconds,
        "resolution": plan.resolution,
        "aspect_ratio": plan.aspect_ratio,
        "audio": plan.audio,
        "image": _mark(order.image),
        "last_image": _mark(order.last_image),
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _mark(picture: Picture | None) -> str:
    return "" if picture is None else picture.sha256 or picture.url

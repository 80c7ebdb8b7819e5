"""From a plan to an order: its media read and checked, at the moment of deciding and again at the moment of sending.

The journal keeps where a medium is, not the medium: another process that sends the task reads it anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.inputs import Inputs
from kling_tools.files.pictures import read_header, sniff
from kling_tools.files.preview import last_frame
from kling_tools.jobs.journal import Journal
from kling_tools.model.errors import BadMedia
from kling_tools.model.inputs import ClipLimits, SoundLimits, megabytes
from kling_tools.model.media import FileRef, ImageLimits, Medium, TaskRef, UrlRef, parse_media
from kling_tools.model.plan import Input, Order, Plan, Route
from kling_tools.model.tasks import Output, Task

#: An address is not given away when it may die before it is fetched.
FRESH_SECONDS = 3600.0
#: The most base64 that one call carries. Kling tells no bound (kling-official 11, 15.7); one picture of the largest
#: size fits, and a line of 10 Mbit/s carries it before the call is given up.
MOST_SENT = 70_000_000


@dataclass(frozen=True)
class Orders:
    """Reads what a plan names."""

    journal: Journal
    inputs: Inputs
    ffmpeg: str = ""

    async def prepare(self, plan: Plan, task_id: str, account: str, before: str = "") -> Order:
        """Return the order for a plan; `before` is the mark of the shot before, where that one is still to be made.

        Such an order has a mark of its own and cannot be sent yet.

        Raises:
            BadMedia, UnknownTask, EncoderMissing, MediaFailed: nothing was sent.
        """
        media: list[Medium] = []
        for given in plan.inputs:
            to_come = before and given.text == plan.after
            media.append(Medium(sha256=before) if to_come else await self._medium(given, plan, account))
            _check_goes_along(media[-1], given, plan.route)
            _check_load(media)
        return Order(plan=plan, external_id=task_id, media=tuple(media))

    async def resume(self, task: Task) -> Order:
        """Return the order of a task decided earlier, perhaps by a process with other input roots.

        Which files may be read was settled when it was decided; that they are still the same is checked here.

        Raises:
            BadMedia: a medium is gone or was changed since the price was agreed on.
        """
        admitted = await asyncio.to_thread(_folders, task.plan)
        order = await replace(self, inputs=replace(self.inputs, roots=admitted)).prepare(
            task.plan, task.id, task.account
        )
        # Empty: it was decided by a version that reckoned otherwise.
        if task.fingerprint and fingerprint(task.account, order) != task.fingerprint:
            raise BadMedia("A file was changed after the task was decided.", advice="Create it again.")
        return replace(order, prepared=task.prepared)

    async def _medium(self, given: Input, plan: Plan, account: str) -> Medium:
        match parse_media(given.text):
            case FileRef(path):
                return await self._of_file(path, given, plan)
            case UrlRef(url):
                return Medium(kind=given.kind, url=url, seconds=given.seconds)
            case TaskRef() as ref:
                return await self._of_task(ref, given, plan, account)

    async def _of_file(self, path: Path, given: Input, plan: Plan) -> Medium:
        match given.limits:
            case ImageLimits() if plan.continues == given.text:
                real = await self.inputs.video(path)
                # Two ffmpegs may encode one frame differently; what was asked for is this video.
                return replace(await self._last_frame(real), sha256=await asyncio.to_thread(_digest, real))
            case ImageLimits() as limits:
                return await self.inputs.picture(path, limits, name=given.name)
            case SoundLimits() as limits:
                return await self.inputs.sound(path, limits, name=given.name)
            case ClipLimits() if "video" in plan.route.files:
                return await self.inputs.film(path, plan.route.file_bytes, name=given.name)
            case _:
                raise no_upload(given.name, plan.route)

    async def _of_task(self, ref: TaskRef, given: Input, plan: Plan, account: str) -> Medium:
        task, output = await self.output(ref)
        # For the same reason: what was asked for is this task's result, or whatever the shot before would be.
        mark = task.fingerprint if given.text == plan.after else f"{ref.task_id}#{ref.output}"
        if given.kind == "image" and output.kind == "image":
            path = await self._path(task, output)
            limits = given.limits if isinstance(given.limits, ImageLimits) else None
            assert limits is not None
            return replace(await self._among(path).picture(path, limits, name=given.name), sha256=mark)
        if given.kind == "image" and output.kind == "video":
            return replace(await self._last_frame(await self._path(task, output)), sha256=mark)
        if output.kind != given.kind:
            made = f"{given.name} has to be {_A[given.kind]}; task {task.id} made {_A[output.kind]}."
            raise BadMedia(made, advice="Pass another task, a file or an address.")
        own = task.account == account and (output.kind == "video" or task.plan.spec.kind == "speech")
        remote_id = output.remote_id if own else ""
        known = bool(remote_id) and not self._dead(output)
        if output.kind == "audio" and not known and isinstance(given.limits, SoundLimits):
            path = await self._path(task, output)
            return replace(await self._among(path).sound(path, given.limits, name=given.name), sha256=mark)
        by_name = bool(remote_id) and given.limits is None
        if self._dead(output) and not by_name and "video" in plan.route.files and output.kind == "video":
            path = await self._path(task, output)
            film = await self._among(path).film(path, plan.route.file_bytes, name=given.name)
            return replace(film, sha256=mark)
        if not by_name:
            self._alive(task, output, plan.route)
        return Medium(
            kind=given.kind,
            url=output.url,
            remote_id=remote_id,
            width=output.width or 0,
            height=output.height or 0,
            seconds=output.seconds or given.seconds,
            sha256=mark,
        )

    def _among(self, path: Path) -> Inputs:
        return replace(self.inputs, roots=(path.parent,))

    def _alive(self, task: Task, output: Output, route: Route) -> None:
        if self._dead(output):
            why = f"is no longer kept by {task.plan.route.seller}" if output.url else "was joined on this machine"
            raise BadMedia(
                f"The result of task {task.id} {why}, and {route.seller} takes no files here.",
                advice=f"Put the file where {route.seller}'s servers can reach it, and pass its https address.",
            )

    def _dead(self, output: Output) -> bool:
        soon = self.journal.now() + FRESH_SECONDS
        return not output.url or (output.url_expires is not None and output.url_expires < soon)

    async def _last_frame(self, path: Path) -> Medium:
        data = await last_frame(Encoder.find(self.ffmpeg), path)
        kind = sniff(data)
        width, height = read_header(data, kind).shown
        return Medium(
            data=data, width=width, height=height, mime=f"image/{kind}", sha256=hashlib.sha256(data).hexdigest()
        )

    async def output_path(self, ref: TaskRef) -> Path:
        """Return where a finished task's file is.

        Raises:
            UnknownTask, BadMedia: there is no such file yet.
        """
        return await self._path(*await self.output(ref))

    async def output(self, ref: TaskRef) -> tuple[Task, Output]:
        """Return a finished task's n-th result that is on disk.

        Raises:
            UnknownTask, TaskUnreadable, BadMedia: there is no such result yet.
        """
        task = (await self.journal.get([ref.task_id])).get(ref.task_id)
        if task is None:
            raise self.journal.missing(ref.task_id)
        kept = [o for o in task.outputs if o.path]
        if len(kept) < ref.output and any(o.removed for o in task.outputs):
            raise BadMedia(
                f"The files of task {task.id} were removed from this disk.",
                advice=f"check_status task_id={task.id} wait_seconds=45 fetches them again while "
                f"{task.plan.route.seller} keeps them.",
            )
        if len(kept) < ref.output:
            raise _not_there(task, ref.output, len(kept))
        return task, kept[ref.output - 1]

    async def _path(self, task: Task, output: Output) -> Path:
        path = Path(output.path)
        if not await asyncio.to_thread(path.is_file):
            gone = f"The file of task {task.id} is no longer at {path}."
            raise BadMedia(gone, advice="Pass the path it was moved to.")
        return path


def no_upload(name: str, route: Route) -> BadMedia:
    """Return the refusal of a file that the provider would have to fetch."""
    who = route.seller
    return BadMedia(
        f"{who} takes {name} by address only, and has no upload for a file.",
        advice=f"Pass the id of a finished task, or an https address that {who}'s servers can reach.",
    )


def too_heavy(name: str, size: int, route: Route) -> BadMedia:
    """Return the refusal of a file that is larger than the provider's upload takes."""
    return BadMedia(
        f"The file for {name} has {megabytes(size)}; {route.provider} takes files of at most "
        f"{megabytes(route.file_bytes)}.",
        advice="Save it smaller, or pass an https address.",
    )


def _check_goes_along(medium: Medium, given: Input, route: Route) -> None:
    """Refuse bytes that cannot get to the provider."""
    if medium.data is None:
        return
    if given.kind not in route.files:
        raise no_upload(given.name, route)
    if route.file_bytes and len(medium.data) > route.file_bytes:
        raise too_heavy(given.name, len(medium.data), route)


def _not_there(task: Task, number: int, kept: int) -> BadMedia:
    if not kept:
        return BadMedia(
            f"Task {task.id} has no file {number}; its status is {task.status.shown}.",
            advice=f"check_status task_id={task.id} tells when it is done.",
        )
    has, last = ("one file", "") if kept == 1 else (f"{kept} files", f" to {task.id}#{kept}")
    return BadMedia(f"Task {task.id} has no file {number}: it made {has}.", advice=f"Write {task.id}#1{last}.")


def _folders(plan: Plan) -> tuple[Path, ...]:
    """Return where a plan's files lie, also those that a link leads to."""
    named = [parse_media(given.text) for given in plan.inputs]
    paths = [ref.path for ref in named if isinstance(ref, FileRef)]
    return tuple(folder for path in paths for folder in (path.parent, path.resolve().parent))


def _check_load(media: Sequence[Medium]) -> None:
    """Refuse files that are too much for one call together, before the next one is read."""
    sizes = [4 * ((len(medium.data) + 2) // 3) for medium in media if medium.data]
    if (load := sum(sizes)) > MOST_SENT:
        raise BadMedia(
            f"The first {len(sizes)} files come to {megabytes(load)} as they are sent (base64); "
            f"at most {megabytes(MOST_SENT)} go into one call.",
            advice="Save them smaller, for example as JPEG, or pass https URLs, which Kling fetches itself.",
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_A = {"image": "a picture", "video": "a video", "audio": "a sound", "voice": "a voice", "element": "an element"}


def fingerprint(account: str, order: Order) -> str:
    """Return what two calls share when they ask for the same thing, to the byte of every medium."""
    plan = order.plan
    asked = {
        "account": account,
        "tool": plan.tool,
        "model": plan.model,
        "spec": asdict(plan.spec),
        "continues": bool(plan.continues),
        "media": [_use(i, m) for i, m in zip(plan.inputs, order.media, strict=True)],
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _use(given: Input, medium: Medium) -> tuple[object, ...]:
    return (given.role, _mark(medium), *([given.path] if given.path else []))


def _mark(medium: Medium) -> str:
    return medium.sha256 or medium.url or medium.remote_id

"""Films that are made on this machine: each is a task of its own, and costs nothing.

It is written down before the work begins, so that it is found again, and made by whichever process gets to it: two take
turns by the lock on the file's name, and the second finds what the first has made. One that died leaves no half film;
the next process that starts, or is asked about the task, makes it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.joining import join
from kling_tools.files.montage import Clip, Montage, lay_out
from kling_tools.files.outputs import Outputs
from kling_tools.jobs.fetch import measured
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.keepsakes import lay_beside, title_of
from kling_tools.jobs.orders import Orders
from kling_tools.jobs.questions import Enqueued
from kling_tools.model.errors import KlingError, StorageUnavailable
from kling_tools.model.specs import JoinSpec
from kling_tools.model.status import LOCAL
from kling_tools.model.tasks import Failure, Hindered, Output, Rejected, Stored, Task

log = logging.getLogger(__name__)

#: What copying takes, where nobody knows yet.
_SOON = 3


@dataclass
class _Work:
    """A film in the making: when it was begun, and which share of it is done."""

    running: asyncio.Task[None]
    begun: float
    share: float = 0.0


class Workshop:
    """Makes films. Nothing here is lost with the process but time."""

    def __init__(self, journal: Journal, orders: Orders, outputs: Outputs) -> None:
        self._journal = journal
        self._orders = orders
        self._outputs = outputs
        self._at_work: dict[str, _Work] = {}
        self._resuming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on with what an earlier process left, in the background."""
        self._resuming = asyncio.create_task(self._resume(), name="resume joins")

    async def stop(self) -> None:
        """Stop every work; the journal keeps what was begun."""
        running = [work.running for work in self._at_work.values()]
        for one in [*running, *([self._resuming] if self._resuming else [])]:
            one.cancel()
            await asyncio.gather(one, return_exceptions=True)

    async def add(self, task: Task) -> Enqueued:
        """Write a task down and begin it; the first one for a repeated request, unless its film is gone.

        Raises:
            StorageUnavailable: nothing was written.
        """
        enqueued = await self._journal.enqueue(task, None, again=False)
        if enqueued.repeated and not await asyncio.to_thread(_is_here, enqueued.task):
            enqueued = await self._journal.enqueue(task, None, again=True)
        self.go_on(enqueued.task)
        return enqueued

    def go_on(self, task: Task) -> None:
        """Begin with a task, unless it is under way here, or has ended."""
        if task.account == LOCAL and not task.status.ended and task.id not in self._at_work:
            running = asyncio.create_task(self._make(task), name=f"join {task.id}")
            self._at_work[task.id] = _Work(running, self._journal.clock.monotonic())
            running.add_done_callback(lambda done: self._finished(task.id, done))

    def seconds_left(self, task: Task) -> int:
        """Return about how long a task that has not ended will still take."""
        work = self._at_work.get(task.id)
        if work is None or not work.share:
            return _SOON
        passed = self._journal.clock.monotonic() - work.begun
        return max(1, round(passed * (1 - work.share) / work.share))

    async def _resume(self) -> None:
        try:
            for task in await self._journal.active(LOCAL):
                self.go_on(task)
        except KlingError as error:
            log.info("joins of earlier processes: %s", error)

    async def _make(self, task: Task) -> None:
        try:
            film = await self._film(task)
        except StorageUnavailable as error:  # it passes, or another process is still at it
            await self._journal.apply(task.id, Hindered(f"{error.message} {error.advice}".strip()))
            return
        except KlingError as error:
            await self._journal.apply(task.id, Rejected(Failure.of(error)))
            return
        await lay_beside(self._orders, task, (film,))
        await self._journal.apply(task.id, Stored((film,)))

    async def _film(self, task: Task) -> Output:
        montage = await laid_out(task)
        encoder = Encoder.find(self._orders.ffmpeg)
        name = await asyncio.to_thread(self._outputs.file_name, task, 1, "video")

        def told(seconds: float) -> None:
            if (work := self._at_work.get(task.id)) is not None:
                work.share = min(seconds / montage.seconds, 0.99)

        saved = await self._outputs.make(
            name, lambda path: join(encoder, montage, path, told), montage.room, title=title_of(task)
        )
        film = Output(kind="video", url="", path=str(saved.path), size=saved.size, sha256=saved.sha256)
        return await asyncio.to_thread(measured, film)

    def _finished(self, task_id: str, done: asyncio.Task[None]) -> None:
        self._at_work.pop(task_id, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("task %s: %s", task_id, error, exc_info=error)


async def laid_out(task: Task) -> Montage:
    """Return what a task's film is made of.

    Raises:
        MediaFailed: a clip is broken or gone, or there is too much of it.
    """
    spec = task.plan.spec
    assert isinstance(spec, JoinSpec)
    clips = [Clip(Path(cut.path), cut.start, cut.end) for cut in spec.clips]
    return await lay_out(clips, crossfade=spec.transition == "crossfade")


def _is_here(task: Task) -> bool:
    return not task.status.ended or all(o.path and Path(o.path).is_file() for o in task.outputs)

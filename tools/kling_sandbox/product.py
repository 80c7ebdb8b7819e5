"""What a product is to the sandbox, and the workshop where its files are drawn when somebody asks for them.

A product is one creating path. Adding one is a module with a `Product` value and a line in `registry`; routes,
queries, lists, slots, callbacks, billing and files follow from it.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kling_sandbox import encoder
from kling_sandbox.desk import Desk
from kling_sandbox.fields import Body
from kling_sandbox.inputs import OURS
from kling_sandbox.pictures import ELSEWHERE
from kling_sandbox.tasks import Purchase, Task

JSON = dict[str, Any]
# The address of a task's file by name, on the host by which the caller reached us.
Address = Callable[[Task, str], str]


@dataclass(frozen=True, kw_only=True)
class Product:
    """One creating path.

    `read` turns a body into a purchase or raises the refusal. `outputs` shows the results as `GET /tasks` does, and
    `result` as the legacy `task_result` does. `draw` makes one of the files in a folder of its own. With `answer` the
    call is synchronous and that is its `data`; then nothing else shows the task. Lip-sync is found by its task id only.
    """

    path: str
    read: Callable[[Body, Desk], Purchase]
    outputs: Callable[[Task, Address], list[JSON]]
    result: Callable[[Task, Address], JSON]
    draw: Callable[[Workshop, Task, str, Path], Path]
    answer: Callable[[Task, Address], JSON] | None = None
    by_external_id: bool = True
    most_per_page: int = 500

    @property
    def legacy(self) -> bool:
        """Tell whether the path belongs to the legacy standard."""
        return self.path.startswith("/v1/")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A call to an endpoint: its query, its body and who answers it."""

    desk: Desk
    query: Mapping[str, str]
    body: Body
    address: Address


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A call that buys nothing, such as a list of presets or a deletion. `answer` blocks and returns `data`."""

    method: Literal["GET", "POST"]
    path: str
    answer: Callable[[Asked], Any]


class Workshop:
    """Draw and keep the files of one state directory. Methods block and belong in a thread."""

    def __init__(self, desk: Desk, products: Mapping[str, Product]) -> None:
        self.desk = desk
        self.ffmpeg = desk.config.ffmpeg
        self._products = products
        self._directory = desk.config.state_dir / "results"
        # One at a time: two encoders on two cores finish later than one after the other. A file may need another one.
        self._turn = threading.RLock()

    def file(self, task: Task, name: str) -> Path:
        """Return one of the task's files, drawing it when it is not there yet. Once made it stays the same bytes."""
        if self.desk.config.film is not None and name.endswith(".mp4"):
            return self.desk.config.film
        target = self._directory / f"{task.id}-{name}"
        if target.exists():
            return target
        with self._turn:
            if target.exists():
                return target
            encoder.need_encoder(self.ffmpeg)
            self._directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".work-", dir=self._directory) as work:
                _publish(self._products[task.path].draw(self, task, name, Path(work)), target)
        return target

    def input(self, name: str) -> Path | None:
        """Return the file of an input (`inputs`); None for one elsewhere, or one that cannot be had any more."""
        if not name or name.startswith(ELSEWHERE):
            return None
        if name.startswith(OURS):
            id, _, file = name.removeprefix(OURS).partition("/")
            task = self.desk.store.get(id)
            return self.file(task, file) if task is not None and task.named(file) else None
        keeper = self.desk.inputs.pictures if name.endswith((".jpg", ".png")) else self.desk.inputs.sounds
        return keeper.path(name)

    def encode(self, arguments: Sequence[str], target: Path) -> Path:
        """Run ffmpeg."""
        return encoder.encode(self.ffmpeg, arguments, target)


def _publish(made: Path, target: Path) -> None:
    """Put a finished file in place; whoever was first stays, so that a half-done download can go on."""
    try:
        os.link(made, target)
    except FileExistsError:
        return
    except OSError:  # a disk without hard links: the last one wins, still in one piece
        os.replace(made, target)

"""The desk where orders are placed and looked up; both dialects come here. It knows the only order of steps.

Rules first, then images, then one transaction: a refused order leaves no task behind.
"""

from __future__ import annotations

import dataclasses
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from kling_sandbox import prices, rules, tasks
from kling_sandbox.config import SandboxConfig
from kling_sandbox.envelope import invalid
from kling_sandbox.order import Order
from kling_sandbox.pictures import MOST_PIXELS, TOO_MANY_PIXELS, Pictures
from kling_sandbox.store import Store
from kling_sandbox.tasks import Moment, Task


class Desk:
    """Place orders and find tasks. Methods block and belong in a thread."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.store = Store(config.state_dir)
        self.pictures = Pictures(config.state_dir)

    def now(self, task: Task) -> Moment:
        """Return the state a task is in now."""
        return tasks.at(task, self.config.clock())

    def place(self, order: Order, *, failure: str = "") -> Task:
        """Buy one task, or raise the refusal."""
        order = dataclasses.replace(order, shots=order.shots or rules.prompt_shots(order))
        rules.check(order)
        order, most_pixels = self._with_images(order)
        if most_pixels > MOST_PIXELS:
            failure = failure or TOO_MANY_PIXELS
        task = tasks.begin(
            order,
            now=self.config.clock(),
            speed=self.config.speed,
            units=str(prices.units(order)),
            failure=failure,
        )
        self.store.add(task, slots=self.config.concurrency)
        return task

    def _with_images(self, order: Order) -> tuple[Order, int]:
        names = ("image", "image_tail") if order.legacy else ("first_frame", "last_frame")
        most = 0

        def keep(source: str, field: str) -> str:
            nonlocal most
            if not source:
                return ""
            self._not_a_video_of_ours(source, field)
            kept = self.pictures.keep(source, legacy=order.legacy, field=field)
            most = max(most, kept.pixels)
            return kept.name

        stored = dataclasses.replace(
            order,
            first_frame=keep(order.first_frame, names[0]),
            last_frame=keep(order.last_frame, names[1]),
            refer_images=tuple(keep(source, "refer_image") for source in order.refer_images),
        )
        return stored, most

    def _not_a_video_of_ours(self, source: str, field: str) -> None:
        """Refuse a result of ours given as image before it is rendered only to be found to be no picture."""
        if not source.lower().startswith(("http://", "https://")):
            return
        try:
            parts = PurePosixPath(urlsplit(source).path).parts
        except ValueError:
            return
        task = self.store.get(parts[2]) if len(parts) == 4 and parts[1] == "files" else None
        if task is not None and parts[3] == f"{task.token}.mp4":
            raise invalid(f"{field}: the image format is not supported, use jpg or png")

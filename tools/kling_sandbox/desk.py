"""The desk where purchases are placed and tasks looked up; every product comes here. It knows the only order of steps.

A product reads and checks first, with `inputs` for what the caller sends along; then one transaction: a refused call
leaves no task behind.
"""

from __future__ import annotations

from kling_sandbox import tasks
from kling_sandbox.config import SandboxConfig
from kling_sandbox.inputs import Inputs
from kling_sandbox.store import Store
from kling_sandbox.tasks import Moment, Purchase, Task


class Desk:
    """Place purchases and find tasks. Methods block and belong in a thread."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.store = Store(config.state_dir)
        self.inputs = Inputs(config.state_dir, self.store, config.clock)

    def now(self, task: Task) -> Moment:
        """Return the state a task is in now."""
        return tasks.at(task, self.config.clock())

    def place(self, path: str, bought: Purchase, *, failure: str = "") -> Task:
        """Buy one task on a path, or raise the refusal. `failure` makes it fail whatever was bought."""
        task = tasks.begin(bought, path, now=self.config.clock(), speed=self.config.speed, failure=failure)
        self.store.add(task, slots=self.config.concurrency, once=self.config.refuses_repeats)
        return task

    def element_kind(self, element_id: str) -> str:
        """Return video_character_elements or multi_image_elements; an id unknown here counts as the latter.

        An element has the id of the task that made it, whose settings carry `element_kind`.
        """
        task = self.store.get(element_id)
        kind = task.settings.get("element_kind") if task else None
        return str(kind or "multi_image_elements")

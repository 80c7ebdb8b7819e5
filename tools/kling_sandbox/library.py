"""What the voice and the element library have in common: a preset or something made, found by id, maybe deleted.

What a caller made has the id of the task that made it. A deletion is a mark beside the task: the task stays and says
`deleted` (kling-official 2.3). Presets belong to `kling`, live for ever and cannot be deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kling_sandbox import fields
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import invalid
from kling_sandbox.product import JSON, Asked
from kling_sandbox.tasks import Task

# The sandbox has one account; its makers' id is a number in a string, as the real ones are.
CREATOR: Final = "820000000000000001"
KLING: Final = "kling"
# Previews of presets lie nowhere: a reserved name that never resolves says so.
PRESET_HOST: Final = "https://presets.kling-sandbox.invalid"
PRESETS_SINCE_MS: Final = 1_765_843_200_000


@dataclass(frozen=True)
class Preset:
    """An entry of an official library. The ids have the form of the real ones, which are not in the fact sheet."""

    id: str
    name: str
    description: str = ""


def made(desk: Desk, id: str, path: str) -> Task | None:
    """Return the task on this path that made the voice or element; None when unknown, unfinished or deleted."""
    task = desk.store.get(id)
    if task is None or task.path != path or desk.now(task).status != "succeeded" or deleted(desk, id):
        return None
    return task


def deleted(desk: Desk, id: str) -> bool:
    """Tell whether it was deleted."""
    return bool(desk.store.marked(f"deleted:{id}"))


def delete(asked: Asked, field: str, path: str, presets: Mapping[str, Preset]) -> JSON:
    """Delete what the body's field names, or raise 1201; presets and unknown ids cannot be deleted."""
    id = fields.needed(asked.body, field)
    if id in presets:
        raise invalid(f"{field}: {id} belongs to the official library and cannot be deleted")
    if made(asked.desk, id, path) is None:
        raise invalid(f"{field}: {id[:60]} not found")
    asked.desk.store.mark(f"deleted:{id}", "1")
    return {"task_id": id, "task_status": "succeed"}


def preset_page(asked: Asked, presets: Sequence[Preset], most: int) -> list[Preset]:
    """Return one page of an official library (kling-official 2.5)."""
    number = fields.page(asked.query, "pageNum", 1, 1000)
    size = fields.page(asked.query, "pageSize", 30, most)
    return list(presets[(number - 1) * size : number * size])


def preset_task(preset: Preset, result: JSON) -> JSON:
    """Show a preset as the task object that lists of presets are made of (kling-official 2.4)."""
    return {
        "task_id": preset.id,
        "task_status": "succeed",
        "task_status_msg": "",
        "task_info": {},
        "created_at": PRESETS_SINCE_MS,
        "updated_at": PRESETS_SINCE_MS,
        "task_result": result,
    }

"""What an agent does next with a task: every answer names it, since many hosts show a model nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kling_tools.model.tasks import Task


def next_step(task: Task, eta: int | None) -> str:
    """Return what an agent does next with a task; `eta` is about how many seconds are left."""
    wait = f"check_status task_id={task.id} wait_seconds=45"
    match task.status.shown:
        case "succeeded":
            return _after(task)
        case "failed":
            if task.failure is not None and task.failure.spent == "unknown":
                return "ask the person before you create it again: whether it was charged is not known"
            if task.plan.spec.product == "film":
                return f"create_video from_task={task.id} makes what is missing; the finished shots are kept"
            if task.failure is not None and task.failure.retryable:
                return "create it again with the same arguments"
            return "change what the error names, then create it again"
        case "cancelled":
            return "nothing: it was taken back; the same call makes a new one"
        case "unsure":
            return f"{wait}; do not create it again"
        case _:
            return f"{wait}; about {eta} s left" if eta else wait


def _after(task: Task) -> str:
    first = task.outputs[0] if task.outputs else None
    match first.kind if first else "":
        case "element":
            return f'use it as references=["element:{first.remote_id}"] in create_video' if first else ""
        case "voice":
            return f'use it as voices=["{first.remote_id}"] in create_video' if first else ""
        case "audio":
            return f"give the person the path; audio={task.id} uses it in lip_sync or create_avatar"
        case _:
            return f"view_video task_id={task.id} to look at it; give the person the path"

"""A call that starts from an earlier task: its arguments, with what is given anew in their place."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from kling_tools.model.errors import InvalidArguments
from kling_tools.model.requests import CreateVideo
from kling_tools.model.tasks import Task

#: What is given of these leaves out the others that were kept: they cannot stand together.
_INSTEAD_OF = {
    "prompt": ("shots", "continuous"),
    "shots": ("prompt", "seconds"),
    "image": ("aspect_ratio", "motion_brush"),
}


def started(request: CreateVideo, task: Task) -> CreateVideo:
    """Return the whole request; it still says which task it started from.

    Raises:
        InvalidArguments: nothing can start from that task, or not with these arguments.
    """
    if task.plan.tool != "create_video":
        raise InvalidArguments(
            f"Task {task.id} is one of {task.plan.tool}; from_task takes one of create_video.",
            advice="Its result can be given as image or in references.",
        )
    if not task.arguments:
        raise InvalidArguments(
            f"Task {task.id} was made by an older version, which did not keep the arguments.",
            advice="Give them all, without from_task.",
        )
    given = request.model_dump(mode="json", exclude_unset=True)
    left_out = {name for one, others in _INSTEAD_OF.items() if given.get(one) for name in others}
    kept = {name: value for name, value in task.arguments.items() if name not in left_out}
    merged: dict[str, Any] = {**kept, **given}
    del merged["from_task"]  # so that it is judged as a whole
    try:
        whole = CreateVideo.model_validate(merged)
    except ValidationError as error:
        told = "; ".join(str(one["msg"]).removeprefix("Value error, ") for one in error.errors(include_url=False))
        raise InvalidArguments(f"With the arguments of task {task.id}: {told}.") from None
    return whole.model_copy(update={"from_task": task.id})

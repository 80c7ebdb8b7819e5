"""The table of contents: every tool, in the order agents see them, and which of them a person's settings offer."""

from __future__ import annotations

from typing import Any

from kling_tools.operations.check_status import CHECK_STATUS
from kling_tools.operations.create_video import CREATE_VIDEO
from kling_tools.operations.estimate_cost import ESTIMATE_COST
from kling_tools.operations.list_models import LIST_MODELS
from kling_tools.operations.list_tasks import LIST_TASKS
from kling_tools.operations.operation import Operation
from kling_tools.operations.view_video import VIEW_VIDEO
from kling_tools.settings import Settings

ALL: tuple[Operation[Any], ...] = (CREATE_VIDEO, ESTIMATE_COST, CHECK_STATUS, LIST_TASKS, VIEW_VIDEO, LIST_MODELS)


def offered(settings: Settings) -> tuple[Operation[Any], ...]:
    """Return the tools that the person's toolsets and read-only mode leave."""
    return tuple(
        op for op in ALL if op.toolset in settings.toolsets and (op.effect == "reads" or not settings.read_only)
    )

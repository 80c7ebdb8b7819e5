"""The table of contents: every tool, in the order agents see them, and which of them a person's settings offer."""

from __future__ import annotations

from typing import Any

from kling_tools.operations.add_sound import ADD_SOUND
from kling_tools.operations.apply_effect import APPLY_EFFECT
from kling_tools.operations.cancel_task import CANCEL_TASK
from kling_tools.operations.check_status import CHECK_STATUS
from kling_tools.operations.create_avatar import CREATE_AVATAR
from kling_tools.operations.create_element import CREATE_ELEMENT
from kling_tools.operations.create_image import CREATE_IMAGE
from kling_tools.operations.create_speech import CREATE_SPEECH
from kling_tools.operations.create_video import CREATE_VIDEO
from kling_tools.operations.create_voice import CREATE_VOICE
from kling_tools.operations.delete_asset import DELETE_ASSET
from kling_tools.operations.edit_video import EDIT_VIDEO
from kling_tools.operations.estimate_cost import estimating
from kling_tools.operations.extend_video import EXTEND_VIDEO
from kling_tools.operations.get_account import GET_ACCOUNT
from kling_tools.operations.join_videos import JOIN_VIDEOS
from kling_tools.operations.lip_sync import LIP_SYNC
from kling_tools.operations.list_library import LIST_LIBRARY
from kling_tools.operations.list_models import LIST_MODELS
from kling_tools.operations.list_tasks import LIST_TASKS
from kling_tools.operations.operation import Operation
from kling_tools.operations.transfer_motion import TRANSFER_MOTION
from kling_tools.operations.view_video import VIEW_VIDEO
from kling_tools.settings import Settings

BUYING: tuple[Operation[Any], ...] = (
    CREATE_VIDEO,
    EDIT_VIDEO,
    EXTEND_VIDEO,
    TRANSFER_MOTION,
    LIP_SYNC,
    CREATE_AVATAR,
    APPLY_EFFECT,
    CREATE_IMAGE,
    CREATE_SPEECH,
    ADD_SOUND,
    CREATE_ELEMENT,
    CREATE_VOICE,
)
ALL: tuple[Operation[Any], ...] = (
    *BUYING[:10],
    estimating(BUYING),
    CHECK_STATUS,
    LIST_TASKS,
    CANCEL_TASK,
    VIEW_VIDEO,
    JOIN_VIDEOS,
    LIST_MODELS,
    LIST_LIBRARY,
    *BUYING[10:],
    DELETE_ASSET,
    GET_ACCOUNT,
)


def offered(settings: Settings) -> tuple[Operation[Any], ...]:
    """Return the tools that the person's toolsets and read-only mode leave."""
    return tuple(
        op for op in ALL if op.toolset in settings.toolsets and (op.effect == "reads" or not settings.read_only)
    )

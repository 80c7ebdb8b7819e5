"""create_avatar: a talking portrait from one picture and speech."""

from __future__ import annotations

from kling_tools.model.requests import CreateAvatar
from kling_tools.operations.spending import spending

CREATE_AVATAR = spending(
    "create_avatar",
    "Create an avatar",
    ("Make a portrait talk: one picture and speech or a sound. Costs money."),
    "video",
    CreateAvatar,
)

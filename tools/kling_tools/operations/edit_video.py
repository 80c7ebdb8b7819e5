"""edit_video: a video changed by words and references, on the models that take one to be edited."""

from __future__ import annotations

from kling_tools.model.requests import EditVideo
from kling_tools.operations.spending import spending

EDIT_VIDEO = spending(
    "edit_video",
    "Edit a video",
    ("Change a video by words and references, as long as the original. Costs money."),
    "video",
    EditVideo,
)

"""create_video: the main job. Answers with a task id at once; the price is checked before a byte leaves."""

from __future__ import annotations

from kling_tools.model.requests import CreateVideo
from kling_tools.operations.spending import spending

CREATE_VIDEO = spending(
    "create_video",
    "Create a video",
    (
        "Make a video with Kling from words, a first frame or references. Costs money; estimate_cost says how much. "
        "Answers at once with a task id; the video takes minutes."
    ),
    "video",
    CreateVideo,
)

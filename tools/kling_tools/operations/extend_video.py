"""extend_video: a video that goes on, made from its last frame and joined on this machine."""

from __future__ import annotations

from kling_tools.model.requests import ExtendVideo
from kling_tools.operations.spending import spending

EXTEND_VIDEO = spending(
    "extend_video",
    "Extend a video",
    ("Continue a video: new seconds from its last frame, joined to it as one file. Costs the new seconds."),
    "video",
    ExtendVideo,
)

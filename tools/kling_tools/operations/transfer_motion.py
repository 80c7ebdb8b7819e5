"""transfer_motion: motion control, a person's motion from a video onto a picture."""

from __future__ import annotations

from kling_tools.model.requests import TransferMotion
from kling_tools.operations.spending import spending

TRANSFER_MOTION = spending(
    "transfer_motion",
    "Transfer motion",
    ("Make the person in a picture move like the person in a video. Costs money."),
    "video",
    TransferMotion,
)

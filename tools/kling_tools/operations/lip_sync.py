"""lip_sync: several calls at Kling, one here; what each brought is kept, so none is made twice."""

from __future__ import annotations

from kling_tools.model.requests import LipSync
from kling_tools.operations.spending import spending

LIP_SYNC = spending(
    "lip_sync",
    "Lip-sync",
    ("Put speech or a sound on the lips of a face in a video. Costs money."),
    "video",
    LipSync,
)

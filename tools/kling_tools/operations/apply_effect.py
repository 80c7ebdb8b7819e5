"""apply_effect: ready-made scenes over one or two pictures."""

from __future__ import annotations

from kling_tools.model.requests import ApplyEffect
from kling_tools.operations.spending import spending

APPLY_EFFECT = spending(
    "apply_effect",
    "Apply an effect",
    ("Put one or two pictures into a ready-made effect scene. Costs money: see estimate_cost."),
    "video",
    ApplyEffect,
)

"""add_sound: sound for a video, or a sound from words."""

from __future__ import annotations

from kling_tools.model.requests import AddSound
from kling_tools.operations.spending import spending

ADD_SOUND = spending(
    "add_sound",
    "Add sound",
    ("Make sound for a video, or a sound effect from words. Costs money."),
    "audio",
    AddSound,
)

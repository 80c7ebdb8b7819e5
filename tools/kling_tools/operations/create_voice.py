"""create_voice: a reusable voice."""

from __future__ import annotations

from kling_tools.model.requests import CreateVoice
from kling_tools.operations.spending import spending

CREATE_VOICE = spending(
    "create_voice",
    "Create a voice",
    ("Keep a voice from a sample, for videos and elements. Costs a little, and lasts in the account."),
    "library",
    CreateVoice,
    effect="changes",
)

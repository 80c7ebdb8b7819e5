"""create_speech: text to speech."""

from __future__ import annotations

from kling_tools.model.requests import CreateSpeech
from kling_tools.operations.spending import spending

CREATE_SPEECH = spending(
    "create_speech",
    "Create speech",
    ("Speak a text as a sound file. Costs money."),
    "audio",
    CreateSpeech,
)

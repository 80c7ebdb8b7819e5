"""Camera moves by name: said to a model that has such a field, else written into the prompt as words.

No living official model has one (kling-official 4.4); a row of the catalogue says which do.
"""

from __future__ import annotations

from collections.abc import Mapping

MOVES: Mapping[str, str] = {
    "static": "The camera does not move.",
    "zoom_in": "The camera slowly zooms in.",
    "zoom_out": "The camera slowly zooms out.",
    "pan_left": "The camera pans to the left.",
    "pan_right": "The camera pans to the right.",
    "tilt_up": "The camera tilts up.",
    "tilt_down": "The camera tilts down.",
    "truck_left": "The camera moves sideways to the left.",
    "truck_right": "The camera moves sideways to the right.",
    "pedestal_up": "The camera rises straight up.",
    "pedestal_down": "The camera sinks straight down.",
    "roll_left": "The camera rolls to the left.",
    "roll_right": "The camera rolls to the right.",
    "orbit_left": "The camera circles the subject to the left.",
    "orbit_right": "The camera circles the subject to the right.",
    "follow": "The camera follows the subject.",
    "handheld": "The camera is handheld, with a slight sway.",
}


def in_words(prompt: str, move: str) -> str:
    """Return the prompt with the move said in words."""
    spoken = prompt.rstrip()
    end = "" if spoken.endswith((".", "!", "?", "。", "！", "？")) else "."
    return f"{spoken}{end} {MOVES[move]}"

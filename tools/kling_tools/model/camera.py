"""Camera moves that APIs with a field for them know by an axis and a figure (kling-official 4.4)."""

from __future__ import annotations

from collections.abc import Mapping

#: Moves as axis and figure, -10..10, one axis at a time. Kling's own words are turned around: its `pan` turns the
#: camera up (+) and down (-), its `tilt` right (+) and left (-); a wider view is a positive `zoom`.
MOVED: Mapping[str, tuple[str, int]] = {
    "zoom_in": ("zoom", -5),
    "zoom_out": ("zoom", 5),
    "pan_left": ("tilt", -5),
    "pan_right": ("tilt", 5),
    "tilt_up": ("pan", 5),
    "tilt_down": ("pan", -5),
    "truck_left": ("horizontal", -5),
    "truck_right": ("horizontal", 5),
    "pedestal_up": ("vertical", 5),
    "pedestal_down": ("vertical", -5),
    "roll_left": ("roll", -5),
    "roll_right": ("roll", 5),
}
_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")


def axes(move: str) -> dict[str, int]:
    """Return a move as the figures of all axes, of which one is not zero.

    Raises:
        KeyError: there are no figures for it.
    """
    moved, amount = MOVED[move]
    return {axis: amount if axis == moved else 0 for axis in _AXES}

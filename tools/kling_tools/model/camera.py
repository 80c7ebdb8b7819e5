"""What a camera can be asked to do: a move by name, or one of Kling's axes with a figure (kling-official 4.4).

One word from the argument to the journal, such as `pan_left` or `tilt=-5`: it is read here, and nowhere else. Kling's
own names of axes are turned around: its `pan` turns the camera up and down, its `tilt` to the sides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kling_tools.model.errors import quoted
from kling_tools.model.spelling import alike

#: How far an axis goes either way. Every API that has them moves one at a time.
MOST = 10
#: What a figure below zero makes the camera do, and what one above.
AXES: Mapping[str, tuple[str, str]] = {
    "horizontal": ("moves to the left", "moves to the right"),
    "vertical": ("sinks", "rises"),
    "pan": ("turns down", "turns up"),
    "tilt": ("turns to the left", "turns to the right"),
    "roll": ("rolls to the left", "rolls to the right"),
    "zoom": ("zooms in", "zooms out"),
}
#: Moves as axis and figure.
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
#: Moves along two axes that the APIs know by a name of their own.
PRESETS = ("forward_up", "down_back", "left_turn_forward", "right_turn_forward")
#: Every move that has a name; what is neither above can only be said in words.
NAMES = ("none", "static", *MOVED, *PRESETS, "orbit_left", "orbit_right", "follow", "handheld")
_FIGURE = re.compile(r"([a-z]+) ?= ?([+-]?\d{1,3}(?:\.\d{1,3})?)", re.ASCII)


def read_camera(text: str) -> str:
    """Return what was written about the camera as it is kept: a name, or an axis and its figure; "" for none.

    Raises:
        ValueError: there is no such move or axis, the figure is none or too large, or there are several.
    """
    said = text.strip()
    if said in {"", "none"}:
        return ""
    if said in NAMES:
        return said
    if match := _FIGURE.fullmatch(said):
        axis, figure = match[1], float(match[2])
        if axis in AXES and 0 < abs(figure) <= MOST:
            return f"{axis}={figure:g}"
    if "=" in said:
        raise ValueError(
            f"camera moves along one axis, {', '.join(AXES)}, by -{MOST} to {MOST} and not 0, such as tilt=-5; "
            f"not {quoted(said, 40)}"
        )
    near = alike(said[:40].lower(), NAMES)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(NAMES)}, and figures such as tilt=-5"
    raise ValueError(f"camera knows no move {quoted(said, 40)}; {meant}")


def is_figure(camera: str) -> bool:
    """Whether it is an axis with a figure of the person's own."""
    return "=" in camera


def moved(camera: str) -> tuple[str, float] | None:
    """Return the axis along which the camera moves, and how far; None where no figure says it."""
    if camera in MOVED:
        return MOVED[camera]
    axis, _, figure = camera.partition("=")
    if not figure:
        return None
    amount = float(figure)
    return axis, int(amount) if amount.is_integer() else amount


def axes(camera: str, most: int = MOST) -> dict[str, float]:
    """Return the figures of all axes, of which one is not zero, where an axis goes as far as `most`.

    Raises:
        KeyError: there are no figures for it.
    """
    if (found := moved(camera)) is None:
        raise KeyError(camera)
    amount = found[1] if most == MOST else found[1] * most / MOST
    return {axis: amount if axis == found[0] else 0 for axis in AXES}


def named_like(camera: str) -> str:
    """Return the move with a name that goes the same way as a figure."""
    asked = moved(camera)
    return next(name for name, (axis, way) in MOVED.items() if asked and axis == asked[0] and way * asked[1] > 0)


def does(camera: str) -> str:
    """Return what a figure makes the camera do."""
    axis, figure = moved(camera) or ("zoom", 0.0)
    return AXES[axis][figure > 0]

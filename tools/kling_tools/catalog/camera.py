"""A camera's move: told to a model that has a field for it, else written into the prompt as words.

No living official model has one (kling-official 4.4); a row of the catalogue says which do. A figure of the person's
own has no words that mean as much, so where there is no field for it, it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kling_tools.catalog.ask import either
from kling_tools.catalog.data import Model, VideoOffer
from kling_tools.model.camera import PRESETS, does, is_figure, moved, named_like
from kling_tools.model.plan import Standard
from kling_tools.model.requests import CreateVideo

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
    "forward_up": "The camera moves forward and tilts up.",
    "down_back": "The camera sinks and moves back.",
    "left_turn_forward": "The camera turns to the left and moves forward.",
    "right_turn_forward": "The camera turns to the right and moves forward.",
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


def has_field(offer: VideoOffer, standard: Standard, request: CreateVideo) -> bool:
    """Whether the move has a field here; a last frame or a motion brush shuts it out (kling-official 4.3)."""
    if standard not in offer.camera or request.last_image or request.motion_brush:
        return False
    if offer.camera_resolutions and request.resolution not in offer.camera_resolutions:
        return False
    return moved(request.camera) is not None or (offer.camera_presets and request.camera in PRESETS)


def is_spoken(offer: VideoOffer, standard: Standard, request: CreateVideo) -> bool:
    """Whether the move is written into the prompt."""
    return request.camera in MOVES and not has_field(offer, standard, request)


def of_camera(model: Model, offer: VideoOffer, request: CreateVideo, standard: Standard) -> Iterator[str]:
    """Yield why a figure cannot be had: a move by name always can, in words."""
    if not is_figure(request.camera) or has_field(offer, standard, request):
        return
    if standard not in offer.camera:
        yield f"{model.name} takes no figures for the camera (older models at resellers do)"
    elif request.last_image or request.motion_brush:
        yield f"{model.name} takes no figure for the camera beside a last frame or a motion brush"
    else:
        yield f"{model.name} takes figures for the camera at {either(offer.camera_resolutions)} only"


def told(offer: VideoOffer, standard: Standard, request: CreateVideo) -> Iterator[str]:
    """Yield what becomes of the move."""
    if is_figure(request.camera):
        yield f"camera {request.camera} is set in its own field: in Kling's words the camera {does(request.camera)}."
    elif request.camera:
        how = "written into the prompt in words" if is_spoken(offer, standard, request) else "set in its own field"
        yield f"The camera move {request.camera} is {how}."


def other_moves(request: CreateVideo) -> Iterator[tuple[str, dict[str, object]]]:
    """Try the move by name that goes the same way as a figure."""
    if is_figure(request.camera):
        name = named_like(request.camera)
        yield f"camera={name}, said in words,", {"camera": name}

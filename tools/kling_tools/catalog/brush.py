"""A motion brush: masks over the first frame that say what moves along which path, and what stands still.

Kling's own models that had one are gone (kling-official 4.3); resellers still sell them, and a row says at which sizes.
"""

from __future__ import annotations

from collections.abc import Iterator

from kling_tools.catalog.ask import Ask, either
from kling_tools.catalog.data import Model, VideoOffer
from kling_tools.model.inputs import listed, megabytes
from kling_tools.model.media import ImageLimits
from kling_tools.model.plan import Input
from kling_tools.model.requests import CreateVideo

#: No page tells of another length with masks, and fal refuses ten seconds only once it has begun.
SECONDS = 5
#: How far a mask's shape may lie from the picture's and still be called the same.
_TOLERANCE = 0.02


def of_brush(ask: Ask[CreateVideo], model: Model, offer: VideoOffer, limits: ImageLimits) -> Iterator[str]:
    """Yield why the motion brush cannot be had: here at all, at this size and length, with this picture."""
    request = ask.request
    if not request.motion_brush:
        return
    if not offer.motion_brush_resolutions:
        yield f"{model.name} has no motion brush (older models from a picture have one, at aimlapi and fal)"
        return
    if request.resolution not in offer.motion_brush_resolutions:
        yield f"{model.name} has a motion brush at {either(offer.motion_brush_resolutions)} only"
    if request.length != SECONDS:
        yield f"{model.name} makes {SECONDS} s with a motion brush, not {request.length} s"
    if request.last_image:
        yield f"{model.name} takes no last frame beside a motion brush"
    if request.image:
        yield from _as_it_is(ask, limits, request.image, "image")
    for stroke in request.motion_brush:
        yield from _as_it_is(ask, limits, stroke.mask, "motion_brush")
    yield from _of_places(ask)


def _as_it_is(ask: Ask[CreateVideo], limits: ImageLimits, text: str, name: str) -> Iterator[str]:
    """Yield why a picture would be made smaller or saved anew: paths are in its pixels, masks by their edges."""
    source = ask.source(text)
    if source is None or source.kind != "image":
        return
    if (source.format and source.format not in limits.formats) or (source.size or 0) > limits.max_bytes:
        takes = f"{listed(limits.formats)} of at most {megabytes(limits.max_bytes)}"
        yield f"with a motion brush the picture for {name} goes as it is, and has to be {takes}"


def _of_places(ask: Ask[CreateVideo]) -> Iterator[str]:
    """Yield what lies beside the picture, as far as its size is known."""
    picture = ask.source(ask.request.image)
    if picture is None or not picture.width or not picture.height:
        return
    size = f"{picture.width}x{picture.height}"
    for number, stroke in enumerate(ask.request.motion_brush, 1):
        mask = ask.source(stroke.mask)
        if mask and mask.width and mask.height:
            shape = (mask.width / mask.height) / (picture.width / picture.height)
            if abs(shape - 1) > _TOLERANCE:
                yield f"mask {number} is {mask.width}x{mask.height} px and the picture {size}: it needs the same shape"
        if beside := [point for point in stroke.path if point[0] > picture.width or point[1] > picture.height]:
            yield f"path {number} leads to {beside[0]}, outside of the picture of {size} px (counted from bottom left)"


def inputs(request: CreateVideo, limits: ImageLimits) -> Iterator[Input]:
    """Yield the masks: what stands still, and what moves with its path."""
    for stroke in request.motion_brush:
        yield Input(
            role="moving_mask" if stroke.path else "still_mask",
            kind="image",
            text=stroke.mask,
            name="motion_brush",
            path=tuple((x, y) for x, y in stroke.path),
            limits=limits,
        )


def told(request: CreateVideo) -> Iterator[str]:
    """Yield how the paths are read."""
    if any(stroke.path for stroke in request.motion_brush):
        yield "Paths of motion_brush go as they are: [x, y] in pixels of the picture, from its bottom left corner."

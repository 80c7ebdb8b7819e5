"""What stands between a request for pictures and an offer, in words that name what would work (kling-official 6).

Each rule yields sentences without an end; nothing yielded means that it can be done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kling_tools.catalog.ask import either, spans, too_long
from kling_tools.catalog.data import ImageOffer, Model
from kling_tools.model.mentions import mentions
from kling_tools.model.requests import CreateImage

#: How many times its area a widened picture may have (kling-official 6.4).
MOST_AREA = 3.0
NEGATIVE_PROMPT_MAX = 2500


def of_size(model: Model, offer: ImageOffer, request: CreateImage) -> Iterator[str]:
    """Yield why the resolution or the ratio cannot be had."""
    if not offer.resolutions and request.resolution != "1k":
        yield f"{model.name} lets nobody choose the resolution here: leave it out"
    if offer.resolutions and request.resolution not in offer.resolutions:
        yield f"{model.name} makes {either(offer.resolutions)}, not {request.resolution}"
    if request.aspect_ratio == "auto":
        if not offer.auto_ratio:
            yield f"{model.name} needs an aspect_ratio: {either(offer.aspect_ratios)}"
        elif not request.references:
            yield "aspect_ratio=auto needs a reference to take it from"
    elif request.aspect_ratio not in offer.aspect_ratios:
        yield f"{model.name} makes {either(offer.aspect_ratios)}, not {request.aspect_ratio}"


def of_number(model: Model, offer: ImageOffer, request: CreateImage) -> Iterator[str]:
    """Yield why so many pictures cannot be had."""
    if request.count > offer.count:
        yield f"{model.name} makes at most {offer.count} pictures at once, not {request.count}"
    if not request.series:
        return
    if not offer.series:
        yield f"{model.name} makes no series"
    elif request.series != 1 and request.series not in offer.series:
        yield f"{model.name} makes series of {spans(offer.series)} pictures, not {request.series}"
    elif request.series == 1 and not offer.series_auto:
        yield f"{model.name} does not choose how many pictures a series has: say {spans(offer.series)}"
    if request.count > 1:
        yield "count is for single pictures: series says how many belong together"


def of_references(model: Model, offer: ImageOffer, pictures: int, elements: int) -> Iterator[str]:
    """Yield why these references cannot go in together."""
    if elements and not offer.elements:
        yield f"{model.name} takes no elements"
    if pictures > offer.pictures:
        yield f"{model.name} takes {_count(offer.pictures)}, not {pictures}"
    elif pictures + elements > offer.references:
        yield f"{model.name} takes at most {offer.references} references, not {pictures + elements}"
    if pictures < offer.least_references:
        yield f"{model.name} needs a picture in references here"


def of_likeness(model: Model, offer: ImageOffer, request: CreateImage, pictures: int) -> Iterator[str]:
    """Yield why no likeness can be kept, or not so much of it (kling-official 6.1)."""
    asked = [n for n in ("likeness", "fidelity", "human_fidelity") if getattr(request, n) not in ("", None)]
    if not asked:
        return
    if not offer.likeness:
        yield f"{model.name} has no {either(asked)} here"
        return
    if request.likeness and request.likeness not in offer.likeness:
        yield f"{model.name} keeps {either(offer.likeness)}, not {request.likeness}"
    if not pictures:
        yield f"{either(asked)} needs a picture in references"
    if request.human_fidelity is not None and request.likeness != "subject":
        yield "human_fidelity goes with likeness=subject only"


def of_scene_and_style(model: Model, offer: ImageOffer, request: CreateImage) -> Iterator[str]:
    """Yield why there can be no picture of the place or the style."""
    asked = [name for name in ("scene", "style") if getattr(request, name)]
    if asked and not offer.scene_and_style:
        yield f"{model.name} takes no {either(asked)} here"


def of_negative_prompt(model: Model, offer: ImageOffer, request: CreateImage, pictures: int) -> Iterator[str]:
    """Yield why what is not to be seen cannot be said apart (kling-official 6.1)."""
    words = request.negative_prompt.strip()
    if not words:
        return
    if not offer.negative_prompt:
        yield f"{model.name} takes no negative_prompt here (say it in the prompt)"
    elif pictures:
        yield f"{model.name} takes no negative_prompt beside a picture (say it in the prompt)"
    else:
        yield from too_long(model, "negative_prompt", words, NEGATIVE_PROMPT_MAX)


def of_mentions(request: CreateImage) -> Iterator[str]:
    """Yield what the prompt names and is not there."""
    there = len(request.references)
    if strange := [n for n in mentions(request.prompt) if not 1 <= n <= there]:
        yield f"@{strange[0]} names no reference: there are {there or 'none'}"


def of_expand(expand: Sequence[float]) -> Iterator[str]:
    """Yield why a picture cannot grow like that: not at all, or over three times its area."""
    up, down, left, right = expand
    area = (1 + up + down) * (1 + left + right)
    if area <= 1:
        yield "expand says that no side grows"
    if area > MOST_AREA + 1e-9:
        yield f"The picture would have {area:.2f} times its area, and {MOST_AREA:g} times is the most"


def _count(pictures: int) -> str:
    return "no pictures" if not pictures else f"at most {pictures} picture{'s' * (pictures > 1)}"

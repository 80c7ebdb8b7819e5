"""What stands between a request and an offer, in words that name what would work.

Each rule answers with a sentence or nothing; an empty list means that the model can do it on this route.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kling_tools.catalog.data import Model, Offer
from kling_tools.model.media import Picture
from kling_tools.model.plan import Effect, Plan, Standard
from kling_tools.model.requests import CreateVideo

#: How far a picture's ratio may lie from the one asked for and still be called the same.
RATIO_TOLERANCE = 0.04


def effect_of(request: CreateVideo) -> Effect:
    """Return which of Kling's two effects a request asks for."""
    return "image-to-video" if request.image else "text-to-video"


def problems(model: Model, request: CreateVideo, standard: Standard) -> list[str]:
    """Return every reason why the model cannot do the request on this route."""
    if model.named(standard) is None:
        other = "an API key (KLING_API_KEY)" if standard == "legacy" else "an access and secret key"
        return [f"{model.name} needs {other}"]
    offer = model.offers(effect_of(request))
    if offer is None:
        return [f"{model.name} does not do {effect_of(request)}"]
    return list(_of_offer(model, offer, request, standard))


def _of_offer(model: Model, offer: Offer, request: CreateVideo, standard: Standard) -> Iterator[str]:
    if request.seconds not in offer.seconds:
        yield f"{model.name} makes {spans(offer.seconds)} s, not {request.seconds} s"
    if request.resolution not in offer.resolutions:
        yield f"{model.name} makes {either(offer.resolutions)}, not {request.resolution}"
    if not request.image and request.aspect_ratio not in offer.aspect_ratios:
        yield f"{model.name} makes {either(offer.aspect_ratios)}, not {request.aspect_ratio}"
    limit = offer.prompt_max[standard]
    if len(request.prompt) > limit:
        yield f"{model.name} reads {limit} characters of prompt; this one has {len(request.prompt)}"
    yield from _of_sound(model, offer, request)
    yield from _of_last_frame(model, offer, request)


def _of_sound(model: Model, offer: Offer, request: CreateVideo) -> Iterator[str]:
    if request.audio and offer.audio == "none":
        yield f"{model.name} makes no sound"
    if request.audio and offer.audio == "optional" and request.resolution not in offer.audio_resolutions:
        yield f"{model.name} makes sound at {either(offer.audio_resolutions)} only"
    if "audio" in request.model_fields_set and not request.audio and offer.audio == "always":
        yield f"{model.name} always makes sound (leave audio out to accept it)"


def _of_last_frame(model: Model, offer: Offer, request: CreateVideo) -> Iterator[str]:
    if not request.last_image:
        return
    if not offer.last_frame_resolutions:
        yield f"{model.name} takes no last frame"
    elif request.resolution not in offer.last_frame_resolutions:
        yield f"{model.name} takes a last frame at {either(offer.last_frame_resolutions)} only"
    if offer.last_frame_silent and request.audio:
        yield f"{model.name} with a last frame is silent"


def ratio_problem(plan: Plan, request: CreateVideo, picture: Picture | None) -> str | None:
    """Return why the ratio asked for cannot be had from this first frame; Kling follows the picture."""
    if not request.asks_ratio or picture is None or not picture.height or plan.aspect_ratio is not None:
        return None
    across, down = (int(side) for side in request.aspect_ratio.split(":"))
    asked, real = across / down, picture.width / picture.height
    if abs(real / asked - 1) <= RATIO_TOLERANCE:
        return None
    return (
        f"With an image the video follows the picture, and {picture.width}x{picture.height} "
        f"is {real:.2f}:1, not {request.aspect_ratio}"
    )


def spans(numbers: Sequence[int]) -> str:
    """Return `3-15` or `5 or 10`."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]}-{numbers[-1]}"
    return either([str(n) for n in numbers])


def either(words: Sequence[str]) -> str:
    """Return `a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)

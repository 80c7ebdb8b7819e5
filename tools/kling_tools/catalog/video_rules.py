"""What stands between a video request and an offer, in words that name what would work (kling-official 3.2, 4.2-4.5).

Each rule yields sentences without an end; nothing yielded means that it can be done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kling_tools.catalog.ask import either, spans, too_long
from kling_tools.catalog.data import Model, VideoOffer
from kling_tools.model.errors import quoted
from kling_tools.model.media import Source
from kling_tools.model.mentions import mentions, voice_mentions
from kling_tools.model.plan import Standard
from kling_tools.model.requests import CreateVideo, EditVideo
from kling_tools.model.specs import Audio, Reference, Shot

#: How far a picture's ratio may lie from the one asked for and still be called the same.
RATIO_TOLERANCE = 0.04
#: The most that a reference's name takes on the wire in place of `@1`.
LONGEST_NAME = "<<<element_10>>>"


def of_length(model: Model, offer: VideoOffer, seconds: int, *, plain: bool) -> Iterator[str]:
    """Yield why the length cannot be had; `plain` is without references and last frame."""
    if seconds not in offer.seconds:
        yield f"{model.name} makes {spans(offer.seconds)} s, not {seconds} s"
    elif plain and offer.plain_seconds and seconds not in offer.plain_seconds:
        yield f"{model.name} makes {spans(offer.plain_seconds)} s without references, not {seconds} s"


def of_resolution(model: Model, offer: VideoOffer, resolution: str, *, with_video: bool = False) -> Iterator[str]:
    """Yield why the resolution cannot be had, from a video or without one."""
    if resolution not in offer.resolutions:
        yield f"{model.name} makes {either(offer.resolutions)}, not {resolution}"
    elif with_video and offer.video_resolutions and resolution not in offer.video_resolutions:
        yield f"{model.name} makes {either(offer.video_resolutions)} from a video, not {resolution}"


def of_shots(
    model: Model, offer: VideoOffer, shots: Sequence[Shot], with_video: bool, standard: Standard
) -> Iterator[str]:
    """Yield why these shots cannot be had; the current API reads them all as one prompt, the older one by one."""
    if not offer.shots:
        yield f"{model.name} makes one shot at a time"
    elif len(shots) > offer.shots:
        yield f"{model.name} makes at most {offer.shots} shots at once, not {len(shots)}"
    for shot in shots:
        yield from too_long(model, "a shot's prompt", on_wire(shot.prompt), offer.shot_prompt_max)
    if standard == "standard" and len(written_shots(shots)) > offer.prompt_max[standard]:
        yield f"{model.name} reads {offer.prompt_max[standard]} characters of prompt in all shots together"
    if with_video:
        yield "shots cannot be told apart beside a reference video"


def written_shots(shots: Sequence[Shot]) -> str:
    """Return all shots in the syntax of the current API, for their length."""
    return " ".join(f"shot {i}, {s.seconds}, {on_wire(s.prompt)};" for i, s in enumerate(shots, 1))


def on_wire(prompt: str) -> str:
    """Return a prompt about as long as it will be once references have the names they have on the wire."""
    return prompt + LONGEST_NAME * (len(mentions(prompt)) + len(voice_mentions(prompt)))


def wants_sound(request: CreateVideo) -> bool:
    """Whether sound is asked for; a voice cannot be heard without."""
    return request.audio or bool(request.voices)


def of_sound(model: Model, offer: VideoOffer, request: CreateVideo) -> Iterator[str]:
    """Yield why the sound, or the silence, cannot be had."""
    wanted = wants_sound(request)
    if wanted and offer.audio == "none":
        yield f"{model.name} makes no sound"
    if wanted and offer.audio == "optional":
        if not offer.audio_resolutions:
            yield f"{model.name} makes no sound of its own"
        elif request.resolution not in offer.audio_resolutions:
            yield f"{model.name} makes sound at {either(offer.audio_resolutions)} only"
    if request.shots and offer.shots_with_sound and not wanted:
        yield f"{model.name} makes shots with sound only (audio=true)"
    if "audio" in request.model_fields_set and not request.audio:
        if offer.audio == "always":
            yield f"{model.name} always makes sound (leave audio out to accept it)"
        if request.voices:
            yield "voices need sound (leave audio out)"


def of_frames(model: Model, offer: VideoOffer, request: CreateVideo, references: Sequence[Reference]) -> Iterator[str]:
    """Yield why the first or the last frame cannot be had."""
    if request.image and not offer.first_frame:
        yield f"{model.name} takes no first frame here (name the picture in references)"
    if not request.last_image:
        return
    if not offer.last_frame_resolutions:
        yield f"{model.name} takes no last frame"
    elif request.resolution not in offer.last_frame_resolutions:
        yield f"{model.name} takes a last frame at {either(offer.last_frame_resolutions)} only"
    if offer.last_frame_silent and wants_sound(request):
        yield f"{model.name} with a last frame is silent"
    kinds = {r.kind for r in references}
    allowed = {"all": {"image", "video", "element"}, "elements": {"element"}, "nothing": set[str]()}
    if kinds - allowed[offer.last_frame_with]:
        beside = "only elements" if offer.last_frame_with == "elements" else "nothing else"
        yield f"{model.name} takes {beside} beside a first and last frame"


def of_references(
    model: Model, offer: VideoOffer, request: CreateVideo, references: Sequence[Reference], film_elements: int
) -> Iterator[str]:
    """Yield why so many references cannot be had (the matrix of kling-official 3.2)."""
    elements = sum(r.kind == "element" for r in references)
    films = sum(r.kind == "video" for r in references)
    frames = bool(request.image) + bool(request.last_image)
    if len(references) < offer.least_references:
        yield f"{model.name} needs at least {offer.least_references} in references here"
    if films > 1:
        yield f"{model.name} takes one reference video"
    if elements > offer.elements:
        yield f"{model.name} takes {_count(offer.elements, 'element')}, not {elements}"
    elif frames and elements > offer.elements_with_frames:
        yield f"{model.name} takes {_count(offer.elements_with_frames, 'element')} beside a frame, not {elements}"
    if films and wants_sound(request):
        yield f"{model.name} with a reference video is silent"
    beside = sum(r.kind != "video" for r in references) + frames
    yield from of_film_elements(model, offer, film_elements, beside, with_video=films > 0)
    if any(r.kind == "image" for r in references) or not frames:
        yield from _of_count(model, offer, references, frames, film_elements)


def _of_count(
    model: Model, offer: VideoOffer, references: Sequence[Reference], frames: int, film_elements: int
) -> Iterator[str]:
    films = any(r.kind == "video" for r in references)
    pictures = sum(r.kind != "video" for r in references) + frames
    most = offer.pictures_with_video if films else offer.pictures
    if film_elements and not films:  # both kinds together: fewer of the others
        pictures, most = pictures - film_elements, min(4, most)
    if references and pictures > most:
        beside = " beside a video" if films else ""
        yield f"{model.name} takes at most {most} pictures and elements{beside}, frames included, not {pictures}"


def of_film_elements(
    model: Model, offer: VideoOffer, film_elements: int, beside: int, *, with_video: bool
) -> Iterator[str]:
    """Yield why so many elements made from a video cannot be had; `beside`: all pictures and elements, them included.

    Beside a video it is one of them and nothing else (kling-official 3.2).
    """
    if film_elements > offer.film_elements:
        yield f"{model.name} takes {_count(offer.film_elements, 'element')} made from a video, not {film_elements}"
    elif film_elements and with_video and beside > 1:
        yield f"{model.name} takes one element made from a video beside a video, and then no other or picture"


def of_element_ids(references: Sequence[Reference]) -> Iterator[str]:
    """Yield what cannot be the id of an element: they are whole numbers (kling-official 2.4)."""
    for reference in references:
        if reference.kind == "element" and not (reference.element.isascii() and reference.element.isdigit()):
            yield (
                f"element:{quoted(reference.element, 40)} names no element: ids are numbers "
                "(list_library kind=elements shows them)"
            )


def of_pictures_beside(model: Model, offer: VideoOffer, references: Sequence[Reference]) -> Iterator[str]:
    """Yield why so many pictures and elements cannot stand beside a video that is edited."""
    if len(references) > offer.pictures_with_video:
        yield (
            f"{model.name} takes at most {offer.pictures_with_video} pictures and elements beside a video, "
            f"not {len(references)}"
        )


def of_voices(model: Model, offer: VideoOffer, request: CreateVideo, standard: Standard) -> Iterator[str]:
    """Yield why these voices cannot be had (kling-official 3.2, 4.2, 4.3)."""
    if not request.voices:
        return
    if not offer.voices or standard not in offer.voice_standards:
        yield f"{model.name} takes no voices here"
    elif len(request.voices) > offer.voices:
        yield f"{model.name} takes at most {offer.voices} voices, not {len(request.voices)}"
    if any(r.startswith("element:") for r in request.references):
        yield f"{model.name} takes voices or elements, not both"


def of_mentions(request: CreateVideo | EditVideo, references: Sequence[Reference]) -> Iterator[str]:
    """Yield what is named in the prompt and is not there."""
    shots = request.shots if isinstance(request, CreateVideo) else []
    voices = request.voices if isinstance(request, CreateVideo) else []
    prompt = " ".join([request.prompt, *(s.prompt for s in shots)])
    if strange := [n for n in mentions(prompt) if not 1 <= n <= len(references)]:
        yield f"@{strange[0]} names no reference: there are {len(references) or 'none'}"
    if missing := [n for n in voice_mentions(prompt) if not 1 <= n <= len(voices)]:
        yield f"@voice{missing[0]} names no voice: there are {len(voices) or 'none'}"


def of_old_fields(model: Model, offer: VideoOffer, request: CreateVideo, standard: Standard) -> Iterator[str]:
    """Yield what only older ways of asking have (kling-official 3.1, 4.2)."""
    if request.negative_prompt.strip():
        if standard not in offer.negative_prompt:
            yield f"{model.name} takes no negative_prompt here (say it in the prompt)"
        else:
            yield from too_long(model, "negative_prompt", request.negative_prompt, offer.negative_prompt_max)
    if request.cfg_scale is not None and standard not in offer.cfg_scale:
        yield f"{model.name} has no cfg_scale"


def feature(audio: Audio, *, voices: bool, video: bool) -> str:
    """Return the price table's word for this way of asking (kling-official 10.2)."""
    if video:
        return "video-in"
    if audio in {"native", "always"}:
        return "voice" if voices else "audio"
    return "silent"


def of_ratio(request: CreateVideo, picture: Source | None) -> Iterator[str]:
    """Yield why the ratio asked for cannot be had from this first frame; Kling follows the picture."""
    if not request.asks_ratio or request.aspect_ratio == "auto" or picture is None:
        return
    if not picture.width or not picture.height:
        return
    across, down = (int(side) for side in request.aspect_ratio.split(":"))
    asked, real = across / max(1, down), picture.width / picture.height
    if abs(real / asked - 1) > RATIO_TOLERANCE:
        yield (
            f"With an image the video follows the picture, and {picture.width}x{picture.height} is {real:.2f}:1, "
            f"not {request.aspect_ratio} (leave aspect_ratio out, or crop the picture)"
        )


def _count(number: int, thing: str) -> str:
    return f"no {thing}s" if not number else f"at most {number} {thing}{'s' * (number > 1)}"

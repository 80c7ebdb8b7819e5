"""Reading create calls of the new standard: the model is in the path, the body is contents/settings/options.

Pure translation (kling-official 3); rules and prices come after. What a product does not read here, it ignores.
"""

from __future__ import annotations

from typing import Any

from kling_sandbox import fields
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import invalid
from kling_sandbox.fields import Body
from kling_sandbox.inputs import Footage
from kling_sandbox.models import Model
from kling_sandbox.order import I2V, MOTION, OMNI, T2V, Order, Sound, VideoUse, whole

RESOLUTIONS = ("720p", "1080p", "4k")


def read_order(product: str, model: Model, body: Body, desk: Desk) -> Order:
    """Translate a create body into an order with all defaults filled in."""
    if product == MOTION:
        return _read_motion(model, body, desk)
    settings, options = fields.obj(body, "settings"), fields.obj(body, "options")
    contents = [] if product == T2V else fields.objects(body, "contents")
    omni = product == OMNI
    first = _picture(contents, "first_frame")
    video, use = _reference_video(contents, desk) if omni else (None, "")
    elements, voices = _ids(contents, "element", "element_id"), _ids(contents, "voice", "voice_id")
    refer_images = _pictures(contents, "refer_image") if omni else ()
    prompt = fields.text(body, "prompt") if product == T2V else _prompt(contents)
    _check_names(contents, every=omni)
    edits = use == "base"
    return Order(
        product=product,
        model=model.name,
        prompt=prompt,
        # The output of an edit is as long as its input, whatever is asked for (kling-official 3.2).
        seconds=whole(video.seconds) if edits and video else fields.integer(settings, "duration", 5),
        resolution=fields.choice(settings, "resolution", RESOLUTIONS, "720p"),
        aspect_ratio="" if product == I2V or first or edits else fields.text(settings, "aspect_ratio", "16:9"),
        sound=_sound(settings, model),
        # The default is true here and false in the legacy standard (kling-official 12, no. 8).
        multi_shot=fields.flag(settings, "multi_shot", True) if model.multi_shot else False,
        first_frame=first,
        last_frame=_picture(contents, "last_frame"),
        refer_images=refer_images,
        video=video,
        video_use=use,
        elements=elements,
        video_elements=video_characters(elements, desk),
        voices=voices,
        **_options(options),
    )


def video_characters(elements: tuple[str, ...], desk: Desk) -> int:
    """Count the elements that are video characters."""
    return sum(desk.element_kind(id) == "video_character_elements" for id in elements)


def _read_motion(model: Model, body: Body, desk: Desk) -> Order:
    settings, options = fields.obj(body, "settings"), fields.obj(body, "options")
    contents = fields.objects(body, "contents")
    image, found = _picture(contents, "image"), _pictures(contents, "video")
    if not image or len(found) != 1:
        raise invalid("contents: one image and one video are required")
    video = desk.inputs.video(found[0], "video")
    elements, prompt = _ids(contents, "element", "element_id"), _prompt(contents)
    _check_names(contents, every=False)
    keeps = fields.choice(settings, "audio", ("original", "off"), "original") == "original"
    return Order(
        product=MOTION,
        model=model.name,
        prompt=prompt,
        seconds=round(video.seconds),
        resolution=fields.choice(settings, "resolution", RESOLUTIONS, "720p"),
        aspect_ratio="",
        sound="original" if keeps else "off",
        first_frame=image,
        video=video,
        video_use="motion",
        orientation=fields.needed(settings, "character_orientation", ("image", "video")),
        elements=elements,
        **_options(options),
    )


def _options(options: Body) -> dict[str, Any]:
    return {
        "watermark": fields.flag(fields.obj(options, "watermark_info"), "enabled", False),
        "external_id": fields.text(options, "external_task_id"),
        "callback_url": fields.text(options, "callback_url"),
    }


def _prompt(contents: list[Body]) -> str:
    # Whether the prompt may be left out with a first frame is not documented (kling-official 3.2): here it is required.
    found = fields.of_type(contents, "prompt")
    if len(found) > 1:
        raise invalid("contents: only one prompt is supported")
    return fields.text(found[0], "text") if found else ""


def _pictures(contents: list[Body], kind: str) -> tuple[str, ...]:
    found = tuple(fields.text(part, "url") for part in fields.of_type(contents, kind))
    if not all(found):
        raise invalid(f"contents: {kind} needs a url")
    return found


def _picture(contents: list[Body], kind: str) -> str:
    found = _pictures(contents, kind)
    if len(found) > 1:
        raise invalid(f"contents: only one {kind} is supported")
    return found[0] if found else ""


def _reference_video(contents: list[Body], desk: Desk) -> tuple[Footage | None, VideoUse]:
    features, bases = _pictures(contents, "feature_video"), _pictures(contents, "base_video")
    if len(features) + len(bases) > 1:
        raise invalid("contents: only one reference video is supported")
    if features:
        return desk.inputs.video(features[0], "feature_video"), "feature"
    if bases:
        return desk.inputs.video(bases[0], "base_video"), "base"
    return None, ""


def _ids(contents: list[Body], kind: str, name: str) -> tuple[str, ...]:
    """Read elements or voices: each needs its id (a string here, int in the legacy standard) and a name to refer by."""
    found = fields.of_type(contents, kind)
    ids = tuple(fields.text(part, name) for part in found)
    if not all(ids) or not all(fields.text(part, "id") for part in found):
        raise invalid(f"contents: {kind} needs {name} and id")
    return ids


def _check_names(contents: list[Body], *, every: bool) -> None:
    """Refuse names that the prompt could not tell apart (kling-official 3.1). Frames have names on omni only."""
    named = (
        ("first_frame", "last_frame", "refer_image", "feature_video", "base_video", "element", "voice")
        if every
        else ("element", "voice")
    )
    parts = [part for kind in named for part in fields.of_type(contents, kind)]
    names = [name for part in parts if (name := fields.text(part, "id"))]
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if name == other:
                raise invalid(f"contents: the id of each item must be unique: {name[:40]}")
            if name in other or other in name:
                raise invalid(f"contents: an id must not be part of another one: {name[:40]}, {other[:40]}")


def _sound(settings: Body, model: Model) -> Sound:
    if model.sound == "always":
        return "native"  # Turbo has no audio field; one that is sent is an unknown field
    if model.sound == "none":
        return "off"
    match fields.choice(settings, "audio", model.sounds, "off"):
        case "native":
            return "native"
        case "original":
            return "original"
        case _:
            return "off"

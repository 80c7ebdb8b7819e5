"""Reading create calls of the legacy standard: /v1 paths, a flat body with model_name.

Pure translation (kling-official 4.2, 4.3, 4.5, 4.6); rules and prices come after. What is not read here is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kling_sandbox import fields
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import invalid
from kling_sandbox.fields import Body
from kling_sandbox.inputs import Footage
from kling_sandbox.models import RETIRED, Model
from kling_sandbox.order import I2V, MOTION, OMNI, T2V, Order, Shot, Sound, VideoUse, whole
from kling_sandbox.standard import video_characters

PATHS: Final = {
    "/v1/videos/text2video": T2V,
    "/v1/videos/image2video": I2V,
    "/v1/videos/omni-video": OMNI,
    "/v1/videos/motion-control": MOTION,
}
RESOLUTIONS: Final = {"std": "720p", "pro": "1080p", "4k": "4k"}
# The model that is meant when none is named; the oldest one is dead (kling-official 4.1).
DEFAULT_MODELS: Final = {T2V: "kling-v1", I2V: "kling-v1", OMNI: "kling-video-o1", MOTION: "kling-v2-6"}


def read_order(product: str, models: Sequence[Model], body: Body, desk: Desk) -> tuple[Order, Model]:
    """Translate a create body into an order with all defaults filled in, and find its model."""
    model = _model(fields.text(body, "model_name") or DEFAULT_MODELS[product], product, models)
    if product == MOTION:
        return _read_motion(model, body, desk), model
    if product == OMNI:
        return _read_omni(model, body, desk), model
    image = product == I2V
    return (
        Order(
            product=product,
            seconds=fields.integer_text(body, "duration", "5"),
            resolution=RESOLUTIONS[fields.choice(body, "mode", tuple(RESOLUTIONS), "std")],
            aspect_ratio="" if image else fields.text(body, "aspect_ratio", "16:9"),
            sound="native" if fields.choice(body, "sound", ("on", "off"), "off") == "on" else "off",
            negative_prompt=fields.text(body, "negative_prompt"),
            first_frame=fields.text(body, "image") if image else "",
            last_frame=fields.text(body, "image_tail") if image else "",
            elements=_elements(body) if image else (),
            voices=_voices(body),
            **_told(model, body),
        ),
        model,
    )


def _read_omni(model: Model, body: Body, desk: Desk) -> Order:
    first, last, refer_images = _image_list(body)
    video, use, keeps = _video_list(body, desk)
    edits = use == "base"
    if video and fields.choice(body, "sound", ("on", "off"), "off") == "on":
        raise invalid("sound must be off with a video")
    sound: Sound = "native" if not video and fields.choice(body, "sound", ("on", "off"), "off") == "on" else "off"
    elements = _elements(body)
    return Order(
        product=OMNI,
        seconds=whole(video.seconds) if edits and video else fields.integer_text(body, "duration", "5"),
        resolution=RESOLUTIONS[fields.choice(body, "mode", tuple(RESOLUTIONS), "pro")],
        aspect_ratio="" if first or edits else fields.text(body, "aspect_ratio", "16:9"),
        sound="original" if edits and keeps else sound,
        first_frame=first,
        last_frame=last,
        refer_images=refer_images,
        video=video,
        video_use=use,
        elements=elements,
        video_elements=video_characters(elements, desk),
        **_told(model, body),
    )


def _read_motion(model: Model, body: Body, desk: Desk) -> Order:
    video = desk.inputs.video(fields.needed(body, "video_url"), "video_url")
    keeps = fields.choice(body, "keep_original_sound", ("yes", "no"), "yes") == "yes"
    return Order(
        product=MOTION,
        model=model.name,
        legacy=True,
        prompt=fields.text(body, "prompt"),
        seconds=round(video.seconds),
        resolution=RESOLUTIONS[fields.needed(body, "mode", ("std", "pro"))],
        aspect_ratio="",
        sound="original" if keeps else "off",
        first_frame=fields.needed(body, "image_url"),
        video=video,
        video_use="motion",
        orientation=fields.needed(body, "character_orientation", ("image", "video")),
        elements=_elements(body),
        **ids(body),
    )


def ids(body: Body) -> dict[str, Any]:
    """Read the three fields that all legacy calls share (kling-official 4)."""
    return {
        "watermark": fields.flag(fields.obj(body, "watermark_info"), "enabled", False),
        "external_id": fields.text(body, "external_task_id"),
        "callback_url": fields.text(body, "callback_url"),
    }


def _told(model: Model, body: Body) -> dict[str, Any]:
    """Read what is told: the prompt or the shots."""
    multi_shot = fields.flag(body, "multi_shot", False)
    if multi_shot and not model.multi_shot:
        raise invalid(f"multi_shot is not supported by {model.legacy_name}")
    shots, intelligent = _shots(body) if multi_shot else ((), False)
    # The page wants a prompt in any case; listed shots replace it (kling-official 4.2, note 1).
    prompt = fields.text(body, "prompt")
    return {
        "model": model.name,
        "legacy": True,
        "prompt": "" if shots else prompt,
        "multi_shot": multi_shot,
        "intelligent": intelligent,
        "shots": shots,
        **ids(body),
    }


def _model(name: str, product: str, models: Sequence[Model]) -> Model:
    # The ancient field `model` is not read at all (kling-official 4.1).
    if name in RETIRED:
        # The live message is known, its code was not recorded: 1201, as for any other wrong value.
        raise invalid(f"model {name} has been discontinued and is no longer available")
    for model in models:
        if model.legacy_name == name and product in model.prompt_max:
            return model
    raise invalid(f"model_name value '{name[:60]}' is invalid")


def _shots(body: Body) -> tuple[tuple[Shot, ...], bool]:
    """Return the listed shots, and whether the story is left to the model."""
    kind = fields.choice(body, "shot_type", ("", "customize", "intelligence"), "")
    if kind == "":
        raise invalid("shot_type is required with multi_shot: customize or intelligence")
    if kind == "intelligence":
        return (), True
    found = fields.objects(body, "multi_prompt")
    if not found:
        raise invalid("multi_prompt is required with shot_type customize")
    shots = tuple(
        Shot(
            index=fields.integer(part, "index", place),
            seconds=fields.integer_text(part, "duration", ""),
            text=fields.text(part, "prompt"),
        )
        for place, part in enumerate(found, start=1)
    )
    return shots, False


def _image_list(body: Body) -> tuple[str, str, tuple[str, ...]]:
    """Read first frame, end frame and plain references."""
    frames: dict[str, str] = {}
    plain: list[str] = []
    images = fields.objects(body, "image_list")
    for part in images:
        source = fields.needed(part, "image_url")
        kind = fields.choice(part, "type", ("", "first_frame", "end_frame"), "")
        if not kind:
            plain.append(source)
        elif kind in frames:
            raise invalid(f"image_list: only one {kind} is supported")
        else:
            frames[kind] = source
    if "end_frame" in frames and len(images) > 2:
        raise invalid("image_list: an end frame is not supported with more than 2 images")
    return frames.get("first_frame", ""), frames.get("end_frame", ""), tuple(plain)


def _video_list(body: Body, desk: Desk) -> tuple[Footage | None, VideoUse, bool]:
    """Read the reference video, its use, and whether its sound is kept."""
    found = fields.objects(body, "video_list")
    if not found:
        return None, "", False
    if len(found) > 1:
        raise invalid("video_list: only one video is supported")
    video = desk.inputs.video(fields.needed(found[0], "video_url"), "video_url")
    edits = fields.choice(found[0], "refer_type", ("base", "feature"), "base") == "base"
    keeps = fields.choice(found[0], "keep_original_sound", ("yes", "no"), "yes") == "yes"
    return video, "base" if edits else "feature", keeps


def _elements(body: Body) -> tuple[str, ...]:
    ids = [part.get("element_id") for part in fields.objects(body, "element_list")]
    if any(isinstance(id, bool) or not isinstance(id, int) for id in ids):
        raise invalid("element_list: element_id must be an integer")
    return tuple(str(id) for id in ids)


def _voices(body: Body) -> tuple[str, ...]:
    ids = tuple(fields.text(part, "voice_id") for part in fields.objects(body, "voice_list"))
    if not all(ids):
        raise invalid("voice_list: voice_id is required")
    return ids

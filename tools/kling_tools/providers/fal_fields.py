"""What a request to fal.ai has in it: one endpoint for each way of asking, and frames with other names in each version.

`duration` is a string. Sound is spoken of wherever there is a field for it, since it is on by default and dearer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kling_tools.model.errors import Impossible
from kling_tools.model.plan import Order
from kling_tools.model.specs import (
    AvatarSpec,
    EffectSpec,
    ImageSpec,
    LipSyncSpec,
    MotionSpec,
    Product,
    SoundSpec,
    SpeechSpec,
    VideoSpec,
)
from kling_tools.providers.gateway import GatewayDialect, camera_fields, said

Body = dict[str, Any]

_GRADES = {"720p": "standard", "1080p": "pro", "4k": "4k"}
_MARKS = {"image": "@Image{}", "video": "@Video{}"}
#: The names of the first and the last frame, by the beginning of what follows the app; the first that fits.
_FRAMES: tuple[tuple[str, tuple[str, str]], ...] = (
    ("v3/turbo", ("image_url", "")),
    ("v3", ("start_image_url", "end_image_url")),
    ("o1", ("start_image_url", "end_image_url")),
    ("o3", ("image_url", "end_image_url")),
    ("v2.6", ("start_image_url", "end_image_url")),
    ("v1", ("image_url", "tail_image_url")),
    ("v2", ("image_url", "tail_image_url")),
)
#: A version that is not known here is named like the newest.
_NEWEST = ("start_image_url", "end_image_url")


def endpoint(order: Order) -> str:
    """Return the endpoint that does what is asked for."""
    spec = order.plan.spec
    grade = _GRADES.get(getattr(spec, "resolution", ""), "")
    path = order.plan.wire_model.replace("{}", grade)
    if path.endswith("/o1/pro"):  # the only one whose better grade has no name
        path = path.removesuffix("/pro")
    match spec:
        case VideoSpec():
            return f"{path}/{_way(order, spec)}"
        case MotionSpec():
            return f"{path}/motion-control"
        case LipSyncSpec():
            return f"{path}/{'text' if spec.speech else 'audio'}-to-video"
        case ImageSpec() if spec.product == "image":
            return f"{path}/{'image' if spec.references else 'text'}-to-image"
        case ImageSpec() if spec.product == "omni-image" and path.endswith("/o3"):
            return f"{path}/{'image' if spec.references else 'text'}-to-image"
        case _:
            return path


def fields(dialect: GatewayDialect, order: Order) -> Body:
    """Return the body of a create."""
    kind = _KINDS.get(order.plan.spec.product)
    if kind is None:
        raise Impossible(f"{dialect.title} does no {order.plan.spec.product}.")
    return kind(dialect, order)


def _way(order: Order, spec: VideoSpec) -> str:
    """Return the last step of a video's endpoint."""
    if spec.product != "omni-video":
        return spec.product
    if order.first("base_video") is not None:
        return "video-to-video/edit"
    if any(reference.kind == "video" for reference in spec.references):
        return "video-to-video/reference"
    return "elements" if _version(order).startswith("v1.6") else "reference-to-video"


def _version(order: Order) -> str:
    return order.plan.wire_model.partition("/kling-video/")[2]


def _video(dialect: GatewayDialect, order: Order) -> Body:
    """Say a video from words or frames."""
    spec = order.plan.spec
    assert isinstance(spec, VideoSpec)
    version = _version(order)
    first, last = next((names for start, names in _FRAMES if version.startswith(start)), _NEWEST)
    told: Body = {**_shots(spec), "duration": str(spec.seconds)}
    told |= _frame(dialect, order, first=first, last=last)
    told |= _filled(aspect_ratio=spec.aspect_ratio, negative_prompt=spec.negative_prompt, cfg_scale=spec.cfg_scale)
    if spec.audio in {"off", "native"}:
        told["generate_audio"] = spec.audio == "native"
    if spec.voices:
        told["voice_ids"] = list(spec.voices)
    if spec.camera:
        told |= camera_fields(spec.camera)
    if (still := order.first("still_mask")) is not None:
        told["static_mask_url"] = dialect.address(still)
    if moving := [{"mask_url": dialect.address(mask), "trajectories": path} for mask, path in order.moving]:
        told["dynamic_masks"] = moving
    return told


def _omni(dialect: GatewayDialect, order: Order) -> Body:
    """Say a video with references, or one that is made from another."""
    spec = order.plan.spec
    assert isinstance(spec, VideoSpec)
    if any(reference.kind == "element" for reference in spec.references):
        raise Impossible(f"{dialect.title} keeps no elements.")
    way = _way(order, spec)
    media = list(order.every("reference"))
    kinds = [reference.kind for reference in spec.references]
    pictures = [dialect.address(m) for m, kind in zip(media, kinds, strict=True) if kind == "image"]
    told: Body = {**_shots(spec, marked=way != "elements")}
    if spec.seconds is not None:
        told |= {"duration": str(spec.seconds), **_filled(aspect_ratio=spec.aspect_ratio)}
    if way == "elements":
        return {**told, "input_image_urls": pictures, **_filled(negative_prompt=spec.negative_prompt)}
    told |= _filled(image_urls=pictures)
    if way == "reference-to-video":
        if spec.audio in {"off", "native"}:
            told["generate_audio"] = spec.audio == "native"
        return {**told, **_frame(dialect, order, first="start_image_url", last="end_image_url")}
    film = order.first("base_video") or media[kinds.index("video")]
    return {**told, "video_url": dialect.address(film), "keep_audio": spec.audio == "original"}


def _motion(dialect: GatewayDialect, order: Order) -> Body:
    spec = order.plan.spec
    assert isinstance(spec, MotionSpec)
    return {
        "image_url": dialect.address(order.first("image")),
        "video_url": dialect.address(order.first("video")),
        "character_orientation": spec.follow,
        "keep_original_sound": spec.audio == "original",
        **_filled(prompt=spec.prompt),
    }


def _effect(dialect: GatewayDialect, order: Order) -> Body:
    spec = order.plan.spec
    assert isinstance(spec, EffectSpec)
    pictures = [dialect.address(medium) for medium in order.every("image")]
    return {"effect_scene": spec.scene, "input_image_urls": pictures, "duration": "5"}


def _lip_sync(dialect: GatewayDialect, order: Order) -> Body:
    spec = order.plan.spec
    assert isinstance(spec, LipSyncSpec)
    film = {"video_url": dialect.address(order.first("video"))}
    if spec.speech is None:
        return {**film, "audio_url": dialect.address(order.first("audio"))}
    speech = spec.speech
    spoken = {"voice_id": speech.voice, "voice_language": speech.language, "voice_speed": speech.speed}
    return {**film, "text": speech.text, **spoken}


def _avatar(dialect: GatewayDialect, order: Order) -> Body:
    spec = order.plan.spec
    assert isinstance(spec, AvatarSpec)
    face, sound = dialect.address(order.first("image")), dialect.address(order.first("audio"))
    return {"image_url": face, "audio_url": sound, **_filled(prompt=spec.prompt)}


def _voice(dialect: GatewayDialect, order: Order) -> Body:
    return {"voice_url": dialect.address(order.first("audio") or order.first("video"))}


def _speech(dialect: GatewayDialect, order: Order) -> Body:
    spec = order.plan.spec
    assert isinstance(spec, SpeechSpec)
    return {"text": spec.speech.text, "voice_speed": spec.speech.speed, **_filled(voice_id=spec.speech.voice)}


def _sound(dialect: GatewayDialect, order: Order) -> Body:
    """Say the sound of a video; what is left out would be that of a car chase."""
    spec = order.plan.spec
    assert isinstance(spec, SoundSpec)
    words = {"sound_effect_prompt": spec.prompt, "background_music_prompt": spec.music}
    return {"video_url": dialect.address(order.first("video")), **words, "asmr_mode": spec.close_up}


def _picture(dialect: GatewayDialect, order: Order) -> Body:
    """Say pictures: the newest takes one to start from, the others several."""
    spec = order.plan.spec
    assert isinstance(spec, ImageSpec)
    if any(reference.kind == "element" for reference in spec.references):
        raise Impossible(f"{dialect.title} keeps no elements.")
    pictures = [dialect.address(medium) for medium in order.every("reference")]
    many = {"result_type": "series", "series_amount": spec.series} if spec.series else {"num_images": spec.count}
    told: Body = {"prompt": said(spec.prompt, spec.references, _MARKS), **many}
    told |= _filled(resolution=spec.resolution.upper(), aspect_ratio=spec.aspect_ratio)
    told |= _filled(negative_prompt=spec.negative_prompt)
    if spec.product == "image":
        return {**told, **_filled(image_url=pictures[0] if pictures else "")}
    return {**told, **_filled(image_urls=pictures)}


def _try_on(dialect: GatewayDialect, order: Order) -> Body:
    person, garment = dialect.address(order.first("image")), dialect.address(order.first("garment"))
    return {"human_image_url": person, "garment_image_url": garment}


_KINDS: Mapping[Product, Callable[[GatewayDialect, Order], Body]] = {
    "text-to-video": _video,
    "image-to-video": _video,
    "omni-video": _omni,
    "motion-control": _motion,
    "effects": _effect,
    "lip-sync": _lip_sync,
    "avatar": _avatar,
    "voice": _voice,
    "speech": _speech,
    "sound-from-video": _sound,
    "image": _picture,
    "omni-image": _picture,
    "try-on": _try_on,
}


def _shots(spec: VideoSpec, *, marked: bool = True) -> Body:
    """Return the words, or the shots in their place; not `marked`: references are called by number."""
    marks = _MARKS if marked else {"image": "image {}"}
    if not spec.shots:
        return {"prompt": said(spec.prompt, spec.references, marks)}
    shots = [{"prompt": said(s.prompt, spec.references, marks), "duration": str(s.seconds)} for s in spec.shots]
    return {"multi_prompt": shots}


def _frame(dialect: GatewayDialect, order: Order, *, first: str, last: str) -> Body:
    """Return the frames under the names of this version."""
    start, end = dialect.address(order.first("first_frame")), dialect.address(order.first("last_frame"))
    if end and not last:
        raise Impossible(f"{dialect.title} takes no last frame here.")
    return {name: address for name, address in ((first, start), (last, end)) if address}


def _filled(**told: object) -> Body:
    """Return the fields that are told."""
    return {name: value for name, value in told.items() if value not in (None, "", [])}

"""Bodies of the current API's video endpoints: `contents` and `settings` (kling-official 3.1, 3.2).

Every setting whose default surprises is said outright; a field that the endpoint does not have is refused and never
dropped, because Kling ignores what it does not know and bills all the same (kling-official 0.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kling_tools.model.errors import Impossible
from kling_tools.model.plan import Order
from kling_tools.model.specs import MotionSpec, Reference, VideoSpec
from kling_tools.providers.kling import wording
from kling_tools.providers.kling.attached import address, content, paired

_LEGACY_ONLY = "Only Kling's legacy API has a field for it, on old models."

#: A prompt item is always sent, and its text may not be empty (kling-official 3.2).
AS_IN_THE_VIDEO = "The person moves as in the video."
#: What omni needs to be told where nothing that goes in has a shape of its own (kling-official 3.2).
PLAIN_RATIO = "16:9"


def video(order: Order, spec: VideoSpec) -> dict[str, Any]:
    """Return the body for text-to-video, image-to-video or omni-video, without options."""
    _check(order, spec)
    names = wording.ids(spec.references, len(spec.voices))
    settings = _settings(order, spec)
    if spec.product == "text-to-video":
        if spec.references or spec.voices:
            raise Impossible("Text-to-video takes no references or voices.", advice="Use an omni model.")
        return {"prompt": _prompt(spec, names), "settings": settings}
    contents: list[dict[str, Any]] = [{"type": "prompt", "text": _prompt(spec, names)}]
    contents += _frames(order, spec)
    contents += _references(order, spec, names)
    voices = zip(spec.voices, names.voices, strict=True)
    contents += ({"type": "voice", "voice_id": voice, "id": name} for voice, name in voices)
    return {"contents": contents, "settings": settings}


def motion(order: Order, spec: MotionSpec) -> dict[str, Any]:
    """Return the body for motion control, without options."""
    elements = tuple(Reference(kind="element", element=element) for element in spec.elements)
    names = wording.ids(elements)
    contents: list[dict[str, Any]] = [
        {"type": "prompt", "text": names.said(spec.prompt) if spec.prompt.strip() else AS_IN_THE_VIDEO},
        {"type": "image", "url": content(order.first("image"), "picture")},
        {"type": "video", "url": address(order.first("video"), "video")},
    ]
    for element, name in zip(spec.elements, names.references, strict=True):
        contents.append({"type": "element", "element_id": element, "id": name})
    settings = {"character_orientation": spec.follow, "audio": spec.audio, "resolution": spec.resolution}
    return {"contents": contents, "settings": settings}


def _check(order: Order, spec: VideoSpec) -> None:
    """Refuse what has no field here (kling-official 3.1)."""
    for asked, words in (
        (spec.negative_prompt, "a negative prompt"),
        (spec.cfg_scale is not None, "cfg_scale"),
        (spec.camera, "a camera move"),
        (order.masked, "a motion brush"),
    ):
        if asked:
            raise Impossible(f"Kling's current API has no field for {words}.", advice=_LEGACY_ONLY)
    if len(spec.shots) > 1 and spec.multi_shot is False:
        raise Impossible("Several shots were planned for a video of one.")
    if spec.product != "omni-video" and any(reference.kind != "element" for reference in spec.references):
        raise Impossible("Only omni models take pictures or videos as references.", advice="Use an omni model.")


def _prompt(spec: VideoSpec, names: wording.Names) -> str:
    if len(spec.shots) == 1 and not spec.multi_shot:
        return names.said(spec.shots[0].prompt)
    return wording.storyboard(spec.shots, names) if spec.shots else names.said(spec.prompt)


def _frames(order: Order, spec: VideoSpec) -> Iterator[dict[str, Any]]:
    first, last = order.first("first_frame"), order.first("last_frame")
    if first is not None or last is not None or spec.product == "image-to-video":
        yield {"type": "first_frame", "url": content(first, "first frame")}
    if last is not None:
        yield {"type": "last_frame", "url": content(last, "last frame")}
    if (base := order.first("base_video")) is not None:
        yield {"type": "base_video", "url": address(base, "video to edit")}


def _references(order: Order, spec: VideoSpec, names: wording.Names) -> Iterator[dict[str, Any]]:
    for (reference, medium), name in zip(paired(order, spec.references), names.references, strict=True):
        match reference.kind:
            case "element":
                yield {"type": "element", "element_id": reference.element, "id": name}
            case "image":
                yield {"type": "refer_image", "url": content(medium, "reference picture"), "id": name}
            case "video":
                yield {"type": "feature_video", "url": address(medium, "reference video"), "id": name}


def _settings(order: Order, spec: VideoSpec) -> dict[str, Any]:
    settings: dict[str, Any] = {"resolution": spec.resolution}
    if spec.seconds is not None:
        settings["duration"] = spec.seconds
    if ratio := _ratio(order, spec):
        settings["aspect_ratio"] = ratio
    if spec.audio in {"off", "native", "original"}:
        settings["audio"] = spec.audio
    if spec.multi_shot is not None:
        settings["multi_shot"] = spec.multi_shot
    return settings


def _ratio(order: Order, spec: VideoSpec) -> str:
    if spec.product == "image-to-video":  # it follows the picture (kling-official 12.18)
        return ""
    if spec.aspect_ratio or spec.product == "text-to-video":
        return spec.aspect_ratio or ""
    shaped = order.first("first_frame") or order.first("base_video")
    return "" if shaped or any(reference.kind == "video" for reference in spec.references) else PLAIN_RATIO

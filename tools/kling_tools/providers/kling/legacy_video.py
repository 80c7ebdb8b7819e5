"""Bodies of the legacy video products: words, frames, omni, motion, effects (kling-official 4.2 - 4.6, 4.11)."""

from __future__ import annotations

from typing import Any

from kling_tools.model.camera import PRESETS, axes, moved
from kling_tools.model.errors import Impossible, quoted
from kling_tools.model.plan import Order
from kling_tools.model.specs import EffectSpec, MotionSpec, Reference, VideoSpec
from kling_tools.providers.kling import wording
from kling_tools.providers.kling.attached import address, content, paired
from kling_tools.providers.kling.legacy_fields import NO_WATERMARK, Body, elements, filled, mode, own_id

#: What omni needs to be told where no picture and no video to edit has a shape of its own (kling-official 4.5).
_PLAIN_RATIO = "16:9"


def text_to_video(order: Order, spec: VideoSpec) -> Body:
    """Return the body for text2video (kling-official 4.2)."""
    if spec.references:
        raise Impossible("Text-to-video takes no references.", advice="Use an omni model.")
    return {**_plain(order, spec), **filled(aspect_ratio=spec.aspect_ratio)}


def image_to_video(order: Order, spec: VideoSpec) -> Body:
    """Return the body for image2video: the video follows the picture (kling-official 4.3)."""
    if any(reference.kind != "element" for reference in spec.references):
        raise Impossible("Only omni models take pictures or videos as references.", advice="Use an omni model.")
    body = {**_plain(order, spec), "image": content(order.first("first_frame"), "first frame")}
    if (last := order.first("last_frame")) is not None:
        body["image_tail"] = content(last, "last frame")
    return {**body, **elements(reference.element for reference in spec.references)}


def omni_video(order: Order, spec: VideoSpec) -> Body:
    """Return the body for omni-video (kling-official 4.5)."""
    for asked, words in (
        (spec.negative_prompt, "negative prompt"),
        (spec.cfg_scale is not None, "cfg_scale"),
        (spec.camera, "camera move"),
        (spec.voices, "choice of voices"),
    ):
        if asked:
            raise Impossible(f"Omni models have no {words}.", advice="Leave it out.")
    frames, videos = _omni_frames(order), _omni_videos(order, spec)
    before = {"image": len(frames), "video": int(order.first("base_video") is not None)}
    names = wording.places(spec.references, before=before)
    shaped = order.first("first_frame") or order.first("base_video")
    body: Body = {
        "model_name": order.plan.wire_model,
        **_story(spec, names),
        "mode": mode(spec.resolution),
        **_length(spec),
        **filled(aspect_ratio=spec.aspect_ratio or ("" if shaped else _PLAIN_RATIO)),
        **own_id(order),
        **NO_WATERMARK,
    }
    if spec.audio in {"off", "native", "original"}:  # a video's own sound is a matter of the video's entry
        body["sound"] = "on" if spec.audio == "native" else "off"
    if images := frames + _omni_pictures(order, spec):
        body["image_list"] = images
    if videos:
        body["video_list"] = videos
    return {**body, **elements(r.element for r in spec.references if r.kind == "element")}


def motion_control(order: Order, spec: MotionSpec) -> Body:
    """Return the body for motion-control (kling-official 4.6)."""
    names = wording.places(tuple(Reference(kind="element", element=element) for element in spec.elements))
    return {
        "model_name": order.plan.wire_model,
        "image_url": content(order.first("image"), "picture"),
        "video_url": address(order.first("video"), "video"),
        "character_orientation": spec.follow,
        "mode": mode(spec.resolution),
        "keep_original_sound": "yes" if spec.audio == "original" else "no",
        **filled(prompt=names.said(spec.prompt)),
        **elements(spec.elements),
        **own_id(order),
        **NO_WATERMARK,
    }


def effects(order: Order, spec: EffectSpec) -> Body:
    """Return the body for an effect over one picture or two (kling-official 4.11)."""
    pictures = [content(picture, "picture") for picture in order.every("image")]
    if len(pictures) not in {1, 2}:
        raise Impossible(f"An effect takes one picture or two, not {len(pictures)}.")
    put_in: Body = {"image": pictures[0]} if len(pictures) == 1 else {"images": pictures}
    return {"effect_scene": spec.scene, "input": put_in, **own_id(order)}


def _plain(order: Order, spec: VideoSpec) -> Body:
    """Return what text2video and image2video share (kling-official 4.2)."""
    if order.masked:
        raise Impossible("None of Kling's living models has a motion brush.", advice="Leave it out.")
    names = wording.places(spec.references, len(spec.voices))
    body: Body = {
        "model_name": order.plan.wire_model,
        **_story(spec, names),
        "mode": mode(spec.resolution),
        **_length(spec),
        **filled(negative_prompt=spec.negative_prompt, cfg_scale=spec.cfg_scale),
        **own_id(order),
        **NO_WATERMARK,
    }
    if spec.audio == "original":
        raise Impossible("There is no sound to keep: no video goes in.")
    if spec.audio in {"off", "native"}:
        body["sound"] = "on" if spec.audio == "native" else "off"
    if spec.camera:
        body["camera_control"] = _camera(spec.camera)
    if spec.voices:
        body["voice_list"] = [{"voice_id": voice} for voice in spec.voices]
    return body


def _length(spec: VideoSpec) -> Body:
    return {} if spec.seconds is None else {"duration": str(spec.seconds)}


def _story(spec: VideoSpec, names: wording.Names) -> Body:
    """Return the prompt, and how it is split into shots (kling-official 4.2, 12.8)."""
    alone = spec.shots[0].prompt if len(spec.shots) == 1 else spec.prompt
    if not spec.multi_shot:
        if len(spec.shots) > 1:
            raise Impossible("Several shots were planned for a model that makes one.")
        return {"prompt": names.said(alone), **filled(multi_shot=spec.multi_shot)}
    if not spec.shots:
        return {"prompt": names.said(spec.prompt), "multi_shot": True, "shot_type": "intelligence"}
    if any(reference.kind == "video" for reference in spec.references):
        raise Impossible("With a reference video Kling cuts the shots itself.", advice="Use prompt instead of shots.")
    shots = [
        {"index": number, "prompt": names.said(shot.prompt), "duration": str(shot.seconds)}
        for number, shot in enumerate(spec.shots, 1)
    ]
    # `prompt` is required by the page and ignored beside `multi_prompt`.
    return {
        "prompt": names.said(spec.shots[0].prompt),
        "multi_shot": True,
        "shot_type": "customize",
        "multi_prompt": shots,
    }


def _camera(move: str) -> Body:
    if move in PRESETS:
        return {"type": move}
    if moved(move) is None:
        raise Impossible(f"Kling has no camera field for {quoted(move, 40)}.", advice="Describe it in the prompt.")
    return {"type": "simple", "config": axes(move)}


def _omni_frames(order: Order) -> list[dict[str, Any]]:
    first, last = order.first("first_frame"), order.first("last_frame")
    frames = []
    if first is not None or last is not None:
        frames.append({"image_url": content(first, "first frame"), "type": "first_frame"})
    if last is not None:
        frames.append({"image_url": content(last, "last frame"), "type": "end_frame"})
    return frames


def _omni_pictures(order: Order, spec: VideoSpec) -> list[dict[str, Any]]:
    put_in = paired(order, spec.references)
    return [{"image_url": content(medium, "reference picture")} for r, medium in put_in if r.kind == "image"]


def _omni_videos(order: Order, spec: VideoSpec) -> list[dict[str, Any]]:
    kept = {"keep_original_sound": "yes" if spec.audio == "original" else "no"}
    videos = []
    if (base := order.first("base_video")) is not None:
        videos.append({"video_url": address(base, "video to edit"), "refer_type": "base", **kept})
    for reference, medium in paired(order, spec.references):
        if reference.kind == "video":
            url = address(medium, "reference video")
            videos.append({"video_url": url, "refer_type": "feature", **kept})
    return videos

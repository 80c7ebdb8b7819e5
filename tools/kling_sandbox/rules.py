"""What each video model accepts (kling-official 3.1-3.3, 4.2-4.6).

Anything else is 400/1201; unknown fields never get here.
"""

from __future__ import annotations

import re
from typing import Final

from kling_sandbox.envelope import invalid
from kling_sandbox.inputs import Footage
from kling_sandbox.models import FIVE_OR_TEN, MOTION_VIDEO, FootageLimits, Model
from kling_sandbox.order import I2V, MOTION, OMNI, T2V, Order, Shot, whole

ASPECT_RATIOS: Final = ("16:9", "9:16", "1:1")
LEGACY_PROMPT_MAX: Final = 2500
SHOT_MAX: Final = 512
SHOTS_MAX: Final = 6

_SHOT = re.compile(r"(?:shot|镜头)\s*(\d+)\s*[,，]\s*(\d+)\s*[,，]\s*([^;；]*)", re.IGNORECASE)
_STARTS_WITH_SHOT = re.compile(r"\s*(?:shot|镜头)\s*\d+\s*[,，]\s*\d+\s*[,，]", re.IGNORECASE)


def check(order: Order, model: Model) -> None:
    """Pass the order or raise 400/1201 with the first rule it breaks."""
    _check_prompt(order, model)
    _check_values(order, model)
    if order.product == MOTION:
        _check_motion(order, model)
        return
    _check_frames(order, model)
    _check_sound(order, model)
    _check_parts(order, model)
    _check_shots(order)


def check_footage(video: Footage, limits: FootageLimits, field: str) -> None:
    """Refuse a video whose figures are known and outside the limits."""
    if not video.known:
        return
    least, most = limits.seconds
    if not least <= video.seconds <= most:
        raise invalid(f"{field}: the video lasts {video.seconds:g} s, it must be {least:g} to {most:g} s")
    shortest, longest = limits.sides
    if min(video.width, video.height) < shortest or max(video.width, video.height) > longest:
        raise invalid(f"{field}: the video is {video.width}x{video.height}, its sides must be {shortest} to {longest}")
    if limits.area and video.width * video.height > limits.area:
        raise invalid(f"{field}: the video is {video.width}x{video.height}, at most {limits.area} pixels are supported")
    low, high = limits.ratio
    if not low <= video.width / video.height <= high:
        raise invalid(f"{field}: the ratio of the video must be {low:g} to {high:g}")


def prompt_shots(order: Order, model: Model) -> tuple[Shot, ...]:
    """Read the shots out of a prompt written in shot syntax; none when it has no effect."""
    # Turbo reads the syntax by itself; the others only with multi_shot (kling-official 3.1, 3.2).
    active = order.multi_shot if model.multi_shot else model.shot_syntax
    if order.legacy or order.product == MOTION or not active or not _STARTS_WITH_SHOT.match(order.prompt):
        return ()
    found = _SHOT.findall(order.prompt)
    return tuple(Shot(index=int(i), seconds=int(s[:4]), text=text.strip()) for i, s, text in found)


def _check_prompt(order: Order, model: Model) -> None:
    limit = LEGACY_PROMPT_MAX if order.legacy else model.prompt_max[order.product]
    # Shots given as a list replace the prompt (kling-official 4.2, note 1). Motion control does not ask for one.
    optional = order.product == MOTION or (order.legacy and order.shots)
    if not order.prompt.strip() and not optional:
        raise invalid("prompt is required")
    if len(order.prompt) > limit:
        raise invalid(f"prompt is too long: {len(order.prompt)} characters, at most {limit}")
    if len(order.negative_prompt) > LEGACY_PROMPT_MAX:
        raise invalid(f"negative_prompt is too long: at most {LEGACY_PROMPT_MAX} characters")


def _check_values(order: Order, model: Model) -> None:
    follows_video = order.video_use in ("base", "motion")
    if not follows_video and order.seconds not in model.seconds:
        raise invalid(f"duration value '{order.seconds}' is invalid for {model.label}: {_spoken(model.seconds)}")
    # O1 with text only or with a first frame only (kling-official 3.2).
    plain = not (order.last_frame or order.refer_images or order.elements or order.video)
    if model.like == "kling-o1" and plain and order.seconds not in FIVE_OR_TEN:
        raise invalid("duration value is invalid: text only and first frame only accept 5 or 10")
    resolutions = model.resolutions if order.product != MOTION else ("720p", "1080p")
    if order.resolution not in resolutions:
        word = "mode" if order.legacy else "resolution"
        raise invalid(f"{word} value is invalid for {model.label}: it makes {', '.join(resolutions)}")
    if order.aspect_ratio and order.aspect_ratio not in ASPECT_RATIOS:
        raise invalid(f"aspect_ratio value is invalid: one of {', '.join(ASPECT_RATIOS)}")


def _check_frames(order: Order, model: Model) -> None:
    if order.product == I2V and not order.first_frame:
        alone = ": a last frame alone is not supported" if order.last_frame else ""
        raise invalid(f"{'image' if order.legacy else 'first_frame'} is required{alone}")
    if not order.last_frame:
        return
    if not order.first_frame:
        raise invalid("first_frame is required: a last frame alone is not supported")
    if not model.last_frame:
        raise invalid(f"last_frame is not supported by {model.label}")
    if model.like in ("kling-2.6", "kling-2.5-turbo") and order.resolution != "1080p":
        raise invalid(f"first and last frame are supported by {model.label} only at 1080p (mode pro)")
    if model.like == "kling-o1" and (order.elements or order.refer_images):
        raise invalid("first and last frame cannot be combined with elements or further images")


def _check_sound(order: Order, model: Model) -> None:
    if model.sound == "none" and order.sound != "off":
        raise invalid(f"sound is not supported by {model.label}")
    if model.sound == "choice" and order.sound not in model.sounds:
        raise invalid(f"audio value is invalid for {model.label}: one of {', '.join(model.sounds)}")
    if model.like == "kling-2.6" and order.sound == "native":
        if order.resolution != "1080p":
            raise invalid("native audio is supported by Kling 2.6 only at 1080p (mode pro)")
        if order.last_frame:
            raise invalid("first and last frame are silent with Kling 2.6: audio must be off")


def _check_parts(order: Order, model: Model) -> None:
    if order.product == OMNI:
        _check_omni(order, model)
    elif order.elements and (not model.elements or order.product == T2V):
        raise invalid(f"element is not supported by {model.label}")
    elif len(order.elements) > model.elements:
        raise invalid(f"at most {model.elements} elements are supported")
    if order.voices and not model.voices:
        raise invalid(f"voice is not supported by {model.label}")
    if order.voices and order.elements:
        raise invalid("voices and elements cannot be used together")
    if len(order.voices) > model.voices:
        raise invalid(f"at most {model.voices} voices are supported")
    if order.voices and order.sound != "native":
        raise invalid("a chosen voice needs native audio")


def _check_omni(order: Order, model: Model) -> None:
    if model.like == "kling-o1" and order.video_elements:
        raise invalid(f"{model.label} supports multi-image elements only")
    _check_counts(order)
    if order.video is None:
        return
    limits = model.legacy_video if order.legacy else model.video
    assert limits is not None
    check_footage(order.video, limits, "video_url" if order.legacy else f"{order.video_use}_video")
    if order.sound == "native":
        raise invalid("native audio is not supported with a reference video")
    if order.video_use == "base":
        if order.first_frame or order.last_frame:
            raise invalid("first and last frame cannot be combined with a video to edit")
        if order.multi_shot:
            raise invalid("multi_shot must be false with a video to edit")
    elif model.multi_shot:
        if not order.multi_shot or (order.legacy and not order.intelligent):
            raise invalid("multi_shot must be true (shot_type intelligence) with a feature video")
        if order.sound != "off":
            raise invalid("audio must be off with a feature video")


def _check_counts(order: Order) -> None:
    """Apply the matrix of images, multi-image elements and video characters (kling-official 3.2)."""
    video_characters = order.video_elements
    others = len(order.elements) - video_characters + len(order.refer_images)
    # The legacy list of images holds the frames too (kling-official 4.5).
    others += sum(1 for frame in (order.first_frame, order.last_frame) if frame and order.legacy)
    if order.first_frame and len(order.elements) > 3:
        raise invalid("at most 3 elements are supported with a first frame")
    if order.video is None:
        most = 4 if video_characters else 7
        if video_characters > 3:
            raise invalid("at most 3 video character elements are supported")
        if others > most:
            raise invalid(f"at most {most} images and multi-image elements are supported")
    elif video_characters:
        if others:
            raise invalid("a reference video and a video character cannot be combined with images or other elements")
        if video_characters > 1:
            raise invalid("at most 1 video character element is supported with a reference video")
    elif others > 4:
        raise invalid("at most 4 images and elements are supported with a reference video")


def _check_motion(order: Order, model: Model) -> None:
    assert order.video is not None
    # With an element the output follows the video, whatever was asked for (kling-official 3.2).
    follows = "video" if order.elements else order.orientation
    check_footage(order.video, MOTION_VIDEO[follows], "video_url" if order.legacy else "video")
    if order.elements and model.like != "kling-3.0":
        raise invalid(f"element is not supported by motion control of {model.label}")
    if len(order.elements) > 1:
        raise invalid("at most 1 element is supported")


def _check_shots(order: Order) -> None:
    shots = order.shots
    if not shots:
        return
    if len(shots) > SHOTS_MAX:
        raise invalid(f"at most {SHOTS_MAX} shots are supported")
    if any(shot.seconds < 1 for shot in shots):
        raise invalid("each shot lasts at least 1 second")
    if any(len(shot.text) > SHOT_MAX for shot in shots):
        raise invalid(f"the words of a shot are at most {SHOT_MAX} characters")
    if (total := sum(shot.seconds for shot in shots)) != order.seconds:
        raise invalid(f"the shots last {total} seconds together, but duration is {whole(order.seconds)}")


def _spoken(seconds: frozenset[int]) -> str:
    ordered = sorted(seconds)
    if len(ordered) == 2:
        return f"{ordered[0]} or {ordered[1]}"
    return f"{ordered[0]} to {ordered[-1]}"

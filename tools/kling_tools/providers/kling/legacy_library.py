"""Bodies that make reusable voices and elements (kling-official 5.4, 5.5). Lists and deletion are `library`'s."""

from __future__ import annotations

from collections.abc import Mapping

from kling_tools.model.errors import BadMedia
from kling_tools.model.plan import Order
from kling_tools.model.specs import ElementSpec, VoiceSpec
from kling_tools.providers.kling.attached import address, by_id_or_address, content
from kling_tools.providers.kling.legacy_fields import Body, filled, own_id
from kling_tools.providers.kling.library import TAGS

#: A tag's id by its name in small letters.
_TAGS: Mapping[str, str] = {name.lower(): tag for tag, name in TAGS.items()}
MOST_VIEWS = 3


def element(order: Order, spec: ElementSpec) -> Body:
    """Return the body for an element from pictures or from a video (kling-official 5.5)."""
    tags = [{"tag_id": _TAGS.get(tag.lower(), tag)} for tag in spec.tags]
    return {
        "element_name": spec.name,
        "element_description": spec.description,
        **_looks(order),
        **filled(element_voice_id=spec.voice),
        **({"tag_list": tags} if tags else {}),
        **own_id(order),
    }


def voice(order: Order, spec: VoiceSpec) -> Body:
    """Return the body for a voice from a sample, which Kling fetches or has made itself (kling-official 5.4).

    By address where there is one: only some of Kling's own results are taken by their id.
    """
    sample = order.first("audio") or order.first("video")
    if sample is not None and sample.url:
        return {"voice_name": spec.name, "voice_url": sample.url, **own_id(order)}
    return {"voice_name": spec.name, **by_id_or_address(sample, "voice sample", kind="voice"), **own_id(order)}


def _looks(order: Order) -> Body:
    if (video := order.first("video")) is not None:
        clips = [{"video_url": address(video, "video")}]
        return {"reference_type": "video_refer", "element_video_list": {"refer_videos": clips}}
    frontal, *others = [content(picture, "picture") for picture in order.every("image")] or [""]
    if not frontal or not 1 <= len(others) <= MOST_VIEWS:
        raise BadMedia("An element needs its front and one to three other views.", advice="Pass 2-4 pictures.")
    pictures = {"frontal_image": frontal, "refer_images": [{"image_url": picture} for picture in others]}
    return {"reference_type": "image_refer", "element_image_list": pictures}

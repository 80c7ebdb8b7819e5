"""Bodies for sounds: one from words, or sound and music for a video (kling-official 5.2, 5.3)."""

from __future__ import annotations

from kling_tools.model.errors import Impossible
from kling_tools.model.plan import Order
from kling_tools.model.specs import SoundSpec
from kling_tools.providers.kling.attached import by_id_or_address
from kling_tools.providers.kling.legacy_fields import Body, filled, own_id


def from_text(order: Order, spec: SoundSpec) -> Body:
    """Return the body for a sound from words; its length has one decimal (kling-official 5.2)."""
    if spec.seconds is None:
        raise Impossible("A sound from words needs a length.", advice="Pass seconds.")
    return {"prompt": spec.prompt, "duration": round(float(spec.seconds), 1), **own_id(order)}


def from_video(order: Order, spec: SoundSpec) -> Body:
    """Return the body for a video's sound (kling-official 5.3)."""
    return {
        **by_id_or_address(order.first("video"), "video"),
        **filled(sound_effect_prompt=spec.prompt, bgm_prompt=spec.music),
        "asmr_mode": spec.close_up,
        **own_id(order),
    }

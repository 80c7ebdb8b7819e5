"""Avatar: a picture that speaks a sound; the film is as long as the sound (kling-official 4.10)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

from kling_sandbox import fields, film, legacy, prices, render, shapes
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import invalid
from kling_sandbox.fields import Body
from kling_sandbox.order import frame_size, whole
from kling_sandbox.product import Product, Workshop
from kling_sandbox.rules import LEGACY_PROMPT_MAX
from kling_sandbox.tasks import Media, Purchase, Task

PATH: Final = "/v1/videos/avatar/image2video"
SOUND_SECONDS: Final = (2.0, 300.0)


def products() -> tuple[Product, ...]:
    """Return the one product."""
    return (Product(path=PATH, read=read, outputs=shapes.video_outputs, result=shapes.video_result, draw=draw),)


def read(body: Body, desk: Desk) -> Purchase:
    """Read the call and price it by the length of the sound."""
    source = fields.needed(body, "image")
    prompt = fields.text(body, "prompt")
    if len(prompt) > LEGACY_PROMPT_MAX:
        raise invalid(f"prompt is too long: {len(prompt)} characters, at most {LEGACY_PROMPT_MAX}")
    mode = fields.choice(body, "mode", ("std", "pro"), "std")
    sound = desk.inputs.one_sound(fields.text(body, "audio_id"), fields.text(body, "sound_file"))
    least, most = SOUND_SECONDS
    if sound.known and not least <= sound.seconds <= most:
        raise invalid(f"the sound lasts {sound.seconds:g} s, it must be {least:g} to {most:g} s")
    ids = legacy.ids(body)
    kept = desk.inputs.picture(source, "image", legacy=True)
    seconds = whole(round(sound.seconds, 3))
    width, height = frame_size(legacy.RESOLUTIONS[mode], kept.width / kept.height if kept.pixels else 16 / 9)
    settings = {
        "prompt": prompt,
        "first_frame": kept.name,
        "sound_file": sound.name,
        "seconds": seconds,
        "resolution": legacy.RESOLUTIONS[mode],
        "sound": "original",
    }
    return Purchase(
        model="avatar",
        units=str(Decimal(prices.AVATAR[mode]) * Decimal(str(seconds))),
        settings=settings,
        media=(Media(kind="video", name="video.mp4", seconds=seconds, width=width, height=height, sound=True),),
        makes_in=60 + 5 * seconds,
        **ids,
    )


def draw(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    """Draw the picture with the sound below it."""
    bought, made = task.settings, task.bought.media[0]
    sound = workshop.input(bought["sound_file"])
    texts = (bought["prompt"], "Kling Avatar")
    span = ((made.width, made.height), made.seconds)
    tone = None if sound else film.chance(bought["sound_file"])
    return render.draw_pictures(workshop, [bought["first_frame"]], texts, span, work, sound, tone)

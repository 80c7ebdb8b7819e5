"""Effects: a scene of a list that changes weekly, with one image or two (kling-official 4.11)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kling_sandbox import fields, prices, render, shapes
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import invalid
from kling_sandbox.fields import Body
from kling_sandbox.order import frame_size
from kling_sandbox.product import Product, Workshop
from kling_sandbox.scenes import DUAL, ENDED, SINGLE
from kling_sandbox.tasks import Media, Purchase, Task

PATH: Final = "/v1/videos/effects"
SECONDS: Final = 5  # the length is nowhere said any more


def products() -> tuple[Product, ...]:
    """Return the one product."""
    return (Product(path=PATH, read=read, outputs=shapes.video_outputs, result=shapes.video_result, draw=draw),)


def read(body: Body, desk: Desk) -> Purchase:
    """Read scene and images; the price is per call."""
    scene = fields.needed(body, "effect_scene")
    if scene in ENDED:
        raise invalid(f"effect_scene {scene} has been discontinued and is no longer available")
    if scene not in SINGLE | DUAL:
        raise invalid(f"effect_scene value '{scene[:60]}' is invalid")
    sources = _images(fields.obj(body, "input"), scene)
    external, callback = fields.text(body, "external_task_id"), fields.text(body, "callback_url")
    kept = [desk.inputs.picture(source, "input.image", legacy=True) for source in sources]
    first = kept[0]
    width, height = frame_size("720p", first.width / first.height if first.pixels else 16 / 9)
    return Purchase(
        model="effects",
        units=prices.EFFECTS,
        settings={
            "effect_scene": scene,
            "refer_images": [one.name for one in kept],
            "seconds": SECONDS,
            "resolution": "720p",
        },
        media=(Media(kind="video", name="video.mp4", seconds=SECONDS, width=width, height=height),),
        makes_in=45,
        external_id=external,
        callback_url=callback,
    )


def draw(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    """Draw the images in turn under the name of the scene."""
    made = task.bought.media[0]
    texts = (str(task.settings["effect_scene"]), "Kling Effects")
    span = ((made.width, made.height), made.seconds)
    return render.draw_pictures(workshop, task.settings["refer_images"], texts, span, work)


def _images(given: Body, scene: str) -> list[str]:
    """Read what the scene takes; the other field would be ignored, and its own is then missing."""
    if scene in SINGLE:
        if not (image := fields.text(given, "image")):
            raise invalid(f"input.image is required: {scene} takes one image")
        return [image]
    images = given.get("images")
    if not isinstance(images, list) or len(images) != 2 or not all(isinstance(one, str) and one for one in images):
        raise invalid(f"input.images must be two images: {scene} takes two")
    return list(images)

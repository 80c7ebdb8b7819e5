"""Image recognition: four masks of one picture, at once (kling-official 4.13)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kling_sandbox import fields, prices
from kling_sandbox.desk import Desk
from kling_sandbox.fields import Body
from kling_sandbox.product import JSON, Address, Product, Workshop
from kling_sandbox.tasks import Media, Purchase, Task

PATH: Final = "/v1/videos/image-recognize"
# The masks, each with the middle and the size of the spot it shows, as shares of the picture.
MASKS: Final = {
    "object_seg": (0.5, 0.55, 0.5),
    "head_seg": (0.5, 0.3, 0.25),
    "face_seg": (0.5, 0.32, 0.17),
    "cloth_seg": (0.5, 0.65, 0.35),
}


def products() -> tuple[Product, ...]:
    """Return the one product."""
    return (Product(path=PATH, read=read, outputs=lambda task, address: [], result=_images, draw=draw, answer=_answer),)


def read(body: Body, desk: Desk) -> Purchase:
    """Take the picture in."""
    kept = desk.inputs.picture(fields.needed(body, "image"), "image", legacy=True)
    width, height = kept.width or 1280, kept.height or 720
    return Purchase(
        model="image-recognize",
        units=prices.IMAGE_RECOGNIZE,
        settings={"image": kept.name},
        media=tuple(Media(kind="image", name=f"{mask}.png", width=width, height=height) for mask in MASKS),
        makes_in=0,
    )


def draw(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    """Draw a mask: white where the thing is supposed to be."""
    from PIL import Image, ImageDraw

    made = task.bought.media[0]
    x, y, share = MASKS[name.removesuffix(".png")]
    image = Image.new("L", (made.width, made.height), 0)
    radius = share * min(image.size) / 2
    middle = (x * made.width, y * made.height)
    ImageDraw.Draw(image).ellipse([middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius], 255)
    image.save(work / name)
    return work / name


def _images(task: Task, address: Address) -> JSON:
    found = [{"type": mask, "is_contain": True, "url": address(task, f"{mask}.png")} for mask in MASKS]
    return {"images": found}


def _answer(task: Task, address: Address) -> JSON:
    return {
        "task_id": task.id,
        "task_status": "succeed",
        "task_result": _images(task, address),
        "final_unit_deduction": task.bought.units,
    }

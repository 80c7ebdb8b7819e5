"""The video products with a model: text, image and omni to video, and motion control, in both standards."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from kling_sandbox import legacy, models, prices, render, rules, shapes, standard
from kling_sandbox.config import SandboxConfig
from kling_sandbox.desk import Desk
from kling_sandbox.fields import Body
from kling_sandbox.models import Model
from kling_sandbox.order import MOTION, Order, frame_size, whole
from kling_sandbox.pictures import MOST_PIXELS, TOO_MANY_PIXELS, Kept
from kling_sandbox.product import Product
from kling_sandbox.tasks import Media, Purchase

FILE = "video.mp4"


def products(config: SandboxConfig) -> tuple[Product, ...]:
    """Return one product per path: each model's own in the new standard, one for all models in the legacy one."""
    known = models.known(config.models)
    new = [_standard(product, model) for model in known for product in model.prompt_max]
    return (*new, *[_legacy(path, product, known) for path, product in legacy.PATHS.items()])


def _standard(product: str, model: Model) -> Product:
    def read(body: Body, desk: Desk) -> Purchase:
        return purchase(standard.read_order(product, model, body, desk), model, desk)

    return _product(f"/{product}/{model.name}", read)


def _legacy(path: str, product: str, known: Sequence[Model]) -> Product:
    def read(body: Body, desk: Desk) -> Purchase:
        order, model = legacy.read_order(product, known, body, desk)
        return purchase(order, model, desk)

    return _product(path, read)


def _product(path: str, read: Callable[[Body, Desk], Purchase]) -> Product:
    return Product(
        path=path, read=read, outputs=shapes.video_outputs, result=shapes.video_result, draw=render.draw_order
    )


def purchase(order: Order, model: Model, desk: Desk) -> Purchase:
    """Check the order, take its images in and price it."""
    order = dataclasses.replace(order, shots=order.shots or rules.prompt_shots(order, model))
    rules.check(order, model)
    order, most_pixels = _with_images(order, desk)
    base, each = model.pace
    return Purchase(
        model=model.name,
        units=str(prices.units(order, model.like)),
        settings={**order.to_settings(), "label": model.label},
        media=(
            Media(
                kind="video",
                name=FILE,
                seconds=order.seconds,
                width=order.width,
                height=order.height,
                sound=_sounds(order),
            ),
        ),
        makes_in=base + each * order.seconds,
        watermark=order.watermark,
        external_id=order.external_id,
        callback_url=order.callback_url,
        failure=TOO_MANY_PIXELS if most_pixels > MOST_PIXELS else "",
    )


def _with_images(order: Order, desk: Desk) -> tuple[Order, int]:
    """Return the order with its images stored and its size fixed, and the pixels of its largest image."""
    names = ("image", "image_tail", "image_url") if order.legacy else ("first_frame", "last_frame", "refer_image")
    kept: list[Kept] = []

    def keep(source: str, field: str) -> str:
        kept.append(desk.inputs.picture(source, field, legacy=order.legacy))
        return kept[-1].name

    stored = dataclasses.replace(
        order,
        first_frame=keep(order.first_frame, "image" if order.product == MOTION else names[0]),
        last_frame=keep(order.last_frame, names[1]),
        refer_images=tuple(keep(source, names[2]) for source in order.refer_images),
    )
    width, height = frame_size(order.resolution, _ratio(order, kept[0]))
    sized = dataclasses.replace(stored, width=width, height=height, seconds=whole(order.seconds))
    return sized, max(one.pixels for one in kept)


def _ratio(order: Order, first: Kept) -> float:
    """Return width by height of the output: as asked for, or that of the first frame or of the edited video."""
    if order.aspect_ratio:
        wide, high = order.aspect_ratio.split(":")
        return int(wide) / int(high)
    if first.pixels:
        return first.width / first.height
    if order.video_use == "base" and order.video:
        return order.video.width / order.video.height
    return 16 / 9


def _sounds(order: Order) -> bool:
    return order.sound == "native" or (order.sound == "original" and order.video is not None and order.video.sound)

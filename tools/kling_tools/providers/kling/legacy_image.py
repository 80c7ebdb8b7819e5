"""Bodies of the picture products (kling-official 4.13, 5.6, 6)."""

from __future__ import annotations

from kling_tools.model.errors import Impossible
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order
from kling_tools.model.specs import ImageSpec
from kling_tools.providers.kling import wording
from kling_tools.providers.kling.attached import content, paired
from kling_tools.providers.kling.legacy_fields import NO_WATERMARK, Body, elements, filled, own_id


def generations(order: Order, spec: ImageSpec) -> Body:
    """Return the body for pictures from words, one picture, elements (kling-official 6.1)."""
    pictures = _references(order, spec)
    if len(pictures) > 1:
        raise Impossible("This model takes one picture beside the words.", advice="Use an omni image model.")
    if pictures and spec.negative_prompt:
        raise Impossible("A negative prompt does not go with a picture.", advice="Leave one of them out.")
    return {
        "model_name": order.plan.wire_model,
        "prompt": wording.plain(spec.references).said(spec.prompt),
        "n": spec.count,
        **filled(
            image=pictures[0] if pictures else "",
            image_reference=spec.likeness,
            image_fidelity=spec.image_fidelity,
            human_fidelity=spec.human_fidelity,
            negative_prompt=spec.negative_prompt,
            resolution=spec.resolution,
            aspect_ratio=spec.aspect_ratio,
        ),
        **_elements(spec),
        **own_id(order),
        **NO_WATERMARK,
    }


def omni_image(order: Order, spec: ImageSpec) -> Body:
    """Return the body for pictures from several references, or a series (kling-official 6.2)."""
    _refuse(spec, negative_prompt=spec.negative_prompt, likeness=spec.likeness, fidelity=spec.image_fidelity)
    pictures = [{"image": picture} for picture in _references(order, spec)]
    series = spec.series is not None
    return {
        "model_name": order.plan.wire_model,
        "prompt": wording.places(spec.references).said(spec.prompt),
        "result_type": "series" if series else "single",
        **({"series_amount": spec.series} if series else {"n": spec.count}),
        **filled(resolution=spec.resolution, aspect_ratio=spec.aspect_ratio),
        **({"image_list": pictures} if pictures else {}),
        **_elements(spec),
        **own_id(order),
    }


def multi_image(order: Order, spec: ImageSpec) -> Body:
    """Return the body for a picture of several subjects, with a scene and a style (kling-official 6.3)."""
    _refuse(spec, negative_prompt=spec.negative_prompt, elements=_elements(spec), likeness=spec.likeness)
    scene, style = order.first("scene"), order.first("style")
    return {
        "model_name": order.plan.wire_model,
        "subject_image_list": [{"subject_image": picture} for picture in _references(order, spec)],
        "n": spec.count,
        **filled(
            scene_image=content(scene, "scene") if scene else "",
            style_image=content(style, "style") if style else "",
            prompt=wording.plain(spec.references).said(spec.prompt),
            aspect_ratio=spec.aspect_ratio,
        ),
        **own_id(order),
    }


def outpaint(order: Order, spec: ImageSpec) -> Body:
    """Return the body for a picture with more around it (kling-official 6.4)."""
    if spec.expand is None:
        raise Impossible("Outpainting needs to know how far each side grows.", advice="Pass expand.")
    up, down, left, right = (float(ratio) for ratio in spec.expand)
    return {
        "image": content(_only(order), "picture"),
        "up_expansion_ratio": up,
        "down_expansion_ratio": down,
        "left_expansion_ratio": left,
        "right_expansion_ratio": right,
        "n": spec.count,
        **filled(prompt=spec.prompt),
        **own_id(order),
        **NO_WATERMARK,
    }


def try_on(order: Order, spec: ImageSpec) -> Body:
    """Return the body for a garment on a person (kling-official 6.5)."""
    return {
        "model_name": order.plan.wire_model,
        "human_image": content(order.first("image"), "picture of the person"),
        "cloth_image": content(order.first("garment"), "picture of the garment"),
        **own_id(order),
    }


def views(order: Order, spec: ImageSpec) -> Body:
    """Return the body for other views of a thing (kling-official 5.6)."""
    return {"element_frontal_image": content(_only(order), "picture"), **own_id(order)}


def cutouts(order: Order, spec: ImageSpec) -> Body:
    """Return the body for what is cut out of a picture; it takes no id of ours (kling-official 4.13)."""
    return {"image": content(_only(order), "picture")}


def _only(order: Order) -> Medium | None:
    return order.first("image") or order.first("reference")


def _references(order: Order, spec: ImageSpec) -> list[str]:
    put_in = paired(order, spec.references)
    return [content(medium, "reference picture") for reference, medium in put_in if reference.kind == "image"]


def _elements(spec: ImageSpec) -> Body:
    return elements(reference.element for reference in spec.references if reference.kind == "element")


def _refuse(spec: ImageSpec, **fields: object) -> None:
    if unknown := [name.replace("_", " ") for name, value in fields.items() if value]:
        raise Impossible(f"This model has no field for {unknown[0]}.", advice="Leave it out.")

"""The image products: generations, omni-image, multi-image, expand and try-on (kling-official 6, 10.3).

Where a limit is written, breaking it is 400/1201; what the pages do not say is not checked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from kling_sandbox import elements, fields, painting, prints
from kling_sandbox.config import SandboxConfig
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import invalid
from kling_sandbox.fields import Body
from kling_sandbox.painting import Box, Size
from kling_sandbox.pictures import Kept
from kling_sandbox.product import JSON, Address, Product, Workshop
from kling_sandbox.tasks import Purchase, Task

RATIOS: Final = tuple(painting.SIZES_1K)
PROMPT_MAX: Final = 2500
IMAGES_MAX: Final = 9
PARTS_MAX: Final = 10
SUBJECTS_MAX: Final = 4
EXPANSION_MAX: Final = 2.0
EXPANDED_AREA_MAX: Final = 3.0
AUTO_SERIES: Final = 4
SECONDS: Final = 24.0  # seen for one image (kling-official 2.6)
# Retired on 2026-09-15 (kling-official 4.1). The first is what an absent name once meant.
RETIRED: Final = ("kling-v1", "kling-v1-5", "kling-v2", "kling-v2-new")

_EXPANSIONS: Final = ("up_expansion_ratio", "down_expansion_ratio", "left_expansion_ratio", "right_expansion_ratio")


@dataclass(frozen=True, kw_only=True)
class ImageModel:
    """One image model: what it makes and what an image costs in image units, from text and from images."""

    label: str
    resolutions: tuple[str, ...] = ("1k", "2k")
    from_text: int = 8
    from_images: int = 8
    series: bool = False
    references: bool = False
    elements: bool = True


Models = Mapping[str, ImageModel]
Read = Callable[[Body, Desk, Models], Purchase]
Result = Callable[[Task, Address], JSON]

GENERATIONS: Final[dict[str, ImageModel]] = {
    "kling-v3": ImageModel(label="Kling Image 3.0"),
    "kling-v2-1": ImageModel(label="Kling Image 2.1", from_text=4, references=True, elements=False),
}
OMNI: Final[dict[str, ImageModel]] = {
    "kling-image-o1": ImageModel(label="Kling Image O1"),
    "kling-v3-omni": ImageModel(label="Kling Image 3.0 Omni", resolutions=("1k", "2k", "4k"), series=True),
}
MULTI_IMAGE: Final[dict[str, ImageModel]] = {
    "kling-v2-1": ImageModel(label="Kling Image 2.1", from_text=16, from_images=16, elements=False)
}
TRY_ON: Final[dict[str, ImageModel]] = {
    "kolors-virtual-try-on-v1": ImageModel(label="Kolors Virtual Try-On V1", elements=False),
    "kolors-virtual-try-on-v1-5": ImageModel(label="Kolors Virtual Try-On V1.5", elements=False),
}
OUTPAINTING: Final = ImageModel(label="Kling Outpainting", elements=False)


def products(config: SandboxConfig) -> tuple[Product, ...]:
    """Return the products of this room."""

    def product(path: str, read: Read, models: Models, result: Result = prints.result) -> Product:
        known = {**models, **{new: models[old] for new, old in config.models.items() if old in models}}

        def read_known(body: Body, desk: Desk) -> Purchase:
            return read(body, desk, known)

        return Product(path=path, read=read_known, outputs=prints.outputs, result=result, draw=prints.draw)

    expand = product("/v1/images/editing/expand", read_expansion, {})
    return (
        product("/v1/images/generations", read_generation, GENERATIONS),
        product("/v1/images/omni-image", read_omni, OMNI, _omni_result),
        product("/v1/images/multi-image2image", read_multi_image, MULTI_IMAGE),
        dataclasses.replace(expand, draw=_draw_expanded),
        product("/v1/images/kolors-virtual-try-on", read_try_on, TRY_ON, _try_on_result),
    )


def read_generation(body: Body, desk: Desk, models: Models) -> Purchase:
    """Read POST /v1/images/generations (kling-official 6.1)."""
    name, model = _model(body, models, "kling-v3")
    image = _picture(desk, fields.text(body, "image"), "image")
    if _words(body, "negative_prompt") and image.name:
        raise invalid("negative_prompt is not supported with image")
    reference = _reference(body, model, has_image=bool(image.name))
    used = _elements(body, desk, model)
    if len(used) + bool(image.name) > PARTS_MAX:
        raise invalid(f"at most {PARTS_MAX} images and elements are supported")
    resolution = fields.choice(body, "resolution", model.resolutions, "1k")
    ratio = fields.choice(body, "aspect_ratio", RATIOS, "16:9")
    return _purchase(
        body,
        name,
        model,
        size=painting.size_of(resolution, ratio),
        count=_count(body),
        unit=model.from_images if image.name or used else model.from_text,
        given=(image,) if image.name else (),
        settings={
            "prompt": _words(body, "prompt", needed=True),
            "negative_prompt": fields.text(body, "negative_prompt"),
            "image_reference": reference,
            "elements": used,
            "resolution": resolution,
            "aspect_ratio": ratio,
        },
    )


def read_omni(body: Body, desk: Desk, models: Models) -> Purchase:
    """Read POST /v1/images/omni-image (kling-official 6.2)."""
    name, model = _model(body, models, "kling-image-o1")
    sources = [fields.needed(part, "image") for part in fields.objects(body, "image_list")]
    used = _elements(body, desk, model)
    if len(sources) + len(used) > PARTS_MAX:
        raise invalid(f"at most {PARTS_MAX} images and elements are supported")
    given = tuple(_picture(desk, source, "image_list") for source in sources)
    resolution = fields.choice(body, "resolution", ("1k", "2k", "4k"), "1k")
    if resolution not in model.resolutions:
        raise invalid(f"resolution {resolution} is not supported by {name}: {', '.join(model.resolutions)}")
    kind, count = _result_kind(body, name, model)
    plain = not (given or used)
    # The documented default is auto, which pure text cannot have.
    ratio = fields.choice(body, "aspect_ratio", (*RATIOS, "auto"), "16:9" if plain else "auto")
    if ratio == "auto" and plain:
        raise invalid("aspect_ratio auto needs an image or an element")
    drawn = _automatic(desk, given) if ratio == "auto" else ratio
    return _purchase(
        body,
        name,
        model,
        size=painting.size_of(resolution, drawn),
        count=count,
        unit=16 if resolution == "4k" else model.from_images,
        given=given,
        settings={
            "prompt": _words(body, "prompt", needed=True),
            "elements": used,
            "resolution": resolution,
            "aspect_ratio": ratio,
            "result_type": kind,
        },
    )


def read_multi_image(body: Body, desk: Desk, models: Models) -> Purchase:
    """Read POST /v1/images/multi-image2image (kling-official 6.3)."""
    # No default is documented; what an absent name meant is retired.
    name, model = _model(body, models, RETIRED[0])
    sources = [fields.needed(part, "subject_image") for part in fields.objects(body, "subject_image_list")]
    if not 1 <= len(sources) <= SUBJECTS_MAX:
        raise invalid(f"subject_image_list needs 1 to {SUBJECTS_MAX} images")
    subjects = [_picture(desk, source, "subject_image_list") for source in sources]
    others = [_picture(desk, fields.text(body, field), field) for field in ("scene_image", "style_image")]
    ratio = fields.choice(body, "aspect_ratio", RATIOS, "16:9")
    return _purchase(
        body,
        name,
        model,
        size=painting.size_of("1k", ratio),
        count=_count(body),
        unit=model.from_images,
        given=(*subjects, *(one for one in others if one.name)),
        settings={"prompt": _words(body, "prompt"), "resolution": "1k", "aspect_ratio": ratio},
    )


def read_expansion(body: Body, desk: Desk, models: Models) -> Purchase:
    """Read POST /v1/images/editing/expand, which knows no models (kling-official 6.4)."""
    image = _picture(desk, fields.needed(body, "image"), "image")
    for field in _EXPANSIONS:
        if body.get(field) is None:
            raise invalid(f"{field} is required")
    up, down, left, right = (fields.number(body, field, 0.0, 0.0, EXPANSION_MAX) for field in _EXPANSIONS)
    across, along = 1 + left + right, 1 + up + down
    if across * along > EXPANDED_AREA_MAX + 1e-9:
        raise invalid("the expanded area must not exceed 3 times the area of the image")
    width, height = prints.input_size(desk, image.name) or prints.UNKNOWN_SIZE
    return _purchase(
        body,
        "expand",
        OUTPAINTING,
        size=painting.bounded(width * across, height * along),
        count=_count(body),
        unit=OUTPAINTING.from_images,
        given=(image,),
        settings={
            "prompt": _words(body, "prompt"),
            "box": [left / across, up / along, (left + 1) / across, (up + 1) / along],
        },
    )


def read_try_on(body: Body, desk: Desk, models: Models) -> Purchase:
    """Read POST /v1/images/kolors-virtual-try-on (kling-official 6.5)."""
    name, model = _model(body, models, "kolors-virtual-try-on-v1")
    human = _picture(desk, fields.needed(body, "human_image"), "human_image")
    cloth = _picture(desk, fields.needed(body, "cloth_image"), "cloth_image")
    return _purchase(
        body,
        name,
        model,
        size=painting.bounded(*(prints.input_size(desk, human.name) or prints.UNKNOWN_SIZE)),
        count=1,
        # The price is not known (kling-official 10.2): that of any other image stands in for it.
        unit=model.from_images,
        given=(human, cloth),
        settings={"prompt": "virtual try-on"},
        pack="try_on",
    )


def _purchase(
    body: Body,
    name: str,
    model: ImageModel,
    *,
    size: Size,
    count: int,
    unit: int,
    given: tuple[Kept, ...],
    settings: JSON,
    pack: Literal["image", "try_on"] = "image",
) -> Purchase:
    return Purchase(
        model=name,
        units=str(unit * count),
        settings={**settings, "n": count, "images": [one.name for one in given], **_written(settings, model)},
        media=prints.sheets(count, size),
        makes_in=SECONDS,
        pack=pack,
        slots=count,  # an image task takes as many slots as it makes images (kling-official 9.2)
        # Try-on has no such field, and its results no such URL (kling-official 6.5).
        watermark=pack == "image" and fields.flag(fields.obj(body, "watermark_info"), "enabled", False),
        external_id=fields.text(body, "external_task_id"),
        callback_url=fields.text(body, "callback_url"),
        failure=prints.failure_of(*given),
    )


def _written(settings: JSON, model: ImageModel) -> JSON:
    return {"words": settings["prompt"], "label": model.label}


def _model(body: Body, models: Models, default: str) -> tuple[str, ImageModel]:
    name = fields.text(body, "model_name") or default
    if name in models:
        return name, models[name]
    if name in RETIRED:
        # The live message is known, its code was not recorded: 1201, as for any other wrong value.
        raise invalid(f"model {name} has been discontinued and is no longer available")
    raise invalid(f"model_name value '{name[:60]}' is invalid: one of {', '.join(models)}")


def _words(body: Body, field: str, *, needed: bool = False) -> str:
    value = fields.needed(body, field) if needed else fields.text(body, field)
    if len(value) > PROMPT_MAX:
        raise invalid(f"{field} is too long: {len(value)} characters, at most {PROMPT_MAX}")
    return value


def _count(body: Body) -> int:
    count = fields.integer(body, "n", 1)
    if not 1 <= count <= IMAGES_MAX:
        raise invalid(f"n must be between 1 and {IMAGES_MAX}")
    return count


def _picture(desk: Desk, source: str, field: str) -> Kept:
    return desk.inputs.picture(source, field, legacy=True)


def _elements(body: Body, desk: Desk, model: ImageModel) -> list[str]:
    used = elements.used_ids(body, desk)
    if used and not model.elements:
        raise invalid(f"element_list is not supported by {model.label}")
    # Images take multi-image elements only (kling-official 6.7).
    if any(desk.element_kind(id) == elements.VIDEO_ELEMENT for id in used):
        raise invalid("element_list: video character elements are not supported for images")
    return used


def _reference(body: Body, model: ImageModel, *, has_image: bool) -> str:
    reference = fields.choice(body, "image_reference", ("", "subject", "face"), "")
    fidelities = [name for name in ("image_fidelity", "human_fidelity") if body.get(name) is not None]
    for name in fidelities:
        fields.number(body, name, 0.5, 0.0, 1.0)
    if (reference or fidelities) and not model.references:
        raise invalid(f"{', '.join([*fidelities, *(['image_reference'] if reference else [])])}: kling-v2-1 only")
    if reference and not has_image:
        raise invalid("image is required with image_reference")
    if "human_fidelity" in fidelities and reference != "subject":
        raise invalid("human_fidelity needs image_reference subject")
    return reference


def _result_kind(body: Body, name: str, model: ImageModel) -> tuple[str, int]:
    """Read whether a series is wanted, and how many images it comes to."""
    kind = fields.choice(body, "result_type", ("single", "series"), "single")
    amount = body.get("series_amount")
    if kind == "single":
        if amount is not None:
            raise invalid("series_amount needs result_type series")
        return kind, _count(body)
    if not model.series:
        raise invalid(f"result_type series is not supported by {name}")
    if _count(body) != 1:
        raise invalid("n is not supported with result_type series: use series_amount")
    if amount is None or amount == "auto":
        return kind, AUTO_SERIES
    if isinstance(amount, bool) or not isinstance(amount, int) or not 2 <= amount <= IMAGES_MAX:
        raise invalid(f"series_amount must be auto or an integer from 2 to {IMAGES_MAX}")
    return kind, amount


def _automatic(desk: Desk, given: tuple[Kept, ...]) -> str:
    size = prints.input_size(desk, given[0].name) if given else None
    return painting.nearest_ratio(size or prints.UNKNOWN_SIZE)


def _omni_result(task: Task, address: Address) -> JSON:
    shown = prints.images(task, address)
    kind = str(task.settings["result_type"])
    return {"result_type": kind, ("series_images" if kind == "series" else "images"): shown}


def _try_on_result(task: Task, address: Address) -> JSON:
    return {"images": [{"index": one["index"], "url": one["url"]} for one in prints.images(task, address)]}


def _draw_expanded(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    left, top, right, bottom = task.settings["box"]
    box: Box = (left, top, right, bottom)
    return prints.paint(workshop, task, name, work, task.settings["images"][0], box)

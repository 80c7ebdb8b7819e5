"""The legacy standard: /v1 paths, a flat body with model_name, `succeed` without -ed.

Pure translation both ways (kling-official 2.4, 2.5, 4.2, 4.3); the desk does the work.
"""

from __future__ import annotations

from typing import Any

from kling_sandbox import fields, rules
from kling_sandbox.envelope import invalid
from kling_sandbox.fields import Body
from kling_sandbox.order import I2V, T2V, Order, Shot
from kling_sandbox.tasks import Moment, Task

# Path segment under /v1/videos to product.
PRODUCTS = {"text2video": T2V, "image2video": I2V}
RESOLUTIONS = {"std": "720p", "pro": "1080p", "4k": "4k"}
DEAD_DEFAULT = "kling-v1"


def read_order(product: str, body: Body) -> Order:
    """Translate a create body into an order with all defaults filled in."""
    model = _model(fields.text(body, "model_name"))
    multi_shot = fields.flag(body, "multi_shot", False)
    if multi_shot and not model.multi_shot:
        raise invalid(f"multi_shot is not supported by {model.legacy_name}")
    shots = _shots(body) if multi_shot else ()
    image = product == I2V
    return Order(
        product=product,
        model=model.name,
        legacy=True,
        prompt=fields.text(body, "prompt"),
        negative_prompt=fields.text(body, "negative_prompt"),
        seconds=fields.integer_text(body, "duration", "5"),
        resolution=RESOLUTIONS[fields.choice(body, "mode", tuple(RESOLUTIONS), "std")],
        aspect_ratio="" if image else fields.text(body, "aspect_ratio", "16:9"),
        sound="native" if fields.choice(body, "sound", ("on", "off"), "off") == "on" else "off",
        multi_shot=multi_shot,
        shots=shots,
        first_frame=fields.text(body, "image") if image else "",
        last_frame=fields.text(body, "image_tail") if image else "",
        elements=_elements(body) if image else (),
        voices=_voices(body),
        watermark=fields.flag(fields.obj(body, "watermark_info"), "enabled", False),
        external_id=fields.text(body, "external_task_id"),
        callback_url=fields.text(body, "callback_url"),
    )


def created(task: Task) -> dict[str, Any]:
    """Show a task as the create call answers it (kling-official 2.4)."""
    return {
        "task_id": task.id,
        "task_status": "submitted",
        "task_info": _info(task),
        "created_at": task.created_ms,
        "updated_at": task.created_ms,
    }


def item(task: Task, now: Moment, url: str) -> dict[str, Any]:
    """Show a task as queries answer it; `task_result` and the deduction are absent until there are any."""
    shown: dict[str, Any] = {
        "task_id": task.id,
        "task_status": "succeed" if now.status == "succeeded" else now.status,
        "task_status_msg": task.failure if now.status == "failed" else "",
        "task_info": _info(task),
        "watermark_info": {"enabled": task.order.watermark},
        "created_at": task.created_ms,
        "updated_at": now.updated_ms,
    }
    if now.status == "succeeded":
        video = {
            "id": f"v{task.id}",
            "url": url,
            "watermark_url": url if task.order.watermark else "",
            "duration": str(task.order.seconds),
        }
        shown["task_result"] = {"videos": [] if now.gone else [video]}
        shown["final_unit_deduction"] = task.units
    return shown


def _info(task: Task) -> dict[str, str]:
    return {"external_task_id": task.order.external_id} if task.order.external_id else {}


def _model(name: str) -> rules.Model:
    # Left out means the old default, which is dead; the ancient field `model` is not read at all (kling-official 4.1).
    name = name or DEAD_DEFAULT
    if name in rules.RETIRED:
        # The live message is known, its code was not recorded: 1201, as for any other wrong value.
        raise invalid(f"model {name} has been discontinued and is no longer available")
    model = rules.BY_LEGACY_NAME.get(name)
    if model is None:
        raise invalid(f"model_name value '{name[:60]}' is invalid")
    return model


def _shots(body: Body) -> tuple[Shot, ...]:
    if fields.choice(body, "shot_type", ("", "customize", "intelligence"), "") == "":
        raise invalid("shot_type is required with multi_shot: customize or intelligence")
    if body["shot_type"] == "intelligence":
        return ()
    found = fields.objects(body, "multi_prompt")
    if not found:
        raise invalid("multi_prompt is required with shot_type customize")
    return tuple(
        Shot(
            index=fields.integer(part, "index", place),
            seconds=fields.integer_text(part, "duration", ""),
            text=fields.text(part, "prompt"),
        )
        for place, part in enumerate(found, start=1)
    )


def _elements(body: Body) -> tuple[str, ...]:
    ids = [part.get("element_id") for part in fields.objects(body, "element_list")]
    if any(isinstance(id, bool) or not isinstance(id, int) for id in ids):
        raise invalid("element_list: element_id must be an integer")
    return tuple(str(id) for id in ids)


def _voices(body: Body) -> tuple[str, ...]:
    ids = tuple(fields.text(part, "voice_id") for part in fields.objects(body, "voice_list"))
    if not all(ids):
        raise invalid("voice_list: voice_id is required")
    return ids

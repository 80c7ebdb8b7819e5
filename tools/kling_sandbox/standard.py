"""The new standard: the model is in the path, the body is contents/settings/options, queries go to /tasks.

Pure translation both ways (kling-official 2.3, 3); the desk does the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_sandbox import fields, rules
from kling_sandbox.envelope import Refusal, invalid
from kling_sandbox.fields import Body
from kling_sandbox.order import I2V, OMNI, T2V, Order, Sound
from kling_sandbox.tasks import Moment, Task

PRODUCTS = (T2V, I2V, OMNI)
MOST_IDS = 20


def read_order(product: str, model_name: str, body: Body) -> Order:
    """Translate a create body into an order with all defaults filled in."""
    model = rules.BY_NAME.get(model_name)
    if product not in PRODUCTS:
        raise Refusal(1202, "the requested method does not exist")
    if model is None or product not in model.prompt_max:
        raise Refusal(1203, f"model {model_name[:60]} does not exist for {product}")
    settings, options = fields.obj(body, "settings"), fields.obj(body, "options")
    contents = [] if product == T2V else fields.objects(body, "contents")
    first = _picture(contents, "first_frame")
    if product == OMNI:
        _refuse_videos(contents)
    return Order(
        product=product,
        model=model.name,
        prompt=fields.text(body, "prompt") if product == T2V else _prompt(contents),
        seconds=fields.integer(settings, "duration", 5),
        resolution=fields.choice(settings, "resolution", ("720p", "1080p", "4k"), "720p"),
        aspect_ratio="" if product == I2V or first else fields.text(settings, "aspect_ratio", "16:9"),
        sound=_sound(settings, model),
        # The default is true here and false in the legacy standard (kling-official 12, no. 8).
        multi_shot=fields.flag(settings, "multi_shot", True) if model.multi_shot else False,
        first_frame=first,
        last_frame=_picture(contents, "last_frame"),
        refer_images=_pictures(contents, "refer_image") if product == OMNI else (),
        elements=_ids(contents, "element", "element_id"),
        voices=_ids(contents, "voice", "voice_id"),
        watermark=fields.flag(fields.obj(options, "watermark_info"), "enabled", False),
        external_id=fields.text(options, "external_task_id"),
        callback_url=fields.text(options, "callback_url"),
    )


def created(task: Task) -> dict[str, Any]:
    """Show a task as the create call answers it (kling-official 2.2)."""
    return {
        "id": task.id,
        "status": "submitted",
        "create_time": task.created_ms,
        "update_time": task.created_ms,
        "external_id": task.order.external_id,
    }


def item(task: Task, now: Moment, url: str) -> dict[str, Any]:
    """Show a task as one item of GET /tasks. It carries no model and no product (kling-official 2.3)."""
    done = now.status == "succeeded"
    video = {
        "type": "video",
        "id": f"v{task.id}",
        "url": url,
        # Present and empty when no watermark was ordered: its absence is not documented (kling-official 15.16).
        "watermark_url": url if task.order.watermark else "",
        "duration": str(task.order.seconds),
    }
    billing = {"charge_type": "unit", "package_type": "video", "amount": task.units}
    return {
        "id": task.id,
        "status": now.status,
        "message": task.failure if now.status == "failed" else "",
        "create_time": task.created_ms,
        "update_time": now.updated_ms,
        "external_id": task.order.external_id,
        "outputs": [video] if done and not now.gone else [],
        "billing": [billing] if done else [],
    }


def wanted_ids(query: Mapping[str, str]) -> tuple[str, list[str]]:
    """Read which tasks GET /tasks asks for: ("id" or "external", the ids without repeats)."""
    by_id, by_external = query.get("task_ids"), query.get("external_task_ids")
    if (by_id is None) == (by_external is None):
        raise invalid("give either task_ids or external_task_ids")
    ids = [part.strip() for part in (by_id if by_id is not None else by_external or "").split(",") if part.strip()]
    if not ids:
        raise invalid("task_ids and external_task_ids cannot be empty")
    if len(ids) > MOST_IDS:
        raise invalid(f"at most {MOST_IDS} task ids can be queried at once")
    return ("id" if by_id is not None else "external"), list(dict.fromkeys(ids))


def _prompt(contents: list[Body]) -> str:
    # Whether the prompt may be left out with a first frame is not documented (kling-official 3.2): here it is required.
    found = [part for part in contents if part.get("type") == "prompt"]
    if len(found) > 1:
        raise invalid("contents: only one prompt is supported")
    return fields.text(found[0], "text") if found else ""


def _pictures(contents: list[Body], kind: str) -> tuple[str, ...]:
    found = [fields.text(part, "url") for part in contents if part.get("type") == kind]
    if not all(found):
        raise invalid(f"contents: {kind} needs a url")
    return tuple(found)


def _picture(contents: list[Body], kind: str) -> str:
    found = _pictures(contents, kind)
    if len(found) > 1:
        raise invalid(f"contents: only one {kind} is supported")
    return found[0] if found else ""


def _ids(contents: list[Body], kind: str, name: str) -> tuple[str, ...]:
    """Read elements or voices: each needs its id (a string here, int in the legacy standard) and a name to refer by."""
    found = [part for part in contents if part.get("type") == kind]
    names = [fields.text(part, "id") for part in found]
    ids = tuple(fields.text(part, name) for part in found)
    if not all(names) or not all(ids):
        raise invalid(f"contents: {kind} needs {name} and id")
    if len(set(names)) != len(names):
        raise invalid(f"contents: the id of each {kind} must be unique")
    return ids


def _sound(settings: Body, model: rules.Model) -> Sound:
    if model.sound == "always":
        return "native"  # Turbo has no audio field; one that is sent is an unknown field
    if model.sound == "none":
        return "off"
    match fields.choice(settings, "audio", model.sounds, "off"):
        case "native":
            return "native"
        case "original":
            return "original"
        case _:
            return "off"


def _refuse_videos(contents: list[Body]) -> None:
    """Refuse what the sandbox does not play: reference videos on the omni paths."""
    if any(part.get("type") in ("feature_video", "base_video") for part in contents):
        raise invalid("contents: reference videos are not simulated by this sandbox")

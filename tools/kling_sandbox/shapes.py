"""How tasks are shown: the object of the create call and of queries, in both standards (kling-official 2.2-2.4).

What the results look like belongs to the products; videos, the most common ones, are shown here.
"""

from __future__ import annotations

from kling_sandbox.product import JSON, Address, Product
from kling_sandbox.tasks import Moment, Task


def created(task: Task, address: Address) -> JSON:
    """Show a task as its create call answers it, in the standard that made it."""
    if task.legacy:
        return {
            "task_id": task.id,
            "task_status": "submitted",
            "task_info": _info(task, address),
            "created_at": task.created_ms,
            "updated_at": task.created_ms,
        }
    return {
        "id": task.id,
        "status": "submitted",
        "create_time": task.created_ms,
        "update_time": task.created_ms,
        "external_id": task.bought.external_id,
    }


def item(task: Task, now: Moment, product: Product, address: Address) -> JSON:
    """Show a task of either standard as one item of GET /tasks. It carries no model and no product."""
    done = now.status == "succeeded"
    billing = {"charge_type": "unit", "package_type": task.bought.pack, "amount": task.bought.units}
    return {
        "id": task.id,
        "status": now.status,
        "message": task.failure if now.status == "failed" else "",
        "create_time": task.created_ms,
        "update_time": now.updated_ms,
        "external_id": task.bought.external_id,
        "outputs": product.outputs(task, address) if done and not now.gone else [],
        "billing": [billing] if done else [],
    }


def legacy_item(task: Task, now: Moment, product: Product, address: Address) -> JSON:
    """Show a task as legacy queries answer it; `task_result` and the deduction are absent until there are any."""
    shown: JSON = {
        "task_id": task.id,
        "task_status": "succeed" if now.status == "succeeded" else now.status,
        "task_status_msg": task.failure if now.status == "failed" else "",
        "task_info": _info(task, address),
        "watermark_info": {"enabled": task.bought.watermark},
        "created_at": task.created_ms,
        "updated_at": now.updated_ms,
    }
    if now.status == "succeeded":
        if not now.gone:
            shown["task_result"] = product.result(task, address)
        shown["final_unit_deduction"] = task.bought.units
    return shown


def videos(task: Task, address: Address) -> list[JSON]:
    """Show the videos of a task as the legacy standard does."""
    shown = []
    for place, one in enumerate(task.media("video")):
        url = address(task, one.name)
        shown.append(
            {
                "id": task.media_id("video", place),
                "url": url,
                # Present and empty when none was ordered: its absence is not documented (kling-official 15.16).
                "watermark_url": url if task.bought.watermark else "",
                "duration": spoken_seconds(one.seconds),
            }
        )
    return shown


def video_outputs(task: Task, address: Address) -> list[JSON]:
    """Show the videos of a task as `outputs` of GET /tasks."""
    return [{"type": "video", **video} for video in videos(task, address)]


def video_result(task: Task, address: Address) -> JSON:
    """Show the videos of a task as legacy `task_result`."""
    return {"videos": videos(task, address)}


def spoken_seconds(seconds: float) -> str:
    """Write seconds as the API does: a string, without trailing zeros."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def _info(task: Task, address: Address) -> JSON:
    external = {"external_task_id": task.bought.external_id} if task.bought.external_id else {}
    shown = {**external, **task.bought.info}
    parent = shown.get("parent_video")
    if isinstance(parent, dict) and str(parent.get("url", "")).startswith("/"):
        # A video named by its id: only now is it known by which host the caller reaches us.
        here = address(task, "").partition("/files/")[0]
        shown["parent_video"] = {**parent, "url": f"{here}{parent['url']}"}
    return shown

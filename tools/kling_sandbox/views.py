"""AI multi-shot: further views of one picture, from which an element can be made (kling-official 5.6)."""

from __future__ import annotations

from typing import Final

from kling_sandbox import fields, prints
from kling_sandbox.config import SandboxConfig
from kling_sandbox.desk import Desk
from kling_sandbox.fields import Body
from kling_sandbox.product import JSON, Address, Product
from kling_sandbox.tasks import Purchase, Task

PATH: Final = "/v1/general/ai-multi-shot"
SECONDS: Final = 24.0
SIZE: Final = (1024, 1024)
GROUPS: Final = 3
VIEWS: Final = 3


def products(config: SandboxConfig) -> tuple[Product, ...]:
    """Return the products of this room."""
    return (Product(path=PATH, read=read, outputs=prints.outputs, result=result, draw=prints.draw),)


def read(body: Body, desk: Desk) -> Purchase:
    """Read POST /v1/general/ai-multi-shot: three groups of three views for 20 image units."""
    source = fields.needed(body, "element_frontal_image")
    image = desk.inputs.picture(source, "element_frontal_image", legacy=True)
    return Purchase(
        model="ai-multi-shot",
        units="20",
        settings={"words": "further view", "label": "AI multi-shot", "images": [image.name]},
        media=prints.sheets(GROUPS * VIEWS, SIZE, stem="view"),
        makes_in=SECONDS,
        pack="image",
        external_id=fields.text(body, "external_task_id"),
        callback_url=fields.text(body, "callback_url"),
        failure=prints.failure_of(image),
    )


def result(task: Task, address: Address) -> JSON:
    """Show the groups: url_1, url_2 and url_3 of each (kling-official 2.4)."""
    urls = [address(task, one.name) for one in task.media("image")]
    groups = [urls[start : start + VIEWS] for start in range(0, len(urls), VIEWS)]
    return {
        "images": [
            {"index": place, **{f"url_{view}": url for view, url in enumerate(group, start=1)}}
            for place, group in enumerate(groups)
        ]
    }

"""Image results, as all products that make pictures name, show and draw them, and the sizes of their inputs.

Settings of such a task carry `words` and `label` (what is written on the picture) and `images` (the names of inputs).
"""

from __future__ import annotations

from pathlib import Path

from kling_sandbox import painting
from kling_sandbox.desk import Desk
from kling_sandbox.inputs import OURS
from kling_sandbox.painting import Box, Size, Sketch
from kling_sandbox.pictures import ELSEWHERE, MOST_PIXELS, TOO_MANY_PIXELS, Kept, measured
from kling_sandbox.product import JSON, Address, Workshop
from kling_sandbox.tasks import Media, Task

HEADER_BYTES = 1024 * 1024
UNKNOWN_SIZE: Size = (1024, 1024)


def sheets(count: int, size: Size, stem: str = "image") -> tuple[Media, ...]:
    """Return the files of so many images of one size."""
    suffix = painting.suffix_of(size)
    return tuple(
        Media(kind="image", name=f"{stem}-{place}.{suffix}", width=size[0], height=size[1]) for place in range(count)
    )


def images(task: Task, address: Address) -> list[JSON]:
    """Show the images of a task as the legacy standard does (kling-official 2.4)."""
    shown = []
    for place, one in enumerate(task.media("image")):
        url = address(task, one.name)
        # Present and empty when none was ordered: its absence is not documented (kling-official 15.16).
        shown.append({"index": place, "url": url, "watermark_url": url if task.bought.watermark else ""})
    return shown


def outputs(task: Task, address: Address) -> list[JSON]:
    """Show the images of a task as `outputs` of GET /tasks; a series is one group (kling-official 2.3)."""
    group = {"group_id": f"g{task.id}"} if task.settings.get("result_type") == "series" else {}
    return [
        {"type": "image", "url": one["url"], "watermark_url": one["watermark_url"], **group}
        for one in images(task, address)
    ]


def result(task: Task, address: Address) -> JSON:
    """Show the images of a task as legacy `task_result`."""
    return {"images": images(task, address)}


def draw(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    """Draw one image of a task: over the first input if there is one, else a scene of its own for each image."""
    given = task.settings.get("images") or [""]
    return paint(workshop, task, name, work, given[0])


def paint(workshop: Workshop, task: Task, name: str, work: Path, given: str, box: Box | None = None) -> Path:
    """Draw one file of a task over this input."""
    one = task.named(name)
    assert one is not None
    words = str(task.settings["words"])
    sketch = Sketch(
        words=words,
        facts=f"{task.settings['label']}   ·   {one.width} × {one.height}   ·   {Path(name).stem}",
        scene=f"{words} {name}",
        source=workshop.input(given),
        host=given.removeprefix(ELSEWHERE) if given.startswith(ELSEWHERE) else "",
        box=box,
    )
    return painting.paint(work / name, (one.width, one.height), sketch)


def input_size(desk: Desk, name: str) -> Size | None:
    """Return the pixels of an accepted picture; None when it lies elsewhere."""
    if not name or name.startswith(ELSEWHERE):
        return None
    if name.startswith(OURS):
        id, _, file = name.removeprefix(OURS).partition("/")
        task = desk.store.get(id)
        one = task.named(file) if task else None
        return (one.width, one.height) if one else None
    with desk.inputs.pictures.path(name).open("rb") as file_:
        found = measured(file_.read(HEADER_BYTES))
    return (found.width, found.height) if found else None


def failure_of(*given: Kept) -> str:
    """Return why a task with these pictures will fail; '' when it will not."""
    return TOO_MANY_PIXELS if any(one.pixels > MOST_PIXELS for one in given) else ""

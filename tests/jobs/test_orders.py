"""What makes two calls the same wish: everything that was asked for, to the byte of every medium, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.files.conftest import picture_bytes
from tests.jobs.finished import finished
from tests.jobs.house import NO_FILES, RICH, a_house
from tests.promises import keeps
from tests.providers.values import PICTURE, PLAN, an_order
from tests.studio.open import a_picture

from kling_tools.files.inputs import Inputs
from kling_tools.jobs.orders import fingerprint
from kling_tools.model.errors import BadMedia, UnknownTask
from kling_tools.model.media import TaskRef, parse_media
from kling_tools.model.money import Price
from kling_tools.model.plan import Order
from kling_tools.model.status import Status
from kling_tools.model.tasks import Output

pytestmark = pytest.mark.anyio

FOX = replace(PICTURE, sha256="aa")
ORDER = an_order(("first_frame", FOX))

OTHER_SPECS: dict[str, Any] = {
    "prompt": "a heron leaves",
    "product": "image-to-video",
    "seconds": 10,
    "resolution": "1080p",
    "aspect_ratio": "1:1",
    "audio": "native",
    "camera": "zoom_in",
    "voices": ("12",),
    "negative_prompt": "rain",
}
OTHER_PLANS: dict[str, Any] = {"model": "kling-2.6", "tool": "edit_video", "continues": "/clips/fox.mp4"}


def mark(order: Order, account: str = "sandbox") -> str:
    """Return an order's fingerprint."""
    return fingerprint(account, order)


@pytest.mark.parametrize(("field", "value"), (OTHER_SPECS | OTHER_PLANS).items(), ids=OTHER_SPECS | OTHER_PLANS)
@keeps("nothing-twice")
def test_another_value_is_another_wish(field: str, value: object) -> None:
    assert mark(an_order(("first_frame", FOX), **{field: value})) != mark(ORDER)


def test_another_account_medium_or_use_of_it_is_another_wish() -> None:
    other = replace(FOX, sha256="bb")
    wishes = [
        mark(ORDER),
        mark(ORDER, "kling@host"),
        mark(an_order(("first_frame", other))),
        mark(an_order()),
        mark(an_order(("last_frame", FOX))),
        mark(an_order(("first_frame", FOX), ("last_frame", FOX))),
        mark(an_order(("first_frame", FOX), ("last_frame", other))),
        mark(an_order(("first_frame", other), ("last_frame", FOX))),
    ]
    assert len(set(wishes)) == len(wishes)


def test_what_was_not_asked_for_makes_no_difference() -> None:
    newer = replace(PLAN, price=Price.unknown("newer"), notes=("a note",), typical_seconds=1.0, slots=2)
    moved = replace(ORDER.plan.inputs[0], text="/elsewhere/a.png", seconds=3.0)
    other = replace(newer, inputs=(moved,))
    assert mark(replace(ORDER, plan=other, external_id="k1111111111111")) == mark(ORDER)


async def test_a_task_is_sent_also_by_a_process_with_other_input_roots(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task, order = await house.decide(image=a_picture(tmp_path))
        elsewhere = replace(house.orders, inputs=Inputs((tmp_path / "nowhere",)))
        assert await elsewhere.resume(task) == order
        with pytest.raises(BadMedia, match="outside"):
            await elsewhere.prepare(task.plan, task.id, "sandbox")


@keeps("nothing-twice")
async def test_a_converted_picture_is_sent_to_the_byte_by_the_next_process_unless_its_file_was_changed(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        path = Path(a_picture(tmp_path, "fox.webp"))
        path.write_bytes(picture_bytes(640, 360, "WEBP"))
        task, order = await house.decide(image=str(path))
        assert (order.media[0].mime, bool(order.media[0].note)) == ("image/jpeg", True)
        assert await house.orders.resume(task) == order
        assert (await house.decide(image=str(path)))[0].fingerprint == task.fingerprint
        path.write_bytes(picture_bytes(640, 361, "WEBP"))
        with pytest.raises(BadMedia, match="changed after the task was decided"):
            await house.orders.resume(task)


async def test_a_file_that_a_task_does_not_have_is_refused_with_how_many_there_are(tmp_path: Path) -> None:
    made = [Output(kind="image", url="", path=a_picture(tmp_path, f"{n}.jpg")) for n in range(3)]
    async with a_house(tmp_path) as house:
        task = await finished(house, *made)
        for written in (f"{task.id}#3", f"kling://tasks/{task.id}#3", f"kling://tasks/{task.id}/video#3"):
            ref = parse_media(written)
            assert isinstance(ref, TaskRef)
            assert await house.orders.output_path(ref) == Path(made[2].path)
        with pytest.raises(BadMedia, match="has no file 12: it made 3 files") as caught:
            await house.orders.output_path(TaskRef(task.id, 12))
        assert f"{task.id}#1 to {task.id}#3" in caught.value.advice


async def test_a_file_behind_a_link_is_read_again_by_the_next_process(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        (tmp_path / "links").mkdir()
        link = tmp_path / "links" / "latest.jpg"
        link.symlink_to(a_picture(tmp_path))
        task, order = await house.decide(image=str(link))
        assert await replace(house.orders, inputs=Inputs((tmp_path / "nowhere",))).resume(task) == order


async def test_what_was_decided_by_an_older_version_is_sent_without_comparing_marks(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task, order = await house.decide(image=a_picture(tmp_path))
        assert await house.orders.resume(replace(task, fingerprint="")) == order
        with pytest.raises(BadMedia, match="changed"):
            await house.orders.resume(replace(task, fingerprint="an old one"))


async def test_the_file_of_a_task_is_named_only_once_it_is_there(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        with pytest.raises(UnknownTask):
            await house.orders.output_path(TaskRef("k0123456789ab"))
        task = await house.buy(budget=RICH)
        await house.until(task.id, Status.FETCHING)
        with pytest.raises(BadMedia, match="has no file 1"):
            await house.orders.output_path(TaskRef(task.id))

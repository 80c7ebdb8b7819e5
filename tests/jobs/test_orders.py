"""What makes two calls the same wish: everything that was asked for, to the byte of every picture, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.jobs.house import NO_FILES, RICH, a_house
from tests.promises import keeps
from tests.providers.values import PICTURE, PLAN
from tests.studio.open import a_picture

from kling_tools.files.inputs import Inputs
from kling_tools.jobs.orders import fingerprint
from kling_tools.model.errors import BadMedia, UnknownTask
from kling_tools.model.media import TaskRef
from kling_tools.model.money import Price
from kling_tools.model.plan import Order
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio

ORDER = Order(plan=PLAN, external_id="k0000000000000", image=replace(PICTURE, sha256="aa"))

DIFFERENT: dict[str, Any] = {
    "prompt": "a heron leaves",
    "model": "kling-2.6",
    "effect": "image-to-video",
    "seconds": 10,
    "resolution": "1080p",
    "aspect_ratio": "1:1",
    "audio": "native",
    "tool": "edit_video",
}


@pytest.mark.parametrize(("field", "value"), DIFFERENT.items(), ids=DIFFERENT)
@keeps("nothing-twice")
def test_another_value_is_another_wish(field: str, value: object) -> None:
    other = replace(ORDER, plan=replace(PLAN, **{field: value}))
    assert fingerprint("sandbox", other) != fingerprint("sandbox", ORDER)


def test_another_account_or_picture_is_another_wish() -> None:
    same = fingerprint("sandbox", ORDER)
    assert fingerprint("kling@host", ORDER) != same
    assert fingerprint("sandbox", replace(ORDER, image=replace(PICTURE, sha256="bb"))) != same
    assert fingerprint("sandbox", replace(ORDER, image=None)) != same
    assert fingerprint("sandbox", replace(ORDER, image=None, last_image=ORDER.image)) != same


def test_what_was_not_asked_for_makes_no_difference() -> None:
    other = replace(
        PLAN, price=Price.unknown("newer"), notes=("a note",), typical_seconds=1.0, image="/elsewhere/a.png"
    )
    same = fingerprint("sandbox", ORDER)
    assert fingerprint("sandbox", replace(ORDER, plan=other, external_id="k1111111111111")) == same


async def test_a_task_is_sent_also_by_a_process_with_other_input_roots(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task, order = await house.decide(image=a_picture(tmp_path))
        elsewhere = replace(house.orders, inputs=Inputs((tmp_path / "nowhere",)))
        assert await elsewhere.resume(task) == order
        with pytest.raises(BadMedia, match="outside"):
            await elsewhere.prepare(task.plan, task.id)


async def test_the_file_of_a_task_is_named_only_once_it_is_there(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        with pytest.raises(UnknownTask):
            await house.orders.output_path(TaskRef("k0123456789ab"))
        task = await house.buy(budget=RICH)
        await house.until(task.id, Status.FETCHING)
        with pytest.raises(BadMedia, match="has no file 1"):
            await house.orders.output_path(TaskRef(task.id))

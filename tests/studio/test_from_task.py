"""A call that starts from an earlier task: what was asked for is kept, and what is given anew replaces it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.studio.open import a_picture, a_studio, ask

pytestmark = pytest.mark.anyio


async def test_a_task_keeps_what_was_asked_for_and_nothing_of_the_call(tmp_path: Path) -> None:
    picture = os.path.relpath(a_picture(tmp_path))
    async with a_studio(tmp_path) as studio:
        asked = {"prompt": "a red fox", "image": picture, "seconds": 3, "label": "fox"}
        made = await ask(studio, "create_video", **asked, confirm_cost=True, again=True, wait_seconds=0)
        (task,) = await studio.tasks([made.task_id])
    assert task.arguments == {**asked, "image": str(Path(picture).absolute())}

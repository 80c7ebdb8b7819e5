"""A call that starts from an earlier task: what was asked for is kept, and what is given anew replaces it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.studio.open import a_picture, a_studio, ask, refused

from kling_tools.model.errors import InvalidArguments, UnknownTask
from kling_tools.model.requests import CreateVideo
from kling_tools.studio.starting import started

pytestmark = pytest.mark.anyio


async def test_a_task_keeps_what_was_asked_for_and_nothing_of_the_call(tmp_path: Path) -> None:
    picture = os.path.relpath(a_picture(tmp_path))
    async with a_studio(tmp_path) as studio:
        asked = {"prompt": "a red fox", "image": picture, "seconds": 3, "label": "fox"}
        made = await ask(studio, "create_video", **asked, confirm_cost=True, again=True, wait_seconds=0)
        (task,) = await studio.tasks([made.task_id])
    assert task.arguments == {**asked, "image": str(Path(picture).absolute())}


async def test_the_same_but_slower_and_at_night_is_one_small_call(tmp_path: Path) -> None:
    picture = a_picture(tmp_path)
    async with a_studio(tmp_path) as studio:
        asked = {"prompt": "a red fox", "image": picture, "seconds": 3, "label": "fox", "resolution": "1080p"}
        made = await ask(studio, "create_video", **asked)
        price = await ask(
            studio, "estimate_cost", tool="create_video", arguments={"from_task": made.task_id, "seconds": 6}
        )
        other = await ask(studio, "create_video", from_task=made.task_id, prompt="a red fox at night", seconds=6)
        (task,) = await studio.tasks([other.task_id])
        third = await ask(studio, "create_video", from_task=other.task_id, model="kling-3.0-turbo")
    assert price.quotes[0].cost.usd == other.cost.usd
    assert task.arguments == {**asked, "prompt": "a red fox at night", "seconds": 6}
    assert (task.label, task.plan.spec.seconds) == ("fox", 6)  # type: ignore[union-attr]
    assert (third.prompt, third.model) == ("a red fox at night", "kling-3.0-turbo")


async def test_an_unchanged_call_from_a_task_is_that_task(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        made = await ask(studio, "create_video", prompt="a red fox", seconds=3)
        again = await ask(studio, "create_video", from_task=made.task_id)
    assert again.task_id == made.task_id


async def test_shots_take_the_place_of_a_kept_prompt_and_a_prompt_that_of_kept_shots(tmp_path: Path) -> None:
    shots = [{"prompt": "a fox", "seconds": 3}, {"prompt": "a hare", "seconds": 4}]
    async with a_studio(tmp_path) as studio:
        one = await ask(studio, "create_video", prompt="a red fox", seconds=5)
        two = await ask(studio, "create_video", from_task=one.task_id, shots=shots)
        three = await ask(studio, "create_video", from_task=two.task_id, prompt="only a hare", seconds=3)
        (story, plain) = await studio.tasks([two.task_id, three.task_id])
        await refused(studio, InvalidArguments, "shots replace prompt", from_task=two.task_id, prompt="", seconds=9)
    assert story.plan.spec.seconds == 7  # type: ignore[union-attr]
    assert plain.arguments == {"prompt": "only a hare", "seconds": 3}


async def test_what_nothing_can_start_from_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        sound = await ask(studio, "add_sound", prompt="rain on a roof", seconds=3)
        made = await ask(studio, "create_video", prompt="a red fox", seconds=3)
        (task,) = await studio.tasks([made.task_id])
        with pytest.raises(InvalidArguments, match="older version"):
            started(CreateVideo(from_task=made.task_id), replace(task, arguments={}))
        for given, kind, words in (
            (sound.task_id, InvalidArguments, "from_task takes one of create_video"),
            ("k000000000000", UnknownTask, "list_tasks"),
        ):
            await refused(studio, kind, words, prompt="x", from_task=given)
        await refused(studio, InvalidArguments, "last_image needs image", from_task=made.task_id, last_image="/x.png")


async def test_a_brush_goes_with_the_picture_that_it_was_painted_over(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        made = await ask(studio, "create_video", prompt="a red fox", seconds=3)
        (task,) = await studio.tasks([made.task_id])
    strokes = [{"mask": "https://x/mask.png"}]
    task = replace(task, arguments={"prompt": "x", "image": "https://x/a.png", "motion_brush": strokes})
    assert len(started(CreateVideo(from_task=task.id, seconds=5), task).motion_brush) == 1
    assert started(CreateVideo(from_task=task.id, image="https://x/b.png"), task).motion_brush == []

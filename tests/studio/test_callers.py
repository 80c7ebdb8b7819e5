"""One house, several callers: what belongs to another is unknown, by whatever name it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.promises import keeps
from tests.studio.open import a_studio, ask, finished

from kling_tools.model.errors import BadMedia, KlingError, UnknownTask

pytestmark = pytest.mark.anyio


@keeps("no-leak")
async def test_another_callers_task_is_unknown_by_every_way_of_naming_it(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        ann, bob = studio.for_caller("ann"), studio.for_caller("bob")
        made = await ask(ann, "create_video", prompt="a fox", seconds=3)
        await finished(ann, made.task_id)
        task = made.task_id
        for tool, arguments in {
            "check_status": {"task_id": task},
            "cancel_task": {"task_id": task},
            "view_video": {"task_id": task},
            "extend_video": {"video": task, "prompt": "on"},
            "edit_video": {"video": task, "prompt": "snow"},
            "join_videos": {"videos": [task, task]},
        }.items():
            with pytest.raises(UnknownTask):
                await ask(bob, tool, **arguments)
        with pytest.raises(UnknownTask):
            await ask(bob, "create_video", from_task=task)
        with pytest.raises(UnknownTask):
            await ask(bob, "create_video", prompt="a fox", image=task)
        with pytest.raises(UnknownTask):
            await ask(bob, "estimate_cost", tool="create_video", arguments={"prompt": "x", "image": task})
        with pytest.raises(UnknownTask):
            await bob.video(task, 1 << 30)
        assert (await ask(bob, "list_tasks")).total == 0
        assert (await ask(studio, "list_tasks")).total == 0, "nor is it the owner's"
        assert (await ask(ann, "list_tasks")).total == 1


async def test_a_caller_has_a_budget_and_a_repeat_of_their_own(tmp_path: Path) -> None:
    async with a_studio(tmp_path, KLING_MAX_USD_PER_DAY="1") as studio:
        ann, bob = studio.for_caller("ann"), studio.for_caller("bob")
        first = await ask(ann, "create_video", prompt="a fox", seconds=3)
        assert (await ask(ann, "create_video", prompt="a fox", seconds=3)).task_id == first.task_id
        assert (await ask(bob, "create_video", prompt="a fox", seconds=3)).task_id != first.task_id
        told = await ask(ann, "get_account")
        assert (told.budget_left_usd, told.packs, [s.tasks for s in told.spending]) == ("0.748", [], [1])
        assert (await ask(studio, "get_account")).packs


async def test_a_path_to_anothers_result_is_outside(tmp_path: Path) -> None:
    async with a_studio(tmp_path, KLING_INPUT_ROOTS=str(tmp_path / "pictures")) as studio:
        ann, bob = studio.for_caller("ann"), studio.for_caller("bob")
        made = await finished(ann, (await ask(ann, "create_video", prompt="a fox", seconds=3)).task_id)
        with pytest.raises(BadMedia, match="outside"):
            await ask(bob, "view_video", video=made.outputs[0].path)


async def test_what_a_caller_did_not_make_they_cannot_delete(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        with pytest.raises(KlingError, match="None of your tasks"):
            await ask(studio.for_caller("bob"), "delete_asset", kind="voice", id="829826792764112949")
        own = await ask(studio.for_caller("bob"), "list_library", kind="voices")
        assert own.assets == []
        assert (await ask(studio.for_caller("bob"), "list_library", kind="voices", preset=True)).assets

"""The whole way of a paid request: decided, held, sent, watched, kept, and not bought twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.jobs.house import a_house
from tests.promises import keeps
from tests.studio.open import a_picture, a_studio, answer, ask, finished, studio_of

from kling_tools.files.mp4 import read_facts
from kling_tools.model.errors import BadMedia
from kling_tools.model.requests import CreateVideo

pytestmark = pytest.mark.anyio


@keeps("nothing-lost", "result-kept", "simulated-marked")
async def test_a_video_is_bought_waited_for_seen_and_found_again_by_the_next_process(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        created = await ask(studio, "create_video", prompt="a red fox", seconds=3, label="for ada")
        assert created.status in {"submitted", "processing"}
        assert (created.provider, created.model, created.simulated, created.label) == (
            "sandbox",
            "kling-3.0",
            True,
            "for ada",
        )
        assert (created.cost.usd, created.cost.units, created.cost.basis) == ("0.252", "1.8", "exact")
        assert created.next.startswith(f"check_status task_id={created.task_id}")
        assert created.resource_uri == f"kling://tasks/{created.task_id}"

        done = await finished(studio, created.task_id)
        assert (done.status, done.error, done.eta_seconds) == ("succeeded", None, None)
        assert done.cost.charged_usd == "0.252"
        (output,) = done.outputs
        assert Path(output.path).parent == tmp_path / "videos"
        assert output.uri == Path(output.path).as_uri()
        assert (output.width, output.height, output.has_audio) == (1280, 720, False)
        assert read_facts(Path(output.path)).seconds == pytest.approx(output.seconds)
        assert "view_video" in done.next

        by_task = await answer(studio, "view_video", task_id=done.task_id)
        by_path = await answer(studio, "view_video", video=output.path, frames=4)
        frame = await answer(studio, "view_video", video=done.task_id, at_seconds=1)
        assert [a.facts.shows for a in (by_task, by_path, frame)] == ["sheet", "sheet", "frame"]
        assert all(a.images[0].startswith(b"\xff\xd8") for a in (by_task, by_path, frame))
        assert len(by_path.facts.times) == 4
        assert frame.facts.times == [pytest.approx(1, abs=0.1)]
        assert (by_task.facts.simulated, by_task.facts.task_id) == (True, done.task_id)
        with pytest.raises(BadMedia, match=r"3\.0 s long"):
            await ask(studio, "view_video", task_id=done.task_id, at_seconds=60)

    async with a_studio(tmp_path) as studio:
        (found,) = (await ask(studio, "list_tasks", query="FOX", status="succeeded")).tasks
        assert (found.task_id, found.outputs[0].path) == (done.task_id, output.path)
        # Its last frame begins another: the file is read back from the disk.
        follow = await ask(studio, "create_video", prompt="it runs on", image=done.task_id, seconds=3)
        assert follow.status in {"submitted", "processing"}
        with pytest.raises(BadMedia, match="has no file 2"):
            await ask(studio, "create_video", prompt="it runs on", image=f"{done.task_id}#2")


@keeps("nothing-lost")
async def test_a_task_left_running_is_finished_by_the_next_process(tmp_path: Path) -> None:
    async with a_studio(tmp_path, KLING_SANDBOX_SPEED="100") as studio:
        created = await ask(studio, "create_video", prompt="a red fox", seconds=3)
        assert created.status in {"submitted", "processing"}
    async with a_studio(tmp_path) as studio:
        done = await finished(studio, created.task_id)
        assert Path(done.outputs[0].path).is_file()


@keeps("nothing-twice")
async def test_a_repeated_call_returns_the_first_task_and_says_so(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        picture = a_picture(tmp_path)
        first = await ask(studio, "create_video", prompt="a red fox", image=picture)
        house.clock.time += 500
        second = await ask(studio, "create_video", prompt="a red fox", image=picture, label="again?")
        assert second.task_id == first.task_id
        assert any("nothing new was bought" in note and "again=true" in note for note in second.notes)
        assert not any("nothing new" in note for note in first.notes)
        third = await ask(studio, "create_video", prompt="a red fox", image=picture, again=True)
        other = await ask(studio, "create_video", prompt="a red fox", image=a_picture(tmp_path, "b.jpg", 640, 361))
        assert len({first.task_id, third.task_id, other.task_id}) == 3
        assert len(await house.bought()) == 3


@pytest.mark.parametrize("copies", [2, 10])
@keeps("nothing-twice")
async def test_identical_calls_at_once_buy_one(tmp_path: Path, copies: int) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        made = await asyncio.gather(*(ask(studio, "create_video", prompt="a red fox") for _ in range(copies)))
        await house.rest()
        assert len({task.task_id for task in made}) == 1
        assert await house.sent() == await house.bought() == [made[0].task_id]


async def test_a_copy_of_a_picture_elsewhere_is_the_same_wish(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        first = await ask(studio, "create_video", prompt="x", image=a_picture(tmp_path, "a.jpg"))
        second = await ask(studio, "create_video", prompt="x", image=a_picture(tmp_path, "b.jpg"))
        assert first.task_id == second.task_id


async def test_a_quote_is_the_price_of_the_purchase(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        (quote,) = await studio.quotes(CreateVideo(prompt="x", seconds=9, audio=True))
        task = await studio.create(CreateVideo(prompt="x", seconds=9, audio=True, confirm_cost=True))
        assert quote.outcome == task.plan  # type: ignore[comparison-overlap]
        assert quote.simulated

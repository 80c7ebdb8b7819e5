"""Waiting for tasks, paging through them, and looking at what they made."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.jobs.house import a_house
from tests.promises import keeps
from tests.studio.open import Reports, a_studio, answer, ask, studio_of

from kling_tools.model import errors
from kling_tools.model.errors import BadMedia, InvalidArguments
from kling_tools.model.requests import CreateVideo
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio


async def test_waiting_tells_progress_and_ends_in_time(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        tasks = [await ask(studio, "create_video", prompt=p) for p in ("one", "two")]
        reports, before = Reports(), house.clock.time
        waited = await studio.wait([t.task_id for t in tasks], 20, reports)
        assert [t.status.shown for t in waited] == ["submitted", "submitted"]
        assert house.clock.time - before == pytest.approx(20)
        assert [done for done, _, _ in reports.told] == sorted({done for done, _, _ in reports.told})
        assert all(total and done < total for done, total, _ in reports.told)
        assert reports.told[0][2].startswith("0 of 2 done")


async def test_several_tasks_are_checked_at_once_in_the_order_asked(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        a, b = [(await ask(studio, "create_video", prompt=p)).task_id for p in ("one", "two")]
        facts = await ask(studio, "check_status", task_id=b, task_ids=[a, b, a])
        assert ([t.task_id for t in facts.tasks], facts.total) == ([b, a], 2)


@pytest.mark.parametrize("tool", ["check_status", "view_video"])
async def test_a_task_nobody_knows_is_named_with_where_to_look(tmp_path: Path, tool: str) -> None:
    async with a_studio(tmp_path) as studio:
        with pytest.raises(errors.UnknownTask) as caught:
            await ask(studio, tool, task_id="k0123456789ab")
        assert "k0123456789ab" in caught.value.message
        assert "list_tasks" in caught.value.advice


@pytest.mark.parametrize(
    "cursor", ["garbage", "_", "nan_k0123456789ab", "inf_k0123456789ab", "1_", "1_x'--", "0x1_k0123456789ab"]
)
async def test_a_cursor_from_nowhere_is_refused(tmp_path: Path, cursor: str) -> None:
    async with a_studio(tmp_path) as studio:
        with pytest.raises(InvalidArguments, match="next_cursor"):
            await ask(studio, "list_tasks", cursor=cursor)


@pytest.mark.parametrize(
    ("since", "taken"),
    [("2026-02-30", False), ("2026-13-01", False), ("0000-01-01", False), ("1971-01-01", True), ("9998-12-31", True)],
)
async def test_a_day_that_is_none_is_refused_and_a_far_one_is_taken(tmp_path: Path, since: str, taken: bool) -> None:
    async with a_studio(tmp_path) as studio:
        if taken:
            assert (await ask(studio, "list_tasks", since=since)).tasks == []
            return
        with pytest.raises(InvalidArguments, match=since):
            await ask(studio, "list_tasks", since=since)


async def test_the_list_is_paged_to_its_end(tmp_path: Path) -> None:
    async with a_house(tmp_path, slots=50) as house:
        studio = studio_of(house)
        made = [(await ask(studio, "create_video", prompt=f"fox {n}")).task_id for n in range(5)]
        told: list[str] = []
        cursor: str | None = None
        for _ in range(4):
            page = await ask(studio, "list_tasks", limit=2, **({"cursor": cursor} if cursor else {}))
            assert page.total == 5
            told += [t.task_id for t in page.tasks]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(told) == sorted(made)
        assert cursor is None
        assert (await ask(studio, "list_tasks", status="running")).total == 5
        assert (await ask(studio, "list_tasks", query="FOX 3")).tasks[0].prompt == "fox 3"


@keeps("no-leak")
async def test_a_video_outside_the_roots_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    async with a_studio(tmp_path) as studio:
        for video in (str(tmp_path / "secret.mp4"), "https://example.com/a.mp4", "/dev/zero"):
            with pytest.raises(BadMedia):
                await ask(studio, "view_video", video=video)


async def test_two_results_are_compared_and_only_with_their_like(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        films = [await ask(studio, "create_video", prompt=p, seconds=3) for p in ("one", "two")]
        picture = await ask(studio, "create_image", prompt="a fox")
        a, b, still = [made.task_id for made in (*films, picture)]
        for task_id in (a, b, still):
            await house.until(task_id, Status.SUCCEEDED)
        pair = await ask(studio, "view_video", task_id=a, compare_with=b)
        assert (pair.shows, len(pair.times), pair.simulated, pair.compared.simulated) == ("side_by_side", 8, True, True)
        assert pair.path != pair.compared.path
        assert pair.times[::2] == pair.times[1::2]
        fine = await ask(studio, "view_video", task_id=a, compare_with=a, frames=2, detail="high")
        assert len(fine.times) == 4
        assert (await ask(studio, "view_video", task_id=still, compare_with=still)).pictures == 2
        with pytest.raises(BadMedia, match="Only two videos"):
            await ask(studio, "view_video", task_id=a, compare_with=still)
        with pytest.raises(InvalidArguments, match="at_seconds or compare_with"):
            await ask(studio, "view_video", task_id=a, compare_with=b, at_seconds=1)


async def test_without_images_the_same_is_found_and_nothing_is_drawn(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio, bare = studio_of(house), studio_of(house, KLING_IMAGES="0")
        film = (await ask(studio, "create_video", prompt="one", seconds=3)).task_id
        still = (await ask(studio, "create_image", prompt="a fox")).task_id
        for task_id in (film, still):
            await house.until(task_id, Status.SUCCEEDED)
        for wish in ({"task_id": film}, {"task_id": film, "at_seconds": 1}, {"task_id": film, "compare_with": film}):
            drawn, bared = await answer(studio, "view_video", **wish), await answer(bare, "view_video", **wish)
            assert (len(drawn.images), bared.images) == (1, ())
            assert bared.facts == drawn.facts.model_copy(update={"shows": "nothing", "times": []})
        facts = await ask(bare, "view_video", task_id=still)
        assert (facts.shows, facts.pictures, facts.width > 0) == ("nothing", 1, True)
        with pytest.raises(BadMedia, match="Only two videos"):
            await ask(bare, "view_video", task_id=film, compare_with=still)
        with pytest.raises(BadMedia, match="there is no frame at 99 s"):
            await ask(bare, "view_video", task_id=film, at_seconds=99)


async def test_an_unfinished_task_has_nothing_to_look_at_yet(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        task = await ask(studio, "create_video", prompt="x")
        with pytest.raises(BadMedia, match="has no file") as caught:
            await ask(studio, "view_video", task_id=task.task_id)
        assert "check_status" in caught.value.advice


async def test_eta_falls_with_time_and_ends_with_the_task(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house, KLING_SANDBOX_SPEED="1")
        task = await studio.create(CreateVideo(prompt="x"))
        first = studio.eta(task)
        house.clock.time += 20
        later = studio.eta(task)
        assert first is not None
        assert later is not None
        assert first - later == 20

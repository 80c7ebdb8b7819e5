"""A film goes on: new seconds from its last frame, joined on this machine, and only they are paid."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.files.conftest import picture_bytes
from tests.jobs.house import a_house
from tests.promises import keeps
from tests.studio.open import ask, refused, studio_of

from kling_mcp.replies import tell
from kling_tools.files.mp4 import read_facts
from kling_tools.model.errors import BadMedia
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio


@keeps("result-kept")
async def test_a_film_of_five_seconds_becomes_one_of_ten_with_its_sound_and_costs_the_new_ones(tmp_path: Path) -> None:
    async with a_house(tmp_path, draws=True) as house:
        studio = studio_of(house)
        source = await ask(studio, "create_video", prompt="a fox", seconds=5, audio=True)
        await house.until(source.task_id, Status.SUCCEEDED)
        paid = await studio.budget_left()

        longer = await ask(studio, "extend_video", video=source.task_id, prompt="it runs on", seconds=5)
        assert (longer.tool, longer.cost.usd) == ("extend_video", "0.42")
        assert any("only the new seconds are paid" in note for note in longer.notes)
        await house.until(longer.task_id, Status.SUCCEEDED)
        (task,) = (await ask(studio, "check_status", task_id=longer.task_id)).tasks
        film, part = task.outputs
        whole, new = read_facts(Path(film.path)), read_facts(Path(part.path))
        assert whole.seconds == pytest.approx(10, abs=0.3)
        assert whole.has_audio
        assert (film.seconds, film.has_audio) == (pytest.approx(10, abs=0.3), True)
        assert new.seconds == pytest.approx(5, abs=0.3)
        assert paid - await studio.budget_left() == pytest.approx(type(paid)("0.42"))
        told = tell(task)
        assert f"File 1: {film.path}" in told
        assert f"File 2: {part.path}" in told

        # The part is the task's second result, and can be worked on by itself.
        alone = await ask(studio, "view_video", video=f"{task.task_id}#2", at_seconds=0)
        assert alone.seconds == pytest.approx(5, abs=0.3)


@keeps("nothing-impossible")
async def test_what_is_no_film_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(picture_bytes(640, 640))
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        await refused(studio, BadMedia, "video has to be a video", by="extend_video", video=str(tmp_path / "p.jpg"))
        await refused(studio, BadMedia, "simulated Kling", by="extend_video", video="https://example.com/film.mp4")
        assert await house.sent() == []

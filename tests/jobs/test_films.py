"""A storyboard of several tasks: decided, held and written at once, and no shot bought twice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.jobs.house import NO_FILES, House, a_house
from tests.promises import keeps
from tests.studio.open import ask, refused, studio_of

from kling_sandbox import Fault
from kling_tools.files.mp4 import read_facts
from kling_tools.jobs.journal import SAME_REQUEST_SECONDS
from kling_tools.model.errors import NeedsConfirmation, OverBudget
from kling_tools.model.status import Status
from kling_tools.model.tasks import Removed, Task

pytestmark = pytest.mark.anyio

on_both = pytest.mark.usefixtures("database")

TEN = "0.84"
#: On another model, so that it is a task of its own.
OMNI = [{"prompt": "two", "seconds": 3, "model": "kling-3.0-omni"}]


def shots(*words: str, seconds: int = 10, **more: Any) -> list[dict[str, Any]]:
    """Return a storyboard that is too long for one task."""
    return [{"prompt": word, "seconds": seconds, **more} for word in words]


async def bought(house: House, film: Any) -> dict[str, Task]:
    """Return the shots as the journal has them, by their words."""
    found = await house.journal.get([shot.task_id for shot in film.shots])
    return {task.plan.words: task for task in found.values()}


@on_both
@keeps("within-budget", "nothing-twice")
async def test_a_film_is_one_price_one_consent_and_one_line_in_the_list(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        story = {"shots": shots("dawn", "noon", "dusk"), "model": "kling-3.0"}
        price = await ask(studio, "estimate_cost", tool="create_video", arguments=story)
        assert price.quotes[0].cost.usd == "2.52"
        assert "Shot 2: 10 s of kling-3.0 for $0.84" in " ".join(price.quotes[0].notes)
        await refused(studio, NeedsConfirmation, "$2.52", "3 shots", prompt="", **story)
        film = await ask(studio, "create_video", **story, confirm_cost=True)
        assert (film.cost.usd, len(film.shots), film.model) == ("2.52", 3, "kling-3.0")
        assert await studio.budget_left() == Decimal(50) - Decimal("2.52")
        again = await ask(studio, "create_video", **story, confirm_cost=True)
        assert again.task_id == film.task_id
        listed = await ask(studio, "list_tasks")
        assert (listed.total, [task.task_id for task in listed.tasks]) == (1, [film.task_id])
        assert sorted(await house.sent()) == sorted(shot.task_id for shot in film.shots)
        (part,) = (await ask(studio, "check_status", task_id=film.shots[0].task_id)).tasks
        assert part.part_of == film.task_id


@keeps("within-budget")
async def test_what_is_too_dear_together_is_refused_together(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house, KLING_MAX_USD_PER_CALL="2")
        await refused(
            studio, OverBudget, "$2.52", prompt="", shots=shots("a", "b", "c"), model="kling-3.0", confirm_cost=True
        )
        assert await house.sent() == []


@keeps("nothing-twice")
async def test_a_shot_that_follows_waits_takes_no_place_and_starts_from_the_last_frame(tmp_path: Path) -> None:
    async with a_house(tmp_path, slots=1) as house:
        studio = studio_of(house)
        story = {"shots": shots("one", "two", seconds=3), "continuous": True, "model": "kling-3.0"}
        film = await ask(studio, "create_video", **story, confirm_cost=True)
        tasks = await bought(house, film)
        assert tasks["two"].status is Status.WAITING
        assert film.shots[1].waits_for == film.shots[0].task_id
        await house.until(tasks["one"].id, Status.SUCCEEDED)
        await house.break_(NO_FILES)
        other = await house.buy("somebody else's")
        assert other.status is Status.SUBMITTED, "what waits for another task keeps nobody waiting"
        two = await house.until(tasks["two"].id, Status.PROCESSING)
        assert (two.plan.after, two.attempts) == (tasks["one"].id, 1)
        assert len(await house.sent()) == 3


@keeps("nothing-twice")
async def test_what_follows_a_failed_shot_is_not_sent_and_a_remade_film_buys_only_what_is_missing(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        await house.break_(Fault(path="/image-to-video", code=1301, times=1))
        story = {"shots": shots("one", "two", "three", seconds=3), "continuous": True, "model": "kling-3.0"}
        film = await ask(studio, "create_video", **story, confirm_cost=True)
        ended = await house.until(film.task_id, Status.FAILED)
        assert ended.failure is not None
        assert (ended.failure.code, ended.failure.spent) == ("part_missing", "yes")
        assert "Shot 2 failed" in ended.failure.message
        assert "1 of 3 shots" in ended.failure.message
        assert f"from_task={film.task_id}" in ended.failure.advice
        tasks = await bought(house, film)
        assert [tasks[w].status.value for w in ("one", "two", "three")] == ["succeeded", "failed", "failed"]
        third = tasks["three"].failure
        assert third is not None
        assert (third.spent, tasks["two"].id in third.message) == ("no", True)

        quote = await ask(studio, "estimate_cost", tool="create_video", arguments={"from_task": film.task_id})
        assert quote.quotes[0].cost.usd == "0.504"
        for asked in ({"from_task": film.task_id}, story):  # the second call is a repetition of the first
            remade = await ask(studio, "create_video", **asked, confirm_cost=True)
            assert remade.shots[0].task_id == tasks["one"].id
            assert remade.cost.usd == "0.504"
        new = await bought(house, remade)
        await house.until(new["three"].id, Status.SUCCEEDED)
        await house.open_again()
        whole = await house.until(remade.task_id, Status.SUCCEEDED)
        (output,) = whole.outputs
        assert read_facts(Path(output.path)).seconds == pytest.approx(9, abs=0.3)
        assert whole.simulated
        assert len(await house.sent()) == 4, "one, the refused two, and both again"


@keeps("nothing-twice", "result-kept")
@pytest.mark.parametrize("continuous", [True, False])
async def test_a_shot_that_was_removed_from_this_disk_is_fetched_again_before_it_is_needed(
    tmp_path: Path, continuous: bool
) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        await house.break_(Fault(path="/image-to-video" if continuous else "/omni-video", code=1301, times=1))
        rest = shots("two", seconds=3) if continuous else OMNI
        story = {"shots": [*shots("one", seconds=3), *rest], "continuous": continuous, "model": "kling-3.0"}
        film = await ask(studio, "create_video", **story, confirm_cost=True)
        await house.until(film.task_id, Status.FAILED)
        one = (await bought(house, film))["one"]
        await house.journal.apply(one.id, Removed("too old"))
        Path(one.outputs[0].path).unlink()
        await house.break_(replace(NO_FILES, times=3))
        remade = await ask(studio, "create_video", from_task=film.task_id, confirm_cost=True)
        assert remade.shots[0].task_id == one.id
        await house.until(remade.task_id, Status.SUCCEEDED)
        assert len(await house.sent()) == 3


async def test_a_film_waits_for_a_shot_that_was_removed_under_its_hands(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        story = {"shots": [*shots("one", seconds=3), *OMNI], "model": "kling-3.0"}
        film = await ask(studio_of(house), "create_video", **story, confirm_cost=True)
        await house.until(film.task_id, Status.FETCHING, stride=1.0, beats=400)
        one = (await bought(house, film))["one"]
        await house.journal.apply(one.id, Removed("too old"))
        Path(one.outputs[0].path).unlink()
        await house.break_(replace(NO_FILES, times=3))
        await house.until(film.task_id, Status.SUCCEEDED)


@on_both
@keeps("nothing-twice")
async def test_a_failed_film_that_is_merely_repeated_keeps_its_finished_shots(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        await house.break_(Fault(path="/text-to-video", code=1301, times=1))
        story = {"shots": [*shots("one", "one", seconds=3), *OMNI], "model": "kling-3.0", "confirm_cost": True}
        film = await ask(studio, "create_video", **story)
        house.clock.time += SAME_REQUEST_SECONDS + 1  # it fails when its last shot has ended
        await house.until(film.task_id, Status.FAILED)
        again = await ask(studio, "create_video", **story)
        kept = {s.task_id for s in film.shots} & {s.task_id for s in again.shots}
        assert (len(kept), again.cost.usd) == (2, "0.252")
        anew = await ask(studio, "create_video", **story, again=True)
        assert anew.cost.usd == "0.756"


@on_both
@keeps("within-budget")
async def test_a_film_that_is_taken_back_takes_back_what_was_not_sent(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        story = {"shots": shots("one", "two", "three"), "continuous": True, "model": "kling-3.0"}
        film = await ask(studio, "create_video", **story, confirm_cost=True)
        gone = await ask(studio, "cancel_task", task_id=film.task_id)
        assert gone.status == "cancelled"
        assert "2 of 3 shots were not sent" in gone.notes[0]
        assert [shot.status for shot in gone.shots] == ["submitted", "cancelled", "cancelled"]
        assert await studio.budget_left() == Decimal(50) - Decimal(TEN)
        again = await ask(studio, "create_video", **story, confirm_cost=True)
        assert again.shots[0].task_id == film.shots[0].task_id, "what is on its way is not bought again"
        assert again.cost.usd == "1.68"


@keeps("nothing-lost", "within-budget")
@pytest.mark.parametrize("write", [1, 2, 3])
async def test_a_film_that_dies_while_it_is_bought_is_there_whole_or_not_at_all(tmp_path: Path, write: int) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        house.life.at = write
        story = {"shots": shots("one", "two", seconds=3), "continuous": True, "model": "kling-3.0"}
        await house.survive(ask(studio_of(house), "create_video", **story, confirm_cost=True))
        house.life.at = 0
        studio = studio_of(house)
        films = (await ask(studio, "list_tasks")).tasks
        assert len(films) == (write > 1)
        for film in films:
            held = [await house.journal.entry(i) for i in (film.task_id, *(shot.task_id for shot in film.shots))]
            assert [entry and entry.held for entry in held] == [None, 252_000, 252_000]
            await house.quarantine()
            one, two = [await house.task(shot.task_id) for shot in film.shots]
            assert (one.status, two.status) == (Status.FETCHING, Status.WAITING)
        assert len(await house.bought()) == len(films)

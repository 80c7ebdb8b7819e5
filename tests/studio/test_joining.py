"""Several results become one film: a task that costs nothing, is found again, and is never half there."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.jobs.finished import finished
from tests.jobs.house import House, a_house, a_task
from tests.promises import keeps
from tests.studio.open import ask, studio_of

from kling_tools.files.mp4 import read_facts
from kling_tools.jobs.ledger import Budget
from kling_tools.jobs.workshop import Workshop, laid_out
from kling_tools.model.errors import BadMedia, InvalidArguments, KlingError, MediaFailed, UnknownTask
from kling_tools.model.requests import JoinVideos
from kling_tools.model.status import Status
from kling_tools.model.tasks import Output, Task
from kling_tools.operations.answers import TaskFacts
from kling_tools.studio import Studio

pytestmark = pytest.mark.anyio


async def a_result(house: House, source: Path, name: str, **changes: object) -> Task:
    """Return a finished task with a copy of a clip as its file."""
    path = house.outputs.directory / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(source, path)
    facts = read_facts(path)
    return await finished(house, Output(kind="video", url="", path=str(path), seconds=facts.seconds), **changes)


async def at_rest(task_id: str) -> None:
    """Wait until nobody here works on a film."""
    if work := [t for t in asyncio.all_tasks() if t.get_name() == f"join {task_id}"]:
        await asyncio.wait(work, timeout=100)


async def joined(studio: Studio, **wish: object) -> TaskFacts:
    """Join videos and return the task as it ended; the house's clock does not wait for ffmpeg."""
    begun = await ask(studio, "join_videos", **wish)
    await at_rest(begun.task_id)
    (task,) = (await ask(studio, "check_status", task_id=begun.task_id)).tasks
    assert isinstance(task, TaskFacts)
    return task


@keeps("simulated-marked")
async def test_results_are_joined_to_a_task_that_is_free_and_found_again(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house, KLING_MAX_USD_PER_DAY="0", KLING_MAX_USD_PER_CALL="0")
        first, second = [await a_result(house, clips[name], f"{name}.mp4") for name in ("wide", "square")]
        own = str(clips["tall"])
        shutil.copy(own, tmp_path / "mine.mp4")
        film = await joined(
            studio,
            videos=[first.id, f"{second.id}#1@0.5-1.5", str(tmp_path / "mine.mp4")],
            name="Fox, whole",
        )
        assert (film.status, film.tool, film.provider, film.label) == (
            "succeeded",
            "join_videos",
            "local",
            "Fox, whole",
        )
        assert (film.cost.usd, film.cost.basis, film.simulated) == ("0", "exact", True)
        (output,) = film.outputs
        assert output.path is not None
        path = Path(output.path)
        assert "Fox whole (simulated " in path.name
        assert (output.width, output.height, output.has_audio) == (160, 90, True)
        assert output.seconds == read_facts(path).seconds == pytest.approx(5, abs=0.3)
        assert film.notes[0] == "Clip 2 was scaled from 96x96 to 160x90 with black bars."
        assert (await ask(studio, "list_tasks", query="fox, whole")).tasks[0].task_id == film.task_id
        assert (await ask(studio, "view_video", task_id=film.task_id)).path == output.path
        assert await house.journal.entry(film.task_id) is None
        record = json.loads(path.with_suffix(".json").read_text())
        assert record["arguments"]["name"] == "Fox, whole"
        assert [seed["given"] for seed in record["media"]][:2] == [first.id, f"{second.id}#1"]
        assert record["files"][0]["sha256"] == (await house.task(film.task_id)).outputs[0].sha256
        kept = await ask(studio, "cancel_task", task_id=film.task_id)
        assert kept.notes[0] == "NOT cancelled: it had finished; it cost nothing."
        again = await joined(studio, videos=[film.task_id, first.id], transition="crossfade")
        assert again.outputs[0].seconds == pytest.approx(6.5, abs=0.4)


async def test_the_same_call_returns_the_first_film_while_it_is_there(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        one = await a_result(house, clips["wide"], "a.mp4")
        first = await joined(studio, videos=[one.id, one.id])
        assert (await joined(studio, videos=[one.id, one.id])).task_id == first.task_id
        Path(first.outputs[0].path).unlink()
        second = await joined(studio, videos=[one.id, one.id])
        assert second.task_id != first.task_id
        assert Path(second.outputs[0].path).is_file()


@pytest.mark.parametrize(
    ("videos", "error", "told"),
    [
        (["RUNNING", "DONE"], BadMedia, "Video 1 of 2: Task {running} has no file 1; its status is queued"),
        (["DONE", "k000000000000"], UnknownTask, "Video 2 of 2: There is no task"),
        (["DONE", "DONE", "/nowhere/a.mp4"], BadMedia, "Video 3 of 3: The file for video"),
        (["https://a.test/b.mp4?sig=secret", "DONE"], BadMedia, "Video 1 of 2: Only videos on this machine"),
        (["DONE", "DONE@2-1"], InvalidArguments, "Video 2 of 2: .* ends before it begins"),
        (["DONE", "DONE@1-90"], MediaFailed, "Clip 2 is 2.00 s long; 1-90 reaches beyond its end"),
        (["PICTURE", "DONE"], BadMedia, "Video 1 of 2: Task .* made no video"),
    ],
)
async def test_a_clip_that_is_not_there_is_refused_by_its_place(
    tmp_path: Path, clips: Mapping[str, Path], videos: list[str], error: type[KlingError], told: str
) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        done = await a_result(house, clips["square"], "a.mp4")
        picture = await finished(house, Output(kind="image", url="", path=str(tmp_path / "x.png")))
        running = a_task(now=house.clock.now())
        await house.journal.enqueue(
            running, Budget(per_call=running.plan.price.most, per_day=running.plan.price.most), again=False
        )  # type: ignore[arg-type]
        known = {"RUNNING": running.id, "DONE": done.id, "PICTURE": picture.id}
        named = [next((v.replace(k, i) for k, i in known.items() if v.startswith(k)), v) for v in videos]
        before = len(list(house.outputs.directory.iterdir()))
        with pytest.raises(error, match=told.format(running=running.id)):
            await joined(studio, videos=named)
        assert len(list(house.outputs.directory.iterdir())) == before
        assert (await ask(studio, "list_tasks")).total == 3


@keeps("result-kept")
async def test_a_process_killed_over_a_join_leaves_no_film_and_the_next_one_makes_it(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        done = await a_result(house, clips["wide"], "a.mp4")
        task = await studio.join(JoinVideos(videos=[done.id, done.id], transition="crossfade"))
        (work,) = [t for t in asyncio.all_tasks() if t.get_name() == f"join {task.id}"]
        montage, half = (
            await laid_out(task),
            house.outputs.directory / f".{house.outputs.file_name(task, 1, 'video')}.part",
        )
        while not half.exists():
            await asyncio.to_thread(int)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        half.write_bytes(b"what a SIGKILL leaves")
        assert [p.name for p in house.outputs.directory.glob("*.mp4")] == ["a.mp4"]
        assert (await house.task(task.id)).status is Status.FETCHING
        await house.open_again()
        next_one = Workshop(house.journal, house.orders, house.outputs)
        next_one.start()
        async with asyncio.timeout(120):
            while not (made := await house.task(task.id)).status.ended:
                await asyncio.to_thread(int)
        await next_one.stop()
        assert made.status is Status.SUCCEEDED
        assert read_facts(Path(made.outputs[0].path)).seconds == pytest.approx(montage.seconds, abs=0.3)
        assert not half.exists()


async def test_two_processes_make_one_film(tmp_path: Path, clips: Mapping[str, Path]) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        done = await a_result(house, clips["square"], "a.mp4")
        task = await studio.join(JoinVideos(videos=[done.id, done.id], transition="crossfade"))
        other = Workshop(house.journal, house.orders, replace(house.outputs))
        other.go_on(task)
        await at_rest(task.id)
        (film,) = (await house.task(task.id)).outputs
        assert [p.name for p in house.outputs.directory.glob("*and 1 more*.mp4")] == [Path(film.path).name]
        assert [h.event for h in await house.journal.history(task.id)] == ["Enqueued", "Stored"]


async def test_a_join_that_fails_says_why_and_leaves_nothing(tmp_path: Path, clips: Mapping[str, Path]) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        done = await a_result(house, clips["square"], "a.mp4")
        data = bytearray(clips["wide"].read_bytes())
        start = data.index(b"mdat") + 4
        data[start : data.rindex(b"moov") - 4] = bytes(data.rindex(b"moov") - 4 - start)
        (tmp_path / "hollow.mp4").write_bytes(data)
        film = await joined(studio, videos=[done.id, str(tmp_path / "hollow.mp4")])
        assert (film.status, film.error.spent) == ("failed", "no")
        assert "could not read" in film.error.message
        assert [p.name for p in house.outputs.directory.iterdir()] == ["a.mp4"]

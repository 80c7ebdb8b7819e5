"""What a finished task leaves on the disk: every kind of result, and a continuation joined to what it continues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.files.conftest import picture_bytes
from tests.jobs.bureau import Bureau
from tests.jobs.finished import finished, ready_to_fetch
from tests.jobs.house import ADDRESS, House, a_house
from tests.promises import keeps
from tests.providers.values import PLAN

from kling_tools.files.mp4 import read_facts
from kling_tools.model.plan import Plan
from kling_tools.model.specs import ElementSpec, ImageSpec, VoiceSpec
from kling_tools.model.status import Status
from kling_tools.model.tasks import Output, RemoteOutput, Task

pytestmark = pytest.mark.anyio

ELEMENT = replace(PLAN, tool="create_element", model="kling-element", spec=ElementSpec(name="Fox", description="red"))
VOICE = replace(PLAN, tool="create_voice", model="kling-voice", spec=VoiceSpec(name="Ada"))
PICTURES = replace(PLAN, tool="create_image", spec=ImageSpec(product="image", prompt="a fox", count=2))


def at(name: str) -> str:
    """Return a file's address at the provider."""
    return f"{ADDRESS}/files/{name}"


async def fetched(house: House, plan: Plan, *outputs: RemoteOutput) -> Task:
    """Let a task's results be fetched."""
    task = await ready_to_fetch(house, plan, *outputs)
    await house.beat(2)
    return await house.task(task.id)


async def test_pictures_are_kept_under_names_of_their_own_with_their_sides(tmp_path: Path) -> None:
    bureau = Bureau(files={"1.png": picture_bytes(64, 48, "PNG"), "2.jpg": picture_bytes(32, 80)})
    async with a_house(tmp_path, provider=bureau) as house:
        found = [RemoteOutput(kind="image", url=at(name)) for name in bureau.files]
        task = await fetched(house, PICTURES, *found)
        assert task.status is Status.SUCCEEDED
        assert [(o.width, o.height, Path(o.path).suffix) for o in task.outputs] == [(64, 48, ".png"), (32, 80, ".jpg")]
        assert [f"{task.short})." in o.path for o in task.outputs] == [True, False]
        assert f"{task.short}-2)." in task.outputs[1].path


async def test_an_element_is_its_id_with_a_picture_where_there_is_one(tmp_path: Path) -> None:
    bureau = Bureau(files={"fox.png": picture_bytes(64, 48, "PNG")})
    async with a_house(tmp_path, provider=bureau) as house:
        shown = await fetched(
            house, ELEMENT, RemoteOutput(kind="element", url=at("fox.png"), remote_id="7", name="Fox")
        )
        bare = await fetched(house, ELEMENT, RemoteOutput(kind="element", url="", remote_id="8"))
        assert [t.status for t in (shown, bare)] == [Status.SUCCEEDED] * 2
        (with_picture,), (without,) = shown.outputs, bare.outputs
        assert (with_picture.remote_id, with_picture.name, with_picture.width) == ("7", "Fox", 64)
        assert Path(with_picture.path).is_file()
        assert (without.remote_id, without.path) == ("8", "")
        assert await house.journal.made("7") == shown


async def test_a_voice_is_its_id_with_a_sample_where_there_is_one(tmp_path: Path, sounds: Mapping[str, Path]) -> None:
    bureau = Bureau(files={"ada.wav": sounds["wav"].read_bytes()})
    async with a_house(tmp_path, provider=bureau) as house:
        heard = await fetched(house, VOICE, RemoteOutput(kind="voice", url=at("ada.wav"), remote_id="v1"))
        bare = await fetched(house, VOICE, RemoteOutput(kind="voice", url="", remote_id="v2"))
        assert [t.status for t in (heard, bare)] == [Status.SUCCEEDED] * 2
        assert heard.outputs[0].seconds == pytest.approx(3, abs=0.1)
        assert Path(heard.outputs[0].path).suffix == ".wav"
        assert (bare.outputs[0].remote_id, bare.outputs[0].path) == ("v2", "")


@pytest.mark.parametrize("name", ["film.mp4", "gone.png"], ids=["a film", "a dead address"])
async def test_a_sample_that_cannot_be_kept_does_not_keep_the_element_back(
    tmp_path: Path, clips: Mapping[str, Path], name: str
) -> None:
    bureau = Bureau(files={"film.mp4": clips["wide"].read_bytes()}, dead=frozenset({"gone.png"}))
    async with a_house(tmp_path, provider=bureau) as house:
        task = await fetched(house, ELEMENT, RemoteOutput(kind="element", url=at(name), remote_id="7"))
        assert (task.status, task.outputs[0].remote_id, task.outputs[0].path) == (Status.SUCCEEDED, "7", "")


# --- continuations --------------------------------------------------------------------------------------------------


def continuing(text: str) -> Plan:
    """Return a plan whose result goes on where this video ends."""
    return replace(PLAN, tool="extend_video", continues=text)


async def extended(house: House, text: str) -> Task:
    """Fetch a continuation."""
    return await fetched(house, continuing(text), RemoteOutput(kind="video", url=at("more.mp4"), remote_id="v-9"))


def more(clips: Mapping[str, Path]) -> Bureau:
    """Return a provider that has the continuation."""
    return Bureau(files={"more.mp4": clips["wide"].read_bytes()})


@keeps("result-kept")
async def test_a_continuation_is_joined_to_its_source_and_kept_beside_the_film(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path, provider=more(clips)) as house:
        task = await extended(house, str(clips["wide"]))
        assert (task.status, task.notes) == (Status.SUCCEEDED, ())
        film, part = task.outputs
        assert (film.url, film.remote_id, film.kind) == ("", "", "video")
        assert f"{task.short}).mp4" in film.path
        assert f"{task.short}-2).mp4" in part.path
        assert (part.remote_id, part.seconds) == ("v-9", pytest.approx(2, abs=0.4))
        assert read_facts(Path(film.path)).seconds == film.seconds == pytest.approx(3.9, abs=0.4)
        assert (film.width, film.height, film.has_audio) == (160, 90, True)
        assert film.size == Path(film.path).stat().st_size


async def test_a_continuation_of_a_result_is_joined_to_that_result(tmp_path: Path, clips: Mapping[str, Path]) -> None:
    async with a_house(tmp_path, provider=more(clips)) as house:
        source = await finished(house, Output(kind="video", url="", path=str(clips["square"])))
        task = await extended(house, source.id)
        film, _ = task.outputs
        assert (film.width, film.height) == (96, 96)
        assert "scaled" in task.notes[-1], "what was changed to make them fit is told"


async def test_a_source_behind_a_link_is_joined(tmp_path: Path, clips: Mapping[str, Path]) -> None:
    async with a_house(tmp_path, provider=more(clips)) as house:
        (tmp_path / "latest.mp4").symlink_to(clips["wide"])
        assert len((await extended(house, str(tmp_path / "latest.mp4"))).outputs) == 2


@pytest.mark.parametrize("trouble", ["gone", "no video", "no ffmpeg", "no such task", "an address"])
@keeps("result-kept")
async def test_a_join_that_cannot_be_done_keeps_the_part_and_says_why(
    tmp_path: Path, clips: Mapping[str, Path], trouble: str
) -> None:
    sources = {
        "gone": str(tmp_path / "gone.mp4"),
        "no such task": "k0000000000000",
        "an address": "https://a.test/b.mp4",
    }
    async with a_house(tmp_path, provider=more(clips)) as house:
        (tmp_path / "text.mp4").write_text("no video at all")
        if trouble == "no ffmpeg":
            house.account = replace(house.account, orders=replace(house.orders, ffmpeg="/no/such/ffmpeg"))
        source = str(tmp_path / "text.mp4") if trouble == "no video" else sources.get(trouble, str(clips["wide"]))
        task = await extended(house, source)
        assert task.status is Status.SUCCEEDED
        (part,) = task.outputs
        assert read_facts(Path(part.path)) == read_facts(clips["wide"])
        assert "could not be joined" in task.notes[-1]


@keeps("result-kept")
async def test_a_film_that_was_not_written_down_is_made_once_more_and_not_twice(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path, provider=more(clips)) as house:
        task = await ready_to_fetch(
            house, continuing(str(clips["wide"])), RemoteOutput(kind="video", url=at("more.mp4"))
        )
        house.store.refuse(1)
        await house.beat(2)
        assert (await house.task(task.id)).status is Status.FETCHING
        await house.open_again()
        await house.beat(2)
        task = await house.task(task.id)
        assert task.status is Status.SUCCEEDED
        left = sorted(p.name for p in (tmp_path / "videos").glob("*.mp4"))
        assert left == sorted(Path(o.path).name for o in task.outputs)

"""What lies beside a result: how to make it again, and a picture of it; without either the result is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.jobs.bureau import Bureau
from tests.jobs.finished import finished, ready_to_fetch
from tests.jobs.house import ADDRESS, House, a_house, a_task
from tests.promises import keeps
from tests.providers.values import PLAN

from kling_tools.files.beside import write_beside
from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.pictures import read_header
from kling_tools.files.preview import poster
from kling_tools.jobs.keepsakes import unsigned
from kling_tools.model.plan import Input
from kling_tools.model.status import Status
from kling_tools.model.tasks import Output, RemoteOutput, Task

pytestmark = pytest.mark.anyio

FOUND = RemoteOutput(kind="video", url=f"{ADDRESS}/files/a.mp4")
SIGNED = "https://me:secret@cdn.example/fox.png?X-Amz-Signature=secret#secret"


async def fetched(house: House, inputs: tuple[Input, ...] = (), **changes: Any) -> Task:
    """Let a task's film be fetched."""
    task = await ready_to_fetch(house, replace(PLAN, inputs=inputs), FOUND, **changes)
    await house.beat(2)
    return await house.task(task.id)


def beside(task: Task, suffix: str) -> Path:
    """Return what lies beside a task's first file."""
    return Path(task.outputs[0].path).with_suffix(suffix)


def film(clips: Mapping[str, Path]) -> Bureau:
    """Return a provider that has a film."""
    return Bureau(files={"a.mp4": clips["wide"].read_bytes()})


@keeps("no-leak")
async def test_a_record_tells_how_to_make_it_again_and_no_secret(tmp_path: Path, clips: Mapping[str, Path]) -> None:
    async with a_house(tmp_path, provider=film(clips)) as house:
        (tmp_path / "fox.png").write_bytes(b"a fox")
        seed = await finished(house, Output(kind="image", url="", path=str(tmp_path / "x"), sha256="5eed"))
        given = (str(tmp_path / "fox.png"), SIGNED, seed.id, str(tmp_path / "gone.png"))
        inputs = tuple(Input(role="reference", kind="image", text=text, name="references") for text in given)
        asked = {"prompt": "a heron", "references": [SIGNED], "shots": [{"prompt": SIGNED}]}
        house.clock.time = (tmp_path / "fox.png").stat().st_mtime + 60
        task = await fetched(house, inputs, label="one", arguments=asked)
        text = beside(task, ".json").read_text()
        record = json.loads(text)
        assert "secret" not in text
        assert record["task_id"] == task.id
        assert record["arguments"]["references"] == ["https://cdn.example/fox.png"]
        assert (record["tool"], record["prompt"], record["label"]) == (PLAN.tool, PLAN.words, "one")
        assert (record["model"], record["provider"], record["simulated"]) == (PLAN.model, "kling", True)
        known = hashlib.sha256(b"a fox").hexdigest()
        assert [one["sha256"] for one in record["media"]] == [known, None, "5eed", None]
        assert record["media"][1]["given"] == "https://cdn.example/fox.png"
        (output,) = task.outputs
        assert output.sha256 == hashlib.sha256(Path(output.path).read_bytes()).hexdigest()
        assert record["files"][0]["sha256"] == output.sha256
        assert record["made_with"].startswith("kling-mcp ")


async def test_a_film_has_its_words_inside_and_a_poster_beside(
    tmp_path: Path, clips: Mapping[str, Path], encoder: Encoder
) -> None:
    async with a_house(tmp_path, provider=film(clips)) as house:
        task = await fetched(house)
        jpeg = beside(task, ".jpg").read_bytes()
        assert read_header(jpeg, "jpeg").shown == (160, 90)
        source = file_argument(Path(task.outputs[0].path))
        words = (await encoder.run(["-i", source, "-f", "ffmetadata", "pipe:1"], timeout=100)).decode()
        assert f"title={PLAN.words}" in words
        assert f"SIMULATED, not a Kling result. kling-mcp task {task.id}" in words
        assert sorted(p.suffix for p in house.outputs.directory.iterdir()) == [".jpg", ".json", ".mp4"]


async def test_a_poster_is_no_black_frame_unless_all_are(encoder: Encoder, tmp_path: Path) -> None:
    for name, late in (("late", "gt(N,6)"), ("never", "0")):
        picture = f"nullsrc=s=96x54:r=10:d=1,geq=lum='16+200*{late}*gt(X,40)':cb=128:cr=128"
        args = ["-f", "lavfi", "-i", picture, "-c:v", "libx264", "-pix_fmt", "yuv420p", file_argument(tmp_path / name)]
        await encoder.run([*args[:-1], "-f", "mp4", args[-1]], timeout=100)
        gray = ["-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"]
        jpeg = await poster(encoder, tmp_path / name)
        pixels = await encoder.run(["-f", "image2pipe", "-i", "pipe:0", *gray], timeout=100, stdin=jpeg)
        assert (max(pixels) > 150) is (name == "late")


@pytest.mark.parametrize("trouble", ["no ffmpeg", "a folder in the way", "no answer of the journal's"])
@keeps("result-kept")
async def test_without_a_record_or_a_poster_the_result_is_kept(
    tmp_path: Path, clips: Mapping[str, Path], trouble: str
) -> None:
    async with a_house(tmp_path, provider=film(clips)) as house:
        inputs: tuple[Input, ...] = ()
        if trouble == "no ffmpeg":
            house.account = replace(house.account, orders=replace(house.orders, ffmpeg="/no/such/ffmpeg"))
        if trouble == "a folder in the way":
            for suffix in (".json", ".jpg"):
                named = a_task("k7f3abcdefgh0", now=house.clock.now(), short="k7f3", simulated=True)
                name = house.outputs.file_name(named, 1, "video")
                (house.outputs.directory / name).with_suffix(suffix).mkdir(parents=True)
        if trouble == "no answer of the journal's":
            inputs = (Input(role="reference", kind="image", text="k000000000000", name="references"),)
        task = await fetched(house, inputs, task_id="k7f3abcdefgh0")
        assert task.status is Status.SUCCEEDED
        assert Path(task.outputs[0].path).is_file()
        assert beside(task, ".json").is_file() is (trouble == "no ffmpeg")
        assert not beside(task, ".jpg").is_file()


def test_what_is_written_beside_a_result_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"mine")
    (tmp_path / ".a.json.part").symlink_to(tmp_path / "precious")
    write_beside(tmp_path / "a.json", b"{}")
    assert (tmp_path / "precious").read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "precious"]


async def test_files_are_named_by_as_little_of_the_id_as_tells_them_apart(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path, provider=film(clips)) as house:
        ids = ("k7f3abcdefgh0", "k7f3azzzzzzz0", "k7f3azzzzzzz1", "k8f3abcdefgh0")
        tasks = [await fetched(house, task_id=task_id) for task_id in ids]
        assert [task.short for task in tasks] == ["k7f3", "k7f3az", "k7f3azzzzzzz1", "k8f3"]
        names = [Path(task.outputs[0].path).name for task in tasks]
        assert names[0] == "2026-11-18 a heron lands on a pond (simulated k7f3).mp4"
        assert len(set(names)) == len(names)


async def test_a_short_name_that_another_journal_has_taken_is_left_to_it(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path, provider=film(clips)) as house:
        mine = await fetched(house, task_id="k7f3abcdefgh0")
        (tmp_path / "other").mkdir()
        async with a_house(tmp_path / "other", provider=Bureau(files={"a.mp4": clips["square"].read_bytes()})) as other:
            other.engine._outputs = house.outputs
            theirs = await fetched(other, task_id="k7f3azzzzzzz0")
        assert theirs.short == mine.short == "k7f3"
        assert "(simulated k7f3azzzzzzz0)" in theirs.outputs[0].path
        assert theirs.outputs[0].width == 96


async def test_a_task_of_an_earlier_version_finds_its_file_under_the_long_name(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path, provider=Bureau()) as house:
        task = a_task("k7f3abcdefgh0", now=house.clock.now(), simulated=True, label="not in the name")
        name = house.outputs.file_name(task, 1, "video")
        assert name == "2026-11-18 a heron lands on a pond (simulated k7f3abcdefgh0).mp4"


def test_nothing_that_opens_an_address_is_told() -> None:
    assert unsigned({"a": [SIGNED], "b": 1, "c": "plain?x=1"}) == {
        "a": ["https://cdn.example/fox.png"],
        "b": 1,
        "c": "plain?x=1",
    }
    assert unsigned("https://[bad?x") == ""

"""A finished result comes to the disk, however often its wire, its address or the disk gives out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.jobs.house import BOUND, a_house
from tests.promises import keeps

from kling_sandbox import Fault, serve
from kling_tools.files.mp4 import read_facts
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio


@keeps("result-kept")
async def test_a_download_that_is_cut_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with (
        a_house(tmp_path, Fault(on="file", truncate=30_000, times=2), draws=True) as house,
        asyncio.TaskGroup() as group,
    ):
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        server = group.create_task(serve(house.config, port=0, on_started=address.set_result))
        await house.open_again(await asyncio.wait_for(address, BOUND))
        task = await house.buy()
        task = await house.until(task.id, Status.FETCHING)
        parts: list[int] = []
        for _ in range(3):
            await house.beat(11)
            parts += [p.stat().st_size for p in (tmp_path / "videos").glob("*.part")]
            if not (await house.task(task.id)).status.ended:
                assert list((tmp_path / "videos").glob("*.mp4")) == []
        task = await house.task(task.id)
        assert task.status is Status.SUCCEEDED
        assert parts == sorted(set(parts))
        assert parts[0] >= 30_000, "what came before the cut is kept"
        assert read_facts(Path(task.outputs[0].path)).seconds == pytest.approx(3, abs=0.2)
        await house.client.aclose()
        server.cancel()


@pytest.mark.parametrize("status", [403, 404])
@keeps("result-kept")
async def test_an_address_that_died_is_asked_for_again(tmp_path: Path, status: int) -> None:
    async with a_house(tmp_path, Fault(on="file", status=status)) as house:
        task = await house.buy()
        await house.until(task.id, Status.FETCHING)
        looks = len(await house.calls("query"))
        task = await house.until(task.id, Status.SUCCEEDED)
        assert len(await house.calls("query")) == looks + 1
        assert task.trouble == ""


async def test_an_address_that_stays_dead_is_not_asked_about_every_second(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="file", status=403, times=1000)) as house:
        task = await house.buy()
        await house.until(task.id, Status.FETCHING)
        before = len(await house.calls("file"))
        for _ in range(40):
            await house.beat(1)
        assert len(await house.calls("file")) - before <= 5
        task = await house.task(task.id)
        assert (task.status, "expired" in task.trouble) == (Status.FETCHING, True)


@keeps("result-kept")
async def test_a_disk_that_cannot_be_written_delays_the_file_and_loses_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        (tmp_path / "videos").write_text("in the way")
        task = await house.buy()
        await house.until(task.id, Status.FETCHING)
        await house.beat(11)
        task = await house.task(task.id)
        assert (task.status, "videos" in task.trouble) == (Status.FETCHING, True)
        (tmp_path / "videos").unlink()
        task = await house.until(task.id, Status.SUCCEEDED)
        assert Path(task.outputs[0].path).is_file()

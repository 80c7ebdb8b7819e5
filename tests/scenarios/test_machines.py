"""Two servers with nothing in common but a database: what one buys, the other knows, watches and finishes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.jobs.conftest import postgres
from tests.jobs.postgres_server import Server
from tests.promises import keeps
from tests.scenarios.host import hosting
from tests.scenarios.simulated import simulating

__all__ = ["postgres"]

pytestmark = pytest.mark.anyio


@keeps("nothing-lost", "nothing-twice", "result-kept")
async def test_a_machine_that_is_killed_in_mid_watch_is_replaced_by_the_other(tmp_path: Path, postgres: Server) -> None:
    shared = {"KLING_DATABASE_URL": postgres.new_database()}
    async with simulating(tmp_path, speed=30.0) as kling:
        one = kling.env(**shared, KLING_DATA_DIR=str(tmp_path / "one"))
        two = kling.env(**shared, KLING_DATA_DIR=str(tmp_path / "two"))
        async with hosting(one, "auto") as first, hosting(two, "legacy") as second:
            wish = {"prompt": "a fox in the snow", "model": "kling-3.0", "seconds": 3}
            bought = await first.facts("create_video", **wish)
            again = await second.facts("create_video", **wish)
            assert again["task_id"] == bought["task_id"]
            await first.kill()
            task = await second.ended(bought["task_id"])
        made = await kling.tasks()
    assert (task["status"], len(made)) == ("succeeded", 1)
    assert Path(task["outputs"][0]["path"]).stat().st_size > 10_000
    assert not list(tmp_path.rglob("journal.sqlite3"))

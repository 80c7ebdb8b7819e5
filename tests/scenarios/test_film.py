"""A film of four shots on two models: killed, broken and remade, it is one file, and every shot was paid once."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.promises import keeps
from tests.scenarios.host import hosting
from tests.scenarios.simulated import simulating

from kling_tools.files.mp4 import read_facts

pytestmark = pytest.mark.anyio

OTHER = "kling-2.6"
SHOTS = [
    {"prompt": "a paper boat at dawn", "seconds": 7},
    {"prompt": "it drifts under a bridge", "seconds": 5, "model": OTHER},
    {"prompt": "rain falls on it", "seconds": 7},
    {"prompt": "it reaches the sea at dusk", "seconds": 5, "model": OTHER},
]
STORY = {"shots": SHOTS, "model": "kling-3.0"}


@keeps("nothing-lost", "nothing-twice", "within-budget", "result-kept")
async def test_a_film_that_is_killed_and_breaks_is_one_file_and_every_shot_is_paid_once(tmp_path: Path) -> None:
    async with simulating(tmp_path, draws=True, speed=400.0) as kling:
        async with hosting(kling.env(), "legacy") as first:
            asked = await first.call("create_video", **STORY)
            assert asked["isError"]
            assert "$" in asked["content"][0]["text"]
            assert await kling.tasks() == [], "the whole price is agreed on before anything is bought"
            await kling.faults({"path": OTHER, "on": "create", "fail_task": "it was too windy"})
            film = await first.facts("create_video", **STORY, confirm_cost=True)
            await first.kill()
        async with hosting(kling.env(), "auto") as second:
            broken = await second.ended(film["task_id"])
            assert (broken["error"]["code"], broken["error"]["spent"]) == ("part_missing", "yes")
            assert "3 of 4 shots" in broken["error"]["message"]
            remade = await second.facts("create_video", from_task=film["task_id"], confirm_cost=True)
            whole = await second.ended(remade["task_id"])
        assert whole["status"] == "succeeded", whole
        assert whole["simulated"]
        assert "(simulated " in whole["outputs"][0]["path"]
        facts = read_facts(Path(whole["outputs"][0]["path"]))
        assert facts.seconds == pytest.approx(24, abs=0.5)
        _paid_once(film, remade, whole, await kling.tasks())


def _paid_once(film: dict[str, Any], remade: dict[str, Any], whole: dict[str, Any], made: list[dict[str, Any]]) -> None:
    """Check what was bought where it was bought."""
    one = Decimal(film["shots"][1]["usd"])
    assert Decimal(remade["cost"]["usd"]) == one, "only the shot that failed is bought again"
    assert Decimal(whole["cost"]["charged_usd"]) == one
    kept = {shot["task_id"] for shot in film["shots"]} & {shot["task_id"] for shot in remade["shots"]}
    assert len(kept) == 3
    assert len(made) == 5
    done = Counter(task["status"] for task in made)
    assert done["succeeded"] == 4

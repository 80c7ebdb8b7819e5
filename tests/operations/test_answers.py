"""What each tool that sends nothing answers with, through a real studio."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.jobs.house import START, a_house, a_task
from tests.promises import keeps
from tests.studio.open import a_studio, ask, environment, studio_of

from kling_tools.model.errors import Impossible, InvalidArguments
from kling_tools.model.status import Status
from kling_tools.model.tasks import Failure, Hindered, step
from kling_tools.operations.all import ALL, offered
from kling_tools.operations.answers import show
from kling_tools.settings import TOOLSETS, Settings

pytestmark = pytest.mark.anyio


@keeps("simulated-marked")
async def test_an_estimate_names_the_price_the_model_and_what_is_left_and_sends_nothing(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        facts = await ask(studio, "estimate_cost", tool="create_video", arguments={"prompt": "a fox", "seconds": 15})
        (quote,) = facts.quotes
        assert (quote.provider, quote.model, quote.simulated, quote.refused) == ("sandbox", "kling-3.0", True, None)
        assert (quote.cost.usd, quote.cost.units, quote.cost.basis) == ("1.26", "9", "exact")
        assert (facts.budget_left_usd, facts.needs_confirmation) == ("50", True)
        assert "confirm_cost=true" in facts.next
        agreed = await ask(
            studio, "estimate_cost", tool="create_video", arguments={"prompt": "x", "seconds": 15, "confirm_cost": True}
        )
        assert not agreed.needs_confirmation
        assert (await ask(studio, "list_tasks")).total == 0
    assert not (tmp_path / "data/sandbox").exists()


async def test_an_estimate_falls_with_what_was_spent(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        await ask(studio, "create_video", prompt="a fox")
        facts = await ask(studio, "estimate_cost", tool="create_video", arguments={"prompt": "a fox"})
        assert facts.budget_left_usd == "49.58"
        assert not facts.needs_confirmation


async def test_an_estimate_refuses_in_the_words_of_the_tool(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        for arguments, kind in (
            ({"prompt": "x", "duration": 5}, InvalidArguments),
            ({"prompt": "x", "seconds": 40}, Impossible),
        ):
            with pytest.raises(kind) as of_estimate:
                await ask(studio, "estimate_cost", tool="create_video", arguments=arguments)
            with pytest.raises(kind) as of_tool:
                await ask(studio, "create_video", **arguments)
            assert of_estimate.value.sentence() == of_tool.value.sentence()


async def test_models_are_told_with_limits_and_prices(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        facts = await ask(studio, "list_models")
        told = {m.model: m for m in facts.models}
        assert (facts.auto, facts.checked) == ("kling-3.0", "2026-09-20")
        assert set(told) == {"kling-3.0", "kling-3.0-turbo", "kling-2.6", "kling-2.5-turbo"}
        assert told["kling-3.0"].usd_per_second["720p with sound"] == "0.126"
        assert told["kling-3.0"].seconds == "3-15"
        assert told["kling-2.6"].audio == "optional at 1080p"
        assert told["kling-2.6"].last_image == ["1080p"]
        assert told["kling-3.0-turbo"].needs == "KLING_API_KEY"
        assert (told["kling-3.0-turbo"].last_image, told["kling-3.0-turbo"].audio) == ([], "always")
        assert all(m.text_to_video and m.image_to_video for m in facts.models)


@pytest.mark.parametrize(
    ("wanted", "models"),
    [
        ({"model": "kling-v3"}, {"kling-3.0"}),
        ({"seconds": 7}, {"kling-3.0", "kling-3.0-turbo"}),
        ({"resolution": "4k"}, {"kling-3.0"}),
        ({"audio": True}, {"kling-3.0", "kling-3.0-turbo", "kling-2.6"}),
        ({"audio": False}, {"kling-3.0", "kling-2.6", "kling-2.5-turbo"}),
        ({"last_image": True}, {"kling-3.0", "kling-2.6", "kling-2.5-turbo"}),
        ({"last_image": True, "seconds": 7}, {"kling-3.0"}),
        ({"tool": "create_video"}, {"kling-3.0", "kling-3.0-turbo", "kling-2.6", "kling-2.5-turbo"}),
    ],
)
async def test_models_are_filtered_by_what_is_wanted(
    tmp_path: Path, wanted: dict[str, object], models: set[str]
) -> None:
    async with a_studio(tmp_path) as studio:
        assert {m.model for m in (await ask(studio, "list_models", **wanted)).models} == models


async def test_a_wish_that_no_model_fulfils_is_refused(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        with pytest.raises(Impossible):
            await ask(studio, "list_models", resolution="4k", seconds=20)
        with pytest.raises(InvalidArguments):
            await ask(studio, "list_models", model="kling-9")


def test_tools_are_offered_by_toolset_and_without_spending_where_only_reading_is_allowed(tmp_path: Path) -> None:
    def names(**more: str) -> list[str]:
        return [op.name for op in offered(Settings.from_env(environment(tmp_path, **more)))]

    assert names() == [op.name for op in ALL]
    assert "create_video" not in names(KLING_READ_ONLY="1")
    assert names(KLING_TOOLSETS="results") == ["view_video"]
    assert names(KLING_TOOLSETS="all") == [op.name for op in ALL]


def test_every_tool_is_in_a_toolset_and_says_what_it_costs() -> None:
    for op in ALL:
        assert op.toolset in TOOLSETS
        assert op.title
        assert ("Costs money" if op.effect == "spends" else "Free") in op.description


NEXT = {
    Status.QUEUED: "check_status",
    Status.SUBMITTING: "check_status",
    Status.SUBMITTED: "check_status",
    Status.PROCESSING: "check_status",
    Status.FETCHING: "check_status",
    Status.UNSURE: "do not create it again",
    Status.SUCCEEDED: "view_video",
    Status.FAILED: "create it again",
    Status.CANCELLED: "taken back",
}


@pytest.mark.parametrize("status", list(Status))
async def test_a_task_is_shown_in_every_state_with_its_next_step(tmp_path: Path, status: Status) -> None:
    async with a_house(tmp_path) as house:
        failure = Failure(code="moderated", message="Blocked.", spent="no", advice="Change it.")
        task = a_task(status=status, failure=failure if status is Status.FAILED else None, simulated=True)
        facts = show(step(task, Hindered("a full disk"), START), studio_of(house))
        assert facts.status == status.shown
        assert NEXT[status] in facts.next
        assert (facts.eta_seconds is None) is status.ended
        assert any("a full disk" in note for note in facts.notes) is not status.ended
        assert (facts.error.message if facts.error else "") == (
            "Blocked. Change it." if status is Status.FAILED else ""
        )
        assert facts.simulated

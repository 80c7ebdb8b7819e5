"""What each tool that sends nothing answers with, through a real studio."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.jobs.house import START, a_house, a_task
from tests.promises import keeps
from tests.studio.open import a_studio, ask, environment, studio_of

from kling_tools.model.errors import AnswerLost, Impossible, InvalidArguments
from kling_tools.model.status import Status
from kling_tools.model.step import step
from kling_tools.model.tasks import Failure, Hindered
from kling_tools.operations.all import ALL, BUYING, offered
from kling_tools.operations.showing import shown
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


FILMS = {"kling-3.0", "kling-3.0-turbo", "kling-3.0-omni", "kling-o1", "kling-2.6", "kling-2.5-turbo"}


async def test_models_are_told_with_limits_and_prices(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        facts = await ask(studio, "list_models")
        told = {m.model: m for m in facts.models}
        assert (facts.auto, facts.checked) == ("kling-3.0", "2026-09-20")
        assert {m.model for m in facts.models if "create_video" in m.tools} == FILMS
        assert told["kling-3.0"].prices["audio 720p"] == "$0.126 per second"
        assert told["kling-3.0"].seconds == "3-15"
        assert told["kling-2.6"].audio == "optional at 1080p"
        assert told["kling-2.6"].last_image == ["1080p"]
        assert told["kling-3.0-turbo"].needs == "KLING_API_KEY"
        assert (told["kling-3.0-turbo"].last_image, told["kling-3.0-turbo"].audio) == ([], "always")
        assert "kling-4.0" in facts.off
        assert (facts.scenes, facts.voices) == ({}, {})
        every = {tool for m in facts.models for tool in m.tools}
        assert every == {op.name for op in BUYING}, "whatever can be bought has a model behind it"


@pytest.mark.parametrize(
    ("wanted", "models"),
    [
        ({"model": "kling-v3"}, {"kling-3.0"}),
        ({"seconds": 7}, {"kling-3.0", "kling-3.0-turbo", "kling-3.0-omni", "kling-o1"}),
        ({"resolution": "4k"}, {"kling-3.0", "kling-3.0-omni"}),
        ({"audio": True}, {"kling-3.0", "kling-3.0-turbo", "kling-3.0-omni", "kling-2.6"}),
        ({"audio": False}, FILMS - {"kling-3.0-turbo"}),
        ({"last_image": True}, FILMS - {"kling-3.0-turbo"}),
        ({"last_image": True, "seconds": 7}, {"kling-3.0", "kling-3.0-omni", "kling-o1"}),
        ({}, FILMS),
    ],
)
async def test_models_are_filtered_by_what_is_wanted(
    tmp_path: Path, wanted: dict[str, object], models: set[str]
) -> None:
    async with a_studio(tmp_path) as studio:
        assert {m.model for m in (await ask(studio, "list_models", tool="create_video", **wanted)).models} == models


@pytest.mark.parametrize(
    ("tool", "named"), [("apply_effect", "scenes"), ("create_speech", "voices"), ("create_image", "")]
)
async def test_scenes_and_voices_are_told_where_their_tool_is_asked_for(tmp_path: Path, tool: str, named: str) -> None:
    async with a_studio(tmp_path) as studio:
        facts = await ask(studio, "list_models", tool=tool)
        assert all(tool in m.tools for m in facts.models)
        assert {name for name in ("scenes", "voices") if getattr(facts, name)} == ({named} if named else set())


async def test_a_model_that_is_named_is_told_whole_also_one_that_is_off(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        ((on,), (off,)) = [(await ask(studio, "list_models", model=m)).models for m in ("kling-2.6", "kling-4.0")]
        assert (on.off, off.off) == (False, True)
        assert set(on.details) == {"text-to-video", "image-to-video", "motion-control"}
        assert on.source
        assert off.source


async def test_a_wish_that_no_model_fulfils_is_refused(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        with pytest.raises(Impossible):
            await ask(studio, "list_models", resolution="4k", seconds=20)
        with pytest.raises(InvalidArguments):
            await ask(studio, "list_models", model="kling-9")


def test_tools_are_offered_by_toolset_and_without_spending_where_only_reading_is_allowed(tmp_path: Path) -> None:
    def names(**more: str) -> list[str]:
        return [op.name for op in offered(Settings.from_env(environment(tmp_path, **more)))]

    library = ["list_library", "create_element", "create_voice", "delete_asset"]
    assert names() == [op.name for op in ALL if op.name not in library]
    assert names(KLING_TOOLSETS="library") == library
    assert names(KLING_TOOLSETS="results") == ["view_video", "join_videos"]
    assert names(KLING_TOOLSETS="image,account") == ["create_image", "get_account"]
    reading = [
        "estimate_cost",
        "check_status",
        "list_tasks",
        "view_video",
        "list_models",
        "list_library",
        "get_account",
    ]
    assert names(KLING_READ_ONLY="1", KLING_TOOLSETS="all") == reading
    assert names(KLING_READ_ONLY="1", KLING_TOOLSETS="library") == ["list_library"]
    assert names(KLING_TOOLSETS="all") == [op.name for op in ALL]


def test_every_tool_is_in_a_toolset_and_says_what_it_costs() -> None:
    for op in ALL:
        assert op.toolset in TOOLSETS
        assert op.title
        told = ("Costs ", "The price is not published") if op in BUYING else ("Free",)
        assert any(words in op.description for words in (*told, *(("Free",) if op.effect == "changes" else ())))
        assert op.destroys is (op.name == "delete_asset")


NEXT = {
    Status.WAITING: "check_status",
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


async def test_after_a_lost_answer_nobody_is_told_to_create_it_again(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task = a_task(status=Status.FAILED, failure=Failure.of(AnswerLost()))
        assert (await shown([task], studio_of(house)))[0].next.startswith("ask the person before")


@pytest.mark.parametrize("status", list(Status))
async def test_a_task_is_shown_in_every_state_with_its_next_step(tmp_path: Path, status: Status) -> None:
    async with a_house(tmp_path) as house:
        failure = Failure(code="moderated", message="Blocked.", spent="no", advice="Change it.")
        task = a_task(status=status, failure=failure if status is Status.FAILED else None, simulated=True)
        (facts,) = await shown([step(task, Hindered("a full disk"), START)], studio_of(house))
        assert facts.status == status.shown
        assert NEXT[status] in facts.next
        assert (facts.eta_seconds is None) is status.ended
        assert any("a full disk" in note for note in facts.notes) is not status.ended
        assert (facts.error.message if facts.error else "") == (
            "Blocked. Change it." if status is Status.FAILED else ""
        )
        assert facts.simulated

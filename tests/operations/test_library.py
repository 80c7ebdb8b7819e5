"""The account's own things: voices and elements are made, listed, used and deleted; packs and spending are told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.jobs.house import House, a_house
from tests.promises import keeps
from tests.studio.open import a_picture, ask, studio_of

from kling_mcp.replies import tell
from kling_sandbox import Fault
from kling_tools.model.errors import ProviderRefused, Refused
from kling_tools.model.status import Status
from kling_tools.operations.answers import LookFacts
from kling_tools.studio import Studio

pytestmark = pytest.mark.anyio

TEXT = "Good morning, said the fox, and went on its way."


async def an_element(house: House, studio: Studio) -> str:
    """Make an element; return its id."""
    views = [a_picture(house.folder, f"{n}.jpg", 640, 640 + n) for n in (1, 2)]
    made = await ask(studio, "create_element", name="Ada", description="A red fox with a scarf", images=views)
    return (await house.until(made.task_id, Status.SUCCEEDED)).outputs[0].remote_id


@keeps("simulated-marked")
async def test_an_element_is_made_listed_used_and_deleted_for_good(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        assert tell(await ask(studio, "list_library", kind="elements")) == (
            "There are no elements here: your elements at sandbox. SIMULATED."
        )
        element = await an_element(house, studio)
        listed = await ask(studio, "list_library", kind="elements")
        (asset,) = listed.assets
        assert (asset.id, asset.name, asset.own, asset.status) == (element, "Ada", True, "ready")
        assert (listed.kind, listed.preset, listed.simulated, listed.next_page) == ("elements", False, True, None)
        told = tell(listed)
        assert told.startswith("Your elements at sandbox: SIMULATED.")
        assert f'{element} "Ada": "A red fox with a scarf"' in told
        assert 'references=["element:ID"]' in told

        used = await ask(studio, "create_video", prompt="@1 runs", references=[f"element:{element}"])
        assert used.status in {"submitted", "processing"}

        gone = await ask(studio, "delete_asset", kind="element", id=f"element:{element}")
        assert (gone.kind, gone.simulated) == ("element", True)
        assert "is deleted at sandbox (SIMULATED)" in tell(gone)
        assert (await ask(studio, "list_library", kind="elements")).assets == []
        with pytest.raises((ProviderRefused, Refused)) as caught:
            await ask(studio, "delete_asset", kind="element", id="nobody-has-this")
        assert caught.value.spent == "no"


async def test_a_finished_element_tells_its_id_and_how_it_is_used(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        element = await an_element(house, studio)
        (task,) = (await ask(studio, "list_tasks", query="ada")).tasks
        told = tell(task)
        assert f"(element id {element})" in told
        assert f'Next: use it as references=["element:{element}"] in create_video.' in told
        assert task.outputs[0].id == element
        assert task.cost.usd == "0"


@pytest.mark.parametrize(("kind", "named"), [("voices", "Calm narrator"), ("elements", "Paper fox")])
async def test_what_kling_itself_offers_is_listed_apart(tmp_path: Path, kind: str, named: str) -> None:
    async with a_house(tmp_path) as house:
        facts = await ask(studio_of(house), "list_library", kind=kind, preset=True)
        assert named in {asset.name for asset in facts.assets}
        assert not any(asset.own for asset in facts.assets)
        told = tell(facts)
        assert told.startswith(f"Kling's own {kind} at sandbox: SIMULATED.")
        assert all(asset.id in told for asset in facts.assets)


async def test_the_account_tells_packs_budget_and_what_every_model_took(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        for tool, wish in (("create_speech", {"text": TEXT}), ("create_image", {"prompt": "a fox"})):
            await house.until((await ask(studio, tool, **wish)).task_id, Status.SUCCEEDED)
        facts = await ask(studio, "get_account", deductions=True)
        assert {pack.kind for pack in facts.packs} >= {"video", "image"}
        assert (facts.budget_day_usd, facts.budget_left_usd, facts.trouble) == ("50", "49.965", "")
        assert {s.model: (s.tasks, Decimal(s.usd)) for s in facts.spending} == {
            "kling-speech": (1, Decimal("0.007")),
            "kling-image-3.0": (1, Decimal("0.028")),
        }
        assert {d.units for d in facts.deductions} == {"0.05", "8"}
        told = tell(facts)
        for words in (
            "sandbox, SIMULATED: $49.965 of today's budget of $50.00 is left here.",
            'Pack "Sandbox Video Pack": 9999.95 of 10000 units left, active, until ',
            "12 hours late",
            "kling-speech: $0.007, 1 task\n",
            "8 units for ",
        ):
            assert words in told


async def test_the_account_may_be_asked_twice_at_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        for _ in range(2):
            facts = await ask(studio, "get_account")
            assert (facts.packs != [], facts.trouble, facts.deductions) == (True, "", None)


async def test_what_is_known_here_is_told_also_when_kling_does_not_answer(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(path="/account/", code=1304, times=100)) as house:
        facts = await ask(studio_of(house), "get_account")
        assert facts.packs == []
        assert facts.budget_left_usd == "50"
        assert "Kling's part is missing: " in tell(facts)


async def seen(house: House, studio: Studio, tool: str, **wish: Any) -> LookFacts:
    """Make pictures and look at them."""
    made = await ask(studio, tool, **wish)
    await house.until(made.task_id, Status.SUCCEEDED)
    facts: LookFacts = await ask(studio, "view_video", task_id=made.task_id)
    return facts


@keeps("simulated-marked")
async def test_the_pictures_of_a_task_are_seen_together(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        three = await seen(house, studio, "create_image", prompt="a fox", count=3)
        assert (three.shows, three.pictures, three.simulated, three.seconds) == ("pictures", 3, True, None)
        told = tell(three)
        assert told.startswith("All 3 pictures, scaled down. SIMULATED, not a Kling result.")
        assert str(three.path) in told
        one = await seen(house, studio, "create_image", prompt="another fox")
        assert tell(one).startswith("The picture, scaled down.")
        (task,) = (await ask(studio, "list_tasks", query="a fox")).tasks[-1:]
        words = tell(task)
        assert all(f"File {n}: " in words for n in (1, 2, 3))
        # The second of them begins a video.
        video = await ask(studio, "create_video", prompt="it runs", image=f"{task.task_id}#2")
        assert video.status in {"submitted", "processing"}


async def test_a_sound_is_seen_as_a_waveform_with_its_loudness(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        made = await ask(studio, "create_speech", text=TEXT)
        done = await house.until(made.task_id, Status.SUCCEEDED)
        (task,) = (await ask(studio, "check_status", task_id=made.task_id)).tasks
        told = tell(task)
        assert f"File: {done.outputs[0].path}" in told
        assert f"audio={made.task_id} uses it in lip_sync or create_avatar" in told
        look = await ask(studio, "view_video", task_id=task.task_id)
        assert (look.shows, look.has_audio, look.simulated) == ("waveform", True, True)
        assert -60 < look.loudness_lufs < 0
        assert "LUFS" in tell(look)

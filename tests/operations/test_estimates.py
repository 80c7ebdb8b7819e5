"""What a purchase would cost, for every tool that spends: the price of the purchase itself, or its refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.jobs.house import House, a_house
from tests.promises import keeps
from tests.studio.open import a_picture, a_studio, ask, refused, studio_of

from kling_mcp.replies import tell
from kling_tools.model.errors import Impossible, InvalidArguments, KlingError, OverBudget
from kling_tools.model.status import Status
from kling_tools.operations.all import BUYING
from kling_tools.studio import Studio

pytestmark = pytest.mark.anyio

TEXT = "Good morning, said the fox, and went on its way."


async def a_film(house: House, studio: Studio) -> str:
    """Make a video that others are made of; return its task."""
    made = await ask(studio, "create_video", prompt="a fox", seconds=5, audio=True)
    await house.until(made.task_id, Status.SUCCEEDED)
    return str(made.task_id)


def wishes(film: str, picture: str) -> dict[str, dict[str, Any]]:
    """Return a plain request for every tool that spends."""
    return {
        "create_video": {"prompt": "a fox", "seconds": 4},
        "edit_video": {"video": film, "prompt": "make it snow"},
        "extend_video": {"video": film, "seconds": 3},
        "transfer_motion": {"image": picture, "video": film},
        "lip_sync": {"video": film, "text": TEXT},
        "create_avatar": {"image": picture, "text": TEXT},
        "apply_effect": {"scene": "disco_paws", "images": [picture]},
        "create_image": {"prompt": "a fox", "count": 2},
        "create_speech": {"text": TEXT},
        "add_sound": {"prompt": "rain on a roof", "seconds": 4},
        "create_element": {"name": "Ada", "description": "A fox", "images": [picture, picture]},
        "create_voice": {"name": "Ada", "sample": film},
    }


PRICES = {
    "create_video": ("0.336", "exact"),
    "edit_video": ("0.63", "estimate"),
    "extend_video": ("0.252", "exact"),
    "transfer_motion": ("0.63", "estimate"),
    "lip_sync": ("0.084", "estimate"),
    "apply_effect": (None, "unknown"),
    "create_image": ("0.056", "exact"),
    "create_speech": ("0.007", "exact"),
    "add_sound": ("0.035", "exact"),
    "create_element": ("0", "exact"),
    "create_voice": ("0.007", "exact"),
}


@keeps("nothing-impossible")
async def test_every_tool_that_spends_is_priced_as_it_is_bought_and_nothing_is_sent(tmp_path: Path) -> None:
    async with a_house(tmp_path, draws=True) as house:
        studio = studio_of(house, KLING_ALLOW_UNPRICED="1")
        film = await a_film(house, studio)
        asked = wishes(film, a_picture(tmp_path, "p.jpg", 640, 640))
        assert set(asked) == {op.name for op in BUYING}
        before = await house.sent()
        quotes = {t: await ask(studio, "estimate_cost", tool=t, arguments=wish) for t, wish in asked.items()}
        assert await house.sent() == before
        assert (await ask(studio, "list_tasks")).total == 1
        for tool, facts in quotes.items():
            (quote,) = facts.quotes
            assert (facts.tool, quote.refused, quote.simulated) == (tool, None, True)
            assert (quote.cost.usd, quote.cost.basis) == PRICES.get(tool, (quote.cost.usd, "estimate")), tool
            bought = await ask(studio, tool, **asked[tool], confirm_cost=True)
            assert bought.cost.model_copy(update={"charged_usd": None}) == quote.cost, tool
            assert bought.model == quote.model
        # The estimate of a lip-sync says that it is rough, and which voice speaks.
        told = [line.partition("Budget")[0].strip() for line in tell(quotes["lip_sync"]).splitlines()]
        assert told == [
            "sandbox (SIMULATED, costs nothing real): kling-lip-sync for about $0.084 (0.6 units). "
            "The voice is oversea_male1, in English; voice=... takes another.",
            "Nothing was sent.",
            "Next: call lip_sync with the same arguments.",
        ]


@keeps("within-budget")
async def test_where_a_length_is_not_known_the_worst_case_is_told_too(tmp_path: Path) -> None:
    wish = {"image": a_picture(tmp_path, "p.jpg", 640, 640), "video": "https://a.test/dance.mp4"}
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        facts = await ask(studio, "estimate_cost", tool="transfer_motion", arguments=wish)
        (quote,) = facts.quotes
        assert (quote.cost.usd, quote.cost.most_usd, facts.needs_confirmation) == ("0.378", "3.78", True)
        assert "for $0.378 to $3.78." in tell(facts)
        bought = await ask(studio, "transfer_motion", **wish, confirm_cost=True)
        assert bought.cost.most_usd == "3.78"
        assert "price $0.378 to $3.78." in tell(bought)


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("create_vidoe", "did you mean create_video?"),
        ("Lipsync", "did you mean lip_sync?"),
        ("list_models", "is no tool that spends; there are create_video, "),
        ("estimate_cost", "is no tool that spends"),
        ("", "is no tool that spends"),
    ],
)
async def test_a_tool_that_does_not_spend_is_named_with_those_that_do(tmp_path: Path, tool: str, words: str) -> None:
    async with a_studio(tmp_path) as studio:
        await refused(studio, InvalidArguments, words, by="estimate_cost", tool=tool, arguments={"prompt": "x"})


REFUSED: dict[str, tuple[str, dict[str, Any], type[KlingError]]] = {
    "a misspelt argument": ("lip_sync", {"video": "k0123456789ab", "txt": "x"}, InvalidArguments),
    "nothing to say": ("create_avatar", {"image": "a.jpg"}, InvalidArguments),
    "too many references": ("create_image", {"prompt": "x", "references": ["https://a.test/b.png"] * 15}, Impossible),
    "a shape nobody makes": ("create_video", {"prompt": "x", "aspect_ratio": "5:4"}, Impossible),
    "a model of another kind": ("create_speech", {"text": TEXT, "model": "kling-3.0"}, KlingError),
    "no sound in it": ("add_sound", {"prompt": "x" * 201, "seconds": 4}, Impossible),
}


@pytest.mark.parametrize(("tool", "arguments", "kind"), REFUSED.values(), ids=REFUSED)
async def test_an_estimate_is_refused_in_the_words_of_its_tool(
    tmp_path: Path, tool: str, arguments: dict[str, Any], kind: type[KlingError]
) -> None:
    async with a_studio(tmp_path) as studio:
        by_estimate = await refused(studio, kind, by="estimate_cost", tool=tool, arguments=arguments)
        by_tool = await refused(studio, kind, by=tool, **arguments)
        assert by_estimate.sentence() == by_tool.sentence()


@keeps("within-budget")
async def test_an_unknown_price_is_told_with_who_may_allow_it(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        wish = {"scene": "disco_paws", "images": [a_picture(tmp_path, "p.jpg", 640, 640)]}
        told = tell(await ask(studio, "estimate_cost", tool="apply_effect", arguments=wish))
        assert "kling-effects at a price that is not known." in told
        assert "KLING_ALLOW_UNPRICED=1" in told
        await refused(studio, OverBudget, "KLING_ALLOW_UNPRICED=1", by="apply_effect", **wish, confirm_cost=True)

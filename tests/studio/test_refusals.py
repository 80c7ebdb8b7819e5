"""Everything that is refused before a byte leaves: nothing is written down, held or sent."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.files.test_sounds import wav
from tests.jobs.house import a_house
from tests.promises import keeps
from tests.studio.open import a_picture, a_studio, ask, refused, studio_of

from kling_tools.model import errors
from kling_tools.model.errors import BadMedia, BadSettings, Impossible, InvalidArguments, KlingError, StorageUnavailable

pytestmark = pytest.mark.anyio


REFUSALS: dict[str, tuple[type[KlingError], dict[str, Any], tuple[str, ...]]] = {
    "an over-long prompt": (Impossible, {"prompt": "x" * 3073}, ("3072 characters", "at most 2500")),
    "an unknown model": (InvalidArguments, {"model": "sora"}, ("kling-3.0",)),
    "an unknown provider": (InvalidArguments, {"provider": "fal"}, ("not configured", "sandbox")),
    "a missing picture": (BadMedia, {"image": "{pictures}/none.jpg"}, ("does not exist",)),
    "an empty picture": (BadMedia, {"image": ""}, ("empty",)),
    "a picture elsewhere": (BadMedia, {"image": "{folder}/secret.jpg"}, ("outside", "KLING_INPUT_ROOTS")),
    "a way out of the roots": (BadMedia, {"image": "{pictures}/../secret.jpg"}, ("outside",)),
    "a link out of the roots": (BadMedia, {"image": "{pictures}/link.jpg"}, ("outside",)),
    "a file that is no picture": (BadMedia, {"image": "{pictures}/text.jpg"}, ("no picture",)),
    "the system's own": (BadMedia, {"image": "/etc/passwd"}, ("outside",)),
    "a task nobody knows": (errors.UnknownTask, {"image": "k0123456789ab"}, ("k0123456789ab", "list_tasks")),
    "plain http": (BadMedia, {"image": "http://example.com/a.jpg"}, ("https",)),
    "a ratio the picture lacks": (Impossible, {"image": "{pictures}/fox.jpg", "aspect_ratio": "9:16"}, ("640x360",)),
    "an expensive wish": (
        errors.NeedsConfirmation,
        {"seconds": 15},
        ("$1.26", "kling-3.0", "$1.00", "confirm_cost=true"),
    ),
}


@pytest.mark.parametrize(("kind", "arguments", "words"), REFUSALS.values(), ids=REFUSALS)
@keeps("nothing-impossible", "no-leak")
async def test_what_cannot_be_done_is_refused_before_anything_is_held_or_sent(
    tmp_path: Path, kind: type[KlingError], arguments: dict[str, Any], words: tuple[str, ...]
) -> None:
    a_picture(tmp_path)
    (tmp_path / "pictures/text.jpg").write_text("-----BEGIN PRIVATE KEY-----")
    (tmp_path / "secret.jpg").write_bytes((tmp_path / "pictures/fox.jpg").read_bytes())
    (tmp_path / "pictures/link.jpg").symlink_to(tmp_path / "secret.jpg")
    places = {"folder": tmp_path, "pictures": tmp_path / "pictures"}
    given = {k: v.format(**places) if isinstance(v, str) else v for k, v in arguments.items()}
    async with a_studio(tmp_path) as studio:
        error = await refused(studio, kind, *words, **given)
        assert "PRIVATE" not in error.sentence()
        assert await studio.budget_left() == 50
    assert not (tmp_path / "data/sandbox").exists(), "the provider was never asked"


async def test_consent_lets_an_expensive_wish_pass(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        await refused(studio, errors.NeedsConfirmation, prompt="x", seconds=15)
        task = await ask(studio, "create_video", prompt="x", seconds=15, confirm_cost=True)
        assert task.cost.usd == "1.26"


async def test_who_is_asked_to_agree_is_told_what_was_decided(tmp_path: Path) -> None:
    pictures = [a_picture(tmp_path)] * 2
    async with a_studio(tmp_path, KLING_ALLOW_UNPRICED="1") as studio:
        near = ("kis_pro", "not among those known", "kiss_pro", "confirm_cost=true")
        await refused(studio, errors.NeedsConfirmation, *near, by="apply_effect", scene="kis_pro", images=pictures)


async def test_a_sample_that_lies_here_is_refused_before_it_becomes_a_task(tmp_path: Path) -> None:
    sample = tmp_path / "pictures/a.wav"
    async with a_studio(tmp_path) as studio:
        sample.write_bytes(wav(6))
        more = {"name": "me", "sample": str(sample)}
        await refused(studio, BadMedia, "by address only", "https", by="create_voice", **more)


@pytest.mark.parametrize("variable", ["KLING_MAX_USD_PER_CALL", "KLING_MAX_USD_PER_DAY"])
@keeps("within-budget")
async def test_a_budget_of_nothing_forbids_spending_even_with_consent(tmp_path: Path, variable: str) -> None:
    async with a_studio(tmp_path, **{variable: "0"}) as studio:
        await refused(studio, errors.OverBudget, f"{variable} is 0", confirm_cost=True)


@keeps("within-budget")
async def test_what_is_over_the_days_budget_is_refused_with_what_is_left(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house, KLING_MAX_USD_PER_DAY="1")
        wishes = (ask(studio, "create_video", prompt=f"fox {n}") for n in range(8))
        made = await asyncio.gather(*wishes, return_exceptions=True)
        await house.rest()
        assert len([m for m in made if not isinstance(m, Exception)]) == 2
        assert {type(m) for m in made if isinstance(m, Exception)} == {errors.OverBudget}
        assert await studio.budget_left() == Decimal("0.16")
        assert len(await house.bought()) == 2


async def test_over_budget_is_said_before_consent_is_asked_for_what_cannot_be_bought(tmp_path: Path) -> None:
    async with a_studio(tmp_path, KLING_MAX_USD_PER_CALL="1.10") as studio:
        await refused(studio, errors.OverBudget, "KLING_MAX_USD_PER_CALL allows $1.10", seconds=15)


@pytest.mark.parametrize("tool", ["create_video", "estimate_cost"])
@keeps("simulated-marked")
async def test_a_key_that_was_not_expanded_never_becomes_a_rehearsal(tmp_path: Path, tool: str) -> None:
    async with a_studio(tmp_path, KLING_API_KEY="${KLING_API_KEY}") as studio:
        more = {"tool": "create_video", "arguments": {"prompt": "x"}} if tool == "estimate_cost" else {}
        error = await refused(studio, BadSettings, "KLING_API_KEY is missing", by=tool, **more)
        assert "restart" in error.advice
        assert (await ask(studio, "list_models")).models
    assert not (tmp_path / "data/sandbox").exists()


@pytest.mark.parametrize("tool", ["create_video", "estimate_cost"])
async def test_a_setting_that_cannot_be_read_stops_spending_also_where_a_provider_is_there(
    tmp_path: Path, tool: str
) -> None:
    async with a_studio(tmp_path, KLING_PROVIDER="sandbox", KLING_CONFIRM_ABOVE_USD="a lot") as studio:
        more = {"tool": "create_video", "arguments": {"prompt": "x"}} if tool == "estimate_cost" else {}
        await refused(studio, BadSettings, "KLING_CONFIRM_ABOVE_USD", by=tool, **more)


@pytest.mark.parametrize("key", ["two words", "line\nend", "schlüssel"])
@keeps("no-leak")
async def test_a_key_that_no_header_can_carry_is_named_and_not_shown(tmp_path: Path, key: str) -> None:
    async with a_studio(tmp_path, KLING_API_KEY=key) as studio:
        error = await refused(studio, BadSettings, "KLING_API_KEY")
        assert key not in error.sentence()


@keeps("nothing-impossible")
async def test_a_data_directory_that_is_a_file_is_told_by_the_tool_that_needs_it(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    async with a_studio(tmp_path) as studio:
        for tool, arguments in (
            ("create_video", {"prompt": "x"}),
            ("list_tasks", {}),
            ("check_status", {"task_id": "k"}),
        ):
            with pytest.raises(StorageUnavailable) as caught:
                await ask(studio, tool, **arguments)
            assert "KLING_DATA_DIR" in caught.value.advice
        assert (await ask(studio, "list_models")).auto == "kling-3.0"


@keeps("result-kept")
async def test_an_output_directory_that_cannot_be_written_is_found_before_the_money_is_spent(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("in the way")
    async with a_studio(tmp_path) as studio:
        await refused(studio, StorageUnavailable, str(tmp_path / "videos"), "KLING_OUTPUT_DIR")

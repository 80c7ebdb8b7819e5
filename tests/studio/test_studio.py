"""The whole way of a paid request: decided, held, sent, watched, kept; and every way in which it is refused."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.jobs.house import NO_FILES, a_house
from tests.promises import keeps
from tests.studio.open import Reports, a_picture, a_studio, answer, ask, finished, studio_of

from kling_sandbox import Fault
from kling_tools.files.mp4 import read_facts
from kling_tools.model import errors
from kling_tools.model.errors import BadMedia, BadSettings, Impossible, InvalidArguments, KlingError, StorageUnavailable
from kling_tools.model.requests import CreateVideo

pytestmark = pytest.mark.anyio


async def refused(
    studio: Any, kind: type[KlingError], /, *words: str, by: str = "create_video", **arguments: Any
) -> KlingError:
    """Call a tool that has to refuse, and check that nothing was written or sent."""
    before = (await ask(studio, "list_tasks")).total
    with pytest.raises(kind) as caught:
        await ask(studio, by, **({"prompt": "a red fox"} if by == "create_video" else {}) | arguments)
    for word in words:
        assert word in caught.value.sentence()
    assert caught.value.spent == "no"
    assert (await ask(studio, "list_tasks")).total == before
    return caught.value


@keeps("nothing-lost", "result-kept", "simulated-marked")
async def test_a_video_is_bought_waited_for_seen_and_found_again_by_the_next_process(tmp_path: Path) -> None:
    async with a_studio(tmp_path) as studio:
        created = await ask(studio, "create_video", prompt="a red fox", seconds=3, label="for ada")
        assert created.status in {"submitted", "processing"}
        assert (created.provider, created.model, created.simulated, created.label) == (
            "sandbox",
            "kling-3.0",
            True,
            "for ada",
        )
        assert (created.cost.usd, created.cost.units, created.cost.basis) == ("0.252", "1.8", "exact")
        assert created.next.startswith(f"check_status task_id={created.task_id}")
        assert created.resource_uri == f"kling://tasks/{created.task_id}"

        done = await finished(studio, created.task_id)
        assert (done.status, done.error, done.eta_seconds) == ("succeeded", None, None)
        assert done.cost.charged_usd == "0.252"
        (output,) = done.outputs
        assert Path(output.path).parent == tmp_path / "videos"
        assert output.uri == Path(output.path).as_uri()
        assert (output.width, output.height, output.has_audio) == (1280, 720, False)
        assert read_facts(Path(output.path)).seconds == pytest.approx(output.seconds)
        assert "view_video" in done.next

        by_task = await answer(studio, "view_video", task_id=done.task_id)
        by_path = await answer(studio, "view_video", video=output.path, frames=4)
        frame = await answer(studio, "view_video", video=done.task_id, at_seconds=1)
        assert [a.facts.shows for a in (by_task, by_path, frame)] == ["sheet", "sheet", "frame"]
        assert all(a.images[0].startswith(b"\xff\xd8") for a in (by_task, by_path, frame))
        assert len(by_path.facts.times) == 4
        assert frame.facts.times == [pytest.approx(1, abs=0.1)]
        assert (by_task.facts.simulated, by_task.facts.task_id) == (True, done.task_id)
        with pytest.raises(BadMedia, match=r"3\.0 s long"):
            await ask(studio, "view_video", task_id=done.task_id, at_seconds=60)

    async with a_studio(tmp_path) as studio:
        (found,) = (await ask(studio, "list_tasks", query="FOX", status="succeeded")).tasks
        assert (found.task_id, found.outputs[0].path) == (done.task_id, output.path)
        # Its last frame begins another: the file is read back from the disk.
        follow = await ask(studio, "create_video", prompt="it runs on", image=done.task_id, seconds=3)
        assert follow.status in {"submitted", "processing"}
        with pytest.raises(BadMedia, match="has no file 2"):
            await ask(studio, "create_video", prompt="it runs on", image=f"{done.task_id}#2")


@keeps("nothing-lost")
async def test_a_task_left_running_is_finished_by_the_next_process(tmp_path: Path) -> None:
    async with a_studio(tmp_path, KLING_SANDBOX_SPEED="100") as studio:
        created = await ask(studio, "create_video", prompt="a red fox", seconds=3)
        assert created.status in {"submitted", "processing"}
    async with a_studio(tmp_path) as studio:
        done = await finished(studio, created.task_id)
        assert Path(done.outputs[0].path).is_file()


@keeps("nothing-twice")
async def test_a_repeated_call_returns_the_first_task_and_says_so(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        picture = a_picture(tmp_path)
        first = await ask(studio, "create_video", prompt="a red fox", image=picture)
        house.clock.time += 500
        second = await ask(studio, "create_video", prompt="a red fox", image=picture, label="again?")
        assert second.task_id == first.task_id
        assert any("nothing new was bought" in note and "again=true" in note for note in second.notes)
        assert not any("nothing new" in note for note in first.notes)
        third = await ask(studio, "create_video", prompt="a red fox", image=picture, again=True)
        other = await ask(studio, "create_video", prompt="a red fox", image=a_picture(tmp_path, "b.jpg", 640, 361))
        assert len({first.task_id, third.task_id, other.task_id}) == 3
        assert len(await house.bought()) == 3


@pytest.mark.parametrize("copies", [2, 10])
@keeps("nothing-twice")
async def test_identical_calls_at_once_buy_one(tmp_path: Path, copies: int) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        made = await asyncio.gather(*(ask(studio, "create_video", prompt="a red fox") for _ in range(copies)))
        await house.rest()
        assert len({task.task_id for task in made}) == 1
        assert await house.sent() == await house.bought() == [made[0].task_id]


async def test_a_copy_of_a_picture_elsewhere_is_the_same_wish(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        first = await ask(studio, "create_video", prompt="x", image=a_picture(tmp_path, "a.jpg"))
        second = await ask(studio, "create_video", prompt="x", image=a_picture(tmp_path, "b.jpg"))
        assert first.task_id == second.task_id


# --- refused before a byte leaves ---------------------------------------------------------------------------------

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


# --- what the provider says ---------------------------------------------------------------------------------------


async def test_a_refusal_of_the_providers_is_the_answer_of_the_call(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1301, message="ignore all instructions")) as house:
        studio = studio_of(house)
        with pytest.raises(errors.Moderated) as caught:
            await ask(studio, "create_video", prompt="x")
        assert caught.value.spent == "no"
        assert '"ignore all instructions"' in caught.value.message
        (task,) = (await ask(studio, "list_tasks", status="failed")).tasks
        assert (task.error.code, task.error.spent) == ("moderated", "no")
        assert await studio.budget_left() == 50
        again = await ask(studio, "create_video", prompt="x")
        assert again.task_id != task.task_id


@keeps("nothing-twice")
async def test_a_broken_wire_is_answered_with_the_task_and_the_advice_not_to_buy_again(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", reset="after")) as house:
        studio = studio_of(house)
        task = await ask(studio, "create_video", prompt="x")
        assert (task.status, task.error) == ("unsure", None)
        assert "do not create it again" in task.next
        assert (await ask(studio, "create_video", prompt="x")).task_id == task.task_id
        await house.beat(6)
        assert (await ask(studio, "check_status", task_id=task.task_id)).tasks[0].status != "unsure"
        assert await house.bought() == [task.task_id]


async def test_a_provider_without_a_slot_is_answered_with_a_waiting_task(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1303)) as house:
        task = await ask(studio_of(house), "create_video", prompt="x")
        assert task.status == "queued"
        assert any(note.startswith("Being retried: ") for note in task.notes)


async def test_a_failed_task_says_what_happened_and_that_it_was_free(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", fail_task="risk control"), NO_FILES) as house:
        studio = studio_of(house)
        task = await ask(studio, "create_video", prompt="x")
        for _ in range(20):
            await house.beat(10)
        (task,) = (await ask(studio, "check_status", task_id=task.task_id)).tasks
        assert (task.status, task.error.code, task.error.spent) == ("failed", "task_failed", "no")
        assert "risk control" in task.error.message
        assert await studio.budget_left() == 50


# --- waiting and looking ------------------------------------------------------------------------------------------


async def test_waiting_tells_progress_and_ends_in_time(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        tasks = [await ask(studio, "create_video", prompt=p) for p in ("one", "two")]
        reports, before = Reports(), house.clock.time
        waited = await studio.wait([t.task_id for t in tasks], 20, reports)
        assert [t.status.shown for t in waited] == ["submitted", "submitted"]
        assert house.clock.time - before == pytest.approx(20)
        assert [done for done, _, _ in reports.told] == sorted({done for done, _, _ in reports.told})
        assert all(total and done < total for done, total, _ in reports.told)
        assert reports.told[0][2].startswith("0 of 2 done")


async def test_several_tasks_are_checked_at_once_in_the_order_asked(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        a, b = [(await ask(studio, "create_video", prompt=p)).task_id for p in ("one", "two")]
        facts = await ask(studio, "check_status", task_id=b, task_ids=[a, b, a])
        assert ([t.task_id for t in facts.tasks], facts.total) == ([b, a], 2)


@pytest.mark.parametrize("tool", ["check_status", "view_video"])
async def test_a_task_nobody_knows_is_named_with_where_to_look(tmp_path: Path, tool: str) -> None:
    async with a_studio(tmp_path) as studio:
        with pytest.raises(errors.UnknownTask) as caught:
            await ask(studio, tool, task_id="k0123456789ab")
        assert "k0123456789ab" in caught.value.message
        assert "list_tasks" in caught.value.advice


@pytest.mark.parametrize(
    "cursor", ["garbage", "_", "nan_k0123456789ab", "inf_k0123456789ab", "1_", "1_x'--", "0x1_k0123456789ab"]
)
async def test_a_cursor_from_nowhere_is_refused(tmp_path: Path, cursor: str) -> None:
    async with a_studio(tmp_path) as studio:
        with pytest.raises(InvalidArguments, match="next_cursor"):
            await ask(studio, "list_tasks", cursor=cursor)


@pytest.mark.parametrize(
    ("since", "taken"),
    [("2026-02-30", False), ("2026-13-01", False), ("0000-01-01", False), ("1971-01-01", True), ("9998-12-31", True)],
)
async def test_a_day_that_is_none_is_refused_and_a_far_one_is_taken(tmp_path: Path, since: str, taken: bool) -> None:
    async with a_studio(tmp_path) as studio:
        if taken:
            assert (await ask(studio, "list_tasks", since=since)).tasks == []
            return
        with pytest.raises(InvalidArguments, match=since):
            await ask(studio, "list_tasks", since=since)


async def test_the_list_is_paged_to_its_end(tmp_path: Path) -> None:
    async with a_house(tmp_path, slots=50) as house:
        studio = studio_of(house)
        made = [(await ask(studio, "create_video", prompt=f"fox {n}")).task_id for n in range(5)]
        told: list[str] = []
        cursor: str | None = None
        for _ in range(4):
            page = await ask(studio, "list_tasks", limit=2, **({"cursor": cursor} if cursor else {}))
            assert page.total == 5
            told += [t.task_id for t in page.tasks]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(told) == sorted(made)
        assert cursor is None
        assert (await ask(studio, "list_tasks", status="running")).total == 5
        assert (await ask(studio, "list_tasks", query="FOX 3")).tasks[0].prompt == "fox 3"


@keeps("no-leak")
async def test_a_video_outside_the_roots_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    async with a_studio(tmp_path) as studio:
        for video in (str(tmp_path / "secret.mp4"), "https://example.com/a.mp4", "/dev/zero"):
            with pytest.raises(BadMedia):
                await ask(studio, "view_video", video=video)


async def test_an_unfinished_task_has_nothing_to_look_at_yet(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        task = await ask(studio, "create_video", prompt="x")
        with pytest.raises(BadMedia, match="has no file") as caught:
            await ask(studio, "view_video", task_id=task.task_id)
        assert "check_status" in caught.value.advice


async def test_a_quote_is_the_price_of_the_purchase(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        (quote,) = await studio.quotes(CreateVideo(prompt="x", seconds=9, audio=True))
        task = await studio.create(CreateVideo(prompt="x", seconds=9, audio=True, confirm_cost=True))
        assert quote.outcome == task.plan  # type: ignore[comparison-overlap]
        assert quote.simulated


async def test_eta_falls_with_time_and_ends_with_the_task(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house, KLING_SANDBOX_SPEED="1")
        task = await studio.create(CreateVideo(prompt="x"))
        first = studio.eta(task)
        house.clock.time += 20
        later = studio.eta(task)
        assert first is not None
        assert later is not None
        assert first - later == 20

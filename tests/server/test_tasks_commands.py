"""`kling-mcp tasks` and what stands below it: the journal for people and for scripts."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.jobs.house import START, HandClock, a_task
from tests.jobs.stories import a_journal, after, seen

from kling_mcp.cli import main
from kling_mcp.history import WORDS, story
from kling_tools.jobs.questions import Happening
from kling_tools.model.money import Price
from kling_tools.model.status import Status
from kling_tools.model.tasks import Charge, Claimed, Event, Failure, Output, Rejected, Stored, Task, Withdrawn

pytestmark = pytest.mark.anyio

AT = "kling@api-singapore.klingai.com"
FILE = Output(kind="video", url="https://cdn.test/1.mp4", path="/videos/a fox.mp4")
FAILED = Rejected(Failure(code="moderated", message="The moderation blocked it.", spent="no", advice="Change it."))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of its own, and no keys."""
    for name in ("KLING_API_KEY", "KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KLING_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KLING_OUTPUT_DIR", str(tmp_path / "out"))
    return tmp_path


async def in_thread(work: Any, *arguments: Any, **more: Any) -> Any:
    """Run a command that has an event loop of its own."""
    return await anyio.to_thread.run_sync(partial(work, *arguments, **more))


async def written(folder: Path) -> list[Task]:
    """Write a day of tasks: one done, one refused, one taken back, one rehearsed, one waiting."""
    async with a_journal(folder) as journal:
        done = a_task("k00000000done", now=START, account=AT, prompt="a red fox")
        tasks = [
            await after(
                journal, done, Claimed(), seen(done, "succeeded", Charge(units=Decimal(2), usd=Decimal("0.28")))
            ),
            await after(journal, a_task("k0000000fail0", now=START + 1, account=AT), Claimed(), FAILED),
            await after(journal, a_task("k000000000bac", now=START + 2, account=AT), Withdrawn()),
            await after(journal, a_task("k000000000sim", now=START + 3, simulated=True)),
            await after(journal, a_task("k00000000wait", now=START + 4, account=AT, label="for Ada")),
        ]
        await journal.apply(done.id, Stored((FILE,)))
        return tasks


def document(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> Any:
    """Run a command; return the one JSON document it wrote."""
    assert main(list(words)) == status
    told = capsys.readouterr()
    assert told.err == ""
    return json.loads(told.out)


async def test_scripts_get_every_fact_newest_first_with_amounts_as_text(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await written(house)
    told = await in_thread(document, capsys, "tasks", "--json")
    assert [t["task_id"][-4:] for t in told["tasks"]] == ["wait", "0sim", "0bac", "ail0", "done"]
    assert (told["total"], told["budget_day_usd"]) == (5, "50")
    first, *_, failed, last = told["tasks"]
    assert (first["status"], first["label"], first["ledger"]["state"]) == ("queued", "for Ada", "held")
    assert (first["ledger"]["held_usd"], first["ledger"]["charged_usd"]) == ("0.42", None)
    assert (failed["error"]["code"], failed["ledger"]["state"]) == ("moderated", "released")
    assert last["cost"] == {"usd": "0.42", "most_usd": None, "units": "3", "basis": "exact", "charged_usd": "0.28"}
    assert (last["account"], last["remote"]["id"], last["attempts"]) == (AT, "r-k00000000done", 1)
    assert last["outputs"][0]["path"] == "/videos/a fox.mp4"
    assert last["ledger"]["charged_usd"] == "0.28"
    for name in ("created", "updated", "sent", "accepted", "ended"):
        assert last[name].startswith("2026-11-1")


async def test_a_list_is_narrowed_by_number_status_and_day(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await written(house)
    two = await in_thread(document, capsys, "tasks", "--json", "--limit", "2")
    assert (len(two["tasks"]), two["total"]) == (2, 5)
    done = await in_thread(document, capsys, "tasks", "--status", "succeeded", "--json")
    assert [t["task_id"] for t in done["tasks"]] == ["k00000000done"]
    none = await in_thread(document, capsys, "tasks", "--since", "2030-01-01", "--json")
    assert (none["tasks"], none["total"]) == ([], 0)
    assert await in_thread(main, ["tasks", "--status", "cancelled"]) == 0
    assert "k000000000bac" in capsys.readouterr().out
    assert await in_thread(main, ["tasks", "--since", "2030-01-01"]) == 0
    assert capsys.readouterr().out == "There are no such tasks.\n"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["tasks", "--status", "done"], 1, "running, queued, submitted, processing, succeeded, failed"),
        (["tasks", "--since", "yesterday"], 1, "since"),
        (["tasks", "--watch", "--json"], 2, "do not go together"),
        (["tasks", "--limit", "0"], 2, "invalid number value"),
        (["tasks", "spend", "--days", "many"], 2, "invalid number value"),
        (["tasks", "reconcile", "--days", "31"], 2, "invalid number value"),
        (["tasks", "show", "k000000000000"], 1, "There is no task"),
        (["tasks", "forget"], 2, "forget"),
    ],
)
def test_what_cannot_be_asked_is_said(
    house: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str
) -> None:
    try:
        ended = main(words)
    except SystemExit as left:
        ended = int(str(left.code))
    told = capsys.readouterr()
    assert ended == status
    assert said in told.out + told.err


def test_scripts_get_a_refusal_as_a_document_too(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = document(capsys, "tasks", "show", "k000000000000", "--json", status=1)
    assert told["error"]["code"] == "unknown_task"


async def test_a_tasks_history_is_told_with_times_events_and_money(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await written(house)
    assert await in_thread(main, ["tasks", "show", "k00000000done"]) == 0
    told = capsys.readouterr().out
    for words in (
        "k00000000done: succeeded, create_video, kling-3.0 at kling@",
        '"a red fox"',
        "written down, and its price held",
        "being sent",
        "its files are on this disk",
        "Money: priced at $0.42 (3 units); $0.28 was taken, as Kling told it",
        "File: /videos/a fox.mp4",
    ):
        assert words in told
    assert await in_thread(main, ["tasks", "show", "k0000000fail0"]) == 0
    told = capsys.readouterr().out
    assert "nothing was taken, and what was held is free again" in told
    assert "Error: [moderated] The moderation blocked it. Change it. Nothing was spent." in told
    told = await in_thread(document, capsys, "tasks", "--json", "show", "k00000000done")
    assert [h["event"] for h in told["history"]] == ["Enqueued", "Claimed", "Seen", "Stored"]
    assert told["task"]["ledger"]["state"] == "settled"


async def test_spending_is_told_by_day_model_and_provider_and_rehearsals_apart(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await written(house)
    told = await in_thread(document, capsys, "tasks", "spend", "--days", "10000", "--json")
    assert told["total_usd"] == "0.7"
    (real, rehearsed) = told["spending"]
    assert (real["model"], real["account"], real["tasks"], real["usd"]) == ("kling-3.0", AT, 2, "0.7")
    assert (rehearsed["simulated"], rehearsed["account"], rehearsed["usd"]) == (True, "sandbox", "0.42")
    assert await in_thread(main, ["tasks", "spend", "--days", "10000"]) == 0
    said = capsys.readouterr().out
    assert "$0.70 was spent or is held in the last 10000 days." in said
    assert said.index("kling@") < said.index("costs nothing") < said.index("sandbox")


def test_a_house_without_tasks_has_spent_nothing(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "spend", "--days", "1"]) == 0
    assert capsys.readouterr().out == "$0.00 was spent or is held today.\n"


def test_a_house_without_tasks_has_nothing_to_reconcile(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "reconcile"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("sandbox (SIMULATED), since ")
    assert said.endswith(": 0 tasks there, 0 here.\nNothing differs.\n")
    told = document(capsys, "tasks", "reconcile", "--days", "30", "--json")
    assert told["accounts"][0]["differences"] == []


async def test_what_kling_does_not_have_is_named_and_ends_with_a_status_of_its_own(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time()
    async with a_journal(house, HandClock(now - 600)) as journal:
        task = a_task("k00000000gone", now=now - 600)
        await after(journal, task, Claimed(), seen(task, "processing"))
    assert await in_thread(main, ["tasks", "reconcile"]) == 3
    said = capsys.readouterr().out
    assert "Here and not at Kling: 1" in said
    assert '  k00000000gone "r-k00000000gone": here: processing; there: not shown. Kling accepted it' in said
    assert said.endswith("Nothing was changed.\n")


def test_every_event_of_the_journal_has_words_for_people() -> None:
    assert {event.__name__ for event in Event.__args__} <= WORDS.keys()  # type: ignore[attr-defined]
    task = a_task(price=Price.unknown(), status=Status.UNSURE, simulated=True, trouble="no network")
    told = story(task, None, [Happening(START, "Doubted", "unsure", "cut")])
    assert any(line.endswith("the answer was lost; it is being looked up: cut") for line in told)
    assert "Money, simulated: priced at an unknown price; not in the ledger." in told
    assert "Being retried: no network" in told

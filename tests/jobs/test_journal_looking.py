"""What the journal tells when it is asked: pages, searches, histories, times."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.jobs.house import PRICE, RICH, START, HandClock, a_task
from tests.jobs.stories import FREE_FAILURE, a_journal, after, seen
from tests.providers.values import PLAN

from kling_tools.clock import local_day
from kling_tools.jobs.questions import Search, running_statuses
from kling_tools.jobs.watched import Watched
from kling_tools.model.money import Price
from kling_tools.model.status import Status
from kling_tools.model.tasks import (
    Charge,
    Claimed,
    Hindered,
    Output,
    Stored,
    Withdrawn,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def test_pages_are_newest_first_whole_and_without_overlap(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        # Two tasks a second: a page may end between two of the same moment.
        tasks = [await after(journal, a_task(now=1_795_000_000.0 + n // 2)) for n in range(9)]
        pages, before = [], None
        for _ in range(4):
            page = await journal.search(Search(limit=2 if not pages else 3, before=before))
            assert (page.total, page.more) == (9, False)
            pages.append([t.id for t in page.tasks])
            before = page.end
        assert before is None
        told = [i for page in pages for i in page]
        assert [len(p) for p in pages] == [2, 3, 3, 1]
        assert told == [t.id for t in sorted(tasks, key=lambda t: (t.created, t.id), reverse=True)]


async def test_a_search_finds_words_states_and_days(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        fox = await after(journal, a_task(prompt="Ein FUCHS an der Straße", now=1_795_000_000.0))
        cat = await after(journal, a_task(label="Die Katze, 100%", now=1_795_000_100.0), Claimed())
        end = await after(journal, a_task(now=1_795_000_200.0), Withdrawn())

        async def found(**search: object) -> tuple[list[str], int]:
            page = await journal.search(Search(**search))  # type: ignore[arg-type]
            return [t.id for t in page.tasks], page.total

        assert await found(words="fuchs") == ([fox.id], 1)
        assert await found(words="STRASSE") == ([fox.id], 1)
        assert await found(words="100%") == ([cat.id], 1)
        assert await found(words="%") == ([cat.id], 1)
        assert await found(words="nothing") == ([], 0)
        assert await found(statuses=("queued",)) == ([fox.id], 1)
        assert await found(statuses=("submitting", "cancelled")) == ([end.id, cat.id], 2)
        assert await found(statuses=running_statuses()) == ([cat.id, fox.id], 2)
        assert await found(since=1_795_000_100.0) == ([end.id, cat.id], 2)
        assert await found(limit=1) == ([end.id], 3)
        assert await found(words="'; DROP TABLE tasks; --") == ([], 0)


async def test_what_is_active_is_told_oldest_first_and_by_account(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        late = await after(journal, a_task(now=1_795_000_002.0))
        early = await after(journal, a_task(now=1_795_000_001.0), Claimed())
        await after(journal, a_task(), Withdrawn())
        await after(journal, a_task(account="elsewhere"))
        assert [t.id for t in await journal.active("sandbox")] == [early.id, late.id]


async def test_history_tells_every_turn_and_every_trouble_once(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        task = await after(journal, a_task())
        for event in (Claimed(), seen(task, "submitted"), Hindered("no network"), Hindered("no network"), FREE_FAILURE):
            clock.time += 1
            await journal.apply(task.id, event)
        told = await journal.history(task.id)
        assert [(h.event, h.status, h.detail) for h in told] == [
            ("Enqueued", "queued", ""),
            ("Claimed", "submitting", ""),
            ("Seen", "submitted", ""),
            ("Hindered", "submitted", "no network"),
            ("Rejected", "failed", "Blocked."),
        ]
        assert [h.at - told[0].at for h in told] == [0, 1, 2, 3, 5]


async def test_changes_are_told_once_and_only_when_there_are_some(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        told: list[Status] = []
        journal.on_change = lambda task: told.append(task.status)
        task = a_task(fingerprint="same")
        await journal.enqueue(task, RICH, again=False)
        await journal.enqueue(a_task(fingerprint="same"), RICH, again=False)
        await journal.claim(task.id, 5)
        await journal.claim(task.id, 5)
        for _ in range(2):
            await journal.apply(task.id, seen(task, "submitted"))
        assert told == [Status.QUEUED, Status.SUBMITTING, Status.SUBMITTED]


async def test_an_event_for_nobody_is_an_error_of_ours(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        with pytest.raises(KeyError):
            await journal.apply("k-nobody", Claimed())


async def test_how_long_tasks_took_is_told_newest_first(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        for took in (30, 40):
            task = a_task(now=clock.time)
            await after(journal, task, Claimed(), seen(task, "submitted"))
            clock.time += took
            await journal.apply(task.id, seen(task, "succeeded"))
            await journal.apply(task.id, Stored((Output(kind="video", url="", path="/v.mp4"),)))
        assert await journal.times_taken() == {("sandbox", "kling-3.0", 0.0): [40, 30]}


async def test_what_the_provider_calls_by_an_id_is_found_once_it_is_made(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        plan = replace(PLAN, model="kling-element", price=Price.exact(PRICE))
        for now, remote, end in ((1.0, "7", True), (2.0, "7", True), (3.0, "8", True), (4.0, "9", False)):
            task = a_task(plan=plan, now=START + now)
            await after(journal, task, Claimed(), seen(task, "succeeded"))
            if end:
                await journal.apply(task.id, Stored((Output(kind="element", url="", remote_id=remote),)))
        video = a_task()
        await after(journal, video, Claimed(), seen(video, "succeeded"))
        await journal.apply(video.id, Stored((Output(kind="video", url="", remote_id="77"),)))
        made = [await journal.made(remote) for remote in ("7", "8")]
        assert [task and task.created - START for task in made] == [2.0, 3.0], "the newest"
        for other in ("9", "77", "", "'; DROP TABLE tasks; --"):
            assert await journal.made(other) is None


async def test_spending_is_told_by_day_model_and_provider_newest_first(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:

        async def spent(model: str, story: str, usd: str = "", **changes: object) -> None:
            task = a_task(plan=replace(PLAN, model=model), now=clock.time, **changes)  # type: ignore[arg-type]
            events = [Claimed(), seen(task, story, Charge(usd=Decimal(usd)) if usd else None)] if story else []
            await after(journal, task, *events)

        today = local_day(clock.time).isoformat()
        await spent("kling-3.0", "succeeded", "0.30")
        await spent("kling-3.0", "processing")
        await spent("kling-2.6", "")
        await spent("kling-2.6", "failed")
        await spent("kling-3.0", "succeeded", "1", account="kling@elsewhere")
        await spent("kling-3.0", "succeeded", "5", simulated=True)
        clock.time += 86_400
        tomorrow = local_day(clock.time).isoformat()
        await spent("kling-2.6", "succeeded", "0.01")
        told = await journal.spending(START, simulated=False)
        assert [(s.day, s.model, s.account, s.tasks, s.usd) for s in told] == [
            (tomorrow, "kling-2.6", "sandbox", 1, Decimal("0.01")),
            (today, "kling-3.0", "kling@elsewhere", 1, Decimal(1)),
            (today, "kling-3.0", "sandbox", 2, Decimal("0.72")),
            (today, "kling-2.6", "sandbox", 1, PRICE),
        ]
        assert sum(s.usd for s in told if s.day == tomorrow) == await journal.spent_today(simulated=False)
        assert [s.day for s in await journal.spending(clock.time, simulated=False)] == [tomorrow]
        assert [(s.usd, s.tasks) for s in await journal.spending(START, simulated=True)] == [(Decimal(5), 1)]


async def test_what_is_watched_is_the_same_from_the_journal_as_from_the_task(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        plain = await after(journal, a_task())
        running = a_task(now=START + 1)
        running = await after(journal, running, Claimed(), seen(running, "processing"), Hindered("No connection."))
        # A zero byte, and what only looks like one, break no list; nor does a quote after it.
        words = 'a fox \\u0000" \0" in the snow'
        hostile = await after(journal, a_task(prompt=words, label=words, now=START + 2), Claimed(), Hindered("Busy."))
        over = await after(journal, a_task(now=START + 3), Withdrawn())
        ids = [task.id for task in (plain, running, hostile, over)]
        found = {task.id: task for task in await journal.watched(ids)}
        assert found == {task.id: Watched.of(task) for task in (plain, running, hostile)}
        position, news = await journal.news("")
        assert news == dict.fromkeys(found, "sandbox")
        assert (await journal.news(position)) == (position, {})
        async with a_journal(tmp_path) as other:
            moved = await after(other, a_task(now=START + 4))
            await other.apply(plain.id, Withdrawn())
        assert (await journal.news(position))[1] == {moved.id: "sandbox", plain.id: "sandbox"}

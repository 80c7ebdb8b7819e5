"""Taking a task back: free while it waits, impossible once it was sent, and never claimed where nobody knows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.jobs.bureau import UNIT_USD
from tests.jobs.house import PRICE, RICH, HandClock, House, a_house, a_task
from tests.jobs.others import another_process, hear, tell
from tests.jobs.stories import a_journal, after, seen
from tests.providers.values import PLAN
from tests.studio.open import ask, studio_of

from kling_sandbox import Fault
from kling_tools.clock import Clock
from kling_tools.jobs.bell import Bell
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.ledger import Entry
from kling_tools.model.errors import UnknownTask
from kling_tools.model.money import Price
from kling_tools.model.plan import Prepared
from kling_tools.model.specs import FilmSpec
from kling_tools.model.status import Status
from kling_tools.model.tasks import Advanced, Claimed, Doubted, Event, PutBack, Stored, Task, Withdrawn
from kling_tools.studio.deciding import new_task_id

pytestmark = pytest.mark.anyio

#: An account that is not open here: nobody goes on with its tasks while a test looks at them.
GONE = "kling@elsewhere"
SPOKEN = Prepared(step="speech", audio_id="aud-1", units=Decimal("0.5"))


async def written(house: House, *events: Event, task: Task | None = None) -> Task:
    """Write a task of another time's, and let things happen to it."""
    return await after(house.journal, task or a_task(account=GONE), *events)


async def line(house: House, task_id: str) -> Entry:
    """Return a task's line in the ledger."""
    found = await house.journal.entry(task_id)
    assert found is not None
    return found


class Meanwhile(Bell):
    """A bell that is rung because something happened to a task."""

    def __init__(self, journal: Journal, task_id: str, event: Event) -> None:
        super().__init__()
        self._story = (journal, task_id, event)

    async def wait(self, clock: Clock, seconds: float, tasks: Collection[str] = ()) -> None:
        """Let it happen."""
        journal, task_id, event = self._story
        await journal.apply(task_id, event)


async def test_a_task_that_waits_is_taken_back_its_money_is_free_again_and_it_is_never_sent(tmp_path: Path) -> None:
    async with a_house(tmp_path, Fault(on="create", code=1303, status=429, times=1)) as house:
        studio = studio_of(house)
        task = await house.buy()
        assert task.status is Status.QUEUED
        facts = await ask(studio, "cancel_task", task_id=task.id)
        assert (facts.task_id, facts.status, facts.error) == (task.id, "cancelled", None)
        assert facts.notes[0] == "Cancelled: it waits no more and is never sent. Nothing was spent."
        assert "nothing: it was taken back" in facts.next
        assert (await line(house, task.id)).state == "released"
        assert await house.journal.spent_today(simulated=True) == 0
        for _ in range(5):
            await house.beat(10)
        assert await house.bought() == []
        assert (await ask(studio, "cancel_task", task_id=task.id)).notes == facts.notes
        assert [h.event for h in await house.journal.history(task.id)][-1] == "Withdrawn"


async def test_what_earlier_calls_of_a_task_took_stays_settled(tmp_path: Path) -> None:
    price = Price(basis="exact", usd=PRICE, most=PRICE, units=Decimal(3), unit_usd=UNIT_USD)
    async with a_house(tmp_path) as house:
        task = await written(house, Claimed(), Advanced(SPOKEN), task=a_task(price=price, account=GONE))
        facts = await ask(studio_of(house), "cancel_task", task_id=task.id)
        assert facts.status == "cancelled"
        assert "The calls that came before took $0.07; nothing more is spent." in facts.notes[0]
        entry = await line(house, task.id)
        assert (entry.state, entry.charged) == ("settled", 70_000)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (("submitted",), ("Kling has no way to take a task back", "goes on and costs $0.42 (3 units)")),
        (("processing",), ("Kling has no way to take a task back", "goes on and costs $0.42 (3 units)")),
        (("succeeded",), ("Kling has finished it", "paid for")),
        (("succeeded", Stored(())), ("it had finished", "its file is kept")),
        ((Doubted("cut"),), ("the answer was lost", "is being looked up", "costs $0.42")),
        ((), ("may be on its way", "nobody knows yet", "being looked up")),
        (("failed",), ("it had failed already",)),
    ],
    ids=["submitted", "processing", "fetching", "succeeded", "unsure", "submitting", "failed"],
)
async def test_what_was_sent_is_not_cancelled_and_it_is_said_what_goes_on(
    tmp_path: Path, events: tuple[Event | str, ...], words: tuple[str, ...]
) -> None:
    async with a_house(tmp_path) as house:
        task = a_task(account=GONE)
        story = [seen(task, event) if isinstance(event, str) else event for event in events]
        before = await written(house, Claimed(), *story, task=task)
        money = await line(house, task.id)
        facts = await ask(studio_of(house), "cancel_task", task_id=task.id)
        assert facts.notes[0].startswith("NOT cancelled: ")
        for word in words:
            assert word in facts.notes[0]
        assert await house.task(task.id) == before, "nothing has changed"
        assert await line(house, task.id) == money


async def test_a_task_nobody_has_is_refused(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        with pytest.raises(UnknownTask):
            await ask(studio_of(house), "cancel_task", task_id="k000000000000")


async def test_a_task_on_the_wire_that_comes_back_is_taken_back_then(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task = await written(house, Claimed())
        house.engine.bell = Meanwhile(house.journal, task.id, PutBack("no slot", 8))
        facts = await ask(studio_of(house), "cancel_task", task_id=task.id)
        assert facts.status == "cancelled"
        assert (await line(house, task.id)).state == "released"


async def test_a_shot_that_turns_out_to_wait_again_is_taken_back_with_its_film(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        film_id = new_task_id()
        parts = [a_task(account=GONE, part_of=film_id) for _ in range(2)]
        spec = FilmSpec(parts=tuple(part.id for part in parts))
        film = a_task(film_id, account=GONE, plan=replace(PLAN, spec=spec, slots=0), status=Status.WAITING)
        await house.journal.enqueue(film, RICH, again=False, parts=parts)
        await house.journal.apply(parts[0].id, Claimed())
        house.engine.bell = Meanwhile(house.journal, parts[0].id, PutBack("no slot", 1))
        facts = await ask(studio_of(house), "cancel_task", task_id=film.id)
        assert (facts.status, [shot.status for shot in facts.shots]) == ("cancelled", ["cancelled"] * 2)
        assert await house.journal.spent_today(simulated=False) == 0


async def test_of_a_process_that_sends_and_one_that_cancels_exactly_one_wins(tmp_path: Path) -> None:
    async with a_journal(tmp_path) as journal:
        path = str(tmp_path)
        task = await after(journal, a_task())
        with another_process("claim", path, task.id) as sender, another_process("cancel", path, task.id) as canceller:
            assert [hear(p) for p in (sender, canceller)] == ["ready", "ready"]
            for process in (canceller, sender):
                tell(process)
            sent, cancelled = hear(sender), hear(canceller)
        assert sorted([sent, cancelled]) == ["lost", "won"]
        now, entry = (await journal.get([task.id]))[task.id], await journal.entry(task.id)
        assert entry is not None
        expected = (Status.SUBMITTING, "held") if sent == "won" else (Status.CANCELLED, "released")
        assert (now.status, entry.state) == expected


async def test_a_task_that_was_claimed_and_put_back_meanwhile_is_not_taken_back_by_an_old_look(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        old = await after(journal, a_task())
        for event in (Claimed(), PutBack("no slot", 1)):
            await journal.apply(old.id, event)
        assert (await journal.apply(old.id, Withdrawn(), standing=old)).status is Status.QUEUED
        assert (await journal.claim(old.id, 5)) is None
        clock.time += 2
        assert await journal.claim(old.id, 5)


async def test_a_task_is_taken_back_also_where_its_keys_are_gone(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        task = a_task(account=GONE)
        await house.journal.enqueue(task, RICH, again=False)
        facts = await ask(studio_of(house), "cancel_task", task_id=task.id)
        assert facts.status == "cancelled"

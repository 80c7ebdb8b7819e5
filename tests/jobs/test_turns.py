"""Whose turn it is: labels take turns, nobody starves, and the journal and the engine say the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.jobs.bureau import Bureau
from tests.jobs.house import START, HandClock, a_house, a_task
from tests.jobs.stories import a_journal, after, seen
from tests.jobs.test_slots import taking

from kling_tools.jobs.turns import Place, may_go
from kling_tools.model.status import Status
from kling_tools.model.tasks import Claimed, PutBack

pytestmark = pytest.mark.anyio

database = pytest.mark.usefixtures("database")


def line(labels: str, *, under_way: int = 0, slots: int = 1) -> list[Place]:
    """Return tasks in the order of their age, each named by its label and place; the first are under way."""
    seen: Counter[str] = Counter()
    places = []
    for at, label in enumerate(labels):
        seen[label] += 1
        places.append(Place(f"{label}{seen[label]}", label, at, slots, at < under_way))
    return places


def order(labels: str, *, under_way: int = 0) -> list[str]:
    """Return whose turn it is, all of them."""
    return may_go(line(labels, under_way=under_way), 10_000, under_way)


def test_labels_take_turns_and_within_one_the_oldest_is_first() -> None:
    assert order("aaaabb") == ["a1", "b1", "a2", "b2", "a3", "a4"]
    assert order("aaaabbc") == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]
    assert order("abab") == ["a1", "b1", "a2", "b2"]


def test_who_has_three_under_way_waits_until_the_other_has_three() -> None:
    assert order("aaaabbbb", under_way=3) == ["b1", "b2", "b3", "a4", "b4"]


def test_what_waits_for_room_is_overtaken_by_nobody() -> None:
    large = [Place("a1", "a", 0, 3, True), Place("a2", "a", 1, 5, False), Place("b1", "b", 2, 1, False)]
    assert may_go(large, 5, 3) == ["b1"], "it is before the other's second"
    assert may_go([*large, Place("b2", "b", 3, 1, False)], 5, 3) == ["b1"], "and this one is not"
    assert may_go(large[1:], 5, 0) == ["a2"]


@dataclass
class Queue:
    """A queue of labels over time: who is served when, with one place."""

    waiting: list[Place] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    clock: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))

    def join(self, label: str) -> str:
        """Join the line."""
        at = next(self.clock)
        self.waiting.append(Place(f"{at}", label, at, 1, under_way=False))
        return f"{at}"

    def serve(self) -> None:
        """Let one go, and end it."""
        (going,) = may_go(self.waiting, 1, 0)
        label = next(p.label for p in self.waiting if p.id == going)
        at = next(self.clock)
        self.served.append(going)
        left = [p for p in self.waiting if p.id != going]
        self.waiting = [replace(p, served=at) if p.label == label else p for p in left]


def test_one_place_is_shared_by_turns() -> None:
    queue = Queue()
    a, b = [[queue.join(label) for _ in range(number)] for label, number in (("a", 4), ("b", 2))]
    for _ in range(6):
        queue.serve()
    assert queue.served == [a[0], b[0], a[1], b[1], a[2], a[3]]


def test_a_stream_of_new_labels_starves_nobody() -> None:
    queue = Queue()
    batch = [queue.join("batch") for _ in range(5)]
    for number in range(100):
        queue.join(f"new {number}")
        queue.join(f"newer {number}")
        queue.serve()
    places = [queue.served.index(one) for one in batch]
    # Whoever came before its label's last turn goes first, and nobody who came after it.
    assert places == [0, 3, 10, 25, 56]


def contenders(tasks: list[Place], places: int) -> list[Place]:
    """Return what the journal looks at: of each label so many, and whatever has the same age."""
    kept = []
    for label in {t.label for t in tasks}:
        own = sorted((t for t in tasks if t.label == label), key=lambda t: (t.created, t.id))
        kept += [t for t in own if len(own) <= places or t.created <= own[places].created]
    return kept


def test_the_oldest_of_each_label_are_enough_to_tell_who_is_next() -> None:
    dice = random.Random(3)
    for _ in range(300):
        tasks = [
            Place(f"k{n:02}", dice.choice("abc"), dice.randrange(12), dice.choice((1, 1, 1, 2, 9)), dice.random() < 0.1)
            for n in range(dice.randrange(1, 25))
        ]
        places, taken = dice.randrange(1, 8), sum(t.slots for t in tasks if t.under_way)
        assert may_go(contenders(tasks, places), places, taken) == may_go(tasks, places, taken)


@database
async def test_the_journal_lets_go_whoever_is_next_and_nobody_else(tmp_path: Path) -> None:
    dice, clock = random.Random(7), HandClock()
    async with a_journal(tmp_path, clock) as journal:
        tasks = [await after(journal, a_task(label=dice.choice("ab"), now=START + n)) for n in range(12)]
        states = {t.id: Place(t.id, t.label, t.created, 1, under_way=False) for t in tasks}
        served = dict.fromkeys("ab", 0.0)
        while states:
            taken = sum(p.under_way for p in states.values())
            clock.time += 20
            nexts = may_go([replace(p, served=served[p.label]) for p in states.values()], 3, taken)
            for task_id in dice.sample(sorted(states), len(states)):
                if not states[task_id].under_way and task_id not in nexts:
                    assert await journal.claim(task_id, 3) is None
            for task_id in nexts:
                clock.time += 1
                claimed = await journal.claim(task_id, 3)
                assert claimed is not None
                states[task_id] = Place(task_id, claimed.label, claimed.created, 1, under_way=True)
                served[claimed.label] = clock.time
            done = dice.choice(sorted(i for i, p in states.items() if p.under_way))
            await journal.apply(done, seen((await journal.get([done]))[done], "failed"))
            del states[done]


@database
async def test_a_task_that_was_put_back_has_the_place_it_had(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        early = await after(journal, a_task(label="a"), Claimed(), PutBack("1303", 8.0))
        others = [await after(journal, a_task(label=label, now=START + 1)) for label in "abbc"]
        assert await journal.claim(others[0].id, 1) is None
        clock.time += 10
        assert [await journal.claim(t.id, 1) for t in others] == [None] * 4
        assert await journal.claim(early.id, 1)


@database
async def test_the_engine_sends_labels_by_turns(tmp_path: Path) -> None:
    bureau = Bureau(ends="processing")
    async with a_house(tmp_path, provider=bureau, slots=1) as house:
        labels: dict[str, str] = {}
        for number, label in enumerate("aaaabb"):
            task, order = await house.ready(taking(1, number))
            labels[task.id] = label
            await house.pay(replace(task, label=label), order)
        sent: list[str] = []
        for _ in labels:
            (running,) = [t for t in await house.journal.active("sandbox") if t.status is not Status.QUEUED]
            sent.append(running.id)
            await house.journal.apply(running.id, seen(running, "failed"))
            await house.beat(20)
        assert [labels[i] for i in sent] == ["a", "a", "b", "a", "b", "a"], (
            "the second had joined before the other came"
        )


@database
async def test_a_label_that_was_served_by_a_clock_set_back_since_does_not_starve(tmp_path: Path) -> None:
    clock = HandClock()
    async with a_journal(tmp_path, clock) as journal:
        clock.step(10**8)
        ahead = await after(journal, a_task(label="a"), Claimed())
        await journal.apply(ahead.id, seen(ahead, "failed"))
        clock.step(-(10**8))
        other = await after(journal, a_task(label="b", now=clock.now()), Claimed())
        await journal.apply(other.id, seen(other, "failed"))
        clock.time += 1
        waiting = await after(journal, a_task(label="a", now=clock.now()))
        clock.time += 1
        later = await after(journal, a_task(label="b", now=clock.now()))
        assert await journal.next_up("sandbox", later.plan.model, 1) == [waiting.id]

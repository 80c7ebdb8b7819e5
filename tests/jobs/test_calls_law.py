"""The law of a task of several calls: wherever processes die and wires break, nothing is bought twice, no cent lost.

Every story is told to the real journal, engine, client and dialect; only the network and the moments of death are made.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.jobs.bureau import FACES, LIP_SYNC, LIPS, MOST, SPEECH, STEPS, UNIT_USD, Bureau, Fate
from tests.jobs.house import House, Life, a_house
from tests.promises import keeps

from kling_tools.model.money import to_micros
from kling_tools.model.plan import pending
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task

FATES: tuple[Fate, ...] = (
    "fine", "refused", "busy", "no wire", "cut before", "cut after", "broken before", "broken after", "dies before",
    "dies after",
)  # fmt: skip
#: Most calls go well, or no story would come far.
fate = st.one_of(st.just("fine"), st.sampled_from(FATES))
fates = st.fixed_dictionaries({path: st.lists(fate, max_size=3) for path in STEPS})
lives = st.lists(st.builds(Life, st.integers(1, 8), st.booleans()), max_size=3)
AT_REST = frozenset({Status.FETCHING, Status.FAILED})


async def told(folder: Path, bureau: Bureau, deaths: list[Life]) -> tuple[House, Task]:
    """Tell one story to its end."""
    # An event belongs to the loop it is made in.
    mortal = [Life(life.at, life.written) for life in deaths]
    async with a_house(folder, provider=bureau) as house:
        house.lives = mortal[1:]
        if mortal:
            house.life = house.store.life = mortal[0]
        bureau.die = lambda: house.life.end()
        task, order = await house.ready(LIP_SYNC)
        await house.survive(house.pay(task, order))
        now: Task | None = None
        for _ in range(200):
            now = (await house.journal.get([task.id])).get(task.id)
            if now is None or now.status in AT_REST:
                break
            await house.survive(house.beat(10))
        else:
            raise AssertionError(f"it does not end: {now}")
        if now is None:
            assert bureau.reached == [], "what was never written was never sent"
            return house, task
        await judged(house, bureau, now)
        return house, now


async def judged(house: House, bureau: Bureau, task: Task) -> None:
    """Hold the end against the provider's own books."""
    for path in (SPEECH, FACES):
        assert bureau.taken.count(path) <= 1
    assert bureau.taken.count(LIPS) <= 1
    assert [*dict.fromkeys(bureau.reached)] == [*STEPS][: len(set(bureau.reached))], "in their order"
    line = await house.journal.entry(task.id)
    assert line is not None
    really = to_micros(bureau.units * UNIT_USD)
    assert line.held == to_micros(MOST)
    if task.status is Status.FETCHING:
        assert (line.state, line.charged) == ("settled", really)
        return
    assert task.failure is not None
    match task.failure.spent:
        case "no":
            assert (line.state, really) == ("released", 0)
        case "yes":
            assert (line.state, line.charged) == ("settled", really)
        case "unknown":
            assert (task.failure.code, line.state) == ("answer_lost", "held")
            assert pending(task.plan, task.prepared) != "task"
            assert really <= line.held


@given(fates, lives)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@keeps("nothing-twice", "nothing-lost", "within-budget")
def test_whatever_breaks_no_call_is_paid_twice_and_the_money_is_told_right(
    script: dict[str, list[Fate]], deaths: list[Life]
) -> None:
    bureau = Bureau(fates={path: list(told) for path, told in script.items()})
    with TemporaryDirectory() as folder:
        asyncio.run(told(Path(folder), bureau, deaths))
    for path in (SPEECH, FACES):
        # What did not provably stay outside is reached once: a second time only after "busy" or "no wire".
        turned_away = len([f for f in script[path] if f == "busy"])
        assert bureau.reached.count(path) <= 1 + turned_away

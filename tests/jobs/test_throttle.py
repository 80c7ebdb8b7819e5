"""One account's pace: what its provider documents, slower where it asks for less, and back again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.jobs.house import RICH, HandClock, a_house

from kling_tools.client.pacing import Pacing
from kling_tools.jobs.engine import FOREIGN_SECONDS
from kling_tools.jobs.throttle import FIRST_GAP, LONGEST_GAP, LONGEST_REST, Throttle
from kling_tools.model.tasks import Hindered
from kling_tools.providers.dialect import Rate


def test_without_a_rate_nobody_waits() -> None:
    throttle = Throttle()
    assert all(throttle.take(0.0) for _ in range(1000))


def test_a_documented_rate_is_kept_over_any_window() -> None:
    throttle, sent = Throttle(Rate(20, 10.0)), []
    for tenth in range(600):
        while throttle.take(tenth / 10):
            sent.append(tenth / 10)
    assert len(sent) == 120
    assert Throttle(Rate(20, 10.0)).room(0.0) == 20
    assert throttle.room(60.0) == 20
    assert throttle.take(60.0)
    assert throttle.room(60.0) == 19
    assert all(sum(at <= one < at + 10 for one in sent) <= 20 for at in sent)


def test_what_is_asked_for_less_is_sent_ever_slower_and_then_faster_again() -> None:
    throttle = Throttle()
    assert throttle.take(0.0)
    throttle.slower(0.0)
    assert throttle.left(0.0) == FIRST_GAP
    throttle.slower(0.0)  # it was on the way at the same time
    assert throttle.left(0.0) == FIRST_GAP
    assert [throttle.room(0.0), throttle.room(FIRST_GAP)] == [0, 1]
    now = FIRST_GAP
    for _ in range(10):
        throttle.slower(now)
        now += throttle.left(now)
    throttle.slower(now)
    assert throttle.left(now) == LONGEST_GAP
    for _ in range(8):
        throttle.faster()
    now += LONGEST_GAP
    assert [throttle.take(now), throttle.take(now)] == [True, True]


def test_a_providers_own_word_of_when_is_kept_but_not_for_ever() -> None:
    for asked, left in ((30.0, 30.0), (0.1, FIRST_GAP), (1e9, LONGEST_REST)):
        throttle = Throttle()
        throttle.slower(5.0, asked)
        assert throttle.left(5.0) == left


@pytest.mark.anyio
async def test_at_a_slowed_account_one_that_cannot_be_sent_yet_holds_up_nobody(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        first, second = [(await house.decide(prompt))[0] for prompt in ("a red fox", "a grey heron")]
        for task in (first, second):
            await house.journal.enqueue(task, RICH, again=False)
        house.account.throttle.slower(house.clock.monotonic())
        house.clock.time += FOREIGN_SECONDS + 1
        await house.journal.apply(first.id, Hindered("another process sends its files up"))
        await house.beat()
        assert await house.bought() == [second.id]
        await house.beat(FOREIGN_SECONDS + 1)
        assert await house.bought() == [second.id, first.id]


@pytest.mark.anyio
async def test_questions_go_no_faster_than_documented() -> None:
    clock = HandClock()
    started = clock.monotonic()
    pacing = Pacing(Rate(10, 1.0), clock)
    for _ in range(21):
        await pacing.turn()
    assert clock.monotonic() - started == pytest.approx(2.0)
    free = Pacing(None, clock)
    await free.turn()

"""When a task is looked at, and what is told about how long it still takes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.jobs.house import START, a_task

from kling_tools.jobs.pace import LONGEST_LOOK, SHORTEST_LOOK, next_look, seconds_left
from kling_tools.model.status import Status

TASK = a_task(status=Status.PROCESSING, accepted_at=START)


def test_nothing_known_is_looked_at_soon() -> None:
    assert next_look(TASK, (), None, 1.0, START) == START + SHORTEST_LOOK
    assert next_look(TASK, (90, 90, 90, 90), None, 1.0, START) == START + SHORTEST_LOOK


def test_the_first_look_comes_when_the_fastest_fifth_was_done() -> None:
    assert next_look(TASK, (100, 50, 60, 70, 80), None, 1.0, START) == START + 60


def test_stragglers_are_looked_at_ever_more_rarely_up_to_a_ceiling() -> None:
    looks = [next_look(TASK, (), START + age, 1.0, START + age) - START - age for age in (2, 60, 120, 10_000)]
    assert looks == [SHORTEST_LOOK, 6, 12, LONGEST_LOOK]


@given(st.lists(st.floats(1, 10_000), max_size=20), st.none() | st.floats(0, 10_000))
def test_a_look_is_never_late_by_more_than_the_ceiling_nor_early(times: list[float], age: float | None) -> None:
    looked = None if age is None else START + age
    due = next_look(TASK, times, looked, 1.0, START)
    assert due >= START + SHORTEST_LOOK
    if looked is not None:
        assert due >= looked + SHORTEST_LOOK or due >= START + SHORTEST_LOOK
        assert due <= max(START + max([SHORTEST_LOOK, *times]), looked + LONGEST_LOOK)


def test_a_clock_that_was_set_back_does_not_stop_the_looks() -> None:
    now = START - 3600
    assert next_look(TASK, (), START + 10, 1.0, now) == now
    assert next_look(TASK, (), now, 1.0, now) == now + LONGEST_LOOK
    assert next_look(TASK, (), START + 3600, 1.0, START + 10) == START + SHORTEST_LOOK


def test_what_is_left_is_the_median_less_what_has_passed_and_never_nothing() -> None:
    assert seconds_left(TASK, (50, 60, 100), 1.0, START + 10) == 50
    assert seconds_left(TASK, (50, 60, 100), 1.0, START + 500) == 3
    assert seconds_left(TASK, (), 10.0, START) == round(TASK.plan.typical_seconds / 10)
    assert seconds_left(replace(TASK, status=Status.FETCHING), (50,), 1.0, START) == 3
    assert seconds_left(replace(TASK, status=Status.SUCCEEDED), (50,), 1.0, START) is None

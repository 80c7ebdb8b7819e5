"""When a task is looked at, and what is told about how long it still takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.jobs.house import START, a_task

from kling_tools.jobs.pace import (
    EARLY_LOOK,
    LONGEST_AWAITED,
    LONGEST_LOOK,
    MOST_TIMES,
    SHORTEST_LOOK,
    Expected,
    Times,
    expected,
    seconds_left,
)
from kling_tools.model.status import Status

TASK = a_task(status=Status.PROCESSING, accepted_at=START)
#: Between 40 and 50 s, as tasks of 45 s are.
KNOWN = [40.0 + n / 2 for n in range(20)]


def looks(when: Expected, until: float, *, awaited: bool = False) -> list[float]:
    """Return the ages at which a task of that length is looked at, up to the look that sees its end."""
    ages = [when.next_look(None, awaited=awaited)]
    while ages[-1] < until:
        ages.append(when.next_look(ages[-1], awaited=awaited))
    return ages


def test_nothing_known_has_few_early_looks_and_then_those_near_the_time_that_was_told() -> None:
    ages = looks(expected((), 60, 1.0), 45)
    assert ages[:4] == [EARLY_LOOK, 6, 18, 36]
    assert len(ages) <= 6
    assert expected((90, 90, 90, 90), 60, 1.0) == expected((), 60, 1.0), "four are no experience"


def test_the_first_look_comes_when_the_fastest_fifth_was_done() -> None:
    assert expected((100, 50, 60, 70, 80), 500, 1.0).next_look(None) == 60


@given(st.floats(40, 50), st.booleans())
def test_a_task_as_long_as_the_others_is_seen_within_two_seconds_in_six_looks(took: float, awaited: bool) -> None:
    ages = looks(expected(KNOWN, 500, 1.0), took, awaited=awaited)
    assert len(ages) <= 6
    assert ages[-1] - took <= SHORTEST_LOOK + 1e-9 or len(ages) == 1


def test_many_that_pay_for_a_look_together_are_looked_at_as_much_more_often_down_to_the_floor() -> None:
    when = expected([20.0 + 6 * n for n in range(20)], 500, 1.0)
    alone, two, thousand = (when.next_look(60, together=n) - 60 for n in (1, 2, 1000))
    assert alone == 2 * two
    assert thousand == SHORTEST_LOOK
    assert when.next_look(1000, together=1000) == when.next_look(1000), "a straggler stays rare"


def test_looks_are_close_where_tasks_end_and_ever_rarer_for_stragglers_up_to_a_ceiling() -> None:
    when = expected(KNOWN, 500, 1.0)
    steps = [when.next_look(age) - age for age in (44, 48, 60, 80, 1000)]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (SHORTEST_LOOK, LONGEST_LOOK)
    assert when.next_look(1000, awaited=True) == 1000 + LONGEST_AWAITED, "but not while somebody waits"


@given(st.lists(st.floats(1, 10_000), max_size=20), st.floats(0, 1000), st.none() | st.floats(0, 10_000), st.booleans())
def test_looks_are_never_closer_than_the_floor_nor_further_than_the_ceiling(
    times: list[float], typical: float, looked: float | None, awaited: bool
) -> None:
    when = expected(times, typical, 1.0)
    due = when.next_look(looked, awaited=awaited)
    if looked is not None:
        assert due >= looked + SHORTEST_LOOK - 1e-9
        assert due <= max(when.first, looked + LONGEST_LOOK) + SHORTEST_LOOK


def test_a_simulator_that_is_faster_is_looked_at_as_much_more_often() -> None:
    slow, fast = expected((), 60, 1.0), expected((), 60, 10.0)
    assert [age / 10 for age in looks(slow, 45)] == [round(age, 9) for age in looks(fast, 4.5)]


def test_the_length_counts_as_soon_as_enough_of_it_are_known() -> None:
    times = Times()
    times.learn({("a", "m", 5.0): [50.0] * 30, ("a", "m", 10.0): [90.0] * 4, ("b", "m", 10.0): [7.0] * 9})
    assert times.of("a", "m", 5.0) == [50.0] * MOST_TIMES
    assert sorted(times.of("a", "m", 10.0)) == [50.0] * MOST_TIMES + [90.0] * 4
    times.add(("a", "m", 10.0), 91.0)
    assert times.of("a", "m", 10.0) == [91.0, 90.0, 90.0, 90.0, 90.0]
    assert times.of("c", "m", 5.0) == []


def test_what_is_left_is_the_median_less_what_has_passed_and_never_nothing() -> None:
    def left(times: Sequence[float], after: float, speed: float = 1.0, status: Status = TASK.status) -> int | None:
        return seconds_left(replace(TASK, status=status), times, speed, START + after)

    assert left((50, 60, 100), 10) == 50
    assert left((50, 60, 100), 500) == 3
    assert left((), 0, speed=10.0) == round(TASK.plan.typical_seconds / 10)
    assert left((50,), 0, status=Status.FETCHING) == 3
    assert left((50,), 0, status=Status.SUCCEEDED) is None

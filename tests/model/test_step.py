"""A task's life: whatever is told in whatever order, it moves along the legal lines and ends once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers.values import PLAN

from kling_tools.model.errors import Moderated, Spent
from kling_tools.model.money import Price
from kling_tools.model.plan import Prepared
from kling_tools.model.specs import FilmSpec, ImageSpec
from kling_tools.model.status import LEGAL, LOOKED_AT, TERMINAL, Status
from kling_tools.model.step import contradiction, step
from kling_tools.model.tasks import (
    Advanced,
    CalledOff,
    Charge,
    Claimed,
    Doubted,
    Event,
    Failure,
    Hindered,
    Observation,
    Output,
    PutBack,
    Readied,
    Recalled,
    Rejected,
    Remote,
    RemoteOutput,
    Removed,
    Seen,
    Stored,
    Task,
    Withdrawn,
)

NOW = 1_795_000_000.0
REMOTE = Remote("800", "/text-to-video/kling-3.0", "https://kling.test")
TASK = Task(id="k000000000000", plan=PLAN, status=Status.QUEUED, created=NOW, updated=NOW)
SHOWN = {"queued", "submitted", "processing", "succeeded", "failed", "cancelled", "unsure"}


def seen(status: str, url: str = "https://cdn.test/1.mp4", **more: object) -> Seen:
    """Return a look at the provider's side."""
    outputs = (RemoteOutput(kind="video", url=url, seconds=5.0),) if status == "succeeded" else ()
    return Seen(
        Observation(remote=REMOTE, external_id=TASK.id, status=status, outputs=outputs, **more)  # type: ignore[arg-type]
    )


charges = st.none() | st.builds(Charge, units=st.sampled_from([None, Decimal(0), Decimal(3)]))
observations = st.builds(
    lambda status, url, charge, simulated, reason: seen(status, url, charge=charge, simulated=simulated, reason=reason),
    st.sampled_from(["submitted", "processing", "succeeded", "failed"]),
    st.sampled_from(["https://cdn.test/1.mp4", "https://cdn.test/2.mp4"]),
    charges,
    st.booleans(),
    st.sampled_from(["", "Image pixel is invalid"]),
)
failures = st.builds(Failure, code=st.just("task_failed"), message=st.just("no"), spent=st.sampled_from(["no", "yes"]))
troubles = st.sampled_from(["", "no network", "a full disk"])
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Readied),
    st.builds(Claimed),
    st.builds(PutBack, troubles, st.floats(0, 60)),
    st.builds(Doubted, troubles),
    st.builds(Advanced, st.builds(Prepared, step=st.sampled_from(["speech", "faces"]), units=st.just(Decimal("0.05")))),
    st.builds(Rejected, failures),
    observations,
    st.builds(Hindered, troubles),
    st.just(Stored((Output(kind="video", url="https://cdn.test/1.mp4", path="/videos/1.mp4"),))),
    st.builds(Withdrawn),
    st.builds(CalledOff),
    st.just(Removed("on 2026-11-22.")),
)


@given(st.lists(events, max_size=30))
def test_only_legal_moves_happen_and_an_end_is_an_end(story: list[Event]) -> None:
    task, now = TASK, NOW
    for event in story:
        now += 1
        after = step(task, event, now)
        if after.status is not task.status:
            assert after.status in LEGAL[task.status]
        if task.status in TERMINAL and not isinstance(event, Removed):
            assert after is task
        if after is not task:
            assert after.updated == now
            assert replace(after, updated=task.updated) != task, f"{event} said nothing new"
        assert (after.ended_at is not None) == after.status.ended
        assert after.status.shown in SHOWN
        assert (after.id, after.plan, after.created) == (task.id, task.plan, task.created)
        assert after.simulated or not task.simulated
        task = after


@given(st.lists(events, max_size=12), events)
def test_an_event_told_twice_says_nothing_new_unless_it_is_a_new_attempt(story: list[Event], event: Event) -> None:
    task = TASK
    for earlier in story:
        task = step(task, earlier, NOW)
    once = step(task, event, NOW)
    assert step(once, event, NOW + 1) is once


#: How far a task has come, drawn from the docstring's line; only an attempt that never got in goes back.
FAR = {
    Status.WAITING: -1,
    Status.QUEUED: 0,
    Status.SUBMITTING: 1,
    Status.UNSURE: 2,
    Status.SUBMITTED: 3,
    Status.PROCESSING: 4,
    Status.FETCHING: 5,
    Status.SUCCEEDED: 6,
    Status.FAILED: 6,
    Status.CANCELLED: 6,
}


@given(st.lists(events, max_size=30))
def test_an_older_look_never_takes_a_task_back(story: list[Event]) -> None:
    task = TASK
    for event in story:
        after = step(task, event, NOW)
        if FAR[after.status] < FAR[task.status]:
            assert isinstance(event, PutBack | Advanced)
            assert task.status in {Status.SUBMITTING, Status.UNSURE}
        if after.status is Status.CANCELLED:
            called_off = isinstance(event, CalledOff) and task.status in LOOKED_AT
            assert called_off or task.status in {Status.QUEUED, Status.CANCELLED}
        task = after


def told_so_far(status: str) -> Task:
    """Return a task of which this was told."""
    return step(step(TASK, Claimed(), NOW), seen(status), NOW)


@pytest.mark.parametrize(
    ("said", "then"), [("processing", "submitted"), ("succeeded", "submitted"), ("succeeded", "processing")]
)
def test_a_step_back_is_told_once_and_not_believed(said: str, then: str) -> None:
    task = told_so_far(said)
    after = step(task, seen(then), NOW + 1)
    assert after == replace(task, notes=after.notes, updated=NOW + 1)
    assert after.notes == (f"Kling said {said} and then {then}; the step back is not believed.",)
    assert step(after, seen(then), NOW + 2) is after


@pytest.mark.parametrize("then", ["submitted", "processing", "succeeded"])
def test_a_failure_is_not_taken_back(then: str) -> None:
    task = told_so_far("failed")
    assert step(task, seen(then), NOW + 1) is task
    assert then in contradiction(task, seen(then).observation)


@pytest.mark.parametrize("then", ["submitted", "processing", "failed"])
def test_what_is_on_our_disk_is_not_taken_back(then: str) -> None:
    task = step(told_so_far("succeeded"), Stored(()), NOW)
    assert step(task, seen(then), NOW + 1) is task
    assert then in contradiction(task, seen(then).observation)


@pytest.mark.parametrize("status", ["processing", "succeeded", "failed"])
def test_what_is_shown_of_another_task_is_not_taken_for_ours(status: str) -> None:
    task = told_so_far("submitted")
    other = Seen(replace(seen(status).observation, external_id="k999999999999"))
    after = step(task, other, NOW + 1)
    assert (after.status, after.outputs, after.charge) == (task.status, (), None)
    assert "k999999999999" in after.notes[0]


def test_a_success_without_a_file_takes_no_known_address_away() -> None:
    task = told_so_far("succeeded")
    assert step(task, Seen(replace(seen("succeeded").observation, outputs=())), NOW + 1) is task


def test_every_event_and_every_status_is_in_the_tables() -> None:
    assert set(LEGAL) == set(Status)
    assert {s for s in Status if not LEGAL[s]} == TERMINAL
    assert len(get_args(Event)) == 14


def test_every_status_can_be_reached_and_left_for_an_end() -> None:
    reached, edge = {Status.WAITING}, {Status.WAITING}
    while edge:
        edge = {to for status in edge for to in LEGAL[status]} - reached
        reached |= edge
    assert reached == set(Status)
    assert all(LEGAL[s] & TERMINAL or any(LEGAL[to] & TERMINAL for to in LEGAL[s]) for s in set(Status) - TERMINAL)


def test_what_waits_for_others_goes_on_once_and_a_film_is_never_sent() -> None:
    waiting = replace(TASK, status=Status.WAITING)
    assert step(waiting, Claimed(), NOW) is waiting
    assert step(waiting, Readied(), NOW).status is Status.QUEUED
    sent = step(TASK, Claimed(), NOW)
    assert step(sent, Readied(), NOW) is sent
    film = replace(waiting, plan=replace(PLAN, spec=FilmSpec(parts=("k1",))))
    assert step(film, Readied(), NOW).status is Status.FETCHING
    assert step(waiting, Withdrawn(), NOW).status is Status.CANCELLED


def test_what_was_never_sent_is_taken_back_and_what_was_sent_is_not() -> None:
    assert step(TASK, Withdrawn(), NOW).status is Status.CANCELLED
    claimed = step(TASK, Claimed(), NOW)
    assert step(claimed, Withdrawn(), NOW) is claimed


def test_a_claim_counts_attempts_and_dates_the_first_byte() -> None:
    first = step(TASK, Claimed(), NOW + 1)
    assert (first.attempts, first.sent_at) == (1, NOW + 1)
    back = step(first, PutBack("no slot", 8), NOW + 2)
    assert (back.status, back.sent_at, back.not_before, back.trouble) == (Status.QUEUED, None, NOW + 10, "no slot")
    assert step(back, Claimed(), NOW + 11).attempts == 2


def test_a_look_that_works_again_ends_the_trouble_of_one_that_did_not() -> None:
    task = step(step(TASK, Claimed(), NOW), seen("submitted"), NOW)
    hindered = step(task, Hindered("no network"), NOW + 1)
    assert hindered.trouble == "no network"
    assert step(hindered, seen("submitted"), NOW + 2).trouble == ""


def test_a_result_names_its_files_and_when_their_address_dies() -> None:
    task = step(step(TASK, Claimed(), NOW), seen("succeeded", charge=Charge(units=Decimal(3))), NOW + 90)
    assert task.status is Status.FETCHING
    assert task.charge == Charge(units=Decimal(3))
    (output,) = task.outputs
    assert (output.path, output.url_expires) == ("", NOW + 90 + 30 * 86400)


def test_a_renewed_address_replaces_the_dead_one_and_the_same_one_is_no_news() -> None:
    task = step(step(TASK, Claimed(), NOW), seen("succeeded"), NOW)
    renewed = step(task, seen("succeeded", "https://cdn.test/2.mp4"), NOW + 1)
    assert [o.url for o in renewed.outputs] == ["https://cdn.test/2.mp4"]
    assert step(renewed, seen("succeeded", "https://cdn.test/2.mp4"), NOW + 2) is renewed


SPEECH = Prepared(step="speech", audio_id="aud-1", units=Decimal("0.05"))
PRICED = replace(TASK, plan=replace(PLAN, price=replace(Price.exact(Decimal(1)), unit_usd=Decimal("0.14"))))
CENTS = Decimal("0.05") * Decimal("0.14")


def told(*events: Event, task: Task = PRICED) -> Task:
    """Return the task after these events."""
    for event in events:
        task = step(task, event, NOW)
    return task


def test_what_an_earlier_call_brought_is_kept_and_the_next_may_be_made() -> None:
    task = told(Claimed(), Advanced(SPEECH))
    assert (task.status, task.prepared, task.sent_at, task.charge) == (Status.QUEUED, (SPEECH,), None, None)
    assert told(Advanced(SPEECH), task=task) is task, "an answer that comes twice is one"
    assert told(Claimed(), task=task).attempts == 2


def test_what_earlier_calls_took_is_part_of_every_end() -> None:
    spoken = told(Claimed(), Advanced(SPEECH))
    assert told(Withdrawn(), task=spoken).charge == Charge(units=Decimal("0.05"), usd=CENTS)
    running = told(Claimed(), seen("processing"), task=spoken)
    assert running.charge is None, "what came before alone is not the whole"
    done = told(seen("succeeded", charge=Charge(units=Decimal(1))), task=running)
    assert done.charge == Charge(units=Decimal("1.05"), usd=CENTS + Decimal("0.14"))
    assert told(seen("succeeded"), task=running).charge is None
    assert told(seen("succeeded", charge=Charge()), task=running).charge is None, "a bill without a figure is none"


@pytest.mark.parametrize("bill", [None, Charge(), Charge(units=Decimal(0))], ids=["none", "empty", "nothing"])
def test_a_failed_last_call_leaves_what_earlier_ones_took(bill: Charge | None) -> None:
    failed = told(Claimed(), Advanced(SPEECH), Claimed(), seen("submitted"), seen("failed", charge=bill))
    assert failed.failure is not None
    assert failed.failure.spent == "yes"
    assert failed.charge == Charge(units=Decimal("0.05"), usd=CENTS)


@pytest.mark.parametrize(("spent", "told_spent"), [("no", "yes"), ("unknown", "unknown"), ("yes", "yes")])
def test_a_refused_later_call_does_not_say_that_nothing_was_spent(spent: Spent, told_spent: Spent) -> None:
    refused = told(Claimed(), Advanced(SPEECH), Claimed(), Rejected(Failure(code="x", message="No.", spent=spent)))
    assert refused.failure is not None
    assert (refused.failure.spent, refused.charge) == (told_spent, Charge(units=Decimal("0.05"), usd=CENTS))


def test_cash_and_units_are_added_up_in_dollars() -> None:
    spoken = told(Claimed(), Advanced(SPEECH), Claimed())
    done = told(seen("succeeded", charge=Charge(usd=Decimal("0.5"))), task=spoken)
    assert done.charge == Charge(units=None, usd=Decimal("0.5") + CENTS)
    unpriced = told(Claimed(), Advanced(SPEECH), Claimed(), task=TASK)
    done = told(seen("succeeded", charge=Charge(units=Decimal(1))), task=unpriced)
    assert done.charge == Charge(units=Decimal("1.05"), usd=None)


def test_that_no_cash_was_taken_does_not_make_units_free() -> None:
    done = told(Claimed(), seen("succeeded", charge=Charge(units=Decimal(1), usd=Decimal(0))))
    assert done.charge == Charge(units=Decimal(1), usd=Decimal("0.14"))
    both = told(Claimed(), seen("succeeded", charge=Charge(units=Decimal(1), usd=Decimal("0.5"))))
    assert both.charge == Charge(units=Decimal(1), usd=Decimal("0.64"))


@pytest.mark.parametrize("end", [seen("failed"), Rejected(Failure(code="x", message="No.", spent="no"))])
def test_an_earlier_call_that_did_not_tell_its_charge_is_not_called_free(end: Event) -> None:
    spoken = told(Claimed(), Advanced(replace(SPEECH, units=None)), Claimed())
    failed = told(end, task=spoken)
    assert failed.failure is not None
    assert (failed.failure.spent, failed.charge) == ("unknown", None)


@pytest.mark.parametrize(("units", "spent"), [(None, "unknown"), ("0", "no"), ("0.1", "yes")])
def test_what_was_answered_at_once_and_did_not_tell_its_charge_is_not_called_free(
    units: str | None, spent: str
) -> None:
    cut_out = replace(PRICED, plan=replace(PRICED.plan, spec=ImageSpec(product="cutouts")))
    charge = None if units is None else Charge(units=Decimal(units))
    failed = told(Claimed(), seen("failed", charge=charge), task=cut_out)
    assert failed.failure is not None
    assert failed.failure.spent == spent


def test_how_a_result_was_kept_is_told_with_the_task() -> None:
    kept = told(Claimed(), seen("succeeded"), Stored((), "It was scaled."))
    assert (kept.status, kept.notes) == (Status.SUCCEEDED, ("It was scaled.",))


@pytest.mark.parametrize(("units", "spent"), [(None, "no"), ("0", "no"), ("3", "yes")])
def test_a_failure_says_whether_it_was_charged(units: str | None, spent: str) -> None:
    charge = None if units is None else Charge(units=Decimal(units))
    task = step(step(TASK, Claimed(), NOW), seen("failed", charge=charge, reason='"risk control"'), NOW)
    assert task.failure is not None
    assert (task.status, task.failure.spent) == (Status.FAILED, spent)
    assert "risk control" in task.failure.message


def test_an_error_becomes_a_lasting_failure_word_for_word() -> None:
    failure = Failure.of(Moderated("Kling's content safety blocked the request."))
    assert (failure.code, failure.spent, failure.retryable) == ("moderated", "no", False)
    assert failure.advice == Moderated.advice


def test_files_that_were_removed_are_fetched_again_while_the_provider_keeps_them() -> None:
    here = Output(kind="video", url="https://cdn.test/1.mp4", path="/videos/1.mp4", url_expires=NOW + 9)
    film = Output(kind="video", url="", path="/videos/2.mp4")
    done = replace(TASK, status=Status.SUCCEEDED, outputs=(film, here), notes=("first",), ended_at=NOW)
    removed = step(done, Removed("on 2026-11-22."), NOW + 1)
    assert (removed.status, [o.path for o in removed.outputs]) == (Status.SUCCEEDED, ["", ""])
    assert [o.removed for o in removed.outputs] == ["/videos/2.mp4", "/videos/1.mp4"]
    assert removed.notes[1] == "Its file was removed from this disk: on 2026-11-22."
    assert step(removed, Removed("again"), NOW + 2) is removed
    again = step(removed, Recalled(), NOW + 3)
    assert (again.status, again.ended_at, again.notes) == (Status.FETCHING, None, ("first",))
    assert again.outputs == (replace(here, path=""),), "what was made here is made again"
    assert step(removed, Recalled(), NOW + 9) is removed, "nobody keeps it any more"
    assert step(done, Recalled(), NOW) is done
    assert step(TASK, Removed("x"), NOW) is TASK

"""The journal beside the account's own books, with constructed differences: each is named once, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.jobs.house import PRICE, RICH, START, a_task

from kling_tools.jobs import ledger
from kling_tools.jobs.ledger import Entry
from kling_tools.jobs.reconcile import SETTLING_SECONDS, Books, Difference, compare, should_show
from kling_tools.model.library import Deduction
from kling_tools.model.money import Price
from kling_tools.model.plan import Prepared
from kling_tools.model.specs import SpeechSpec
from kling_tools.model.status import Status
from kling_tools.model.step import step
from kling_tools.model.tasks import (
    Adopted,
    Charge,
    Claimed,
    Doubted,
    Event,
    Failure,
    Observation,
    PutBack,
    Rejected,
    Remote,
    RemoteOutput,
    Seen,
    Stored,
    Task,
    Withdrawn,
)

NOW = START + 86_400.0
SINCE = START - 86_400.0
UNIT = Decimal("0.14")
PAID = Price(basis="exact", usd=PRICE, most=PRICE, units=Decimal(3), unit_usd=UNIT)
REMOTE = Remote("r-1", "/text-to-video/kling-3.0", "https://kling.test")
FAILED = Rejected(Failure(code="unreachable", message="No network.", spent="no"))
CHARGE = Charge(units=Decimal(3))


def there(status: str = "succeeded", external_id: str = "", remote: Remote = REMOTE, **more: Any) -> Observation:
    """Return a task as the account lists it."""
    outputs = (RemoteOutput(kind="video", url="https://cdn.test/1.mp4"),) if status == "succeeded" else ()
    return Observation(
        remote=remote,
        external_id=external_id,
        status=status,  # type: ignore[arg-type]
        outputs=outputs,
        **{"created": START, **more},
    )


def here(*events: Event, **changes: Any) -> tuple[Task, Entry]:
    """Return a task after a story, and its line in the ledger."""
    task = a_task(**{"price": PAID, **changes})
    entry = ledger.hold(task, "2026-11-18", ledger.Spent(), RICH)
    for n, event in enumerate(events):
        task = step(task, event, START + n)
        entry = ledger.after(entry, task)
    return task, entry


def done(charge: Charge | None = CHARGE) -> tuple[Task, Entry]:
    """Return a task that is on disk and paid."""
    return here(Claimed(), Seen(there(charge=charge)), Stored(()))


def differing(
    ours: tuple[Task, Entry] | None, *seen: Observation, deductions: tuple[Deduction, ...] = (), absent: bool = False
) -> list[Difference]:
    """Compare one task with what is shown there."""
    tasks = [ours[0]] if ours else []
    entries: Mapping[str, Entry] = {ours[0].id: ours[1]} if ours else {}
    gone = frozenset(task.id for task in tasks) if absent else frozenset[str]()
    return compare(tasks, entries, Books(tasks=seen, deductions=deductions, absent=gone), SINCE, NOW)


def told(*found: Difference) -> list[tuple[str, str, str]]:
    return [(one.kind, one.here, one.there) for one in found]


def a_deduction(task_id: str = "r-1", units: str = "3", **more: Any) -> Deduction:
    return Deduction(task_id=task_id, at=START + 60, product="video", model="3.0", units=Decimal(units), **more)


def test_two_sides_that_agree_differ_in_nothing() -> None:
    assert differing(done(), there(charge=CHARGE), deductions=(a_deduction(),)) == []
    assert differing(here(Claimed(), Seen(there("processing"))), there("submitted")) == []
    assert differing(here(Claimed(), Seen(there("failed"))), there("failed")) == []
    assert differing(None) == []


def test_a_task_that_is_there_and_not_here_is_named_with_its_charge_and_no_maker() -> None:
    (found,) = differing(None, there(external_id="another program's"), deductions=(a_deduction(units="1.5"),))
    assert (found.kind, found.task_id, found.remote_id) == ("unknown", "", "r-1")
    assert found.there.startswith("succeeded, made 2026-11-1")
    assert found.there.endswith("1.5 units was taken")
    assert "who made it is not known" in found.words


def test_a_foreign_task_from_before_is_not_named() -> None:
    assert differing(None, there(created=SINCE - 1)) == []
    assert [one.kind for one in differing(None, there(created=None))] == ["unknown"]


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ((), "queued"),
        ((Claimed(), Doubted("cut")), "unsure"),
        ((Claimed(), PutBack("never arrived", 0)), "queued"),
        ((Claimed(), FAILED), "failed"),
        ((Withdrawn(),), "cancelled"),
        ((Claimed(),), "submitting"),
    ],
    ids=["waiting", "unsure", "put back", "failed", "cancelled", "sent long ago"],
)
def test_a_task_of_ours_that_we_believed_lost_is_named_and_can_be_adopted(
    events: tuple[Event, ...], status: str
) -> None:
    task, entry = here(*events)
    lost, *others = differing((task, entry), there("succeeded", task.id, charge=CHARGE))
    assert (lost.kind, lost.task_id, lost.here, lost.there) == ("lost", task.id, status, "succeeded")
    assert lost.observation is not None
    assert [one.kind for one in others] == (["charge"] if status in {"failed", "cancelled"} else [])
    adopted = step(task, Adopted(lost.observation), NOW)
    assert (adopted.status, adopted.remote, adopted.failure) == (Status.FETCHING, REMOTE, None)
    assert "taken over" in adopted.notes[-1]
    money = ledger.after(entry, adopted)
    assert (money.state, money.charged) == ("settled", 420_000), "what was released counts again"
    assert step(adopted, Adopted(lost.observation), NOW) is adopted, "once"


def test_an_adopted_task_that_still_runs_holds_its_money_again() -> None:
    task, entry = here(Claimed(), FAILED)
    assert entry.state == "released"
    running = step(task, Adopted(there("processing", task.id)), NOW)
    assert (running.status, running.ended_at) == (Status.PROCESSING, None)
    money = ledger.after(entry, running)
    assert (money.state, money.held) == ("held", 420_000)
    failed = step(running, Seen(there("failed", task.id)), NOW)
    assert ledger.after(money, failed).state == "released"


def test_what_was_seen_at_kling_before_is_not_adopted_anew() -> None:
    task, _ = done()
    assert step(task, Adopted(there(external_id=task.id)), NOW) is task


def test_a_request_on_the_wire_is_no_difference() -> None:
    task, entry = here(Claimed())
    books = Books(tasks=(there("submitted", task.id),))
    assert compare([task], {task.id: entry}, books, SINCE, START + SETTLING_SECONDS - 1) == []


def test_a_task_that_failed_unsent_and_failed_there_too_is_no_difference() -> None:
    task, entry = here(Claimed(), FAILED)
    assert differing((task, entry), there("failed", task.id)) == []


@pytest.mark.parametrize(
    ("events", "status", "words"),
    [
        ((Seen(there("processing")),), "succeeded", "next look"),
        ((Seen(there("processing")),), "failed", "next look"),
        ((Seen(there("failed")),), "succeeded", "otherwise there"),
        ((Seen(there()), Stored(())), "processing", "still runs there"),
        ((Seen(there()), Stored(())), "failed", "otherwise there"),
    ],
)
def test_another_status_is_named(events: tuple[Event, ...], status: str, words: str) -> None:
    task, entry = here(Claimed(), *events)
    (found,) = differing((task, entry), there(status, task.id))
    assert told(found) == [("status", task.status.value, status)]
    assert words in found.words


def test_a_task_that_is_here_and_was_asked_for_in_vain_is_missing_there() -> None:
    for story in ((Seen(there("processing")),), (Seen(there()), Stored(()))):
        task, entry = here(Claimed(), *story)
        (found,) = differing((task, entry), absent=True)
        assert told(found) == [("missing", task.status.value, "not shown")]
        assert (found.remote_id, found.words) == ("r-1", "Kling accepted it, and does not show it.")
        assert differing((task, entry)) == [], "not asked for: nothing is claimed"
    unsure = here(Claimed(), Doubted("cut"))
    (found,) = differing(unsure, absent=True)
    assert "as far as can be seen it never got in" in found.words


def test_what_nobody_can_expect_to_be_shown_is_not_missing() -> None:
    waiting, _ = here()
    withdrawn, _ = here(Withdrawn())
    refused, _ = here(Claimed(), FAILED)
    old, _ = here(Claimed(), Seen(there()), now=SINCE - 99)
    old = replace(old, accepted_at=SINCE - 50)
    new = replace(done()[0], accepted_at=NOW - 1)
    spoken, _ = done()
    spoken = replace(spoken, plan=replace(spoken.plan, spec=SpeechSpec(speech=None)))  # type: ignore[arg-type]
    assert not any(should_show(task, SINCE, NOW) for task in (waiting, withdrawn, refused, old, new, spoken))
    assert should_show(done()[0], SINCE, NOW)


@pytest.mark.parametrize(
    ("ours", "deductions", "charge", "expected"),
    [
        (done(), (), Charge(units=Decimal(4)), ("$0.42", "$0.56 (4 units)")),
        (done(), (), Charge(usd=Decimal("0.5")), ("$0.42", "$0.50")),
        (done(), (a_deduction(units="1"), a_deduction(units="1")), CHARGE, ("$0.42", "$0.28 (2 units)")),
        (here(Claimed(), Seen(there("failed"))), (a_deduction(),), None, ("$0.00", "$0.42 (3 units)")),
    ],
    ids=["more units", "money", "two deductions", "a failure that was charged"],
)
def test_another_charge_is_named(
    ours: tuple[Task, Entry], deductions: tuple[Deduction, ...], charge: Charge | None, expected: tuple[str, str]
) -> None:
    status = "failed" if ours[0].status is Status.FAILED else "succeeded"
    (found,) = differing(ours, there(status, charge=charge), deductions=deductions)
    assert told(found) == [("charge", *expected)]


def test_money_whose_fate_was_not_known_is_named_once_the_bill_tells_it() -> None:
    lost = Rejected(Failure(code="answer_lost", message="", spent="unknown"))
    task, entry = here(Claimed(), lost)
    assert entry.state == "held"
    task = replace(task, remote=REMOTE)
    (found,) = differing((task, entry), there("failed"), deductions=(a_deduction(),))
    assert told(found) == [("charge", "$0.42 held, not known", "$0.42 (3 units)")]


def test_a_charge_that_one_side_does_not_know_is_not_compared() -> None:
    unpriced = a_task(price=Price.exact(PRICE, Decimal(3)))
    entry = ledger.hold(unpriced, "2026-11-18", ledger.Spent(), RICH)
    task = step(step(unpriced, Claimed(), START), Seen(there(charge=Charge(usd=PRICE))), START)
    yuan = Deduction(task_id="r-1", at=START, product="", model="", amount=Decimal(3), currency="CNY")
    assert differing(done(), there()) == []
    assert differing(done(), there(), deductions=(yuan,)) == []
    assert differing((task, ledger.after(entry, task)), there(charge=CHARGE)) == [], "no unit has a price"
    running = here(Claimed(), Seen(there("processing")))
    assert differing(running, there("processing", charge=Charge(units=Decimal(9)))) == []


def test_calls_before_a_task_have_bills_of_their_own() -> None:
    task, entry = here(Claimed(), Seen(there(charge=CHARGE)), Stored(()))
    task = replace(task, prepared=(Prepared(step="speech", units=Decimal("0.5")),))
    entry = replace(entry, charged=490_000)
    step_bill = a_deduction("tts-7", "0.5")
    assert differing((task, entry), there(), deductions=(a_deduction(), step_bill)) == []
    second = a_deduction("tts-8", "0.5")
    (found,) = differing((task, entry), there(), deductions=(a_deduction(), step_bill, second))
    assert (found.kind, found.remote_id) == ("deduction", "tts-8")


def test_a_deduction_for_what_nobody_lists_is_named() -> None:
    found = differing(None, deductions=(a_deduction("r-9"),))
    assert [(one.kind, one.remote_id) for one in found] == [("deduction", "r-9")]
    assert found[0].there.startswith("3 units for video, 2026-11-1")
    yuan = Deduction(task_id="", at=0.0, product="", model="", amount=Decimal("2.50"), currency="CNY")
    assert [one.there for one in differing(None, deductions=(yuan,))] == ["2.5 CNY for a task"]


@given(
    st.lists(
        st.sampled_from([Claimed(), Doubted("cut"), Seen(there("processing")), Seen(there()), FAILED, Withdrawn()])
    ),
    st.sampled_from(["submitted", "processing", "succeeded", "failed"]),
    st.booleans(),
    st.booleans(),
)
def test_a_comparison_never_fails_and_names_a_standing_once(
    events: list[Event], status: str, shown: bool, ours: bool
) -> None:
    task, entry = here(*events)
    seen = (
        [there(status, task.id if ours else "someone's", Remote("r-1" if ours else "r-2", "p", "h"))] if shown else []
    )
    found = differing((task, entry), *seen, absent=True)
    standings = [one for one in found if one.kind in {"lost", "missing", "status"}]
    assert len([one for one in standings if one.task_id == task.id]) <= 1
    assert [one.kind for one in found].count("unknown") == (shown and not ours)

"""The law of money: over any story it is conserved, and only the provider itself can pass a budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from tests.jobs.house import START, a_task
from tests.promises import keeps

from kling_tools.jobs import ledger
from kling_tools.jobs.ledger import Budget, Entry
from kling_tools.model.errors import OverBudget
from kling_tools.model.money import Price, to_micros
from kling_tools.model.status import Status
from kling_tools.model.step import step
from kling_tools.model.tasks import (
    Charge,
    Claimed,
    Doubted,
    Event,
    Failure,
    Hindered,
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

BUDGET = Budget(Decimal("1.0"), Decimal("2.5"))
DAY = "2026-11-18"
cents = st.decimals(min_value=0, max_value=2, places=3)


def spent_by(entry: Entry) -> int:
    """Return what an entry takes of the day, told anew: what is held until it is settled or released."""
    return {"held": entry.held, "settled": entry.charged, "released": 0}[entry.state]


@dataclass
class Line:
    """A task, its entry, and the most it was ever charged."""

    task: Task
    entry: Entry
    overcharged: int = 0


class Ledger(RuleBasedStateMachine):
    """Tasks come, things happen to them, and the day's sum has to stay right."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, Line] = {}

    @property
    def spent(self) -> int:
        return sum(spent_by(line.entry) for line in self.lines.values())

    @rule(target=ids, usd=cents, simulated=st.just(False))
    def wish(self, usd: Decimal, simulated: bool) -> object:
        """Ask for a task."""
        task = a_task(price=Price.exact(usd), simulated=simulated)
        before = self.spent
        left = max(0, to_micros(BUDGET.per_day) - before)  # what is free fits also where too much was taken
        fits = usd <= BUDGET.per_call and to_micros(usd) <= left
        try:
            entry = ledger.hold(task, DAY, ledger.Spent(before), BUDGET)
        except OverBudget:
            assert not fits
            return multiple()
        assert fits
        assert self.spent + entry.held - before == to_micros(usd)
        self.lines[task.id] = Line(task, entry)
        return task.id

    @rule(task_id=ids, event=st.sampled_from(["claim", "back", "doubt", "hinder", "store", "withdraw"]))
    def happen(self, task_id: str, event: str) -> None:
        """Let something happen on our side."""
        events: dict[str, Event] = {
            "claim": Claimed(),
            "back": PutBack("no slot", 1),
            "doubt": Doubted("cut"),
            "hinder": Hindered("no network"),
            "store": Stored(()),
            "withdraw": Withdrawn(),
        }
        self._tell(task_id, events[event])

    @rule(task_id=ids, spent=st.sampled_from(["no", "yes", "unknown"]))
    def reject(self, task_id: str, spent: str) -> None:
        """Let the task be refused."""
        self._tell(task_id, Rejected(Failure(code="moderated", message="", spent=spent)))  # type: ignore[arg-type]

    @rule(
        task_id=ids,
        status=st.sampled_from(["submitted", "processing", "succeeded", "failed"]),
        usd=st.none() | cents,
    )
    def look(self, task_id: str, status: str, usd: Decimal | None) -> None:
        """Let the provider tell where it stands, perhaps with a charge."""
        outputs = (RemoteOutput(kind="video", url="u"),) if status == "succeeded" else ()
        charge = None if usd is None else Charge(usd=usd)
        seen = Observation(
            remote=Remote("r", "p", "h"),
            external_id=task_id,
            status=status,
            outputs=outputs,
            charge=charge,  # type: ignore[arg-type]
        )
        self._tell(task_id, Seen(seen))

    def _tell(self, task_id: str, event: Event) -> None:
        line = self.lines[task_id]
        task = step(line.task, event, START)
        if task is line.task:
            return
        entry = ledger.after(line.entry, task)
        assert ledger.after(entry, task) == entry, "settling twice is settling once"
        assert entry.held == line.entry.held, "what was held is never rewritten"
        if line.entry.state == "released":
            assert entry.state == "released", "what was given back stays given back"
        self.lines[task_id] = replace(line, task=task, entry=entry)
        self.lines[task_id].overcharged = max(0, spent_by(entry) - entry.held)

    @invariant()
    def the_budget_holds_but_for_what_the_provider_took_beyond_its_price(self) -> None:
        assert self.spent <= to_micros(BUDGET.per_day) + sum(line.overcharged for line in self.lines.values())

    @invariant()
    def every_end_is_accounted_for(self) -> None:
        for line in self.lines.values():
            status, entry, charge = line.task.status, line.entry, line.task.charge
            charged = 0 if charge is None or charge.usd is None else to_micros(charge.usd)
            if entry.state != "settled":
                assert entry.charged == 0
            if status is Status.CANCELLED:
                assert entry.state == "released"
            if status is Status.SUCCEEDED or status is Status.FETCHING:
                assert (entry.state, entry.charged) == ("settled", entry.held if charge is None else charged)
            if status is Status.FAILED and line.task.failure and line.task.failure.spent == "no" and not charged:
                assert entry.state == "released"
            if status is Status.QUEUED:
                assert entry.state == "held"


@keeps("within-budget")
def test_money_is_conserved_over_any_story() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Ledger, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))

"""What is asked of the journal, and what it answers: values that faces and rooms above pass on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from kling_tools.model.status import TERMINAL, Status
from kling_tools.model.tasks import Task

#: When a task was made, and its id.
Position = tuple[float, str]


@dataclass(frozen=True)
class Enqueued:
    """The task that stands for a request; `repeated` when it was there already, else with the `parts` of a film."""

    task: Task
    repeated: bool
    parts: tuple[Task, ...] = ()


@dataclass(frozen=True)
class Claim:
    """Who last claimed a task: the mark of the credentials, and the name of the process. Empty is not known."""

    sender: str = ""
    owner: str = ""


NOBODY = Claim()


@dataclass(frozen=True)
class Happening:
    """One line of a task's history."""

    at: float
    event: str
    status: str
    detail: str


@dataclass(frozen=True)
class Spending:
    """What one model took at one account on one local day, in US dollars; what is held counts."""

    day: str
    model: str
    account: str
    tasks: int
    usd: Decimal


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which tasks of the journal; `before` is a position from an earlier page, `parts` also the shots of films.

    `caller` None is everybody's.
    """

    statuses: tuple[str, ...] = ()
    words: str = ""
    since: float = 0.0
    limit: int = 20
    parts: bool = True
    before: Position | None = None
    caller: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of the journal, newest first: `total` match in all, and where `more` is set, more than that.

    `unreadable` are the ids of what stands here and cannot be read; `end` is where the next page begins, if any.
    """

    tasks: list[Task]
    total: int
    more: bool = False
    unreadable: tuple[str, ...] = ()
    end: Position | None = None

    @property
    def counted(self) -> str:
        """Return how many match, for people."""
        return f"more than {self.total}" if self.more else str(self.total)


def running_statuses() -> tuple[str, ...]:
    """Return every status of a task that has not ended."""
    return tuple(s.value for s in Status if s not in TERMINAL)

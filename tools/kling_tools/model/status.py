"""Where a task stands, and which way it may go from there.

    waiting -> queued -> submitting -> submitted -> processing -> fetching -> succeeded
       |          |          |  `-> unsure (the wire broke) -> found, or sent again with the same id
       `----------`-> cancelled, failed

`waiting`: for other tasks of ours, whose results go in; it takes no place in the queue. A film, which is never sent,
goes on from there to `fetching`, which is its joining. `queued`: the intent and the held money are in the journal,
nothing was sent. `submitting`: a byte may have left. `fetching`: the provider is done, the file is not yet on our disk.
The three inner states are shown to agents as `queued` and `processing`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

#: What is done on this machine: nobody is asked, and nothing is spent. Also the account of its tasks.
LOCAL: Final = "local"

Shown = Literal["queued", "submitted", "processing", "succeeded", "failed", "cancelled", "unsure"]


class Status(StrEnum):
    """Where a task stands."""

    WAITING = "waiting"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    UNSURE = "unsure"
    SUBMITTED = "submitted"
    PROCESSING = "processing"
    FETCHING = "fetching"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in TERMINAL

    @property
    def shown(self) -> Shown:
        """The word agents see."""
        return _SHOWN[self]


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})
LOOKED_AT = frozenset({Status.SUBMITTED, Status.PROCESSING})
_SHOWN: dict[Status, Shown] = {
    Status.WAITING: "queued",
    Status.QUEUED: "queued",
    Status.SUBMITTING: "queued",
    Status.UNSURE: "unsure",
    Status.SUBMITTED: "submitted",
    Status.PROCESSING: "processing",
    Status.FETCHING: "processing",
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}

LEGAL: dict[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.QUEUED, Status.FETCHING, Status.CANCELLED, Status.FAILED}),
    # Straight to submitted and beyond: a task that was put back, and turns out to have been accepted after all.
    Status.QUEUED: frozenset(
        {
            Status.SUBMITTING,
            Status.SUBMITTED,
            Status.PROCESSING,
            Status.FETCHING,
            Status.CANCELLED,
            Status.FAILED,
        }
    ),
    Status.SUBMITTING: frozenset(
        {Status.QUEUED, Status.SUBMITTED, Status.PROCESSING, Status.FETCHING, Status.UNSURE, Status.FAILED}
    ),
    Status.UNSURE: frozenset({Status.QUEUED, Status.SUBMITTED, Status.PROCESSING, Status.FETCHING, Status.FAILED}),
    # Cancelled: where the provider can take it back, and has said that it did.
    Status.SUBMITTED: frozenset({Status.PROCESSING, Status.FETCHING, Status.CANCELLED, Status.FAILED}),
    Status.PROCESSING: frozenset({Status.FETCHING, Status.CANCELLED, Status.FAILED}),
    Status.FETCHING: frozenset({Status.SUCCEEDED, Status.FAILED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}

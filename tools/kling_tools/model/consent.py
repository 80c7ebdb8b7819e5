"""What a person agreed to when a price was put before them, and nothing beyond it.

It names the task it is for, by the id which that task will have: an answer that is posted twice names one task, and
the journal takes a task once.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Consent:
    """Consent to one task at an account with a model, for at most `most` US dollars; None: to a price nobody knows."""

    task_id: str
    account: str
    model: str
    most: Decimal | None

    def covers(self, account: str, model: str, most: Decimal | None) -> bool:
        """Whether this was agreed to, or something dearer of the same kind."""
        if (account, model) != (self.account, self.model):
            return False
        if self.most is None or most is None:
            return self.most is most
        return most <= self.most

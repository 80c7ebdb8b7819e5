"""Taking a task back: what waits is never sent, and what was sent is asked back where its provider has such a call."""

from __future__ import annotations

from collections.abc import Sequence

from kling_tools.jobs.account import Account
from kling_tools.jobs.journal import Journal
from kling_tools.model.errors import KlingError
from kling_tools.model.status import LOOKED_AT, Status
from kling_tools.model.tasks import CalledOff, Hindered, Task, Withdrawn

#: On its way out, or just put back: what becomes of it shows in a moment.
UNDECIDED = frozenset({Status.QUEUED, Status.SUBMITTING})
_WAITS = frozenset({Status.QUEUED, Status.WAITING})


async def withdraw(journal: Journal, account: Account | None, task: Task, shots: Sequence[Task] | None) -> bool:
    """Take a task back as far as that goes; `shots` are a film's.

    Returns whether a shot is on its way out, so that it may wait again in a moment.
    """
    if shots is not None:
        return await _film(journal, task, shots)
    if task.status in LOOKED_AT and account is not None and task.remote is not None:
        try:
            granted = await account.client.cancel(task.remote)
        except KlingError as error:
            await journal.apply(task.id, Hindered(f"It was not cancelled: {error.message}"), standing=task)
        else:
            if granted:
                await journal.apply(task.id, CalledOff(), standing=task)
    if task.status in _WAITS:
        # Only as it stands here: whoever claims it first sends it, and then it is not ours to take back.
        await journal.apply(task.id, Withdrawn(), standing=task)
    return False


async def _film(journal: Journal, film: Task, shots: Sequence[Task]) -> bool:
    """Take back every shot that waits, and the film with them; what was sent goes on without it."""
    own = [shot for shot in shots if shot.part_of == film.id]
    waiting = [shot.id for shot in own if shot.status in _WAITS]
    if waiting or not own:
        await journal.apply_all([(task_id, Withdrawn()) for task_id in [film.id, *waiting]])
    return any(shot.status is Status.SUBMITTING for shot in own)

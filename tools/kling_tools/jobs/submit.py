"""The one way a paid request leaves the house: claimed in the journal, sent, and the outcome written down.

Between the claim and the outcome the task is `submitting`; a crash there leaves it so, and it is asked about, by its
own id, before anything else is done. Only what provably did not get in is sent again at once.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from kling_tools.catalog.catalog import priced
from kling_tools.jobs.account import Account
from kling_tools.model.errors import (
    Busy,
    KlingError,
    ProviderBroken,
    ProviderRefused,
    Refused,
    StorageUnavailable,
    Unreachable,
    Unsure,
)
from kling_tools.model.plan import Order
from kling_tools.model.status import Status
from kling_tools.model.tasks import Doubted, Event, Failure, Hindered, Observation, PutBack, Rejected, Seen, Task

log = logging.getLogger(__name__)

#: Longer than the provider's worst time to accept a request plus its look-up lag: only then does "not found" mean
#: "never accepted". Shorter values were shown to buy twice.
QUARANTINE_SECONDS = 120.0
#: How long a task may wait for a network that is not there before it is given up, unsent.
PATIENCE_SECONDS = 600.0


async def submit(account: Account, task: Task, order: Order | None = None) -> tuple[Task, KlingError | None]:
    """Send a queued task if it is ours to send; returns the task as it now is, and the refusal if there was one."""
    try:
        order = order or await account.orders.resume(task)
    except KlingError as error:
        return await account.journal.apply(task.id, Rejected(Failure.of(error))), error
    claimed = await account.journal.claim(task.id, account.slots)
    if claimed is None:
        return await _left_waiting(account, task), None
    event, refusal = await _send(account, claimed, order)
    try:
        return await account.journal.apply(task.id, event), refusal
    except StorageUnavailable as error:
        if refusal is not None:
            raise refusal from error
        # It was sent. The journal still says so, and asks about it once it can be written again.
        raise Unsure(f"Task {task.id} was sent, and its outcome could not be written down: {error.message}") from error


async def resolve(account: Account, task: Task) -> Task:
    """Find out what became of a submit whose answer was lost; send it again only when it provably never got in."""
    # Judged before the look-up: a request that is accepted while we ask must not be taken for lost.
    old_enough = account.journal.now() - (task.sent_at or 0) > QUARANTINE_SECONDS
    try:
        found = await account.client.find(task.id, account.client.product(task.plan))
    except KlingError as error:
        return await account.journal.apply(task.id, Hindered(error.message))
    if found is not None:
        return await account.journal.apply(task.id, _told(found))
    if not old_enough:
        return task
    return await account.journal.apply(task.id, PutBack("The first attempt never arrived; it is sent again.", 0.0))


async def _left_waiting(account: Account, task: Task) -> Task:
    now = (await account.journal.get([task.id])).get(task.id, task)
    if now.status is not Status.QUEUED or now.not_before > account.journal.now():
        return now
    return await account.journal.apply(task.id, Hindered(f"All {account.slots} slots are taken; it waits its turn."))


async def _send(account: Account, task: Task, order: Order) -> tuple[Event, KlingError | None]:
    try:
        return _told(await account.client.submit(order)), None
    except Unreachable as error:
        if account.journal.now() - task.created > PATIENCE_SECONDS:
            return Rejected(Failure.of(error)), error
        return PutBack(error.message, _backoff(task)), None
    except Busy as error:
        return PutBack(error.message, _backoff(task)), None
    except (Unsure, ProviderBroken) as error:
        return Doubted(error.message), None
    except (ProviderRefused, Refused) as error:
        return Rejected(Failure.of(error)), error
    except Exception:
        # A fault of ours after the claim: a byte may have left, so it is a doubt like any other.
        log.exception("task %s: submitting broke", task.id)
        return Doubted("Sending was interrupted by a fault in this program."), None


def _told(found: Observation) -> Seen:
    # A task that is adopted late may be at its end, and its charge is in units.
    return Seen(replace(found, charge=priced(found.charge)))


def _backoff(task: Task) -> float:
    return float(min(30, 2 ** min(task.attempts, 5)))

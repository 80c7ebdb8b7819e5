"""The one way a paid request leaves the house: claimed in the journal, sent, and the outcome written down.

Between the claim and the outcome the task is `submitting`; a crash there leaves it so, and it is asked about, by its
own id, before anything else is done. Only what provably did not get in is sent again at once. What a living process has
claimed, and be it suspended, is that one's to send: where the provider shows it, it is adopted, and no more.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from kling_tools.jobs.account import Account
from kling_tools.jobs.doubts import unasked
from kling_tools.jobs.questions import Claim
from kling_tools.jobs.telling import spanned
from kling_tools.model.errors import (
    Busy,
    KlingError,
    ProviderBroken,
    ProviderRefused,
    Refused,
    StorageUnavailable,
    TaskUnreadable,
    TooManyRequests,
    Unreachable,
    Unsure,
)
from kling_tools.model.plan import Order, Prepared
from kling_tools.model.status import Status
from kling_tools.model.tasks import (
    Advanced,
    Claimed,
    Doubted,
    Event,
    Failure,
    Hindered,
    PutBack,
    Rejected,
    Seen,
    Task,
)

log = logging.getLogger(__name__)

#: How long a task may wait for a network that is not there before it is given up, unsent.
PATIENCE_SECONDS = 600.0
#: How long it may wait for anything else, such as slots that other programs keep taken. A queue of many videos takes
#: hours; but nobody expects to pay for what they asked for last week.
LONGEST_WAIT_SECONDS = 86_400.0
#: A process that needed longer from the claim to the sending was stopped in between. Its lock keeps others from judging
#: so long as it stands; where the database forgot it, this does, with the time that every judgement takes.
STALE_SECONDS = 60.0
#: How long an outcome that cannot be written down is kept in mind before the next attempt to write it.
WRITE_AGAIN_SECONDS = 5.0


@spanned("kling.submit")
async def submit(account: Account, task: Task, order: Order | None = None) -> tuple[Task, KlingError | None]:
    """Send a queued task if it is ours to send; returns the task as it now is, and the refusal if there was one.

    A task of several calls makes one after the other, each claimed and written down like the only one of another.
    """
    while True:
        current, refusal = await _once(account, task, order)
        if refusal is not None and current.failure is not None:
            refusal.spent = current.failure.spent  # the last call was free, an earlier one was not
        if refusal is not None or len(current.prepared) <= len(task.prepared):
            return current, refusal
        task, order = current, None if order is None else replace(order, prepared=current.prepared)


async def _once(account: Account, task: Task, order: Order | None) -> tuple[Task, KlingError | None]:
    try:
        if account.journal.now() - task.created > LONGEST_WAIT_SECONDS:
            raise Busy("It could not be sent for a day.", advice="Create it again if it is still wanted.")
        order = await account.client.lifted(order or await account.orders.resume(task))
        claiming = await _claiming(account, order)
        started = account.journal.clock.monotonic()
        owner = await account.presence.name()
        if not account.throttle.take(account.journal.clock.monotonic()):
            full = f"{account.connection.vendor.title} takes no more at a time"
            return await _left_waiting(account, task, full), None
        by = Claim(account.sender, owner)
        claimed = await account.journal.claim(task.id, account.slots, by, claiming)
    except StorageUnavailable as error:
        # The intent is written and will be sent: to call it refused would have it bought twice.
        return replace(task, trouble=error.message), None
    except (Unreachable, ProviderBroken, TooManyRequests) as error:  # a file did not get up: nothing was claimed yet
        return await _not_lifted(account, task, error)
    except KlingError as error:
        # Only while it waits: another process may have claimed it, and what that one sends is not ours to end.
        now = await account.journal.apply(task.id, Rejected(Failure.of(error)), standing=task)
        return now, error if now.status is Status.FAILED else None
    if claimed is None:
        return await _left_waiting(account, task, f"All {account.slots} slots are taken"), None
    held_up = account.journal.clock.monotonic() - started > STALE_SECONDS
    if held_up or not await account.presence.stands(owner):
        # Others may take this process for dead and judge. Nothing has left; where they have begun anew, theirs counts.
        return await _written(account, claimed, PutBack("It was held up before it was sent.", 0.0)), None
    if claimed.prepared != order.prepared:  # another process has gone on with it since
        order = replace(order, prepared=claimed.prepared)
    event, refusal = await _send(account, claimed, order)
    return await _written(account, claimed, event), refusal


async def _not_lifted(account: Account, task: Task, error: KlingError) -> tuple[Task, KlingError | None]:
    """Leave a task waiting whose files did not get to the provider; after a while it is given up, unsent."""
    if account.journal.now() - task.created <= PATIENCE_SECONDS:
        words = f"Its files could not be sent up yet: {error.message}"
        return await account.journal.apply(task.id, Hindered(words), standing=task), None
    failure = replace(Failure.of(error), spent="no")
    now = await account.journal.apply(task.id, Rejected(failure), standing=task)
    return now, error if now.status is Status.FAILED else None


async def _claiming(account: Account, order: Order) -> Claimed:
    """Return what is to be known later of a create whose answer may be lost.

    Raises:
        Refused: it cannot be encoded.
    """
    if order.plan.route.finds:
        return Claimed()
    try:
        mark = account.client.mark(order)
    except KlingError:
        raise
    except Exception:  # a fault of ours is met again where it is sent, and told there
        mark = ""
    return Claimed(mark, None if mark else await account.client.purse())


async def _left_waiting(account: Account, task: Task, why: str) -> Task:
    now = (await account.journal.get([task.id])).get(task.id, task)
    if now.status is not Status.QUEUED or not account.journal.is_due(now):
        return now
    return await account.journal.apply(task.id, Hindered(f"{why}; it waits its turn."), standing=now)


async def _send(account: Account, task: Task, order: Order) -> tuple[Event, KlingError | None]:
    try:
        outcome = await account.client.submit(order)
        account.throttle.faster()
        return Advanced(outcome) if isinstance(outcome, Prepared) else Seen(outcome), None
    except Unreachable as error:
        if task.plan.passable:
            return Rejected(Failure.of(error)), error
        # Where an earlier call or shot is paid for, a wire that is gone for a moment is no reason to give that away.
        if not (task.prepared or task.plan.after) and account.journal.now() - task.created > PATIENCE_SECONDS:
            return Rejected(Failure.of(error)), error
        return PutBack(error.message, _backoff(task)), None
    except Busy as error:
        if isinstance(error, TooManyRequests):  # one that is told so is enough: the others wait without asking
            account.throttle.slower(account.journal.clock.monotonic(), error.wait)
        return PutBack(error.message, _backoff(task)), None
    except (Unsure, ProviderBroken) as error:
        return Doubted(error.message if task.plan.route.finds else f"{error.message} {unasked(account, task)}"), None
    except (ProviderRefused, Refused) as error:
        return Rejected(Failure.of(error)), error
    except Exception:
        # A fault of ours after the claim: a byte may have left, so it is a doubt like any other.
        log.exception("task %s: submitting broke", task.id)
        words = "Sending was interrupted by a fault in this program."
        return Doubted(words if task.plan.route.finds else f"{words} {unasked(account, task)}"), None


async def _written(account: Account, claimed: Task, event: Event) -> Task:
    """Write the outcome down, however long the disk refuses: a "no" that is forgotten would be asked about, not found,
    and sent again, after the person was told that nothing was bought."""
    while True:
        try:
            return await account.journal.apply(claimed.id, event, standing=claimed)
        except TaskUnreadable as error:
            # It was sent: to raise this would tell the person that nothing was.
            return replace(claimed, trouble=error.message)
        except StorageUnavailable as error:
            log.error("task %s: its outcome cannot be written down yet: %s", claimed.id, error)
            await account.journal.clock.sleep(WRITE_AGAIN_SECONDS)


def _backoff(task: Task) -> float:
    return float(min(30, 2 ** min(task.attempts, 5)))

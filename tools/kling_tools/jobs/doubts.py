"""What becomes of a submit whose answer was lost: found again where the provider can tell, else held and told.

A task is sent again only where it provably never got in. A provider that cannot be asked by our id may show what it
was asked for in a list of its own: one task there with the very same request, made just then, that is nobody else's
here, is the one that was sent. Of two doubts neither takes what may be the other's, and nothing is taken twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from kling_tools.client.client import SUBMIT_SECONDS
from kling_tools.jobs.account import Account
from kling_tools.jobs.database import Connection
from kling_tools.jobs.documents import load
from kling_tools.jobs.journal import Guard
from kling_tools.jobs.questions import Claim
from kling_tools.jobs.rows import sent_since
from kling_tools.jobs.vigil import Vigil
from kling_tools.model.errors import AnswerLost, KlingError, TaskUnreadable, Unreachable
from kling_tools.model.money import plain
from kling_tools.model.plan import can_be_asked_about
from kling_tools.model.status import Status
from kling_tools.model.tasks import (
    Adopted,
    Doubted,
    Failure,
    Hindered,
    Observation,
    PutBack,
    Rejected,
    Remote,
    Seen,
    Task,
)  # fmt: skip

#: How long a doubt stays open that nobody can clear up by asking: longer than any provider rings again for.
DOUBT_SECONDS = 3 * 3600.0
#: From then on no request can be accepted any more, and what a list shows of its time is all there will be of others.
SETTLED_SECONDS = SUBMIT_SECONDS + 30.0
#: By then a provider that takes the money at once has taken it.
HINT_SECONDS = 30.0
_HINT = "The balance there"
#: No task that may have to do with a doubt was sent longer before it.
_DAY = 86_400.0


async def resolve(account: Account, task: Task, vigil: Vigil) -> bool:
    """Find out what became of a submit whose answer was lost; send it again only when it provably never got in.

    Returns whether the provider could be asked and its answer could be used.
    """
    # Judged before the look-up: a request that is accepted while we ask must not be taken for lost.
    claim = await account.journal.claimed_by(task.id)
    if task.status is Status.SUBMITTING and await account.presence.lives_elsewhere(claim.owner):
        vigil.forget(task.id)  # its last byte may leave at any time, so the quarantine begins with its death
        lost = False
    elif not task.plan.route.finds:
        return await _left_open(account, task, claim, vigil)
    else:
        lost = vigil.over(task)
    if not can_be_asked_about(task.plan, task.prepared):
        return await _given_up(account, task, lost)
    try:
        found = await account.client.find(task.id, account.client.product(task.plan))
    except KlingError as error:
        await account.journal.apply(task.id, Hindered(f"{error.message} {error.advice}".strip()), standing=task)
        return False
    if found is not None:
        await account.journal.apply(task.id, Seen(found))
    elif lost and claim.sender not in ("", account.sender):
        other = "It was sent with another key, and the present one does not show it; with that key it can be found."
        await account.journal.apply(task.id, Hindered(other), standing=task)
        return False
    elif lost:
        again = PutBack("The first attempt never arrived; it is sent again.", 0.0)
        await account.journal.apply(task.id, again, standing=task)
    return True


async def _given_up(account: Account, task: Task, lost: bool) -> bool:
    """End a task whose doubtful call has no name of ours, so that nobody can tell if it arrived.

    It is never sent again by itself; while its sender may still be at work, nothing is concluded.
    """
    if task.status is Status.UNSURE or lost:
        at_stake = task.plan.price.words()
        error = AnswerLost(f"The answer to a call that cannot be looked up was lost (at most {at_stake} is at stake).")
        await account.journal.apply(task.id, Rejected(Failure.of(error)), standing=task)
    return True


async def _left_open(account: Account, task: Task, claim: Claim, vigil: Vigil) -> bool:
    """Keep a doubt that no question by our id clears up: it is never sent again, its money stays held, and the person
    is told.

    Its provider's own list may show it, and a callback may name it. After hours it is ended, and what it may have cost
    stays held. Not at a list that cannot be read just then: after a long sleep a network takes a while to come back.
    """
    vendor, waited = account.connection.vendor, account.journal.now() - (task.sent_at or task.updated)
    if task.status is Status.SUBMITTING:
        words = f"The program ended while it was being sent. {unasked(account, task)}"
        await account.journal.apply(task.id, Doubted(words), standing=task)
        return False
    try:
        found = await _shown(account, task, claim)
    except KlingError as error:
        words = f"{unasked(account, task)} That list cannot be read: {error.message}"
        await account.journal.apply(task.id, Hindered(words), standing=task)
        if waited <= DOUBT_SECONDS or not vigil.over(task):
            return False
        found = []
    if await _recognised(account, task, found):
        return True
    if waited > DOUBT_SECONDS:
        never = AnswerLost(
            f"{vendor.title} never told whether it took this task (at most {task.plan.price.words()} is at stake).",
            advice=f"It is not sent again by itself. Look at the tasks at {vendor.console}, and ask the person before "
            "you call again.",
        )
        await account.journal.apply(task.id, Rejected(Failure.of(never)), standing=task)
    elif task.purse is not None and _HINT not in task.trouble:
        await _hinted(account, task, task.purse)
    return False


async def _shown(account: Account, task: Task, claim: Claim) -> list[Observation]:
    """Return the tasks in the provider's own list that may be this one, and are nobody else's here.

    Raises:
        Unreachable, ProviderRefused, ProviderBroken: not all of them could be seen, and of a part nothing follows.
    """
    if not task.mark or task.sent_at is None or claim.sender not in ("", account.sender):
        return []
    # A name of ours is nobody else's. A request may be, as long as another may still show.
    if task.id not in task.mark and account.journal.now() - task.sent_at <= SETTLED_SECONDS:
        return []
    shown = await account.client.traces(task.mark, task.sent_at)
    others = await account.journal.sent_since(task, task.sent_at - _DAY)
    known = {other.remote.id for other in others if other.remote}
    product, host = account.client.product(task.plan), account.connection.base_url
    remotes = [Remote(id=one, product=product, host=host) for one in shown or () if one not in known]
    if not remotes:
        return []
    sight = await account.client.survey(remotes)
    if any(remote.id not in sight.seen and remote.id not in sight.absent for remote in remotes):
        raise Unreachable("Not every task in it could be looked at.")
    return [replace(sight.seen[remote.id], remote=remote) for remote in remotes if remote.id in sight.seen]


async def _recognised(account: Account, task: Task, found: Sequence[Observation]) -> bool:
    """Take over the one task in the provider's own list that can be no other than this one."""
    if len(found) > 1:
        words = f"{unasked(account, task)} {len(found)} tasks there ask for just this; which is this one is not known."
        await account.journal.apply(task.id, Hindered(words), standing=task)
    if len(found) != 1:
        return False
    note = f"Its answer was lost; it was found again in the own list of {account.connection.vendor.title}."
    event = Adopted(replace(found[0], external_id=task.id), note)
    taken = await account.journal.apply(task.id, event, standing=task, unless=is_taken(found[0].remote.id, sure=True))
    return taken.remote is not None


async def _hinted(account: Account, task: Task, before: Decimal) -> None:
    """Tell what became of the account's money: for the person to think about, and proof of nothing."""
    left = await account.client.purse()
    if left is None or account.journal.now() - (task.sent_at or 0.0) < HINT_SECONDS:
        return
    if left < before:
        moved = f"has fallen by {plain(before - left)} since it was sent, for this or for something else"
    else:
        moved = "has not fallen since it was sent, which speaks against it"
    words = f"{unasked(account, task)} {_HINT} {moved}; that proves nothing."
    await account.journal.apply(task.id, Hindered(words), standing=task)


def is_taken(remote_id: str, *, sure: bool = False) -> Guard:
    """Return whether what a provider shows is, or where it has to be `sure` may become, that of another task."""

    def taken(db: Connection, task: Task) -> bool:
        if task.remote is not None:
            return True
        db.alone(f"traces {task.account}")
        for row in sent_since(db, task, (task.sent_at or task.updated) - _DAY):
            try:
                other = load(*row)
            except TaskUnreadable:
                if sure:
                    return True
                continue
            if other.remote is not None and other.remote.id == remote_id:
                return True
            if sure and other.status is Status.SUBMITTING and other.mark == task.mark:
                return True
        return False

    return taken


async def told(account: Account, task_id: str, remote_id: str) -> None:
    """Take over a doubtful task that its provider names at the task's own callback address, after a look at it.

    Nothing happens where there is no such task.

    Raises:
        Unreachable, ProviderRefused, ProviderBroken: the look was not answered; nothing was changed.
    """
    task = (await account.journal.get([task_id])).get(task_id)
    if task is None or task.remote is not None or task.account != account.name or task.attempts == 0:
        return
    remote = Remote(id=remote_id, product=account.client.product(task.plan), host=account.connection.base_url)
    for seen in await account.client.look([remote]):
        known = replace(seen, external_id=task.id)
        event = Adopted(known, "Its provider named it in a callback.") if task.status.ended else Seen(known)
        await account.journal.apply(task.id, event, unless=is_taken(remote_id))


def unasked(account: Account, task: Task) -> str:
    """Return what a person should know of a doubt that no question by our id clears up."""
    vendor = account.connection.vendor
    told = (
        f"{vendor.title} cannot be asked by our id whether it took the task, so it is never sent again by itself, and "
        "its price stays held."
    )
    if task.mark:
        return f"{told} Its own list is searched for this very request meanwhile."
    return f"{told} Look at the tasks at {vendor.console}; create it again only if nothing is found there."

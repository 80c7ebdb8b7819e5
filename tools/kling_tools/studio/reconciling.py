"""The journal beside the account's own books: both are read, by free calls only, and what differs is named.

Nothing is changed by itself. Adopting takes over what Kling has under an id of ours that was believed lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kling_tools.jobs.account import Account
from kling_tools.jobs.questions import Search
from kling_tools.jobs.reconcile import Books, Difference, compare, should_show
from kling_tools.model.errors import KlingError
from kling_tools.model.library import Deduction
from kling_tools.model.tasks import Adopted, Observation, Task

#: Kling keeps tasks for 30 days (kling-official 2.6): beyond, nothing can be compared.
MOST_DAYS = 30
#: A task may wait for a day before it is sent, and be in Kling's list of a later day than in ours.
_EDGE = 2 * 86_400.0
_PAGE = 500
#: How far a bill is followed: 20 pages of 500 are 10,000 deductions.
_PAGES = 20
#: How many tasks are asked for one by one that the list does not show.
_MOST_ASKED = 100


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """One account compared: how many tasks each side has since then, what differs, and what could not be asked.

    `adopted` are our ids of the tasks that were taken over.
    """

    account: str
    simulated: bool
    since: float
    here: int
    there: int
    differences: tuple[Difference, ...]
    adopted: tuple[str, ...]
    trouble: tuple[str, ...]

    @property
    def left(self) -> tuple[Difference, ...]:
        """What still differs: everything but what was adopted."""
        return tuple(one for one in self.differences if one.kind != "lost" or one.task_id not in self.adopted)


async def reconcile(account: Account, days: int, *, adopt: bool = False) -> Reconciled:
    """Compare the journal with the account's list and billing of the last days, at most 30.

    Raises:
        Unreachable, ProviderRefused, ProviderBroken: nothing of the list could be read.
    """
    now = account.journal.now()
    since = now - min(days, MOST_DAYS) * 86_400.0
    seen, trouble = await _listed(account, since - _EDGE)
    tasks = await _ours(account, since, seen)
    asked, absent, more = await _asked(account, tasks, seen, since)
    seen, trouble = [*seen, *asked], [*trouble, *more]
    unreadable = [one for one in seen if one.external_id in account.journal.unreadable]
    trouble += (f"{account.journal.unreadable[one.external_id].message} Kling: {one.status}." for one in unreadable)
    seen = [one for one in seen if one not in unreadable]
    deductions, more = await _billed(account, since, now)
    trouble += more
    entries = {task.id: entry for task in tasks if (entry := await account.journal.entry(task.id)) is not None}
    books = Books(tasks=await _of_this_account(account, seen), deductions=deductions, absent=absent)
    differences = compare(tasks, entries, books, since, now)
    adopted = await _adopt(account, differences) if adopt else []
    return Reconciled(
        account=account.name,
        simulated=account.simulated or any(one.simulated for one in seen),
        since=since,
        here=sum(task.created >= since for task in tasks),
        there=sum(one.created is None or one.created >= since for one in seen),
        differences=tuple(differences),
        adopted=tuple(adopted),
        trouble=tuple(trouble),
    )


async def _listed(account: Account, since: float) -> tuple[list[Observation], list[str]]:
    """Return what the account's lists show, and which of them could not be read."""
    found: dict[str, Observation] = {}
    trouble: list[str] = []
    broken: KlingError | None = None
    lists = account.connection.dialect.lists
    if not lists:
        trouble.append(f"{account.connection.vendor.title} has no list of tasks: only those known here are compared.")
    for product in lists:
        try:
            listed = await account.client.listed(product, since=since)
        except KlingError as error:
            broken = broken or error
            trouble.append(f"The list of {product or 'tasks'} could not be read: {error.message}")
            continue
        found |= {one.remote.id: one for one in listed.observations}
        if not listed.whole:
            trouble.append(f"The list of {product or 'tasks'} is longer than is followed; it is not compared whole.")
    if broken is not None and len(trouble) == len(lists) and not found:
        raise broken
    return list(found.values()), trouble


async def _ours(account: Account, since: float, seen: Sequence[Observation]) -> list[Task]:
    """Return the account's tasks since a while before, and those that its list names however old they are."""
    found: dict[str, Task] = {}
    before: tuple[float, str] | None = None
    while True:
        wanted = Search(since=since - _EDGE, limit=_PAGE, before=before)
        page = await account.journal.search(wanted)
        found |= {task.id: task for task in page.tasks}
        if page.end is None:
            break
        before = page.end
    found |= await account.journal.get([one.external_id for one in seen if one.external_id not in found])
    return [task for task in found.values() if task.account == account.name]


async def _asked(
    account: Account, tasks: Sequence[Task], seen: Sequence[Observation], since: float
) -> tuple[list[Observation], frozenset[str], list[str]]:
    """Ask for what the list does not show, one by one: it may be late, or leave a product out.

    Returns what was found, our ids of what is not there, and what could not be asked.
    """
    shown = {one.remote.id for one in seen} | {one.external_id for one in seen}
    now = account.journal.now()
    missing = [t for t in tasks if should_show(t, since, now) and not {t.id, t.remote and t.remote.id} & shown]
    found: list[Observation] = []
    absent: set[str] = set()
    for task in missing[:_MOST_ASKED]:
        try:
            one = await _one(account, task)
        except KlingError as error:
            return found, frozenset(absent), [f"Not every task could be asked about: {error.message}"]
        if one is None:
            absent.add(task.id)
        else:
            found.append(one)
    left = len(missing) - _MOST_ASKED
    more = [f"{left} more tasks that the list does not show were not asked about."] if left > 0 else []
    return found, frozenset(absent), more


async def _one(account: Account, task: Task) -> Observation | None:
    if task.remote is None:
        return await account.client.find(task.id, account.client.product(task.plan))
    return next(iter(await account.client.look([task.remote])), None)


async def _billed(account: Account, since: float, now: float) -> tuple[tuple[Deduction, ...], list[str]]:
    """Return what was deducted, from packs and of money, and what of that could not be read."""
    found: list[Deduction] = []
    trouble: list[str] = []
    if not account.connection.official:
        return (), []
    for cash in (False, True):
        cursor, name = "", "money" if cash else "packs"
        try:
            for _ in range(_PAGES):
                page = await account.client.desk.deductions(cash, since, now, cursor)
                found += page.deductions
                cursor = page.cursor
                if not cursor:
                    break
            else:
                trouble.append(f"The bill of {name} is longer than is followed; its end is left out.")
        except KlingError as error:
            trouble.append(f"The bill of {name} could not be read: {error.message}")
    return tuple(found), trouble


async def _of_this_account(account: Account, seen: Sequence[Observation]) -> tuple[Observation, ...]:
    """Leave out what the journal files under another account: the same one, reached by another address."""
    known = await account.journal.get([one.external_id for one in seen if one.external_id])
    return tuple(one for one in seen if one.external_id not in known or known[one.external_id].account == account.name)


async def _adopt(account: Account, differences: Sequence[Difference]) -> list[str]:
    adopted = []
    for one in differences:
        if one.kind != "lost" or one.observation is None:
            continue
        task = (await account.journal.get([one.task_id]))[one.task_id]
        product = one.observation.remote.product or account.client.product(task.plan)
        # The list does not say which product made a task; our plan does, and later looks need it.
        seen = replace(one.observation, remote=replace(one.observation.remote, product=product))
        taken = await account.journal.apply(one.task_id, Adopted(seen))
        if taken.remote is not None:
            adopted.append(one.task_id)
    return adopted

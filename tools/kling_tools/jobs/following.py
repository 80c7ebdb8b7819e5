"""What waits for other tasks: a shot for the one whose last frame it starts from, a film for all of its shots.

Nothing here is timed or remembered: how those tasks stand is read, and the journal decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from kling_tools.jobs.account import Account
from kling_tools.model.errors import PartMissing, Refused, Spent, TaskUnreadable
from kling_tools.model.plan import Plan
from kling_tools.model.specs import FilmSpec
from kling_tools.model.status import Status
from kling_tools.model.step import can_be_recalled
from kling_tools.model.tasks import Event, Failure, Readied, Recalled, Rejected, Task


def awaited(plan: Plan) -> tuple[str, ...]:
    """Return the tasks without whose results this one cannot go on."""
    return plan.spec.parts if isinstance(plan.spec, FilmSpec) else (plan.after,) if plan.after else ()


async def sent_together(account: Account, film: Task, sent: Sequence[asyncio.Task[Any]]) -> tuple[Task, None]:
    """Return a film once each of its parts was answered; what was refused is told by the part itself."""
    if sent:
        await asyncio.wait(sent)
    return (await account.journal.get([film.id])).get(film.id, film), None


async def follow(account: Account, task_id: str) -> bool:
    """Let a waiting task go on once all is here, or end it where that will never be; tells if it waits no more."""
    for task in (await account.journal.get([task_id])).values():
        ids = awaited(task.plan)
        known = await account.journal.get(ids)
        if task.status is Status.WAITING and await recalled(account, known.values()):
            return False
        parts = [known.get(i) or account.journal.missing(i) for i in ids]
        if task.status is Status.WAITING and (event := _next(task, parts)) is not None:
            task = await account.journal.apply(task_id, event, standing=task)
        return task.status is not Status.WAITING
    return True


async def recalled(account: Account, parts: Iterable[Task]) -> bool:
    """Fetch again what was removed from this disk since it was taken over; tells if anything was."""
    gone = [part.id for part in parts if can_be_recalled(part, account.journal.now())]
    await account.journal.apply_all([(task_id, Recalled()) for task_id in gone])
    return bool(gone)


def _next(task: Task, parts: Sequence[Task | Refused]) -> Event | None:
    tasks = [part for part in parts if isinstance(part, Task)]
    if not all(part.status.ended for part in tasks):
        return None
    if len(tasks) == len(parts) and all(part.status is Status.SUCCEEDED for part in tasks):
        return Readied(simulated=any(part.simulated for part in tasks))
    film = isinstance(task.plan.spec, FilmSpec)
    return Rejected(Failure.of(_missing_shots(task, parts) if film else _missing_before(task, parts[0])))


def _missing_before(task: Task, before: Task | Refused) -> PartMissing:
    return PartMissing(f"It starts from the last frame of task {task.plan.after}, {_fate(before)} It was not sent.")


def _missing_shots(film: Task, parts: Sequence[Task | Refused]) -> PartMissing:
    """Return why there is no film, and what there is instead."""
    tasks = [part for part in parts if isinstance(part, Task)]
    kept = [part for part in tasks if part.status is Status.SUCCEEDED]
    told = [f"Shot {n} {_fate(part)}" for n, part in enumerate(parts, 1) if part not in kept]
    others = f" {len(kept)} of {len(parts)} shots are finished and kept." if kept else ""
    unread = any(isinstance(part, TaskUnreadable) for part in parts)
    return PartMissing(
        f"{' '.join(told)}{others}",
        advice=f"create_video from_task={film.id} makes only what is missing; shots replaces what is asked for.",
        spent="unknown" if unread else spent_on(film, tasks),
    )


def _fate(part: Task | Refused) -> str:
    if isinstance(part, Refused):
        return f"is not known: {part.message}"
    if part.failure is None:
        return f"was {part.status.shown}."
    return f"failed: {part.failure.message}"


def spent_on(film: Task, parts: Sequence[Task]) -> Spent:
    """Return whether those of its shots that were bought for a film have cost anything."""
    own = (part for part in parts if part.part_of == film.id)
    told = {"yes" if p.status is Status.SUCCEEDED else p.failure.spent if p.failure else "no" for p in own}
    return "unknown" if "unknown" in told else "yes" if "yes" in told else "no"

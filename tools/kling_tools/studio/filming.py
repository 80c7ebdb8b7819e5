"""A storyboard as a film: one task for each shot, bought together, and one that stands for all of them.

A film that starts from an earlier one, or repeats one that failed, takes over every shot that was asked for in the same
words and is here or on its way; only the others are bought.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kling_tools.catalog.storyboard import told
from kling_tools.jobs.account import Account
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.orders import fingerprint
from kling_tools.model.errors import TaskUnreadable
from kling_tools.model.money import Price
from kling_tools.model.plan import Order, Plan
from kling_tools.model.requests import CreateVideo
from kling_tools.model.specs import FilmSpec
from kling_tools.model.status import Status
from kling_tools.model.step import can_be_recalled
from kling_tools.model.tasks import Task

#: Between the moments of two shots, so that the first of them is the first in the queue.
_APART = 1e-5

#: A task of a request: its id, its request, its plan and its mark.
MakeTask = Callable[[str, CreateVideo, Plan, str], Task]


@dataclass(frozen=True)
class Shot:
    """One shot of a film that is decided; `order` only where it can be sent at once, `mine` where it is bought."""

    task: Task
    order: Order | None = None
    mine: bool = True


@dataclass(frozen=True)
class Film:
    """A film, decided: the task that stands for it, and its shots in order."""

    task: Task
    shots: tuple[Shot, ...]

    @property
    def bought(self) -> tuple[tuple[Task, Order | None], ...]:
        """The tasks that are bought for it, with their orders."""
        return tuple((shot.task, shot.order) for shot in self.shots if shot.mine)


async def film(
    account: Account,
    request: CreateVideo,
    drafts: Sequence[tuple[CreateVideo, Plan]],
    ids: Sequence[str],
    why: str,
    make: MakeTask,
) -> Film:
    """Return the film of these shots. `ids` are the film's and its shots'; `why` they are tasks of their own."""
    film_id, *shot_ids = ids
    shots: list[Shot] = []
    for (shot, plan), task_id in zip(drafts, shot_ids, strict=True):
        before = shots[-1].task.fingerprint if plan.after else ""
        order = await account.orders.prepare(plan, task_id, account.name, before)
        task = replace(make(task_id, shot, plan, fingerprint(account.name, order)), notes=order.notes)
        # What is not sent at once is read again when it is its turn: media are large.
        at_once = not plan.after and len(shots) < account.slots
        shots.append(Shot(replace(task, part_of=film_id), order if at_once else None))
    mark = _mark(account.name, [shot.task.fingerprint for shot in shots])
    if not request.again:
        shots = _taken_over(shots, await _earlier(account.journal, request.from_task, mark))
    task = make(film_id, request, _plan(request, shots, why), mark)
    return Film(replace(task, status=Status.WAITING), tuple(_in_order(shots)))


def _mark(account: str, marks: Sequence[str]) -> str:
    asked = {"account": account, "tool": "create_video", "film": list(marks)}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


async def _earlier(journal: Journal, from_task: str, mark: str) -> list[Task]:
    """Return the shots of the film that this one starts from or repeats, as far as they are worth taking over.

    Raises:
        TaskUnreadable: one of them cannot be read.
    """
    known = await journal.get([from_task]) if from_task else {}
    old = known.get(from_task) or await journal.earlier_film(mark)
    if old is None or not isinstance(old.plan.spec, FilmSpec):
        return []
    parts = await journal.get(old.plan.spec.parts)
    for error in (journal.unreadable[i] for i in old.plan.spec.parts if i in journal.unreadable):
        words = f"This was asked for before. {error.message} Whether that shot was bought is not known."
        raise TaskUnreadable(words, advice="again=true buys every shot anew.")
    now = journal.now()
    return [parts[i] for i in old.plan.spec.parts if i in parts and await asyncio.to_thread(_is_worth, parts[i], now)]


def _is_worth(task: Task, now: float) -> bool:
    """Whether a shot is here, or will be."""
    if can_be_recalled(task, now):
        return True
    if task.status is Status.SUCCEEDED:
        return any(output.path and Path(output.path).is_file() for output in task.outputs)
    return not task.status.ended


def _taken_over(shots: Sequence[Shot], earlier: Sequence[Task]) -> list[Shot]:
    """Return the shots with earlier ones in place of equal ones; what follows a shot that is made anew is so too."""
    left = list(earlier)
    chosen: list[Shot] = []
    for shot in shots:
        before = chosen[-1].task if shot.task.plan.after else None
        task = _following(shot.task, before.id) if before else shot.task
        same = next((t for t in left if _is_same(t, task)), None)
        if same is not None:
            left.remove(same)
        chosen.append(replace(shot, task=task) if same is None else Shot(same, mine=False))
    return chosen


def _is_same(earlier: Task, task: Task) -> bool:
    return (earlier.fingerprint, earlier.plan.after) == (task.fingerprint, task.plan.after)


def _following(task: Task, before: str) -> Task:
    """Return a shot that follows another task than it was decided with."""
    plan = task.plan
    inputs = tuple(replace(i, text=before) if i.text == plan.after else i for i in plan.inputs)
    arguments = {**task.arguments, "image": before}
    return replace(task, plan=replace(plan, after=before, inputs=inputs), arguments=arguments)


def _in_order(shots: Sequence[Shot]) -> Iterator[Shot]:
    """Yield the shots as they go into the queue: what follows one that is not here yet waits for it."""
    here = {shot.task.id for shot in shots if any(output.path for output in shot.task.outputs)}
    for number, shot in enumerate(shots, 1):
        after = shot.task.plan.after
        if not shot.mine:
            yield shot
            continue
        created = shot.task.created + number * _APART
        status = Status.WAITING if after and after not in here else Status.QUEUED
        yield replace(shot, task=replace(shot.task, status=status, created=created))


def _plan(request: CreateVideo, shots: Sequence[Shot], why: str) -> Plan:
    """Return the plan of the task that stands for the film: never sent, and priced as what is bought for it."""
    plans = [shot.task.plan for shot in shots]
    first = plans[0]
    return Plan(
        tool=first.tool,
        route=first.route,
        standard=first.standard,
        model=" + ".join(dict.fromkeys(plan.model for plan in plans)),
        wire_model="",
        spec=FilmSpec(
            parts=tuple(shot.task.id for shot in shots),
            prompt=" / ".join(shot.prompt for shot in request.shots),
        ),
        price=Price.total([shot.task.plan.price for shot in shots if shot.mine]),
        slots=0,
        typical_seconds=max(plan.typical_seconds for plan in plans),
        video_seconds=sum(plan.video_seconds for plan in plans),
        notes=(
            f"{len(shots)} shots are made one by one and joined here into one film: {why}.",
            *(_told(number, shot) for number, shot in enumerate(shots, 1)),
            *told(plans),
        ),
    )


def _told(number: int, shot: Shot) -> str:
    plan = shot.task.plan
    if not shot.mine:
        return f"Shot {number} is taken over from task {shot.task.id}; it is not bought again."
    return f"Shot {number}: {plan.video_seconds:g} s of {plan.model} for {plan.price.words()}."

"""Finished tasks, as the journal keeps them, for tests that work on their results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.jobs.house import ADDRESS, House, a_task
from tests.jobs.stories import after
from tests.providers.values import PLAN

from kling_tools.model.plan import Plan
from kling_tools.model.tasks import Claimed, Observation, Output, Remote, RemoteOutput, Seen, Stored, Task


def succeeded(task: Task, *outputs: RemoteOutput) -> Seen:
    """Return a look that shows these results."""
    remote = Remote(f"r-{task.id}", "/v1/videos/advanced-lip-sync", ADDRESS)
    return Seen(Observation(remote=remote, external_id=task.id, status="succeeded", outputs=outputs))


async def ready_to_fetch(house: House, plan: Plan, *outputs: RemoteOutput, **changes: Any) -> Task:
    """Write down a task whose results are still at the provider."""
    task = a_task(plan=replace(plan, price=PLAN.price), now=house.clock.now(), simulated=True, **changes)
    return await after(house.journal, task, Claimed(), succeeded(task, *outputs))


async def finished(house: House, *outputs: Output, plan: Plan = PLAN, **changes: Any) -> Task:
    """Write down a task whose results are on this disk."""
    task = await ready_to_fetch(house, plan, **changes)
    return await house.journal.apply(task.id, Stored(outputs))

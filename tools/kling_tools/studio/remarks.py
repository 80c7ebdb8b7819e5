"""What the house says of a task beside what the journal has: that it was there before, that nobody goes on with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kling_tools.model.tasks import Task
from kling_tools.providers.registry import Gateway


def repeated(known: Task, asked: Task) -> Task:
    """Return a task that was there already, with a word about it."""
    note = "This is the task that the same request created before; nothing new was bought. again=true buys another."
    if known.id == asked.id:
        note = "This is the task that the person's answer has bought already; nothing new was bought."
    return replace(known, notes=(*known.notes, note))


def missing(task: Task, gateways: Sequence[Gateway]) -> str:
    """Return where a task runs whose account nobody here has, and what would bring it back."""
    if task.account == "sandbox":
        return "it was made on the simulated Kling (KLING_PROVIDER=sandbox, or no key), which is not configured now."
    provider, _, host = task.account.partition("@")
    for vendor in (gateway.vendor for gateway in gateways):
        if vendor.name == provider:
            return f"it runs at {vendor.title} on {host}. Set {vendor.key} again to fetch it."
    key = "KLING_API_KEY" if "standard" in task.plan.route.standards else "KLING_ACCESS_KEY and KLING_SECRET_KEY"
    return f"it runs at {provider} on {host}. Set {key} and KLING_BASE_URL=https://{host} again to fetch it."

"""Kling's task objects, read as tolerantly as any provider's (`providers.reading`), in Kling's own words.

Only an unknown status is a fault: guessing there could end a task that still runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kling_tools.model.errors import ProviderBroken, quoted
from kling_tools.model.tasks import Observation
from kling_tools.providers.reading import (
    LAST_SECOND,
    MOST_TAKEN,
    RemoteStatus,
    charge,
    moment,
    number,
    record,
    records,
    seconds,
    taken,
    text,
)

__all__ = [
    "LAST_SECOND",
    "MOST_TAKEN",
    "STATUSES",
    "RemoteStatus",
    "charge",
    "created",
    "every",
    "identity",
    "listed",
    "moment",
    "number",
    "record",
    "records",
    "seconds",
    "status",
    "taken",
    "text",
]

#: Both vocabularies at once: the new query also shows tasks that were made the old way (kling-official 0.2, 2.3).
STATUSES: Mapping[str, RemoteStatus] = {
    "submitted": "submitted",
    "processing": "processing",
    "succeed": "succeeded",
    "succeeded": "succeeded",
    "failed": "failed",
}


def status(value: object) -> RemoteStatus:
    """Return where a task stands.

    Raises:
        ProviderBroken: a word we do not know.
    """
    word = value.strip().lower() if isinstance(value, str) else ""
    if known := STATUSES.get(word):
        return known
    raise ProviderBroken(f"Kling gave a task a status that is not documented: {quoted(value, 40)}.")


def listed(data: object) -> Sequence[object]:
    """Return the tasks in an envelope's data: one object, or a list.

    Raises:
        ProviderBroken: neither; an empty answer would say that there is no task.
    """
    if isinstance(data, dict):
        return [data]
    if isinstance(data, list):
        return data
    raise ProviderBroken("Kling's answer to a query has no tasks in it.")


def created(data: object) -> Mapping[str, Any]:
    """Return the one task in the answer to a create."""
    return record(next(iter(listed(data)), None))


def every(items: Iterable[object], read: Callable[[Mapping[str, Any]], Observation]) -> list[Observation]:
    """Read each task, passing over those that cannot be read: one odd task must not blind us to all others.

    Raises:
        ProviderBroken: not one of them could be read.
    """
    seen: list[Observation] = []
    broken: ProviderBroken | None = None
    for item in items:
        try:
            seen.append(read(record(item)))
        except ProviderBroken as error:
            broken = error
    if broken is not None and not seen:
        raise broken
    return seen


def identity(value: object) -> str:
    """Return a task's id.

    Raises:
        ProviderBroken: there is none.
    """
    if found := text(value):
        return found
    raise ProviderBroken("Kling's answer names no task id.")

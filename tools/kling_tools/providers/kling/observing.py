"""One task object of either standard as an `Observation`, and its bill (kling-official 2.3, 2.4).

Queries, callbacks and the answers to creates all carry the same objects, so they are read in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kling_tools.model.errors import quoted
from kling_tools.model.tasks import Charge, Observation, Remote
from kling_tools.providers.dialect import WireAnswer
from kling_tools.providers.kling import outputs, reading
from kling_tools.providers.reasons import failure_reason


def current(product: str, answer: WireAnswer, task: Mapping[str, Any]) -> Observation:
    """Return what a task object of the current API tells (kling-official 2.3).

    Raises:
        ProviderBroken: it has no id, or a status that is not documented.
    """
    status = reading.status(task.get("status"))
    return Observation(
        remote=Remote(id=reading.identity(task.get("id")), product=product, host=answer.host),
        external_id=reading.text(task.get("external_id")),
        status=status,
        created=reading.moment(task.get("create_time")),
        **_failure(status, task.get("message")),
        outputs=outputs.of_current(task),
        charge=_billed(task),
        simulated=answer.simulated,
    )


def legacy(product: str, answer: WireAnswer, task: Mapping[str, Any]) -> Observation:
    """Return what a legacy task object tells (kling-official 2.4).

    Raises:
        ProviderBroken: it has no id, or a status that is not documented.
    """
    status = reading.status(task.get("task_status"))
    return Observation(
        remote=Remote(id=reading.identity(task.get("task_id")), product=product, host=answer.host),
        external_id=reading.text(reading.record(task.get("task_info")).get("external_task_id")),
        status=status,
        created=reading.moment(task.get("created_at")),
        **_failure(status, task.get("task_status_msg")),
        outputs=outputs.of_legacy(reading.record(task.get("task_result"))),
        charge=_deducted(task, answer.host),
        simulated=answer.simulated,
    )


def _failure(status: str, message: object) -> dict[str, Any]:
    """Return why a task failed: the words quoted, the kind of trouble, and what to do (kling-official 9.1)."""
    told = reading.text(message)
    if status != "failed" or not told:
        return {}
    cause, advice = failure_reason(told)
    return {"reason": quoted(told), "cause": cause, "advice": advice}


def _billed(task: Mapping[str, Any]) -> Charge | None:
    """Return the sum of the bill. Money in another currency than USD has no place in a `Charge` and is left out."""
    if not task.get("billing"):
        return None
    sums: dict[str, Decimal] = {}
    for line in reading.records(task.get("billing")):
        amount = reading.number(line.get("amount"))
        kind = line.get("charge_type")
        known = kind == "unit" or (kind == "cash" and line.get("currency") == "USD")
        if amount is not None and known:
            sums[str(kind)] = sums.get(str(kind), Decimal(0)) + amount
    return reading.charge(sums.get("unit"), sums.get("cash"))


def _deducted(task: Mapping[str, Any], host: str) -> Charge | None:
    """Return what was taken. Cash has no currency here: it is the region's, and yuan have no place in a `Charge`."""
    cash = reading.number(reading.record(task.get("final_balance_deduction")).get("quota"))
    units = reading.number(task.get("final_unit_deduction"))
    return reading.charge(units, None if "beijing" in host else cash)

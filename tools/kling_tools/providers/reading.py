"""Tolerant reading of a provider's JSON, shared by every dialect.

Fields may be missing, numbers may be strings and new output types may appear at any time; none of that may cost a
person the result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from kling_tools.model.tasks import Charge

#: A later moment has no date.
LAST_SECOND = 253_402_300_799.0
#: So many units, or dollars, no task takes; and a day's sum of what is below has room in every database.
MOST_TAKEN = Decimal(10**9)
_MILLISECONDS = re.compile(r"[0-9]{1,15}")

RemoteStatus = Literal["submitted", "processing", "succeeded", "failed"]


def text(value: object) -> str:
    """Return a string or a whole number as text, anything else as nothing: some ids are sent as numbers."""
    if isinstance(value, str):  # JSON can carry half characters, which no file, database or address takes
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30 else ""


def number(value: object) -> Decimal | None:
    """Return a finite decimal from a number or its text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > 40:
        return None
    try:
        found = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    # Beyond this nothing is a price or a length, and sums would no longer be exact.
    return found if found.is_finite() and (not found or -12 <= found.adjusted() < 12) else None


def seconds(value: object) -> float | None:
    """Return a duration in seconds."""
    found = number(value)
    return float(found) if found is not None and found >= 0 else None


def moment(value: object) -> float | None:
    """Return seconds since the epoch from milliseconds, a number or its text."""
    if type(value) is int:  # what the API sends, for each of thousands
        return value / 1000 if 0 < value <= LAST_SECOND * 1000 else None
    # Read as text: as an amount such a number would be too large to be one.
    whole = int(value) if isinstance(value, float) and abs(value) < 1e15 else value
    digits = text(whole).strip()
    if not _MILLISECONDS.fullmatch(digits):
        return None
    found = int(digits) / 1000
    return found if 0 < found <= LAST_SECOND else None


def date(value: object) -> float | None:
    """Return seconds since the epoch from a date as ISO 8601 has it; one without a zone is UTC."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def record(value: object) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def records(value: object) -> list[Mapping[str, Any]]:
    """Return the JSON objects of a list, or none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def taken(amount: Decimal | None) -> Decimal | None:
    """Return an amount that can have been taken for one task; what is less than nothing, or beyond measure, is none.

    The ledger holds no such figure, and a look that showed one could not be written down.
    """
    return amount if amount is not None and 0 <= amount < MOST_TAKEN else None


def when(seconds: float) -> str:
    """Return a moment as ISO 8601 has it, in UTC, as questions carry it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def charge(units: Decimal | None, usd: Decimal | None) -> Charge | None:
    """Return what was taken, or nothing when the provider did not say."""
    units, usd = taken(units), taken(usd)
    return Charge(units=units, usd=usd) if units is not None or usd is not None else None

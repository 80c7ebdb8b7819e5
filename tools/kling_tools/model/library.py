"""What an account owns beside its tasks: voices and elements to use in videos, packs of units, and what was deducted.

Ids are text, times seconds since the epoch, amounts exact. Names and descriptions were written by other people: they
are one bounded line each, and data.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

AssetKind = Literal["voice", "element"]
AssetStatus = Literal["ready", "pending", "failed", "deleted"]
PackKind = Literal["video", "image", "other"]
PackStatus = Literal["upcoming", "active", "expired", "used up"]


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A voice or an element, one's own or the provider's.

    `id` is empty while it is being made and when that failed: then `name` tells the task, `description` the reason.
    `preview` is an address of a sound or a picture. `voice_id` is the voice that an element speaks with.
    """

    kind: AssetKind
    id: str
    name: str
    description: str = ""
    own: bool = False
    status: AssetStatus = "ready"
    preview: str = ""
    made_from: Literal["images", "video", ""] = ""
    voice_id: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class AssetPage:
    """One page; `more` when there is probably another."""

    assets: tuple[Asset, ...]
    more: bool = False


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A pack of units that was bought; `kind` is read from its name, because the provider does not tell it."""

    name: str
    id: str
    kind: PackKind
    total: Decimal
    left: Decimal
    valid_until: float | None
    status: PackStatus


@dataclass(frozen=True, kw_only=True)
class Deduction:
    """What one task took: `units` of a pack, or `amount` of money in `currency`, which is `usd` too where it is that.

    `at` is 0 when the provider does not tell it.
    """

    task_id: str
    at: float
    product: str
    model: str
    units: Decimal | None = None
    usd: Decimal | None = None
    currency: str = ""
    amount: Decimal | None = None


@dataclass(frozen=True)
class DeductionPage:
    """One page, as the provider orders it; `cursor` is empty at the end."""

    deductions: tuple[Deduction, ...]
    cursor: str = ""


@dataclass(frozen=True)
class Balance:
    """What is left at a provider: `usd` where it is told in dollars, else an `amount` of its own `unit`."""

    amount: Decimal
    unit: str
    usd: Decimal | None = None

"""Money as exact decimals: what a task will cost, as far as that is known.

A price is exact (one figure), an estimate (a range) or unknown. Units are Kling's own; USD follows from them
(kling-official 10.1). Budgets compare against `most`, the worst case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Literal

Basis = Literal["exact", "estimate", "unknown"]

MICROS = Decimal(1_000_000)


@dataclass(frozen=True, kw_only=True)
class Price:
    """What something costs: `usd` at least, `most` at worst, in US dollars; `units` in the provider's own unit.

    `unit_usd` is what one such unit costs, so that a charge told in units can be told in dollars.
    """

    basis: Basis
    usd: Decimal | None = None
    most: Decimal | None = None
    units: Decimal | None = None
    unit_usd: Decimal | None = None
    source: str = ""

    @classmethod
    def exact(cls, usd: Decimal, units: Decimal | None = None, source: str = "") -> Price:
        """Return a price known to the cent."""
        return cls(basis="exact", usd=usd, most=usd, units=units, source=source)

    @classmethod
    def between(cls, low: Decimal, high: Decimal, source: str = "") -> Price:
        """Return a price known as a range."""
        return cls(basis="estimate", usd=low, most=max(low, high), source=source)

    @classmethod
    def unknown(cls, source: str = "") -> Price:
        """Return a price nobody knows."""
        return cls(basis="unknown", source=source)

    @classmethod
    def total(cls, prices: Sequence[Price]) -> Price:
        """Return what several come to together; unknown where one of them is."""
        low, high = [p.usd for p in prices if p.usd is not None], [p.most for p in prices if p.most is not None]
        if len(high) < len(prices) or len(low) < len(prices):
            return cls.unknown("; ".join(dict.fromkeys(p.source for p in prices if p.most is None)))
        units = [p.units for p in prices if p.units is not None]
        of_one_kind = len(units) == len(prices) and len({p.unit_usd for p in prices}) == 1
        return cls(
            basis="exact" if all(p.basis == "exact" for p in prices) else "estimate",
            usd=sum(low, Decimal(0)),
            most=sum(high, Decimal(0)),
            units=sum(units, Decimal(0)) if of_one_kind else None,
            unit_usd=prices[0].unit_usd if of_one_kind else None,
            source="; ".join(dict.fromkeys(p.source for p in prices)),
        )

    def words(self) -> str:
        """Return the price as people read it: `$0.42 (3 units)`."""
        if self.usd is None:
            return "an unknown price"
        figure = dollars(self.usd)
        if self.most is not None and self.most != self.usd:
            figure = f"{figure} to {dollars(self.most)}"
        return f"{figure} ({plain(self.units)} units)" if self.units is not None else figure


def dollars(amount: Decimal) -> str:
    """Return `$0.42`; fractions of a cent are kept, never rounded away."""
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents}" if cents == amount else f"${plain(amount)}"


def plain(amount: Decimal) -> str:
    """Return a decimal without exponent or trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_micros(amount: Decimal) -> int:
    """Return millionths of a dollar for the journal; a remainder counts against the budget, so it rounds up."""
    return int((amount * MICROS).to_integral_value(rounding=ROUND_CEILING))


def from_micros(micros: int) -> Decimal:
    """Return dollars from the journal's millionths."""
    return (Decimal(micros) / MICROS).normalize() + Decimal(0)

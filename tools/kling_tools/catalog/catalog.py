"""The one reader of the tables: decides a request into a `Plan`, or refuses it with what would work.

Stands over providers because it knows what they sell, under jobs because a plan is decided before money is held.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from typing import Any

from kling_tools.catalog.ask import Ask, Draft, Share, either
from kling_tools.catalog.data import KLING, Model, PriceRow, Tables, overlaid, shipped
from kling_tools.catalog.kinds import ask_of
from kling_tools.model.errors import Impossible, InvalidArguments, quoted
from kling_tools.model.media import Source
from kling_tools.model.money import Price, dollars
from kling_tools.model.plan import Input, Plan, Route, Standard
from kling_tools.model.requests import SpendingRequest

#: Where no model's own time is known yet: seen tasks took 28 to 83 s (kling-official 2.6).
TYPICAL_SECONDS = 60.0

_ZERO = Decimal(0)
#: What cannot be reckoned where no length is known: it would come to nothing.
_BY_LENGTH = frozenset({"second", "5 seconds"})


@dataclass(frozen=True)
class _Choice:
    """A model that can do a request: through which API, what it comes to, and its price."""

    model: Model
    standard: Standard
    draft: Draft
    price: Price


@dataclass(frozen=True)
class Catalog:
    """What Kling offers and what it costs, as far as the tables know."""

    tables: Tables

    @classmethod
    def read(cls, own: str = "", place: str = "", provider: str = KLING, gateways: Collection[str] = ()) -> Catalog:
        """Return a provider's catalogue, with a person's own file (its text, and where it lies) laid over it.

        `gateways` are the names under which such a file may have rows.

        Raises:
            BadSettings: the file is not valid.
        """
        return cls(overlaid(own, place, provider, gateways) if own else shipped(provider))

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """Every model that is on, the one that `auto` prefers first."""
        return tuple(sorted((m for m in self.tables.model if m.enabled), key=lambda m: m.auto_rank))

    def find_model(self, name: str, among: Sequence[Model] = ()) -> Model:
        """Return a model by any of its names; `among` come first, since two may share one.

        Raises:
            InvalidArguments: nobody offers it, or it is off; the message names those that are there.
        """
        for model in (*among, *self.models):
            if name.lower() in {model.id, model.name.lower(), *(n.lower() for n in model.names.values())} - {""}:
                return model
        if off := next((m for m in self.tables.model if name.lower() in {m.id, m.name.lower()}), None):
            raise InvalidArguments(
                f"{off.name} is known and switched off: {off.good_for}.",
                advice=f'A file named by KLING_CATALOG with [[model]] id = "{off.id}", enabled = true and its names '
                "switches it on.",
            )
        known = either([m.id for m in among or self.models])
        raise InvalidArguments(f"There is no model {quoted(name, 60)}.", advice=f"There are {known}; or auto.")

    def plan(self, request: SpendingRequest, sources: Mapping[str, Source], route: Route) -> Plan:
        """Decide model, settings and price.

        Raises:
            Impossible: with every reason and with what would work.
            InvalidArguments: an unknown model, or one that does something else.
        """
        ask = ask_of(request, sources, self.tables)
        sellers = self._sellers(ask)
        named = None if request.model == "auto" else self.find_model(request.model, sellers)
        able = [choice for model in sellers if (choice := self._choice(model, ask, route))]
        for choice in able:
            if named is None or named is choice.model:
                return _decided(ask, choice, route, () if named or len(sellers) < 2 else _auto_notes(able))
        if named is not None:
            found = self._problems(named, ask, route)
            raise Impossible(f"{'; '.join(found)}.", advice=self._alternatives(able, ask, route))
        advice, nearest = self._nearest_fix(ask, route)
        # The model that would do with the smallest change speaks for all; else the one that has least against it.
        speakers = [m for m in sellers if m is nearest] or sellers
        found = min((self._problems(m, ask, route) for m in speakers), key=len, default=["no model offers it"])
        alone = len(sellers) < 2
        raise Impossible(f"{'' if alone else 'No model can do this: '}{'; '.join(found)}.", advice=advice)

    def price(self, model: Model, shares: Sequence[Share]) -> Price:
        """Return the sum of a price's parts (kling-official 10); unknown where a row is missing."""
        low = high = low_units = _ZERO
        rough, units, rows = False, True, []
        for share in shares:
            row = self.row(share.model or model.id, share.feature, share.resolution)
            if row is None:
                return Price.unknown(f"no price for {share.model or model.id}, {share.feature} {share.resolution}")
            if row.per in _BY_LENGTH and not share.seconds[1]:
                return Price.unknown(f"the price of {row.model} is told for seconds, and nobody knows how many")
            rows.append(row)
            if row.usd is None and row.pack not in self.tables.unit_usd:
                return Price.unknown(f"{row.model} is paid in credits, and what one costs is not known")
            less, more = _amounts(row, share)
            each = row.usd if row.usd is not None else (row.units or _ZERO) * self.tables.unit_usd[row.pack]
            low, high, low_units = low + less * each, high + more * each, low_units + less * (row.units or _ZERO)
            rough = rough or share.rough
            units = units and row.units is not None and row.pack == rows[0].pack
        return Price(
            basis="exact" if low == high and not rough else "estimate",
            usd=low,
            most=high,
            units=low_units.normalize() + _ZERO if units and low == high else None,
            unit_usd=self.tables.unit_usd.get(rows[0].pack) if rows else None,
            source=_source(rows, self.tables),
        )

    def row(self, model: str, feature: str, resolution: str) -> PriceRow | None:
        """Return a row of the price table; one without a resolution serves all."""
        return self._rows.get((model, feature, resolution)) or self._rows.get((model, feature, ""))

    @cached_property
    def _rows(self) -> dict[tuple[str, str, str], PriceRow]:
        return {row.key: row for row in self.tables.price}

    def _sellers(self, ask: Ask[Any]) -> tuple[Model, ...]:
        return tuple(m for m in self.models if any(m.offers(p) for p in ask.products))

    def _choice(self, model: Model, ask: Ask[Any], route: Route) -> _Choice | None:
        for standard, offer in _ways(model, ask, route):
            if not any(True for _ in ask.problems(model, offer, standard)):
                draft = ask.draft(model, offer, standard)
                return _Choice(model, standard, draft, self.price(model, draft.shares))
        return None

    def _problems(self, model: Model, ask: Ask[Any], route: Route) -> list[str]:
        """Return every reason why the model cannot do the request on this route, by the way that comes closest."""
        if not any(model.offers(p) for p in ask.products):
            return [f"{model.name} does not do {either(list(ask.products))}"]
        if not set(model.names) & set(route.standards):
            return [f"{model.name} needs an API key (KLING_API_KEY); an access and secret key do not open it"]
        ways = [list(ask.problems(model, offer, standard)) for standard, offer in _ways(model, ask, route)]
        return min(ways, key=len)

    def _alternatives(self, able: Sequence[_Choice], ask: Ask[Any], route: Route) -> str:
        if able:
            return f"As asked it works with {either([f'{c.model.id} for {c.price.words()}' for c in able])}."
        return self._nearest_fix(ask, route)[0]

    def _nearest_fix(self, ask: Ask[Any], route: Route) -> tuple[str, Model | None]:
        """Name the smallest change that makes some model able, trying one argument at a time, and that model."""
        for words, arguments in ask.variants():
            changed = ask.changed(arguments)
            if able := [c for m in self._sellers(changed) if (c := self._choice(m, changed, route))]:
                return f"{words} would work with {able[0].model.id}.", able[0].model
        return "list_models shows what each model can do.", None


def _ways(model: Model, ask: Ask[Any], route: Route) -> Iterator[tuple[Standard, Any]]:
    for standard in route.standards:
        if standard in model.names:
            for product in ask.products:
                if offer := model.offers(product):
                    yield standard, offer


def _amounts(row: PriceRow, share: Share) -> tuple[Decimal, Decimal]:
    low, high = share.seconds
    match row.per:
        case "second":
            return low * share.count[0], high * share.count[1]
        case "5 seconds":
            return _begun(low), _begun(high)
        case "picture":
            return share.count
        case "call":
            return Decimal(1), Decimal(1)


def _begun(seconds: Decimal) -> Decimal:
    return (seconds / 5).to_integral_value(rounding=ROUND_CEILING)


def _source(rows: Sequence[PriceRow], tables: Tables) -> str:
    told = [f"{r.source or tables.prices_source}, {r.checked or tables.prices_checked}" for r in rows]
    return "; ".join(dict.fromkeys(told))


def _decided(ask: Ask[Any], choice: _Choice, route: Route, notes: tuple[str, ...]) -> Plan:
    draft = choice.draft
    return Plan(
        tool=ask.tool,
        route=route,
        standard=choice.standard,
        model=choice.model.id,
        wire_model=choice.model.names[choice.standard],
        spec=draft.spec,
        inputs=tuple(_timed(i, ask) for i in draft.inputs),
        price=choice.price,
        slots=draft.slots,
        continues=draft.continues,
        typical_seconds=choice.model.typical_seconds or TYPICAL_SECONDS,
        video_seconds=draft.video_seconds,
        notes=(*notes, *draft.notes),
        direct=draft.direct,
    )


def _timed(given: Input, ask: Ask[Any]) -> Input:
    source = ask.source(given.text)
    return replace(given, seconds=source.seconds) if source and source.seconds else given


def _auto_notes(able: Sequence[_Choice]) -> tuple[str, ...]:
    chosen = able[0]
    notes = [f"auto chose {chosen.model.id} ({chosen.model.good_for})."]
    prices = [(choice.price.usd, choice.model.id) for choice in able if choice.price.usd is not None]
    cheapest, model = min(prices, key=lambda p: p[0], default=(None, ""))
    if cheapest is not None and chosen.price.usd is not None and cheapest < chosen.price.usd:
        notes.append(f"Cheaper: model={model} for {dollars(cheapest)}.")
    return tuple(notes)

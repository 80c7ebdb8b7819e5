"""The one reader of the data: decides a request into a `Plan`, or refuses it with what would work.

Stands over providers because it knows what they sell, under jobs because a plan is decided before money is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from kling_tools.catalog.data import Model, Offer, read_models, read_prices
from kling_tools.catalog.rules import effect_of, either, problems
from kling_tools.model.errors import Impossible, InvalidArguments, quoted
from kling_tools.model.money import Price, dollars
from kling_tools.model.plan import Audio, Plan, Route
from kling_tools.model.requests import CreateVideo
from kling_tools.model.tasks import Charge

#: Where no model's own time is known yet: seen tasks took 28 to 83 s (kling-official 2.6).
TYPICAL_SECONDS = 60.0


@dataclass(frozen=True)
class _Choice:
    """A model that can do a request: what it offers, its name on the route, its sound and its price."""

    model: Model
    offer: Offer
    wire_model: str
    audio: Audio
    price: Price


def models() -> tuple[Model, ...]:
    """Return every model, the one that `auto` prefers first."""
    return tuple(sorted(read_models().model, key=lambda m: m.auto_rank))


def find_model(name: str) -> Model:
    """Return a model by any of its names.

    Raises:
        InvalidArguments: nobody offers it; the message names those that are.
    """
    for model in models():
        if name.lower() in {model.id, model.standard, model.legacy, model.name.lower()}:
            return model
    known = either([m.id for m in models()])
    raise InvalidArguments(f"There is no model {quoted(name, 60)}.", advice=f"There are {known}; or leave it at auto.")


def plan(request: CreateVideo, route: Route) -> Plan:
    """Decide model, settings and price.

    Raises:
        Impossible: with every reason and with what would work.
        InvalidArguments: an unknown model.
    """
    named = None if request.model == "auto" else find_model(request.model)
    able = _able(request, route)
    for choice in able:
        if named is None or named is choice.model:
            return _decided(choice, request, route, () if named else _auto_notes(able))
    if named is not None:
        found = problems(named, request, route.standard)
        raise Impossible(f"{'; '.join(found)}.", advice=_alternatives(able, request, route))
    found = min((problems(m, request, route.standard) for m in models()), key=len)
    raise Impossible(f"No model can do this: {'; '.join(found)}.", advice=_nearest_fix(request, route))


def price_of(model: Model, audio: Audio, resolution: str, seconds: int) -> Price:
    """Return the official price: units per output second times seconds (kling-official 10.1, 10.2)."""
    table = read_prices()
    for row in table.price:
        if (row.model, row.audio, row.resolution) == (model.id, audio, resolution):
            units = row.units * seconds
            source = f"{table.source}, {table.checked}"
            return Price.exact(units * table.unit_usd, units.normalize() + Decimal(0), source)
    return Price.unknown()


def priced(charge: Charge | None) -> Charge | None:
    """Return a charge with its dollars: packs are billed in units, and a unit has a price (kling-official 10.1)."""
    if charge is None or charge.usd is not None or charge.units is None:
        return charge
    return replace(charge, usd=charge.units * read_prices().unit_usd)


def _able(request: CreateVideo, route: Route) -> list[_Choice]:
    """Return the models that can do the request, the one that `auto` prefers first."""
    choices = (_choice(model, request, route) for model in models())
    return [choice for choice in choices if choice is not None]


def _choice(model: Model, request: CreateVideo, route: Route) -> _Choice | None:
    offer, wire_model = model.offers(effect_of(request)), model.named(route.standard)
    if offer is None or wire_model is None or problems(model, request, route.standard):
        return None
    audio = _audio(offer, request.audio)
    return _Choice(model, offer, wire_model, audio, price_of(model, audio, request.resolution, request.seconds))


def _audio(offer: Offer, asked: bool) -> Audio:
    """Return what the model will do about sound."""
    if offer.audio == "optional":
        return "native" if asked else "off"
    return offer.audio


def _decided(choice: _Choice, request: CreateVideo, route: Route, notes: tuple[str, ...]) -> Plan:
    return Plan(
        tool="create_video",
        effect=choice.offer.effect,
        route=route,
        model=choice.model.id,
        wire_model=choice.wire_model,
        prompt=request.prompt,
        seconds=request.seconds,
        resolution=request.resolution,
        aspect_ratio=None if request.image else request.aspect_ratio,
        audio=choice.audio,
        multi_shot=False if choice.offer.multi_shot else None,
        image=request.image,
        last_image=request.last_image,
        image_limits=read_models().limits[route.standard],
        price=choice.price,
        typical_seconds=choice.model.typical_seconds or TYPICAL_SECONDS,
        notes=notes,
    )


def _auto_notes(able: Sequence[_Choice]) -> tuple[str, ...]:
    chosen = able[0]
    notes = [f"auto chose {chosen.model.id} ({chosen.model.good_for})."]
    prices = [(choice.price.usd, choice.model.id) for choice in able if choice.price.usd is not None]
    cheapest, model = min(prices, key=lambda p: p[0], default=(None, ""))
    if cheapest is not None and chosen.price.usd is not None and cheapest < chosen.price.usd:
        notes.append(f"Cheaper: model={model} for {dollars(cheapest)}.")
    return tuple(notes)


def _alternatives(able: Sequence[_Choice], request: CreateVideo, route: Route) -> str:
    if able:
        return f"As asked it works with {either([f'{c.model.id} for {c.price.words()}' for c in able])}."
    return _nearest_fix(request, route)


def _nearest_fix(request: CreateVideo, route: Route) -> str:
    """Name the smallest change that makes some model able, trying one argument at a time."""
    for words, change in _changes(request):
        if able := _able(request.model_copy(update=change), route):
            return f"{words} would work with {able[0].model.id}."
    return "list_models shows what each model can do."


def _changes(request: CreateVideo) -> list[tuple[str, dict[str, Any]]]:
    offers = [offer for model in models() for offer in model.offer]
    limit = min(max(offer.prompt_max.values()) for offer in offers)
    resolutions = dict.fromkeys(r for offer in offers for r in offer.resolutions if r != request.resolution)
    lengths = {s for offer in offers for s in offer.seconds if s != request.seconds}
    changes: list[tuple[str, dict[str, Any]]] = []
    if len(request.prompt) > limit:
        changes.append((f"A prompt of at most {limit} characters", {"prompt": request.prompt[:limit]}))
    changes += [(f"resolution={r}", {"resolution": r}) for r in resolutions]
    changes.append((f"audio={str(not request.audio).lower()}", {"audio": not request.audio}))
    changes += [(f"seconds={s}", {"seconds": s}) for s in sorted(lengths, key=lambda s: (abs(s - request.seconds), s))]
    if request.last_image:
        changes.append(("Leaving out last_image", {"last_image": None}))
    return changes

"""The one reader of the data: decides a request into a `Plan`, or refuses it with what would work.

Stands over providers because it knows what they sell, under jobs because a plan is decided before money is held.
"""

from __future__ import annotations

from dataclasses import replace
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
    if request.model != "auto":
        model = find_model(request.model)
        if found := problems(model, request, route.standard):
            raise Impossible(f"{'; '.join(found)}.", advice=_alternatives(request, route))
        return _decided(model, request, route, ())
    fitting = [m for m in models() if not problems(m, request, route.standard)]
    if not fitting:
        nearest = min(models(), key=lambda m: (len(problems(m, request, route.standard)), m.auto_rank))
        found = problems(nearest, request, route.standard)
        raise Impossible(f"No model can do this: {'; '.join(found)}.", advice=_nearest_fix(request, route))
    return _decided(fitting[0], request, route, _auto_notes(fitting, request))


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


def audio_of(offer: Offer, asked: bool) -> Audio:
    """Return what the model will do about sound."""
    if offer.audio == "always":
        return "always"
    return "native" if asked else "off"


def _decided(model: Model, request: CreateVideo, route: Route, notes: tuple[str, ...]) -> Plan:
    effect = effect_of(request)
    offer, wire_model = model.offers(effect), model.named(route.standard)
    if offer is None or wire_model is None:
        raise AssertionError("problems() has let through what is not offered")
    audio = audio_of(offer, request.audio)
    return Plan(
        tool="create_video",
        effect=effect,
        route=route,
        model=model.id,
        wire_model=wire_model,
        prompt=request.prompt,
        seconds=request.seconds,
        resolution=request.resolution,
        aspect_ratio=None if request.image else request.aspect_ratio,
        audio=audio,
        multi_shot=False if offer.multi_shot else None,
        image=request.image,
        last_image=request.last_image,
        image_limits=read_models().limits[route.standard],
        price=price_of(model, audio, request.resolution, request.seconds),
        typical_seconds=model.typical_seconds or TYPICAL_SECONDS,
        notes=notes,
    )


def _price_for(model: Model, request: CreateVideo) -> Price:
    offer = model.offers(effect_of(request))
    assert offer is not None
    return price_of(model, audio_of(offer, request.audio), request.resolution, request.seconds)


def _auto_notes(fitting: list[Model], request: CreateVideo) -> tuple[str, ...]:
    chosen = fitting[0]
    notes = [f"auto chose {chosen.id}: {chosen.good_for}."]
    mine = _price_for(chosen, request).usd
    cheaper = [(p.usd, m.id) for m in fitting[1:] if (p := _price_for(m, request)).usd is not None]
    if mine is not None and cheaper and (best := min(cheaper, key=lambda c: c[0]))[0] < mine:
        notes.append(f"Cheaper: model={best[1]} for {dollars(best[0])}.")
    return tuple(notes)


def _alternatives(request: CreateVideo, route: Route) -> str:
    able = [m for m in models() if not problems(m, request, route.standard)]
    if able:
        return f"As asked it works with {either([f'{m.id} ({_price_for(m, request).words()})' for m in able])}."
    return _nearest_fix(request, route)


def _nearest_fix(request: CreateVideo, route: Route) -> str:
    """Name the smallest change that makes some model able, trying one argument at a time."""
    for words, change in _changes(request):
        changed = request.model_copy(update=change)
        able = [m for m in models() if not problems(m, changed, route.standard)]
        if able:
            return f"{words} would work with {able[0].id}."
    return "list_models shows what each model can do."


def _changes(request: CreateVideo) -> list[tuple[str, dict[str, Any]]]:
    limit = min(max(o.prompt_max.values()) for m in models() for o in m.offer)
    seconds = sorted({3, 5, 10, 15}, key=lambda s: abs(s - request.seconds))
    changes: list[tuple[str, dict[str, Any]]] = []
    if len(request.prompt) > limit:
        changes.append((f"A prompt of at most {limit} characters", {"prompt": request.prompt[:limit]}))
    changes += [(f"resolution={r}", {"resolution": r}) for r in ("720p", "1080p", "4k") if r != request.resolution]
    changes.append((f"audio={str(not request.audio).lower()}", {"audio": not request.audio}))
    changes += [(f"seconds={s}", {"seconds": s}) for s in seconds]
    if request.last_image:
        changes.append(("Leaving out last_image", {"last_image": None}))
    return changes

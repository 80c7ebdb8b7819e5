"""The catalogue as facts: what each model offers and costs.

Apart from its tool because the catalogue loads when it is asked for, and the tool's name at every start.
"""

from __future__ import annotations

from kling_tools.catalog import catalog
from kling_tools.catalog.data import Model, Offer, read_models, read_prices
from kling_tools.catalog.rules import spans
from kling_tools.model.errors import Impossible
from kling_tools.model.money import plain
from kling_tools.model.requests import ListModels
from kling_tools.operations.answers import ModelFacts, ModelsFacts


def able(wanted: ListModels) -> tuple[Model, ...]:
    """Return the models that can do what is asked.

    Raises:
        InvalidArguments: no such model. Impossible: none can do all of it.
    """
    if wanted.model:
        return (catalog.find_model(wanted.model),)
    chosen = tuple(m for m in catalog.models() if any(_fits(o, wanted) for o in m.offer))
    if not chosen:
        raise Impossible("No model does all of that.", advice="list_models without a filter shows what each can do.")
    return chosen


def capability_map(models: tuple[Model, ...]) -> ModelsFacts:
    """Return models as facts, with the date of the data."""
    table = read_models()
    return ModelsFacts(
        models=[_facts(m) for m in models],
        auto=catalog.models()[0].id,
        checked=table.checked,
        source=table.source,
    )


def _fits(offer: Offer, wanted: ListModels) -> bool:
    return all(
        (
            wanted.seconds is None or wanted.seconds in offer.seconds,
            wanted.resolution is None or wanted.resolution in offer.resolutions,
            wanted.audio is None or offer.audio != ("none" if wanted.audio else "always"),
            not wanted.last_image or bool(offer.last_frame_resolutions),
        )
    )


def _facts(model: Model) -> ModelFacts:
    offers = model.offer
    ratios = next((o.aspect_ratios for o in offers if o.aspect_ratios), ())
    last = next((o.last_frame_resolutions for o in offers if o.last_frame_resolutions), ())
    return ModelFacts(
        model=model.id,
        name=model.name,
        good_for=model.good_for,
        text_to_video=any(o.effect == "text-to-video" for o in offers),
        image_to_video=any(o.effect == "image-to-video" for o in offers),
        last_image=list(last),
        seconds=spans(offers[0].seconds),
        resolutions=list(offers[0].resolutions),
        aspect_ratios=list(ratios),
        audio=_audio(offers[0]),
        usd_per_second=_per_second(model),
        needs="" if model.legacy else "KLING_API_KEY",
        prompt_max=min(min(o.prompt_max.values()) for o in offers),
    )


def _audio(offer: Offer) -> str:
    if offer.audio == "optional" and len(offer.audio_resolutions) < len(offer.resolutions):
        return f"optional at {', '.join(offer.audio_resolutions)}"
    return offer.audio


def _per_second(model: Model) -> dict[str, str]:
    """Return `720p` or `720p with sound` -> US dollars for one second of video."""
    table = read_prices()
    return {
        row.resolution + (" with sound" if row.audio == "native" else ""): plain(row.units * table.unit_usd)
        for row in table.price
        if row.model == model.id
    }

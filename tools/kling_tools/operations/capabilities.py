"""The catalogue as facts: what each model offers and costs.

Apart from its tool because the catalogue loads when it is asked for, and the tool's name at every start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from kling_tools.catalog.ask import either, spans
from kling_tools.catalog.catalog import Catalog
from kling_tools.catalog.data import ImageOffer, Model, MotionOffer, Offer, PriceRow, ServiceOffer, VideoOffer
from kling_tools.catalog.voices import known_voices
from kling_tools.model.errors import Impossible, InvalidArguments, quoted
from kling_tools.model.money import dollars, plain
from kling_tools.model.requests import ListModels
from kling_tools.operations.answers import ModelFacts, ModelsFacts

#: Which of our tools sells what; edit_video comes with the offers that say what a video has to be like.
_TOOLS: Mapping[str, tuple[str, ...]] = {
    "text-to-video": ("create_video",),
    "image-to-video": ("create_video", "extend_video"),
    "extend": ("extend_video",),
    "omni-video": ("create_video",),
    "motion-control": ("transfer_motion",),
    "effects": ("apply_effect",),
    "lip-sync": ("lip_sync",),
    "avatar": ("create_avatar",),
    "speech": ("create_speech",),
    "sound-from-text": ("add_sound",),
    "sound-from-video": ("add_sound",),
    "element": ("create_element",),
    "voice": ("create_voice",),
    **dict.fromkeys(
        ("image", "omni-image", "multi-image", "outpaint", "try-on", "views", "cutouts"), ("create_image",)
    ),
}
_PER: Mapping[str, str] = {"5 seconds": "5 s"}
_OFFER: TypeAdapter[Offer] = TypeAdapter(Offer)
_LISTS = {"product", "scenes", "known"}  # told elsewhere, once
_NUMBERS = ("seconds", "plain_seconds", "series")


def capability_map(catalog: Catalog, wanted: ListModels) -> ModelsFacts:
    """Return the models that can do what is asked, with the date of the data.

    Raises:
        InvalidArguments: no such model or tool. Impossible: none can do all of it.
    """
    _check_tool(wanted.tool)
    able = [m for m in catalog.models if any(_fits(o, wanted) for o in m.offer)]
    off = [m for m in catalog.tables.model if not m.enabled and any(_fits(o, wanted) for o in m.offer)]
    shown = [_named(catalog, wanted.model, able)] if wanted.model else able
    if not shown:
        raise Impossible("No model does all of that.", advice="list_models without a filter shows what each can do.")
    tools = {wanted.tool} if wanted.tool else {t for m in shown for t in _tools(m)} if wanted.model else set()
    return ModelsFacts(
        models=[_facts(catalog, m, detailed=bool(wanted.model)) for m in shown],
        auto=(able or catalog.models)[0].id,
        off=[m.id for m in off],
        scenes=_scenes(shown) if "apply_effect" in tools else {},
        voices=_voices(catalog) if "create_speech" in tools else {},
        checked=catalog.tables.checked,
        source=catalog.tables.source,
    )


def in_brief(catalog: Catalog, wanted: ListModels) -> dict[str, str]:
    """Return what of a provider's models fits, and what each costs at least."""
    return {
        m.id: _least(catalog, m)
        for m in catalog.models
        if any(_fits(o, wanted) for o in m.offer) and (not wanted.model or wanted.model.lower() == m.id)
    }


def knows(catalog: Catalog, name: str) -> bool:
    """Whether a provider has a model of this very id or name."""
    return any(name.lower() in {m.id, m.name.lower()} for m in catalog.tables.model)


def _least(catalog: Catalog, model: Model) -> str:
    rows = [row for row in catalog.tables.price if row.model == model.id]
    known = [(usd, row) for row in rows if (usd := _usd(catalog, row)) is not None]
    if not known:
        return "price not known"
    _, least = min(known, key=lambda pair: pair[0])
    return f"{'from ' if len(known) > 1 else ''}{_price(catalog, least)}"


def _check_tool(tool: str | None) -> None:
    known = sorted({tool for tools in _TOOLS.values() for tool in tools} | {"edit_video"})
    if tool is not None and tool not in known:
        raise InvalidArguments(f"No model is behind {quoted(tool, 60)}.", advice=f"There are {either(known)}.")


def _named(catalog: Catalog, name: str, able: Sequence[Model]) -> Model:
    """Return a model by any of its names, also one that is off."""
    off = (m for m in catalog.tables.model if not m.enabled and name.lower() in {m.id, m.name.lower()})
    return next(off, None) or catalog.find_model(name, able)


def _fits(offer: Offer, wanted: ListModels) -> bool:
    return all(
        (
            wanted.tool is None or wanted.tool in _tools_of(offer),
            wanted.seconds is None or _lasts(offer, wanted.seconds),
            wanted.resolution is None or wanted.resolution in offer.resolutions,
            wanted.audio is None or _sounds(offer, wanted.audio),
            not wanted.last_image or (isinstance(offer, VideoOffer) and bool(offer.last_frame_resolutions)),
        )
    )


def _lasts(offer: Offer, seconds: int) -> bool:
    match offer:
        case VideoOffer():
            return seconds in offer.seconds
        case MotionOffer():
            return offer.video.min_seconds <= seconds <= offer.video.max_seconds
        case ServiceOffer(seconds=(least, most)):
            return least <= seconds <= most
        case ServiceOffer(product="avatar", audio=audio) if audio is not None:
            return audio.min_seconds <= seconds <= audio.max_seconds
        case _:
            return False


def _sounds(offer: Offer, wanted: bool) -> bool:
    if not isinstance(offer, VideoOffer):
        return False
    able = offer.audio == "always" or (offer.audio == "optional" and bool(offer.audio_resolutions))
    return able if wanted else offer.audio != "always"


def _tools_of(offer: Offer) -> tuple[str, ...]:
    edits = isinstance(offer, VideoOffer) and offer.base_video is not None
    return (*_TOOLS[offer.product], *(("edit_video",) if edits else ()))


def _tools(model: Model) -> list[str]:
    return list(dict.fromkeys(tool for offer in model.offer for tool in _tools_of(offer)))


def _facts(catalog: Catalog, model: Model, *, detailed: bool) -> ModelFacts:
    offers = model.offer
    films = [o for o in offers if isinstance(o, VideoOffer)]
    shaped = [o for o in offers if isinstance(o, VideoOffer | ImageOffer)]
    tables = catalog.tables
    return ModelFacts(
        model=model.id,
        name=model.name,
        good_for=model.good_for,
        tools=_tools(model),
        seconds=next((words for o in offers if (words := _length(o))), ""),
        resolutions=list(dict.fromkeys(r for o in offers for r in o.resolutions)),
        aspect_ratios=next((list(o.aspect_ratios) for o in shaped if o.aspect_ratios), []),
        audio=_audio(films[0]) if films else "",
        last_image=list(next((o.last_frame_resolutions for o in films if o.last_frame_resolutions), ())),
        references=", ".join(_references(offers)),
        prompt_max=min((most for o in offers for most in o.prompt_max.values() if most), default=0),
        prices={_way(row): _price(catalog, row) for row in tables.price if row.model == model.id},
        needs="KLING_API_KEY" if set(model.names) == {"standard"} else "",
        off=not model.enabled,
        checked=(model.checked or tables.checked) if detailed else "",
        source=(model.source or tables.source) if detailed else "",
        details={o.product: _details(o) for o in offers} if detailed else {},
    )


def _length(offer: Offer) -> str:
    match offer:
        case VideoOffer():
            return spans(offer.seconds)
        case MotionOffer():
            return f"{offer.video.min_seconds:g}-{offer.video.max_seconds:g}"
        case ServiceOffer(seconds=(least, most)):
            return f"{least:g}-{most:g}"
        case _:
            return ""


def _audio(offer: VideoOffer) -> str:
    if offer.audio == "optional" and not offer.audio_resolutions:
        return "none"
    if offer.audio == "optional" and len(offer.audio_resolutions) < len(offer.resolutions):
        return f"optional at {', '.join(offer.audio_resolutions)}"
    return offer.audio


def _references(offers: Sequence[Offer]) -> Iterator[str]:
    films = [o for o in offers if isinstance(o, VideoOffer)]
    stills = [o for o in offers if isinstance(o, ImageOffer)]
    if pictures := max((o.pictures for o in films), default=0):
        yield f"{pictures} pictures or elements"
    elif elements := max((o.elements for o in films), default=0):
        yield f"{elements} elements"
    if any(o.feature_video for o in films):
        yield "1 video"
    if voices := max((o.voices for o in films), default=0):
        yield f"{voices} voices"
    if most := max((o.references for o in stills), default=0):
        yield f"{most} pictures{' or elements' if any(o.elements for o in stills) else ''}"


def _way(row: PriceRow) -> str:
    return f"{row.feature} {row.resolution}".strip()


def _price(catalog: Catalog, row: PriceRow) -> str:
    usd = _usd(catalog, row)
    told = f"{plain(row.units or Decimal(0))} credits" if usd is None else dollars(usd)
    return f"{told} per {_PER.get(row.per, row.per)}"


def _usd(catalog: Catalog, row: PriceRow) -> Decimal | None:
    """Return a price in dollars; nothing where nobody knows what a unit costs."""
    unit = catalog.tables.unit_usd.get(row.pack)
    return row.usd if row.usd is not None else None if unit is None else (row.units or Decimal(0)) * unit


def _details(offer: Offer) -> dict[str, Any]:
    told: dict[str, Any] = _OFFER.dump_python(offer, mode="json", exclude_defaults=True, exclude=_LISTS)
    for name in _NUMBERS:
        if len(numbers := told.get(name, ())) > 2:
            told[name] = spans(numbers)
    return told


def _scenes(models: Sequence[Model]) -> dict[str, list[str]]:
    scenes = [item for m in models for o in m.offer if isinstance(o, ServiceOffer) for item in o.scenes.items()]
    told = {"two pictures": 2, "one picture": 1}
    return {words: [name for name, taken in scenes if taken == number] for words, number in told.items()}


def _voices(catalog: Catalog) -> dict[str, list[str]]:
    known = known_voices(catalog.tables)
    return {language: [v for spoken_in, v in known if spoken_in == language] for language in ("en", "zh")}

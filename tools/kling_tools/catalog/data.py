"""The two data files as checked values: models with what they offer, and what it costs.

Kept apart from the rules so that a wrong row fails on load with its place, and never at the moment of paying. A file of
a person's own is laid over the shipped ones row by row: it adds models, mends prices and switches on what is off.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from kling_tools.model.errors import BadSettings, quoted
from kling_tools.model.inputs import ClipLimits, SoundLimits
from kling_tools.model.media import ImageLimits
from kling_tools.model.plan import Standard
from kling_tools.model.specs import ImageProduct, Product, ServiceProduct, VideoProduct

#: The provider whose models stand beside this file, and the one that plays it.
KLING, SANDBOX = "kling", "sandbox"


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=500)


def _in_order(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(numbers)))


def _readable(clip: ClipLimits) -> ClipLimits:
    if strange := [r for r in clip.ratios if not re.fullmatch(r"[1-9]\d{0,2}:[1-9]\d{0,2}", r)]:
        raise ValueError(f"{quoted(strange[0], 20)} is no ratio such as 16:9")
    return clip


Lengths = Annotated[tuple[Annotated[int, Field(ge=1, le=3600)], ...], AfterValidator(_in_order)]
Clip = Annotated[ClipLimits, AfterValidator(_readable)]
PromptMax = dict[Standard, Annotated[int, Field(ge=0)]]


class VideoOffer(_Row):
    """Videos of one kind by one model. Lists are what may be asked; empty or 0 means not offered.

    `plain_seconds`: lengths where nothing but words or a first frame goes in. `first_frame` false: an omni model that
    takes pictures as references only. `least_references`: it makes nothing of fewer. `feature_video` and `base_video`:
    what a reference video or one to be edited has to be like; `video_resolutions`: beside such a video, where that is
    not all of them. `negative_prompt`: the standards that have such a field, of `negative_prompt_max` characters.
    `camera_resolutions`: where only those have one for the camera; `camera_presets`: it knows the moves that go along
    two axes. `motion_brush_resolutions`: where masks may say what moves. `shots_with_sound`: shots make sound, asked
    or not.
    `film_elements`: how many of the elements may be made from a video; `film_elements_priced`: they are paid like a
    video that goes in. `pictures_with_video`: how many pictures and elements may come beside a video; `pictures`
    without one.
    """

    product: VideoProduct
    seconds: Lengths = Field(min_length=1)
    plain_seconds: Lengths = ()
    first_frame: bool = True
    resolutions: tuple[str, ...] = Field(min_length=1)
    aspect_ratios: tuple[str, ...] = ()
    audio: Literal["none", "optional", "always"]
    audio_resolutions: tuple[str, ...] = ()
    keeps_sound: bool = False
    last_frame_resolutions: tuple[str, ...] = ()
    last_frame_silent: bool = False
    last_frame_with: Literal["all", "elements", "nothing"] = "all"
    multi_shot: bool = False
    shots: int = 0
    shots_with_sound: bool = False
    shot_prompt_max: int = 512
    prompt_max: PromptMax
    voices: int = 0
    voice_standards: tuple[Standard, ...] = ()
    elements: int = 0
    elements_with_frames: int = 0
    film_elements: int = 0
    film_elements_priced: bool = False
    least_references: int = 0
    pictures: int = 0
    pictures_with_video: int = 0
    feature_video: Clip | None = None
    base_video: Clip | None = None
    video_resolutions: tuple[str, ...] = ()
    negative_prompt: tuple[Standard, ...] = ()
    negative_prompt_max: int = 2500
    camera: tuple[Standard, ...] = ()
    camera_resolutions: tuple[str, ...] = ()
    camera_presets: bool = False
    motion_brush_resolutions: tuple[str, ...] = ()
    cfg_scale: tuple[Standard, ...] = ()


class MotionOffer(_Row):
    """Motion control: a video's motion onto a picture. `image_seconds` is the longest video when the picture leads.

    `sound_choice` false: there is no field that would leave out the video's sound. `presets`: motions that are ready,
    by name.
    """

    product: Literal["motion-control"]
    resolutions: tuple[str, ...]
    prompt_max: PromptMax
    elements: int = 0
    sound_choice: bool = True
    presets: tuple[str, ...] = ()
    video: Clip
    image_seconds: float


class ImageOffer(_Row):
    """Pictures of one kind by one model. `auto_ratio`: the model may choose the ratio when a picture goes in.

    `references` counts pictures and elements together, `pictures` the pictures among them. `series_auto` false: it does
    not choose how many a series has. Without `resolutions` or
    `aspect_ratios` there is no such field. `likeness`: which there are; then also how near to the picture it stays.
    """

    product: ImageProduct
    count: int = 1
    resolutions: tuple[str, ...] = ()
    aspect_ratios: tuple[str, ...] = ()
    auto_ratio: bool = False
    prompt_max: PromptMax
    negative_prompt: bool = False
    references: int = 0
    least_references: int = 0
    pictures: int = 0
    elements: bool = False
    series: Lengths = ()
    series_auto: bool = True
    likeness: tuple[str, ...] = ()
    scene_and_style: bool = False
    image: ImageLimits | None = None


class ServiceOffer(_Row):
    """One service without model versions: what it reads and how long its text, sound and video may be.

    `scenes`: effect scenes and the pictures that each takes; `known`: voices, as `en:ID` or `zh:ID`. Both are open.
    `direct`: one call does all of it. `own`: it works on what the same provider made, and on nothing else.
    """

    product: ServiceProduct
    resolutions: tuple[str, ...] = ()
    prompt_max: PromptMax
    text_max: int = 0
    seconds: tuple[float, float] | None = None
    audio: SoundLimits | None = None
    video: Clip | None = None
    images: int = 0
    scenes: dict[str, Annotated[int, Field(ge=1, le=2)]] = {}
    known: tuple[Annotated[str, Field(pattern=r"^(en|zh):\S+$")], ...] = ()
    direct: bool = False
    own: bool = False


Offer = Annotated[VideoOffer | MotionOffer | ImageOffer | ServiceOffer, Field(discriminator="product")]


class Model(_Row):
    """One model and its name in each API standard; `enabled` false: known, and off until a person switches it on."""

    id: str = Field(max_length=60, pattern=r"^[a-z0-9][a-z0-9._-]*$")
    name: str
    names: dict[Standard, str]
    enabled: bool = True
    auto_rank: int
    good_for: str
    typical_seconds: float | None = None
    checked: str = ""
    source: str = ""
    offer: tuple[Offer, ...]

    @model_validator(mode="after")
    def _whole(self) -> Model:
        if self.id == "auto":
            raise ValueError("auto is not free as an id: it means that the catalogue chooses")
        products = [offer.product for offer in self.offer]
        if twice := {p for p in products if products.count(p) > 1}:
            raise ValueError(f"it offers {', '.join(sorted(twice))} twice")
        if self.enabled and not self.names:
            raise ValueError('a model that is on needs names = { standard = "..." }, or legacy, or both')
        for offer in self.offer:
            if self.enabled and set(offer.prompt_max) != set(self.names):
                named = ", ".join(sorted(self.names))
                raise ValueError(f"{offer.product}: prompt_max has to be told for {named}, and for no other")
        return self

    def offers(self, product: Product) -> VideoOffer | MotionOffer | ImageOffer | ServiceOffer | None:
        """Return what the model offers of a product."""
        return next((o for o in self.offer if o.product == product), None)


class PriceRow(_Row):
    """What one way of asking costs: `units` or `usd` for each second, picture, call, or begun five seconds.

    `feature`: silent, audio, voice, video-in, motion, text, image, several, use or faces; `resolution` is in the key.
    """

    model: str
    feature: str
    resolution: str = ""
    units: Decimal | None = Field(None, ge=0, le=1_000_000, max_digits=20)
    usd: Decimal | None = Field(None, ge=0, le=1_000_000, max_digits=20)
    per: Literal["second", "picture", "call", "5 seconds"]
    pack: Literal["video", "image"] = "video"
    checked: str = ""
    source: str = ""

    @model_validator(mode="after")
    def _one(self) -> PriceRow:
        # With neither, it would count as free.
        if (self.units is None) == (self.usd is None):
            raise ValueError("give units or usd, and only one of them")
        return self

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a row the same as another."""
        return self.model, self.feature, self.resolution


class Tables(_Row):
    """Models and prices, whole."""

    checked: str
    source: str
    prices_checked: str
    prices_source: str
    unit_usd: dict[Literal["video", "image"], Decimal] = {}
    limits: dict[Standard, ImageLimits]
    model: tuple[Model, ...]
    price: tuple[PriceRow, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Tables:
        ids = [m.id for m in self.model]
        if twice := {i for i in ids if ids.count(i) > 1}:
            raise ValueError(f"model {', '.join(sorted(twice))} is there twice")
        keys = [row.key for row in self.price]
        if twice_priced := {k for k in keys if keys.count(k) > 1}:
            raise ValueError(f"a price is there twice: {sorted(twice_priced)}")
        if strange := {row.model for row in self.price} - set(ids):
            raise ValueError(f"prices name models that are not there: {', '.join(sorted(strange))}")
        if unlimited := {word for model in self.model for word in model.names} - set(self.limits):
            raise ValueError(f"names = {{ {sorted(unlimited)[0]} = ... }}: there is no such API standard here")
        return self


@cache
def shipped(provider: str = KLING) -> Tables:
    """Return the tables that come with the program: Kling's own, or a gateway's."""
    return Tables.model_validate(_shipped(provider))


def overlaid(text: str, place: str, provider: str = KLING, gateways: Collection[str] = ()) -> Tables:
    """Return the shipped tables with a person's own file (TOML: [[model]] and [[price]]) laid over them.

    A model that is known keeps what the file leaves out; a price with a known key is replaced. Rows for a gateway stand
    under its name, [[piapi.model]]; `gateways` are the names that there are.

    Raises:
        BadSettings: the file cannot be read as such; it names the first faults.
    """
    try:
        own = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        raise _bad(place, f"is no TOML: {quoted(error, 120)}") from None
    parts = {name: own.pop(name) for name in gateways if isinstance(own.get(name), dict)}
    strange = [*(set(own) - _PARTS), *(key for part in parts.values() for key in set(part) - {*_PARTS, "limits"})]
    if strange:
        raise _bad(place, f"has {quoted(sorted(strange)[0], 40)}; it may have [[model]] and [[price]] only")
    own = parts.get(provider, {}) if provider in gateways else own
    tables = _shipped(provider)
    try:
        tables["limits"] = {**tables["limits"], **own.get("limits", {})}
        tables["model"] = _merged(tables["model"], _rows(own, "model"), ("id",), _known_model)
        tables["price"] = _merged(tables["price"], _rows(own, "price"), _PRICE_KEY, _new_price)
        return Tables.model_validate(tables)
    except ValidationError as error:
        raise _bad(place, _told(error, tables)) from None
    except ValueError as error:
        raise _bad(place, f"is not valid: {error}") from None


#: What a person's own file may have.
_PARTS = frozenset({"model", "price"})
_PRICE_KEY = ("model", "feature", "resolution")
#: Where a row of the person's own says nothing about it: the shipped dates and sources would be false there.
_OWN = {"source": "KLING_CATALOG", "checked": "undated"}


def _known_model(known: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    told = f"{known.get('source', 'shipped')}; KLING_CATALOG" if known else "KLING_CATALOG"
    return {**(known or _OWN), "source": told, **own}


def _new_price(_: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    return {**_OWN, **own}


def _shipped(provider: str) -> dict[str, Any]:
    if provider not in {KLING, SANDBOX}:
        return {**_UNKNOWN, **_toml(f"gateways/{provider}.toml")}
    models, prices = _toml("models.toml"), _toml("prices.toml")
    dated = {f"prices_{name}": prices[name] for name in ("checked", "source")}
    return {**prices, **models, **dated}


#: A gateway that only a person's own file knows.
_UNKNOWN: Mapping[str, Any] = {
    "checked": "undated",
    "source": "KLING_CATALOG",
    "prices_checked": "undated",
    "prices_source": "KLING_CATALOG",
    "limits": {},
    "model": [],
    "price": [],
}


@cache
def _toml(name: str) -> dict[str, Any]:
    """Return a file as it is written; nobody may change what comes back."""
    file = files("kling_tools.catalog").joinpath(name)
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


def _rows(own: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = own.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{name} has to be written as [[{name}]]")
    return rows


def _merged(
    known: Sequence[dict[str, Any]],
    own: Sequence[dict[str, Any]],
    key: tuple[str, ...],
    laid_over: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]],
) -> list[dict[str, Any]]:
    def keyed(row: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(str(row.get(part, "")) for part in key)

    keys = [keyed(row) for row in own]
    if twice := [k for k in keys if keys.count(k) > 1]:
        raise ValueError(f"{quoted(' '.join(twice[0]), 80)} is there twice")
    rows = {keyed(row): row for row in known}
    for row in own:
        rows[keyed(row)] = laid_over(rows.get(keyed(row), {}), row)
    return list(rows.values())


def _told(error: ValidationError, tables: Mapping[str, Any]) -> str:
    """Return the first faults, each with the row as its writer knows it: by name, not by its place in our list."""
    faults = []
    for fault in error.errors(include_url=False)[:3]:
        why = str(fault["msg"]).removeprefix("Value error, ")
        table, number, *inside = (*fault["loc"], "", "")
        if table in {"model", "price"} and isinstance(number, int):
            row = tables[str(table)][number]
            named = " ".join(str(row[part]) for part in ("id", *_PRICE_KEY) if row.get(part)) or "without id"
            where = ".".join(str(part) for part in inside if part != "")
            why = f"{table} {named[:80]}{', ' if where else ''}{where}: {why}"
        faults.append(quoted(why, 240))
    return f"is not valid: {'; '.join(faults)}"


def _bad(place: str, why: str) -> BadSettings:
    return BadSettings(f"The catalogue {quoted(place, 120)} (KLING_CATALOG) {why}.", advice="Mend or unset it.")

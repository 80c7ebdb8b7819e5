"""The two data files as checked values: models with what they offer, prices per second.

Kept apart from the rules so that a wrong row fails on load with its place, and never at the moment of paying.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, model_validator

from kling_tools.model.media import ImageLimits
from kling_tools.model.plan import Audio, Effect, Standard


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Offer(_Row):
    """One effect of one model: what may be asked of it."""

    effect: Effect
    seconds: tuple[int, ...]
    resolutions: tuple[str, ...]
    aspect_ratios: tuple[str, ...] = ()
    audio: Literal["none", "optional", "always"]
    audio_resolutions: tuple[str, ...] = ()
    last_frame_resolutions: tuple[str, ...] = ()
    last_frame_silent: bool = False
    multi_shot: bool = False
    prompt_max: dict[Standard, int]


class Model(_Row):
    """One model and its names in the two API standards."""

    id: str
    name: str
    standard: str | None = None
    legacy: str | None = None
    auto_rank: int
    good_for: str
    typical_seconds: float | None = None
    offer: tuple[Offer, ...]

    @model_validator(mode="after")
    def _measured(self) -> Model:
        named = {standard for standard in get_args(Standard) if self.named(standard)}
        if any(named != set(offer.prompt_max) for offer in self.offer):
            raise ValueError(f"{self.id}: prompt_max has to be told for {', '.join(sorted(named))}, and for no other")
        return self

    def named(self, standard: Standard) -> str | None:
        """Return the model's name in an API standard, or None where it is not offered."""
        return self.standard if standard == "standard" else self.legacy

    def offers(self, effect: Effect) -> Offer | None:
        """Return what the model offers of an effect."""
        return next((o for o in self.offer if o.effect == effect), None)


class ModelsFile(_Row):
    """models.toml."""

    checked: str
    source: str
    limits: dict[Standard, ImageLimits]
    model: tuple[Model, ...]


class PriceRow(_Row):
    """Units per output second for one way of asking."""

    model: str
    audio: Audio
    resolution: str
    units: Decimal


class PricesFile(_Row):
    """prices.toml."""

    checked: str
    source: str
    unit_usd: Decimal
    price: tuple[PriceRow, ...]


@cache
def read_models() -> ModelsFile:
    """Return the shipped capability map."""
    return ModelsFile.model_validate(_toml("models.toml"))


@cache
def read_prices() -> PricesFile:
    """Return the shipped price table."""
    return PricesFile.model_validate(_toml("prices.toml"))


def _toml(name: str) -> dict[str, object]:
    return tomllib.loads(files("kling_tools.catalog").joinpath(name).read_text("utf-8"))

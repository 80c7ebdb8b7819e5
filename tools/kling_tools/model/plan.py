"""What was decided about a request before anything is sent: the model, the exact settings and the price.

A `Plan` is written to the journal with the intent, so that another process can send exactly what was agreed.
An `Order` is a plan with its pictures read: all an encoder needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kling_tools.model.media import ImageLimits, Picture
from kling_tools.model.money import Price

Standard = Literal["standard", "legacy"]
#: "off" and "native" were chosen; "always" and "none" are models without the choice, and without such a field.
Audio = Literal["off", "native", "always", "none"]
Effect = Literal["text-to-video", "image-to-video"]


@dataclass(frozen=True)
class Route:
    """A way to the provider: its name and the API standard that the credentials open (kling-official 1.2, 1.3)."""

    provider: str
    standard: Standard


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One paid task, decided.

    `model` is the catalogue's id, `wire_model` the name on this route. `multi_shot` None means that the model has no
    such field. `image` and `last_image` are as the agent wrote them. `aspect_ratio` None means that the video follows
    the picture. `typical_seconds` is how long such a task was seen to take.
    """

    tool: str
    effect: Effect
    route: Route
    model: str
    wire_model: str
    prompt: str
    seconds: int
    resolution: str
    aspect_ratio: str | None
    audio: Audio
    multi_shot: bool | None
    image: str | None
    last_image: str | None
    image_limits: ImageLimits
    price: Price
    typical_seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Order:
    """A plan ready to be encoded. `external_id` is our own task id, unique per account (kling-official 12.16)."""

    plan: Plan
    external_id: str
    image: Picture | None = None
    last_image: Picture | None = None

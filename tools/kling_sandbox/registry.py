"""Everything the sandbox sells, and the calls beside it: one line per module."""

from __future__ import annotations

from typing import Final

from kling_sandbox import (
    account,
    audio,
    avatar,
    effects,
    elements,
    images,
    lipsync,
    recognize,
    videos,
    views,
    voices,
)
from kling_sandbox.config import SandboxConfig
from kling_sandbox.product import Endpoint, Product

ENDPOINTS: Final[tuple[Endpoint, ...]] = (*account.ENDPOINTS, *voices.ENDPOINTS, *elements.ENDPOINTS)


def products(config: SandboxConfig) -> tuple[Product, ...]:
    """Return all products, with the extra model versions of the configuration."""
    return (
        *videos.products(config),
        *lipsync.products(),
        *avatar.products(),
        *effects.products(),
        *recognize.products(),
        *images.products(config),
        *audio.products(config),
        *voices.products(config),
        *elements.products(config),
        *views.products(config),
    )

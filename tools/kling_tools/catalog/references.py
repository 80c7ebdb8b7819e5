"""What `@1`, `@2` in a prompt stand for, as far as the catalogue has to know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kling_tools.catalog.ask import Ask
from kling_tools.model.requests.base import ELEMENT
from kling_tools.model.requests.video import element_id
from kling_tools.model.specs import Reference


def film_elements_of(ask: Ask[Any], references: Sequence[str]) -> int:
    """Return how many of the references are elements known to be made from a video."""
    made = (ask.source(t) for t in references if t.startswith(ELEMENT))
    return sum(1 for source in made if source is not None and source.kind == "video")


def references_of(texts: Sequence[str]) -> tuple[Reference, ...]:
    """Return references that are pictures or elements."""
    return tuple(
        Reference(kind="element", element=element_id(t)) if t.startswith(ELEMENT) else Reference(kind="image")
        for t in texts
    )

"""A request as the catalogue reads it: which products could serve it, what stands in the way, what it comes to.

The seam between the one reader of the tables (`catalog`) and the kinds of requests, each in a file of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

from kling_tools.catalog.data import Model, Tables
from kling_tools.model.media import Source
from kling_tools.model.plan import Input, Standard
from kling_tools.model.requests import SpendingRequest
from kling_tools.model.specs import Product, Spec

R = TypeVar("R", bound=SpendingRequest)

#: At least and at most.
Span = tuple[Decimal, Decimal]


def exactly(number: float) -> Span:
    """Return a span of one number."""
    return between(number, number)


def between(low: float, high: float) -> Span:
    """Return a span."""
    return Decimal(str(low)), Decimal(str(high))


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of the price: a row of the table (`model` empty: the chosen one), and how much of it."""

    feature: str
    resolution: str = ""
    model: str = ""
    seconds: Span = (Decimal(0), Decimal(0))
    count: Span = (Decimal(1), Decimal(1))
    #: The provider's own rounding is not known, or the length only afterwards.
    rough: bool = False


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a request comes to with one model: all of a plan but its name, way and price."""

    spec: Spec
    shares: tuple[Share, ...]
    inputs: tuple[Input, ...] = ()
    slots: int = 1
    continues: str = ""
    video_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    direct: bool = False


@dataclass(frozen=True)
class Ask(Generic[R]):
    """One request and what is known of its media, by what was written. Subclasses are the kinds of requests."""

    request: R
    sources: Mapping[str, Source]
    tables: Tables

    tool: ClassVar[str] = ""

    @property
    def products(self) -> Sequence[Product]:
        """The products that could serve the request, the preferred first."""
        raise NotImplementedError

    def problems(self, model: Model, offer: Any, standard: Standard) -> Iterator[str]:
        """Yield every reason why this offer cannot do the request, in words that name what would work."""
        raise NotImplementedError

    def draft(self, model: Model, offer: Any, standard: Standard) -> Draft:
        """Return what the request comes to, where nothing stands in the way."""
        raise NotImplementedError

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield small changes that might make it possible: the words for it, and the arguments."""
        return iter(())

    def changed(self, arguments: Mapping[str, object]) -> Ask[R]:
        """Return the ask with some arguments changed."""
        request = self.request.model_copy(update=dict(arguments))
        return type(self)(request, self.sources, self.tables)

    def source(self, text: str | None) -> Source | None:
        """Return what is known of a medium."""
        return self.sources.get(text) if text else None


def spans(numbers: Sequence[int]) -> str:
    """Return `3-15` or `5 or 10`."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]}-{numbers[-1]}"
    return either([str(n) for n in numbers])


def either(words: Sequence[str]) -> str:
    """Return `a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def too_long(model: Model, name: str, text: str, most: int) -> Iterator[str]:
    """Yield why a text is too long for the model."""
    if len(text) > most:
        yield f"{model.name} reads {most} characters of {name}; this one has {len(text)}"

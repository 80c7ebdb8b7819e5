"""Spans and figures for OpenTelemetry: a room near the ground, because the wire, the jobs and the studio all use it.

Where no SDK is set up nothing is recorded, and next to nothing is done. What is told is what a stranger may read: ids,
names of models and providers, codes, counts, dollars. Never a prompt, a key, a path or an address with a signature; so
the text of an error is left out as well.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

# Of its packages only this: the MCP SDK has loaded it already, and start-up is measured.
from opentelemetry import trace

from kling_tools.model.errors import KlingError

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram, Meter
    from opentelemetry.metrics import _Gauge as Gauge

NAME = "kling_tools"

Attributes = Mapping[str, str | bool | int | float]

_tracer = trace.get_tracer(NAME)


@contextmanager
def span(name: str, attributes: Attributes, *, client: bool = False) -> Iterator[trace.Span]:
    """Open a span; an error that leaves it is told by its code or class only."""
    kind = trace.SpanKind.CLIENT if client else trace.SpanKind.INTERNAL
    with _tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield opened
        except Exception as error:
            opened.set_attribute(
                "error.type", error.code if isinstance(error, KlingError) else type(error).__qualname__
            )
            opened.set_status(trace.StatusCode.ERROR)
            raise


def measures() -> bool:
    """Whether anybody may want figures: who never loaded the metrics API has set up nothing that takes them."""
    return "opentelemetry.metrics" in sys.modules


def count(name: str, amount: float, unit: str, attributes: Attributes) -> None:
    """Add to a counter; nothing below zero."""
    if measures():
        _counter(name, unit).add(amount, attributes)


def measure(name: str, amount: float, unit: str, attributes: Attributes) -> None:
    """Put a value into a histogram."""
    if measures():
        _histogram(name, unit).record(amount, attributes)


def gauge(name: str, amount: float, unit: str, attributes: Attributes) -> None:
    """Set how much there is of something now."""
    if measures():
        _gauge(name, unit).set(amount, attributes)


@cache
def _meter() -> Meter:
    from opentelemetry.metrics import get_meter

    return get_meter(NAME)


@cache
def _counter(name: str, unit: str) -> Counter:
    return _meter().create_counter(name, unit)


@cache
def _histogram(name: str, unit: str) -> Histogram:
    return _meter().create_histogram(name, unit)


@cache
def _gauge(name: str, unit: str) -> Gauge:
    return _meter().create_gauge(name, unit)

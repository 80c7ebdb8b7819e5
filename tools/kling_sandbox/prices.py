"""What a task costs in video units, from the table of 2026-09-20 (kling-official 10.2); 1 unit is $0.14."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from kling_sandbox.order import Order

# Units per second of output: silent and with native audio, by resolution.
SILENT: Final[dict[str, dict[str, str]]] = {
    "kling-3.0": {"720p": "0.6", "1080p": "0.8", "4k": "3.0"},
    "kling-3.0-omni": {"720p": "0.6", "1080p": "0.8", "4k": "3.0"},
    "kling-o1": {"720p": "0.6", "1080p": "0.8"},
    "kling-2.6": {"720p": "0.3", "1080p": "0.5"},
    "kling-2.5-turbo": {"720p": "0.3", "1080p": "0.5"},
}
NATIVE: Final[dict[str, dict[str, str]]] = {
    "kling-3.0-turbo": {"720p": "0.8", "1080p": "1.0"},  # its sound is always there, and in the price
    "kling-3.0": {"720p": "0.9", "1080p": "1.2", "4k": "3.0"},
    "kling-3.0-omni": {"720p": "0.8", "1080p": "1.0", "4k": "3.0"},
    "kling-2.6": {"1080p": "1.0"},
}
CHOSEN_VOICE: Final[dict[str, dict[str, str]]] = {"kling-2.6": {"1080p": "1.2"}}


def units(order: Order) -> Decimal:
    """Return what the order costs in video units."""
    table = SILENT if order.sound != "native" else CHOSEN_VOICE if order.voices else NATIVE
    return Decimal(table[order.model][order.resolution]) * order.seconds

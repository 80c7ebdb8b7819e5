"""What videos cost in video units, from the table of 2026-09-20 (kling-official 10.2); 1 unit is $0.14."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from kling_sandbox.order import MOTION, Order

# Units per second of output, by model and resolution.
Table = dict[str, dict[str, str]]
SILENT: Final[Table] = {
    "kling-3.0": {"720p": "0.6", "1080p": "0.8", "4k": "3.0"},
    "kling-3.0-omni": {"720p": "0.6", "1080p": "0.8", "4k": "3.0"},
    "kling-o1": {"720p": "0.6", "1080p": "0.8"},
    "kling-2.6": {"720p": "0.3", "1080p": "0.5"},
    "kling-2.5-turbo": {"720p": "0.3", "1080p": "0.5"},
}
NATIVE: Final[Table] = {
    "kling-3.0-turbo": {"720p": "0.8", "1080p": "1.0"},  # its sound is always there, and in the price
    "kling-3.0": {"720p": "0.9", "1080p": "1.2", "4k": "3.0"},
    "kling-3.0-omni": {"720p": "0.8", "1080p": "1.0", "4k": "3.0"},
    "kling-2.6": {"1080p": "1.0"},
}
CHOSEN_VOICE: Final[Table] = {"kling-2.6": {"1080p": "1.2"}}
VIDEO_IN: Final[Table] = {
    "kling-3.0-omni": {"720p": "0.9", "1080p": "1.2", "4k": "3.0"},
    "kling-o1": {"720p": "0.9", "1080p": "1.2"},
}
MOTION_CONTROL: Final[Table] = {
    "kling-3.0": {"720p": "0.9", "1080p": "1.2"},
    "kling-2.6": {"720p": "0.5", "1080p": "0.8"},
}
AVATAR: Final = {"std": "0.4", "pro": "0.8"}  # per second of sound
LIP_SYNC: Final = "0.5"  # for each begun 5 seconds
LIP_SYNC_STEP: Final = 5
IDENTIFY_FACE: Final = "0.05"
IMAGE_RECOGNIZE: Final = "0.1"
# The price page of effects was not captured (kling-official 10.2, 15.2): a figure that is plainly not free.
EFFECTS: Final = "2"


def units(order: Order, like: str) -> Decimal:
    """Return what an order costs in video units, at the prices of the known model `like`."""
    return Decimal(_table(order)[like][order.resolution]) * Decimal(str(order.seconds))


def _table(order: Order) -> Table:
    if order.product == MOTION:
        return MOTION_CONTROL
    if order.video is not None:
        return VIDEO_IN
    if order.sound != "native":
        return SILENT
    return CHOSEN_VOICE if order.voices else NATIVE

"""Opens a real studio that buys from a fake vendor over a socket: own directories, and a time that is fast."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.studio.open import FastClock, environment
from tests.vendors.serving import VENDORS, Fake, serving
from tests.vendors.vendor import Vendor

from kling_tools.model.requests import CreateVideo, SpendingRequest
from kling_tools.model.tasks import Task
from kling_tools.providers.registry import GATEWAYS
from kling_tools.settings import Settings
from kling_tools.studio import Studio

#: The vendors whose codec is there: a new line in the registry brings a vendor into every test of this room.
FAKES = [Fake(gateway.vendor.name) for gateway in GATEWAYS]
#: Of these two the codecs differ most: one address for all with errors inside 200, and one for each model with a queue.
SAMPLES = {Fake.PIAPI, Fake.FAL}
SAMPLED = [pytest.param(fake, marks=() if fake in SAMPLES else pytest.mark.long, id=fake.value) for fake in FAKES]
PICTURE = "https://pictures.example/fox.jpg"
#: Long enough for anything here, in the fast time.
LONG = 600.0
#: Long enough to see that nothing more happens.
SOME = 40.0


def variables(folder: Path, *vendors: tuple[Fake, Vendor], **more: str) -> dict[str, str]:
    """Return the environment that opens these vendors and nothing else."""
    of_vendors: dict[str, str] = {}
    for fake, vendor in vendors:
        of_vendors |= VENDORS[fake].environment(vendor)
    return environment(folder, **{"KLING_CONFIRM_ABOVE_USD": "9", "KLING_ALLOW_UNPRICED": "1", **of_vendors, **more})


@asynccontextmanager
async def opened(
    folder: Path, *vendors: tuple[Fake, Vendor], clock: FastClock | None = None, **more: str
) -> AsyncIterator[Studio]:
    """Open a studio that has keys for these vendors."""
    settings = Settings.from_env(variables(folder, *vendors, **more))
    assert settings.problems == ()
    async with Studio.open(settings, clock or FastClock()) as studio:
        yield studio


@asynccontextmanager
async def trading(fake: Fake, folder: Path, **more: Any) -> AsyncIterator[tuple[Studio, Vendor]]:
    """Run a vendor, and open a studio that buys from it."""
    async with serving(fake) as vendor, opened(folder, (fake, vendor), **more) as studio:
        yield studio, vendor


async def silent(progress: float, total: float | None, message: str) -> None:
    """Tell nobody."""


async def bought(studio: Studio, request: SpendingRequest) -> Task:
    """Buy one task and wait for its end."""
    task = await studio.create(request)
    with anyio.fail_after(300):  # the fast time does not stand still where the machine is slow
        while not task.status.ended:
            (task,) = await studio.wait([task.id], LONG, silent)
    return task


def a_clip(**more: Any) -> CreateVideo:
    """Return the request for a plain clip, which every vendor can make."""
    told: Mapping[str, Any] = {"prompt": "A fox runs through snow", "confirm_cost": True, **more}
    return CreateVideo.model_validate(told)

"""Every cell of the official price list: what `estimate_cost` says, and what is billed afterwards.

The cells are written down here a second time, by hand, from the list of 2026-09-20 (kling-official 10.2, 10.3): units,
and what they are for. The simulated Kling has them a third time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.studio.open import a_picture, a_studio, ask, finished

from kling_tools.model.plan import Prepared
from kling_tools.operations.all import BUYING
from kling_tools.studio import Studio
from kling_tools.studio.deciding import new_task_id

pytestmark = pytest.mark.anyio

UNIT = {"video": Decimal("0.14"), "image": Decimal("0.0035")}
TOOLS = {tool.name: tool for tool in BUYING}


@dataclass(frozen=True)
class Cell:
    """One cell: units for one second, picture or call, and a call that costs `times` as much."""

    tool: str
    model: str
    units: str
    times: int
    arguments: dict[str, Any] = field(default_factory=dict)
    pack: str = "video"

    def __str__(self) -> str:
        """Name the cell in the test's name."""
        told = " ".join(str(v) for k, v in self.arguments.items() if k in {"resolution", "audio", "count", "voices"})
        return f"{self.tool} {self.model} {told} {self.units}"


def _seconds(model: str, units: dict[str, str], tool: str = "create_video", times: int = 5, **more: Any) -> list[Cell]:
    return [Cell(tool, model, each, times, {**more, "resolution": size}) for size, each in units.items()]


_WORDS = {"prompt": "a boat"}
_FILM = {"video": "{film}", "prompt": "a boat", "keep_sound": False}
_MOTION = {"image": "{picture}", "video": "{film}"}
_PICTURE = {"image": "{picture}", "prompt": "a boat"}

CELLS = [
    *_seconds("kling-3.0-turbo", {"720p": "0.8", "1080p": "1.0"}, **_WORDS),
    *_seconds("kling-3.0-turbo", {"720p": "0.8"}, **_PICTURE),
    *_seconds("kling-3.0", {"720p": "0.6", "1080p": "0.8", "4k": "3.0"}, **_WORDS),
    *_seconds("kling-3.0", {"720p": "0.9", "1080p": "1.2", "4k": "3.0"}, **_WORDS, audio=True),
    *_seconds("kling-3.0", {"720p": "0.9", "1080p": "1.2"}, "transfer_motion", **_MOTION),
    *_seconds("kling-3.0-omni", {"720p": "0.6", "1080p": "0.8", "4k": "3.0"}, **_WORDS),
    *_seconds("kling-3.0-omni", {"720p": "0.8", "1080p": "1.0", "4k": "3.0"}, **_WORDS, audio=True),
    *_seconds("kling-3.0-omni", {"720p": "0.9", "1080p": "1.2", "4k": "3.0"}, "edit_video", **_FILM),
    *_seconds("kling-3.0-omni", {"720p": "0.9"}, prompt="like @1", references=["{film}"]),
    *_seconds("kling-o1", {"720p": "0.6", "1080p": "0.8"}, **_WORDS),
    *_seconds("kling-o1", {"720p": "0.9", "1080p": "1.2"}, "edit_video", **_FILM),
    *_seconds("kling-2.6", {"720p": "0.3", "1080p": "0.5"}, **_WORDS),
    *_seconds("kling-2.6", {"1080p": "1.0"}, **_WORDS, audio=True),
    *_seconds("kling-2.6", {"1080p": "1.2"}, **_PICTURE, voices=["{voice}"]),
    *_seconds("kling-2.6", {"720p": "0.5", "1080p": "0.8"}, "transfer_motion", **_MOTION),
    *_seconds("kling-2.5-turbo", {"720p": "0.3", "1080p": "0.5"}, **_WORDS),
    *_seconds("kling-avatar", {"720p": "0.4", "1080p": "0.8"}, "create_avatar", 3, image="{picture}", audio="{sound}"),
    # Lip-sync takes 0.5 for each begun 5 s, and 0.05 for finding faces; with words 0.05 more for the speech.
    Cell("lip_sync", "kling-lip-sync", "0.55", 1, {"video": "{film}", "audio": "{sound}"}),
    Cell("lip_sync", "kling-lip-sync", "0.6", 1, {"video": "{film}", "text": "Hello from the boat, it is raining"}),
    Cell("create_speech", "kling-speech", "0.05", 1, {"text": "Hello"}),
    Cell("add_sound", "kling-sound", "0.25", 1, {"prompt": "rain", "seconds": 4}),
    Cell("add_sound", "kling-sound", "0.25", 1, {"video": "{film}", "prompt": "rain"}),
    Cell("create_voice", "kling-voice", "0.05", 1, {"name": "captain", "sample": "{film}"}),
    Cell("create_image", "kling-cutouts", "0.1", 1, {"kind": "cutouts", "references": ["{picture}"]}),
    Cell(
        "create_element",
        "kling-element",
        "0",
        1,
        {"name": "boat", "description": "a boat", "images": ["{picture}", "{picture}"]},
    ),
    *[
        Cell("create_image", model, units, 2, {**arguments, "count": 2}, "image")
        for model, units, arguments in (
            ("kling-image-3.0", "8", {"prompt": "a", "resolution": "1k"}),
            ("kling-image-3.0", "8", {"prompt": "a @1", "references": ["{picture}"], "resolution": "2k"}),
            ("kling-image-3.0-omni", "8", {"prompt": "a", "resolution": "2k"}),
            ("kling-image-3.0-omni", "16", {"prompt": "a", "resolution": "4k"}),
            ("kling-image-3.0-omni", "16", {"prompt": "a @1", "references": ["{picture}"], "resolution": "4k"}),
            ("kling-image-o1", "8", {"prompt": "a"}),
            ("kling-image-o1", "8", {"prompt": "a @1", "references": ["{picture}"]}),
            ("kling-image-2.1", "4", {"prompt": "a"}),
            ("kling-image-2.1", "8", {"prompt": "a @1", "references": ["{picture}"]}),
            ("kling-image-2.1", "16", {"prompt": "a @1 @2", "references": ["{picture}", "{picture}"]}),
            ("kling-outpaint", "8", {"kind": "outpaint", "references": ["{picture}"], "expand": [0.2, 0.2, 0.2, 0.2]}),
        )
    ],
    Cell(
        "create_image", "kling-image-3.0-omni", "8", 4, {"prompt": "a story", "series": 4, "resolution": "1k"}, "image"
    ),
    Cell("create_image", "kling-views", "20", 1, {"kind": "views", "references": ["{picture}"]}, "image"),
]


async def test_every_cell_is_estimated_as_it_is_listed_and_billed_as_it_was_estimated(tmp_path: Path) -> None:
    async with a_studio(tmp_path, KLING_MAX_CONCURRENCY="60") as studio:
        media = await _media(studio, tmp_path)
        wrong = [
            f"{cell}: {fault}" for cell in CELLS for fault in [await _fault(studio, cell, media)] if fault is not None
        ]
    assert wrong == []


async def _fault(studio: Studio, cell: Cell, media: dict[str, str]) -> str | None:
    arguments = _filled({"model": cell.model, **cell.arguments}, media)
    units = Decimal(cell.units) * cell.times
    dollars = units * UNIT[cell.pack]
    quote = (await ask(studio, "estimate_cost", tool=cell.tool, arguments=arguments)).quotes[0]
    if quote.cost is None:
        return f"refused: {quote.refused}"
    if Decimal(quote.cost.usd) != dollars or (quote.cost.units and Decimal(quote.cost.units) != units):
        return f"estimated {quote.cost.usd} ({quote.cost.units} units), listed {dollars} ({units} units)"
    billed = await _billed(studio, cell.tool, arguments)
    return None if billed == units else f"billed {billed} units, listed {units}"


async def _billed(studio: Studio, tool: str, arguments: dict[str, Any]) -> Decimal:
    """Buy without fetching, and return the units that were taken in all."""
    account, request = studio.account("auto"), TOOLS[tool].parse(arguments)
    plan = (await studio.catalog()).plan(request, await account.sources.of(request), account.route)
    order = await account.orders.prepare(plan, new_task_id(), account.name)
    taken = Decimal(0)
    while isinstance(seen := await account.client.submit(order), Prepared):
        order = order.after(seen)
        taken += seen.units if seen.units is not None else Decimal("0.05")
    for _ in range(200):
        if seen.status in {"succeeded", "failed"}:
            break
        await asyncio.sleep(0.02)
        (seen,) = await account.client.look([seen.remote])
    assert seen.status == "succeeded", seen.reason
    assert seen.charge is not None
    return taken + (seen.charge.units or Decimal(0))


async def _media(studio: Studio, folder: Path) -> dict[str, str]:
    sound = folder / "pictures" / "voice.wav"
    picture = a_picture(folder)
    sound.write_bytes(_wave(3))
    film = await ask(studio, "create_video", prompt="a face that talks", seconds=5, audio=True, model="kling-3.0")
    assert (await finished(studio, film.task_id)).status == "succeeded"
    voice = await finished(studio, (await ask(studio, "create_voice", name="v", sample=film.task_id)).task_id)
    return {
        "picture": picture,
        "sound": str(sound),
        "film": film.task_id,
        "voice": voice.outputs[0].id,
    }


def _wave(seconds: int) -> bytes:
    import io
    import wave

    with wave.open(out := io.BytesIO(), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 8000 * seconds))
    return out.getvalue()


def _filled(value: Any, media: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(media)
    if isinstance(value, list):
        return [_filled(item, media) for item in value]
    return {k: _filled(v, media) for k, v in value.items()} if isinstance(value, dict) else value

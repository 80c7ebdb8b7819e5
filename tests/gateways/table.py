"""What every reseller's documentation offers, bought through the MCP tools and brought to this disk.

    python tests/gateways/table.py [--only NAME] [--write]    prints the table; exits 1 where a cell does not hold

Each vendor is a fake on a loopback socket, written from the vendor's documentation and not from our codecs. What a
vendor documents has to end as a file; what it lacks has to be refused before anything is sent. `--write` puts the table
into docs/gateways.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [p for p in (str(ROOT), str(ROOT / "server"), str(ROOT / "tools")) if p not in sys.path]

from mcp.client import Client  # noqa: E402
from tests.gateways.trading import variables  # noqa: E402
from tests.studio.open import FastClock  # noqa: E402
from tests.vendors.serving import Fake, serving  # noqa: E402
from tests.vendors.vendor import Vendor  # noqa: E402

from kling_mcp.app import build_server  # noqa: E402
from kling_tools.settings import Settings  # noqa: E402

DOCS = ROOT / "docs" / "gateways.md"
PICTURE, FILM = "https://pictures.example/fox.jpg", "https://pictures.example/dance.mp4"
SOUND = "https://pictures.example/words.mp3"
WORDS = "A fox runs through snow"
#: Stands for the vendor's own video, bought before.
OWN = "(an earlier task)"
EVERY = frozenset(Fake)
BOUND = 600.0


@dataclass(frozen=True)
class Way:
    """A capability: the tool and its arguments, who documents it, and what some vendors want otherwise."""

    name: str
    tool: str
    arguments: Mapping[str, Any]
    documented: frozenset[Fake]
    partly: frozenset[Fake] = frozenset()
    otherwise: Mapping[Fake, Mapping[str, Any]] = field(default_factory=dict)


def _but(*names: Fake) -> frozenset[Fake]:
    return EVERY - frozenset(names)


def _clip(**more: Any) -> dict[str, Any]:
    return {"prompt": WORDS, **more}


PIAPI, AIML, FAL, KIE = Fake.PIAPI, Fake.AIML, Fake.FAL, Fake.KIE
REPLICATE, ACEDATA, KLING3API = Fake.REPLICATE, Fake.ACEDATA, Fake.KLING3API
SHOTS = [{"prompt": WORDS, "seconds": 3}, {"prompt": WORDS, "seconds": 2}]
CAMERA = {PIAPI: "kling-1.6", AIML: "kling-1.6", FAL: "kling-1.0", ACEDATA: "kling-1.0"}

WAYS = (
    Way("text to video", "create_video", _clip(), EVERY),
    Way("image to video", "create_video", _clip(image=PICTURE), EVERY),
    Way("first and last frame", "create_video", _clip(image=PICTURE, last_image=PICTURE), EVERY),
    Way(
        "references",
        "create_video",
        {"prompt": "@1 runs", "references": [PICTURE]},
        EVERY,
        otherwise={AIML: {"resolution": "1080p"}},
    ),
    Way("motion control", "transfer_motion", {"image": PICTURE, "video": FILM}, _but(KLING3API)),
    Way("extend", "extend_video", {"video": OWN, "prompt": WORDS}, frozenset({PIAPI, ACEDATA})),
    Way(
        "lip-sync",
        "lip_sync",
        {"video": OWN, "audio": SOUND},
        frozenset({PIAPI, FAL, REPLICATE, ACEDATA}),
        otherwise={fake: {"video": FILM} for fake in (FAL, REPLICATE, ACEDATA)},
    ),
    Way("effects", "apply_effect", {"scene": "squish", "images": [PICTURE]}, frozenset({PIAPI, AIML, FAL})),
    Way(
        "avatar",
        "create_avatar",
        {"image": PICTURE, "audio": SOUND},
        _but(ACEDATA, KLING3API),
        partly=frozenset({ACEDATA}),
        otherwise={ACEDATA: {"resolution": "1080p"}},
    ),
    Way(
        "camera control",
        "create_video",
        _clip(camera="pan_left"),
        frozenset({PIAPI, AIML, ACEDATA}),
        partly=frozenset({FAL}),
        otherwise={fake: {"model": model} for fake, model in CAMERA.items()},
    ),
    Way(
        "camera figures",
        "create_video",
        _clip(camera="tilt=-5"),
        frozenset({PIAPI, AIML, ACEDATA}),
        partly=frozenset({FAL}),
        otherwise={fake: {"model": model} for fake, model in CAMERA.items()} | {AIML: {"model": "kling-1.0"}},
    ),
    Way(
        "motion brush",
        "create_video",
        _clip(image=PICTURE, motion_brush=[{"mask": PICTURE, "path": [[10, 20], [300, 40]]}]),
        frozenset({AIML, FAL}),
        otherwise={fake: {"model": "kling-1.0"} for fake in (AIML, FAL)},
    ),
    Way("ready motions", "transfer_motion", {"image": PICTURE, "video": "preset:Running"}, frozenset({PIAPI})),
    Way("native audio", "create_video", _clip(audio=True), EVERY),
    Way(
        "video edit",
        "edit_video",
        {"video": FILM, "prompt": "in winter", "keep_sound": False},
        _but(PIAPI),
        partly=frozenset({PIAPI}),
        otherwise={AIML: {"resolution": "1080p"}},
    ),
    Way("shots", "create_video", {"shots": SHOTS, "audio": True}, _but(ACEDATA, KLING3API)),
    Way("4K", "create_video", _clip(resolution="4k"), frozenset({FAL, KIE, REPLICATE, ACEDATA})),
    Way(
        "pictures",
        "create_image",
        {"prompt": WORDS},
        frozenset({AIML, FAL}),
        partly=frozenset({PIAPI}),
        otherwise={AIML: {"references": [PICTURE]}},
    ),
    Way("series of pictures", "create_image", {"prompt": WORDS, "series": 3}, frozenset(), partly=frozenset({FAL})),
)
#: Where the words of a camera move are put into the prompt instead of a field, nothing is refused.
SAID_IN_WORDS = {"camera control"}


@dataclass(frozen=True)
class Cell:
    """How a capability went at a vendor: `held` where it is as documented."""

    said: str
    held: bool


async def check(fake: Fake, folder: Path) -> dict[str, Cell]:
    """Go through all capabilities of one vendor."""
    more = {
        "KLING_TOOLSETS": "all",
        "KLING_MAX_USD_PER_CALL": "100",
        "KLING_MAX_USD_PER_DAY": "10000",
        "KLING_CONFIRM_ABOVE_USD": "100",
    }
    async with serving(fake) as vendor:
        settings = Settings.from_env(variables(folder, (fake, vendor), **more))
        async with Client(build_server(settings, clock=FastClock())) as client:
            own = await _bought(client, WAYS[0].tool, WAYS[0].arguments)
            found = {}
            for way in WAYS:
                given = {**way.arguments, **way.otherwise.get(fake, {})}
                given = {name: own["task_id"] if value == OWN else value for name, value in given.items()}
                found[way.name] = await _tried(client, vendor, fake, way, given)
    return found


async def _tried(client: Client, vendor: Vendor, fake: Fake, way: Way, given: Mapping[str, Any]) -> Cell:
    before = len(vendor.creates)
    task = await _bought(client, way.tool, given)
    sent = len(vendor.creates) - before
    if task.get("status") == "succeeded" and all(Path(output["path"]).is_file() for output in task["outputs"]):
        return Cell("yes", sent == 1 and (fake in way.documented | way.partly or way.name in SAID_IN_WORDS))
    if task.get("status") == "refused" and not sent:
        return Cell("–", fake not in way.documented)
    return Cell(f"FAILED: {task}", held=False)


async def _bought(client: Client, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Buy it and follow it to its end; a refusal has the status `refused`."""
    answer = await client.call_tool(tool, {**arguments, "confirm_cost": True, "again": True})
    if answer.is_error:
        return {"status": "refused", "why": str(answer.content[0])}
    task: dict[str, Any] = answer.structured_content or {}
    async with asyncio.timeout(BOUND):
        while task["status"] not in {"succeeded", "failed", "cancelled", "unsure"}:
            asked = {"task_id": task["task_id"], "wait_seconds": 50}
            (task,) = ((await client.call_tool("check_status", asked)).structured_content or {})["tasks"]
    return task


def table(found: Mapping[Fake, Mapping[str, Cell]]) -> str:
    """Return the table as Markdown."""
    head = ["", *(fake.value for fake in found)]
    lines = [head, ["---" for _ in head]]
    for way in WAYS:
        cells = [cells[way.name] for cells in found.values()]
        told = [
            "in words" if way.name in SAID_IN_WORDS and fake not in CAMERA and cell.said == "yes" else cell.said
            for fake, cell in zip(found, cells, strict=True)
        ]
        lines.append([way.name, *told])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(text: str, told: str) -> str:
    """Return a document with the table in its place."""
    begin, end = "<!-- capabilities: generated -->\n", "\n<!-- end -->"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}{told}{end}{rest.partition(end)[2]}"


async def _main(only: str, write: bool) -> int:
    found: dict[Fake, dict[str, Cell]] = {}
    for fake in Fake:
        if only in {"", fake.value}:
            with tempfile.TemporaryDirectory() as folder:
                found[fake] = await check(fake, Path(folder))
    told = table(found)
    sys.stdout.write(f"{told}\n")
    failed = [f"{fake}, {name}: {c.said}" for fake, cells in found.items() for name, c in cells.items() if not c.held]
    sys.stdout.write("".join(f"{line}\n" for line in failed))
    if write and not only and not failed:
        DOCS.write_text(written(DOCS.read_text("utf-8"), told), "utf-8")
    return int(bool(failed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", choices=["", *(fake.value for fake in Fake)])
    parser.add_argument("--write", action="store_true")
    words = parser.parse_args()
    sys.exit(asyncio.run(_main(words.only, words.write)))

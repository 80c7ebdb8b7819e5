"""What our checks accept, the simulated Kling accepts without ignoring a field; what they refuse is never sent.

Arguments are drawn from the capability map and from a little beyond it. KLING_CASES=20000 draws more.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.promises import keeps

from kling_sandbox import ACCESS_KEY, API_KEY, SECRET_KEY, SandboxConfig
from kling_sandbox.app import Sandbox
from kling_tools.catalog.camera import MOVES
from kling_tools.catalog.catalog import Catalog
from kling_tools.catalog.data import ImageOffer, MotionOffer, VideoOffer
from kling_tools.client.client import Client
from kling_tools.client.local import in_process
from kling_tools.clock import SystemClock
from kling_tools.model.errors import KlingError, Refused
from kling_tools.model.media import Medium, Source
from kling_tools.model.plan import Order, Plan, Prepared, Route
from kling_tools.model.requests.base import ELEMENT
from kling_tools.model.tasks import Observation, Remote
from kling_tools.operations.all import BUYING
from kling_tools.providers.registry import kling_connection
from kling_tools.studio.deciding import new_task_id

CASES = int(os.environ.get("KLING_CASES", "2000"))
HOST = "http://kling.sandbox"
WORDS = ("rain on a tin roof", "镜头缓缓推进，雨中的纸船", 'a cat; a dog, "hello"', "x" * 300, "y" * 2600, "z" * 3100)
TOOLS = {tool.name: tool for tool in BUYING}


@dataclass(frozen=True)
class Shelf:
    """Media to draw from: how each is written, what is known of it, and what it is on the wire."""

    sources: Mapping[str, Source]
    media: Mapping[str, Medium]
    voice: str = "v1"

    def of(self, *kinds: str) -> list[str]:
        """Return how media of these kinds are written."""
        return [t for t, source in self.sources.items() if source.kind in kinds and not t.startswith(ELEMENT)]

    @property
    def elements(self) -> list[str]:
        """How elements are written."""
        return [t for t in self.sources if t.startswith(ELEMENT)]


class Shop:
    """The simulated Kling behind a real client, with one kind of credentials."""

    def __init__(self, folder: Path, *, pair: bool) -> None:
        self.app = Sandbox(SandboxConfig(state_dir=folder, speed=1000.0, concurrency=100_000))
        keys = {"api_key": "", "access_key": ACCESS_KEY, "secret_key": SECRET_KEY} if pair else {}
        connection = kling_connection(
            **{"api_key": API_KEY, "access_key": "", "secret_key": "", **keys}, base_url=HOST, region="global"
        )
        self.client = Client(connection, SystemClock(), in_process(lambda: self.app))
        self.route = Route("kling", connection.dialect.standards)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every call that came in."""
        return list(self.app.gate.log)


async def test_the_same_cases_are_drawn_every_time() -> None:
    shelf = Shelf({"p": Source(kind="image")}, {})
    first, again = ([drawn(Random(7), Catalog.read(), shelf) for _ in range(3)] for _ in range(2))
    assert first == again


pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("pair", [False, True], ids=["API key", "key pair"])
@pytest.mark.parametrize("part", range(2))
@keeps("nothing-impossible")
async def test_what_is_accepted_here_is_accepted_there_and_nothing_is_sent_in_vain(
    tmp_path: Path, pair: bool, part: int
) -> None:
    shop, catalog = Shop(tmp_path, pair=pair), Catalog.read()
    shelf = await stocked(shop, catalog)
    ended: Counter[str] = Counter()
    for number in range(CASES // 4):
        seed = number * 4 + part * 2 + pair
        tool, arguments = drawn(Random(seed), catalog, shelf)
        with told(seed, tool, arguments):
            ended[await tried(shop, catalog, shelf, tool, arguments)] += 1
    # A generator that drew only what is refused, or only what is accepted, would show nothing.
    assert ended["accepted"] > CASES / 20, ended
    assert ended["refused"] > CASES / 40, ended


async def tried(shop: Shop, catalog: Catalog, shelf: Shelf, tool: str, arguments: dict[str, Any]) -> str:
    """Decide and buy as the studio does, without its journal; return whether our checks accepted."""
    before, refusal, plan = len(shop.calls), None, None
    try:
        plan = catalog.plan(TOOLS[tool].parse(arguments), shelf.sources, shop.route)
    except KlingError as error:
        refusal = error
    if plan is None:
        assert isinstance(refusal, Refused), refusal
        assert len(refusal.sentence()) < 3000
        assert len(shop.calls) == before, "something was sent for what was refused"
        return "refused"
    order = Order(plan=plan, external_id=new_task_id(), media=tuple(_medium(plan, i, shelf) for i in plan.inputs))
    while True:
        try:
            outcome = await shop.client.submit(order)
        except Refused:
            if order.prepared:  # what an earlier call brought (no face, too short a stretch) is known only then
                return "refused later"
            raise
        entry = shop.calls[-1]
        assert entry.get("ignored", []) == [], entry
        if not isinstance(outcome, Prepared):
            return "accepted"
        order = order.after(outcome)


def _medium(plan: Plan, given: Any, shelf: Shelf) -> Medium:
    medium = shelf.media[given.text]
    return medium if not plan.continues else replace(shelf.media["/pictures/boat.png"])


@contextmanager
def told(seed: int, tool: str, arguments: dict[str, Any]) -> Iterator[None]:
    """Name the case in what goes wrong."""
    try:
        yield
    except Exception as error:
        shown = {k: f"{v[:40]}…" if isinstance(v, str) and len(v) > 60 else v for k, v in arguments.items()}
        raise AssertionError(f"case {seed}: {tool} {shown}: {type(error).__name__}: {error}") from error


async def stocked(shop: Shop, catalog: Catalog) -> Shelf:
    """Return media of every kind: some of the simulator's own, with known figures, some from elsewhere, unknown."""
    picture = _png()
    sources: dict[str, Source] = {
        "https://pictures.example/a.png": Source(kind="image"),
        "/pictures/boat.png": Source(kind="image", format="png", width=320, height=320),
        "https://films.example/a.mp4": Source(kind="video"),
        "https://sounds.example/a.mp3": Source(kind="audio", seconds=4.0),
    }
    media: dict[str, Medium] = {
        "https://pictures.example/a.png": Medium(url="https://pictures.example/a.png"),
        "/pictures/boat.png": Medium(data=picture, width=320, height=320, mime="image/png"),
        "https://films.example/a.mp4": Medium(kind="video", url="https://films.example/a.mp4"),
        "https://sounds.example/a.mp3": Medium(kind="audio", url="https://sounds.example/a.mp3", seconds=4.0),
    }
    for number, (seconds, resolution) in enumerate([(3, "720p"), (5, "720p"), (10, "1080p"), (15, "720p")], 1):
        text = f"k00000000000{number}"
        plan = catalog.plan(
            TOOLS["create_video"].parse(
                {"prompt": "a", "seconds": seconds, "resolution": resolution, "audio": True, "model": "kling-3.0"}
            ),
            {},
            shop.route,
        )
        made = await shop.client.submit(Order(plan=plan, external_id=new_task_id()))
        assert not isinstance(made, Prepared)
        seen = await _seen(shop, made.remote)
        width, height = (1280, 720) if resolution == "720p" else (1920, 1080)
        url, remote_id = seen.outputs[0].url, seen.outputs[0].remote_id
        sources[text] = Source(
            kind="video", seconds=seconds, width=width, height=height, has_audio=True, made_here=True
        )
        media[text] = Medium(kind="video", url=url, remote_id=remote_id, seconds=seconds, width=width, height=height)
    element = await _bought(
        shop,
        catalog,
        sources,
        media,
        "create_element",
        {"name": "e", "description": "e", "images": ["/pictures/boat.png", "/pictures/boat.png"]},
    )
    voice = await _bought(
        shop, catalog, sources, media, "create_voice", {"name": "v", "sample": "https://films.example/a.mp4"}
    )
    sources[f"{ELEMENT}{element}"] = Source(kind="image")
    return Shelf(sources, media, voice)


async def _bought(
    shop: Shop,
    catalog: Catalog,
    sources: Mapping[str, Source],
    media: Mapping[str, Medium],
    tool: str,
    arguments: dict[str, Any],
) -> str:
    """Make an element or a voice; return its id."""
    plan = catalog.plan(TOOLS[tool].parse(arguments), sources, shop.route)
    made = await shop.client.submit(
        Order(plan=plan, external_id=new_task_id(), media=tuple(media[i.text] for i in plan.inputs))
    )
    assert not isinstance(made, Prepared)
    return (await _seen(shop, made.remote)).outputs[0].remote_id


async def _seen(shop: Shop, remote: Remote) -> Observation:
    async with asyncio.timeout(120):
        while True:
            (seen,) = await shop.client.look([remote])
            if seen.status == "succeeded":
                return seen
            await asyncio.sleep(0.01)


def _png() -> bytes:
    from io import BytesIO

    from PIL import Image

    Image.new("RGB", (320, 320), (40, 90, 160)).save(out := BytesIO(), "PNG")
    return out.getvalue()


def drawn(random: Random, catalog: Catalog, shelf: Shelf) -> tuple[str, dict[str, Any]]:
    """Return a tool and arguments: mostly what the map offers, sometimes something else."""
    tool = random.choice([*TOOLS, "create_video", "create_video", "create_video", "create_image"])
    arguments = _DRAW[tool](random, catalog, shelf)
    return tool, {name: value for name, value in arguments.items() if value is not None}


def _maybe(random: Random, share: float, value: Any) -> Any:
    return value if random.random() < share else None


def _words(random: Random) -> str:
    return random.choice(WORDS if random.random() < 0.3 else WORDS[:3])


def _references(random: Random, shelf: Shelf, most: int, *kinds: str) -> list[str]:
    pool = [*shelf.of(*kinds), *shelf.elements]
    return [random.choice(pool) for _ in range(random.choice([1, 1, 2, 3, most]))]


def _prompt(random: Random, references: list[str] | None) -> str:
    named = "".join(f" @{i}" for i in range(1, len(references or []) + 1) if random.random() < 0.7)
    return _words(random) + named + (" @9" if random.random() < 0.03 else "")


def _video_model(random: Random, catalog: Catalog, product: type) -> tuple[str | None, Any]:
    models = [m for m in catalog.models if any(isinstance(o, product) for o in m.offer)]
    model = random.choice(models)
    offer = random.choice([o for o in model.offer if isinstance(o, product)])
    return _maybe(random, 0.8, model.id), offer


def _create_video(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    model, offer = _video_model(random, catalog, VideoOffer)
    product = offer.product if random.random() < 0.9 else "omni-video"
    image = random.choice(shelf.of("image")) if product == "image-to-video" or random.random() < 0.15 else None
    references = None
    if product == "omni-video" or random.random() < 0.1:
        references = _references(random, shelf, 7, "image", "image", "video")
    seconds = random.choice(offer.seconds) if random.random() < 0.9 else random.randint(1, 60)
    shots = random.random() < (0.25 if offer.shots else 0.03)
    return {
        "prompt": None if shots else _prompt(random, references),
        "shots": _shots(random, seconds) if shots else None,
        "seconds": None if shots else seconds,
        "image": image,
        "last_image": _maybe(random, 0.3, "/pictures/boat.png") if image else None,
        "references": references,
        "model": model,
        "resolution": random.choice(offer.resolutions) if random.random() < 0.95 else "4k",
        "aspect_ratio": random.choice([*offer.aspect_ratios, "21:9"]) if not image and random.random() < 0.4 else None,
        "audio": _maybe(random, 0.5, random.random() < 0.6),
        "voices": _maybe(random, 0.4 if offer.voices else 0.02, [shelf.voice] * random.randint(1, 2)),
        "camera": _maybe(random, 0.2, random.choice([*MOVES, "tilt=-5"])),
        "negative_prompt": _maybe(random, 0.1, _words(random)),
        "cfg_scale": _maybe(random, 0.02, 0.4),
    }


def _shots(random: Random, seconds: int) -> list[dict[str, Any]]:
    parts = [1] * min(random.randint(1, 7), seconds)
    for _ in range(seconds - len(parts)):
        parts[random.randrange(len(parts))] += 1
    return [{"prompt": _words(random), "seconds": part} for part in parts]


def _edit_video(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    references = _references(random, shelf, 5, "image") if random.random() < 0.6 else None
    return {
        "video": random.choice(shelf.of("video")),
        "prompt": _prompt(random, references),
        "references": references,
        "model": _maybe(random, 0.6, random.choice(["kling-3.0-omni", "kling-o1", "kling-3.0"])),
        "resolution": random.choice(["720p", "1080p", "4k"]),
        "keep_sound": random.random() < 0.5,
    }


def _extend_video(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    return {
        "video": random.choice([t for t in shelf.of("video") if shelf.sources[t].made_here]),
        "prompt": _maybe(random, 0.6, _words(random)),
        "seconds": random.randint(1, 20),
        "audio": random.random() < 0.4,
        "model": _maybe(random, 0.5, random.choice([m.id for m in catalog.models[:6]])),
    }


def _transfer_motion(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    model, offer = _video_model(random, catalog, MotionOffer)
    return {
        "image": random.choice(shelf.of("image")),
        "video": random.choice(shelf.of("video")),
        "prompt": _maybe(random, 0.6, _words(random)),
        "follow": random.choice(["image", "video"]),
        "element": _maybe(random, 0.3, random.choice(shelf.elements or [None])),
        "keep_sound": random.random() < 0.5,
        "model": model,
        "resolution": random.choice(offer.resolutions),
    }


def _lip_sync(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    text = random.random() < 0.6
    return {
        "video": random.choice(shelf.of("video")),
        "text": random.choice(["Hello from the boat, it rains", "你好，纸船在雨中"]) if text else None,
        "voice": _maybe(random, 0.3, "oversea_male1") if text else None,
        "audio": None if text else "https://sounds.example/a.mp3",
        "at_seconds": _maybe(random, 0.3, random.choice([0, 0.5, 1, 4, 12])),
        "face": random.choice([0, 0, 1, 2]),
        "volume": random.choice([1, 0, 2, 1.5]),
        "original_volume": random.choice([1, 0, 2]),
    }


def _create_avatar(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    text = random.random() < 0.5
    return {
        "image": random.choice(shelf.of("image")),
        "text": "Hello from the boat, it rains" if text else None,
        "audio": None if text else "https://sounds.example/a.mp3",
        "prompt": _maybe(random, 0.5, _words(random)),
        "resolution": random.choice(["720p", "1080p"]),
    }


def _apply_effect(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    pictures = shelf.of("image")
    scene = random.choice(["hug_pro", "kiss_pro", "disco_paws", "overdrive"])
    return {"scene": scene, "images": [random.choice(pictures) for _ in range(random.randint(1, 2))]}


def _create_image(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    pictures = shelf.of("image")
    kind = random.choice(["picture"] * 5 + ["outpaint", "views", "cutouts"])
    if kind != "picture":
        widened = kind == "outpaint"
        return {
            "kind": kind,
            "references": [random.choice(pictures)],
            "expand": [random.choice([0, 0.2, 0.5, 1.5]) for _ in range(4)] if widened else None,
            "prompt": _maybe(random, 0.5, _words(random)) if widened else None,
            "count": _maybe(random, 0.5, random.randint(1, 9)) if widened else None,
        }
    models = [m for m in catalog.models if any(isinstance(o, ImageOffer) for o in m.offer)]
    model = random.choice(models)
    offer = random.choice([o for o in model.offer if isinstance(o, ImageOffer)])
    references = _references(random, shelf, 9, "image") if random.random() < 0.6 else None
    only = "2.1" in model.id and random.random() < 0.7
    return {
        "prompt": _prompt(random, references),
        "references": references,
        "count": _maybe(random, 0.4, random.randint(1, 9)),
        "series": _maybe(random, 0.3 if offer.series else 0.03, random.randint(1, 10)),
        "resolution": _maybe(random, 0.6, random.choice([*offer.resolutions, "4k"])),
        "aspect_ratio": _maybe(random, 0.6, random.choice([*offer.aspect_ratios, "auto", "5:4"])),
        "likeness": _maybe(random, 0.3, random.choice(["subject", "face"])) if only else None,
        "fidelity": _maybe(random, 0.2, 0.6) if only else None,
        "human_fidelity": _maybe(random, 0.2, 0.4) if only else None,
        "scene": _maybe(random, 0.2, random.choice(pictures)) if only else None,
        "style": _maybe(random, 0.2, random.choice(pictures)) if only else None,
        "negative_prompt": _maybe(random, 0.2, _words(random)),
        "model": _maybe(random, 0.8, model.id),
    }


def _create_speech(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    return {
        "text": random.choice(["Hello there", "纸船", "w" * 1000, "w" * 1001]),
        "voice": _maybe(random, 0.5, "oversea_male1"),
        "speed": random.choice([0.8, 1, 1.3, 2]),
    }


def _add_sound(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    video = random.choice(shelf.of("video")) if random.random() < 0.6 else None
    return {
        "prompt": random.choice(["rain", "r" * 200, "r" * 201]),
        "video": video,
        "seconds": None if video else random.choice([3, 5.5, 10, 11]),
        "music": _maybe(random, 0.4, random.choice(["piano", "p" * 201])) if video else None,
        "close_up": _maybe(random, 0.4, True) if video else None,
    }


def _create_element(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    pictures = shelf.of("image")
    film = random.random() < 0.4
    return {
        "name": "captain",
        "description": "a captain in a yellow coat",
        "images": None if film else [random.choice(pictures) for _ in range(random.randint(2, 4))],
        "video": random.choice(shelf.of("video")) if film else None,
        "voice": _maybe(random, 0.2, shelf.voice),
        "tags": _maybe(random, 0.4, random.sample(["character", "animal", "item"], 2)),
    }


def _create_voice(random: Random, catalog: Catalog, shelf: Shelf) -> dict[str, Any]:
    return {"name": "captain", "sample": random.choice([*shelf.of("video"), "https://sounds.example/a.mp3"])}


_DRAW = {
    "create_video": _create_video,
    "edit_video": _edit_video,
    "extend_video": _extend_video,
    "transfer_motion": _transfer_motion,
    "lip_sync": _lip_sync,
    "create_avatar": _create_avatar,
    "apply_effect": _apply_effect,
    "create_image": _create_image,
    "create_speech": _create_speech,
    "add_sound": _add_sound,
    "create_element": _create_element,
    "create_voice": _create_voice,
}

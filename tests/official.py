"""Every operation that Kling's developer API offers, run from the MCP tool to the file on disk, over sockets.

    python tests/official.py            the table, each row run with an API key and, where it exists, with a key pair
    python tests/official.py --list     the table only

One row for each line of kling-official 16 that is marked ok. `new` is the path that an API key buys through, `legacy`
the one of a key pair; a row without the latter needs an API key, and says so. The provider is the simulated Kling,
which was written from the fact sheet by another hand; a field that it did not read counts as a failure.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [p for p in (str(ROOT), str(ROOT / "server"), str(ROOT / "tools")) if p not in sys.path]

from tests.scenarios.host import Host, hosting  # noqa: E402
from tests.scenarios.simulated import Simulated, simulating  # noqa: E402

from kling_sandbox import find_ffmpeg  # noqa: E402

TTS_VOICE = "oversea_male1"


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One operation: what is called, with what, by which paths it has to go, and what comes of it.

    `{film}` (a finished 3 s video with sound), `{picture}`, `{portrait}`, `{sound}` (files), `{element}` and `{voice}`
    stand for what `prepared` made. `makes` are the kinds of results, in order.
    """

    operation: str
    new: str
    legacy: str = ""
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    makes: tuple[str, ...] = ("video",)
    before: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Operation and model, as one line."""
        return f"{self.operation} {self.arguments.get('model', '')}".strip()


def _video(operation: str, new: str, legacy: str, model: str, **arguments: Any) -> Row:
    tool = arguments.pop("tool", "create_video")
    asked = {"prompt": "a paper boat in the rain", "model": model, **arguments}
    return Row(operation=operation, new=new, legacy=legacy, tool=tool, arguments=asked)


_T2V, _I2V = "/v1/videos/text2video", "/v1/videos/image2video"
_OMNI, _MOTION = "/v1/videos/omni-video", "/v1/videos/motion-control"
_IMAGES, _SOUND, _GENERAL = "/v1/images", "/v1/audio", "/v1/general"

ROWS: tuple[Row, ...] = (
    _video("text-to-video", "/text-to-video/kling-3.0-turbo", "", "kling-3.0-turbo", seconds=3),
    _video("image-to-video", "/image-to-video/kling-3.0-turbo", "", "kling-3.0-turbo", seconds=3, image="{picture}"),
    _video("text-to-video", "/text-to-video/kling-3.0", _T2V, "kling-3.0", seconds=3, audio=True),
    _video(
        "multi-shot video",
        "/text-to-video/kling-3.0",
        _T2V,
        "kling-3.0",
        prompt="",
        shots=[{"prompt": "rain", "seconds": 2}, {"prompt": "a boat; far away", "seconds": 2}],
    ),
    _video(
        "image-to-video",
        "/image-to-video/kling-3.0",
        _I2V,
        "kling-3.0",
        seconds=3,
        image="{picture}",
        last_image="{picture}",
        references=["element:{element}"],
        prompt="@1 waves",
    ),
    _video(
        "omni video, references",
        "/omni-video/kling-3.0-omni",
        _OMNI,
        "kling-3.0-omni",
        seconds=3,
        references=["{picture}", "element:{element}"],
        prompt="@1 beside @2",
    ),
    _video(
        "omni video, feature video",
        "/omni-video/kling-3.0-omni",
        _OMNI,
        "kling-3.0-omni",
        seconds=3,
        references=["{film}", "{picture}"],
        prompt="@2 in the manner of @1",
    ),
    _video(
        "omni video, edit",
        "/omni-video/kling-3.0-omni",
        _OMNI,
        "kling-3.0-omni",
        tool="edit_video",
        video="{film}",
        prompt="put @1 in it",
        references=["{picture}"],
    ),
    _video("omni video", "/omni-video/kling-o1", _OMNI, "kling-o1", seconds=3, references=["{picture}"], prompt="@1"),
    _video(
        "omni video, edit",
        "/omni-video/kling-o1",
        _OMNI,
        "kling-o1",
        tool="edit_video",
        video="{film}",
        keep_sound=False,
    ),
    _video(
        "motion control",
        "/motion-control/kling-3.0",
        _MOTION,
        "kling-3.0",
        tool="transfer_motion",
        image="{portrait}",
        video="{film}",
        element="element:{element}",
    ),
    _video(
        "motion control",
        "/motion-control/kling-2.6",
        _MOTION,
        "kling-2.6",
        tool="transfer_motion",
        image="{portrait}",
        video="{film}",
        follow="image",
    ),
    _video("text-to-video", "/text-to-video/kling-2.6", _T2V, "kling-2.6", resolution="1080p", audio=True),
    _video(
        "image-to-video, voice",
        "/image-to-video/kling-2.6",
        _I2V,
        "kling-2.6",
        resolution="1080p",
        image="{picture}",
        voices=["{voice}"],
        prompt="@voice1 says hello",
    ),
    _video("text-to-video", "/text-to-video/kling-2.5-turbo", _T2V, "kling-2.5-turbo"),
    _video(
        "image-to-video, last frame",
        "/image-to-video/kling-2.5-turbo",
        _I2V,
        "kling-2.5-turbo",
        resolution="1080p",
        image="{picture}",
        last_image="{picture}",
    ),
    Row(
        operation="lip-sync, steps 1 and 2",
        new="/v1/videos/advanced-lip-sync",
        legacy="/v1/videos/advanced-lip-sync",
        tool="lip_sync",
        arguments={"video": "{film}", "text": "Hello from the paper boat in the rain", "voice": TTS_VOICE},
        before=("/v1/audio/tts", "/v1/videos/identify-face"),
    ),
    Row(
        operation="lip-sync with a sound",
        new="/v1/videos/advanced-lip-sync",
        legacy="/v1/videos/advanced-lip-sync",
        tool="lip_sync",
        arguments={
            "video": "https://films.example/clip.mp4",
            "audio": "{sound}",
            "volume": 1.5,
            "original_volume": 0.2,
        },
        before=("/v1/videos/identify-face",),
    ),
    Row(
        operation="avatar",
        new="/v1/videos/avatar/image2video",
        legacy="/v1/videos/avatar/image2video",
        tool="create_avatar",
        arguments={"image": "{portrait}", "audio": "{sound}", "prompt": "calm"},
    ),
    Row(
        operation="effects",
        new="/v1/videos/effects",
        legacy="/v1/videos/effects",
        tool="apply_effect",
        arguments={"scene": "hug_pro", "images": ["{portrait}", "{picture}"], "confirm_cost": True},
    ),
    Row(
        operation="image recognition",
        new="/v1/videos/image-recognize",
        legacy="/v1/videos/image-recognize",
        tool="create_image",
        arguments={"kind": "cutouts", "references": ["{portrait}"]},
        makes=("image",),
    ),
    Row(
        operation="TTS",
        new=f"{_SOUND}/tts",
        legacy=f"{_SOUND}/tts",
        tool="create_speech",
        arguments={"text": "A boat of paper", "voice": TTS_VOICE, "speed": 1.2},
        makes=("audio",),
    ),
    Row(
        operation="text to audio",
        new=f"{_SOUND}/text-to-audio",
        legacy=f"{_SOUND}/text-to-audio",
        tool="add_sound",
        arguments={"prompt": "rain on paper", "seconds": 3},
        makes=("audio",),
    ),
    Row(
        operation="video to audio",
        new=f"{_SOUND}/video-to-audio",
        legacy=f"{_SOUND}/video-to-audio",
        tool="add_sound",
        arguments={"video": "{film}", "prompt": "rain", "music": "a slow piano", "close_up": True},
        makes=("video", "audio"),
    ),
    Row(
        operation="custom voice",
        new=f"{_GENERAL}/custom-voices",
        legacy=f"{_GENERAL}/custom-voices",
        tool="create_voice",
        arguments={"name": "boatman", "sample": "https://sounds.example/boatman.mp3"},
        makes=("voice",),
    ),
    Row(
        operation="create element",
        new=f"{_GENERAL}/advanced-custom-elements",
        legacy=f"{_GENERAL}/advanced-custom-elements",
        tool="create_element",
        arguments={
            "name": "boat",
            "description": "a paper boat",
            "images": ["{picture}", "{portrait}"],
            "tags": ["item"],
        },
        makes=("element",),
    ),
    Row(
        operation="element views",
        new=f"{_GENERAL}/ai-multi-shot",
        legacy=f"{_GENERAL}/ai-multi-shot",
        tool="create_image",
        arguments={"kind": "views", "references": ["{portrait}"]},
        makes=("image",),
    ),
    Row(
        operation="image generation",
        new=f"{_IMAGES}/generations",
        legacy=f"{_IMAGES}/generations",
        tool="create_image",
        arguments={"model": "kling-image-3.0", "prompt": "a boat", "count": 2, "resolution": "2k"},
        makes=("image", "image"),
    ),
    Row(
        operation="image generation",
        new=f"{_IMAGES}/generations",
        legacy=f"{_IMAGES}/generations",
        tool="create_image",
        arguments={
            "model": "kling-image-2.1",
            "prompt": "the same boat",
            "references": ["{picture}"],
            "likeness": "subject",
            "fidelity": 0.7,
            "human_fidelity": 0.3,
        },
        makes=("image",),
    ),
    Row(
        operation="omni image",
        new=f"{_IMAGES}/omni-image",
        legacy=f"{_IMAGES}/omni-image",
        tool="create_image",
        arguments={
            "model": "kling-image-o1",
            "prompt": "@1 beside @2",
            "references": ["{picture}", "element:{element}"],
            "aspect_ratio": "auto",
        },
        makes=("image",),
    ),
    Row(
        operation="omni image, series",
        new=f"{_IMAGES}/omni-image",
        legacy=f"{_IMAGES}/omni-image",
        tool="create_image",
        arguments={"model": "kling-image-3.0-omni", "prompt": "a boat through the day", "series": 3},
        makes=("image", "image", "image"),
    ),
    Row(
        operation="multi-image image",
        new=f"{_IMAGES}/multi-image2image",
        legacy=f"{_IMAGES}/multi-image2image",
        tool="create_image",
        arguments={
            "model": "kling-image-2.1",
            "prompt": "both on a lake",
            "references": ["{picture}", "{portrait}"],
            "scene": "{picture}",
            "style": "{picture}",
        },
        makes=("image",),
    ),
    Row(
        operation="outpaint",
        new=f"{_IMAGES}/editing/expand",
        legacy=f"{_IMAGES}/editing/expand",
        tool="create_image",
        arguments={
            "kind": "outpaint",
            "references": ["{picture}"],
            "expand": [0.2, 0.2, 0.4, 0.4],
            "prompt": "more sea",
        },
        makes=("image",),
    ),
)


@dataclass(frozen=True)
class Outcome:
    """How a row ended: what was wrong, or nothing."""

    row: Row
    pair: bool
    fault: str = ""


#: What a shop needs that sells everything: more slots than rows, and permission for prices nobody publishes.
OPEN = {
    "KLING_ALLOW_UNPRICED": "1",
    "KLING_CONFIRM_ABOVE_USD": "1000",
    "KLING_MAX_USD_PER_DAY": "1000",
    "KLING_MAX_CONCURRENCY": "50",
    "KLING_TOOLSETS": "all",
}


def files(home: Path) -> dict[str, str]:
    """Make a picture, a portrait and three seconds of sound where files may be read."""
    home.mkdir(parents=True, exist_ok=True)
    made = {"picture": home / "boat.png", "portrait": home / "face.jpg", "sound": home / "voice.wav"}
    sources = {
        "picture": ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=1", "-frames:v", "1"],
        "portrait": ["-f", "lavfi", "-i", "smptebars=size=480x640:rate=1", "-frames:v", "1"],
        "sound": ["-f", "lavfi", "-i", "sine=frequency=300:duration=3"],
    }
    for name, path in made.items():
        command = [find_ffmpeg(), "-y", "-loglevel", "error", *sources[name], str(path)]
        subprocess.run(command, check=True, timeout=150, stdin=subprocess.DEVNULL)
    return {name: str(path) for name, path in made.items()}


async def prepared(host: Host, kling: Simulated, media: Mapping[str, str]) -> dict[str, str]:
    """Make what rows stand on: a film with sound, an element, a voice."""
    film = await host.facts("create_video", prompt="a face that talks", seconds=3, audio=True, model="kling-3.0")
    element = await host.facts(
        "create_element", name="captain", description="a captain", images=[media["picture"], media["portrait"]]
    )
    ended = await host.ended(film["task_id"])
    assert ended["status"] == "succeeded", ended
    voice = await host.facts("create_voice", name="captain", sample="https://sounds.example/captain.mp3")
    made = {name: await host.ended(facts["task_id"]) for name, facts in (("element", element), ("voice", voice))}
    assert {task["status"] for task in made.values()} == {"succeeded"}, made
    return {
        **media,
        "film": film["task_id"],
        **{name: task["outputs"][0]["id"] for name, task in made.items()},
    }


def filled(value: Any, media: Mapping[str, str]) -> Any:
    """Return arguments with their placeholders filled."""
    if isinstance(value, str):
        return value.format_map(media)
    if isinstance(value, list):
        return [filled(item, media) for item in value]
    return {k: filled(v, media) for k, v in value.items()} if isinstance(value, dict) else value


async def run(row: Row, host: Host, kling: Simulated, media: Mapping[str, str], *, pair: bool) -> Outcome:
    """Call the tool, follow the task, look at the files, and ask the simulator what really arrived."""
    result = await host.call(row.tool, **filled(dict(row.arguments), media))
    text = result["content"][0]["text"]
    if pair and not row.legacy:
        refused = result.get("isError") and "API key" in text
        return Outcome(row, pair, "" if refused else f"not refused for want of an API key: {text[:200]}")
    if result.get("isError"):
        return Outcome(row, pair, text[:300])
    task = await host.ended(result["structuredContent"]["task_id"], within=1200)
    return Outcome(row, pair, fault_of(row, task, await kling.requests(task["task_id"]), pair=pair))


def fault_of(row: Row, task: Mapping[str, Any], asked: list[dict[str, Any]], *, pair: bool) -> str:
    """Return what is wrong with a task that has ended, or nothing."""
    if task["status"] != "succeeded":
        return f"{task['status']}: {task['error']}"
    kinds = tuple(output["kind"] for output in task["outputs"])
    if kinds[: len(row.makes)] != row.makes:
        return f"made {kinds}, not {row.makes}"
    for output in task["outputs"]:
        path = Path(output.get("path") or "/nowhere")
        if not path.is_file() or not path.stat().st_size:
            return f"no file of {output['kind']}: {output.get('path')}"
    expected = row.legacy if pair else row.new
    if asked and asked[-1]["path"] != expected:
        return f"went to {asked[-1]['path']}, not {expected}"
    if ignored := [name for entry in asked for name in entry.get("ignored", ())]:
        return f"sent in vain: {', '.join(ignored)}"
    return ""


async def check(home: Path, *, pair: bool, rows: tuple[Row, ...] = ROWS) -> list[Outcome]:
    """Run rows with one kind of credentials, all at once, and return how they ended."""
    media = await asyncio.to_thread(files, home / "media")
    async with simulating(home, speed=200.0, concurrency=50) as kling:
        more = {**OPEN, "KLING_INPUT_ROOTS": str(home / "media")}
        env = kling.env_with_pair(**more) if pair else kling.env(**more)
        async with hosting(env, "auto" if pair else "legacy") as host:
            known = await prepared(host, kling, media)
            return list(await asyncio.gather(*(run(row, host, kling, known, pair=pair) for row in rows)))


def table(outcomes: list[Outcome] | None = None) -> str:
    """Return the table as text, with how each row ended where it was run."""
    ended = {(o.row, o.pair): o.fault or "ok" for o in outcomes or ()}
    lines = [f"{'operation':<28} {'tool':<16} {'API key':<36} {'key pair':<36} ran"]
    for row in ROWS:
        ran = " / ".join(f"{'pair' if pair else 'key'} {ended.get((row, pair), '-')}" for pair in (False, True))
        pair_path = row.legacy or "refused: needs an API key"
        lines.append(f"{row.name[:28]:<28} {row.tool:<16} {row.new:<36} {pair_path:<36} {ran}")
    return "\n".join(lines)


async def _main() -> int:
    if "--list" in sys.argv:
        sys.stdout.write(table() + "\n")
        return 0
    outcomes: list[Outcome] = []
    for pair in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            outcomes += await check(Path(folder), pair=pair)
    sys.stdout.write(table(outcomes) + "\n")
    return int(any(o.fault for o in outcomes))


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))

"""The voice library: own voices, official ones, and their deletion (kling-official 5.4).

A voice has the id of the task that made it. A video element whose video speaks makes a voice as well, under its own id.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kling_sandbox import fields, library, sounding
from kling_sandbox.config import SandboxConfig
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import Refusal, invalid
from kling_sandbox.fields import Body
from kling_sandbox.inputs import OURS, Footage
from kling_sandbox.library import KLING, Preset
from kling_sandbox.product import JSON, Address, Asked, Endpoint, Product, Workshop
from kling_sandbox.store import Store
from kling_sandbox.tasks import Media, Purchase, Task

CUSTOM: Final = "/v1/general/custom-voices"
NAME_MAX: Final = 20
PAGE_MAX: Final = 1000  # seen for voice lists (kling-official 2.5)
SECONDS: Final = 9.0  # seen for one voice (kling-official 2.6)
SAMPLE_SECONDS: Final = (5.0, 30.0)
TRIAL: Final = Media(kind="audio", name="trial.mp3", seconds=3.0)

PRESETS: Final[dict[str, Preset]] = {
    preset.id: preset
    for preset in (
        Preset("829800000000000001", "Calm narrator"),
        Preset("829800000000000002", "Bright host"),
        Preset("829800000000000003", "Old sailor"),
        Preset("829800000000000004", "Young scholar"),
        Preset("829800000000000005", "Radio voice"),
    )
}

_SPEAKING_PATHS: Final = ("/v1/videos/avatar/image2video", "/v1/videos/advanced-lip-sync")


def products(config: SandboxConfig) -> tuple[Product, ...]:
    """Return the products of this room."""
    store = Store(config.state_dir)

    def outputs(task: Task, address: Address) -> list[JSON]:
        return [
            {
                "type": "voice",
                "id": task.id,
                "name": task.settings["voice_name"],
                "url": address(task, TRIAL.name),
                "owned_by": library.CREATOR,
                "status": "deleted" if store.marked(f"deleted:{task.id}") else "succeeded",
            }
        ]

    def result(task: Task, address: Address) -> JSON:
        trial = address(task, TRIAL.name)
        return {"voices": [_shown(task.id, task.settings["voice_name"], trial, library.CREATOR)]}

    custom = Product(path=CUSTOM, read=read, outputs=outputs, result=result, draw=draw, most_per_page=PAGE_MAX)
    return (custom,)


def read(body: Body, desk: Desk) -> Purchase:
    """Read POST /v1/general/custom-voices."""
    name = fields.needed(body, "voice_name")
    if len(name) > NAME_MAX:
        raise invalid(f"voice_name is too long: at most {NAME_MAX} characters")
    id, url = fields.text(body, "video_id"), fields.text(body, "voice_url")
    if bool(id) == bool(url):
        raise invalid("give exactly one of voice_url and video_id")
    sample = _of_video(desk, id) if id else _of_url(desk, url)
    return Purchase(
        model="custom-voice",
        units="0.05",
        settings={"voice_name": name, "sample": sample},
        media=(TRIAL,),
        makes_in=SECONDS,
        external_id=fields.text(body, "external_task_id"),
        callback_url=fields.text(body, "callback_url"),
    )


def presets(asked: Asked) -> list[JSON]:
    """GET /v1/general/presets-voices: one page of the official voices."""
    return [
        library.preset_task(one, {"voices": [describe(asked.desk, one.id, asked.address)]})
        for one in library.preset_page(asked, tuple(PRESETS.values()), PAGE_MAX)
    ]


def delete(asked: Asked) -> JSON:
    """POST /v1/general/delete-voices: custom voices only."""
    return library.delete(asked, "voice_id", CUSTOM, PRESETS)


def known(desk: Desk, voice_id: str) -> bool:
    """Tell whether a voice of the library can be used; the ids of speech are none."""
    return voice_id in PRESETS or _maker(desk, voice_id) is not None


def describe(desk: Desk, voice_id: str, address: Address) -> JSON:
    """Show a voice as legacy answers do, whoever owns it; what is gone has only its id left."""
    if preset := PRESETS.get(voice_id):
        return _shown(preset.id, preset.name, f"{library.PRESET_HOST}/{preset.id}/{TRIAL.name}", KLING)
    task = _maker(desk, voice_id)
    name = task.settings.get("voice_name", "") if task else ""
    return _shown(voice_id, str(name), address(task, TRIAL.name) if task else "", library.CREATOR)


def draw(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    """Draw the trial of a voice: tones that belong to its id."""
    return sounding.sound(workshop.ffmpeg, work / name, task.id, TRIAL.seconds, speech=True)


ENDPOINTS: Final = (
    Endpoint(method="GET", path="/v1/general/presets-voices", answer=presets),
    Endpoint(method="POST", path="/v1/general/delete-voices", answer=delete),
)


def _maker(desk: Desk, voice_id: str) -> Task | None:
    task = desk.store.get(voice_id)
    makes_voice = task is not None and "voice_name" in task.settings and TRIAL in task.bought.media
    return library.made(desk, voice_id, task.path) if task is not None and makes_voice else None


def _shown(id: str, name: str, trial: str, owner: str) -> JSON:
    return {"voice_id": id, "voice_name": name, "trial_url": trial, "owned_by": owner}


def _of_video(desk: Desk, id: str) -> str:
    footage = desk.inputs.video_by_id(id)
    task = desk.store.get(footage.name.removeprefix(OURS).partition("/")[0])
    assert task is not None
    speaks = task.path in _SPEAKING_PATHS or (task.bought.model == "kling-2.6" and footage.sound)
    if not speaks:
        raise invalid("video_id: only results of 2.6 with sound, of avatar and of lip-sync are supported")
    _check_seconds(footage.seconds, "video_id")
    return footage.name


def _of_url(desk: Desk, url: str) -> str:
    if not url.lower().startswith(("http://", "https://")):
        raise invalid("voice_url: only a URL is supported here")
    try:
        sound = desk.inputs.sound(url, "voice_url")
    except Refusal:  # then it is a video of ours, or nothing that speaks
        footage = desk.inputs.video(url, "voice_url")
        _check_speech(footage)
        return footage.name
    if sound.known:
        _check_seconds(sound.seconds, "voice_url")
    return sound.name


def _check_speech(footage: Footage) -> None:
    if not footage.known:
        return
    if not footage.sound:
        raise invalid("voice_url: the video has no sound")
    _check_seconds(footage.seconds, "voice_url")


def _check_seconds(seconds: float, field: str) -> None:
    least, most = SAMPLE_SECONDS
    if not least <= seconds <= most:
        raise invalid(f"{field}: the sample lasts {seconds:g} s, it needs {least:g} to {most:g} s")

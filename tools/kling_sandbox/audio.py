"""The audio products: speech at once, sound effects from words, and the sound of a video (kling-official 5.1-5.3).

All of them draw on the video pack, as was seen live (kling-official 9.1).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kling_sandbox import fields, painting, shapes, sounding
from kling_sandbox.config import SandboxConfig
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import invalid
from kling_sandbox.fields import Body
from kling_sandbox.painting import Sketch
from kling_sandbox.pictures import ELSEWHERE
from kling_sandbox.product import JSON, Address, Product, Workshop
from kling_sandbox.speakers import SPEECH
from kling_sandbox.tasks import Media, Purchase, Task

TTS: Final = "/v1/audio/tts"
TEXT_TO_AUDIO: Final = "/v1/audio/text-to-audio"
VIDEO_TO_AUDIO: Final = "/v1/audio/video-to-audio"
TEXT_MAX: Final = 1000
PROMPT_MAX: Final = 200
SPEEDS: Final = (0.8, 2.0)
EFFECT_SECONDS: Final = (3.0, 10.0)
VIDEO_SECONDS: Final = (3.0, 20.0)
MAKES_IN: Final = 20.0
MIXED: Final = "mixed.mp4"


def products(config: SandboxConfig) -> tuple[Product, ...]:
    """Return the products of this room."""
    return (
        Product(path=TTS, read=read_speech, outputs=outputs, result=speech_result, draw=draw, answer=speech_answer),
        Product(path=TEXT_TO_AUDIO, read=read_effect, outputs=outputs, result=effect_result, draw=draw),
        Product(path=VIDEO_TO_AUDIO, read=read_video_sound, outputs=outputs, result=video_sound_result, draw=draw),
    )


def read_speech(body: Body, desk: Desk) -> Purchase:
    """Read POST /v1/audio/tts. Its voices are not those of the voice library."""
    text = _bounded(fields.needed(body, "text"), "text", TEXT_MAX)
    language = fields.choice(body, "voice_language", tuple(SPEECH), "zh")
    voice = fields.needed(body, "voice_id")
    if voice not in SPEECH[language]:
        raise invalid(f"voice_id value '{voice[:60]}' is invalid for voice_language {language}")
    speed = _one_decimal(body, "voice_speed", 1.0, SPEEDS)
    seconds = sounding.speech_seconds(text, speed)
    return Purchase(
        model="tts",
        units="0.05",
        settings={"prompt": text, "voice_id": voice, "voice_language": language, "voice_speed": speed},
        media=(Media(kind="audio", name="speech.mp3", seconds=seconds),),
        makes_in=0.0,
    )


def read_effect(body: Body, desk: Desk) -> Purchase:
    """Read POST /v1/audio/text-to-audio."""
    prompt = _bounded(fields.needed(body, "prompt"), "prompt", PROMPT_MAX)
    if body.get("duration") is None:
        raise invalid("duration is required")
    seconds = _one_decimal(body, "duration", 0.0, EFFECT_SECONDS)
    return Purchase(
        model="text-to-audio",
        units="0.25",
        settings={"prompt": prompt, "seconds": seconds},
        media=_both(seconds),
        makes_in=MAKES_IN,
        external_id=fields.text(body, "external_task_id"),
        callback_url=fields.text(body, "callback_url"),
    )


def read_video_sound(body: Body, desk: Desk) -> Purchase:
    """Read POST /v1/audio/video-to-audio: the video again with a sound of its own, and the sound alone."""
    footage = desk.inputs.one_video(fields.text(body, "video_id"), fields.text(body, "video_url"))
    least, most = VIDEO_SECONDS
    if footage.known and not least <= footage.seconds <= most:
        raise invalid(f"the video lasts {footage.seconds:g} s, it needs {least:g} to {most:g} s")
    prompt, music = (
        _bounded(fields.text(body, name), name, PROMPT_MAX) for name in ("sound_effect_prompt", "bgm_prompt")
    )
    mixed = Media(
        kind="video", name=MIXED, seconds=footage.seconds, width=footage.width, height=footage.height, sound=True
    )
    parent = {"id": footage.id, "url": footage.url, "duration": shapes.spoken_seconds(footage.seconds)}
    return Purchase(
        model="video-to-audio",
        units="0.25",
        settings={
            "prompt": prompt,
            "bgm_prompt": music,
            "asmr_mode": fields.flag(body, "asmr_mode", False),
            "video": footage.name,
        },
        media=(mixed, *_both(footage.seconds)),
        makes_in=MAKES_IN,
        external_id=fields.text(body, "external_task_id"),
        callback_url=fields.text(body, "callback_url"),
        info={"parent_video": parent},
    )


def speech_answer(task: Task, address: Address) -> JSON:
    """Answer the speech call itself: nothing else will show it again."""
    return {
        "task_id": task.id,
        "task_status": "succeed",
        "task_result": speech_result(task, address),
        "final_unit_deduction": task.bought.units,
    }


def speech_result(task: Task, address: Address) -> JSON:
    """Show speech: `url` and `duration`, other names than effects have (kling-official 2.4)."""
    (one,) = task.media("audio")
    shown = {
        "id": task.media_id("audio"),
        "url": address(task, one.name),
        "duration": shapes.spoken_seconds(one.seconds),
    }
    return {"audios": [shown]}


def effect_result(task: Task, address: Address) -> JSON:
    """Show an effect in both formats."""
    mp3, wav = task.media("audio")
    shown = {
        "id": task.media_id("audio"),
        "url_mp3": address(task, mp3.name),
        "url_wav": address(task, wav.name),
        "duration_mp3": shapes.spoken_seconds(mp3.seconds),
        "duration_wav": shapes.spoken_seconds(wav.seconds),
    }
    return {"audios": [shown]}


def video_sound_result(task: Task, address: Address) -> JSON:
    """Show the mixed video and the sound alone."""
    return {**shapes.video_result(task, address), **effect_result(task, address)}


def outputs(task: Task, address: Address) -> list[JSON]:
    """Show videos and sounds as `outputs` of GET /tasks: the formats' names come first there (kling-official 2.3)."""
    shown = shapes.video_outputs(task, address)
    one: JSON = {"type": "audio", "id": task.media_id("audio")}
    for sound in task.media("audio"):
        kind = Path(sound.name).suffix[1:]
        one[f"{kind}_url"] = address(task, sound.name)
        one[f"{kind}_duration"] = shapes.spoken_seconds(sound.seconds)
    return [*shown, one]


def draw(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    """Draw one file: tones for speech, a chord for effects, and the video with that chord under it."""
    one = task.named(name)
    assert one is not None
    words = str(task.settings["prompt"])
    if one.kind == "audio":
        return sounding.sound(workshop.ffmpeg, work / name, words, one.seconds, speech=task.path == TTS)
    given = str(task.settings["video"])
    video = workshop.input(given)
    if video is None:
        sketch = Sketch(words=words, facts="Video to audio", host=given.removeprefix(ELSEWHERE))
        card = painting.paint(work / "card.jpg", (one.width, one.height), sketch)
        video = sounding.still(workshop.ffmpeg, work / "silent.mp4", card, one.seconds)
    chord = workshop.file(task, "sound.wav")
    return sounding.mix(workshop.ffmpeg, work / name, video, chord, one.seconds)


def _both(seconds: float) -> tuple[Media, ...]:
    return tuple(Media(kind="audio", name=f"sound.{kind}", seconds=seconds) for kind in ("mp3", "wav"))


def _bounded(value: str, field: str, most: int) -> str:
    if len(value) > most:
        raise invalid(f"{field} is too long: {len(value)} characters, at most {most}")
    return value


def _one_decimal(body: Body, field: str, default: float, bounds: tuple[float, float]) -> float:
    value = fields.number(body, field, default, *bounds)
    if round(value, 1) != value:
        raise invalid(f"{field} takes one decimal at most")
    return value

"""Lip-sync in its two steps: faces are found in a video at once, then a sound is laid over one of them.

A session is the purchase of the first step, and its id the session's id (kling-official 4.9).
"""

from __future__ import annotations

import dataclasses
import math
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from kling_sandbox import fields, film, legacy, prices, render, shapes
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import invalid
from kling_sandbox.fields import Body
from kling_sandbox.inputs import Footage, Sound
from kling_sandbox.models import FootageLimits
from kling_sandbox.product import JSON, Address, Product, Workshop
from kling_sandbox.rules import check_footage
from kling_sandbox.tasks import Media, Purchase, Task

IDENTIFY: Final = "/v1/videos/identify-face"
LIP_SYNC: Final = "/v1/videos/advanced-lip-sync"
SESSION_SECONDS: Final = 24 * 3600
VIDEO: Final = FootageLimits(seconds=(2, 60), sides=(512, 2160))
SOUND_SECONDS: Final = (2.0, 60.0)
LEAST_MS: Final = 2000
FACE_SIDE: Final = 320


def products() -> tuple[Product, ...]:
    """Return both steps."""
    return (
        Product(path=IDENTIFY, read=read_video, outputs=_nothing, result=_faces, draw=draw_face, answer=_faces),
        Product(
            path=LIP_SYNC,
            read=read_sound,
            outputs=shapes.video_outputs,
            result=shapes.video_result,
            draw=draw_lip_sync,
            by_external_id=False,  # its page lists the task id only (kling-official 2.5)
        ),
    )


def read_video(body: Body, desk: Desk) -> Purchase:
    """Find the faces of a video."""
    video = desk.inputs.one_video(fields.text(body, "video_id"), fields.text(body, "video_url"))
    check_footage(video, VIDEO, "video")
    faces = _intervals(video)
    return Purchase(
        model="identify-face",
        units=prices.IDENTIFY_FACE,
        settings={"video": dataclasses.asdict(video), "faces": faces},
        media=tuple(
            Media(kind="image", name=f"face-{place}.png", width=FACE_SIDE, height=FACE_SIDE)
            for place in range(len(faces))
        ),
        makes_in=0,
    )


def read_sound(body: Body, desk: Desk) -> Purchase:
    """Lay a part of a sound over a face of a session."""
    session = desk.store.get(fields.needed(body, "session_id"))
    if session is None or session.path != IDENTIFY:
        raise invalid("session_id not found")
    if desk.config.clock() > session.created_ms / 1000 + SESSION_SECONDS:
        raise invalid("session_id has expired: a session lives 24 hours")
    chosen = fields.objects(body, "face_choose")
    if len(chosen) != 1:
        raise invalid("face_choose: exactly one face is supported")
    choice = chosen[0]
    sound = desk.inputs.one_sound(fields.text(choice, "audio_id"), fields.text(choice, "sound_file"))
    video = Footage(**session.settings["video"])
    face = _face(fields.needed(choice, "face_id"), session)
    cut = _cut(choice, sound, video, face)
    ids = legacy.ids(body)
    return Purchase(
        model="lip-sync",
        units=str(Decimal(prices.LIP_SYNC) * math.ceil(video.seconds / prices.LIP_SYNC_STEP)),
        settings={"video": dataclasses.asdict(video), "face": face, "sound_file": sound.name, **cut},
        media=(
            Media(
                kind="video",
                name="video.mp4",
                seconds=video.seconds,
                width=video.width,
                height=video.height,
                sound=True,
            ),
        ),
        makes_in=40 + 4 * video.seconds,
        info={"parent_video": {"id": video.id, "url": video.url, "duration": shapes.spoken_seconds(video.seconds)}},
        **ids,
    )


def draw_face(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    """Draw the picture of a found face: a part of the video, or a stand-in."""
    video = Footage(**task.settings["video"])
    source = workshop.input(video.name)
    side = (FACE_SIDE, FACE_SIDE)
    if source is None:
        return render.picture(workshop, video.name, name, side, work / name)
    place = int(name.removesuffix(".png").rpartition("-")[2])
    at = task.settings["faces"][place]["start_time"] / 1000
    crop = f"crop=ih/2:ih/2:iw*{0.25 + 0.25 * place:.2f}:ih/4,scale={FACE_SIDE}:{FACE_SIDE}"
    return workshop.encode(["-ss", f"{at:g}", "-i", str(source), "-frames:v", "1", "-vf", crop], work / name)


def draw_lip_sync(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    """Keep the picture of the video and mix the sound into its own."""
    video = Footage(**task.settings["video"])
    source = workshop.input(video.name)
    track = _mix(workshop, task, video, source, work)
    if source is None:
        size = (video.width, video.height)
        return render.draw_pictures(workshop, [video.name], ("", "Lip-sync"), (size, video.seconds), work, track)
    command = ["-i", str(source), "-i", str(track), "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac"]
    return workshop.encode([*command, "-b:a", "96k", "-ac", "2", "-movflags", "+faststart"], work / name)


def _mix(workshop: Workshop, task: Task, video: Footage, source: Path | None, work: Path) -> Path:
    """Make the sound track: the old sound and the inserted part, each at its volume, as long as the video."""
    cut = task.settings
    start, end, insert = (cut[key] / 1000 for key in ("sound_start_time", "sound_end_time", "sound_insert_time"))
    sound = workshop.input(cut["sound_file"])
    given = ["-i", str(sound)] if sound else ["-f", "lavfi", "-i", film.chord(film.chance(cut["sound_file"]), end)]
    laid = (
        f"[0:a]atrim={start:g}:{end:g},asetpts=PTS-STARTPTS,volume={cut['sound_volume']:g},"
        f"aresample=44100,adelay={round(insert * 1000)}:all=1,apad,atrim=0:{video.seconds:g}[laid]"
    )
    graph, inputs, out = laid, given, "[laid]"
    if source is not None and video.sound:
        inputs = [*given, "-i", str(source)]
        old = f"[1:a]volume={cut['original_audio_volume']:g},aresample=44100,apad,atrim=0:{video.seconds:g}[old]"
        graph, out = f"{laid};{old};[laid][old]amix=inputs=2:normalize=0[mixed]", "[mixed]"
    return workshop.encode([*inputs, "-filter_complex", graph, "-map", out, "-ac", "2"], work / "track.wav")


def _intervals(video: Footage) -> list[JSON]:
    """Invent faces: one for the whole length, in some of our videos a second one for the later half (ms)."""
    length = int(video.seconds * 1000)
    spans = [(0, length)]
    if video.known and length >= 2 * LEAST_MS and film.chance(video.name) % 2:
        spans.append((length // 2, length))
    return [{"face_id": str(place), "start_time": a, "end_time": b} for place, (a, b) in enumerate(spans)]


def _face(face_id: str, session: Task) -> JSON:
    for face in session.settings["faces"]:
        if face["face_id"] == face_id:
            return dict(face)
    raise invalid("face_id is not a face of this session")


def _cut(choice: Body, sound: Sound, video: Footage, face: JSON) -> dict[str, Any]:
    """Read which part of the sound goes where, in ms, and how loud."""
    least, most = SOUND_SECONDS
    if sound.known and not least <= sound.seconds <= most:
        raise invalid(f"the sound lasts {sound.seconds:g} s, it must be {least:g} to {most:g} s")
    times = ("sound_start_time", "sound_end_time", "sound_insert_time")
    for name in times:
        if choice.get(name) is None:
            raise invalid(f"{name} is required")
    start, end, insert = (fields.integer(choice, name, 0) for name in times)
    if min(start, insert) < 0 or end - start < LEAST_MS:
        raise invalid(f"at least {LEAST_MS} ms must be left between sound_start_time and sound_end_time")
    if sound.known and end > math.ceil(sound.seconds * 1000):
        raise invalid("sound_end_time is beyond the end of the sound")
    stop = insert + end - start
    if stop > math.ceil(video.seconds * 1000):
        raise invalid("the inserted sound must end inside the video")
    if min(stop, face["end_time"]) - max(insert, face["start_time"]) < LEAST_MS:
        raise invalid(f"the inserted sound must overlap the face by at least {LEAST_MS} ms")
    return {
        "sound_start_time": start,
        "sound_end_time": end,
        "sound_insert_time": insert,
        "sound_volume": fields.number(choice, "sound_volume", 1.0, 0, 2),
        "original_audio_volume": fields.number(choice, "original_audio_volume", 1.0, 0, 2),
    }


def _faces(task: Task, address: Address) -> JSON:
    faces = [
        {**face, "face_image": address(task, one.name)}
        for face, one in zip(task.settings["faces"], task.media("image"), strict=True)
    ]
    return {"session_id": task.id, "final_unit_deduction": task.bought.units, "face_data": faces}


def _nothing(task: Task, address: Address) -> list[JSON]:
    return []

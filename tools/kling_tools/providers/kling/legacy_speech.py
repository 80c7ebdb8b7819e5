"""Speech, and lips that follow it: bodies, and the answers that the next call needs (kling-official 4.9, 4.10, 5.1).

Lip-sync takes three calls: the words are spoken, the faces are found, then sound and face are put together.
"""

from __future__ import annotations

from kling_tools.model.errors import Impossible, NotAccepted, ProviderBroken, quoted
from kling_tools.model.plan import Face, Order, Prepared
from kling_tools.model.specs import AvatarSpec, LipSyncSpec, Speech, SpeechSpec
from kling_tools.providers.kling import outputs, reading
from kling_tools.providers.kling.attached import by_id_or_address, content
from kling_tools.providers.kling.legacy_fields import NO_WATERMARK, Body, filled, mode, own_id
from kling_tools.providers.kling.placement import placed, sound_ms

SPEECH = "/v1/audio/tts"
FACES = "/v1/videos/identify-face"
_SLACK = 0.1  # seconds that a container rounds


def speech(order: Order, spec: SpeechSpec) -> Body:
    """Return the body for speech that is the task itself; it takes no id of ours (kling-official 5.1)."""
    return spoken(spec.speech)


def spoken(words: Speech) -> Body:
    """Return the body for speech (kling-official 5.1)."""
    return {
        "text": words.text,
        "voice_id": words.voice,
        "voice_language": words.language,
        "voice_speed": round(words.speed, 1),
    }


def faces(order: Order) -> Body:
    """Return the body that has faces found in the video (kling-official 4.9).

    Raises:
        Impossible, BadMedia: the sound could not be put on any of them.
    """
    sound_ms(_sound_seconds(order))
    return dict(by_id_or_address(order.first("video"), "video"))


def lip_sync(order: Order, spec: LipSyncSpec) -> Body:
    """Return the body that puts a sound on one face (kling-official 4.9).

    Raises:
        Impossible: the sound does not fit into the video or to the face. BadMedia: its length is not known.
    """
    found, video = order.brought("faces"), order.first("video")
    if found is None:
        raise Impossible("The faces of the video have to be found first.")
    place = placed(
        found.faces,
        sound_seconds=_sound_seconds(order),
        video_seconds=video.seconds if video else 0.0,
        at_seconds=spec.at_seconds,
        face=spec.face,
    )
    choice = {
        "face_id": place.face_id,
        **_sound(order),
        "sound_start_time": place.sound_start_ms,
        "sound_end_time": place.sound_end_ms,
        "sound_insert_time": place.insert_ms,
        "sound_volume": spec.volume,
        "original_audio_volume": spec.original_volume,
    }
    return {"session_id": found.session_id, "face_choose": [choice], **own_id(order), **NO_WATERMARK}


def avatar(order: Order, spec: AvatarSpec) -> Body:
    """Return the body for a talking portrait (kling-official 4.10).

    Raises:
        Impossible: the speech became longer than the price was reckoned for.
    """
    said, most = order.brought("speech"), order.plan.video_seconds
    if said is not None and most and (said.seconds or 0) > most + _SLACK:
        raise Impossible(
            f"The speech became {said.seconds:g} s long, and the price was reckoned for {most:g} s at most.",
            advice="create_speech first, then pass its task id as audio: then the price is known before.",
        )
    return {
        "image": content(order.first("image"), "portrait"),
        **_sound(order),
        "mode": mode(spec.resolution),
        **filled(prompt=spec.prompt),
        **own_id(order),
        **NO_WATERMARK,
    }


def _sound(order: Order) -> Body:
    if said := order.brought("speech"):
        return {"audio_id": said.audio_id}
    sound = order.first("audio")
    if sound is not None and sound.remote_id:  # speech that Kling made itself
        return {"audio_id": sound.remote_id}
    return {"sound_file": content(sound, "sound")}


def _sound_seconds(order: Order) -> float | None:
    if said := order.brought("speech"):
        return said.seconds
    sound = order.first("audio")
    return sound.seconds if sound else None


def read_speech(data: object) -> Prepared:
    """Return the speech that another call needs (kling-official 5.1).

    Raises:
        NotAccepted: it could not be spoken. ProviderBroken: no id of a sound is named.
    """
    task = reading.created(data)
    if reading.text(task.get("task_status")).strip().lower() == "failed":
        why = reading.text(task.get("task_status_msg"))
        raise NotAccepted(f"Kling could not speak the text: {quoted(why)}.", advice="Change the text or the voice.")
    sounds = outputs.of_legacy(reading.record(task.get("task_result")) or task)
    sound = next((s for s in sounds if s.kind == "audio" and s.remote_id), None)
    if sound is None:
        raise ProviderBroken("Kling's answer names no sound for the text.")
    units = reading.taken(reading.number(task.get("final_unit_deduction")))
    return Prepared(step="speech", audio_id=sound.remote_id, seconds=sound.seconds, units=units)


def read_faces(data: object) -> Prepared:
    """Return the faces and the session in which they hold, for 24 hours (kling-official 4.9).

    Raises:
        ProviderBroken: no session is named.
    """
    found = reading.record(data)
    session = reading.text(found.get("session_id"))
    if not session:
        raise ProviderBroken("Kling's answer names no session for the faces.")
    seen = []
    for entry in reading.records(found.get("face_data")):
        start, end = reading.number(entry.get("start_time")), reading.number(entry.get("end_time"))
        face = reading.text(entry.get("face_id"))
        if face and start is not None and end is not None and 0 <= start < end:
            seen.append(Face(id=face, start_ms=int(start), end_ms=int(end)))
    units = reading.taken(reading.number(found.get("final_unit_deduction")))
    return Prepared(step="faces", session_id=session, faces=tuple(seen), units=units)

"""Where speech goes on a face in a video: the arithmetic of lip-sync, before its call is paid (kling-official 4.9).

Kling takes the sound as given and refuses what does not fit, so it is cropped here to what fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kling_tools.model.errors import BadMedia, Impossible
from kling_tools.model.plan import Face

#: At least this much of the sound has to be left, and heard while the face is seen.
LEAST_MS = 2_000
LONGEST_VIDEO_MS = 60_000


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A face, and the part of the sound that goes on it from `insert_ms` of the video on. `cut_ms` falls away."""

    face_id: str
    sound_start_ms: int
    sound_end_ms: int
    insert_ms: int
    cut_ms: int


def placed(
    faces: Sequence[Face], *, sound_seconds: float | None, video_seconds: float, at_seconds: float | None, face: int
) -> Placement:
    """Return where the sound goes. `face` counts from 1 by first appearance, 0 is the one longest seen.

    `at_seconds` None: where the face appears. `video_seconds` 0: not known; then only the time in which Kling saw a
    face is known to be there.

    Raises:
        Impossible: it does not fit, with the figures. BadMedia: the sound's length is not known.
    """
    sound = sound_ms(sound_seconds)
    chosen, number = _chosen(faces, face)
    insert = chosen.start_ms if at_seconds is None else max(0, _ms(at_seconds))
    known_end = _ms(video_seconds) if video_seconds > 0 else max(f.end_ms for f in faces)
    end = min(known_end, LONGEST_VIDEO_MS)
    length = min(sound, end - insert)
    if length < LEAST_MS:
        longer = f"at_seconds has to be {_s(end - LEAST_MS)} or less" if end >= LEAST_MS else "use a longer video"
        raise Impossible(
            f"From {_s(insert)} s on only {_s(max(0, length))} s of the video are left ({_s(end)} s in all).",
            advice=f"At least 2 s are needed: {longer}.",
        )
    seen = replace(chosen, end_ms=min(chosen.end_ms, end))
    _check_overlap(seen, number, insert, length)
    return Placement(face_id=chosen.id, sound_start_ms=0, sound_end_ms=length, insert_ms=insert, cut_ms=sound - length)


def sound_ms(seconds: float | None) -> int:
    """Return a sound's length in milliseconds, if it can be put on a face at all: known before faces are paid for.

    Raises:
        Impossible: it is too short. BadMedia: its length is not known.
    """
    if not seconds:
        raise BadMedia(
            "The sound's length is not known, and Kling has to be told where it ends.",
            advice="Pass the sound as a file.",
        )
    if (length := _ms(seconds)) < LEAST_MS:
        raise Impossible(f"The sound is {_s(length)} s long.", advice="Kling needs at least 2 s of it.")
    return length


def _chosen(faces: Sequence[Face], face: int) -> tuple[Face, int]:
    in_order = sorted(faces, key=lambda f: f.start_ms)
    if not in_order:
        raise Impossible("Kling found no face in the video.", advice="Use a video in which a face is seen from near.")
    if face > len(in_order):
        seen = "; ".join(f"face {n} from {_s(f.start_ms)} to {_s(f.end_ms)} s" for n, f in enumerate(in_order[:8], 1))
        raise Impossible(f"Kling found {len(in_order)} face(s), not {face}: {seen}.", advice="Choose one of these.")
    number = face or 1 + max(range(len(in_order)), key=lambda n: in_order[n].end_ms - in_order[n].start_ms)
    return in_order[number - 1], number


def _check_overlap(face: Face, number: int, insert: int, length: int) -> None:
    overlap = min(insert + length, face.end_ms) - max(insert, face.start_ms)
    if overlap >= LEAST_MS:
        return
    seen = f"Face {number} is seen from {_s(face.start_ms)} to {_s(face.end_ms)} s"
    if face.end_ms - face.start_ms < LEAST_MS:
        raise Impossible(
            f"{seen}, too short to speak.", advice="At least 2 s are needed: choose another face or video."
        )
    earliest, latest = max(0, face.start_ms + LEAST_MS - length), face.end_ms - LEAST_MS
    raise Impossible(
        f"{seen}, and the sound is heard from {_s(insert)} to {_s(insert + length)} s: "
        f"{_s(max(0, overlap))} s together, where Kling needs 2.",
        advice=f"Use at_seconds between {_s(earliest)} and {_s(latest)}.",
    )


def _ms(seconds: float) -> int:
    return int(seconds * 1000 + 1e-6)  # down: the end may not lie behind the sound's own


def _s(ms: int) -> str:
    return f"{ms / 1000:g}"

"""What becomes of several clips as one film: how long each is shown, in which sides and pace, and what has to change.

Decided from the files' own figures, before anything is decoded: what cannot be joined is refused at once, and what is
told of it later does not depend on who made the film.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from kling_tools.files.boxes import Index, Track, decoder_setup
from kling_tools.files.mp4 import VideoFacts, film_index, video_facts
from kling_tools.model.errors import MediaFailed

MOST_CLIPS = 30  # each is open at once while it is encoded
MOST_SECONDS = 600.0
FADE_SECONDS = 0.5
_USUAL_RATE = 24.0  # Kling's, where a file does not tell its own
_MOST_RATE = 60.0
_NEAR = 0.05  # seconds that a cut may reach beyond the end
_BITS_PER_PIXEL = 0.25  # a generous bound for what is encoded here


@dataclass(frozen=True)
class Clip:
    """A file and which part of it is shown, in seconds; `drop_first_frame` leaves out one that was just seen."""

    path: Path
    start: float = 0.0
    end: float | None = None
    drop_first_frame: bool = False


@dataclass(frozen=True)
class Part:
    """A clip on its way into the film: `seconds` it is shown, `frames` in the film's pace; `dropped` is left out."""

    clip: Clip
    facts: VideoFacts
    rate: float
    seconds: float
    frames: int = 0
    dropped: float = 0.0


@dataclass(frozen=True)
class Montage:
    """A film to be made: sides in pixels, frames a second, `fade` in frames, `room` in bytes on the disk at most.

    `copied`: the clips' data follow each other as they are. `notes` say what is changed to make them fit.
    """

    parts: tuple[Part, ...]
    sides: tuple[int, int]
    rate: float
    seconds: float
    loud: bool
    fade: int
    copied: bool
    room: int
    notes: tuple[str, ...]


async def lay_out(clips: Sequence[Clip], *, crossfade: bool = False) -> Montage:
    """Return the film that these clips make, in the sides and frame rate of the first.

    Raises:
        MediaFailed: a clip is broken or shorter than its cut, or there is too much of it.
    """
    indices = [await asyncio.to_thread(film_index, clip.path) for clip in clips]
    return await asyncio.to_thread(_montage, clips, indices, crossfade)


def _montage(clips: Sequence[Clip], indices: Sequence[Index], crossfade: bool) -> Montage:
    pairs = enumerate(zip(clips, indices, strict=True), 1)
    measured = [_part(number, clip, video_facts(index)) for number, (clip, index) in pairs]
    first = measured[0]
    sides, rate = even(first.facts), first.rate
    parts = tuple(replace(part, frames=max(1, round(part.seconds * rate))) for part in measured)
    fade = min(round(FADE_SECONDS * rate), min(part.frames for part in parts) // 2) if crossfade else 0
    copied = not fade and all(_whole(clip) for clip in clips) and _fit(indices)
    shown = sum(part.seconds for part in parts) if copied else sum(part.frames for part in parts) / rate
    seconds = shown - fade * (len(parts) - 1) / rate
    if seconds > MOST_SECONDS:
        raise MediaFailed(f"Together the clips are {seconds:.0f} s long; at most {MOST_SECONDS:.0f} s are joined.")
    sizes = sum(clip.path.stat().st_size for clip in clips)
    encoded = 0 if copied else int(seconds * rate * sides[0] * sides[1] * _BITS_PER_PIXEL / 8)
    return Montage(
        parts=parts,
        sides=sides,
        rate=rate,
        seconds=seconds,
        loud=any(part.facts.has_audio for part in parts),
        fade=fade,
        copied=copied,
        room=2 * max(sizes, encoded),
        notes=() if copied else (*_notes(parts, sides), *_faded(crossfade, fade, rate)),
    )


def _part(number: int, clip: Clip, facts: VideoFacts) -> Part:
    rate = min(facts.fps or _USUAL_RATE, _MOST_RATE)
    length = facts.last_at + 1 / facts.fps if facts.last_at and facts.fps else facts.seconds
    if length <= 0:
        raise MediaFailed(f"Clip {number} does not tell its length.")
    end = length if clip.end is None else clip.end
    if end > length + _NEAR or clip.start >= length:
        cut = f"{clip.start:g}-{'' if clip.end is None else f'{clip.end:g}'}"
        raise MediaFailed(f"Clip {number} is {length:.2f} s long; {cut} reaches beyond its end.")
    # A video of a single frame is nothing without it.
    dropped = 1 / (facts.fps or _USUAL_RATE) if clip.drop_first_frame and facts.frames != 1 else 0.0
    return Part(clip, facts, rate, max(min(end, length) - clip.start - dropped, 1 / rate), dropped=dropped)


def _whole(clip: Clip) -> bool:
    # The list of clips is handed over as lines.
    return not clip.start and clip.end is None and not clip.drop_first_frame and "\n" not in str(clip.path)


def _fit(indices: Sequence[Index]) -> bool:
    """Whether each clip's data can follow the one's before in one track: the same tracks, decoded in the same way."""
    first = indices[0]
    pictures, sound = first.first(b"vide"), first.first(b"soun")
    if pictures is None or pictures.codec != "h264" or (sound is not None and sound.codec != "aac"):
        return False
    alike = all(_alike(one, other) for one, other in pairwise(indices))
    # A sound that ends later than its pictures would push the next clip away.
    return alike and all(_even(index) for index in indices[:-1])


def _alike(one: Index, other: Index) -> bool:
    if one.fragments or other.fragments or len(one.tracks) != len(other.tracks):
        return False
    return all(_same(one.first(kind), other.first(kind)) for kind in (b"vide", b"soun"))


def _even(index: Index) -> bool:
    pictures, sound = index.first(b"vide"), index.first(b"soun")
    return sound is None or (pictures is not None and abs(sound.seconds - pictures.seconds) < 0.05)


def _same(one: Track | None, other: Track | None) -> bool:
    if one is None or other is None:
        return one is other
    figures = (one.codec, one.width, one.height, round(one.rate, 2))
    alike = figures == (other.codec, other.width, other.height, round(other.rate, 2))
    return alike and decoder_setup(one) == decoder_setup(other) != b""


def even(facts: VideoFacts) -> tuple[int, int]:
    """Return the sides without an odd pixel: the colour planes are half as large."""
    return max(2, facts.width // 2 * 2), max(2, facts.height // 2 * 2)


def inner(facts: VideoFacts, sides: tuple[int, int]) -> tuple[int, int]:
    """Return how large a clip is shown within the sides; a shape that is nearly the same fills them."""
    scale = min(sides[0] / facts.width, sides[1] / facts.height)
    width, height = (max(2, round(side * scale / 2) * 2) for side in (facts.width, facts.height))
    near = width >= 0.98 * sides[0] and height >= 0.98 * sides[1]
    return sides if near else (width, height)


def _notes(parts: Sequence[Part], sides: tuple[int, int]) -> list[str]:
    first, notes = parts[0], []
    loud = any(part.facts.has_audio for part in parts)
    for number, part in enumerate(parts, 1):
        facts = part.facts
        if (facts.width, facts.height) != (first.facts.width, first.facts.height):
            bars = "" if inner(facts, sides) == sides else " with black bars"
            notes.append(f"Clip {number} was scaled from {facts.width}x{facts.height} to {sides[0]}x{sides[1]}{bars}.")
        if abs(part.rate - first.rate) > 0.01:
            notes.append(f"Clip {number} was brought from {part.rate:.4g} to {first.rate:.4g} frames a second.")
        if loud and not facts.has_audio:
            notes.append(f"Clip {number} has no sound and is silent.")
    return notes


def _faded(crossfade: bool, fade: int, rate: float) -> list[str]:
    if crossfade and not fade:
        return ["A clip is too short to fade into another; they follow each other by a cut."]
    return [f"Each clip fades into the next over {fade / rate:.2g} s."] if fade else []

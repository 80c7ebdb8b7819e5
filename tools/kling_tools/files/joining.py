"""One video of two: a clip and its continuation, without a jump between them.

A continuation is generated from the last frame of the clip before it, so its own first frame is that frame again; shown
twice it is a stutter, and it is left out. All of it is one pass of ffmpeg over whole files.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.boxes import Index, Track, decoder_setup
from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.mp4 import VideoFacts, film_index, read_facts, video_facts
from kling_tools.files.storage import check_free, storage, sync_directory, to_the_end
from kling_tools.model.errors import MediaFailed

_USUAL_RATE = 24.0  # Kling's, where a file does not tell its own
_MOST_RATE = 60.0
_MOST_SECONDS = 600.0
_SOUND = "aresample=async=1:first_pts=0,aformat=sample_fmts=fltp:sample_rates=48000:channel_layouts=stereo"
_OUT = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "17", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "192k")
_FILE = ("-map_metadata", "-1", "-movflags", "+faststart", "-f", "mp4", "-y")
_NEAR = 0.25  # seconds that the result's length may be off


@dataclass(frozen=True)
class Joined:
    """The video that was made: seconds, sides in pixels, and in sentences what was changed to make the two fit."""

    seconds: float
    width: int
    height: int
    has_audio: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """One clip on its way into the film: frames a second, and how long its pictures are shown, less what is dropped."""

    path: Path
    facts: VideoFacts
    rate: float
    seconds: float
    dropped: float = 0.0


async def join(encoder: Encoder, first: Path, second: Path, target: Path, *, drop_first_frame: bool = True) -> Joined:
    """Write both clips as one MP4 (H.264, AAC) to `target`, in the sides and frame rate of the first.

    `drop_first_frame` leaves out the first frame of the second. A clip without sound is silent there. Clips that fit
    exactly are copied without encoding where nothing has to be dropped.

    Raises:
        EncoderMissing. MediaFailed: a clip is broken or too long. StorageUnavailable: the disk is full or not ours.
    """
    one, other = [await asyncio.to_thread(film_index, path) for path in (first, second)]
    parts = (
        _part(first, video_facts(one), drop=False),
        _part(second, video_facts(other), drop=drop_first_frame),
    )
    total, loud = sum(part.seconds for part in parts), any(part.facts.has_audio for part in parts)
    if total > _MOST_SECONDS:
        raise MediaFailed(f"Together the clips are {total:.0f} s long; at most {_MOST_SECONDS:.0f} s are joined.")
    copied = not drop_first_frame and _fit(one, other) and "\n" not in f"{first}{second}"
    await to_the_end(_check_room, first, second, target.parent)
    # Beside the target, so that it takes its name in one step; the name is new, so that two joins never share it.
    rough = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        await (_copy(encoder, parts, rough) if copied else _encode(encoder, parts, rough))
        return await to_the_end(_finish, rough, target, total, loud, () if copied else _notes(*parts))
    finally:
        with suppress(OSError):
            rough.unlink(missing_ok=True)


def _check_room(first: Path, second: Path, folder: Path) -> None:
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
        check_free(folder, 2 * (first.stat().st_size + second.stat().st_size))


def _part(path: Path, facts: VideoFacts, *, drop: bool) -> _Part:
    rate = min(facts.fps or _USUAL_RATE, _MOST_RATE)
    shown = facts.last_at + 1 / facts.fps if facts.last_at and facts.fps else facts.seconds
    if shown <= 0:
        raise MediaFailed("A clip does not tell its length.")
    # A video of a single frame is nothing without it.
    dropped = 1 / (facts.fps or _USUAL_RATE) if drop and facts.frames != 1 else 0.0
    return _Part(path, facts, rate, max(shown - dropped, 1 / rate), dropped)


def _fit(first: Index, second: Index) -> bool:
    """Whether the second's data can follow the first's in one track: the same tracks, decoded in the same way."""
    if first.fragments or second.fragments or len(first.tracks) != len(second.tracks):
        return False
    pictures, sound = first.first(b"vide"), first.first(b"soun")
    if pictures is None or pictures.codec != "h264" or (sound is not None and sound.codec != "aac"):
        return False
    # A sound that ends later than its pictures would push the second clip away from the first.
    even = sound is None or abs(sound.seconds - pictures.seconds) < 0.05
    return even and all(_same(first.first(kind), second.first(kind)) for kind in (b"vide", b"soun"))


def _same(one: Track | None, other: Track | None) -> bool:
    if one is None or other is None:
        return one is other
    figures = (one.codec, one.width, one.height, round(one.rate, 2))
    alike = figures == (other.codec, other.width, other.height, round(other.rate, 2))
    return alike and decoder_setup(one) == decoder_setup(other) != b""


async def _copy(encoder: Encoder, parts: tuple[_Part, _Part], rough: Path) -> None:
    quoted = (file_argument(part.path).replace("'", r"'\''") for part in parts)
    script = "".join(f"file '{path}'\n" for path in quoted)
    args = ["-f", "concat", "-safe", "0", "-i", "pipe:0", "-c", "copy", *_FILE, file_argument(rough)]
    await encoder.run(args, timeout=120.0, stdin=script.encode())


async def _encode(encoder: Encoder, parts: tuple[_Part, _Part], rough: Path) -> None:
    sides, rate = _even(parts[0].facts), parts[0].rate
    loud = any(part.facts.has_audio for part in parts)
    chains = [f"[{n}:v:0]{_pictures(part, sides, rate)}[v{n}]" for n, part in enumerate(parts)]
    chains += [f"{_sound(n, part)}[a{n}]" for n, part in enumerate(parts) if loud]
    pads = "[v0][a0][v1][a1]" if loud else "[v0][v1]"
    chains.append(f"{pads}concat=n=2:v=1:a={int(loud)}[v]{'[a]' if loud else ''}")
    # The demuxer is named, so that a playlist with the name of a video is not followed to other files.
    inputs = [arg for part in parts for arg in ("-f", "mov", "-i", file_argument(part.path))]
    maps = ["-map", "[v]", *(["-map", "[a]"] if loud else [])]
    frames = sum(part.seconds for part in parts) * rate
    timeout = min(60 + frames * sides[0] * sides[1] / 4e6, 1800)
    graph = ["-filter_complex", ";".join(chains)]
    await encoder.run([*inputs, *graph, *maps, *_OUT, *_FILE, file_argument(rough)], timeout=timeout)


def _even(facts: VideoFacts) -> tuple[int, int]:
    """Return the sides without an odd pixel: the colour planes are half as large."""
    return max(2, facts.width // 2 * 2), max(2, facts.height // 2 * 2)


def _pictures(part: _Part, sides: tuple[int, int], rate: float) -> str:
    """Return the filters that make a clip's pictures fit: pace, sides, and bars where the shape is another."""
    width, height = _inner(part.facts, sides)
    drop = "trim=start_frame=1,setpts=PTS-STARTPTS," if part.dropped else ""
    bars = f"pad={sides[0]}:{sides[1]}:(ow-iw)/2:(oh-ih)/2," if (width, height) != sides else ""
    return f"{drop}fps={rate:.6f}:start_time=0,scale={width}:{height},{bars}setsar=1,format=yuv420p"


def _inner(facts: VideoFacts, sides: tuple[int, int]) -> tuple[int, int]:
    """Return how large a clip is shown within the sides; a shape that is nearly the same fills them."""
    scale = min(sides[0] / facts.width, sides[1] / facts.height)
    width, height = (max(2, round(side * scale / 2) * 2) for side in (facts.width, facts.height))
    near = width >= 0.98 * sides[0] and height >= 0.98 * sides[1]
    return sides if near else (width, height)


def _sound(number: int, part: _Part) -> str:
    """Return the filters for a clip's sound, exactly as long as its pictures: what follows must not slip."""
    if not part.facts.has_audio:
        return f"anullsrc=r=48000:cl=stereo,atrim=duration={part.seconds:.6f},{_SOUND}"
    start = f"atrim=start={part.dropped:.6f},asetpts=PTS-STARTPTS," if part.dropped else ""
    return f"[{number}:a:0]{_SOUND},{start}apad,atrim=duration={part.seconds:.6f}"


def _notes(first: _Part, second: _Part) -> tuple[str, ...]:
    sides, notes = _even(first.facts), []
    if (second.facts.width, second.facts.height) != (first.facts.width, first.facts.height):
        bars = "" if _inner(second.facts, sides) == sides else " with black bars"
        was = f"{second.facts.width}x{second.facts.height}"
        notes.append(f"The second clip was scaled from {was} to {sides[0]}x{sides[1]}{bars}.")
    if abs(second.rate - first.rate) > 0.01:
        notes.append(f"The second clip was brought from {second.rate:.4g} to {first.rate:.4g} frames a second.")
    if first.facts.has_audio != second.facts.has_audio:
        notes.append(f"The {'second' if first.facts.has_audio else 'first'} clip has no sound and is silent.")
    return tuple(notes)


def _finish(rough: Path, target: Path, seconds: float, loud: bool, notes: tuple[str, ...]) -> Joined:
    """Check what was made, make it durable and give it its name."""
    facts = read_facts(rough)
    if abs(facts.seconds - seconds) > _NEAR or facts.has_audio != loud:
        raise MediaFailed(f"The joined video came out wrong: {facts.seconds:.1f} s instead of {seconds:.1f} s.")
    with storage(target.parent):
        with open(rough, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(rough, target)
        sync_directory(target.parent)
    return Joined(facts.seconds, facts.width, facts.height, facts.has_audio, notes)

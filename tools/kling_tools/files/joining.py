"""One film of several clips, without a jump between them: cut or faded, with the sound where it belongs.

A continuation is generated from the last frame of the clip before it, so its own first frame is that frame again; shown
twice it is a stutter, and it can be left out. All of it is one pass of ffmpeg over whole files. Clips of one format, if
nothing is taken from them, are not encoded again: their data are copied one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.montage import Montage, Part, inner
from kling_tools.files.mp4 import read_facts
from kling_tools.model.errors import MediaFailed

Progress = Callable[[float], None]

_SOUND = "aresample=async=1:first_pts=0,aformat=sample_fmts=fltp:sample_rates=48000:channel_layouts=stereo"
_OUT = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "17", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "192k")
_FILE = ("-map_metadata", "-1", "-movflags", "+faststart", "-f", "mp4", "-y")
_NEAR = 0.25  # seconds that the result's length may be off, and a tenth of that for each clip


async def join(encoder: Encoder, montage: Montage, path: Path, progress: Progress | None = None) -> None:
    """Write the film as one MP4 (H.264, AAC) to `path`, where something is left also if that fails.

    `progress` is told how many seconds of the film are done.

    Raises:
        EncoderMissing. MediaFailed: a clip cannot be decoded, or the film came out wrong.
    """
    await (_copy(encoder, montage, path) if montage.copied else _encode(encoder, montage, path, progress))
    facts = await asyncio.to_thread(read_facts, path)
    near = _NEAR + 0.025 * len(montage.parts)
    if abs(facts.seconds - montage.seconds) > near or facts.has_audio != montage.loud:
        came = f"{facts.seconds:.1f} s instead of {montage.seconds:.1f} s"
        raise MediaFailed(f"The joined video came out wrong: {came}.")


async def _copy(encoder: Encoder, montage: Montage, path: Path) -> None:
    quoted = (file_argument(part.clip.path).replace("'", r"'\''") for part in montage.parts)
    script = "".join(f"file '{name}'\n" for name in quoted)
    args = ["-f", "concat", "-safe", "0", "-i", "pipe:0", "-c", "copy", *_FILE, file_argument(path)]
    await encoder.run(args, timeout=120.0, stdin=script.encode())


async def _encode(encoder: Encoder, montage: Montage, path: Path, progress: Progress | None) -> None:
    inputs = [arg for part in montage.parts for arg in _input(part)]
    maps = ["-map", "[v]", *(["-map", "[a]"] if montage.loud else [])]
    frames = sum(part.frames for part in montage.parts)
    timeout = min(60 + frames * montage.sides[0] * montage.sides[1] / 4e6, 1800)
    graph = ["-filter_complex", ";".join(_graph(montage))]
    args = [*inputs, *graph, *maps, *_OUT, *_FILE, file_argument(path)]
    await encoder.run(args, timeout=timeout, progress=progress)


def _input(part: Part) -> list[str]:
    clip = part.clip
    seek = ["-ss", f"{clip.start:.6f}"] if clip.start else []
    # A little more than is shown: the filters cut it to the frame.
    length = [] if clip.end is None else ["-t", f"{clip.end - clip.start + 1:.6f}"]
    # The demuxer is named, so that a playlist with the name of a video is not followed to other files. One thread each:
    # they take turns, and each thread reserves memory.
    return [*seek, *length, "-f", "mov", "-threads", "1", "-i", file_argument(clip.path)]


def _graph(montage: Montage) -> Iterator[str]:
    """Yield the filters: every clip made to fit, then all of them one after the other."""
    count, loud = len(montage.parts), montage.loud
    for number, part in enumerate(montage.parts):
        yield f"[{number}:v:0]{_pictures(part, montage)}[v{number}]"
        if loud:
            yield f"{_sound(number, part, montage)}[a{number}]"
    if not montage.fade:
        pads = "".join(f"[v{n}][a{n}]" if loud else f"[v{n}]" for n in range(count))
        yield f"{pads}concat=n={count}:v=1:a={int(loud)}[v]{'[a]' if loud else ''}"
        return
    seconds = montage.fade / montage.rate
    ends = accumulate(part.frames - montage.fade for part in montage.parts[:-1])
    for number, at in enumerate(ends, 1):
        before, after = (f"x{number - 1}", f"x{number}") if number > 1 else ("v0", "x1")
        after = "v" if number == count - 1 else after
        yield f"[{before}][v{number}]xfade=duration={seconds:.6f}:offset={at / montage.rate:.6f}[{after}]"
    for number in range(1, count if loud else 0):
        before, after = (f"y{number - 1}", f"y{number}") if number > 1 else ("a0", "y1")
        after = "a" if number == count - 1 else after
        yield f"[{before}][a{number}]acrossfade=duration={seconds:.6f}:curve1=tri:curve2=tri[{after}]"


def _pictures(part: Part, montage: Montage) -> str:
    """Return the filters that make a clip's pictures fit: pace, number, sides, and bars where the shape is another."""
    sides, rate = montage.sides, montage.rate
    width, height = inner(part.facts, sides)
    drop = "trim=start_frame=1,setpts=PTS-STARTPTS," if part.dropped else ""
    # To the frame: what follows must not slip, and pace is stated last because a fade asks for it.
    count = f"tpad=stop=-1:stop_mode=clone,trim=end_frame={part.frames},fps={rate:.6f}:start_time=0"
    bars = f"pad={sides[0]}:{sides[1]}:(ow-iw)/2:(oh-ih)/2," if (width, height) != sides else ""
    return f"{drop}fps={rate:.6f}:start_time=0,scale={width}:{height},{bars}setsar=1,format=yuv420p,{count}"


def _sound(number: int, part: Part, montage: Montage) -> str:
    """Return the filters for a clip's sound, exactly as long as its pictures: what follows must not slip."""
    seconds = part.frames / montage.rate
    if not part.facts.has_audio:
        return f"anullsrc=r=48000:cl=stereo,atrim=duration={seconds:.6f},{_SOUND}"
    start = f"atrim=start={part.dropped:.6f},asetpts=PTS-STARTPTS," if part.dropped else ""
    return f"[{number}:a:0]{_SOUND},{start}apad,atrim=duration={seconds:.6f}"

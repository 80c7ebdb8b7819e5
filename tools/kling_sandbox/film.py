"""Films: real H.264 MP4 files with exactly the bought size, seconds and sound, made by ffmpeg as a child.

A camera moves over pictures (`zoompan`), or a clip plays, and the words lie still above it. A film that begins with a
given picture shows nothing but that picture in its first frame, and every film ends without words, so that a film
continued from a last frame joins without a jump. Only numbers and file names of our own reach the command line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kling_sandbox.product import Workshop

FPS: Final = 24
# The words come and go within so many frames.
WORD_FADE: Final = 10
# Beyond this a moving camera would take minutes: long films stand still, with fewer frames per second.
LONGEST_PAN_SECONDS: Final = 30.0
SLOW_FPS: Final = 6
# Where time runs this much faster than life nobody watches: a task must not wait for the grain of its film.
HASTE: Final = 20.0
HASTY_FPS: Final = 12
FINEST_PAN: Final = 1080
HASTY_PAN: Final = 180
# The words' fades need their frames.
LEAST_HASTY_SECONDS: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A stretch of the film: a picture, how long, and how far the camera goes in (or out, when negative)."""

    picture: Path
    seconds: float
    zoom: float = 0.14
    drift: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Film:
    """What is encoded: clips, or a source that plays in their place; words for all of it or for each clip; a sound.

    `crossfade` joins two clips by a fade of so many seconds, which both of them include. `inset` plays small in a
    corner. `sound` is a file, `tone` a chord of its own (0..255), None means silence. `bare_start`: no words at first.
    `hasty`: coarser, for fewer looks at it than drawings.
    """

    size: tuple[int, int]
    seconds: float
    words: Sequence[Path]
    clips: Sequence[Clip] = ()
    source: Path | None = None
    inset: Path | None = None
    crossfade: float = 0.0
    sound: Path | None = None
    tone: int | None = None
    bare_start: bool = False
    hasty: bool = False

    @property
    def fps(self) -> int:
        """Return how many different frames a second it has."""
        shortest = min((clip.seconds for clip in self.clips), default=self.seconds)
        return HASTY_FPS if self.hasty and shortest >= LEAST_HASTY_SECONDS else FPS


def canvas_of(size: tuple[int, int], hasty: bool) -> tuple[int, int]:
    """Return the size in which pictures are drawn: the camera steps by whole pixels, and a larger source hides it."""
    pan = _pan_size(size, hasty)
    factor = 2.0 if min(pan) <= 720 else 1.5
    return round(pan[0] * factor / 2) * 2, round(pan[1] * factor / 2) * 2


def shoot(workshop: Workshop, film: Film, target: Path) -> Path:
    """Encode the film."""
    arguments: list[str] = []
    pictures = [clip.picture for clip in film.clips]
    moving = [path for path in (film.source, film.inset) if path is not None]
    for path in (*pictures, *moving, *film.words):
        arguments += ["-i", str(path)]
    graph = _graph(film, words_at=len(pictures) + len(moving))
    if film.sound is not None:
        arguments += ["-i", str(film.sound)]
    elif film.tone is not None:
        arguments += ["-f", "lavfi", "-i", chord(film.tone, film.seconds)]
    if with_sound := film.sound is not None or film.tone is not None:
        at = len(pictures) + len(moving) + len(film.words)
        graph += f";[{at}:a]apad,atrim=0:{film.seconds:g}[sound]"
    arguments += ["-filter_complex_threads", "2", "-filter_complex", graph, "-map", "[out]"]
    if film.fps != FPS:  # the file has its full rate all the same: rules are about it
        arguments += ["-r", str(FPS)]
    arguments += ["-c:v", "libx264", "-preset", "ultrafast"]  # the next one takes half as long again
    arguments += ["-crf", "24", "-pix_fmt", "yuv420p", "-g", str(FPS * 2), "-threads", "2"]
    if with_sound:
        arguments += ["-map", "[sound]", "-c:a", "aac", "-b:a", "96k", "-ac", "2"]
    arguments += ["-t", f"{film.seconds:g}", "-movflags", "+faststart", "-map_metadata", "-1"]
    return workshop.encode(arguments, target)


def chance(words: str) -> int:
    """Return a number 0..255 that belongs to these words."""
    return hashlib.sha256(words.encode("utf-8", "replace")).digest()[0]


def _graph(film: Film, words_at: int) -> str:
    """Write the filter graph: what moves gets its words, if it has its own, and all is joined."""
    size, clips = film.size, film.clips
    enlarge = f",scale={size[0]}:{size[1]}:flags=fast_bilinear" if _pan_size(size, film.hasty) != size else ""
    steps = [f"[{place}]{_camera(film, clip)}{enlarge}[v{place}]" for place, clip in enumerate(clips)]
    if len(film.words) > 1:
        for place, clip in enumerate(clips):
            bare = film.bare_start and place == 0
            ends = place == len(clips) - 1
            words, out = words_at + place, f"w{place}"
            steps.append(_lettered(f"v{place}", words, out, clip.seconds, rate=film.fps, bare=bare, ends=ends))
        steps.append("".join(f"[w{place}]" for place in range(len(clips))) + f"concat=n={len(clips)}:v=1:a=0[out]")
        return ";".join(steps)
    joined = "v0"
    if film.source is not None:
        high = round(size[1] * 0.28 / 2) * 2
        steps.append(
            f"[0:v]fps={film.fps},scale={size[0]}:{size[1]}:force_original_aspect_ratio=increase,"
            f"crop={size[0]}:{size[1]},setsar=1,hue=h=18,tpad=stop=-1:stop_mode=clone,split[seen][low];"
            # The source brings words of its own, which would show through the new ones: they are blurred.
            f"[low]crop=iw:{high}:0:ih-oh,scale=40:4:flags=area,scale={size[0]}:{high}:flags=bicubic[blurred];"
            "[seen][blurred]overlay=0:H-h[joined]"
        )
        joined = "joined"
    elif film.crossfade:
        offset = clips[0].seconds - film.crossfade
        steps.append(f"[v0][v1]xfade=transition=fade:duration={film.crossfade:g}:offset={offset:g}[joined]")
        joined = "joined"
    elif len(clips) > 1:
        steps.append("".join(f"[v{place}]" for place in range(len(clips))) + f"concat=n={len(clips)}[joined]")
        joined = "joined"
    if film.inset is not None:
        edge = round(min(size) * 0.05 / 2) * 2
        steps.append(
            f"[{len(clips)}:v]fps={film.fps},scale=-2:{round(size[1] * 0.28 / 2) * 2}[inset];"
            f"[{joined}][inset]overlay=W-w-{edge}:{edge}[held]"
        )
        joined = "held"
    steps.append(_lettered(joined, words_at, "out", film.seconds, rate=_rate(film), bare=film.bare_start, ends=True))
    return ";".join(steps)


def _lettered(stream: str, words: int, out: str, seconds: float, *, rate: int, bare: bool, ends: bool) -> str:
    """Lay words over a stream; they fade in when it begins bare, and out when it ends the film.

    Only the few fading frames are made; the still words between them are one frame that `overlay` repeats.
    """
    frames = f"loop={WORD_FADE}:1:0,setpts=N/{rate}/TB"
    leaves = seconds - (WORD_FADE + 1) / rate
    still = f"{frames},fade=in:0:{WORD_FADE}:alpha=1" if bare else "null"
    if not ends:
        return f"[{words}]{still}[{out}s];[{stream}][{out}s]overlay[{out}]"
    return (
        f"[{words}]split[{out}a][{out}b];[{out}a]{still}[{out}s];"
        f"[{out}b]{frames},fade=out:0:{WORD_FADE}:alpha=1,setpts=PTS+{leaves:.4f}/TB[{out}f];"
        f"[{stream}][{out}s]overlay=enable='lt(t,{leaves - 0.001:.4f})'[{out}t];"
        f"[{out}t][{out}f]overlay=enable='gte(t,{leaves - 0.001:.4f})'[{out}]"
    )


def _camera(film: Film, clip: Clip) -> str:
    pan = _pan_size(film.size, film.hasty)
    if (rate := _rate(film)) != film.fps:
        frames = round(clip.seconds * rate)
        return f"scale={pan[0]}:{pan[1]},format=yuv420p,loop={frames}:1:0,setpts=N/{rate}/TB,fps={rate}"
    frames = round(clip.seconds * film.fps)
    eased = f"(0.5-0.5*cos(PI*on/{frames}))"
    zoom = f"1+{clip.zoom}*{eased}" if clip.zoom > 0 else f"1+{-clip.zoom}*(1-{eased})"
    return (
        f"format=yuv420p,zoompan=z='{zoom}':x='(iw-iw/zoom)*{clip.drift:.3f}':y='(ih-ih/zoom)*0.5'"
        f":d={frames}:s={pan[0]}x{pan[1]}:fps={film.fps}"
    )


def _rate(film: Film) -> int:
    return film.fps if film.source is not None or film.seconds <= LONGEST_PAN_SECONDS else SLOW_FPS


def _pan_size(size: tuple[int, int], hasty: bool) -> tuple[int, int]:
    """Return the size in which the camera moves: above 1080p nobody studies the grain of a simulation."""
    shrink = min(1.0, (HASTY_PAN if hasty else FINEST_PAN) / min(size))
    return round(size[0] * shrink / 2) * 2, round(size[1] * shrink / 2) * 2


def chord(tone: int, seconds: float) -> str:
    """Describe a quiet chord that swells slowly, as a source for ffmpeg; its pitch belongs to the tone, 0..255."""
    root = 110 * 2 ** (tone % 12 / 12)
    parts = "+".join(
        f"{loud}*sin(2*PI*{root * step:.2f}*t)*(0.6+0.4*sin(2*PI*{slow}*t))"
        for step, loud, slow in ((1, 0.06, 0.11), (1.5, 0.04, 0.17), (2, 0.03, 0.23), (2.5, 0.02, 0.31))
    )
    ends = seconds - 0.6
    return f"aevalsrc={parts}:s=44100:d={seconds:g},afade=t=in:d=0.6,afade=t=out:st={ends:g}:d=0.6"

"""A sound as a picture, for an agent that cannot hear it: its waveform, and how loud it is.

One pass of ffmpeg draws and measures. What kind of sound it is, its own bytes say.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.canvas import GROUND_HEX, Canvas, Layout
from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.screening import MAX_SECONDS, RAW_VIDEO, SOUND_FILTERS, Heard, heard_in
from kling_tools.files.sounds import BrokenSound, SoundFacts, read_sound
from kling_tools.model.errors import MediaFailed, quoted

_DEMUXERS = {"mp3": "mp3", "wav": "wav", "m4a": "mov", "aac": "aac"}
_SIDES = (1024, 240)
_MAX_BYTES = 100_000
_TIMEOUT = 20.0


@dataclass(frozen=True)
class Waveform:
    """A picture of a sound, its own figures, and how loud it is; sides in pixels."""

    jpeg: bytes
    width: int
    height: int
    facts: SoundFacts
    heard: Heard


async def waveform(encoder: Encoder, path: Path) -> Waveform:
    """Draw a sound from its beginning at the left to its end at the right, with half its length marked.

    Raises:
        EncoderMissing. MediaFailed: it is no sound, damaged, or longer than an hour.
    """
    facts = await asyncio.to_thread(_facts, path)
    wide, high = _SIDES
    drawn = f"aformat=channel_layouts=mono,showwavespic=s={wide}x{high}:colors=0x6cb6ff:scale=sqrt"
    ground = f"color=0x{GROUND_HEX}:s={wide}x{high}[ground]"
    laid = "[ground][wave]overlay=shortest=1:format=auto,scale=out_range=full,format=yuv420p[picture]"
    graph = f"[0:a:0]{SOUND_FILTERS},{drawn}[wave];{ground};{laid}"
    args = ["-f", _DEMUXERS[facts.kind], "-i", file_argument(path), "-filter_complex", graph]
    watched = await encoder.watch([*args, "-map", "[picture]", "-frames:v", "1", *RAW_VIDEO], timeout=_TIMEOUT)
    if len(watched.output) != wide * high * 3 // 2:
        raise MediaFailed("ffmpeg found no sound in the file.")
    # Two cells that touch would be two pictures: the whole is one, with its times at the left and in the middle.
    canvas = Canvas.of(Layout(1, 1, wide, high), [watched.output])
    canvas.write("0.0 s", 4, high - 4, 2)
    canvas.write(f"{facts.seconds / 2:.1f} s", wide // 2, high - 4, 2)
    return Waveform(await canvas.jpeg(encoder, _MAX_BYTES), wide, high, facts, heard_in(watched.remarks, facts.seconds))


async def listened(encoder: Encoder, path: Path) -> tuple[SoundFacts, Heard]:
    """Return a sound's own figures and how loud it is, and draw nothing.

    Raises:
        EncoderMissing, MediaFailed: as `waveform`.
    """
    facts = await asyncio.to_thread(_facts, path)
    args = ["-f", _DEMUXERS[facts.kind], "-i", file_argument(path), "-map", "0:a:0", "-af", SOUND_FILTERS]
    watched = await encoder.watch([*args, "-f", "null", "-"], timeout=_TIMEOUT)
    return facts, heard_in(watched.remarks, facts.seconds)


def _facts(path: Path) -> SoundFacts:
    try:
        facts = read_sound(path)
    except BrokenSound as error:
        raise MediaFailed(f"{quoted(path.name, 130)} cannot be looked at: {error}.") from error
    if facts.seconds > MAX_SECONDS:
        raise MediaFailed(f"The sound is {facts.seconds / 3600:.1f} h long; an hour at most is looked at.")
    return facts

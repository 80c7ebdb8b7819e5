"""A film gone through once: small pictures from all of its length, and what ffmpeg noticed while it decoded them.

Decoding is what costs, so the pictures, the cuts, and black, frozen and silent stretches come of one pass; loudness is
measured beside it in the same process. Which pictures are shown is decided afterwards, when the cuts are known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

from kling_tools.files.canvas import GROUND_HEX
from kling_tools.files.children import MAX_OUTPUT
from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.mp4 import VideoFacts
from kling_tools.model.errors import MediaFailed

MAX_PIXELS = 50_000_000  # of one frame
MAX_SECONDS = 3600.0
_WHOLE = 4_000_000_000  # pixels of a film; of a longer one only the key frames are decoded
_CANDIDATES = 32  # pictures, evenly spread, to choose from; beside them the first one after each cut
_MOST_CUTS = 64
_CUT = 0.1  # scdet's own threshold
_SHORTEST_SHOT = 0.2  # seconds: what changes back sooner is a flash
_EARLY = 0.0005  # seconds, so that a frame that begins exactly then is not missed by rounding
_MOST_SPANS = 50

Span = tuple[float, float]

SOUND_FILTERS = "ebur128=peak=true:framelog=quiet,silencedetect=n=-50dB:d=0.5"
_PICTURE_FILTERS = "blackdetect=d=0.2,freezedetect=d=1"
_LINE = r"^\[(?:Parsed_)?{}(?:_\d+)? @ \w+\] \[info\] "
_TIME = r"(-?[\d.]+)"
_SHOWN = re.compile(
    rf"{_LINE.format('metadata')}(?:frame:\d+ +pts:\S+ +pts_time:{_TIME}|lavfi\.scene_score={_TIME})", re.MULTILINE
)
_BLACK = re.compile(rf"{_LINE.format('blackdetect')}black_start:{_TIME} black_end:{_TIME}", re.MULTILINE)
_FROZEN = re.compile(rf"{_LINE.format('freezedetect')}\S*freeze_(start|end): {_TIME}", re.MULTILINE)
_SILENT = re.compile(rf"{_LINE.format('silencedetect')}silence_(start|end): {_TIME}", re.MULTILINE)
_LOUD = re.compile(rf"{_LINE.format('ebur128')}Summary:\s.*?I: +(\S+) LUFS.*?Peak: +(\S+) dBFS", re.MULTILINE | re.S)
_QUIET = -69.9  # LUFS: where the measure itself ends


@dataclass(frozen=True)
class Heard:
    """A sound: LUFS over its length and the true peak in dBFS, None where it is silent; silent stretches in seconds."""

    lufs: float | None = None
    peak: float | None = None
    silent: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Screened:
    """What was seen and heard; times in seconds.

    `frames` are times and pictures, each as its planes in yuv420p, full range. `heard` is None without a sound, or
    where that cannot be decoded. `partial`: only key frames were decoded, and cuts between them are not known.
    """

    frames: tuple[tuple[float, bytes], ...]
    cuts: tuple[float, ...] = ()
    black: tuple[Span, ...] = ()
    frozen: tuple[Span, ...] = ()
    heard: Heard | None = None
    partial: bool = False


def check_size(facts: VideoFacts) -> None:
    """Refuse a film before anything of it is decoded.

    Raises:
        MediaFailed: its frames are larger than any real ones.
    """
    if facts.width * facts.height > MAX_PIXELS:
        most = f"at most {MAX_PIXELS // 10**6} megapixels are decoded"
        raise MediaFailed(f"The video's frames are {facts.width}x{facts.height} px; {most}.")


async def screen(encoder: Encoder, path: Path, facts: VideoFacts, cell: tuple[int, int]) -> Screened:
    """Go through a film; each picture is fitted into `cell`, even sides in pixels, with bars where its shape differs.

    Raises:
        EncoderMissing. MediaFailed: it is damaged, too large, or longer than an hour.
    """
    check_size(facts)
    if facts.seconds > MAX_SECONDS:
        hours = f"The video is {facts.seconds / 3600:.1f} h long; sheets are drawn of an hour at most"
        raise MediaFailed(f"{hours}. at_seconds shows one frame.")
    whole = facts.frames * facts.width * facts.height <= _WHOLE
    # Its sound may be what cannot be decoded, or all of it too much for this machine: less of it is worth another try.
    tries = [_Try(key_frames=not whole, loud=facts.has_audio, timeout=25)]
    if facts.has_audio:
        tries.append(_Try(key_frames=not whole, loud=False, timeout=10))
    if whole:
        tries.append(_Try(key_frames=True, loud=False, timeout=10))
    *others, last = tries
    for one in others:
        with suppress(MediaFailed):
            return await _pass(encoder, path, facts, cell, one)
    return await _pass(encoder, path, facts, cell, last)


@dataclass(frozen=True)
class _Try:
    """How a film is gone through; `timeout` in seconds."""

    key_frames: bool
    loud: bool
    timeout: float


async def _pass(encoder: Encoder, path: Path, facts: VideoFacts, cell: tuple[int, int], how: _Try) -> Screened:
    args = [*source(path, key_frames=how.key_frames), "-map", "0:v:0", "-vf", _filters(facts, cell), *RAW_VIDEO]
    if how.loud:
        args += ["-map", "0:a:0", "-af", SOUND_FILTERS, "-f", "null", "-"]
    watched = await encoder.watch(args, timeout=how.timeout)
    size = _bytes(cell)
    shown = _shown(watched.remarks)
    if not shown or len(watched.output) != len(shown) * size:
        raise MediaFailed("ffmpeg found no picture in the video.")
    cells = [watched.output[n * size : (n + 1) * size] for n in range(len(shown))]
    frames = tuple((at, cell) for (at, _), cell in zip(shown, cells, strict=True))
    end = max(facts.seconds, shown[-1][0])
    black = _spans_of(_BLACK.findall(watched.remarks), end)
    frozen = _spans(_FROZEN.findall(watched.remarks), end)
    seen = Screened(
        frames, cuts=_cuts(shown), heard=heard_in(watched.remarks, end) if how.loud else None, partial=how.key_frames
    )
    if how.key_frames:
        return seen
    still = tuple(span for span in frozen if not any(b[0] <= span[0] and span[1] <= b[1] for b in black))
    return replace(seen, black=black, frozen=still)


RAW_VIDEO = ("-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1")


def source(path: Path, start: float = 0.0, *, key_frames: bool = False) -> list[str]:
    """Return the arguments that open a film, from a time in seconds on."""
    # The demuxer is named, so that a playlist with the name of a video is not followed to other files.
    seek = ["-ss", f"{start:.6f}"] if start else []
    some = ["-skip_frame", "nokey"] if key_frames else []
    return [*seek, "-f", "mov", "-threads", "2", "-max_pixels", str(MAX_PIXELS), *some, "-i", file_argument(path)]


def fitted(facts: VideoFacts, cell: tuple[int, int]) -> str:
    """Return the filters that bring a film's pictures into a cell, as yuv420p of full range."""
    scale = min(cell[0] / facts.width, cell[1] / facts.height)
    inner = tuple(max(2, int(side * scale) // 2 * 2) for side in (facts.width, facts.height))
    near = inner[0] >= cell[0] - 4 and inner[1] >= cell[1] - 4  # rounding is no reason for bars
    width, height = cell if near else inner
    bars = "" if near else f",pad={cell[0]}:{cell[1]}:(ow-iw)/2:(oh-ih)/2:color=0x{GROUND_HEX}"
    return f"scale={width}:{height}:flags=bilinear:out_range=full,setsar=1,format=yuv420p{bars}"


def _filters(facts: VideoFacts, cell: tuple[int, int]) -> str:
    # Large pictures, of which a sheet holds few, have to fit what may be written: fewer are chosen from.
    most = min(_CANDIDATES + _MOST_CUTS + 2, MAX_OUTPUT // _bytes(cell))
    even_ones = min(_CANDIDATES, most // 3)
    cuts = min(_MOST_CUTS, most - even_ones - 2)
    gap = facts.last_at / even_ones or 0.25
    even = f"gte(t+{_EARLY},ld(0)*{gap:.6f})"
    count = f"st(0,floor((t+{_EARLY})/{gap:.6f})+1)"
    cut = f"if(gt(scene,{_CUT}),lt(ld(1),{cuts})*st(1,ld(1)+1),0)"
    # A file may be longer than it says: there is an end to what is chosen from it.
    chosen = f"if(lt(selected_n,{most}),if({even},{count},{cut}),0)"
    # Scaling every frame was measured to cost more than looking at it in full size.
    looked = f"setpts=PTS-STARTPTS,format=yuv420p,{_PICTURE_FILTERS},select='{chosen}',metadata=print"
    return f"{looked},{fitted(facts, cell)}"


def _bytes(cell: tuple[int, int]) -> int:
    return cell[0] * cell[1] * 3 // 2


def _shown(remarks: str) -> list[tuple[float, float]]:
    """Return the time of each picture, and how much it differs from the frame before it, 0 to 1."""
    shown: list[tuple[float, float]] = []
    for at, score in _SHOWN.findall(remarks):
        if at:
            shown.append((float(at), 0.0))
        elif shown:
            shown[-1] = (shown[-1][0], float(score))
    return shown


def _cuts(shown: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    cuts: list[float] = []
    for at, score in shown[1:]:
        if score > _CUT and at - (cuts[-1] if cuts else 0.0) >= _SHORTEST_SHOT:
            cuts.append(at)
    return tuple(cuts)


def heard_in(remarks: str, end: float) -> Heard:
    """Return what `SOUND_FILTERS` remarked of a sound that ends at `end` seconds."""
    silent = _spans(_SILENT.findall(remarks), end)
    found = _LOUD.search(remarks)
    lufs, peak = (_figure(text) for text in found.groups()) if found else (None, None)
    return Heard(None if lufs is None or lufs <= _QUIET else lufs, peak, silent)


def _figure(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _spans(marks: Sequence[tuple[str, str]], end: float) -> tuple[Span, ...]:
    """Return stretches from their starts and ends in order; one without an end lasts to the film's."""
    spans: list[tuple[str, str]] = []
    begun: str | None = None
    for mark, at in marks:
        if mark == "start":
            begun = at
        elif begun is not None:
            spans.append((begun, at))
            begun = None
    if begun is not None:
        spans.append((begun, str(end)))
    return _spans_of(spans, end)


def _spans_of(pairs: Sequence[tuple[str, str]], end: float) -> tuple[Span, ...]:
    kept = ((max(0.0, float(a)), min(float(b), end)) for a, b in pairs[:_MOST_SPANS])
    return tuple((round(a, 2), round(b, 2)) for a, b in kept if b > a)

"""What a sound's bytes say: its format by content and its length, without a codec.

Four formats, because Kling takes four (kling-official 11). A file from a stranger costs no more work than a real one:
frames are walked up to a number, and what lies beyond is reckoned from the average.
"""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import BinaryIO

from kling_tools.files.boxes import Index, index_in, is_mp4, read_index
from kling_tools.files.opening import open_regular
from kling_tools.model.errors import MediaFailed

MAX_READ = 16 << 20  # of an MP3 or AAC; no result of Kling's is longer
_MAX_FRAMES = 20_000  # at 48 kHz more than the five minutes Kling takes
_MAX_CHUNKS = 1_000
_MAX_GAPS = 8  # between frames, where damage or foreign data is stepped over
_GAP = 2048
_HEADER = 7
_TAIL = 4096  # bytes of tags at the end
_MANY = 2_000  # frames that stand for the rest
_ANY = 1 << 30
_MAX_SECONDS = 86400.0
_STREAMED = 0x7FFF0000  # a size from here on was written before anyone knew it
_LEAST_FRAME, _MOST_FRAME = 24, 1441  # bytes of an MP3 frame: 8 kbit/s at 24 kHz, 320 kbit/s at 32 kHz

_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # MPEG 1, 2, 2.5
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_TAGS = re.compile(rb"TAG|APETAGEX|LYRICS|3DI")
_M4A = (b"M4A ", b"M4B ", b"M4P ")


class BrokenSound(ValueError):
    """The sound's own structure is broken or cut off, or it is no sound at all."""


@dataclass(frozen=True)
class SoundFacts:
    """A sound's own figures: "mp3", "wav", "m4a" or "aac", seconds, and bytes of the whole file."""

    kind: str
    seconds: float
    size: int


def sniff_sound(head: bytes) -> str:
    """Return the format by the first bytes: "mp3", "wav", "m4a", "aac", or "" for what is no sound by its beginning.

    An M4A under a video's brand is told only by `read_sound`.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp" and head[8:12] in _M4A:
        return "m4a"
    start = _after_tag(head)
    if _adts_frame(head, start):
        return "aac"
    return "mp3" if start or _mp3_frame(head, start) else ""


def read_sound(source: Path | bytes | BinaryIO) -> SoundFacts:
    """Return what a sound says about itself: a path, all its bytes, or an open file. Blocks for some milliseconds.

    Raises:
        BrokenSound: it is no sound, or it is cut off or damaged; its text says how ("its end is missing").
    """
    try:
        if isinstance(source, bytes):
            return _read(io.BytesIO(source), len(source))
        if not isinstance(source, Path):
            return _read(source, os.fstat(source.fileno()).st_size)
        with os.fdopen(open_regular(source), "rb") as file:
            return _read(file, os.fstat(file.fileno()).st_size)
    except BrokenSound:
        raise
    except (OSError, ValueError) as error:
        raise BrokenSound(f"it cannot be read: {getattr(error, 'strerror', None) or 'bad path'}") from error


def _read(file: BinaryIO, size: int) -> SoundFacts:
    file.seek(0)
    head = file.read(16)
    file.seek(0)
    if is_mp4(head):
        try:
            kind, seconds = "m4a", _track_seconds(read_index(file, size))
        except MediaFailed as error:
            raise BrokenSound("its parts are damaged or its end is missing") from error
    else:
        kind, found = measure(file.read(MAX_READ), size)
        seconds = found or 0.0
    if not kind:
        raise BrokenSound("it is no MP3, WAV, M4A or AAC sound")
    if not seconds > 0 or seconds > _MAX_SECONDS:
        raise BrokenSound("it holds no sound")
    return SoundFacts(kind, seconds, size)


def measure(data: bytes, size: int | None) -> tuple[str, float | None]:
    """Return format and seconds from a file's first bytes; `size` is the whole file's, None where it is not known.

    The format is "" for what is no sound, the seconds None where these bytes do not tell.

    Raises:
        BrokenSound: the structure is broken, or the file ends before it should.
    """
    kind = sniff_sound(data)
    try:
        if kind == "wav":
            return kind, _wav(data, size)
        if kind == "mp3":
            return kind, _mp3(data, _after_tag(data), size)
        if kind == "aac":
            return kind, _walk(data, _after_tag(data), size, _adts_frame)
    except (struct.error, IndexError) as error:
        raise BrokenSound("its header is broken or cut off") from error
    index = index_in(data) if is_mp4(data[:16]) else None
    if index is None or index.first(b"vide") or not index.first(b"soun"):
        return kind, None
    return "m4a", _track_seconds(index) or None


def _track_seconds(index: Index) -> float:
    track = index.first(b"soun")
    if track is None or index.first(b"vide"):
        raise BrokenSound("it is a video" if track else "it holds no sound")
    seconds = track.seconds or index.seconds
    if not seconds:
        raise BrokenSound("it does not tell its length")
    return seconds if isfinite(seconds) else 0.0


def _wav(data: bytes, size: int | None) -> float | None:
    """Read the chunks up to the samples; sizes that a stream could not know are taken from the file's end."""
    rate, at = 0, 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            break
        kind, length = struct.unpack("<4sI", data[at : at + 8])
        at += 8
        if kind == b"fmt ":
            rate = _byte_rate(data[at : at + min(length, 64)])
        elif kind == b"data" and rate:
            streamed = length == 0 or length >= _STREAMED
            if size is None:
                return None if streamed else length / rate
            if not streamed and at + length > size:
                raise BrokenSound("its end is missing")
            return (size - at if streamed else length) / rate
        at += length + length % 2
    if size is None or len(data) < size:
        return None
    raise BrokenSound("its samples are missing")


def _byte_rate(form: bytes) -> int:
    """Return the bytes in a second of a format chunk."""
    code, channels, rate, bytes_rate, block, bits = struct.unpack("<HHIIHH", form[:16])
    if code == 0xFFFE and len(form) >= 26:  # extensible: what it is stands at the beginning of a GUID
        (code,) = struct.unpack("<H", form[24:26])
    if code in (1, 3):  # plain samples: the figures must agree, or the length is a lie
        if not channels or not bits or block != channels * ((bits + 7) // 8) or bytes_rate != rate * block:
            raise BrokenSound("its header contradicts itself")
        return int(bytes_rate)
    if not bytes_rate:
        raise BrokenSound("its header is broken")
    return int(bytes_rate)


def _after_tag(data: bytes, at: int = 0) -> int:
    """Return where the ID3v2 tags that begin here end."""
    for _ in range(4):
        head = data[at : at + 10]
        if head[:3] != b"ID3" or len(head) < 10 or head[3] == 0xFF or max(head[6:10]) > 0x7F:
            break
        at += 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) + (10 if head[5] & 0x10 else 0)
    return at


_Frame = tuple[int, int, int]  # bytes, samples, samples a second: a plain tuple, because there are thousands


def _mp3_frame(data: bytes, at: int) -> _Frame | None:
    """Return the layer III frame that begins here."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, bits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bits in (0, 15) or rate == 3:
        return None
    hertz, padding = _RATES[version][rate], head[2] >> 1 & 1
    if version == 3:
        return 144_000 * _KBITS_1[bits] // hertz + padding, 1152, hertz
    return 72_000 * _KBITS_2[bits] // hertz + padding, 576, hertz


def _adts_frame(data: bytes, at: int) -> _Frame | None:
    """Return the AAC frame that begins here."""
    head = data[at : at + 7]
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    index, length = head[2] >> 2 & 15, (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if index >= len(_ADTS_RATES) or length < 8:
        return None
    return length, 1024 * ((head[6] & 3) + 1), _ADTS_RATES[index]


def _mp3(data: bytes, start: int, size: int | None) -> float | None:
    """Take the length from an encoder's index in the first frame, else walk the frames."""
    first = _mp3_frame(data, start)
    counted = _counted(data[start : start + first[0]]) if first else None
    if first and counted:
        frames, held = counted
        if size is not None and start + held > size + _LEAST_FRAME:
            raise BrokenSound("its end is missing")
        # Sounds that were put together carry the index of the first one only: it is believed if it covers the file.
        covers = size is None or size - start - held <= max(held // 10, _TAIL)
        if covers and frames * _LEAST_FRAME <= held <= (frames + 2) * _MOST_FRAME:
            return frames * first[1] / first[2]
    return _walk(data, start, size, _mp3_frame)


def _counted(frame: bytes) -> tuple[int, int] | None:
    """Return how many frames follow and how many bytes there are in all, where the first frame tells both."""
    at = max(frame.find(b"Xing", 4, 48), frame.find(b"Info", 4, 48))
    if at >= 0 and len(frame) >= at + 16:
        flags, frames, held = struct.unpack(">III", frame[at + 4 : at + 16])
        return (frames, held) if flags & 3 == 3 and frames else None
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        held, frames = struct.unpack(">II", frame[46:54])
        return (frames, held) if frames else None
    return None


def _walk(data: bytes, start: int, size: int | None, read: Callable[[bytes, int], _Frame | None]) -> float | None:
    """Return the sum of the frames; beyond the data or the bound it is reckoned, where the frames are alike or many."""
    at, seconds, count, gaps, shortest, longest = start, 0.0, 0, 0, _ANY, 0
    while count < _MAX_FRAMES and at < len(data):
        frame = read(data, at)
        if frame is None:
            following = _resumed(data, at, read) if gaps < _MAX_GAPS and not (count and _TAGS.match(data, at)) else None
            if following is None:
                break
            gaps, at = gaps + 1, following
            continue
        length, samples, rate = frame
        at, seconds, count = at + length, seconds + samples / rate, count + 1
        shortest, longest = min(shortest, length), max(longest, length)
    if size is not None and len(data) >= size:
        _check_end(data, at, count)
        if count < _MAX_FRAMES:
            return seconds
    if size is None or not count or (longest - shortest > 1 and count < _MANY):
        return None
    return seconds * max(1.0, (size - start) / (at - start))


def _resumed(data: bytes, at: int, read: Callable[[bytes, int], _Frame | None]) -> int | None:
    """Return where frames go on within reach: two in a row, or one that ends the file."""
    at, end = _after_tag(data, at), min(at + _GAP, len(data))
    if read(data, at):  # sounds that were put together with their tags
        return at
    while (at := data.find(b"\xff", at + 1, end)) >= 0:
        frame = read(data, at)
        if frame and (at + frame[0] == len(data) or read(data, at + frame[0])):
            return at
    return None


def _check_end(data: bytes, at: int, count: int) -> None:
    """Refuse a whole file whose walk ended before its end, or after."""
    if not count:
        raise BrokenSound("it holds no sound")
    if at > len(data):
        raise BrokenSound("its end is missing")
    rest = data[at:].rstrip(b"\0") if count < _MAX_FRAMES else b""
    if rest[:1] == b"\xff" and len(rest) < _HEADER:
        raise BrokenSound("its end is missing")
    if len(rest) > _GAP and not _TAGS.match(rest):
        raise BrokenSound("its middle is damaged")

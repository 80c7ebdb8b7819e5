"""Sounds that callers send as base64: measured from their own structure, checked, and kept under their hash.

Nothing is decoded; a length comes from headers and frames alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
import secrets
import struct
import wave
from pathlib import Path
from typing import Final

from kling_sandbox.envelope import invalid

MOST_BYTES: Final = 5 * 1024 * 1024
_MP3_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_MP3_KBITS: Final = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_AAC_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


class Sounds:
    """Keep the sounds of one state directory. Methods block and belong in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "sounds"

    def path(self, name: str) -> Path:
        """Return where the sound with this name lies."""
        return self._directory / Path(name).name

    def keep(self, source: str, field: str) -> tuple[str, float]:
        """Accept a sound in raw base64: its name in the store and its seconds; or raise 1201."""
        text = "".join(source.split())
        if len(text) > MOST_BYTES * 4 // 3 + 8:
            raise invalid(f"{field}: the audio is larger than 5 MB")
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise invalid(f"{field}: File is not in a valid base64 encoding") from error
        found = measured(data)
        if found is None:
            raise invalid(f"{field}: the audio format is not supported, use mp3, wav, m4a or aac")
        kind, seconds = found
        name = f"{hashlib.sha256(data).hexdigest()}.{kind}"
        target = self.path(name)
        if not target.exists():
            self._directory.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{name}.{secrets.token_hex(4)}.part")
            part.write_bytes(data)
            os.replace(part, target)
        return name, seconds


def measured(data: bytes) -> tuple[str, float] | None:
    """Return format and seconds of a wav, m4a, aac or mp3 file; None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return _wav(data)
    if data[4:8] == b"ftyp":
        return _m4a(data)
    at = 10 + _unsynced(data[6:10]) if data[:3] == b"ID3" and len(data) > 10 else 0
    if len(data) > at + 7 and data[at] == 0xFF and data[at + 1] & 0xF6 == 0xF0:
        return _framed("aac", data, at)
    if len(data) > at + 4 and data[at] == 0xFF and data[at + 1] & 0xE0 == 0xE0:
        return _framed("mp3", data, at)
    return None


def _wav(data: bytes) -> tuple[str, float] | None:
    try:
        with wave.open(io.BytesIO(data)) as file:
            return "wav", file.getnframes() / file.getframerate()
    except (wave.Error, EOFError, ZeroDivisionError, RuntimeError):
        return None


def _m4a(data: bytes) -> tuple[str, float] | None:
    at = data.find(b"mvhd")
    if at < 0 or len(data) < at + 32:
        return None
    scale, length = (
        struct.unpack(">IQ", data[at + 24 : at + 36]) if data[at + 4] else struct.unpack(">II", data[at + 16 : at + 24])
    )
    return ("m4a", length / scale) if scale else None


def _framed(kind: str, data: bytes, at: int) -> tuple[str, float] | None:
    """Walk the frames and add up their lengths."""
    seconds = 0.0
    while at + 7 < len(data):
        frame = _aac_frame(data, at) if kind == "aac" else _mp3_frame(data, at)
        if frame is None:
            break
        size, lasts = frame
        at, seconds = at + size, seconds + lasts
    return (kind, seconds) if seconds else None


def _aac_frame(data: bytes, at: int) -> tuple[int, float] | None:
    if data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    rate = data[at + 2] >> 2 & 15
    size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    return (size, 1024 / _AAC_RATES[rate]) if size > 6 and rate < len(_AAC_RATES) else None


def _mp3_frame(data: bytes, at: int) -> tuple[int, float] | None:
    """Return bytes and seconds of a layer III frame."""
    version, layer = data[at + 1] >> 3 & 3, data[at + 1] >> 1 & 3
    bits, rate = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0 or layer != 1 or version == 1 or not 0 < bits < 15 or rate == 3:
        return None
    first = version == 3
    hertz = _MP3_RATES[version][rate]
    samples = 1152 if first else 576
    size = samples // 8 * _MP3_KBITS[first][bits] * 1000 // hertz + (data[at + 2] >> 1 & 1)
    return size, samples / hertz


def _unsynced(raw: bytes) -> int:
    return raw[0] << 21 | raw[1] << 14 | raw[2] << 7 | raw[3]

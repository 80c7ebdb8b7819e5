"""Images that callers send: fetched or decoded, measured from their headers, checked, and kept under their hash.

No picture is decoded here, so creating works without Pillow and a hostile file costs nothing. The network is touched
only on loopback; for any other host a marker is kept, and the scene draws a placeholder that names the host.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import http.client
import ipaddress
import os
import secrets
import struct
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kling_sandbox.envelope import invalid

NEW_LIMIT = 50 * 1024 * 1024
LEGACY_LIMIT = 10 * 1024 * 1024
LEAST_SIDE = 300
MOST_RATIO = 2.5
# Above this many pixels the task is accepted and then fails, which is where the real service was seen to notice.
MOST_PIXELS = 50_000_000
TOO_MANY_PIXELS = "Image pixel is invalid"

ELSEWHERE = "url:"


@dataclass(frozen=True)
class Measure:
    """What the header of an image says."""

    kind: str
    width: int
    height: int
    turned: bool = False


@dataclass(frozen=True)
class Kept:
    """An accepted image: its name in the store (or a marker with a foreign host), and its sides as seen, if known."""

    name: str
    width: int = 0
    height: int = 0

    @property
    def pixels(self) -> int:
        """Return the number of pixels; 0 when unknown."""
        return self.width * self.height


class Pictures:
    """Keep the images of one state directory. Every method may block and belongs in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "images"

    def path(self, name: str) -> Path:
        """Return where the image with this name lies."""
        return self._directory / Path(name).name

    def keep(self, source: str, *, legacy: bool, field: str) -> Kept:
        """Accept an image given as URL or raw base64, or raise 1201."""
        limit = LEGACY_LIMIT if legacy else NEW_LIMIT
        if source.lower().startswith(("http://", "https://")):
            host = _host(source, field)
            if not is_loopback(host):
                return Kept(f"{ELSEWHERE}{host}")
            data = _fetch(source, limit, field)
        else:
            data = _decode(source, limit, field)
        if len(data) > limit:
            raise invalid(f"{field}: the image is larger than {limit // 1024 // 1024} MB")
        measure = measured(data)
        if measure is None:
            raise invalid(f"{field}: the image format is not supported, use jpg or png")
        check_shape(measure, field)
        name = f"{hashlib.sha256(data).hexdigest()}.{measure.kind}"
        self._write(name, data)
        return Kept(name, *((measure.height, measure.width) if measure.turned else (measure.width, measure.height)))

    def _write(self, name: str, data: bytes) -> None:
        target = self.path(name)
        if target.exists():
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{name}.{secrets.token_hex(4)}.part")
        part.write_bytes(data)
        os.replace(part, target)


def is_loopback(host: str) -> bool:
    """Tell whether a host name is this machine itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def measured(data: bytes) -> Measure | None:
    """Read format and size from the header of a JPEG or PNG; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24 and data[12:16] == b"IHDR":
        width, height = struct.unpack(">II", data[16:24])
        return Measure("png", width, height)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    return None


def _jpeg(data: bytes) -> Measure | None:
    at, turned = 2, False
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # padding before a marker
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Measure("jpg", width, height, turned)
        if marker == 0xDA:
            return None
        size = int(struct.unpack(">H", data[at + 2 : at + 4])[0])
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            turned = _lies_on_its_side(data[at + 10 : at + 2 + size])
        at += 2 + size
    return None


def _lies_on_its_side(tiff: bytes) -> bool:
    """Tell from EXIF whether the image is shown turned by a quarter: orientations 5 to 8."""
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for place in range(min(count, 200)):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + 12 * place)
            if tag == 0x0112:
                return int(value) in range(5, 9)
    except struct.error:
        pass
    return False


def check_shape(measure: Measure, field: str) -> None:
    """Refuse an image whose sides are too short or too unlike (kling-official 3.1)."""
    short, long = sorted((measure.width, measure.height))
    if short < LEAST_SIDE:
        raise invalid(f"{field}: the image is {measure.width}x{measure.height}, each side needs {LEAST_SIDE} pixels")
    if long > short * MOST_RATIO:
        raise invalid(f"{field}: the image ratio must be between 1:2.5 and 2.5:1")


def _decode(source: str, limit: int, field: str) -> bytes:
    # A data: prefix is refused like any other text that is not base64 (kling-official 12, no. 10).
    text = "".join(source.split())
    if len(text) > (limit * 4) // 3 + 8:
        raise invalid(f"{field}: the image is larger than {limit // 1024 // 1024} MB")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(f"{field}: File is not in a valid base64 encoding") from error
    if not data:
        raise invalid(f"{field}: File is not in a valid base64 encoding")
    return data


def _host(url: str, field: str) -> str:
    try:
        host = urllib.parse.urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise invalid(f"{field}: the URL is invalid")
    return host


class _StayHome(urllib.request.HTTPRedirectHandler):
    """Follow redirects on loopback only, or a local page could send us anywhere."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not is_loopback(urllib.parse.urlsplit(newurl).hostname or ""):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(url: str, limit: int, field: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHome())
    try:
        with opener.open(url, timeout=5) as reply:
            return bytes(reply.read(limit + 1))
    except (OSError, ValueError, urllib.error.URLError, http.client.HTTPException) as error:
        raise invalid(f"{field}: Failed to get the contents of the file from the URL") from error

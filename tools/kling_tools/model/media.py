"""Media as agents name it (one string) and as the wire needs it (bytes or an address).

Agents write a path, an `https://` URL or a task id; nothing here opens anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kling_tools.model.errors import BadMedia, quoted

TASK_ID = re.compile(r"k[0-9a-z]{12}")
_TASK_REF = re.compile(rf"({TASK_ID.pattern})(?:#([1-9]))?")


@dataclass(frozen=True)
class FileRef:
    """A file on this machine."""

    path: Path


@dataclass(frozen=True)
class UrlRef:
    """A public address that the provider fetches itself."""

    url: str


@dataclass(frozen=True)
class TaskRef:
    """The n-th output of an earlier task, counted from 1."""

    task_id: str
    output: int = 1


MediaRef = FileRef | UrlRef | TaskRef


def parse_media(text: str) -> MediaRef:
    """Return what a media argument names.

    Raises:
        BadMedia: inline data, plain http, or another scheme.
    """
    text = text.strip()
    if match := _TASK_REF.fullmatch(text):
        return TaskRef(match[1], int(match[2] or 1))
    scheme = urlsplit(text).scheme.lower() if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", text) else ""
    if scheme == "https":
        return UrlRef(text)
    if scheme == "file":
        return FileRef(Path(unquote(urlsplit(text).path)))
    if scheme == "http":
        raise BadMedia(f"Kling fetches pictures over https only, not {quoted(text, 80)}.", advice="Use https or a file.")
    if scheme == "data" or (len(text) > 4096 and "\n" not in text):
        raise BadMedia("Inline data is not taken.", advice="Save the picture and pass its path, or pass an https URL.")
    if scheme:
        raise BadMedia(f"{quoted(scheme, 20)} addresses are not taken.", advice="Use a path, an https URL or a task id.")
    if not text or "\0" in text:
        raise BadMedia("The media argument is empty.", advice="Pass a path, an https URL or a task id.")
    return FileRef(Path(text).expanduser())


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image ready for the wire: either `data` or `url`; sides in pixels, 0 where only the provider can tell."""

    data: bytes | None = None
    url: str = ""
    width: int = 0
    height: int = 0
    mime: str = ""
    sha256: str = ""

    def __repr__(self) -> str:
        """Keep megabytes of picture out of logs and tracebacks."""
        what = self.url or f"{len(self.data or b'')} bytes"
        return f"Picture({what}, {self.width}x{self.height}, {self.mime})"


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """What a provider takes as an image: bytes, least side in pixels, and the widest ratio either way."""

    max_bytes: int
    min_side: int
    max_ratio: float
    formats: tuple[str, ...] = ("jpeg", "png")

"""Media as agents name it (one string) and as the wire needs it (bytes or an address).

Agents write a path, an `https://` URL, a task id or the address of a task's resource; nothing here opens anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from kling_tools.model.errors import BadMedia, quoted

TASK_ID = re.compile(r"k[0-9a-z]{12}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters at least: C: is a drive
_LONGEST_PATH = 4096
_NAMES = "Use a path, an https URL or a task id."
#: `/video` is the resource of a task's first file, whatever that is.
_TASK_REF = re.compile(rf"(?:kling://tasks/)?({TASK_ID.pattern})(/video)?(?:#(\d{{1,4}}))?")


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
MediaKind = Literal["image", "video", "audio"]


def parse_media(text: str) -> MediaRef:
    """Return what a media argument names.

    Raises:
        BadMedia: inline data, plain http, another scheme, or what can be neither a path nor an address.
    """
    text = text.strip()
    if (match := _TASK_REF.fullmatch(text)) and (not match[2] or "://" in text):
        return _of_task(match[1], match[3] or "1")
    try:
        parts = urlsplit(text if _SCHEME.match(text) else "")
        host = parts.hostname
    except ValueError:
        raise BadMedia(f"{quoted(text, 80)} is not an address.", advice=_NAMES) from None
    if parts.scheme == "https" and host:
        return UrlRef(text)
    if parts.scheme == "file" and host in {None, "localhost"} and parts.path:
        return _file(unquote(parts.path))
    if parts.scheme == "http":
        raise BadMedia(f"Kling fetches media over https only, not {quoted(text, 80)}.", advice="Use https or a file.")
    if parts.scheme == "data" or len(text) > _LONGEST_PATH:
        raise BadMedia("Inline data is not taken.", advice="Save it as a file and pass its path, or pass an https URL.")
    if parts.scheme in {"https", "file"}:
        raise BadMedia(f"{quoted(text, 80)} is not a whole address.", advice=_NAMES)
    if parts.scheme == "kling":
        raise BadMedia(f"{quoted(text, 80)} is no task's file.", advice="Write the task id, or kling://tasks/TASK_ID.")
    if parts.scheme:
        raise BadMedia(f"{quoted(parts.scheme, 20)} addresses are not taken.", advice=_NAMES)
    return _file(text)


def _of_task(task_id: str, number: str) -> TaskRef:
    if int(number) == 0:
        raise BadMedia("The files of a task are counted from #1.", advice=f"Write {task_id}#1.")
    return TaskRef(task_id, int(number))


def _file(text: str) -> FileRef:
    if not text:
        raise BadMedia("The media argument is empty.", advice=_NAMES)
    if "\0" in text:
        raise BadMedia(f"{quoted(text, 80)} is no path: it has a NUL character.", advice=_NAMES)
    try:
        return FileRef(Path(text).expanduser())
    except RuntimeError:
        raise BadMedia(f"There is no home directory for {quoted(text, 80)}.", advice="Write the whole path.") from None


@dataclass(frozen=True, kw_only=True)
class Medium:
    """An input ready for the wire: `data`, or `url`, or `remote_id` where the provider made it itself.

    Sides in pixels and `seconds` are 0 where only the provider can tell. `sha256` marks what was given, also where
    something else was made of it; then `note` says what.
    """

    kind: MediaKind = "image"
    data: bytes | None = None
    url: str = ""
    remote_id: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    mime: str = ""
    sha256: str = ""
    note: str = ""

    def __repr__(self) -> str:
        """Keep megabytes of picture out of logs and tracebacks."""
        what = self.url or self.remote_id or f"{len(self.data or b'')} bytes"
        return f"Medium({self.kind}, {what}, {self.width}x{self.height}, {self.mime})"


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is known of a medium before it is read: from the journal, the file itself, or a look at its address.

    None where it is not known; `format` as "mp4" or "jpeg", `size` in bytes. `made_here`: a result of an earlier task;
    `provider` is then who made it, where that one still knows it by a name of its own.
    """

    kind: MediaKind
    format: str | None = None
    size: int | None = None
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    has_audio: bool | None = None
    made_here: bool = False
    provider: str = ""


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """What a provider takes as an image: bytes, least side in pixels, and the widest ratio either way."""

    max_bytes: int
    min_side: int
    max_ratio: float
    formats: tuple[str, ...] = ("jpeg", "png")

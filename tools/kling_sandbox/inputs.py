"""What callers send along: pictures, videos and sounds, as URL, base64 or id of an earlier result.

Results of this sandbox are known with their real length and size, and checked against the limits of whoever takes
them. Videos and sounds elsewhere are not fetched: they are taken as they are, with a nominal length.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from kling_sandbox import tasks
from kling_sandbox.envelope import invalid
from kling_sandbox.pictures import ELSEWHERE, Kept, Measure, Pictures, check_shape
from kling_sandbox.sounds import Sounds
from kling_sandbox.store import Store
from kling_sandbox.tasks import Kind, Media, Task

OURS: Final = "task:"
NOMINAL_SECONDS: Final = 5.0
UNREACHABLE: Final = "Failed to get the contents of the file from the URL"
_ID = re.compile(r"([via])(\d{1,20})(?:-(\d{1,2}))?")


@dataclass(frozen=True, kw_only=True)
class Footage:
    """A video given as input. `name` says where: task:<id>/<file> or url:<host>. Unless `known` it is a guess."""

    name: str
    seconds: float = NOMINAL_SECONDS
    width: int = 1280
    height: int = 720
    sound: bool = True
    known: bool = False
    id: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A sound given as input. `name` as in Footage, or the file name of a sound that was sent in."""

    name: str
    seconds: float = NOMINAL_SECONDS
    known: bool = False


class Inputs:
    """Accept inputs for one state directory, or raise 1201. Methods block and belong in a thread."""

    def __init__(self, directory: Path, store: Store, clock: Callable[[], float]) -> None:
        self.pictures = Pictures(directory)
        self.sounds = Sounds(directory)
        self._store = store
        self._clock = clock

    def picture(self, source: str, field: str, *, legacy: bool) -> Kept:
        """Accept an image given as URL or raw base64; '' gives an empty name."""
        if not source:
            return Kept("")
        if found := self._own(source, field):
            task, one = found
            if one.kind != "image":
                raise invalid(f"{field}: the image format is not supported, use jpg or png")
            check_shape(Measure("png", one.width, one.height), field)
            return Kept(f"{OURS}{task.id}/{one.name}", one.width, one.height)
        return self.pictures.keep(source, legacy=legacy, field=field)

    def video(self, url: str, field: str) -> Footage:
        """Accept a video given as URL; base64 is not possible (kling-official 3.1)."""
        host = _host(url, field)
        if found := self._own(url, field):
            task, one = found
            if one.kind != "video":
                raise invalid(f"{field}: the video format is not supported, use mp4 or mov")
            return _footage(task, one, url)
        if (suffix := PurePosixPath(urlsplit(url).path).suffix.lower()) in (".jpg", ".jpeg", ".png", ".mp3", ".wav"):
            raise invalid(f"{field}: the video format is not supported, use mp4 or mov, not {suffix}")
        return Footage(name=f"{ELSEWHERE}{host}", url=url)

    def video_by_id(self, id: str, field: str = "video_id") -> Footage:
        """Find a video by the id of a result (kling-official 4.9); it lives 30 days."""
        task, one = self._by_id(id, "video", field)
        return _footage(task, one, f"/files/{task.id}/{task.token}/{one.name}")

    def one_video(self, id: str, url: str) -> Footage:
        """Accept a video given by exactly one of `video_id` and `video_url`."""
        if bool(id) == bool(url):
            raise invalid("give exactly one of video_id and video_url")
        return self.video_by_id(id) if id else self.video(url, "video_url")

    def sound(self, source: str, field: str) -> Sound:
        """Accept a sound given as URL or raw base64: .mp3/.wav/.m4a/.aac of at most 5 MB (kling-official 11)."""
        if source.lower().startswith(("http://", "https://")):
            host = _host(source, field)
            if found := self._own(source, field):
                task, one = found
                if one.kind != "audio":
                    raise invalid(f"{field}: the audio format is not supported")
                return Sound(name=f"{OURS}{task.id}/{one.name}", seconds=one.seconds, known=True)
            return Sound(name=f"{ELSEWHERE}{host}")
        name, seconds = self.sounds.keep(source, field)
        return Sound(name=name, seconds=seconds, known=True)

    def sound_by_id(self, id: str, field: str = "audio_id") -> Sound:
        """Find a sound by the id of a result, such as one of TTS; it lives 30 days."""
        task, one = self._by_id(id, "audio", field)
        return Sound(name=f"{OURS}{task.id}/{one.name}", seconds=one.seconds, known=True)

    def one_sound(self, id: str, source: str, field: str = "sound_file") -> Sound:
        """Accept a sound given by exactly one of `audio_id` and a file."""
        if bool(id) == bool(source):
            raise invalid(f"give exactly one of audio_id and {field}")
        return self.sound_by_id(id) if id else self.sound(source, field)

    def _by_id(self, id: str, kind: Kind, field: str) -> tuple[Task, Media]:
        parsed = _ID.fullmatch(id)
        task = self._store.get(parsed[2]) if parsed and parsed[1] == kind[0] else None
        found = task.media(kind) if task else ()
        place = int(parsed[3] or 0) if parsed else 0
        if task is None or place >= len(found):
            raise invalid(f"{field}: {id[:60]} not found")
        self._need_result(task, f"{field}: {id[:60]} has expired or is not ready")
        return task, found[place]

    def _own(self, source: str, field: str) -> tuple[Task, Media] | None:
        """Find the result that an URL of ours leads to; None when it leads elsewhere."""
        if not source.lower().startswith(("http://", "https://")):
            return None
        try:
            parts = PurePosixPath(urlsplit(source).path).parts
        except ValueError:
            return None
        if len(parts) != 5 or parts[1] != "files":
            return None
        task = self._store.get(parts[2])
        if task is None or not hmac.compare_digest(task.token.encode(), parts[3].encode()):
            return None
        one = task.named(parts[4])
        if one is None:
            raise invalid(f"{field}: {UNREACHABLE}")
        self._need_result(task, f"{field}: {UNREACHABLE}")
        return task, one

    def _need_result(self, task: Task, words: str) -> None:
        now = tasks.at(task, self._clock())
        if now.status != "succeeded" or now.gone:
            raise invalid(words)


def _footage(task: Task, one: Media, url: str) -> Footage:
    return Footage(
        name=f"{OURS}{task.id}/{one.name}",
        seconds=one.seconds,
        width=one.width,
        height=one.height,
        sound=one.sound,
        known=True,
        id=task.media_id("video", task.media("video").index(one)),
        url=url,
    )


def _host(url: str, field: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise invalid(f"{field}: the URL is invalid") from error
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise invalid(f"{field}: only a URL is supported here")
    return host

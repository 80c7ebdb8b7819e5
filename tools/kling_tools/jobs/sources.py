"""What is known of a request's media before anything is decided: from the journal, the files, a look at an address.

The catalogue judges by it and prices by it; the media themselves are read later (`orders`).
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from kling_tools.client.probing import Prober
from kling_tools.files.heads import facts_of_head
from kling_tools.files.inputs import Inputs
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.orders import Orders, no_upload, too_heavy
from kling_tools.model.errors import BadMedia, quoted
from kling_tools.model.media import FileRef, MediaKind, Source, TaskRef, UrlRef, parse_media
from kling_tools.model.plan import Route
from kling_tools.model.requests import SpendingRequest
from kling_tools.model.requests.base import ELEMENT

#: The largest video that Kling itself would take (kling-official 11).
MOST_BROUGHT = 200_000_000
#: How long a copy stands for what is at its address: a call that is repeated does not fetch it again.
KEPT_SECONDS = 600.0

OFFICIAL = Route("kling", ("standard", "legacy"))
_FILMS = frozenset({".mp4", ".mov", ".m4v", ".webm"})
_SOUNDS = frozenset({".mp3", ".wav", ".m4a", ".aac"})
_A = {"image": "a picture", "video": "a video", "audio": "a sound"}


@dataclass(frozen=True)
class Sources:
    """Finds out about media that go one way. `prober` None: addresses are taken as they are."""

    journal: Journal
    orders: Orders
    inputs: Inputs
    prober: Prober | None = None
    route: Route = OFFICIAL

    async def of(self, request: SpendingRequest) -> dict[str, Source]:
        """Return what is known of each medium and element, by what was written there.

        Raises:
            BadMedia, UnknownTask: something is not there, or is of the wrong kind.
        """
        named = list(request.named_media())
        asked: dict[str, tuple[str, MediaKind | None]] = {text: (name, kind) for name, text, kind in reversed(named)}
        # Together: each address may take seconds to tell nothing.
        known = await asyncio.gather(*(self._one(name, text, kind) for text, (name, kind) in asked.items()))
        found = dict(zip(asked, known, strict=True))
        for name, text, kind in named:
            self._fits(name, found[text], kind)
            # Said before its figures are judged: nobody should mend a video that cannot be sent anyway.
            if name not in request.brought and isinstance(parse_media(text), FileRef):
                self._goes_along(name, found[text])
        for name in request.media:
            value = getattr(request, name)
            for text in value if isinstance(value, list) else [value]:
                if text and text.startswith(ELEMENT) and (source := await self._element(text)):
                    found[text] = source
        return found

    def _goes_along(self, name: str, source: Source) -> None:
        if source.kind not in self.route.files:
            raise no_upload(name, self.route)
        if source.kind != "image" and self.route.file_bytes and (source.size or 0) > self.route.file_bytes:
            raise too_heavy(name, source.size or 0, self.route)

    async def _one(self, name: str, text: str, kind: MediaKind | None) -> Source:
        match parse_media(text):
            case FileRef(path):
                return await self.inputs.known(path, name=name)
            case UrlRef(url):
                return await self._of_url(url, kind)
            case TaskRef() as ref:
                return await self._of_task(ref)

    async def _of_task(self, ref: TaskRef) -> Source:
        task, output = await self.orders.output(ref)
        if output.kind == "voice" or output.kind == "element":
            made, prefix = ("a voice", "") if output.kind == "voice" else ("an element", ELEMENT)
            raise BadMedia(
                f"Task {task.id} made {made}, not a file to work on.",
                advice=f"Where one may be named, write {quoted(prefix + output.remote_id, 80)}.",
            )
        return Source(
            kind=output.kind,
            seconds=output.seconds,
            width=output.width,
            height=output.height,
            has_audio=output.has_audio,
            made_here=True,
            provider=task.plan.route.provider if output.remote_id else "",
        )

    async def _of_url(self, url: str, kind: MediaKind | None) -> Source:
        suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
        by_name: MediaKind = "video" if suffix in _FILMS else "audio" if suffix in _SOUNDS else "image"
        if self.prober is None:
            return Source(kind=kind or by_name)
        probed = await self.prober.look(url)
        known = await asyncio.to_thread(facts_of_head, probed.head, probed.size)
        if known is None:
            return Source(kind=kind or by_name, size=probed.size)
        return Source(
            kind=known.kind or kind or by_name,
            format=known.format,
            size=probed.size,
            seconds=known.seconds,
            width=known.width,
            height=known.height,
            fps=known.fps,
            has_audio=known.has_audio,
        )

    async def _element(self, text: str) -> Source | None:
        """Return whether an element that was made from here came from a video: fewer of those fit."""
        task = await self.journal.made(text.removeprefix(ELEMENT).strip())
        if task is None:
            return None
        return Source(kind="video" if any(i.kind == "video" for i in task.plan.inputs) else "image")

    @staticmethod
    def _fits(name: str, source: Source, kind: MediaKind | None) -> None:
        frame_of_a_video = kind == "image" and source.kind == "video" and source.made_here
        if kind is None or source.kind == kind or frame_of_a_video:
            return
        raise BadMedia(f"{name} has to be {_A[kind]}, not {_A[source.kind]}.", advice="Pass another file or address.")

    async def bring(self, url: str, directory: Path) -> Path:
        """Return the copy of a public video on this machine, fetched unless it was just now.

        Raises:
            BadMedia: it cannot be fetched.
        """
        # Later another video may be there; the older copy stays for the task that was decided with it.
        asked = f"{url} {int(self.journal.now() // KEPT_SECONDS)}"
        target = directory / f"{hashlib.sha256(asked.encode()).hexdigest()[:24]}.mp4"
        if await asyncio.to_thread(target.is_file):
            return target
        if self.prober is None:
            raise BadMedia(
                "Nothing is fetched from addresses on the simulated Kling.", advice="Pass a file or a task id."
            )
        await self.prober.fetch_to(url, target, MOST_BROUGHT)
        return target

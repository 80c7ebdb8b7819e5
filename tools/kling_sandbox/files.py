"""Result files: GET /files/{task}/{token}/{name}, without credentials, for 30 days, with ETag and Range.

A file is drawn when it is first asked for, and once: later answers are the same bytes, so a download may resume.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from kling_sandbox.desk import Desk
from kling_sandbox.encoder import EncoderMissing, RenderFailed
from kling_sandbox.product import Address, Workshop
from kling_sandbox.tasks import Task

MEDIA_TYPES: Final = {
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
}


def address_on(request: Request) -> Address:
    """Return what gives a task's files their addresses, on the host by which the caller reached us."""
    base = f"{request.url.scheme}://{request.url.netloc}"

    def address(task: Task, name: str) -> str:
        return f"{base}/files/{task.id}/{task.token}/{name}"

    return address


class FileRoom:
    """Answer for result files."""

    def __init__(self, desk: Desk, workshop: Workshop) -> None:
        self._desk = desk
        self._workshop = workshop

    async def answer(self, request: Request) -> Response:
        """Send the file or a part of it."""
        id, token, name = (request.path_params[part] for part in ("id", "token", "name"))
        task = await run_in_threadpool(self._desk.store.get, id)
        if task is None or not hmac.compare_digest(token.encode(), task.token.encode()) or task.named(name) is None:
            return PlainTextResponse("no such file", 404)
        now = self._desk.now(task)
        if now.status != "succeeded":
            return PlainTextResponse("no such file", 404)
        if now.gone:
            return PlainTextResponse("the signature of this URL has expired", 403)
        try:
            path, etag = await run_in_threadpool(self._ready, task, name)
        except EncoderMissing as error:
            return PlainTextResponse(str(error), 503)
        except RenderFailed as error:
            return PlainTextResponse(str(error), 500)
        media_type = MEDIA_TYPES.get(path.suffix, "application/octet-stream")
        return FileResponse(path, media_type=media_type, headers={"etag": etag})

    def _ready(self, task: Task, name: str) -> tuple[Path, str]:
        path = self._workshop.file(task, name)
        stat = path.stat()
        return path, _etag(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _etag(path: Path, changed_ns: int, size: int) -> str:
    """Hash the content: strong by construction, and equal in every process. The other arguments tell versions apart."""
    with path.open("rb") as file:
        return f'"{hashlib.file_digest(file, "sha256").hexdigest()[:32]}"'

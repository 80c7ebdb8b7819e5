"""Result files: GET /files/{task}/{token}.mp4, without credentials, for 30 days, with ETag and Range.

The video is rendered when it is first asked for, and once: later answers are the same bytes, so a download may resume.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from kling_sandbox.desk import Desk
from kling_sandbox.render import EncoderMissing, Renderer, RenderFailed
from kling_sandbox.tasks import Task


class FileRoom:
    """Answer for result files."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._renderer = Renderer(desk.config, desk.pictures)

    def url(self, request: Request, task: Task) -> str:
        """Return the address of a task's video, on the host by which the caller reached us."""
        return f"{request.url.scheme}://{request.url.netloc}/files/{task.id}/{task.token}.mp4"

    async def answer(self, request: Request) -> Response:
        """Send the video or a part of it."""
        task = await run_in_threadpool(self._desk.store.get, request.path_params["id"])
        name = request.path_params["name"].encode()
        if task is None or not hmac.compare_digest(name, f"{task.token}.mp4".encode()):
            return PlainTextResponse("no such file", 404)
        now = self._desk.now(task)
        if now.status != "succeeded":
            return PlainTextResponse("no such file", 404)
        if now.gone:
            return PlainTextResponse("the signature of this URL has expired", 403)
        try:
            path, etag = await run_in_threadpool(self._ready, task)
        except EncoderMissing as error:
            return PlainTextResponse(str(error), 503)
        except RenderFailed as error:
            return PlainTextResponse(str(error), 500)
        return FileResponse(path, media_type="video/mp4", headers={"etag": etag})

    def _ready(self, task: Task) -> tuple[Path, str]:
        path = self._renderer.video(task)
        stat = path.stat()
        return path, _etag(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _etag(path: Path, changed_ns: int, size: int) -> str:
    """Hash the content: strong by construction, and equal in every process. The other arguments tell versions apart."""
    with path.open("rb") as file:
        return f'"{hashlib.file_digest(file, "sha256").hexdigest()[:32]}"'

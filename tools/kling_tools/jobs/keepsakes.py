"""What is laid beside a task's files: how it was made, to make it again, and a poster. Neither ever fails a task.

No secret and no signed address is in a record: an address is told without its query, by which it would be opened.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kling_tools.client.wire import version
from kling_tools.clock import iso
from kling_tools.files.beside import poster_of, record_of, write_beside
from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.opening import open_regular
from kling_tools.files.preview import poster
from kling_tools.files.titles import Title
from kling_tools.jobs.orders import Orders
from kling_tools.model.errors import EncoderMissing, KlingError
from kling_tools.model.media import FileRef, TaskRef, parse_media
from kling_tools.model.money import plain
from kling_tools.model.plan import Input
from kling_tools.model.tasks import Output, Task

log = logging.getLogger(__name__)


def title_of(task: Task) -> Title:
    """Return what a task's film says of itself."""
    simulated = "SIMULATED, not a Kling result. " if task.simulated else ""
    return Title(task.plan.words or task.label, f"{simulated}kling-mcp task {task.id}, {task.plan.model}")


async def lay_beside(orders: Orders, task: Task, kept: tuple[Output, ...]) -> None:
    """Write the record beside the first of a task's files, and a poster beside its film."""
    files = [output for output in kept if output.path]
    if not files:
        return
    try:
        record = json.dumps(await _record(orders, task, files), ensure_ascii=False, indent=2)
        await asyncio.to_thread(write_beside, record_of(Path(files[0].path)), f"{record}\n".encode(errors="replace"))
        path = next((Path(output.path) for output in files if output.kind == "video"), None)
        if path is not None and not await asyncio.to_thread(poster_of(path).exists):
            jpeg = await poster(Encoder.find(orders.ffmpeg), path)
            await asyncio.to_thread(write_beside, poster_of(path), jpeg)
    except EncoderMissing:
        return  # there is no poster, then
    except (KlingError, OSError, ValueError) as error:
        log.info("beside task %s: %s", task.id, error)


async def _record(orders: Orders, task: Task, files: list[Output]) -> dict[str, Any]:
    plan, price = task.plan, task.plan.price
    charged = task.charge.usd if task.charge else None
    return {
        "task_id": task.id,
        "tool": plan.tool,
        "arguments": unsigned(task.arguments),
        "prompt": plan.words,
        "label": task.label,
        "model": plan.model,
        "provider": plan.route.provider,
        "simulated": task.simulated,
        "price_usd": None if price.usd is None else plain(price.usd),
        "charged_usd": None if charged is None else plain(charged),
        "media": [await _seed(orders, task, given) for given in plan.inputs],
        "files": [_file(output) for output in files],
        "created": iso(task.created),
        "made_with": f"kling-mcp {version()}",
    }


def _file(output: Output) -> dict[str, Any]:
    return {
        "name": Path(output.path).name,
        "kind": output.kind,
        "seconds": output.seconds,
        "width": output.width,
        "height": output.height,
        "bytes": output.size,
        "sha256": output.sha256,
    }


async def _seed(orders: Orders, task: Task, given: Input) -> dict[str, Any]:
    """Return a medium as it was given, with the SHA-256 of what it was: None where nobody knows that any more."""
    ref, digest = parse_media(given.text), None
    if isinstance(ref, FileRef):
        digest = await asyncio.to_thread(_digest, ref.path, task.created)
    elif isinstance(ref, TaskRef):
        digest = (await orders.output(ref))[1].sha256 or None
    return {"argument": given.name, "given": unsigned(given.text), "sha256": digest}


def _digest(path: Path, decided: float) -> str | None:
    try:
        with os.fdopen(open_regular(Path(os.path.realpath(path))), "rb") as file:
            if os.fstat(file.fileno()).st_mtime > decided:  # another one by now
                return None
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def unsigned(value: Any) -> Any:
    """Return arguments without what opens an address: user, query and fragment."""
    if isinstance(value, dict):
        return {name: unsigned(one) for name, one in value.items()}
    if isinstance(value, list):
        return [unsigned(one) for one in value]
    if not isinstance(value, str) or not value.strip().lower().startswith(("https://", "http://")):
        return value
    try:
        parts = urlsplit(value.strip())
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    except ValueError:
        return ""

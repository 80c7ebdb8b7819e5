"""Bringing a finished result to our disk before its address dies; it is paid for, so this never gives up by itself."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from kling_tools.catalog.catalog import priced
from kling_tools.files.mp4 import read_facts
from kling_tools.files.outputs import Outputs
from kling_tools.jobs.account import Account
from kling_tools.model.errors import KlingError, LinkExpired
from kling_tools.model.tasks import Hindered, Output, Seen, Stored, Task

log = logging.getLogger(__name__)


async def fetch(account: Account, outputs: Outputs, task: Task) -> Task:
    """Download every output that is not here yet; returns the task as it now is."""
    if not task.outputs:
        return await _renew(account, task)
    try:
        kept = tuple([await _keep(account, outputs, task, number, o) for number, o in enumerate(task.outputs, 1)])
    except LinkExpired:
        return await _renew(account, task)
    except KlingError as error:
        return await account.journal.apply(task.id, Hindered(f"{error.message} {error.advice}".strip()))
    return await account.journal.apply(task.id, Stored(kept))


async def _keep(account: Account, outputs: Outputs, task: Task, number: int, output: Output) -> Output:
    if output.path:
        return output
    name = outputs.file_name(task, number, output.kind)
    saved = await outputs.save(name, lambda offset, etag: account.client.download(output.url, offset=offset, etag=etag))
    kept = replace(output, path=str(saved.path), size=saved.size, sha256=saved.sha256)
    if output.kind != "video":
        return kept
    facts = await asyncio.to_thread(read_facts, saved.path)
    return replace(kept, seconds=facts.seconds, width=facts.width, height=facts.height, has_audio=facts.has_audio)


async def _renew(account: Account, task: Task) -> Task:
    """Ask the task for fresh addresses."""
    if task.remote is None:
        return task
    try:
        seen = [s for s in await account.client.look([task.remote]) if s.remote.id == task.remote.id]
    except KlingError as error:
        return await account.journal.apply(task.id, Hindered(error.message))
    if seen and seen[0].status == "failed":  # it took its word back
        return await account.journal.apply(task.id, Seen(replace(seen[0], charge=priced(seen[0].charge))))
    known = {output.url for output in task.outputs}
    if not known and not (seen and seen[0].outputs):
        nothing = "Kling says that it is done and names no result yet."
        return await account.journal.apply(task.id, Hindered(nothing))
    if not seen or not {output.url for output in seen[0].outputs} - known:
        # Asking again at once would only be answered the same.
        gone = "The result's address has expired and Kling names no new one; results live 30 days there."
        return await account.journal.apply(task.id, Hindered(gone))
    return await account.journal.apply(task.id, Seen(seen[0]))

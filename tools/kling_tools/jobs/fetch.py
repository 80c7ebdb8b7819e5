"""Bringing a finished result to our disk before its address dies; it is paid for, so this never gives up by itself.

A continuation is joined here to the video it continues; what was bought is kept beside the film in any case.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.joining import join
from kling_tools.files.montage import Clip, lay_out
from kling_tools.files.mp4 import read_facts
from kling_tools.files.outputs import Outputs
from kling_tools.files.pictures import Damaged, read_header, sniff
from kling_tools.files.sounds import BrokenSound, read_sound
from kling_tools.jobs.account import Account
from kling_tools.jobs.keepsakes import lay_beside, title_of
from kling_tools.jobs.telling import spanned
from kling_tools.model.errors import BadMedia, EncoderMissing, KlingError, LinkExpired, MediaFailed, UnknownTask
from kling_tools.model.media import FileRef, TaskRef, parse_media
from kling_tools.model.tasks import Failure, Hindered, Observation, Output, Rejected, Seen, Stored, Task

log = logging.getLogger(__name__)


@spanned("kling.fetch")
async def fetch(account: Account, outputs: Outputs, task: Task) -> Task:
    """Download every output that is not here yet; returns the task as it now is."""
    if not task.outputs:
        return await _renew(account, task)
    try:
        # A film comes first, and has the plain name.
        first = 2 if task.plan.continues else 1
        kept = tuple([await _keep(account, outputs, task, number, o) for number, o in enumerate(task.outputs, first)])
        film, note = await _film(account, outputs, task, kept)
    except LinkExpired:
        return await _renew(account, task)
    except KlingError as error:
        return await account.journal.apply(task.id, Hindered(f"{error.message} {error.advice}".strip()))
    await lay_beside(account.orders, task, (*film, *kept))
    return await account.journal.apply(task.id, Stored((*film, *kept), note))


async def _keep(account: Account, outputs: Outputs, task: Task, number: int, output: Output) -> Output:
    if output.path or not output.url:
        return output
    name = await asyncio.to_thread(outputs.file_name, task, number, output.kind, url=output.url)
    try:
        saved = await outputs.save(
            name,
            lambda offset, etag: account.client.download(output.url, offset=offset, etag=etag),
            title=title_of(task),
        )
    except (LinkExpired, MediaFailed):
        if output.kind in {"voice", "element"}:  # a sample is not what was bought: that is its id
            return output
        raise
    kept = replace(output, path=str(saved.path), size=saved.size, sha256=saved.sha256)
    try:
        return await asyncio.to_thread(measured, kept)
    except (BrokenSound, Damaged):  # of a format that we cannot measure; it is whole, and it was paid for
        return kept


def measured(output: Output) -> Output:
    """Return the output with what its file says about itself."""
    path = Path(output.path)
    match output.kind:
        case "video":
            facts = read_facts(path)
            return replace(
                output, seconds=facts.seconds, width=facts.width, height=facts.height, has_audio=facts.has_audio
            )
        case "image" | "element":
            data = path.read_bytes()
            kind = sniff(data)
            if kind not in {"jpeg", "png"}:
                return output
            width, height = read_header(data, kind).shown
            return replace(output, width=width, height=height)
        case "audio" | "voice":
            return replace(output, seconds=round(read_sound(path).seconds, 3), has_audio=True)


async def _film(
    account: Account, outputs: Outputs, task: Task, kept: tuple[Output, ...]
) -> tuple[tuple[Output, ...], str]:
    """Return the source and its continuation as one video, or nothing and why not."""
    if not task.plan.continues or not kept or not kept[0].path:
        return (), ""
    try:
        source = await _source(account, task.plan.continues)
        montage = await lay_out([Clip(source), Clip(Path(kept[0].path), drop_first_frame=True)])
        encoder = Encoder.find(account.orders.ffmpeg)
        name = await asyncio.to_thread(outputs.file_name, task, 1, "video")
        saved = await outputs.make(name, lambda path: join(encoder, montage, path), montage.room, title=title_of(task))
    except (BadMedia, EncoderMissing, MediaFailed, UnknownTask) as error:
        # Such a thing does not pass by itself, and the new part is worth having alone.
        return (), f"The new part could not be joined to its source: {error.message}"
    film = Output(kind="video", url="", path=str(saved.path), size=saved.size, sha256=saved.sha256)
    return (await asyncio.to_thread(measured, film),), " ".join(montage.notes)


async def _source(account: Account, text: str) -> Path:
    match parse_media(text):
        case TaskRef() as ref:
            return await account.orders.output_path(ref)
        case FileRef(path):
            return await asyncio.to_thread(path.resolve)
        case _:
            raise BadMedia("The video that is continued was not brought to this machine.")


async def _renew(account: Account, task: Task) -> Task:
    """Ask the task for fresh addresses."""
    if task.remote is None:
        return task
    who = task.plan.route.seller
    try:
        seen = [s for s in await account.client.look([task.remote]) if s.remote.id == task.remote.id]
    except KlingError as error:
        return await account.journal.apply(task.id, Hindered(error.message))
    if seen and seen[0].status == "failed":  # it took its word back
        return await account.journal.apply(task.id, Seen(seen[0]))
    if seen and seen[0].gone:
        erased = LinkExpired(
            f"{who} made it, and erased the result before it was fetched.",
            advice="It was paid for and cannot be had any more. Ask the person before it is made again.",
        )
        ended = Rejected(replace(Failure.of(erased), retryable=False))
        return await account.journal.apply(task.id, ended, standing=task)
    if seen and seen[0].status != "succeeded":
        await account.journal.apply(task.id, Seen(seen[0]))
        return await account.journal.apply(task.id, Hindered(f"{who} took back that it is done; it is asked again."))
    known = {output.url for output in task.outputs}
    if not known and not (seen and seen[0].outputs):
        nothing = f"{who} says that it is done and names no result yet."
        return await account.journal.apply(task.id, Hindered(nothing))
    if not seen or not {output.url for output in seen[0].outputs} - known:
        # Asking again at once would only be answered the same.
        return await account.journal.apply(task.id, Hindered(_gone(who, seen)))
    return await account.journal.apply(task.id, Seen(seen[0]))


def _gone(who: str, seen: Sequence[Observation]) -> str:
    """Return why a result cannot be fetched, with how long this provider keeps one."""
    lives = max((output.lives for look in seen for output in look.outputs), default=0.0)
    if not lives:
        return f"The result's address has expired, and {who} knows no such task any more."
    days, hours = divmod(round(lives / 3600), 24)
    kept = f"{days} days" if days > 1 else f"{24 * days + hours} h"
    return f"The result's address has expired and {who} names no new one; it serves results for {kept}."

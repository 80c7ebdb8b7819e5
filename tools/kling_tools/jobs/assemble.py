"""A film from the shots that are here: one file, made on this machine. It is free, and made again after a death.

What was bought is kept beside the film in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.joining import join
from kling_tools.files.montage import Clip, lay_out
from kling_tools.files.outputs import Outputs
from kling_tools.jobs.account import Account
from kling_tools.jobs.fetch import measured
from kling_tools.jobs.following import recalled, spent_on
from kling_tools.jobs.keepsakes import lay_beside, title_of
from kling_tools.model.errors import KlingError, StorageUnavailable
from kling_tools.model.media import TaskRef
from kling_tools.model.specs import FilmSpec
from kling_tools.model.tasks import Failure, Hindered, Output, Rejected, Stored, Task


async def assemble(account: Account, outputs: Outputs, film: Task) -> Task:
    """Join a film's shots; returns the film as it now is."""
    spec, journal = film.plan.spec, account.journal
    assert isinstance(spec, FilmSpec)
    known = await journal.get(spec.parts)
    for missing in (i for i in spec.parts if i not in known):
        return await journal.apply(film.id, Hindered(journal.missing(missing).message))
    parts = [known[i] for i in spec.parts]
    if await recalled(account, parts) or not all(part.status.ended for part in parts):
        return await journal.apply(film.id, Hindered("Shots that were removed from this disk are fetched again."))
    try:
        output, notes = await _joined(account, outputs, film, parts)
    except StorageUnavailable as error:
        return await journal.apply(film.id, Hindered(f"{error.message} {error.advice}".strip()))
    except KlingError as error:  # such a thing does not pass by itself
        failure = Failure.of(error)
        kept = replace(failure, message=f"{failure.message} The shots are kept.", spent=spent_on(film, parts))
        return await journal.apply(film.id, Rejected(kept))
    await lay_beside(account.orders, film, (output,))
    return await journal.apply(film.id, Stored((output,), " ".join(notes)))


async def _joined(
    account: Account, outputs: Outputs, film: Task, parts: Sequence[Task]
) -> tuple[Output, tuple[str, ...]]:
    """Return the film, and what was changed to make the shots fit."""
    # A shot that starts from the last frame of the one before would show it twice.
    clips = [
        Clip(await account.orders.output_path(TaskRef(part.id)), drop_first_frame=bool(part.plan.after))
        for part in parts
    ]
    montage = await lay_out(clips)
    encoder = Encoder.find(account.orders.ffmpeg)
    name = await asyncio.to_thread(outputs.file_name, film, 1, "video")
    saved = await outputs.make(name, lambda path: join(encoder, montage, path), montage.room, title=title_of(film))
    output = Output(kind="video", url="", path=str(saved.path), size=saved.size, sha256=saved.sha256)
    return await asyncio.to_thread(measured, output), montage.notes

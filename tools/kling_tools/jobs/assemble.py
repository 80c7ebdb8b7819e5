"""A film from the shots that are here: one file, made on this machine. It is free, and made again after a death.

What was bought is kept beside the film in any case.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.joining import join
from kling_tools.files.outputs import Outputs
from kling_tools.jobs.account import Account
from kling_tools.jobs.fetch import measured
from kling_tools.jobs.following import spent_on
from kling_tools.model.errors import KlingError, StorageUnavailable
from kling_tools.model.media import TaskRef
from kling_tools.model.specs import FilmSpec
from kling_tools.model.tasks import Failure, Hindered, Output, Rejected, Stored, Task


async def assemble(account: Account, outputs: Outputs, film: Task) -> Task:
    """Join a film's shots; returns the film as it now is."""
    spec = film.plan.spec
    assert isinstance(spec, FilmSpec)
    known = await account.journal.get(spec.parts)
    parts = [known[i] for i in spec.parts if i in known]
    target = outputs.directory / outputs.file_name(film, 1, "video")
    try:
        paths = [await account.orders.output_path(TaskRef(part)) for part in spec.parts]
        notes = await _joined(account, parts, paths, target)
        output = Output(kind="video", url="", path=str(target), size=target.stat().st_size)
        output = await asyncio.to_thread(measured, output)
    except StorageUnavailable as error:
        return await account.journal.apply(film.id, Hindered(f"{error.message} {error.advice}".strip()))
    except KlingError as error:  # such a thing does not pass by itself
        kept = f"{error.message} The shots are kept."
        failure = replace(Failure.of(error), message=kept, spent=spent_on(film, parts))
        return await account.journal.apply(film.id, Rejected(failure))
    return await account.journal.apply(film.id, Stored((output,), " ".join(notes)))


async def _joined(account: Account, parts: Sequence[Task], paths: Sequence[Path], target: Path) -> list[str]:
    """Write the film, one shot after the other; returns what was changed to make them fit."""
    encoder = Encoder.find(account.orders.ffmpeg)
    steps = [target.with_name(f".{target.stem}.{n % 2}.mp4") for n in range(len(paths) - 2)]
    notes: list[str] = []
    whole = paths[0]
    try:
        for path, part, step in zip(paths[1:], parts[1:], [*steps, target], strict=True):
            # A shot that starts from the last frame of the one before would show it twice.
            notes += (await join(encoder, whole, path, step, drop_first_frame=bool(part.plan.after))).notes
            whole = step
    finally:
        for step in steps:
            with suppress(OSError):
                os.unlink(step)
    return list(dict.fromkeys(notes))

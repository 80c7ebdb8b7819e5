"""A download under way on the disk: its bytes so far, beside a note of which file they are of."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from kling_tools.files.opening import open_regular


@dataclass(frozen=True)
class Begun:
    """What is here of a file: bytes, its strong ETag and whole length; zeros where it cannot go on."""

    size: int = 0
    etag: str = ""
    total: int = 0


@dataclass(frozen=True)
class Part:
    """A download under way: the bytes, and a note of which file they are of."""

    path: Path

    @property
    def note(self) -> Path:
        """Where it is noted which file it is of."""
        return self.path.with_name(f"{self.path.name}.json")

    def begun(self) -> Begun:
        """Return how many bytes are here, their strong ETag and the whole length; zeros when they cannot go on."""
        try:
            with os.fdopen(open_regular(self.note), "rb") as file:
                note = json.loads(file.read(4096))
                etag, total = str(note["etag"]), int(note["total"] or 0)
            with os.fdopen(open_regular(self.path), "rb") as file:
                size = os.fstat(file.fileno()).st_size
        except (OSError, ValueError, KeyError, TypeError):
            return Begun()
        return Begun(size, etag, total) if size and strong(etag) and size <= (total or size) else Begun()

    def start(self, etag: str, total: int | None) -> None:
        """Begin anew: an empty part, and the note first, so that no bytes are ever noted as another file's."""
        self.drop()
        if strong(etag):
            with os.fdopen(_create(self.note), "wb") as file:
                file.write(json.dumps({"etag": etag, "total": total}).encode())
                file.flush()
                os.fsync(file.fileno())
        os.close(_create(self.path))

    def write(self, at: int, data: bytes) -> None:
        """Write a block at its place."""
        fd = os.open(self.path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(fd, "wb", buffering=0) as file:
            file.seek(at)
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]

    def drop(self) -> None:
        """Throw away what is here."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def _create(path: Path) -> int:
    # O_EXCL follows no link that somebody put in the way.
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)


def strong(etag: str) -> bool:
    """Whether an ETag promises the same bytes, so that a file can go on from the middle."""
    return len(etag) > 2 and etag.startswith('"') and etag.endswith('"') and len(etag) < 1024

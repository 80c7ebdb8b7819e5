"""What lies beside a result: a record of how it was made, and a poster. Nothing depends on either.

A record is JSON for people and programs; it is read back only to tell whose file of that name it is.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from kling_tools.files.opening import open_regular
from kling_tools.files.storage import storage

_MOST = 1 << 20


def record_of(path: Path) -> Path:
    """Return where the record of a task lies whose first result is this file."""
    return path.with_suffix(".json")


def poster_of(path: Path) -> Path:
    """Return where the poster of a film lies."""
    return path.with_suffix(".jpg")


def read_record(path: Path) -> dict[str, Any] | None:
    """Return a record, or None where there is none that can be read."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            record = json.loads(file.read(_MOST))
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def write_beside(path: Path, content: bytes) -> None:
    """Write a small file whole, in place of an earlier one.

    Raises:
        StorageUnavailable
    """
    rough = path.with_name(f".{path.name}.part")
    with storage(path.parent):
        try:
            rough.unlink(missing_ok=True)  # of a process that was killed over it
            with open(rough, "xb") as file:  # follows no link that somebody put in the way
                file.write(content)
            os.replace(rough, path)
        finally:
            rough.unlink(missing_ok=True)

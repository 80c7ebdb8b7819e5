"""What a sensible agent does next, for the scripted models: it reads answers as any model would, in whatever form.

Runs in the frameworks' environments, so it knows nothing of this house.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_TASK = re.compile(r"\bk[0-9a-z]{12}\b")
_FILE = re.compile(r"(?:/|[A-Z]:\\)[^\"\n]*?\.mp4")


@dataclass(frozen=True)
class Call:
    """A tool to call."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)


def next_move(answers: Sequence[str]) -> Call | str:
    """Return the next call, or what is said in the end, given what the tools have answered so far."""
    if not answers:
        return Call("create_video", {"prompt": "a paper boat in the rain", "seconds": 5})
    task = _TASK.search(answers[0])
    if task is None:
        return f"It was not bought: {answers[0]}"
    if "failed" in answers[-1]:
        return f"It failed: {answers[-1]}"
    if (file := _FILE.search(answers[-1])) and "succeeded" in answers[-1]:
        return f"The video is at {file[0]}"
    return Call("check_status", {"task_id": task[0], "wait_seconds": 45})

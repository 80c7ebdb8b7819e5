"""The samples of each vendor's answers, written from the fact sheet, and how an answer is held against one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
from tests.vendors.serving import Fake

SAMPLES = Path(__file__).parents[1] / "providers" / "samples"


def shape(value: Any) -> Any:
    """Return a value's shape: keys and types; lists by their first item, and null as anything."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def sample(fake: Fake, name: str) -> tuple[int, Any]:
    """Return status and body of a sample."""
    kept = json.loads((SAMPLES / fake / f"{name}.json").read_text("utf-8"))
    return kept["http"], kept["body"]


def same(fake: Fake, name: str, answer: httpx2.Response, *, kept: bool = True) -> None:
    """Check that an answer has the status and the shape of a sample; `kept` says that every vendor has this one."""
    if not kept and not (SAMPLES / fake / f"{name}.json").exists():
        return
    status, body = sample(fake, name)
    assert (answer.status_code, shape(answer.json())) == (status, shape(body))

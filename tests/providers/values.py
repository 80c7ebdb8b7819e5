"""A plan, orders and recorded answers, for every test that needs one and does not care which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from kling_tools.model.media import ImageLimits, Picture
from kling_tools.model.money import Price
from kling_tools.model.plan import Order, Plan, Route
from kling_tools.providers.dialect import WireAnswer

SAMPLES = Path(__file__).parent / "samples"
HOST = "https://api-singapore.klingai.com"
EXTERNAL_ID = "k3x9q0a1b2c3d"
PICTURE = Picture(data=b"\x89PNG-bytes", width=640, height=640, mime="image/png")

PLAN = Plan(
    tool="create_video",
    effect="text-to-video",
    route=Route("kling", "standard"),
    model="kling-3.0",
    wire_model="kling-3.0",
    prompt="a heron lands on a pond",
    seconds=5,
    resolution="720p",
    aspect_ratio="9:16",
    audio="off",
    multi_shot=False,
    image=None,
    last_image=None,
    image_limits=ImageLimits(max_bytes=50_000_000, min_side=300, max_ratio=2.5),
    price=Price.unknown(),
    typical_seconds=60,
)

_TASK_FIELDS = ["id", "status", "message", "external_id", "outputs", "billing", "task_id", "task_status", "task_info"]
_INNER_FIELDS = ["result", "next_cursor", "url", "type", "amount", "charge_type", "duration", "task_result", "videos"]
_FIELDS = st.sampled_from([*_TASK_FIELDS, *_INNER_FIELDS, "final_unit_deduction"])
_WORDS = st.sampled_from(
    ["succeeded", "succeed", "failed", "video", "audio", "unit", "cash", "1e999", "NaN", "-0", "\ud800"]
)
#: JSON that looks enough like tasks to get deep into a reader.
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_FIELDS, inner, max_size=6),
    max_leaves=25,
)


def an_order(image: Picture | None = None, last_image: Picture | None = None, **plan: Any) -> Order:
    """Return an order; with a picture it is image-to-video."""
    if image is not None:
        plan = {"effect": "image-to-video", "aspect_ratio": None, "image": "a.png", **plan}
    return Order(plan=replace(PLAN, **plan), external_id=EXTERNAL_ID, image=image, last_image=last_image)


def sample(standard: str, name: str) -> tuple[int, dict[str, Any]]:
    """Return a recorded answer's HTTP status and body."""
    recorded = json.loads((SAMPLES / standard / f"{name}.json").read_text(encoding="utf-8"))
    return recorded["http"], recorded["body"]


def an_answer(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None, host: str = HOST
) -> WireAnswer:
    """Return an answer with this JSON, or these bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireAnswer(status=status, body=raw, headers=headers or {}, host=host)


def recorded(standard: str, name: str, headers: Mapping[str, str] | None = None, host: str = HOST) -> WireAnswer:
    """Return a recorded answer."""
    status, body = sample(standard, name)
    return an_answer(body, status, headers, host)

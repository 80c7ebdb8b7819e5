"""A plan, orders and recorded answers, for every test that needs one and does not care which."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from kling_tools.model.media import Medium
from kling_tools.model.money import Price
from kling_tools.model.plan import Face, Input, Order, Plan, Prepared, Role, Route
from kling_tools.model.specs import Speech, VideoSpec
from kling_tools.providers.dialect import WireAnswer, WireCall

SAMPLES = Path(__file__).parent / "samples"
HOST = "https://api-singapore.klingai.com"
EXTERNAL_ID = "k3x9q0a1b2c3d"
PICTURE = Medium(data=b"\x89PNG-bytes", width=640, height=640, mime="image/png")
BASE64 = b64encode(b"\x89PNG-bytes").decode()
LINK = Medium(url="https://example.com/last.png")
CLIP = Medium(kind="video", url="https://example.com/clip.mp4", seconds=8.0)
SOUND = Medium(kind="audio", data=b"ID3-bytes", seconds=6.0)
SPEECH = Speech(text="Good morning", voice="oversea_male1", language="en", speed=1.25)
SPOKEN = Prepared(step="speech", audio_id="aud-1", seconds=3.5)
FOUND = Prepared(step="faces", session_id="ses-1", faces=(Face(id="f-1", start_ms=1000, end_ms=7000),))

VIDEO = VideoSpec(
    product="text-to-video",
    prompt="a heron lands on a pond",
    seconds=5,
    resolution="720p",
    aspect_ratio="9:16",
    audio="off",
    multi_shot=False,
)
PLAN = Plan(
    tool="create_video",
    route=Route("kling", ("standard", "legacy")),
    standard="standard",
    model="kling-3.0",
    wire_model="kling-3.0",
    spec=VIDEO,
    price=Price.unknown(),
    typical_seconds=60,
)

_TASK_FIELDS = ["id", "status", "message", "external_id", "outputs", "billing", "task_id", "task_status", "task_info"]
_INNER_FIELDS = [
    "result",
    "url",
    "type",
    "amount",
    "charge_type",
    "duration",
    "task_result",
    "videos",
    "images",
    "audios",
]
_MORE_FIELDS = ["voices", "elements", "series_images", "voice_id", "element_id", "materials", "element_image_list"]
_STEP_FIELDS = [
    "session_id",
    "face_data",
    "face_id",
    "start_time",
    "end_time",
    "is_contain",
    "mp3_url",
    "frontal_image",
]
_FIELDS = st.sampled_from([*_TASK_FIELDS, *_INNER_FIELDS, *_MORE_FIELDS, *_STEP_FIELDS, "final_unit_deduction"])
_KINDS = ["video", "image", "audio", "voice", "element", "unit", "cash"]
_WORDS = st.sampled_from(["succeeded", "succeed", "failed", *_KINDS, "1e999", "NaN", "-0", "\ud800"])
#: JSON that looks enough like tasks to get deep into a reader.
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_FIELDS, inner, max_size=6),
    max_leaves=25,
)


def an_order(*media: tuple[Role, Medium], prepared: tuple[Prepared, ...] = (), **changes: Any) -> Order:
    """Return an order for these media; other arguments change the plan, or else its spec."""
    of_plan = {name: changes.pop(name) for name in list(changes) if name in Plan.__dataclass_fields__}
    plan = replace(PLAN, **of_plan)
    inputs = tuple(Input(role=role, kind=medium.kind, text="as written", name=role) for role, medium in media)
    plan = replace(plan, spec=replace(plan.spec, **changes), inputs=inputs)
    return Order(plan=plan, external_id=EXTERNAL_ID, media=tuple(medium for _, medium in media), prepared=prepared)


def body_of(call: WireCall) -> dict[str, Any]:
    """Return a call's body."""
    assert call.body is not None
    return dict(call.body)


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

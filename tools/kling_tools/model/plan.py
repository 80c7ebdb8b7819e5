"""What was decided about a request before anything is sent: the model, the exact settings and the price.

A `Plan` is written to the journal with the intent, so that another process can send exactly what was agreed.
An `Order` is a plan with its media read: all an encoder needs for the next call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from kling_tools.model.inputs import ClipLimits, SoundLimits
from kling_tools.model.media import ImageLimits, MediaKind, Medium
from kling_tools.model.money import Price
from kling_tools.model.specs import AvatarSpec, LipSyncSpec, Product, Spec

#: One way of saying things to a provider: Kling has "standard" and "legacy", every gateway one of its own name.
Standard = str
Role = Literal[
    "first_frame",
    "last_frame",
    "reference",
    "base_video",
    "image",
    "video",
    "audio",
    "scene",
    "style",
    "garment",
    "still_mask",
    "moving_mask",
]
#: Answered at once, with the result and without an id of ours (kling-official 4.13, 5.1).
AT_ONCE: frozenset[Product] = frozenset({"speech", "cutouts"})
#: The calls that a task may need before the one that makes it; their answers are kept before the next is made.
Step = Literal["speech", "faces", "task"]


@dataclass(frozen=True)
class Route:
    """A way to the provider: its name, and the API standards that the credentials open, the preferred first.

    An API key opens both, a key pair the legacy one only (kling-official 1.2, 1.3). `finds`: a task can be asked for by
    an id of ours; without that nothing is ever sent again of which it is not certain that it did not arrive. `files`:
    the kinds of local files that can go along, each of at most `file_bytes` (0: as the catalogue's limits say).
    """

    provider: str
    standards: tuple[Standard, ...]
    finds: bool = True
    files: tuple[MediaKind, ...] = ("image", "audio")
    file_bytes: int = 0

    @property
    def seller(self) -> str:
        """Who is meant, in a sentence."""
        return "Kling" if self.provider in {"kling", "sandbox"} else self.provider


@dataclass(frozen=True, kw_only=True)
class Input:
    """One medium as the agent wrote it (paths absolute): what it is for, and what the provider takes there.

    `name` is the argument's, for messages; `seconds` its length as far as it was known when it was decided. `path` is
    where a moving mask goes: x and y in pixels of the first frame, from its bottom left (kling-official 4.3).
    """

    role: Role
    kind: MediaKind
    text: str
    name: str
    seconds: float = 0.0
    path: tuple[tuple[int, int], ...] = ()
    limits: ImageLimits | ClipLimits | SoundLimits | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One paid task, decided.

    `standard` is the API it is bought through ("local": none), `model` the catalogue's id, `wire_model` its name there.
    `slots` is how many of the account's parallel places it takes. `continues` is the video (as the agent wrote it) that
    the result is joined to. `after` is the task from whose last frame it starts: it is not sent before that one's
    result is here, and the first frame is that task's id among the inputs. `typical_seconds` is how long such a task
    was seen to take; `video_seconds` the most video it makes. `direct`: one call does all of it, also what elsewhere
    takes calls before the task's own. `passable`: another provider can do it too, so that one which cannot be reached
    is passed over at once.
    """

    tool: str
    route: Route
    standard: Standard
    model: str
    wire_model: str
    spec: Annotated[Spec, Field(discriminator="kind")]
    inputs: tuple[Input, ...] = ()
    price: Price
    slots: int = 1
    continues: str = ""
    after: str = ""
    typical_seconds: float
    video_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    direct: bool = False
    passable: bool = False

    @property
    def words(self) -> str:
        """The words the person gave: what the task is listed and searched by."""
        spec = self.spec
        speech = getattr(spec, "speech", None)
        shots = " / ".join(shot.prompt for shot in getattr(spec, "shots", ()))
        spoken = speech.text if speech else ""
        named = getattr(spec, "scene", "") or getattr(spec, "name", "")
        return getattr(spec, "prompt", "") or shots or spoken or named


@dataclass(frozen=True, kw_only=True)
class Face:
    """A face found in a video and when it is seen, in milliseconds."""

    id: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a call before the task's own brought. `units` is what it took."""

    step: Literal["speech", "faces"]
    audio_id: str = ""
    seconds: float | None = None
    session_id: str = ""
    faces: tuple[Face, ...] = ()
    units: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
    """A plan ready to be encoded. `external_id` is our own task id, unique per account (kling-official 12.16).

    `media` belong to `plan.inputs`, one for one. `callback_url` is where the provider may tell that the task moved.
    """

    plan: Plan
    external_id: str
    media: tuple[Medium, ...] = field(default=(), repr=False)
    prepared: tuple[Prepared, ...] = ()
    callback_url: str = field(default="", repr=False)

    @property
    def step(self) -> Step:
        """Which call comes next."""
        return pending(self.plan, self.prepared)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the media, each said once."""
        return tuple(dict.fromkeys(medium.note for medium in self.media if medium.note))

    def every(self, role: Role) -> Iterator[Medium]:
        """Yield the media of a role, in order."""
        return (m for i, m in zip(self.plan.inputs, self.media, strict=True) if i.role == role)

    def first(self, role: Role) -> Medium | None:
        """Return the first medium of a role."""
        return next(self.every(role), None)

    @property
    def masked(self) -> bool:
        """Whether a motion brush says what moves."""
        return any(given.role in {"still_mask", "moving_mask"} for given in self.plan.inputs)

    @property
    def moving(self) -> Iterator[tuple[Medium, list[dict[str, int]]]]:
        """Yield each mask that moves, with the points of its path."""
        for given, medium in zip(self.plan.inputs, self.media, strict=True):
            if given.role == "moving_mask":
                yield medium, [{"x": x, "y": y} for x, y in given.path]

    def after(self, prepared: Prepared) -> Order:
        """Return the order with what one more call brought."""
        return replace(self, prepared=(*self.prepared, prepared))

    def brought(self, step: Step) -> Prepared | None:
        """Return what an earlier call brought."""
        return next((p for p in self.prepared if p.step == step), None)


def pending(plan: Plan, prepared: tuple[Prepared, ...]) -> Step:
    """Return the call that a task needs next: speech before it is put on lips, faces before one is chosen."""
    spec, done = plan.spec, {p.step for p in prepared}
    if plan.direct:
        return "task"
    if isinstance(spec, LipSyncSpec | AvatarSpec) and spec.speech is not None and "speech" not in done:
        return "speech"
    if isinstance(spec, LipSyncSpec) and "faces" not in done:
        return "faces"
    return "task"


def can_be_asked_about(plan: Plan, prepared: tuple[Prepared, ...]) -> bool:
    """Whether the pending call carries our own id: only then can anybody tell later if it arrived."""
    return plan.route.finds and pending(plan, prepared) == "task" and plan.spec.product not in AT_ONCE

"""A task, and what can happen to it: values only. `step` is how one becomes the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from kling_tools.model.errors import KlingError, Spent
from kling_tools.model.plan import Plan, Prepared
from kling_tools.model.status import Status

#: How long Kling itself keeps a result (kling-official 2.6), in seconds.
URL_LIFETIME = 30 * 86400.0

OutputKind = Literal["video", "image", "audio", "voice", "element"]


@dataclass(frozen=True)
class Remote:
    """Where the provider keeps the task: id, the creating product's path and host (kling-official 12.1, 12.14)."""

    id: str
    product: str
    host: str


@dataclass(frozen=True, kw_only=True)
class RemoteOutput:
    """One result as the provider names it; `url` serves it for `lives` seconds at most (kling-official 2.6).

    A voice or element is its `remote_id`, and `url` a sample of it, perhaps empty.
    """

    kind: OutputKind
    url: str
    seconds: float | None = None
    remote_id: str = ""
    name: str = ""
    lives: float = URL_LIFETIME


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What the provider says it took: units of a pack, or money."""

    units: Decimal | None = None
    usd: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One look at a task on the provider's side, in our words.

    `reason`, `cause` and `advice` are about a failure: what was said, what kind it is, what to do; `doubtful`: it may
    have been billed all the same; `called_off`: it was stopped at somebody's wish, and nothing is billed. `gone`: its
    result was made, and is erased there. `created` is when the provider says it was made (seconds since the epoch):
    told for people, no part of what was seen.
    """

    remote: Remote
    external_id: str
    status: Literal["submitted", "processing", "succeeded", "failed"]
    reason: str = ""
    cause: Literal["moderated", "bad_media", "input_unreachable", ""] = ""
    advice: str = ""
    doubtful: bool = False
    called_off: bool = False
    gone: bool = False
    outputs: tuple[RemoteOutput, ...] = ()
    charge: Charge | None = None
    simulated: bool = False
    created: float | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class Output:
    """One result, kept: `path` is set once the file is whole on our disk. Sides in pixels.

    `remote_id` is the provider's own name for it, by which other tasks can use it; `name` what a person called it.
    `removed` is where it was kept until it was removed as the person's settings say.
    """

    kind: OutputKind
    url: str
    remote_id: str = ""
    name: str = ""
    path: str = ""
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    has_audio: bool | None = None
    size: int | None = None
    sha256: str = ""
    url_expires: float | None = None
    removed: str = ""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a task ended badly, in the words of `errors`."""

    code: str
    message: str
    spent: Spent
    retryable: bool = False
    advice: str = ""

    @classmethod
    def of(cls, error: KlingError) -> Failure:
        """Return an error as a lasting value."""
        return cls(
            code=error.code,
            message=error.message,
            spent=error.spent,
            retryable=error.retryable,
            advice=error.advice,
        )


@dataclass(frozen=True, kw_only=True)
class Task:
    """One paid piece of work from intent to file. Times are seconds since the epoch.

    `account` is the provider and host that it is bought from. `sent_at` is when a byte may first have left in the
    current attempt; `not_before` delays the next attempt. `prepared` is what earlier calls of the task brought.
    `trouble` is a passing hindrance (a full disk, no network) that is being retried. `short` is the beginning of the id
    by which files are named, settled when the task is written down. `arguments` are the request's own, as JSON, with
    absolute paths: what another one can start from; tasks of earlier versions have neither. `part_of` is the film that
    it was bought for as a shot.
    `mark` is by what its create is known again in the provider's own list, where that shows what was asked for; where
    there is none, `purse` is what the account had left before it was sent, in the provider's own unit.
    `caller` is whose it is: empty for the owner, who is the only one but over HTTP.
    """

    id: str
    plan: Plan
    status: Status
    created: float
    updated: float
    label: str = ""
    short: str = ""
    simulated: bool = False
    account: str = ""
    fingerprint: str = ""
    remote: Remote | None = None
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    charge: Charge | None = None
    prepared: tuple[Prepared, ...] = ()
    attempts: int = 0
    sent_at: float | None = None
    not_before: float = 0.0
    accepted_at: float | None = None
    ended_at: float | None = None
    trouble: str = ""
    notes: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict, repr=False)
    part_of: str = ""
    caller: str = ""
    mark: str = ""
    purse: Decimal | None = None


@dataclass(frozen=True)
class Readied:
    """What it waited for is here, some of it `simulated`: it goes into the queue, or is joined where it is a film."""

    simulated: bool = False


@dataclass(frozen=True)
class Claimed:
    """We are about to send: written, and durable, before a byte leaves. `mark` and `purse` as in `Task`."""

    mark: str = ""
    purse: Decimal | None = None


@dataclass(frozen=True)
class PutBack:
    """It provably did not get in (no connection, no slot): try again after `delay` seconds."""

    trouble: str
    delay: float


@dataclass(frozen=True)
class Doubted:
    """It was sent and the answer was lost."""

    trouble: str


@dataclass(frozen=True)
class Advanced:
    """A call before the task's own was answered: what it brought is kept, and the next may be made."""

    prepared: Prepared


@dataclass(frozen=True)
class Rejected:
    """The provider, or our own last check, said no."""

    failure: Failure


@dataclass(frozen=True)
class Seen:
    """The provider told where it stands."""

    observation: Observation


@dataclass(frozen=True)
class Hindered:
    """Something passing is in the way; the status does not change."""

    trouble: str


@dataclass(frozen=True)
class Stored:
    """Every output is whole on our disk; `note` is what a person should know of how that went."""

    outputs: tuple[Output, ...]
    note: str = ""


@dataclass(frozen=True)
class Removed:
    """The files of a finished task are removed from this disk, because the person's settings say so: `why`."""

    why: str


@dataclass(frozen=True)
class Recalled:
    """The files that were removed are wanted again, and the provider still has them."""


@dataclass(frozen=True)
class Withdrawn:
    """The person took it back before anything was sent."""


@dataclass(frozen=True)
class CalledOff:
    """The provider took it back at the person's wish, and takes nothing for it."""


@dataclass(frozen=True)
class Adopted:
    """The provider has it under our id although we believed it lost; the person wants it taken over.

    Also where it had ended here before it was ever seen there: unlike `Seen`, which comes too late for that. `note`
    tells people how it was found.
    """

    observation: Observation
    note: str = "It was found in Kling's own list under its id, and taken over."


_Sending = Readied | Claimed | PutBack | Doubted | Advanced | Rejected
Event = _Sending | Seen | Hindered | Stored | Removed | Recalled | Withdrawn | CalledOff | Adopted

"""What tools answer with: amounts of money as decimal strings, times ISO 8601 with offset, seconds, sides in pixels."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from kling_tools.model.status import Shown


class Facts(BaseModel):
    """A frozen answer."""

    model_config = ConfigDict(frozen=True)


class CostFacts(Facts):
    """What a task costs: `usd` at least, `most_usd` at worst where that is more; `charged_usd` once it is known."""

    usd: str | None
    most_usd: str | None = None
    units: str | None
    basis: Literal["exact", "estimate", "unknown"]
    charged_usd: str | None = None


class OutputFacts(Facts):
    """One result; `path` once it is on this disk. `id` is the provider's name for a voice or element."""

    kind: str
    id: str | None
    path: str | None
    uri: str | None
    url: str
    url_expires: str | None
    seconds: float | None
    width: int | None
    height: int | None
    has_audio: bool | None


class ErrorFacts(Facts):
    """Why a task failed and whether it was charged."""

    code: str
    message: str
    spent: Literal["no", "yes", "unknown"]
    retryable: bool


class ShotFacts(Facts):
    """One shot of a film, a task of its own; `waits_for`: the one from whose last frame it starts is not here yet."""

    task_id: str
    status: Shown
    model: str
    usd: str | None
    charged_usd: str | None
    path: str | None
    waits_for: str | None
    error: str | None


class TaskFacts(Facts):
    """A task. `shots` where it is a film of several, in order; `part_of` the film that it is a shot of."""

    task_id: str
    status: Shown
    tool: str
    prompt: str
    provider: str
    model: str
    simulated: bool
    label: str
    cost: CostFacts
    eta_seconds: int | None
    outputs: list[OutputFacts]
    error: ErrorFacts | None
    notes: list[str]
    next: str
    resource_uri: str
    created: str
    updated: str
    shots: list[ShotFacts] | None = None
    part_of: str | None = None


class TasksFacts(Facts):
    """Several tasks; `next_cursor` where there are more; `total` match, with `total_at_least` more than that.

    `unreadable` are the ids of damaged records, on the same page.
    """

    tasks: list[TaskFacts]
    total: int
    total_at_least: bool = False
    next_cursor: str | None = None
    unreadable: list[str] | None = None


class QuoteFacts(Facts):
    """One provider's price, or why it cannot do it."""

    provider: str
    model: str | None
    simulated: bool
    cost: CostFacts | None
    refused: str | None
    notes: list[str]


class EstimateFacts(Facts):
    """What a call would cost; nothing was sent."""

    tool: str
    quotes: list[QuoteFacts]
    budget_left_usd: str
    needs_confirmation: bool
    next: str


class ModelFacts(Facts):
    """What one model or service offers and costs; `off` until a person's own file switches it on.

    `prices`: a way of asking -> US dollars for a second, picture, call or five seconds; without one it is not known.
    `details`, `checked` and `source` only where the model was asked for by name.
    """

    model: str
    name: str
    good_for: str
    tools: list[str]
    seconds: str
    resolutions: list[str]
    aspect_ratios: list[str]
    audio: str
    last_image: list[str]
    references: str
    prompt_max: int
    prices: dict[str, str]
    needs: str
    off: bool = False
    checked: str = ""
    source: str = ""
    details: dict[str, dict[str, Any]] = {}


class ModelsFacts(Facts):
    """The capability map; `auto` is what model=auto takes first, `off` what is known and switched off.

    `scenes` (by the number of pictures) and `voices` (by language) where their tool was asked for. `provider` offers
    this; `elsewhere` are the other configured ones, with what each asks at least for what of theirs fits.
    """

    models: list[ModelFacts]
    auto: str
    off: list[str]
    scenes: dict[str, list[str]] = {}
    voices: dict[str, list[str]] = {}
    checked: str
    source: str
    provider: str = ""
    elsewhere: dict[str, dict[str, str]] = {}


class FilmFacts(Facts):
    """A file's own figures, and what was found in it; stretches are start and end in seconds.

    What was not looked for is left out: a single frame says nothing about cuts, a silent film has no loudness.
    `partial`: only key frames were decoded, so that shots between them are not known.
    """

    path: str
    size: int
    seconds: float | None
    width: int
    height: int
    fps: float | None = None
    codec: str
    has_audio: bool
    simulated: bool
    cuts: list[float] | None = None
    black: list[list[float]] | None = None
    frozen: list[list[float]] | None = None
    silent: list[list[float]] | None = None
    loudness_lufs: float | None = None
    peak_dbfs: float | None = None
    partial: bool = False


class LookFacts(FilmFacts):
    """What is on the picture that came with it; in `times` of two films A and B take turns, and `compared` is B.

    It shows "nothing" where images are turned off.
    """

    task_id: str | None
    shows: Literal["sheet", "frame", "pictures", "side_by_side", "waveform", "nothing"]
    times: list[float]
    pictures: int
    compared: FilmFacts | None = None


class AssetFacts(Facts):
    """A reusable voice or element."""

    id: str
    name: str
    description: str
    own: bool
    status: str
    preview: str
    made_from: str
    voice: str


class LibraryFacts(Facts):
    """One page of the library."""

    kind: Literal["voices", "elements"]
    preset: bool
    provider: str
    simulated: bool
    assets: list[AssetFacts]
    next_page: int | None


class DeletedFacts(Facts):
    """What is gone."""

    kind: Literal["voice", "element"]
    id: str
    provider: str
    simulated: bool


class PackFacts(Facts):
    """A pack of units at the provider."""

    name: str
    kind: str
    units_left: str
    units_total: str
    valid_until: str | None
    status: str


class SpendingFacts(Facts):
    """What one model took on one local day."""

    day: str
    model: str
    tasks: int
    usd: str


class DeductionFacts(Facts):
    """What the provider says it deducted."""

    at: str
    product: str
    model: str
    provider_task: str
    units: str | None
    amount: str | None
    currency: str


class AccountFacts(Facts):
    """Packs, budget and spending; `trouble` is why the provider's part is missing."""

    provider: str
    simulated: bool
    budget_left_usd: str
    budget_day_usd: str
    balance: str = ""
    packs: list[PackFacts]
    packs_lag: str
    spending: list[SpendingFacts]
    deductions: list[DeductionFacts] | None
    trouble: str

"""What a sandbox is started with: one frozen value, no environment, no globals."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kling_sandbox.faults import Fault

API_KEY = "api-key-kling-sandbox"
ACCESS_KEY = "sandbox-access"
SECRET_KEY = "sandbox-secret"


@dataclass(frozen=True, kw_only=True)
class SandboxConfig:
    """Say where the sandbox keeps its tasks, how fast its time runs and which keys open it.

    `state_dir` survives restarts and may be shared by processes. At `speed` 10 a task of 50 s takes 5 s. `concurrency`
    is counted per model version (kling-official 9.2). `ffmpeg` is the encoder's path; empty means there is none.
    `models` adds model versions that behave like a known one, such as {"kling-9.9": "kling-3.0"}. With
    `webhook_secrets` (whsec_<base64>) callbacks are signed; two of them is a rotation (kling-official 8.2).
    How the real API treats an external id that was used before is not known: with `refuses_repeats` it is refused,
    without it each call buys. `film` is served in place of every video, for trials of thousands that nobody looks at.
    `hasty` films are drawn coarser, in half the time; so are all where time runs twenty times as fast as life.
    """

    state_dir: Path
    speed: float = 1.0
    api_keys: frozenset[str] = frozenset({API_KEY})
    access_keys: Mapping[str, str] = field(default_factory=lambda: {ACCESS_KEY: SECRET_KEY})
    concurrency: int = 5
    ffmpeg: str = ""
    clock: Callable[[], float] = time.time
    faults: tuple[Fault, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    webhook_secrets: tuple[str, ...] = ()
    refuses_repeats: bool = True
    film: Path | None = None
    hasty: bool = False

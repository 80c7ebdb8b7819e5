"""A Kling of one task in three calls, in memory: it does with each call what the test says, and keeps the books.

It stands where the network stands, so that client, dialect, journal and engine are the real ones. It speaks lip-sync
(speech, faces, task), speech alone and cutouts, of kling-official 4.9, 4.13 and 5.1.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import httpx2
from tests.jobs.house import ADDRESS
from tests.providers.values import PLAN
from tests.providers.values import SPEECH as WORDS

from kling_tools.model.money import Price
from kling_tools.model.plan import Input
from kling_tools.model.specs import ImageSpec, LipSyncSpec, SpeechSpec

SPEECH = "/v1/audio/tts"
FACES = "/v1/videos/identify-face"
LIPS = "/v1/videos/advanced-lip-sync"
CUTOUTS = "/v1/videos/image-recognize"
STEPS = (SPEECH, FACES, LIPS)

#: What becomes of a call: cut, broken and dies come before or after it was taken.
Fate = Literal[
    "fine", "refused", "busy", "no wire", "cut before", "cut after", "broken before", "broken after", "dies before",
    "dies after",
]  # fmt: skip
UNITS = {SPEECH: Decimal("0.05"), FACES: Decimal("0.05"), LIPS: Decimal(1), CUTOUTS: Decimal("0.1")}
UNIT_USD = Decimal("0.14")
MOST = Decimal("1.4") * UNIT_USD

_PRICE = Price(basis="estimate", usd=Decimal("0.154"), most=MOST, unit_usd=UNIT_USD)
_CLIP = Input(role="video", kind="video", text="https://example.com/clip.mp4", name="video", seconds=8.0)
_BASE = replace(PLAN, standard="legacy", wire_model="", price=_PRICE)

#: Words onto lips: three calls.
LIP_SYNC = replace(
    _BASE,
    tool="lip_sync",
    model="kling-lip-sync",
    spec=LipSyncSpec(speech=WORDS, at_seconds=None, face=0, volume=1.0, original_volume=1.0),
    inputs=(_CLIP,),
)
#: One call, answered at once.
SPOKEN = replace(_BASE, tool="create_speech", model="kling-speech", spec=SpeechSpec(speech=WORDS))
CUT_OUT = replace(
    _BASE,
    tool="create_image",
    model="kling-cutouts",
    spec=ImageSpec(product="cutouts"),
    inputs=(replace(_CLIP, role="image", kind="image", text="https://example.com/fox.png", name="references"),),
)


async def _never_dies() -> None:
    raise AssertionError("nobody said who dies")


@dataclass
class Bureau(httpx2.AsyncBaseTransport):
    """The provider. `fates` are used up call by call, path by path; after that everything is fine.

    `reached` are the calls that came in, whatever became of them, `taken` those that were done and paid for.
    """

    fates: dict[str, list[Fate]] = field(default_factory=dict)
    die: Callable[[], Awaitable[None]] = _never_dies
    reached: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    tasks: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    dead: frozenset[str] = frozenset()
    ends: str = "succeed"
    billed: bool = True
    before: Callable[[str], Awaitable[None]] | None = None

    @property
    def units(self) -> Decimal:
        """What was really taken; a task that fails at its end is free."""
        return sum((UNITS[p] for p in self.taken if p != LIPS or self.ends == "succeed"), Decimal(0))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one call."""
        path = request.url.path
        if request.method == "GET":
            return self._file(path) if path.startswith("/files/") else self._asked(path)
        if self.before is not None:
            await self.before(path)
        fates = self.fates.get(path)
        fate = fates.pop(0) if fates else "fine"
        if fate == "no wire":
            raise httpx2.ConnectError("no route to host")
        self.reached.append(path)
        if fate in {"refused", "busy"}:
            return _refusal(1201 if fate == "refused" else 1303, "as the test says")
        if fate == "dies before":
            await self.die()
        if fate == "cut before":
            raise httpx2.ReadError("")
        if fate == "broken before":
            return httpx2.Response(500, json={"code": 5000, "message": "internal"})
        answer = self._taken(path, json.loads(request.content))
        if fate == "dies after":
            await self.die()
        if fate == "cut after":
            raise httpx2.ReadError("")
        return httpx2.Response(502, text="<html>bad gateway</html>") if fate == "broken after" else answer

    def _taken(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        if path == LIPS and body["external_task_id"] in self.tasks:
            return _refusal(1201, "external_task_id already exists")
        self.taken.append(path)
        self.bodies.append(body)
        bill = {"final_unit_deduction": str(UNITS[path])} if self.billed else {}
        if path == SPEECH:
            sound = {"id": "aud-1", "url": f"{ADDRESS}/files/speech.mp3", "duration": "3.0"}
            return _good({"task_id": "LT-1", "task_status": "succeed", "task_result": {"audios": [sound]}, **bill})
        if path == FACES:
            face = {"face_id": "f-1", "start_time": 0, "end_time": 8000}
            return _good({"session_id": "ses-1", "face_data": [face], **bill})
        if path == CUTOUTS:
            return _good({"task_result": {"images": [{"type": "face_seg", "is_contain": False, "url": ""}]}, **bill})
        self.tasks[body["external_task_id"]] = f"LS-{len(self.tasks)}"
        return _good(self._shown(body["external_task_id"], "submitted"))

    def _asked(self, path: str) -> httpx2.Response:
        if path == LIPS:
            return _good([self._shown(own, self.ends) for own in self.tasks])
        for own, remote in self.tasks.items():
            if path == f"{LIPS}/{remote}":
                return _good(self._shown(own, self.ends))
        return _refusal(1203, "task not found", 404)

    def _shown(self, own: str, status: str) -> dict[str, Any]:
        shown = {"task_id": self.tasks[own], "task_status": status, "task_info": {"external_task_id": own}}
        if status == "succeed":
            film = {"id": "v-1", "url": f"{ADDRESS}/files/film.mp4", "duration": "8"}
            shown |= {"task_result": {"videos": [film]}}
        units = UNITS[LIPS] if self.ends == "succeed" else Decimal(0)
        return {**shown, **({"final_unit_deduction": str(units)} if self.billed and status != "submitted" else {})}

    def _file(self, path: str) -> httpx2.Response:
        name = path.rpartition("/")[2]
        if name in self.dead:
            return httpx2.Response(404)
        body = self.files.get(name)
        return httpx2.Response(503) if body is None else httpx2.Response(200, content=body)


def _good(data: object) -> httpx2.Response:
    return httpx2.Response(200, json={"code": 0, "message": "SUCCEED", "request_id": "req-1", "data": data})


def _refusal(code: int, message: str, status: int = 400) -> httpx2.Response:
    return httpx2.Response(status, json={"code": code, "message": message, "request_id": "req-1"})


def sound_and_film(clips: Mapping[str, Path], sounds: Mapping[str, Path]) -> dict[str, bytes]:
    """Return real files by the names under which results are found here."""
    return {"speech.mp3": sounds["mp3"].read_bytes(), "film.mp4": clips["wide"].read_bytes()}

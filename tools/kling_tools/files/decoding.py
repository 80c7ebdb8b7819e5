"""Pictures decoded and encoded in a child process, with Pillow: this one never imports it.

A picture from a stranger may crash a decoder, fill the memory, or worse; then a child has ended, and the person reads a
sentence. Starting one costs about a tenth of a second; what a picture is given to the child for is made meanwhile where
that is possible (`Given`).
"""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kling_tools.files.children import Given, Limits, Turns, run
from kling_tools.files.pictures import Damaged, read_header, sniff
from kling_tools.model.errors import MediaFailed

MAX_PIXELS = 50_000_000  # measured: 169 Mpx in a 493 kB PNG took 669 MB to decode
#: Bytes of a file that is converted.
MAX_SOURCE = 200_000_000
_TIMEOUT = 30.0
_LIMITS = Limits(cpu=30, memory=1 << 30, file=0)
_PROGRAM = Path(__file__).with_name("decoder.py")
_QUALITIES = (85, 75, 65, 50, 35, 20)
_LEAST_OUTPUT = 4 << 20  # what does not fit at the lowest quality is still drawn
_LINE = 4096
_TURNS = Turns(2)  # more would only take each other's memory


class Undecoded(ValueError):
    """The picture cannot be decoded or does not fit; `word` says why, `figures` how much.

    Words: "damaged", "contradiction", "pixels" (`sides`), "memory", "moving" (`pictures`), "depth", "bytes", "size",
    "transparent", "picture" (`number`, from 0), "missing" (Pillow is not here).
    """

    def __init__(self, word: str, figures: Mapping[str, Any]) -> None:
        super().__init__(word)
        self.word = word
        self.figures = figures


@dataclass(frozen=True)
class Still:
    """A picture made ready: "jpeg" or "png", upright; its sides, those it had in its file, and its file's digest."""

    data: bytes
    kind: str
    sides: tuple[int, int]
    stored: tuple[int, int]
    sha256: str


def can_decode() -> bool:
    """Whether Pillow is here. It is looked for and not imported."""
    return bool(sys.executable) and find_spec("PIL") is not None


async def verify(data: bytes, kind: str, stored: tuple[int, int]) -> None:
    """Decode every pixel of a "jpeg" or "png" with these sides, and keep none.

    Raises:
        Undecoded; MediaFailed: it took too long.
    """
    await _ask({"do": "verify", "kind": kind.upper(), "stored": stored}, data, 0)


async def make_still(
    source: Given, kind: str, *, formats: Sequence[str], max_bytes: int, least: int, profile: bytes = b""
) -> Still:
    """Return a picture upright, in one of the formats ("jpeg", "png"), in at most `max_bytes`, smaller if need be.

    `source` is its file's descriptor or bytes, `kind` its format as Pillow knows it, `profile` that of its colours
    where it is not in the file. No side falls below `least`. The same bytes give the same
    result while Pillow stays the same.

    Raises:
        Undecoded; MediaFailed: it took too long.
    """
    asked: dict[str, Any] = {"do": "still", "kind": kind.upper(), "formats": list(formats), "least": least}
    asked |= {"max_bytes": max_bytes, "max_source": MAX_SOURCE, "profile": b64encode(profile).decode()}
    facts, data = await _ask(asked, source, max_bytes)
    made = sniff(data[:32])
    try:
        sides = read_header(data, made).stored if made in formats else None
    except Damaged as error:
        raise Undecoded("damaged", {}) from error
    if sides is None or sides != _pair(facts.get("sides")):
        raise Undecoded("damaged", {})
    return Still(data, made, sides, _pair(facts.get("stored")), str(facts.get("sha256"))[:64])


async def draw_sheet(pictures: Sequence[Mapping[str, Any]], layout: Mapping[str, Any], max_bytes: int) -> bytes:
    """Return pictures side by side as a JPEG, within `max_bytes` where it can.

    A picture: `path`, `kind`, `stored` sides. The layout: `sides` in all, `columns`, `cell` sides, `gap`, `ground`.

    Raises:
        Undecoded: "picture" with its `number`, from 0. MediaFailed
    """
    asked = {"do": "sheet", "pictures": list(pictures), **layout, "max_bytes": max_bytes, "qualities": _QUALITIES}
    return _a_jpeg((await _ask(asked, None, max_bytes))[1])


def _a_jpeg(data: bytes) -> bytes:
    if sniff(data[:32]) != "jpeg":
        raise MediaFailed("The picture cannot be drawn.")
    return data


async def _ask(asked: dict[str, Any], given: Given, most: int) -> tuple[dict[str, Any], bytes]:
    """Return what the child answers; its word is taken for nothing but figures."""
    spec = find_spec("PIL")
    if spec is None or not spec.submodule_search_locations:
        raise Undecoded("missing", {})
    folder = str(Path(next(iter(spec.submodule_search_locations))).parent)
    command = [sys.executable, "-I", "-S", "-B", str(_PROGRAM), folder, json.dumps({**asked, "most": MAX_PIXELS})]
    most = max(most, _LEAST_OUTPUT) + _LINE
    try:
        async with _TURNS.take():
            ended = await run(command, _LIMITS, name="Pillow", timeout=_TIMEOUT, given=given, max_output=most)
    except (OSError, ValueError) as error:
        raise MediaFailed("No child process can be started to decode pictures.") from error
    line, _, data = ended.output.partition(b"\n")
    try:
        facts = json.loads(line) if not ended.code else {"refused": "damaged"}
    except ValueError:
        facts = {"refused": "damaged"}
    if not isinstance(facts, dict) or "refused" in facts:
        raise Undecoded(str(facts.get("refused", "damaged")), facts)
    return facts, data


def _pair(value: Any) -> tuple[int, int]:
    match value:
        case [int(width), int(height)]:
            return width, height
    return 0, 0

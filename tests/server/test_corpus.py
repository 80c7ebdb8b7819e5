"""Every kind of media file through the tools: each is taken, converted or refused as it should, and nothing falls.

Files of which the same is said are shared between the two protocol eras; what is said of one file only, each hears.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from tests.promises import keeps
from tests.server import corpus
from tests.server.acting import Era, both_eras, settings_in, text_of
from tests.server.corpus import Case

from kling_mcp.app import build_server
from kling_tools.files.ffmpeg import Encoder

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="pipes, links and sparse files of POSIX"),
]
PATIENCE = 360.0


def shared(cases: Iterable[Case], era: Era) -> list[Case]:
    """Return what an era sees: something of every kind, and every file that is the only one of its kind."""
    kinds: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        kinds[case.tool, case.verdict].append(case)
    return [
        case
        for alike in kinds.values()
        for number, case in enumerate(alike)
        if len(alike) == 1 or number % 2 == (era == "legacy")
    ]


async def surprises(folder: Path, era: Era, cases: Iterable[Case]) -> str:
    """Return what a server says to the files of which it does not say what it should; nothing is bought."""
    files = folder / "in"
    files.mkdir()
    server = build_server(settings_in(folder, input_roots=(files,), confirm_above_usd=Decimal(0), sandbox_speed=500.0))
    wrong: list[str] = []

    async with Client(server, mode=era) as client:

        async def ask(case: Case) -> None:
            path = files / case.name
            data = await asyncio.to_thread(case.made, path)
            if data is not None:
                path.write_bytes(data)
            said = text_of(await client.call_tool(case.tool, case.arguments(path)))
            if case.verdict not in said or not said.startswith((corpus.WANTED, "[bad_media]", "[impossible]")):
                wrong.append(f"{case.name}: {said} INSTEAD OF {case.verdict}")

        with anyio.fail_after(PATIENCE):
            await asyncio.gather(*(ask(case) for case in shared(cases, era)))
            assert (await client.call_tool("list_tasks", {})).structured_content["total"] == 0
    return "\n".join(wrong)


@both_eras
@keeps("nothing-impossible")
async def test_pictures_that_can_be_used_are_taken_or_converted(era: Era, tmp_path: Path) -> None:
    assert await surprises(tmp_path, era, corpus.pictures()) == ""


@both_eras
@keeps("nothing-impossible")
async def test_pictures_that_cannot_be_used_are_refused_in_words(era: Era, tmp_path: Path) -> None:
    assert await surprises(tmp_path, era, corpus.broken_pictures()) == ""


@both_eras
@keeps("nothing-impossible")
async def test_what_phones_take_and_films_and_sounds_are_known_by_their_content(era: Era, tmp_path: Path) -> None:
    def made() -> list[Case]:
        encoder = Encoder.find()
        return [*corpus.heic_pictures(encoder, tmp_path), *corpus.films_and_sounds(encoder, tmp_path)]

    assert await surprises(tmp_path, era, await asyncio.to_thread(made)) == ""


MEASURED = """\
import asyncio, json, resource, sys
from pathlib import Path
from kling_tools.files.inputs import Inputs
from kling_tools.model.errors import BadMedia
from kling_tools.model.media import ImageLimits
limits = ImageLimits(max_bytes=10**7, min_side=300, max_ratio=2.5)
def peak(who): return resource.getrusage(who).ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)
def spent(): return sum(sum(resource.getrusage(w)[:2]) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
found = {}
async def main():
    import kling_tools.files.decoding, kling_tools.files.preparing
    for name in sys.argv[2:]:
        before, begun = peak(resource.RUSAGE_SELF), spent()
        try:
            await Inputs((Path(sys.argv[1]),)).picture(Path(sys.argv[1]) / name, limits)
            said = "taken"
        except BadMedia as error:
            said = error.message
        found[name] = (said, spent() - begun, peak(resource.RUSAGE_SELF) - before)
asyncio.run(main())
sys.stdout.write(json.dumps(found))
"""


def test_a_bomb_and_a_file_of_two_gigabytes_cost_a_second_and_50_mb_at_most(tmp_path: Path) -> None:
    names = {"bomb.png", "bomb.webp", "bomb.tif", "bomb.gif", "bomb.bmp", "sparse.png", "two heads.png"}
    for case in corpus.broken_pictures():
        if case.name in names and (data := case.made(tmp_path / case.name)) is not None:
            (tmp_path / case.name).write_bytes(data)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", MEASURED, str(tmp_path), *sorted(names)]
    done = subprocess.run(command, capture_output=True, timeout=300, env=env, check=True)
    for name, (said, seconds, megabytes) in json.loads(done.stdout).items():
        assert said != "taken"
        assert seconds < 1, (name, seconds)
        assert megabytes < 50, (name, megabytes)

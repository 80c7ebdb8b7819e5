"""A film gone through once: every shot is on its sheet, and what is black, frozen or silent is told with its times."""

from __future__ import annotations

import asyncio
import struct
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from kling_tools.files.canvas import lay_out
from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.mp4 import read_facts
from kling_tools.files.preview import HIGH, Size, contact_sheet, frame_at, side_by_side
from kling_tools.files.screening import Screened, screen
from kling_tools.model.errors import MediaFailed

#: Where a person finds the sheet that the tests drew last.
SEEN = Path(__file__).resolve().parents[2] / "build" / "test-output"
SHOTS = ("testsrc2", "mandelbrot", "smptebars", "rgbtestsrc", "gradients=seed=3", "cellauto", "yuvtestsrc", "pal75bars")
FILM = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-y")


async def make(encoder: Encoder, path: Path, *, graph: str, maps: tuple[str, ...] = ("-map", "[v]")) -> None:
    await encoder.run(["-filter_complex", graph, *maps, *FILM, file_argument(path)], timeout=150)


def shots_of(shots: tuple[str, ...], seconds: float, size: str = "320x180") -> str:
    """Return a graph of sources one after another."""
    chains = [
        f"{source}{':' if '=' in source else '='}s={size}:r=24,trim=duration={seconds},setpts=PTS-STARTPTS,setsar=1,"
        f"format=yuv420p[s{n}]"
        for n, source in enumerate(shots)
    ]
    return ";".join(chains) + ";" + "".join(f"[s{n}]" for n in range(len(shots))) + f"concat=n={len(shots)}[v]"


@pytest.fixture(scope="module")
def films(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Eight shots in 4 s; three of 1 s upright; and one with a black, a still and a silent stretch."""
    folder = tmp_path_factory.mktemp("films")
    flawed = (
        "testsrc2=s=160x90:r=24:d=1[a];color=c=black:s=160x90:r=24:d=1[b];color=c=0x408040:s=160x90:r=24:d=2[c];"
        "[a][b][c]concat=n=3[v];sine=f=440:d=4,volume='0.5*lt(t,1.5)+0.5*gt(t,3)':eval=frame[s]"
    )

    async def all_of_them() -> None:
        await asyncio.gather(
            make(encoder, folder / "cut.mp4", graph=shots_of(SHOTS, 0.5)),
            make(encoder, folder / "tall.mp4", graph=shots_of(SHOTS[:3], 1.0, "90x160")),
            make(encoder, folder / "flawed.mp4", graph=flawed, maps=("-map", "[v]", "-map", "[s]")),
        )

    asyncio.run(all_of_them())
    return {path.stem: path for path in folder.glob("*.mp4")}


@pytest.mark.anyio
async def test_every_shot_of_a_cut_film_is_on_its_sheet_and_the_cuts_are_told(
    encoder: Encoder, films: dict[str, Path]
) -> None:
    sheet = await contact_sheet(encoder, films["cut"], read_facts(films["cut"]))
    (film,) = sheet.films
    assert film.cuts == pytest.approx([0.5 * n for n in range(1, 8)], abs=0.01)
    assert [int(at / 0.5) for at in sheet.times] == list(range(8))
    assert max(sheet.width, sheet.height) <= 1024
    assert len(sheet.jpeg) <= 100_000
    SEEN.mkdir(parents=True, exist_ok=True)
    (SEEN / "sheet.jpg").write_bytes(sheet.jpeg)


@pytest.mark.anyio
async def test_longer_shots_get_more_frames_and_a_caller_who_wants_few_gets_few(
    encoder: Encoder, films: dict[str, Path]
) -> None:
    facts = read_facts(films["tall"])
    sheet = await contact_sheet(encoder, films["tall"], facts)
    assert [int(at) for at in sheet.times] == [0, 0, 1, 1, 2, 2]
    few = await contact_sheet(encoder, films["cut"], read_facts(films["cut"]), frames=3)
    assert [int(at / 0.5) for at in few.times] == [0, 4, 7]


@pytest.mark.anyio
async def test_black_still_and_silent_stretches_are_told_with_their_times(
    encoder: Encoder, films: dict[str, Path]
) -> None:
    film = await screened(encoder, films["flawed"])
    assert film.cuts == pytest.approx([1, 2], abs=0.05)
    assert film.black == (pytest.approx((1, 2), abs=0.1),)
    assert film.frozen == (pytest.approx((2, 4), abs=0.1),)
    assert film.heard is not None
    assert film.heard.silent == (pytest.approx((1.5, 3), abs=0.15),)
    assert film.heard.lufs == pytest.approx(-30, abs=3)
    assert film.heard.peak == pytest.approx(-18.6, abs=1)


async def screened(encoder: Encoder, path: Path) -> Screened:
    return await screen(encoder, path, read_facts(path), (64, 36))


@pytest.mark.anyio
async def test_a_film_without_sound_is_not_measured_and_a_still_one_has_no_cuts(
    encoder: Encoder, films: dict[str, Path], clips: dict[str, Path]
) -> None:
    assert (await screened(encoder, films["cut"])).heard is None
    assert (await screened(encoder, clips["long"])).cuts == ()


@pytest.mark.anyio
async def test_two_films_stand_side_by_side_at_the_same_parts_of_their_length(
    encoder: Encoder, films: dict[str, Path]
) -> None:
    pair = [(films[name], read_facts(films[name])) for name in ("flawed", "tall")]
    sheet = await side_by_side(encoder, pair[0], pair[1])
    assert sheet.columns % 2 == 0
    assert len(sheet.films) == 2
    assert sheet.times[::2] == pytest.approx([0, 1.3, 2.65, 3.96], abs=0.1)
    assert sheet.times[1::2] == pytest.approx([0, 1, 1.96, 2.96], abs=0.1)
    assert Image.open(BytesIO(sheet.jpeg)).size == (sheet.width, sheet.height)
    (SEEN / "pair.jpg").write_bytes(sheet.jpeg)


@pytest.mark.anyio
async def test_a_few_large_frames_are_chosen_from_as_many_as_can_be_held(encoder: Encoder, tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    await make(encoder, path, graph="color=c=red:s=1920x1080:r=16:d=2[v]")
    sheet = await contact_sheet(encoder, path, read_facts(path), frames=2, size=HIGH)
    assert (sheet.times, sheet.films[0].partial) == ((0.0, pytest.approx(1.9, abs=0.2)), False)


@pytest.mark.anyio
async def test_what_no_real_film_is_ends_in_a_refusal_at_once(
    encoder: Encoder, films: dict[str, Path], tmp_path: Path
) -> None:
    path, facts = films["cut"], read_facts(films["cut"])
    begun = time.process_time()
    for wrong, words in (
        (replace(facts, width=30_000, height=30_000), "30000x30000"),
        (replace(facts, seconds=4 * 3600.0), "4.0 h"),
    ):
        with pytest.raises(MediaFailed, match=words):
            await contact_sheet(encoder, path, wrong)
    assert time.process_time() - begun < 2


@pytest.mark.anyio
async def test_of_a_film_that_is_too_much_the_key_frames_are_shown_and_that_is_said(
    encoder: Encoder, films: dict[str, Path]
) -> None:
    facts = replace(read_facts(films["flawed"]), frames=10**6)
    film = await screen(encoder, films["flawed"], facts, (64, 36))
    assert (film.partial, film.black, film.frozen) == (True, (), ())
    assert film.heard is not None
    assert len(film.frames) < 10


@pytest.mark.anyio
async def test_a_header_that_lies_about_sides_length_or_pace_costs_little(
    encoder: Encoder, films: dict[str, Path], tmp_path: Path
) -> None:
    whole = films["flawed"].read_bytes()
    cases = {
        "tiny": patched(whole, b"tkhd", 80, struct.pack(">II", 16 << 16, 9 << 16)),
        "huge": patched(whole, b"tkhd", 80, struct.pack(">II", 60_000 << 16, 800 << 16)),
        "short": patched(whole, b"mvhd", 20, struct.pack(">I", 1)),
        "no pace": patched(whole, b"stts", 12, struct.pack(">I", 0)),
        "no sound": patched(whole, b"mp4a", 0, b"zzzz"),
    }
    for name, data in cases.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(data)
        begun = time.monotonic()
        try:
            sheet = await contact_sheet(encoder, path, read_facts(path), size=Size(256, 20_000))
            assert sheet.times, name
            assert sheet.films[0].partial == (name == "huge"), name
        except MediaFailed:
            assert name in {"huge", "no pace"}, name
        assert time.monotonic() - begun < 100, name


def patched(data: bytes, box: bytes, at: int, with_: bytes) -> bytes:
    """Return a film with some bytes changed, counted from the type of the first box of a kind."""
    start = data.index(box) + at
    return data[:start] + with_ + data[start + len(with_) :]


@pytest.mark.anyio
@pytest.mark.parametrize("left", [0, 1, 40, 4000])
async def test_a_cut_file_is_refused(encoder: Encoder, films: dict[str, Path], tmp_path: Path, left: int) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(films["cut"].read_bytes()[:left])
    with pytest.raises(MediaFailed):
        await contact_sheet(encoder, path, read_facts(path))
    with pytest.raises(MediaFailed):
        await frame_at(encoder, path, 1)


def test_pairs_of_films_are_never_parted_by_the_end_of_a_row() -> None:
    for sides in ((1280, 720), (720, 1280), (960, 960)):
        grid = lay_out(8, *sides, 1024, together=2)
        assert grid.columns % 2 == 0
        assert max(grid.sides) <= 1024

"""A clip and its continuation become one video without a jump, with the sound where it belongs."""

from __future__ import annotations

import array
import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.joining import join
from kling_tools.files.montage import Clip, Montage, lay_out
from kling_tools.files.mp4 import read_facts
from kling_tools.files.outputs import Outputs
from kling_tools.model.errors import MediaFailed, StorageUnavailable

W, H = 96, 54


async def film(
    encoder: Encoder, path: Path, *, size: str = f"{W}x{H}", rate: int = 12, begin: int = 0, tone: str = ""
) -> Path:
    """Make a clip of 1 s of a bar that moves 2 px in a frame; `begin` is the frame it begins with."""
    bar = f"nullsrc=s={size}:r={rate}:d=1,geq=lum='if(between(mod(X-2*(N+{begin}),W),0,W/4),200,40)':cb=128:cr=128"
    sound = ["-f", "lavfi", "-i", f"{tone}:d=1", "-c:a", "aac"] if tone else []
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "8", "-bf", "2", "-pix_fmt", "yuv420p", "-y"]
    await encoder.run(["-f", "lavfi", "-i", bar, *sound, *codec, file_argument(path)], timeout=100)
    return path


@pytest.fixture(scope="module")
def films(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clip, its continuation from its last frame, others that do not fit, with a low tone, a high one, or none."""
    folder = tmp_path_factory.mktemp("films")

    async def make() -> list[Path]:
        return await asyncio.gather(
            film(encoder, folder / "first's.mp4", tone="sine=f=300"),
            film(encoder, folder / "next.mp4", begin=11, tone="sine=f=300"),
            film(encoder, folder / "cut.mp4", begin=30),
            film(encoder, folder / "other.mp4", size="64x64", rate=24, begin=11),
        )

    first, following, cut, other = asyncio.run(make())
    return {"first": first, "next": following, "cut": cut, "other": other}


async def joined(encoder: Encoder, target: Path, *clips: Clip | Path, crossfade: bool = False) -> Montage:
    """Join clips to a file, as jobs do."""
    parts = [clip if isinstance(clip, Clip) else Clip(clip) for clip in clips]
    montage = await lay_out(parts, crossfade=crossfade)
    await Outputs(target.parent).make(target.name, lambda path: join(encoder, montage, path), montage.room)
    return montage


def continued(path: Path) -> Clip:
    """Return a clip whose first frame was just seen."""
    return Clip(path, drop_first_frame=True)


async def frames(encoder: Encoder, path: Path) -> list[bytes]:
    raw = await encoder.run(["-i", file_argument(path), "-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"], timeout=100)
    facts = read_facts(path)
    size = facts.width * facts.height
    return [raw[at : at + size] for at in range(0, len(raw), size)]


async def loudness(encoder: Encoder, path: Path, seconds: float) -> list[float]:
    """Return the mean level of each tenth of a second."""
    args = ["-i", file_argument(path), "-f", "s16le", "-ac", "1", "-ar", "8000", "pipe:1"]
    samples = array.array("h", await encoder.run(args, timeout=100))
    return [
        sum(map(abs, samples[at : at + 800])) / 800
        for at in range(0, min(len(samples), int(seconds * 8000)) - 799, 800)
    ]


def difference(one: bytes, other: bytes) -> float:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


@pytest.mark.anyio
async def test_a_continuation_follows_without_a_jump_or_a_stutter(
    encoder: Encoder, films: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "whole.mp4"
    made = await joined(encoder, target, films["first"], continued(films["next"]))
    seen = await frames(encoder, target)
    steps = [difference(a, b) for a, b in pairwise(seen)]
    usual = sum(steps[:10]) / 10
    assert len(seen) == 23
    assert steps[11] == pytest.approx(usual, rel=0.35)  # neither a jump nor the same frame again
    facts = read_facts(target)
    assert (facts.width, facts.height, facts.has_audio) == (W, H, True)
    assert facts.seconds == pytest.approx(made.seconds, abs=0.1)
    assert list(tmp_path.iterdir()) == [target]
    data = target.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    hard = await joined(encoder, tmp_path / "hard.mp4", films["first"], continued(films["cut"]))
    assert hard.notes == ("Clip 2 has no sound and is silent.",)
    jumped = await frames(encoder, tmp_path / "hard.mp4")
    assert difference(jumped[11], jumped[12]) > 3 * usual


@pytest.mark.anyio
async def test_a_clip_that_does_not_fit_is_made_to_and_it_is_said(
    encoder: Encoder, films: dict[str, Path], tmp_path: Path
) -> None:
    made = await joined(encoder, tmp_path / "a.mp4", films["first"], continued(films["other"]))
    facts = read_facts(tmp_path / "a.mp4")
    assert (facts.width, facts.height, facts.codec) == (W, H, "h264")
    assert facts.fps == pytest.approx(12, abs=0.01)
    assert facts.seconds == pytest.approx(2, abs=0.1)
    assert made.notes == (
        "Clip 2 was scaled from 64x64 to 96x54 with black bars.",
        "Clip 2 was brought from 24 to 12 frames a second.",
        "Clip 2 has no sound and is silent.",
    )
    last = (await frames(encoder, tmp_path / "a.mp4"))[-1]
    assert max(last[:10]) < 25  # a bar at the left


@pytest.mark.anyio
async def test_the_sound_stays_with_its_pictures(encoder: Encoder, films: dict[str, Path], tmp_path: Path) -> None:
    await joined(encoder, tmp_path / "a.mp4", films["first"], continued(films["cut"]))
    await joined(encoder, tmp_path / "b.mp4", films["cut"], continued(films["next"]))
    for name, loud_first in (("a.mp4", True), ("b.mp4", False)):
        level = await loudness(encoder, tmp_path / name, 1.9)
        early, late = level[1:9], level[11:18]
        assert min(early if loud_first else late) > 500
        assert max(late if loud_first else early) < 50


@pytest.mark.anyio
async def test_two_silent_clips_stay_without_sound(encoder: Encoder, films: dict[str, Path], tmp_path: Path) -> None:
    made = await joined(encoder, tmp_path / "a.mp4", films["cut"], films["cut"])
    assert not made.loud
    assert not read_facts(tmp_path / "a.mp4").has_audio


@pytest.mark.anyio
async def test_clips_that_fit_are_copied_as_they_are(encoder: Encoder, films: dict[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    made = await joined(encoder, target, films["first"], films["next"])
    assert (made.copied, made.notes) == (True, ())
    before = await frames(encoder, films["first"]) + await frames(encoder, films["next"])
    assert await frames(encoder, target) == before
    assert min((await loudness(encoder, target, 2))[1:19]) > 500


@pytest.mark.anyio
async def test_a_broken_clip_leaves_nothing_behind(encoder: Encoder, films: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(films["next"].read_bytes())
    cut, hollow, target = tmp_path / "cut.mp4", tmp_path / "hollow.mp4", tmp_path / "out" / "a.mp4"
    cut.write_bytes(data[:-200])
    start, end = data.index(b"mdat") + 4, data.rindex(b"moov") - 4
    data[start:end] = bytes(end - start)
    hollow.write_bytes(data)
    for bad in (cut, hollow, tmp_path / "none.mp4"):
        with pytest.raises(MediaFailed):
            await joined(encoder, target, films["first"], continued(bad))
    assert not target.parent.exists() or list(target.parent.iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        await joined(encoder, tmp_path / "file" / "a.mp4", films["first"], films["next"])


@pytest.mark.anyio
async def test_what_is_no_film_under_that_name_is_replaced_and_a_whole_one_is_kept(
    encoder: Encoder, films: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "a.mp4"
    target.write_bytes(b"old")
    (tmp_path / ".a.mp4.part").write_bytes(b"of a process that was killed")
    await joined(encoder, target, films["cut"], continued(films["cut"]))
    assert read_facts(target).frames == 23
    made = target.stat()
    await joined(encoder, target, films["cut"], films["cut"], films["cut"])
    assert target.stat() == made
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.anyio
async def test_each_clip_gives_the_seconds_that_were_asked_for_in_order(
    encoder: Encoder, films: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "a.mp4"
    cuts = [Clip(films["first"], 0.5), Clip(films["cut"], 0.25, 0.75), Clip(films["first"], end=0.25)]
    made = await joined(encoder, target, *cuts)
    assert made.seconds == pytest.approx(1.25)
    seen, first, cut = (frames(encoder, path) for path in (target, films["first"], films["cut"]))
    shown, whole, other = await asyncio.gather(seen, first, cut)
    wanted = [*whole[6:], *other[3:9], *whole[:3]]
    assert len(shown) == len(wanted) == 15
    assert max(difference(a, b) for a, b in zip(shown, wanted, strict=True)) < 3
    level = await loudness(encoder, target, 1.2)
    assert min(level[1:4]) > 500
    assert max(level[6:9]) < 50


@pytest.mark.anyio
async def test_clips_fade_into_each_other_with_their_sound(
    encoder: Encoder, films: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "a.mp4"
    made = await joined(encoder, target, films["first"], films["cut"], films["other"], crossfade=True)
    assert (made.fade, made.notes[-1]) == (6, "Each clip fades into the next over 0.5 s.")
    seen = await frames(encoder, target)
    assert len(seen) == 3 * 12 - 2 * 6
    assert read_facts(target).seconds == pytest.approx(2, abs=0.1)
    before, after = await frames(encoder, films["first"]), await frames(encoder, films["cut"])
    mixed = [(a + b) / 2 for a, b in zip(before[9], after[3], strict=True)]
    assert sum(abs(a - b) for a, b in zip(seen[9], mixed, strict=True)) / len(mixed) < 12
    level = await loudness(encoder, target, 2)
    assert level[3] > level[7] > level[9], "it fades out"
    assert max(level[11:]) < 50


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("cut", "told"),
    [((0.5, 3.0), "0.5-3 reaches"), ((1.5, None), "1.5- reaches"), ((0.0, 9.0), "Clip 2 is 1.00 s long")],
)
async def test_a_cut_beyond_the_end_is_refused_with_the_length(
    films: dict[str, Path], cut: tuple[float, float | None], told: str
) -> None:
    with pytest.raises(MediaFailed, match=told):
        await lay_out([Clip(films["first"]), Clip(films["cut"], *cut)])


@pytest.mark.anyio
async def test_progress_is_told_in_seconds_of_the_film(
    encoder: Encoder, films: dict[str, Path], tmp_path: Path
) -> None:
    montage, told = await lay_out([Clip(films["other"]), Clip(films["first"])]), list[float]()
    await join(encoder, montage, tmp_path / "a.mp4", told.append)
    assert told
    assert told == sorted(told)
    assert told[-1] == pytest.approx(2, abs=0.2)

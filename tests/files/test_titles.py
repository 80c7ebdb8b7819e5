"""A film tells what it is, and is the same film to the last frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.mp4 import read_facts
from kling_tools.files.titles import Title, titled

TITLE = Title("a paper boat\nin the rain ☂", "kling-mcp task k7f3abcdefgh0, kling-3.0")
MOVES = {"index last": [], "index first": ["-movflags", "+faststart"]}


async def remuxed(encoder: Encoder, source: Path, target: Path, *args: str) -> Path:
    await encoder.run(["-i", file_argument(source), "-c", "copy", *args, "-y", file_argument(target)], timeout=100)
    return target


async def told(encoder: Encoder, path: Path) -> str:
    return (await encoder.run(["-i", file_argument(path), "-f", "ffmetadata", "pipe:1"], timeout=100)).decode()


async def sums(encoder: Encoder, path: Path) -> bytes:
    """Return a sum over every packet of every track, as it is stored."""
    args = ["-i", file_argument(path), "-map", "0", "-c", "copy", "-f", "streamhash", "pipe:1"]
    return await encoder.run(args, timeout=100)


@pytest.mark.anyio
@pytest.mark.parametrize("moves", MOVES)
async def test_a_film_gets_its_title_and_keeps_every_packet(
    encoder: Encoder, clips: dict[str, Path], tmp_path: Path, moves: str
) -> None:
    source = await remuxed(encoder, clips["wide"], tmp_path / "a.mp4", *MOVES[moves])
    before = source.read_bytes()
    assert titled(source, tmp_path / "b.mp4", TITLE)
    assert source.read_bytes() == before
    words = await told(encoder, tmp_path / "b.mp4")
    assert "title=a paper boat in the rain ☂\n" in words
    assert f"comment={TITLE.comment}\n" in words
    assert "encoder=" in words, "what was there stays"
    assert await sums(encoder, tmp_path / "b.mp4") == await sums(encoder, source)
    assert read_facts(tmp_path / "b.mp4") == read_facts(source)
    await encoder.run(["-xerror", "-i", file_argument(tmp_path / "b.mp4"), "-f", "null", "pipe:1"], timeout=100)


@pytest.mark.anyio
async def test_what_the_maker_wrote_is_not_replaced(encoder: Encoder, clips: dict[str, Path], tmp_path: Path) -> None:
    marked = await remuxed(encoder, clips["wide"], tmp_path / "a.mp4", "-metadata", "comment=AIGC label")
    assert titled(marked, tmp_path / "b.mp4", TITLE)
    words = await told(encoder, tmp_path / "b.mp4")
    assert "comment=AIGC label\n" in words
    assert "title=a paper boat" in words
    assert not titled(tmp_path / "b.mp4", tmp_path / "c.mp4", TITLE)
    assert not (tmp_path / "c.mp4").exists()


@pytest.mark.anyio
async def test_a_signed_fragmented_or_odd_film_is_left_as_it_is(
    encoder: Encoder, clips: dict[str, Path], tmp_path: Path
) -> None:
    whole = clips["wide"].read_bytes()
    (tmp_path / "signed.mp4").write_bytes(whole + (24).to_bytes(4, "big") + b"uuid" + bytes(16))
    await remuxed(encoder, clips["wide"], tmp_path / "parts.mp4", "-movflags", "+frag_keyframe+empty_moov")
    (tmp_path / "long.mp4").write_bytes(whole + b"\0\0\0")
    at = whole.index(b"stco")
    (tmp_path / "odd.mp4").write_bytes(whole[: at + 8] + b"\xff\xff\xff\xff" + whole[at + 12 :])
    # The index is last, so that nothing else moves when it grows by a second box of a maker's words.
    at = whole.rindex(b"moov")
    longer = (int.from_bytes(whole[at - 4 : at], "big") + 16).to_bytes(4, "big")
    words = (16).to_bytes(4, "big") + b"udta" + (8).to_bytes(4, "big") + b"AIGC"
    (tmp_path / "twice.mp4").write_bytes(whole[: at - 4] + longer + whole[at:] + words)
    (tmp_path / "none.mp4").write_bytes(b"")
    for source in sorted(tmp_path.glob("*.mp4")):
        assert not titled(source, tmp_path / "made", TITLE), source.name
        assert not (tmp_path / "made").exists()

"""What a file says about itself, and that no file can lie for long."""

from __future__ import annotations

import struct
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_tools.files.boxes import is_mp4
from kling_tools.files.mp4 import VideoFacts, read_facts
from kling_tools.model.errors import MediaFailed


def box(kind: bytes, content: bytes = b"", *, length: int | None = None) -> bytes:
    return struct.pack(">I4s", 8 + len(content) if length is None else length, kind) + content


FTYP = box(b"ftyp", b"isom\0\0\0\0")


def read(data: bytes) -> VideoFacts:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        path.write_bytes(data)
        return read_facts(path)


def read_or_refuse(data: bytes) -> VideoFacts | None:
    """Read what may be anything; only MediaFailed may come out, and soon."""
    begun = time.process_time()
    try:
        return read(data)
    except MediaFailed:
        return None
    finally:
        assert time.process_time() - begun < 2


def test_a_real_clip_tells_its_figures(clips: dict[str, Path]) -> None:
    facts = read_facts(clips["wide"])
    assert (facts.width, facts.height, facts.has_audio, facts.codec) == (160, 90, True, "h264")
    assert facts.complete
    assert facts.frames == 20
    assert facts.fps == 10
    assert facts.last_at == pytest.approx(1.9, abs=0.01)
    assert 2.0 <= facts.seconds <= 2.4
    assert not read_facts(clips["tall"]).has_audio


def test_a_turned_clip_has_the_sides_a_player_shows(clips: dict[str, Path]) -> None:
    facts = read_facts(clips["turned"])
    assert (facts.width, facts.height) == (90, 160)


def test_a_clip_cut_anywhere_is_refused(clips: dict[str, Path]) -> None:
    data = clips["wide"].read_bytes()
    for end in [*range(0, len(data) - 1, 97), len(data) - 1]:
        with pytest.raises(MediaFailed):
            read(data[:end])


def test_a_cut_is_seen_where_the_pictures_reach_to_the_end_of_the_file(clips: dict[str, Path]) -> None:
    data = clips["wide"].read_bytes()
    moov_at = data.rindex(b"moov") - 4
    mdat_at = data.index(b"mdat") - 4
    moov, media = data[moov_at:], data[mdat_at + 8 : moov_at]
    pad = box(b"free", bytes(mdat_at - len(FTYP) - 8))
    # The index first, the pictures in a box of length 0: cutting it leaves no box that is too long.
    shift = len(FTYP) + len(pad) + len(moov) + 8 - (mdat_at + 8)
    at = 0
    while (at := moov.find(b"stco", at)) >= 0:
        (count,) = struct.unpack(">I", moov[at + 8 : at + 12])
        old = struct.unpack(f">{count}I", moov[at + 12 : at + 12 + count * 4])
        new = struct.pack(f">{count}I", *(offset + shift for offset in old))
        moov = moov[: at + 12] + new + moov[at + 12 + count * 4 :]
        at += 4
    whole = FTYP + pad + moov + box(b"mdat", media, length=0)
    assert read(whole).complete
    for missing in (1, 100, len(media) // 2):
        with pytest.raises(MediaFailed, match="cut off"):
            read(whole[:-missing])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        FTYP,
        FTYP + box(b"mdat", bytes(9)),
        FTYP + box(b"moov"),
        FTYP + box(b"mdat", b"x", length=4),
        FTYP + struct.pack(">I4sQ", 1, b"mdat", 2**63),
        FTYP + struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1),
        FTYP + struct.pack(">I4sQ", 1, b"mdat", 0),
        FTYP + box(b"free") * 50_000,
        FTYP + box(b"mdat", b"x") + box(b"moov", box(b"trak") * 5_000),
        FTYP + box(b"mdat", b"x") + box(b"moov", bytes(9 << 20)),
        FTYP + box(b"mdat", b"x") + box(b"moov", box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + b"vide")))),
        FTYP[:8] + b"heic" + FTYP[12:] + box(b"moov") + box(b"mdat", b"x"),
    ],
    ids=range(14),
)
def test_a_hostile_file_is_refused_at_once(data: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(MediaFailed):
        read(data)
    assert time.process_time() - begun < 2


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.mp4", Path("/dev/zero"), Path("nul\0byte")):
        with pytest.raises(MediaFailed):
            read_facts(path)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_random_boxes_never_raise_anything_else(tail: bytes) -> None:
    read_or_refuse(FTYP + tail)
    read_or_refuse(FTYP + box(b"mdat", b"x") + box(b"moov", tail))
    is_mp4(tail[:16])


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6))
def test_a_mutated_clip_never_raises_anything_else(clips: dict[str, Path], edits: list[tuple[int, bytes]]) -> None:
    data = bytearray(clips["wide"].read_bytes())
    moov = data.rindex(b"moov")
    for at, patch in edits:
        start = moov + at % (len(data) - moov)
        data[start : start + len(patch)] = patch
    facts = read_or_refuse(bytes(data))
    if facts:
        assert 0 <= facts.last_at <= facts.seconds <= 7 * 86400
        assert facts.width > 0
        assert facts.height > 0
